"""A ring of keys, as text: the first key seals, and each of them unseals what it has sealed."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from typing import Final, Self

from confobjects.records import Record, field

KEY_SIZE: Final = 32
"""Bytes of a key of AES-256."""

_HEAD: Final = "confobjects-seal-keys 1"
_COMMENT: Final = (
    "# Whoever has this file can read what is sealed. Keep it apart from the configuration and its backups."
)
_ROTATING: Final = "rotating"
_DIGITS: Final = 16
_LABEL: Final = b"confobjects seal key\0"


class RingError(ValueError):
    """A text is no ring, or a damaged one. The sentence says why, and holds no key."""


class Key(Record):
    """A key, the day it was made (``2026-11-28``), and its identifier: 16 hexadecimal digits of its digest."""

    secret: bytes = field(repr=False)
    made: str

    @property
    def id(self) -> str:
        """The identifier, which is no secret: nothing about the key follows from it."""
        return hashlib.sha256(_LABEL + self.secret).hexdigest()[:_DIGITS]


class Ring(Record):
    """Keys by identifier, the one that seals first. While secrets are sealed again with a new key, it is ``rotating``."""

    keys: Mapping[str, Key]
    rotating: bool = False

    @classmethod
    def of(cls, *keys: Key, rotating: bool = False) -> Self:
        """Return the ring of some keys, the one that seals first."""
        return cls({key.id: key for key in keys}, rotating)

    @property
    def first(self) -> Key:
        """The key that seals."""
        return next(iter(self.keys.values()))

    def with_first(self, key: Key) -> Self:
        """Return the ring with another key that seals."""
        return type(self).of(key, *self.keys.values(), rotating=self.rotating)

    def without(self, *identifiers: str) -> Self:
        """Return the ring without some keys. The key that seals stays."""
        gone = set(identifiers) - {self.first.id}
        return type(self).of(*(key for name, key in self.keys.items() if name not in gone), rotating=self.rotating)

    def as_text(self) -> str:
        """Return the ring as it is written."""
        lines = [f"{key.id} {key.made} {base64.b64encode(key.secret).decode()}" for key in self.keys.values()]
        state = [_ROTATING] if self.rotating else []
        return "\n".join([_HEAD, _COMMENT, *state, *lines, f"end {len(lines)}", ""])

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the ring that a text holds. Raises :class:`RingError`."""
        try:
            lines = data.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise RingError("it is not text in ASCII") from None
        if lines[0] != _HEAD:
            raise RingError(f'its first line is not "{_HEAD}"')
        if lines[-1]:
            raise RingError("its last line is cut off")
        rows = [(number, line) for number, line in enumerate(lines[:-1], 1) if line and not line.startswith("#")][1:]
        if not rows or not rows[-1][1].startswith("end "):
            raise RingError("its end is missing")
        rotating = rows[0][1] == _ROTATING
        keys = [_parse_key(number, line) for number, line in rows[1 if rotating else 0 : -1]]
        if rows[-1][1] != f"end {len(keys)}":
            raise RingError(f"its last line does not count its keys, which are {len(keys)}")
        if not keys:
            raise RingError("it holds no key")
        ring = cls.of(*keys, rotating=rotating)
        if len(ring.keys) < len(keys):
            raise RingError("it holds a key twice")
        return ring

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys.values())

    def __len__(self) -> int:
        return len(self.keys)


def _parse_key(number: int, line: str) -> Key:
    words = line.split(" ")
    try:
        identifier, made, text = words
        key = Key(base64.b64decode(text, validate=True), made)
    except (ValueError, binascii.Error):
        raise RingError(f"line {number} does not hold a key") from None
    if len(key.secret) != KEY_SIZE or key.id != identifier:
        raise RingError(f"the key in line {number} is damaged")
    return key
