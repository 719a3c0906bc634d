"""Sentences at a terminal: lines that are too long for it are folded between words. Elsewhere they stay as they are.

Laws of this module:

1. Only what goes to a terminal is folded.
2. What is there to be copied is never folded: the line after ``try:``, and an excerpt above its carets.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Final, TextIO

from confobjects.texts.numbers import read_number
from confobjects.texts.visible import make_block_visible
from confobjects.texts.widths import fold

from .colour import Role, Styled

USUAL: Final = 80
"""The columns of a terminal that does not tell them."""
LEAST: Final = 20
_COPIED: Final = re.compile(r" *(?:try|help|save these values): ")
_CARETS: Final = re.compile(r" +\^+")


def read_columns() -> int | None:
    """Return the columns that COLUMNS gives to the output, minus one; None if it does not."""
    columns = read_number(os.environ.get("COLUMNS", ""))
    return None if columns is None else max(LEAST, columns) - 1


def columns_of(stream: TextIO) -> int | None:
    """Return the columns of a terminal, minus one, as COLUMNS or the terminal says; None if the stream is none."""
    if not stream.isatty():
        return None
    columns = read_columns()
    if columns is not None:
        return columns
    with suppress(OSError, ValueError):  # it does not know its size
        return max(LEAST, os.get_terminal_size(stream.fileno()).columns or USUAL) - 1
    return USUAL - 1


def fold_for(text: str, stream: TextIO) -> str:
    """Return a text for a stream: folded where that is a terminal, with the roles that it has."""
    width = columns_of(stream)
    if width is None:
        return text
    parts: tuple[tuple[str, Role], ...] = text.parts if isinstance(text, Styled) else ((text, ""),)
    shown = Styled.of((make_block_visible(part), role) for part, role in parts)
    return _place_parts(shown.parts, "\n".join(_fold_lines(str(shown), width)))


def _fold_lines(text: str, width: int) -> Iterator[str]:
    for line, after in pairwise([*text.split("\n"), ""]):
        if _COPIED.match(line) or _CARETS.fullmatch(after):
            yield line
        else:
            yield from fold(line, width)


def _place_parts(parts: tuple[tuple[str, Role], ...], folded: str) -> Styled:
    """Return a folded text with the roles of the parts that it was made of: it differs from them in blanks only."""
    placed: list[tuple[str, Role]] = []
    at = 0
    for part, role in parts:
        start = at
        for character in part.replace("\n", "").replace(" ", ""):
            at = folded.index(character, at) + 1
        placed.append((folded[start:at], role))
    return Styled.of([*placed, (folded[at:], "")])
