"""The part of DER (ITU-T X.690) that trust stores need: it splits data into elements and does not interpret them.

Lengths beyond the end of the data and lengths of more than four bytes are refused: a store may be malicious.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from confobjects.records import Record

INTEGER: Final = 0x02
OCTETS: Final = 0x04
OID: Final = 0x06
SEQUENCE: Final = 0x30
CONSTRUCTED: Final = 0x20
"""The bit of a tag whose content is elements."""


class Element(Record):
    """One element: its tag, its content, and all of its bytes."""

    tag: int
    content: bytes
    whole: bytes

    @property
    def children(self) -> tuple[Element, ...]:
        """The elements inside a constructed element. Raises ValueError if they are cut short."""
        return tuple(elements(self.content))

    @property
    def integer(self) -> int:
        """The value of an INTEGER."""
        return int.from_bytes(self.content, "big", signed=True)

    @property
    def oid(self) -> str:
        """The value of an OBJECT IDENTIFIER in dotted form."""
        first, *rest = _arcs(self.content)
        head = (min(first // 40, 2), first - 40 * min(first // 40, 2))
        return ".".join(map(str, (*head, *rest)))


def _arcs(content: bytes) -> Iterator[int]:
    value = 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            yield value
            value = 0


def elements(data: bytes) -> Iterator[Element]:
    """Yield the elements of some bytes in order. Raises ValueError if one is cut short."""
    at = 0
    while at < len(data):
        element = read_element(data, at)
        yield element
        at += len(element.whole)


def read_element(data: bytes, at: int = 0) -> Element:
    """Return the element that begins at an offset. Raises ValueError if it is cut short."""
    if len(data) < at + 2:
        raise ValueError("cut short")
    length, start = data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or len(data) < start + count:
            raise ValueError("an invalid length")
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    if len(data) < start + length:
        raise ValueError("cut short")
    return Element(data[at], data[start : start + length], data[at : start + length])
