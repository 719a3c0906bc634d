"""The table for people: columns separated by " : ", and a line of dashes.

At a terminal the columns share its width, and cells are wrapped (``confobjects/texts/widths.py``). Elsewhere every row is one
line, so that it can be searched, unless COLUMNS says how wide the output is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from confobjects.texts.visible import make_visible
from confobjects.texts.widths import measure, pad, share, widest_piece, wrap

from .colour import Role, Styled, join_lines
from .folding import LEAST, USUAL, columns_of, read_columns

if TYPE_CHECKING:
    from .shown import ShownProperty

SEPARATOR = " : "


def table_width() -> int | None:
    """Return the columns that a table may take: COLUMNS, or those of the terminal, minus one. None where rows are not wrapped."""
    columns = read_columns()
    return columns_of(sys.stdout) if columns is None else columns


def output_width() -> int:
    """Return the columns that a text may take: those of a table, or one less than 80 where that has no limit."""
    width = table_width()
    return USUAL - 1 if width is None else width


def format_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    separator: str = SEPARATOR,
    roles: Sequence[Role] | None = None,
) -> Styled:
    """Return a table. Cells may hold any text; line breaks become blanks, control characters escapes.

    ``roles`` are those of the cells of each column.
    """
    cells = [row if "".join(row).isprintable() else [_flatten_text(cell) for cell in row] for row in rows]
    widths = _choose_widths([headings, *cells], len(separator))
    heading: list[Role] = ["heading"] * len(headings)
    lines = [*_format_row(headings, widths, separator, heading), _format_rule(widths, separator)]
    for row in cells:
        lines.extend(_format_row(row, widths, separator, roles))
    return join_lines(lines)


def _choose_widths(rows: Sequence[Sequence[str]], gap: int) -> list[int]:
    columns = list(zip(*rows, strict=True))
    wanted = [max(map(measure, column)) for column in columns]
    width = table_width()
    room = sum(wanted) if width is None else max(1, width - gap * (len(columns) - 1))
    if sum(wanted) <= room:
        return wanted
    least = [widest_piece(column, parts=False) for column in columns]
    if sum(least) > room:
        least = [widest_piece(column, parts=True) for column in columns]
    return share(wanted, least, room)


def _format_rule(widths: Sequence[int], separator: str) -> str:
    rule = separator.strip()
    dash = "-" * (separator.index(rule) if rule else len(separator))
    *front, last = widths
    middle = f"{dash}{rule}{dash if rule else ''}"
    line = "".join("-" * width + middle for width in front)
    return line + "-" * min(last, max(LEAST // 2, output_width() - len(line)))


def _format_row(
    cells: Sequence[str], widths: Sequence[int], separator: str, roles: Sequence[Role] | None = None
) -> list[str]:
    """Return the lines of a row; it has as many as the longest of its cells."""
    wrapped = [list(_wrap_cell(cell, width)) for cell, width in zip(cells, widths, strict=True)]
    lines: list[str] = []
    for texts in zip_longest(*wrapped, fillvalue=""):
        padded = list(map(pad, texts, widths))
        plain = separator.join(padded).rstrip()
        lines.append(plain if roles is None else _style_line(plain, padded, separator, roles))
    return lines


def _wrap_cell(cell: str, width: int) -> Iterable[str]:
    return [cell] if measure(cell) <= width else (line.rstrip(" ") for line in wrap(cell, width))


def _style_line(plain: str, padded: Sequence[str], separator: str, roles: Sequence[Role]) -> Styled:
    """Return a line with the roles of its cells; blanks at the ends of cells have none."""
    parts: list[tuple[str, Role]] = []
    left = len(plain)
    for place, (cell, role) in enumerate(zip(padded, roles, strict=True)):
        text = cell.rstrip(" ")
        between = separator if place < len(padded) - 1 else ""
        pieces: tuple[tuple[str, Role], ...] = ((text, role), (cell[len(text) :] + between, ""))
        for piece, kind in pieces:
            parts.append((piece[:left], kind))
            left -= len(parts[-1][0])
    return Styled.of(parts)


def _flatten_text(text: str) -> str:
    if text.isprintable():
        return text
    return make_visible(text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ").replace("\t", " "))


def format_cell(item: ShownProperty) -> str:
    """Return the values of a property in one cell."""
    return "(decided at startup)" if item.undecided else join_values(item.values)


def join_values(values: Sequence[str]) -> str:
    """Return several values in one cell: ``-`` for none; one with a comma or a blank is quoted."""
    if not values:
        return "-"
    return ", ".join(f'"{value}"' if "," in value or " " in value or not value else value for value in values)
