"""The outline of a history: each change with what it was made of, without values; read once, and continued from where it was read.

Whoever shows a history needs little of it: who made which change when, and of which objects. A long one takes a second to read.

Laws of this module:

1. An outline is that of the history as it is now: what another process has recorded is in it.
2. It holds no value of a property, also none that is no secret.
3. No more than :data:`MOST` changes of objects are kept; a longer history is read each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from confobjects.management.history.records import HistoryRecord, RecordedChange, record_of
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.management.site import Site
    from confobjects.mapping.journal import NotedChange
    from confobjects.mapping.protocol import Storage

MOST: Final = 100_000
"""Changes of objects that are kept."""
_NOTHING: Final = MappingProxyType[str, tuple[str, ...]]({})


class _Kept(Record):
    """An outline: the mark of the history, its records, and of the first ``settled`` of them, which change no more, the last note."""

    mark: object
    records: tuple[HistoryRecord, ...]
    settled: int
    last: NotedChange | None


def read_outline(site: Site) -> Sequence[HistoryRecord]:
    """Return the changes without values, the oldest first. Several threads may do that at the same time.

    Raises :class:`~confobjects.errors.NoSuchObjectError` where the storage keeps none.
    """
    storage = site.storage
    kept: _Kept | None = site.kept.outline
    mark = storage.history_mark()
    if mark is None:
        return _describe(storage.history())
    if kept is None or kept.mark != mark:
        kept = _read(storage, mark, kept)
        site.kept.outline = kept if sum(len(one.changes) for one in kept.records) <= MOST else None
    return kept.records


def _read(storage: Storage, mark: object, kept: _Kept | None) -> _Kept:
    """Return the outline after what is known of it, if the history still goes on from there."""
    last = None if kept is None else kept.last
    known: tuple[HistoryRecord, ...] = ()
    noted = storage.history() if last is None else storage.history(last.number - 1)
    if kept is not None and last is not None:
        if noted and _is_same(noted[0], last):
            known, noted = kept.records[: kept.settled], noted[1:]
        else:
            noted, last = storage.history(), None
    settled = _count_settled(noted)
    last = noted[settled - 1].replace(secret="") if settled else last
    return _Kept(mark, (*known, *_describe(noted)), len(known) + settled, last)


def _is_same(one: NotedChange, other: NotedChange) -> bool:
    return (one.number, one.state, one.text) == (other.number, other.state, other.text)


def _count_settled(noted: Sequence[NotedChange]) -> int:
    """Return how many of the changes stay as they are: those up to the last one that is done, if all before it are settled."""
    settled = 0
    for position, one in enumerate(noted, 1):
        if one.state == "done":
            settled = position
        elif one.state != "edited":
            break
    return settled


def _describe(noted: Iterable[NotedChange]) -> list[HistoryRecord]:
    return [_leave_out_values(record_of(one)) for one in noted]


def _leave_out_values(one: HistoryRecord) -> HistoryRecord:
    return one.replace(kept=(), changes=tuple(map(_leave_out_change, one.changes)))


def _leave_out_change(one: RecordedChange) -> RecordedChange:
    return RecordedChange(one.path, one.action, one.type, _NOTHING, _NOTHING, one.new_path, test=one.test)
