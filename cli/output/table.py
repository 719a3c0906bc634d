"""The table for people: columns separated by " : ", a line of dashes, the last column wrapped at the terminal's width."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from confobjects.texts.numbers import read_number
from confobjects.texts.visible import make_visible

if TYPE_CHECKING:
    from .shown import ShownProperty

SEPARATOR = " : "


def output_width() -> int:
    """Return the width of the output: COLUMNS, or 80 without it, minus one."""
    columns = read_number(os.environ.get("COLUMNS", ""))
    return max(20, 80 if columns is None else columns) - 1


def format_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, separator: str = SEPARATOR) -> str:
    """Return a table. Cells may hold any text; line breaks become blanks, control characters escapes."""
    cells = [row if "".join(row).isprintable() else [_flatten_text(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    rule = separator.strip() or " "
    dash = "-" * (separator.index(rule) if separator.strip() else 0)
    lines = [_format_row(headings, widths, separator)]
    middle = f"{dash}{rule}{dash}" if separator.strip() else "-" * len(separator)
    lines.append(middle.join("-" * w for w in widths[:-1]) + (middle if len(widths) > 1 else ""))
    room = max(10, output_width() - sum(widths[:-1]) - len(separator) * (len(widths) - 1))
    lines[-1] += "-" * min(widths[-1], room)
    blank = [""] * (len(headings) - 1)
    for row in cells:
        *front, last = row
        first, *more = _wrap_text(last, room)
        lines.append(_format_row([*front, first], widths, separator))
        lines.extend(_format_row([*blank, line], widths, separator) for line in more)
    return "\n".join([line.rstrip() for line in lines])


def _format_row(cells: Sequence[str], widths: Sequence[int], separator: str) -> str:
    padded = list(map(str.ljust, cells, widths))
    padded[-1] = cells[-1]
    return separator.join(padded)


def _flatten_text(text: str) -> str:
    if text.isprintable():
        return text
    return make_visible(text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ").replace("\t", " "))


def _wrap_text(text: str, room: int) -> list[str]:
    """Break a text at blanks; a longer word is broken at the width."""
    if len(text) <= room and not text.startswith(" "):
        return [text]
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        candidate = f"{line} {word}" if line else word
        if len(candidate) <= room:
            line = candidate
            continue
        if line:
            lines.append(line)
        while len(word) > room:
            lines.append(word[:room])
            word = word[room:]  # noqa: PLW2901 - what is left of it
        line = word
    return [*lines, line] if line or not lines else lines


def format_cell(item: ShownProperty) -> str:
    """Return the values of a property in one cell."""
    return "(decided at startup)" if item.undecided else join_values(item.values)


def join_values(values: Sequence[str]) -> str:
    """Return several values in one cell: ``-`` for none; one with a comma or a blank is quoted."""
    if not values:
        return "-"
    return ", ".join(f'"{value}"' if "," in value or " " in value or not value else value for value in values)
