"""Files of ours beside a configuration: the lock, the history, the archive, the reports of followers.

Each of them is ours, or it is refused: a regular file with one name, no symbolic link, that belongs to us and gives no
rights to others. They hold secrets, or are written by root. A directory of ours is no link either, and nobody else can
write it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from confobjects import inputs
from confobjects.diagnostics import Diagnostic
from confobjects.errors import StorageError
from confobjects.storage.files import as_file_error, as_read_error, translate_errors

PRIVATE: Final = 0o600
"""The mode of every new file: configurations contain secrets."""
PRIVATE_DIRECTORY: Final = 0o700

_OWN: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def open_own(path: str, flags: int, beside: str, doing: str = "open the file", *, replaced: bool = False) -> int:
    """Open a file of ours, and return its descriptor. A new one can be read only by this user.

    ``beside`` is the file that it stands beside, whose owner may own it too; it may be empty. One that others have
    ``replaced`` since it was opened has no name any more; that may be allowed. Raises
    :class:`~confobjects.errors.StorageError` if the file is not ours or is no regular file.
    """
    try:
        descriptor = os.open(path, flags | _OWN, PRIVATE)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            link = error.errno == errno.ELOOP
            raise not_ours_error(path, "it is a symbolic link" if link else _NO_FILE) from None
        raise as_file_error(error, doing, path) from error
    try:
        require_own(os.fstat(descriptor), path, beside, least=0 if replaced else 1)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_own(path: str, beside: str) -> bytes | None:
    """Return the content of a file of ours, or None if it does not exist. Raises as :func:`open_own` does."""
    if not os.path.lexists(path):
        return None
    descriptor = open_own(path, os.O_RDONLY, beside)
    try:
        return inputs.read_up_to(descriptor, path, inputs.LARGE)
    except OSError as error:
        raise as_read_error(error, path) from error
    finally:
        os.close(descriptor)


@contextmanager
def open_own_directory(directory: str, beside: str) -> Iterator[int]:
    """Open a directory of ours, and make it if there is none. Yields its descriptor; ``beside`` as in :func:`open_own`.

    Raises :class:`~confobjects.errors.StorageError` if it is not ours or is no directory.
    """
    is_new = not os.path.lexists(directory)
    if is_new:
        make_directory(directory)
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            raise not_ours_error(directory, "it is not a directory") from None
        raise as_file_error(error, "open the directory", directory) from error
    try:
        require_own(os.fstat(descriptor), directory, beside, directory=True)
        if is_new:
            give_to_owner(descriptor, beside)
        yield descriptor
    finally:
        os.close(descriptor)


_NO_FILE: Final = "it is not a regular file"


def require_own(status: os.stat_result, path: str, beside: str, *, directory: bool = False, least: int = 1) -> None:
    """Refuse a file, or a directory, that somebody else could have made or can read or change.

    A file has one name, or ``least``.
    """
    owners = {os.geteuid()}
    with suppress(OSError):
        owners.update({os.stat(beside).st_uid} if beside else ())
    is_kind = stat.S_ISDIR if directory else stat.S_ISREG
    if not is_kind(status.st_mode):
        raise not_ours_error(path, "it is not a directory" if directory else _NO_FILE)
    if not directory and not least <= status.st_nlink <= 1:
        raise not_ours_error(path, "it has other names (hard links)")
    if status.st_uid not in owners:
        raise not_ours_error(path, f"it belongs to user {account_name('pwd', status.st_uid)}")
    if directory and status.st_mode & 0o022:
        raise not_ours_error(path, "others can write it", f"chmod 700 {path}")
    if not directory and status.st_mode & 0o077:
        raise not_ours_error(path, "others have rights to it", f"chmod 600 {path}")


def not_ours_error(path: str, reason: str, remedy: str = "") -> StorageError:
    """Return the error for a file, or a directory, that is not ours."""
    remedy = remedy or "find out who made it, and move it away"
    summary = f"this is not a file of ours, so it is not used: {reason}"
    return StorageError(Diagnostic("storage-failed", summary, origin=path, remedy=remedy))


def make_directory(path: str) -> None:
    """Create a directory and its missing parents, accessible only to this user."""
    missing = []
    while path and not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for directory in reversed(missing):
        with translate_errors("create the directory", directory), suppress(FileExistsError):
            os.mkdir(directory, PRIVATE_DIRECTORY)


def give_to_owner(descriptor: int, path: str) -> None:
    """Give a file next to ``path`` to the owner of ``path``, so that files made by root do not lock the owner out."""
    with suppress(OSError):
        status = os.stat(path)
        if os.geteuid() == 0:
            os.fchown(descriptor, status.st_uid, status.st_gid)


def account_name(database: str, number: int) -> str:
    """Return the name of a user (``pwd``) or group (``grp``), or its number."""
    look_up = {"pwd": "getpwuid", "grp": "getgrgid"}[database]
    try:
        return str(getattr(__import__(database), look_up)(number)[0])
    except (KeyError, ImportError):
        return str(number)
