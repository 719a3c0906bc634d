"""Reading files that a user names, up to a limit."""

from __future__ import annotations

import sys
from typing import Final

from confobjects.inputs import SMALL, read_any, size_error

MEBIBYTE: Final = 1 << 20


def read_contents(path: str, most: int = SMALL) -> bytes:
    """Return the content of a file or a pipe. Raises OSError, also for more than ``most`` bytes, as of ``/dev/zero``."""
    return read_any(path, most)


def read_input(path: str, most: int) -> bytes:
    """Return the content of a file or a pipe, of standard input for ``-``. Raises OSError as :func:`read_contents`."""
    if path != "-":
        return read_contents(path, most)
    data = sys.stdin.buffer.read(most + 1)
    if len(data) > most:
        raise size_error(path, most)
    return data
