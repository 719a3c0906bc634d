"""Reading files that a user names, up to a limit."""

from __future__ import annotations

import errno
from typing import Final

MEBIBYTE: Final = 1 << 20
SMALL: Final = MEBIBYTE
"""The largest size in bytes of a value, a password or a file of options."""


def read_contents(path: str, most: int = SMALL) -> bytes:
    """Return the content of a file. Raises OSError, also for more than ``most`` bytes, as of ``/dev/zero``."""
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes", path)
    return data
