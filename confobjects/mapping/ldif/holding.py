"""Set the entries of a text aside that may hold definitions, and read those that a memory does not know.

Laws of this module:

1. The document is equal to the one of the whole text, and every mistake in it is told as it always is.
2. A memory remembers the lines of right definitions only, and nothing of what they say but their digests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from confobjects.definitions.installed import check_digest
from confobjects.definitions.model import HOLDER_CLASS
from confobjects.errors import BrokenDataError
from confobjects.mapping.entry import Entry
from confobjects.mapping.held import HeldEntry
from confobjects.mapping.installed import as_installed
from confobjects.mapping.ldif.document import LdifText
from confobjects.mapping.ldif.parser import dn_of

if TYPE_CHECKING:
    from confobjects.mapping.protocol import HolderMemory

Parse = Callable[[str], LdifText]


def find_holder(line: str, piece: str, parse: Parse) -> HeldEntry | None:
    """Return the entry of a piece by its first line, that of its DN; None if there is something special about the line."""
    is_whole = piece.startswith("\n", len(line)) and not piece.startswith("\n ", len(line))
    if line[:4] != "dn: " or line[-1:] == "\r" or not is_whole:
        return None
    return HeldEntry(dn_of(line), piece, lambda piece: next(iter(parse(piece).entries.values())))


def settle(
    document: LdifText, held: Mapping[str, HeldEntry], memory: HolderMemory, parse_whole: Callable[[], LdifText]
) -> LdifText:
    """Return a document with entries that were set aside, by key. If memory does not know them, the whole text is parsed."""
    digests = memory.recall(_list_pieces(held))
    if digests is not None:
        for entry, digest in zip(held.values(), digests, strict=True):
            entry.digest = digest
        return document
    whole = parse_whole()
    if all(_is_right(whole.entries[key], entry) for key, entry in held.items()):
        memory.remember(_list_pieces(held), [as_installed(whole.entries[key]).digest for key in held])
    return whole


def _list_pieces(held: Mapping[str, HeldEntry]) -> Iterator[str]:
    """Yield what a memory knows entries by: their lines."""
    yield "LDIF entries that hold definitions"
    for entry in held.values():
        yield entry.piece


def _is_right(entry: Entry, held: HeldEntry) -> bool:
    """Tell whether an entry holds a definition with its right digest, and is the one that its lines give by themselves."""
    try:
        same = held == entry
    except BrokenDataError:
        return False
    return same and entry.has_object_class(HOLDER_CLASS) and not any(check_digest(as_installed(entry)))
