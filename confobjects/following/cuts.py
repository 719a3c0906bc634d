"""One consistent state out of entries that were read one after the other while others were changing them.

A directory records a change before it makes it, and a change of one entry leaves its number as the revision of the entry; one
of several entries only adds one to each revision. So a revision tells up to which change an entry was read, and a number may
be found at which all of them were as they were read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Literal, TypeVar

from confobjects.records import Record

Entry = TypeVar("Entry", bound=Hashable)
TouchKind = Literal["create", "modify", "rename", "delete", "several"]
"""What a change did to an entry; ``several`` if it changed others as well."""


class Touch(Record):
    """A change of an entry: its number, and what it was."""

    number: int
    kind: TouchKind


def find_cut(base: int, touches: Iterable[tuple[Entry, Touch]], read: Mapping[Entry, int | None]) -> int | None:
    """Return the number of a change after which all entries were as they were read; None if none is sure.

    ``base`` is the last change that was known before the first entry was read. ``touches`` are all changes of entries
    that were known after the last one was read, in the order of their numbers. ``read`` are the revisions of the entries
    that were read, None for one that was not there. Entries that were not read are known as they were before all touches.
    """
    by_entry: defaultdict[Entry, list[Touch]] = defaultdict(list)
    for entry, touch in touches:
        by_entry[entry].append(touch)
    shown = {entry: _find_last_shown(by_entry.get(entry, ()), revision) for entry, revision in read.items()}
    numbers = [number for number in shown.values() if number is not None]
    if len(numbers) < len(shown):
        return None
    cut = max(base, *numbers) if numbers else base
    for entry, several in by_entry.items():
        last = shown.get(entry) or 0
        if any(last < touch.number <= cut for touch in several):
            return None
    return cut


def _find_last_shown(touches: Sequence[Touch], revision: int | None) -> int | None:
    """Return the number of the last change that an entry shows, 0 for one before all; None if that is not sure."""
    if not touches:
        return 0
    last = touches[-1]
    if revision is None:
        return last.number if last.kind == "delete" else None
    if revision == last.number and last.kind in {"create", "modify"}:
        return revision
    is_known = any(one.number == revision and one.kind == "modify" for one in touches)
    return revision if is_known and not any(one.kind == "delete" for one in touches) else None
