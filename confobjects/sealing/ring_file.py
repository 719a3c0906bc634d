"""The file of the keys: found by the environment, read if it is ours, replaced as a whole.

A file that ``CONFOBJECTS_SEAL_KEY_FILE`` names belongs to the user of the process, and nobody else has rights to it.
One among the credentials of a systemd service (systemd.exec(5), ``LoadCredential=``) belongs to the service manager, which keeps
others away by the directory; it cannot be changed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from confobjects import inputs
from confobjects.diagnostics import Diagnostic
from confobjects.errors import StorageError, UsageError
from confobjects.expressions.seals import CREDENTIALS_VARIABLE, KEY_CREDENTIAL, KEY_FILE_VARIABLE
from confobjects.records import Record
from confobjects.sealing.ring import KEY_SIZE, Key, Ring, RingError
from confobjects.storage.files import as_file_error, as_read_error
from confobjects.storage.locking import hold_lock
from confobjects.storage.own_files import make_directory, not_ours_error, open_own, require_own
from confobjects.storage.replacing import Replacement, remove_leftover

_DEADLINE: Final = 10.0
"""Seconds to wait for somebody else who changes the keys."""


class KeyFile(Record):
    """Where the keys are: a path, and whether it is a credential of a systemd service."""

    path: str
    is_credential: bool = False


def find_key_file(environment: Mapping[str, str]) -> KeyFile | None:
    """Return the file of keys that an environment names; None without one. No file is read.

    Raises :class:`~confobjects.errors.UsageError` if its name is not an absolute path.
    """
    if named := environment.get(KEY_FILE_VARIABLE):
        if not os.path.isabs(named):
            summary = f"{KEY_FILE_VARIABLE} must be an absolute path"
            raise UsageError(Diagnostic("usage", summary, origin=named))
        return KeyFile(named)
    directory = environment.get(CREDENTIALS_VARIABLE, "")
    path = os.path.join(directory, KEY_CREDENTIAL)
    return KeyFile(path, is_credential=True) if os.path.isabs(directory) and os.path.lexists(path) else None


def read_ring(file: KeyFile) -> Ring:
    """Return the keys in a file. Raises StorageError or AccessError if there is none, it is not ours, or damaged."""
    if not os.path.lexists(file.path):
        summary = "there is no file of keys here"
        remedy = f"make one, or copy it from the machine where the secrets were sealed; {KEY_FILE_VARIABLE} names it"
        raise StorageError(Diagnostic("storage-failed", summary, origin=file.path, remedy=remedy))
    data = _read_credential(file.path) if file.is_credential else _read_private(file.path)
    try:
        return Ring.parse(data)
    except RingError as error:
        summary = f"this is no file of keys, or a damaged one: {error}"
        remedy = "put back a copy of the file; what was sealed with a lost key has to be given again"
        raise StorageError(Diagnostic("storage-failed", summary, origin=file.path, remedy=remedy)) from None


def _read_private(path: str) -> bytes:
    descriptor = open_own(path, os.O_RDONLY, "", "open the file of keys")
    try:
        return inputs.read_up_to(descriptor, path, inputs.SMALL)
    except OSError as error:
        raise as_read_error(error, path) from error
    finally:
        os.close(descriptor)


def _read_credential(path: str) -> bytes:
    try:
        data, status = inputs.read_regular(path, inputs.SMALL, os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise not_ours_error(path, "it is a symbolic link") from None
        raise as_read_error(error, path) from error
    if status.st_uid not in {0, os.geteuid()}:
        raise not_ours_error(path, "it belongs neither to root nor to this user")
    # The group bits stand for the access list that gives the file to the user of the service alone.
    if stat.S_IMODE(status.st_mode) & 0o037:
        raise not_ours_error(path, "others have rights to it")
    return data


def sign_key_file(file: KeyFile) -> object:
    """Return what shows, without reading the file, that it has changed; None if it is not there."""
    try:
        status = os.stat(file.path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def make_key(day: str) -> Key:
    """Return a new key. ``day`` is the date that it is made on."""
    return Key(os.urandom(KEY_SIZE), day)


def create_ring(file: KeyFile, ring: Ring) -> None:
    """Write a new file of keys, and its directory if that is missing. The file exists completely or not at all.

    Raises StorageError if it exists already, and AccessError or StorageError if it cannot be written.
    """
    make_directory(os.path.dirname(file.path))
    _require_changeable(file)
    with hold_lock(file.path, _DEADLINE):
        if os.path.lexists(file.path):
            summary = "there is a file here already, and it is kept: what its keys have sealed needs them"
            raise StorageError(Diagnostic("storage-failed", summary, origin=file.path))
        _replace(file.path, ring)


def _replace(path: str, ring: Ring) -> None:
    """Replace a file of keys durably and as a whole. The caller holds the lock."""
    remove_leftover(path)
    with Replacement(path, ring.as_text().encode()) as new:
        new.take_place()


class RingChange:
    """A change of the keys, while others who change them wait. :meth:`replace` writes; it can be called repeatedly."""

    def __init__(self, file: KeyFile) -> None:
        self.file = file
        self.ring = read_ring(file)

    def replace(self, ring: Ring) -> None:
        """Replace the keys, durably and as a whole."""
        if ring == self.ring and list(ring.keys) == list(self.ring.keys):
            return
        _replace(self.file.path, ring)
        self.ring = ring


@contextmanager
def change_ring(file: KeyFile) -> Iterator[RingChange]:
    """Open the keys to change them. Raises StorageError if somebody else changes them and does not finish."""
    _require_changeable(file)
    read_ring(file)  # a file that is not ours gets no lock beside it
    with hold_lock(file.path, _DEADLINE):
        yield RingChange(file)


def _require_changeable(file: KeyFile) -> None:
    if file.is_credential:
        summary = "a credential of a service cannot be changed"
        remedy = f"change the file that it is loaded from: name it with {KEY_FILE_VARIABLE}"
        raise StorageError(Diagnostic("storage-failed", summary, origin=file.path, remedy=remedy))
    directory = os.path.dirname(file.path)
    try:
        status = os.stat(directory)
    except OSError as error:
        raise as_file_error(error, "use the directory of the file of keys", directory) from error
    if status.st_uid != 0:
        require_own(status, directory, "", directory=True)
    elif status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
        raise not_ours_error(directory, "others can write it")
