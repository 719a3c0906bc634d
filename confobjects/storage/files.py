"""Files that people edit too: reading one, recognizing a change of it, and the errors of the operating system.

Every error names the path, the system's message and a remedy.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from confobjects import inputs
from confobjects.diagnostics import Diagnostic
from confobjects.errors import AccessError, ConfobjectsError, StorageError
from confobjects.records import Record

_ACCESS: Final = frozenset((errno.EACCES, errno.EPERM, errno.EROFS))
_REMEDIES: Final = {
    errno.EACCES: "run as the user who owns the file, or give this user the right to read it and to write its directory",
    errno.EPERM: "run as the user who owns the file",
    errno.EROFS: "the file system is mounted read-only: remount it, or name another file",
    errno.ENOSPC: "make room on the disk and repeat; the file is as it was",
    errno.EDQUOT: "the user's quota is used up: make room and repeat; the file is as it was",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f) and repeat; the file is as it was",
    errno.EISDIR: "name a file, not a directory",
    errno.ENOTDIR: "a part of the path is a file: name a file in a directory",
    errno.ELOOP: "a symbolic link forms a loop or is not allowed here: correct or remove it",
    errno.ENOLCK: "the file system does not support locks: keep the file on a local file system",
}


class FileSignature(Record):
    """The properties of a file that show, without reading it, whether it has changed."""

    device: int
    inode: int
    size: int
    modified: int


def as_file_error(error: OSError, doing: str, path: str) -> ConfobjectsError:
    """Return the error for a failed system call. ``doing`` completes "cannot …"."""
    number = error.errno or 0
    code = "access-refused" if number in _ACCESS else "storage-failed"
    summary = f"cannot {doing}: {os.strerror(number) if number else error}"
    problem = Diagnostic(code, summary, origin=path, remedy=_REMEDIES.get(number, ""))
    return AccessError(problem) if number in _ACCESS else StorageError(problem)


@contextmanager
def translate_errors(doing: str, path: str) -> Iterator[None]:
    """Turn errors of the operating system into ours."""
    try:
        yield
    except OSError as error:
        raise as_file_error(error, doing, path) from error


def signature_of(path: str) -> FileSignature | None:
    """Return the signature of a file, or None if the file does not exist."""
    try:
        return signature_from(os.stat(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise as_file_error(error, "read the file", path) from error


def signature_from(status: os.stat_result) -> FileSignature:
    """Return the signature of a file by its status."""
    return FileSignature(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def read(path: str) -> tuple[bytes, FileSignature] | None:
    """Return the content of a regular file and its signature, or None if the file does not exist."""
    try:
        data, status = inputs.read_regular(path, inputs.LARGE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise as_read_error(error, path) from error
    return data, signature_from(status)


def as_read_error(error: OSError, path: str) -> ConfobjectsError:
    """Return the error for a file that cannot be read; for one that is too large or no file, in the words of inputs."""
    if error.errno in {errno.EFBIG, errno.EINVAL}:
        return StorageError(Diagnostic("storage-failed", str(error.strerror), origin=path))
    return as_file_error(error, "read the file", path)
