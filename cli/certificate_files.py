"""Files of certificates: written whole or not at all, and over another file only if that is asked for."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ObjectExistsError
from confobjects.storage.files import translate_errors
from confobjects.tls.stores import format_pem

if TYPE_CHECKING:
    from .invocation import Invocation

_MODE = 0o644
"""Certificates are public: a server shows them to everybody."""


def require_free(path: str, remedy: str = "name another one, or replace it with --overwrite") -> None:
    """Raise ObjectExistsError if there is something at a path."""
    if os.path.lexists(path):
        raise ObjectExistsError(Diagnostic("object-exists", "there is such a file already", origin=path, remedy=remedy))


def write_certificates(path: str, certificates: Iterable[bytes], *, overwrite: bool = False) -> None:
    """Write certificates (DER) as PEM. Raises ObjectExistsError if the file is there, unless it may be overwritten."""
    data = format_pem(certificates)
    with translate_errors("write the file", path):
        number, temporary = tempfile.mkstemp(prefix=".certificates-", dir=os.path.dirname(os.path.abspath(path)))
        try:
            with open(number, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(number, _MODE)
                os.fsync(number)
            if overwrite:
                os.replace(temporary, path)
            else:
                _put_where_free(temporary, path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)


def _put_where_free(temporary: str, path: str) -> None:
    try:
        os.link(temporary, path)  # unlike a renaming, it never replaces what is there
    except FileExistsError:
        require_free(path)
        raise


class TrustedFile:
    """The file of a certificate that is about to be trusted. Unless it is kept, it goes away with the attempt.

    A file of that name is there already if the same certificate was trusted before.
    """

    def __init__(self, invocation: Invocation, directory: str, name: str) -> None:
        from confobjects.storage import is_directory

        place = invocation.place
        self.path = os.path.join(place.instance_directory, directory, name)
        self.text = self.path if is_directory(place.url) else os.path.join(directory, name)
        """What the configuration says of it: in a directory server it is not known where services are started."""
        self.is_new = False

    def write(self, certificate: bytes) -> None:
        """Write it, unless it is there."""
        with translate_errors("make the directory", os.path.dirname(self.path)):
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
        if not self._has(certificate):
            write_certificates(self.path, [certificate])
            self.is_new = True

    def _has(self, certificate: bytes) -> bool:
        if not os.path.lexists(self.path):
            return False
        with translate_errors("read the file", self.path), open(self.path, "rb") as file:
            if file.read() == format_pem([certificate]):
                return True
        require_free(self.path, "it does not hold the certificate that its name says: move it away")
        return False

    def drop(self) -> None:
        """Remove it, if it was made for this attempt."""
        if self.is_new:
            self.is_new = False
            with suppress(OSError):
                os.unlink(self.path)
                os.rmdir(os.path.dirname(self.path))  # fails if there are others
