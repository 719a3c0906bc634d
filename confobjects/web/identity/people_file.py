"""The file of accounts and tokens: found by an option or beside the configuration, read when it has changed, replaced as a whole.

Laws of this module:

1. The file is ours and gives no rights to others, or it is refused (:mod:`confobjects.storage.own_files`).
2. Whoever changes it holds its lock, and reads it again under the lock. After any crash it is the old file or the new one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import StorageError, UsageError
from confobjects.expressions.seals import PEOPLE_FILE_VARIABLE
from confobjects.storage.files import signature_of
from confobjects.storage.locking import hold_lock
from confobjects.storage.own_files import make_directory, read_own
from confobjects.storage.places import find_place_beside
from confobjects.storage.replacing import Replacement, remove_leftover
from confobjects.web.identity.credentials import Credentials, CredentialsError

_DEADLINE: Final = 10.0
"""Seconds to wait for somebody else who changes the file."""


def find_people_file(given: str | None, url: str, environment: Mapping[str, str]) -> str:
    """Return the path of the file: the one that an option gives, else the environment, else that of the configuration at a URL.

    Beside an LDIF file it is one named after it (``config.ldif.people``), for a directory server one in the user's state directory.
    Raises :class:`~confobjects.errors.UsageError` if the configuration is only in memory and nothing names a file.
    """
    if named := given or environment.get(PEOPLE_FILE_VARIABLE):
        return os.path.abspath(named)
    path = find_place_beside(url, environment, "people")
    if not path:
        summary = "a configuration that is only in memory has no place for accounts and tokens beside it"
        raise UsageError(Diagnostic("usage", summary, remedy=f"let {PEOPLE_FILE_VARIABLE} name a file"))
    return path


class PeopleFile:
    """The accounts and tokens of a configuration. ``beside`` is the file of the configuration, whose owner may own this one too.

    It may be used by several threads.
    """

    def __init__(self, path: str, beside: str = "") -> None:
        self.path = path
        self._beside = beside
        self._lock = threading.Lock()
        self._seen: object = self  # nothing was read yet
        self._credentials = Credentials()

    def read(self) -> Credentials:
        """Return what the file holds now. It is read again only when it has changed; a missing one holds nothing.

        Raises :class:`~confobjects.errors.StorageError` or :class:`~confobjects.errors.AccessError` if it cannot be used.
        """
        seen = signature_of(self.path)
        with self._lock:
            if seen != self._seen:
                self._credentials = self._read_now()
                self._seen = seen
            return self._credentials

    def change(self, change: Callable[[Credentials], Credentials], deadline: float = _DEADLINE) -> Credentials:
        """Replace what the file holds by what a function makes of it, and return that. Raises what :meth:`read` raises.

        ``deadline`` is how many seconds to wait for somebody else who changes it.
        """
        with self.locked(deadline):
            now = self._read_now()
            wanted = change(now)
            if wanted != now or list(wanted.tokens) != list(now.tokens):
                self._replace(wanted)
        return wanted

    @contextmanager
    def locked(self, deadline: float = _DEADLINE) -> Iterator[None]:
        """Lock out others who write the file, or what belongs to it. Raises what :meth:`read` raises."""
        make_directory(os.path.dirname(self.path))
        with hold_lock(self.path, deadline):
            yield

    def _read_now(self) -> Credentials:
        data = read_own(self.path, self._beside)
        try:
            return Credentials() if data is None else Credentials.parse(data)
        except CredentialsError as error:
            summary = f"this is no file of accounts and tokens, or a damaged one: {error}"
            remedy = "put back a copy of the file, or move it away and make the accounts and tokens again"
            raise StorageError(Diagnostic("storage-failed", summary, origin=self.path, remedy=remedy)) from None

    def _replace(self, wanted: Credentials) -> None:
        remove_leftover(self.path)
        is_new = not os.path.lexists(self.path)
        with Replacement(self.path, wanted.as_text().encode()) as new:
            if is_new and os.geteuid() == 0:
                self._give_to_owner(new.temporary)
            new.take_place()

    def _give_to_owner(self, path: str) -> None:
        """Give a new file that root makes to the owner of the configuration, whose service reads it."""
        with suppress(FileNotFoundError):
            status = os.stat(self._beside or os.path.dirname(self.path))
            os.chown(path, status.st_uid, status.st_gid)
