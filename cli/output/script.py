r"""Lines for scripts: the cells of a row with a TAB between them, one row in each line.

A cell loses nothing: a backslash is written ``\\``, a line feed ``\n``, a carriage return ``\r``, a TAB ``\t``, and any
other character that is not printable as ``\xHH``, ``\uHHHH`` or ``\UHHHHHHHH``, as in a Python literal.
"""

from __future__ import annotations

from collections.abc import Iterable


def format_lines(rows: Iterable[Iterable[str]]) -> str:
    """Return rows as lines, without a line end after the last one."""
    return "\n".join("\t".join(map(escape_cell, row)) for row in rows)


def escape_cell(cell: str) -> str:
    """Return a cell as one printable text that can be read back."""
    if cell.isprintable() and "\\" not in cell:
        return cell
    return "".join(c if c.isprintable() and c != "\\" else ascii(c)[1:-1] for c in cell)
