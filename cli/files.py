"""Reading files that a user names, up to a limit."""

from __future__ import annotations

from typing import Final

from confobjects.inputs import SMALL, read_any

MEBIBYTE: Final = 1 << 20


def read_contents(path: str, most: int = SMALL) -> bytes:
    """Return the content of a file or a pipe. Raises OSError, also for more than ``most`` bytes, as of ``/dev/zero``."""
    return read_any(path, most)
