"""Entries that hold definitions, whose lines are read only when something asks for more than a definition's digest.

The texts of definitions are nearly all of a file that holds many, and a command uses one of them or none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from confobjects.definitions.model import HOLDER_CLASS
from confobjects.dn import DN
from confobjects.mapping.entry import Entry


class HeldEntry(Entry):
    """An entry that holds a right definition with a known digest.

    Its lines are those between two offsets of ``source``, a text or its bytes in UTF-8; ``read`` returns the entry that they
    give.
    """

    __slots__ = ("_read", "_source", "_span", "digest")

    def __init__(
        self, dn: DN, source: str | bytes, span: tuple[int, int], read: Callable[[str], Entry], digest: str = ""
    ) -> None:
        self.dn = dn
        self.memo = None
        self._source = source
        self._span = span
        self._read = read
        self.digest = digest

    @property
    def piece(self) -> str:
        """The lines of the entry."""
        lines = self._source[slice(*self._span)]
        return lines if isinstance(lines, str) else lines.decode()

    def __getattr__(self, name: str) -> Any:
        if name != "attributes":
            raise AttributeError(name)
        self.attributes = self._read(self.piece).attributes
        return self.attributes

    def has_object_class(self, name: str) -> bool:
        """Return whether the entry is of an object class; the name ignores case."""
        return name == HOLDER_CLASS or super().has_object_class(name)
