"""One consistent state out of entries that were read one after the other while others were changing them.

A directory records a change before it makes it, and each change leaves its number as the revision of every entry that it
creates or modifies. So a revision tells up to which change an entry was read, and a number may be found at which all of them
were as they were read: also all entries of a change of several, or none of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

from confobjects.errors import UnknownNameError
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.dn import DN
    from confobjects.management.history.records import HistoryRecord
    from confobjects.mapping.objects import Mapper

Entry = TypeVar("Entry", bound=Hashable)
TouchKind = Literal["create", "modify", "rename", "delete", "several"]
"""What a change did to an entry; ``several`` if it did more than one thing."""


class Touch(Record):
    """A change of an entry: its number, and what it was."""

    number: int
    kind: TouchKind


def name_entries(mapper: Mapper, record: HistoryRecord) -> list[DN] | None:
    """Return the entry of each object that a change touched; None if it does not name all of them."""
    if record.state == "edited" or not record.changes or any(one.new_path is not None for one in record.changes):
        return None
    try:
        return [mapper.dn_of(one.path) for one in record.changes]
    except UnknownNameError:
        return None


def list_touches(mapper: Mapper, records: Iterable[HistoryRecord]) -> list[tuple[DN, Touch]] | None:
    """Return what some changes did to which entries; None if that is not known by their names."""
    touches: list[tuple[DN, Touch]] = []
    for record in records:
        names = name_entries(mapper, record)
        if names is None:
            return None
        kinds: dict[DN, TouchKind] = {}
        for name, change in zip(names, record.changes, strict=True):
            kinds[name] = "several" if name in kinds else change.action
        touches.extend((name, Touch(record.number, kind)) for name, kind in kinds.items())
    return touches


def find_cut(base: int, touches: Iterable[tuple[Entry, Touch]], read: Mapping[Entry, int | None]) -> int | None:
    """Return the number of a change after which all entries were as they were read; None if none is sure.

    ``base`` is the last change that was known before the first entry was read. ``touches`` are all changes of entries
    that were known after the last one was read, in the order of their numbers. ``read`` are the revisions of the entries
    that were read, None for one that was not there. Entries that were not read are known as they were before all touches,
    and so are those with a revision of before all touches and up to ``base``.
    """
    by_entry: defaultdict[Entry, list[Touch]] = defaultdict(list)
    for entry, touch in touches:
        by_entry[entry].append(touch)
    shown = {entry: _find_last_shown(base, by_entry.get(entry, ()), revision) for entry, revision in read.items()}
    numbers = [number for number in shown.values() if number is not None]
    if len(numbers) < len(shown):
        return None
    cut = max(base, *numbers) if numbers else base
    for entry, several in by_entry.items():
        last = shown.get(entry) or 0
        if any(last < touch.number <= cut for touch in several):
            return None
    return cut


def _find_last_shown(base: int, touches: Sequence[Touch], revision: int | None) -> int | None:
    """Return the number of the last change that an entry shows, 0 for one before all; None if that is not sure."""
    if not touches:
        return 0
    first, last = touches[0], touches[-1]
    if revision is None:
        return last.number if last.kind == "delete" else None
    if revision == last.number and last.kind in {"create", "modify"}:
        return revision
    if revision <= base and revision < first.number and first.kind in {"modify", "delete"}:
        return 0
    is_known = any(one.number == revision and one.kind == "modify" for one in touches)
    return revision if is_known and not any(one.kind == "delete" for one in touches) else None
