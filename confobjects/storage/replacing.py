"""Files that are replaced completely or not at all.

1. After a full disk, Ctrl-C, kill -9 or a power cut, the file has either the old content or the new content.
2. Owner, group, mode and extended attributes are kept. If that is impossible, the write is refused.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import Final, Self

from confobjects.diagnostics import Diagnostic
from confobjects.errors import AccessError, StorageError
from confobjects.storage.files import FileSignature, as_file_error, signature_from, translate_errors
from confobjects.storage.own_files import PRIVATE, account_name

CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Replacement:
    """New content for a file, complete on disk next to it. A context manager; :meth:`take_place` replaces the file."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.temporary = temporary_name(path)
        self.signature: FileSignature | None = None
        self.data = data

    def __enter__(self) -> Self:
        _check_writable(self.path)
        try:
            with translate_errors("write the file", self.path):
                self._fill()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _fill(self) -> None:
        descriptor = os.open(self.temporary, CREATE, PRIVATE)
        try:
            rest = memoryview(self.data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            _keep_rights(descriptor, self.path)
            os.fsync(descriptor)
            self.signature = signature_from(os.fstat(descriptor))
        finally:
            os.close(descriptor)

    def take_place(self) -> None:
        """Replace the old content with the new content, atomically and durably."""
        with translate_errors("replace the file", self.path):
            os.replace(self.temporary, self.path)
            sync_directory(os.path.dirname(self.path))

    def __exit__(self, *exc: object) -> None:
        with suppress(OSError):  # it is gone if it replaced the file; otherwise the next writer removes it
            os.unlink(self.temporary)


def temporary_name(path: str) -> str:
    """Return the name of the temporary file. One name is enough, because the lock lets one writer in."""
    directory, name = os.path.split(path)
    return os.path.join(directory, f".{name}.new")


def remove_leftover(path: str) -> None:
    """Remove the new content that a killed writer left. The caller must hold the lock."""
    with suppress(OSError):  # if it cannot be removed, the write fails later with the reason
        os.unlink(temporary_name(path))


def sync_directory(path: str) -> None:
    """Sync a directory, so that the names in it survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_writable(path: str) -> None:
    """Refuse to replace a device or a read-only file. A replacement needs no right to the file itself."""
    effective = os.access in os.supports_effective_ids
    with suppress(OSError):
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            remedy = "name an ordinary file"
            raise StorageError(
                Diagnostic("storage-failed", "only an ordinary file can be replaced", origin=path, remedy=remedy)
            )
    if os.path.exists(path) and not os.access(path, os.W_OK, effective_ids=effective):
        raise as_file_error(OSError(errno.EACCES, ""), "write the file", path)


def _keep_rights(descriptor: int, path: str) -> None:
    """Give the new file the owner, group, mode and extended attributes of the one it replaces."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
        try:
            os.fchown(descriptor, status.st_uid, status.st_gid)
        except PermissionError as error:
            raise _owner_error(path, status) from error
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
    for name in os.listxattr(path) if hasattr(os, "listxattr") else ():
        _copy_attribute(descriptor, path, name)


def _copy_attribute(descriptor: int, path: str, name: str) -> None:
    try:
        os.setxattr(descriptor, name, os.getxattr(path, name))
    except OSError:
        if name.startswith("system.posix_acl"):
            raise  # without its access list, others might be able to read the file


def _owner_error(path: str, status: os.stat_result) -> AccessError:
    owner = f"user {account_name('pwd', status.st_uid)} and group {account_name('grp', status.st_gid)}"
    return AccessError(
        Diagnostic(
            "access-refused",
            f"the file belongs to {owner}, and this user cannot give a new one to them",
            origin=path,
            remedy=f"run as user {account_name('pwd', status.st_uid)}",
        )
    )
