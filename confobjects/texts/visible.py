r"""Foreign text, made safe to show: the only place where foreign text is escaped.

Whatever Python does not call printable (:meth:`str.isprintable`) becomes an escape as in a Python literal: ESC is
``\x1b``, a line feed ``\n``, the C1 control U+009B ``\x9b``, the bidirectional override U+202E ``\u202e``. A
backslash stands for itself, so the result is for reading only: it cannot be read back.

:func:`make_visible` gives one line, whatever the text holds: for a summary, a table cell, a line of a log or transcript.
:func:`make_block_visible` is for a whole output made of such lines, at the place where it leaves.
:func:`escape_json` is for a JSON text, whose values must stay the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re


def make_visible(text: str | bytes) -> str:
    """Return a text as one line with escapes for all that a terminal would act on or hide.

    Bytes are decoded as UTF-8; invalid ones become escapes too.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def make_block_visible(text: str) -> str:
    """Return a text whose line feeds and tabs are our own: they stay, and everything else becomes visible.

    A part of the text that comes from outside must have been made visible before, or it could begin a line.
    """
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(one if one in "\n\t" or one.isprintable() else ascii(one)[1:-1] for one in text)


def escape_json(text: str) -> str:
    r"""Return a JSON text (RFC 8259) with ``\uXXXX`` for all that a terminal would act on or hide; it means the same.

    Controls below U+0020 are escaped in JSON anyway; its line feeds and blanks stand between the values.
    """
    if text.isascii() and "\x7f" not in text:
        return text
    import re

    return re.sub(r"[^ -~\n]", _as_json_escape, text)


def _as_json_escape(match: re.Match[str]) -> str:
    if match.group().isprintable():
        return match.group()
    units = match.group().encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
