r"""Foreign text, made safe to show: the only place where foreign text is escaped.

Whatever Python does not call printable (:meth:`str.isprintable`) becomes an escape as in a Python literal: ESC is
``\x1b``, a line feed ``\n``, the C1 control U+009B ``\x9b``, the bidirectional override U+202E ``\u202e``. A
backslash stands for itself, so the result is for reading only: it cannot be read back.

:func:`make_visible` gives one line, whatever the text holds: for a summary, a table cell, a line of a log or transcript.
:func:`visible_lines` keeps the lines of a block separate: for an explanation of several lines.
"""

from __future__ import annotations


def make_visible(text: str | bytes) -> str:
    """Return a text as one line with escapes for all that a terminal would act on or hide.

    Bytes are decoded as UTF-8; invalid ones become escapes too.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def visible_lines(text: str) -> list[str]:
    """Return the lines of a block, each without its line end and with escapes as :func:`make_visible` makes them."""
    return [make_visible(line) for line in text.splitlines()]
