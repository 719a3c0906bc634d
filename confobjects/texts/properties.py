r"""The lines of a ``.properties`` file, as ``java.util.Properties.load`` reads them.

A logical line is one natural line (ended by LF, CR or CRLF), or several where each but the last ends in an odd number
of backslashes; blanks at the beginning of each are skipped. Empty lines are skipped, and comments, which begin with
``#`` or ``!``. A key ends before the first blank, ``=`` or ``:`` that no backslash escapes; one ``=`` or ``:`` with
blanks around it separates it from its value. Blanks are space, tab and form feed. ``\t``, ``\n``, ``\r``, ``\f`` and
``\uXXXX`` (a UTF-16 code unit) are escapes; before any other character a backslash only takes away its special
meaning.

The reader of the file decides what keys and values mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_BLANKS: Final = " \t\f"
_NATURAL_LINE: Final = re.compile(r"\r\n|\r|\n")
_KEY: Final = re.compile(r"((?:[^\\=: \t\f]|\\.)*+)[ \t\f]*+[=:]?+[ \t\f]*+")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
_CONTROLS: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class EscapeError(ValueError):
    r"""A ``\u`` without four hexadecimal digits; ``offset`` is where it stands in the text of its line."""

    def __init__(self, offset: int) -> None:
        super().__init__("\\u takes four hexadecimal digits; a backslash itself is written \\\\")
        self.offset = offset


class Part(NamedTuple):
    """The part of a logical line that comes from one natural line; number and column of its start, both from 1."""

    number: int
    column: int
    text: str
    natural_line: str


class LogicalLine:
    """A logical line: its text without line ends, and the place of each part in the file."""

    __slots__ = ("parts", "text")

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts
        self.text = "".join(part.text for part in parts)

    @property
    def number(self) -> int:
        """The number of its first natural line, from 1."""
        return self.parts[0].number

    def position_of(self, offset: int) -> tuple[int, int, str]:
        """Return line and column, from 1, of an offset into the text, and the natural line there."""
        for number, column, text, natural_line in self.parts:
            if offset < len(text):
                return number, column + offset, natural_line
            offset -= len(text)
        number, column, text, natural_line = self.parts[-1]
        return number, column + len(text), natural_line

    def unescape(self, start: int, end: int) -> str:
        """Return a part of the text with its escapes resolved. Raises :class:`EscapeError`."""
        plain = "".join(self._resolve_escapes(start, end))
        if _SURROGATE.search(plain) is None:
            return plain
        # Two escapes may make one character beyond U+FFFF.
        return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _resolve_escapes(self, start: int, end: int) -> Iterator[str]:
        for match in _ESCAPE.finditer(self.text, start, end):
            yield self.text[start : match.start()]
            digits, character = match.groups()
            if character == "u":
                raise EscapeError(match.start())
            yield chr(int(digits, 16)) if digits else _CONTROLS.get(character, character)
            start = match.end()
        yield self.text[start:end]


class PropertyEntry(NamedTuple):
    """A key and its value as the file has them: a line, and half-open ranges of offsets into its text."""

    line: LogicalLine
    key_at: tuple[int, int]
    value_at: tuple[int, int]

    @property
    def key(self) -> str:
        """The key without escapes; empty where the line begins with a separator. Raises :class:`EscapeError`."""
        return self.line.unescape(*self.key_at)

    @property
    def value(self) -> str:
        """The value without escapes. Raises :class:`EscapeError`."""
        return self.line.unescape(*self.value_at)


def read_entries(text: str) -> Iterator[PropertyEntry]:
    """Yield the entries of a properties file in their order. A key may occur more than once."""
    for line in _logical_lines(text):
        match = _KEY.match(line.text)
        end, value_start = (match.end(1), match.end()) if match else (0, 0)
        yield PropertyEntry(line, (0, end), (value_start, len(line.text)))


def _logical_lines(text: str) -> Iterator[LogicalLine]:
    parts: list[Part] = []
    for number, natural_line in enumerate(_NATURAL_LINE.split(text), start=1):
        line = natural_line.lstrip(_BLANKS)
        if not parts and (not line or line[0] in "#!"):
            continue
        continues = (len(line) - len(line.rstrip("\\"))) % 2
        column = len(natural_line) - len(line) + 1
        parts.append(Part(number, column, line[: len(line) - continues], natural_line))
        if not continues:
            yield from _join_parts(parts)
            parts = []
    yield from _join_parts(parts)


def _join_parts(parts: list[Part]) -> Iterator[LogicalLine]:
    """Yield the line that some parts form, if it is not empty."""
    if any(part.text for part in parts):
        yield LogicalLine(parts)
