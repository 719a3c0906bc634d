"""Whole numbers in texts from outside: the digits 0 to 9 alone, and not more of them than a number of 64 bits has.

``str.isdigit`` is true for ``²``, of which ``int`` makes an error, and ``int`` refuses texts of thousands of digits.
"""

from __future__ import annotations

from typing import Final

_MOST_DIGITS: Final = 18


def read_number(text: str) -> int | None:
    """Return the number that a text is, None if it is none or has more than 18 digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
