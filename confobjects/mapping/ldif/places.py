"""The places of the parts of a document, found when a problem has to be shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from confobjects.dn import DN
from confobjects.mapping.ldif.document import LdifText, split_lines
from confobjects.mapping.ldif.parser import value_of

_SHOWN: Final = 60
Span = tuple[int, int]


class LdifLine:
    """One logical line: ``number`` is that of its first physical line."""

    def __init__(self, number: int, physical: list[str]) -> None:
        self.number = number
        self._first = len(physical[0])
        whole = physical[0] + "".join(part[1:] for part in physical[1:])
        self.name, _, rest = whole.partition(":")
        value = rest.removeprefix(":").lstrip(" ")
        self._head = whole[: len(whole) - len(value)]
        self._written = value
        self._rest = rest

    @property
    def text(self) -> str | None:
        """The value; None when it is not text."""
        value = value_of(self._rest)
        return value if isinstance(value, str) else None

    def means(self, value: str | None) -> bool:
        """Tell whether a value is the one in this line, or the name of what a reference in it points to."""
        text = self.text
        if text is None or not value:
            return False
        return text == value or ("=" in text and _name_in(text) == value)

    def position(self, *, at_name: bool = False) -> tuple[int, int]:
        """Return line and column of the value, or of the name before it."""
        if at_name:
            return self.number, 1
        if len(self._head) >= self._first and self._written:
            return self.number + 1, len(self._head) - self._first + 2  # the value starts in the continuation
        return self.number, len(self._head) + 1

    def excerpt(self, hidden: str = "", *, at_name: bool = False) -> tuple[str, Span]:
        """Return the line and the part of it to point at; ``hidden`` replaces a secret value."""
        value = hidden or self._written
        if len(value) > _SHOWN:
            value = value[: _SHOWN - 1] + "…"
        span = (0, len(self.name)) if at_name else (len(self._head), len(self._head) + len(value))
        return self._head + value, span


class LdifPlaces:
    """The lines of the entries of a document."""

    def __init__(self, document: LdifText) -> None:
        self._document = document
        self._pieces: dict[str, tuple[int, str]] = {}

    def find_dn_line(self, dn: DN) -> LdifLine:
        """Return the line with the DN of an entry."""
        return self._read_entry_lines(dn)[0]

    def find_attribute_lines(self, dn: DN, name: str) -> list[LdifLine]:
        """Return the lines of an attribute of an entry."""
        return [line for line in self._read_entry_lines(dn)[1:] if line.name.lower() == name.lower()]

    def _read_entry_lines(self, dn: DN) -> list[LdifLine]:
        """Return the lines of an entry, that of its DN first, without comments."""
        if not self._pieces:
            start = 1
            for key, piece in self._document.pieces():
                self._pieces[key] = start, piece
                start += piece.count("\n")
        found = list(_parse_lines(*self._pieces[self._document.key_of(dn)]))
        head = next(index for index, line in enumerate(found) if line.name.lower() == "dn")
        return found[head:]


def _parse_lines(number: int, piece: str) -> Iterator[LdifLine]:
    """Yield the logical lines of a piece of text that are no comments."""
    waiting: list[str] = []
    start = number
    for line in split_lines(piece.removeprefix("\ufeff")):
        text = line.rstrip("\r\n")
        if not text.startswith(" ") and waiting:
            yield from _parse_line(start, waiting)
            waiting = []
        if not waiting:
            start = number
        waiting.append(text)
        number += 1
    yield from _parse_line(start, waiting)


def _parse_line(number: int, physical: list[str]) -> Iterator[LdifLine]:
    if physical and physical[0] and not physical[0].startswith("#"):
        yield LdifLine(number, physical)


def _name_in(text: str) -> str:
    try:
        return DN.parse(text).name
    except ValueError:
        return ""
