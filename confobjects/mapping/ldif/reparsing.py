"""Parse a text again of which a part has changed: only that part, as far as nothing else depends on it.

Law: the document is that of parsing the whole text, and entries outside the changed part are the same objects as before.
Wherever that is not sure there is none, and the whole text has to be parsed: so every mistake is told as it always is.

Both texts are compared as bytes, without copies. Only the part that differs is decoded.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from confobjects.errors import BrokenDataError
from confobjects.mapping.ldif.document import MARKER, LdifText

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from confobjects.mapping.entry import Entry

_STEP: Final = 1 << 16
_BLOCK: Final = 1 << 10
_EMPTY_LINES: Final = (b"\n", b"\r\n")
_MARKER: Final = MARKER.encode()
"""What counts for the whole text wherever it is; only the first one does."""


def parse_changed(known: LdifText, data: bytes, parse_part: Callable[[str], LdifText]) -> LdifText | None:
    """Return the document in a file's content, of which most is known; None if the whole has to be parsed.

    ``parse_part`` parses a part of a text that other entries precede.
    """
    old, sizes = known.data, known.sizes
    start = _measure_start(old, data)
    same = _measure_end(old, data, min(len(old), len(data)) - start)
    first, begin = _find_piece(
        sizes, start
    )  # the first entry that the change may touch: it or the empty line behind it
    last, end = _find_piece(sizes, len(old) - same + 1, first, begin)
    end = end + sizes[last] if last < len(sizes) else len(old)
    last = min(last + 1, len(sizes))  # the first entry that begins behind the change
    if known.holds_alike or not first or not (_is_between(old, begin) and (end == len(old) or _is_between(old, end))):
        return None
    changed = data[begin : end + len(data) - len(old)]
    if _MARKER in changed or old.find(_MARKER, begin, end) >= 0:
        return None
    try:
        part = parse_part(changed.decode())
    except (UnicodeDecodeError, BrokenDataError):
        return None
    replaced = list(islice(known.entries, first, last))
    if part.holds_alike or not _is_free(known, part, replaced):
        return None
    left = len(changed) - sum(part.sizes)  # it belongs to the next entry
    rest = [] if last == len(sizes) else [sizes[last] + left, *sizes[last + 1 :]]
    sizes = [*sizes[:first], *part.sizes, *rest]
    if list(part.entries) == replaced:
        return LdifText(data, _put_entries(known.entries, part.entries), sizes, names=known.names)
    items = known.entries.items()
    return LdifText(data, dict(chain(islice(items, first), part.entries.items(), islice(items, last, None))), sizes)


def _find_piece(sizes: Sequence[int], offset: int, index: int = 0, at: int = 0) -> tuple[int, int]:
    """Return the number of the first piece that ends at an offset or behind it, and where that piece begins.

    The piece of the number ``index``, which begins at ``at``, is the first one that may be it.
    """
    while index < len(sizes) and at + (size := sum(sizes[index : index + _BLOCK])) < offset:
        index, at = index + _BLOCK, at + size
    while index < len(sizes) and at + sizes[index] < offset:
        at += sizes[index]
        index += 1
    return min(index, len(sizes)), at


def _is_between(data: bytes, offset: int) -> bool:
    """Tell whether a line ends at an offset, and an empty one begins: an entry that was added here may miss that."""
    return data[offset - 1 : offset] == b"\n" and data.startswith(_EMPTY_LINES, offset)


def _is_free(known: LdifText, part: LdifText, replaced: Sequence[str]) -> bool:
    """Tell whether no entry of a part has the name of one outside of what it replaces."""
    there = set(replaced)
    return all(key in there or key not in known.entries for key in part.entries)


def _put_entries(known: dict[str, Entry], part: dict[str, Entry]) -> dict[str, Entry]:
    """Return entries with others of the same keys in their places."""
    entries = known.copy()
    for key, entry in part.items():  # dict.update would make room for more keys first
        entries[key] = entry
    return entries


def _measure_start(one: bytes, other: bytes) -> int:
    """Return how many bytes two texts have in common at their beginning."""
    view, at, step = memoryview(other), 0, _STEP
    while step:
        while at + step <= min(len(one), len(other)) and one.startswith(view[at : at + step], at):
            at += step
        step //= 2
    return at


def _measure_end(one: bytes, other: bytes, most: int) -> int:
    """Return how many bytes two texts have in common at their end, up to a number."""
    view, size, step = memoryview(other), 0, _STEP
    while step:
        while size + step <= most and one.startswith(
            view[len(other) - size - step : len(other) - size], len(one) - size - step
        ):
            size += step
        step //= 2
    return size
