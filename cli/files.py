"""Reading files that a user names, up to a limit."""

from __future__ import annotations

import errno
from typing import Final

MEBIBYTE: Final = 1 << 20
SMALL: Final = MEBIBYTE
"""Bytes that a value, a password or a file of options may have."""


def read_contents(path: str, most: int = SMALL) -> bytes:
    """Return what a file holds. Raises OSError, also for one of more than ``most`` bytes, such as ``/dev/zero``."""
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it holds more than {most:,} bytes", path)
    return data
