"""The tables of dsconfig: columns separated by " : ", as wide as their longest cell.

Only the last column of a table of properties is wrapped, at 79 columns or one less than COLUMNS; whether a terminal is there
makes no difference.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Final

from confobjects.texts.numbers import read_number
from confobjects.texts.visible import make_visible

_SEPARATOR: Final = " : "
_RULE: Final = "-:-"
_LINE_ENDS: Final = str.maketrans("\t\r\n", "   ")


def format_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, wraps: bool = False) -> str:
    """Return a table. With ``wraps`` a long last cell goes on in further lines."""
    cells = [[flatten(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    room = max(1, _line_width() - sum(widths[:-1]) - len(_SEPARATOR) * (len(widths) - 1)) if wraps else widths[-1]
    widths[-1] = min(widths[-1], room)
    blank = [""] * (len(headings) - 1)
    lines = [_format_row(headings, widths), _RULE.join("-" * width for width in widths)]
    for *front, last in cells:
        first, *more = wrap_text(last, room)
        lines.append(_format_row([*front, first], widths))
        lines.extend(_format_row([*blank, line], widths) for line in more)
    return "\n".join(lines)


def flatten(cell: str) -> str:
    """Return a cell in one line: line ends and TABs are blanks, other characters that are not printable are escapes."""
    return cell if cell.isprintable() else make_visible(cell.translate(_LINE_ENDS))


def join_values(values: Sequence[str], *, quoted: bool = True) -> str:
    """Return several values in one cell: ``-`` for none; one with a comma is ``quoted``."""
    return ", ".join(f'"{value}"' if quoted and "," in value else value for value in values) or "-"


def wrap_text(text: str, room: int) -> list[str]:
    """Break a text at blanks; a word that is longer than a line is broken where the line ends."""
    lines = [""]
    for word in text.split(" "):
        candidate = f"{lines[-1]} {word}" if lines[-1] else word
        if len(candidate) <= room:
            lines[-1] = candidate
            continue
        pieces = [word[at : at + room] for at in range(0, len(word), room)] or [""]
        lines[len(lines) if lines[-1] else -1 :] = pieces
    return lines


def _line_width() -> int:
    columns = read_number(os.environ.get("COLUMNS", ""))
    return (80 if columns is None else max(20, columns)) - 1


def _format_row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _SEPARATOR.join([*map(str.ljust, cells[:-1], widths), cells[-1]])
