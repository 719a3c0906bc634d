"""Change groups: the events of one change of the history, which belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from confobjects.following.events import LiveEvent
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.management.site import ChangeSignature


class ChangeGroup(Record):
    """All events of one change. ``number`` is that of the change in the history, None for an edit by hand.

    ``restored`` tells that the storage went back to an earlier state, or was replaced. ``signature`` is who made the
    change, and when; None where that is not known.
    """

    number: int | None
    restored: bool
    signature: ChangeSignature | None
    events: tuple[LiveEvent, ...]


def group_events(events: Iterable[LiveEvent]) -> Iterator[ChangeGroup]:
    """Yield the groups of the events of one look: those of one change follow each other."""
    for (number, restored), several in groupby(events, lambda event: (event.number, event.restored)):
        told = tuple(several)
        signature = next((event.signature for event in told if event.signature is not None), None)
        yield ChangeGroup(number, restored, signature, told)
