"""Reading files. IO: everything that this package reads from a path is read here.

Laws:

1. A read has a limit. A larger file is an error; a part of its content is never taken for the whole.
2. A pipe, a device or a socket in place of a file is an error, and opening it does not wait. Only :func:`read_any`
   and :func:`read_shared`, for paths that the caller of a command names, accept them; they have the limit too.
3. The status that is returned is that of the file that was read, not of one that replaced it meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import Final

SMALL: Final = 1 << 20
"""Bytes of a value, a password, a file of options, or a key."""
MEDIUM: Final = 1 << 24
"""Bytes of a definition, a document, or a store of certificates."""
BIG: Final = 1 << 28
"""Bytes of a batch or a document that the caller of a command names."""
LARGE: Final = 1 << 30
"""Bytes of a configuration or its history."""

_OPEN: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def open_regular(path: str, flags: int = 0) -> int:
    """Open a regular file for reading and return its descriptor. Raises OSError, also for anything else."""
    descriptor = os.open(path, _OPEN | flags)
    try:
        require_regular(os.fstat(descriptor), path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def require_regular(status: os.stat_result, path: str) -> None:
    """Raise OSError unless a status is that of a regular file."""
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "this is not a regular file", path)


def read_regular(
    path: str, most: int, flags: int = 0, check: Callable[[], None] | None = None
) -> tuple[bytes, os.stat_result]:
    """Return the content and the status of a regular file of at most ``most`` bytes. Raises OSError.

    ``flags`` are added to those of opening, such as ``os.O_NOFOLLOW``. ``check`` is called after each read, and may raise.
    """
    descriptor = open_regular(path, flags)
    try:
        status = os.fstat(descriptor)
        if status.st_size > most:
            raise size_error(path, most)
        return read_up_to(descriptor, path, most, check, expected=status.st_size), status
    finally:
        os.close(descriptor)


def read_any(path: str, most: int) -> bytes:
    """Return the content of a path, also of a pipe or a device, of at most ``most`` bytes. Raises OSError."""
    return read_shared(path, most)[0]


def read_shared(path: str, most: int) -> tuple[bytes, bool]:
    """Return what :func:`read_any` does, and whether it is a file that other users may read. Raises OSError."""
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        shared = stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o044)
        return read_up_to(file.fileno(), path, most), shared


def read_up_to(
    descriptor: int, path: str, most: int, check: Callable[[], None] | None = None, *, expected: int = 0
) -> bytes:
    """Return what an open file holds from here on, of at most ``most`` bytes. Raises OSError with the path.

    ``check`` is called after each piece; without it so many bytes as are expected are read as one piece, without a copy.
    """
    pieces: list[bytes] = []
    left = most + 1
    size = SMALL if check is not None else max(SMALL, expected + 1)
    while left and (piece := os.read(descriptor, min(left, size))):
        pieces.append(piece)
        left -= len(piece)
        if check is not None:
            check()
    if not left:
        raise size_error(path, most)
    return b"".join(pieces)


def size_error(path: str, most: int) -> OSError:
    """Return the error for a file of more than ``most`` bytes."""
    return OSError(errno.EFBIG, f"it is larger than {most:,} bytes", path)
