"""Reading several entries with one search: which of them can be asked for together, and by which filter.

Only entries whose names every server understands alike are asked for together: of ASCII text without escapes, each
different from the others. The rest, and whatever a search does not return, is read one by one: a search also leaves
out what is not there, what the user may not search for, and what is beyond a limit of the server.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from confobjects.dn import DN
from confobjects.records import Record

MOST: Final = 50
"""How many entries one search asks for: 389 Directory Server needs time in proportion to the square of the number."""
_ENTRY_DN: Final = "entryDN"
"""The operational attribute that contains the name of an entry (RFC 5020)."""


class EntryGroup(Record):
    """Entries below one parent, at most :data:`MOST`, that one search asks for."""

    parent: DN
    names: tuple[DN, ...]

    def pairs(self, *, by_name: bool) -> list[tuple[str, str]]:
        """Return what an entry of the group has one of: its whole name, or the attribute and value that name it."""
        if by_name:
            return [(dn.naming_attribute, dn.name) for dn in self.names]
        return [(_ENTRY_DN, str(dn)) for dn in self.names]


def group_names(names: Sequence[DN]) -> Iterator[EntryGroup]:
    """Yield the groups of at least two entries that can be asked for together."""
    times = Counter(dn.normal for dn in names)
    by_parent: dict[str, list[DN]] = {}
    for dn in names:
        if times[dn.normal] == 1 and _is_simple(str(dn)):
            by_parent.setdefault(dn.parent.normal, []).append(dn)
    for found in by_parent.values():
        for at in range(0, len(found), MOST):
            if len(group := found[at : at + MOST]) > 1:
                yield EntryGroup(group[0].parent, tuple(group))


def _is_simple(text: str) -> bool:
    return text.isascii() and text.isprintable() and "\\" not in text and "+" not in text and "  " not in text
