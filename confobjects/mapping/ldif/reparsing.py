"""Parse a text again of which a part has changed: only that part, as far as nothing else depends on it.

Law: the document is that of parsing the whole text, and entries outside the changed part are the same objects as before.
Wherever that is not sure there is none, and the whole text has to be parsed: so every mistake is told as it always is.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from confobjects.errors import BrokenDataError
from confobjects.mapping.ldif.document import MARKER, LdifText

if TYPE_CHECKING:
    from collections.abc import Callable

_STEP: Final = 1 << 16
_BLANK: Final = "\n\n"
"""What is at the end of an entry that others follow: its last line ends, and an empty line does."""
_SPECIAL: Final = ("\r", "\0", "\ufeff", MARKER)
"""What counts for the whole text, or is allowed only at its beginning, as is the version."""


def parse_changed(known: LdifText, text: str, parse: Callable[[str], LdifText]) -> LdifText | None:
    """Return the document in a text, of which most is known; None if the whole text has to be parsed.

    ``parse`` parses a text as a whole.
    """
    old, ends = known.text, known.ends
    start = _measure_start(old, text)
    same = _measure_end(old, text, min(len(old), len(text)) - start)
    first = bisect_left(ends, start)  # the first entry that the change may touch: it or the empty line behind it
    last = bisect_right(ends, len(old) - same, lo=first) + 1  # the first one that begins behind the change
    if known.holds_alike or not first or "\r" in old:
        return None
    begin = ends[first - 1]
    end = ends[last - 1] if last <= len(ends) else len(old)
    if old[begin - 1 : begin + 1] != _BLANK or (end < len(old) and old[end - 1 : end + 1] != _BLANK):
        return None  # an entry was added here to a last line without an end
    moved = len(text) - len(old)
    changed = text[begin : end + moved]
    if any(special in changed for special in _SPECIAL) or "version:" in changed.lower():
        return None
    try:
        part = parse(changed)
    except BrokenDataError:
        return None
    last = min(last, len(ends))
    if part.holds_alike or not _is_free(known, part, first, last):
        return None
    replaced = list(islice(known.entries, first, last))
    if list(part.entries) == replaced:
        entries = {**known.entries, **part.entries}
    else:
        items = known.entries.items()
        entries = dict(chain(islice(items, first), part.entries.items(), islice(items, last, None)))
    shifted = ends[last:] if not moved else [one + moved for one in ends[last:]]
    return LdifText(text, entries, [*ends[:first], *(begin + one for one in part.ends), *shifted])


def _is_free(known: LdifText, part: LdifText, first: int, last: int) -> bool:
    """Tell whether no entry of a part has the name of one outside of what it replaces."""
    replaced = set(islice(known.entries, first, last))
    return all(key in replaced or key not in known.entries for key in part.entries)


def _measure_start(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    at, step = 0, _STEP
    while step:
        while at + step <= min(len(one), len(other)) and one[at : at + step] == other[at : at + step]:
            at += step
        step //= 2
    return at


def _measure_end(one: str, other: str, most: int) -> int:
    """Return how many characters two texts have in common at their end, up to a number."""
    size, step = 0, _STEP
    while step:
        while size + step <= most and _take_end(one, size, step) == _take_end(other, size, step):
            size += step
        step //= 2
    return size


def _take_end(text: str, size: int, step: int) -> str:
    return text[len(text) - size - step : len(text) - size]
