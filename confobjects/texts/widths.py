"""The width of texts on a terminal, in columns, and what follows from it: padding, wrapping, the widths of a table.

Laws of this module:

1. A wide character (CJK, most emoji) takes two columns, a combining one none (Unicode Standard Annex #11, as wcwidth has it).
2. Wrapping loses nothing: the lines joined are the text. A line is wider than the room only if it is one piece that cannot
   be broken, blanks at its end apart.
3. A break is at a blank. A word that is wider than the room may also be broken after one of ``, ; / & ? | -``, where
   distinguished names, URLs, lists and names have their parts, and nowhere else.
4. Folding a line loses no word and breaks none, so that each can be copied; what follows is indented deeper than the line.
5. Columns share the room fairly: none is widened at the cost of a narrower one, and none is narrower than its least width.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

_WORDS: Final = re.compile(r"[^ ]+ *| +")
_PARTS: Final = re.compile(r"[^,;/&?|-]*[,;/&?|-]+ *|[^,;/&?|-]+")
_HANG: Final = 4
"""The columns by which the rest of a folded line is indented more than its beginning."""
_FIRST_ODD: Final = "\u0300"
"""Printable characters before this one take one column each."""


def measure(text: str) -> int:
    """Return the number of columns that a printable text takes."""
    if text.isascii() or max(text) < _FIRST_ODD:
        return len(text)
    from wcwidth import wcswidth

    return max(0, wcswidth(text))


def pad(text: str, width: int) -> str:
    """Return a text with blanks behind it, so that it takes at least that many columns."""
    return text + " " * (width - measure(text))


def wrap(text: str, room: int) -> list[str]:
    """Break a text into lines of at most that many columns, blanks at their ends apart; there is at least one line."""
    lines = [""]
    for piece in _break_words(text, room):
        if lines[-1] and measure((lines[-1] + piece).rstrip(" ")) > room:
            lines.append("")
        lines[-1] += piece
    return lines


def fold(line: str, width: int) -> list[str]:
    """Break a line at blanks into lines of at most that many columns, unless one word is wider."""
    if measure(line) <= width:
        return [line]
    indent = len(line) - len(line.lstrip(" "))
    hang = " " * min(indent + _HANG, width // 2)
    lines = [line[:indent]]
    for word in _WORDS.findall(line[indent:]):
        if lines[-1].strip(" ") and measure((lines[-1] + word).rstrip(" ")) > width:
            lines.append(hang)
        lines[-1] += word
    return [one.rstrip(" ") for one in lines]


def _break_words(text: str, room: int) -> Iterator[str]:
    for word in _WORDS.findall(text):
        if measure(word.rstrip(" ")) > room:
            yield from _PARTS.findall(word)
        else:
            yield word


def widest_piece(texts: Sequence[str], *, parts: bool) -> int:
    """Return the columns of the widest word in some texts, or with ``parts`` of the widest part of a word."""
    pieces = (
        piece
        for text in texts
        for word in _WORDS.findall(text)
        for piece in (_PARTS.findall(word) if parts else (word,))
    )
    return max((measure(piece.rstrip(" ")) for piece in pieces), default=0)


def share(wanted: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Return the widths of columns that share a room: what each wants if that fits, else max-min fair shares.

    They are wider than the room in sum only if the least widths are.
    """

    def spread(level: int) -> list[int]:
        return [min(most, max(low, level)) for most, low in zip(wanted, least, strict=True)]

    highest = max(wanted, default=0)
    level = bisect_right(range(1, highest + 1), room, key=lambda at: sum(spread(at)))  # the highest that fits
    widths = spread(level)
    left = room - sum(widths)
    for place, most in enumerate(wanted):
        if left > 0 and widths[place] == level < most:
            widths[place] += 1
            left -= 1
    return widths
