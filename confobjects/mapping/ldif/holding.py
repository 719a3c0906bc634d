"""Set the entries of a text aside that may hold definitions, and read those that a memory does not know.

Laws of this module:

1. The document is equal to the one of the whole text, and every mistake in it is told as it always is.
2. A memory remembers the lines of right definitions only, and nothing of what they say but their names and digests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from confobjects.definitions.installed import check_digest
from confobjects.definitions.model import HOLDER_CLASS
from confobjects.dn import DN
from confobjects.errors import BrokenDataError
from confobjects.mapping.entry import Entry
from confobjects.mapping.held import HeldEntry
from confobjects.mapping.installed import as_installed
from confobjects.mapping.ldif.document import HOLDERS, MARKER, LdifText
from confobjects.mapping.ldif.parser import dn_of

if TYPE_CHECKING:
    from confobjects.mapping.protocol import HolderMemory

Parse = Callable[[str], LdifText]
Known = tuple[str, int, str]
"""What a memory knows of an entry in a part: its name, the bytes of its piece, and the digest of its definition."""


def find_holder(line: str, text: str, span: tuple[int, int], parse: Parse) -> HeldEntry | None:
    """Return the entry of a block by its first line, that of its DN; None if there is something special about the line."""
    end = span[0] + len(line)
    is_whole = text.startswith("\n", end, span[1]) and not text.startswith("\n ", end, span[1])
    if line[:4] != "dn: " or line[-1:] == "\r" or not is_whole:
        return None
    return HeldEntry(dn_of(line), text, span, _entry_reader(parse))


def _entry_reader(parse: Parse) -> Callable[[str], Entry]:
    return lambda piece: next(iter(parse(piece).entries.values()))


def settle(
    document: LdifText,
    held: Mapping[str, HeldEntry],
    memory: HolderMemory,
    parse: Parse,
    parse_whole: Callable[[], LdifText],
) -> LdifText:
    """Return a document with entries that were set aside, by key. If memory does not know them, the whole text is parsed."""
    digests = memory.recall(_list_pieces(held))
    if digests is not None:
        for entry, digest in zip(held.values(), digests, strict=True):
            entry.digest = digest
        return document
    whole = parse_whole()
    if not _remember_part(whole, memory, parse) and all(_is_right(whole.entries[key], held[key]) for key in held):
        memory.remember(_list_pieces(held), [as_installed(whole.entries[key]).digest for key in held])
    return whole


def _remember_part(document: LdifText, memory: HolderMemory, parse: Parse) -> bool:
    """Remember the part of a document with all definitions, if nothing else is in it; tell whether memory knows it."""
    part = _find_part(document.data)
    if part is None:
        return False
    if memory.recall(_list_part(document.data, part)) is not None:
        return True
    spans = _find_spans(document, part)
    read = _entry_reader(parse)
    entries = [document.entries[key] for key in spans]
    if not spans or not all(
        _is_right(entry, HeldEntry(entry.dn, document.data, span, read))
        for entry, span in zip(entries, spans.values(), strict=True)
    ):
        return False
    found = [
        (str(entry.dn), end - start, as_installed(entry).digest)
        for entry, (start, end) in zip(entries, spans.values(), strict=True)
    ]
    memory.remember(_list_part(document.data, part), found)
    return True


def parse_around(data: bytes, memory: HolderMemory, parse: Parse, parse_part: Parse) -> LdifText | None:
    """Return the document in the content of a file of which memory knows the part with all definitions, else None.

    What precedes the part and what follows it is parsed. None also if the whole has to be parsed: there is a mistake,
    or names depend on each other.
    """
    part = _find_part(data)
    known = None if part is None else memory.recall(_list_part(data, part))
    if part is None or known is None:
        return None
    start, end = part
    try:
        before, after = parse(data[:start].decode()), parse_part(data[end:].decode())
    except (UnicodeDecodeError, BrokenDataError):
        return None
    held = _make_holders(data, start, known, parse)
    entries = {**before.entries, **held, **after.entries}
    if before.holds_alike or after.holds_alike or len(entries) < sum(map(len, (before.entries, held, after.entries))):
        return None
    sizes = [size for _, size, _ in known]
    sizes[0] += start - sum(before.sizes)
    return LdifText(data, entries, [*before.sizes, *sizes, *after.sizes])


def _make_holders(data: bytes, at: int, known: Sequence[Known], parse: Parse) -> dict[str, Entry]:
    """Return the entries that a memory knows from an offset of a file's content on, by key."""
    read = _entry_reader(parse)
    held: dict[str, Entry] = {}
    for dn, (_, size, digest) in zip(DN.parse_all(name for name, _, _ in known), known, strict=True):
        held[dn.normal] = HeldEntry(dn, data, (at, at + size), read, digest)
        at += size
    return held


def _find_part(data: bytes) -> tuple[int, int] | None:
    """Return where the entries with definitions begin and end in a file's content, other entries between them included.

    None if no empty line is there before or after, or if what is between them counts for the whole text.
    """
    mark = HOLDERS.encode()
    first, last = data.find(mark), data.rfind(mark)
    start = data.rfind(b"\n\n", 0, max(first, 0)) + 2
    end = data.find(b"\n\n", last) + 1 or len(data)
    if start < 2 or not data.startswith(b"dn: ", start) or data.find(b"\n", start, first) >= 0:
        return None
    if data.find(b"\r", start, end) >= 0 or data.find(MARKER.encode(), start, end) >= 0:
        return None
    return start, end


def _find_spans(document: LdifText, part: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """Return the lines of each entry in a part of a document, from where the one before ends, by key, as offsets."""
    found: dict[str, tuple[int, int]] = {}
    start, last = 0, part[0]
    for key, size in zip(document.entries, document.sizes, strict=True):
        start += size
        if last < start <= part[1]:
            found[key] = last, start
            last = start
    return found if last == part[1] else {}


def _list_part(data: bytes, part: tuple[int, int]) -> Iterator[str | memoryview]:
    """Yield what a memory knows the part of a file with all definitions by: its bytes."""
    yield "LDIF text with entries that hold definitions"
    yield memoryview(data)[slice(*part)]


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
