"""The order of writing: no reference dangles, whatever part of a change has been written.

A storage that writes one entry after the other may stop in between. So the target of a reference is created or enabled
before the object that refers to it, and deleted or disabled after that object no longer refers to it.

Laws of this module:

1. The result holds each given outcome once.
2. If every reference is valid before the first outcome and after the last one, it is valid after each of them: its
   target exists, and is enabled where that is needed. There are two exceptions: references to a renamed object change
   after it, and objects that refer to each other in a circle cannot all come first.
3. Deletions that make room come first, then renames. An object is created after those above it, and deleted before
   them. Otherwise the order of the requests is kept, and deletions come last.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final

from confobjects.paths import ManagedObjectPath
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import Reference
    from confobjects.management.changing.outcomes import ObjectOutcome
    from confobjects.management.world import Overlay
    from confobjects.objects.judging import Judge
    from confobjects.objects.model import ManagedObject

_ABSENT: Final = 0
_DISABLED: Final = 1
_ENABLED: Final = 2


def sort_outcomes(found: Sequence[ObjectOutcome], world: Overlay, before: Judge, after: Judge) -> list[ObjectOutcome]:
    """Return outcomes sorted for writing."""
    sources = set(world.moved.values())
    first: list[ObjectOutcome] = []
    written: list[ObjectOutcome] = []
    deleted: list[ObjectOutcome] = []
    for one in found:
        if one.change.action == "rename" or (one.object is None and _makes_room(one.change.path, world, sources)):
            first.append(one)
        else:
            (deleted if one.object is None else written).append(one)
    rest = [*written, *deleted]
    if len(rest) < 2:
        return [*first, *rest]
    return [*first, *_sort_by_edges(rest, list(_order_by_place(rest)), list(_order_by_reference(rest, before, after)))]


def _makes_room(path: ManagedObjectPath, world: Overlay, sources: Container[ManagedObjectPath]) -> bool:
    """Whether the path of a deleted object, or one above it, gets another object or was that of a renamed one."""
    above = (ManagedObjectPath(path.elements[:length]) for length in range(1, len(path.elements) + 1))
    return any(one in sources or (world.pending.get(one) is not None and world.source_of(one) != one) for one in above)


# -- constraints on the order ------------------------------------------------------------------------------------------

Edge = tuple[int, int]
"""The indexes of two outcomes: the first has to be written before the second."""


def _order_by_place(outcomes: Sequence[ObjectOutcome]) -> Iterator[Edge]:
    """Yield the edges by path: an object is created after new ones above it, and deleted before those above it."""
    places = {one.change.path: place for place, one in enumerate(outcomes)}
    for place, one in enumerate(outcomes):
        elements = one.change.path.elements
        for length in range(1, len(elements)):
            above = places.get(ManagedObjectPath(elements[:length]))
            if above is None:
                continue
            if one.object is None:
                yield place, above
            elif outcomes[above].source is None:
                yield above, place


class _ObjectSide(Record):
    """An object before or after the change (None if it does not exist then), and the judge of that state."""

    judge: Judge
    object: ManagedObject | None

    def supplies(self, reference: Reference) -> int:
        """Return the object's state for a reference to it: absent, disabled or enabled."""
        if self.object is None:
            return _ABSENT
        return _ENABLED if self.judge.is_enough(self.object, reference) else _DISABLED


def _order_by_reference(outcomes: Sequence[ObjectOutcome], before: Judge, after: Judge) -> Iterator[Edge]:
    relations = {one.change.path.relation for one in outcomes}
    if not any(before.registry.users(relation) for relation in relations):
        return
    sides: list[tuple[_ObjectSide, _ObjectSide]] = []
    old_places: dict[ManagedObjectPath, int] = {}
    new_places: dict[ManagedObjectPath, int] = {}
    for place, one in enumerate(outcomes):
        old = before.world.find(one.source) if one.source is not None else None
        sides.append((_ObjectSide(before, old), _ObjectSide(after, one.object)))
        old_places[one.source or one.change.path] = place
        new_places[one.change.path if one.object is None else one.object.path] = place
    for place, (was, becomes) in enumerate(sides):
        for reference, path, demand in _find_demands(becomes, relations):
            target = new_places.get(path, place)
            if target != place and sides[target][0].supplies(reference) < demand:
                yield target, place
        for reference, path, demand in _find_demands(was, relations):
            target = old_places.get(path, place)
            if target != place and sides[target][1].supplies(reference) < demand:
                yield place, target


def _find_demands(side: _ObjectSide, relations: set[str]) -> Iterator[tuple[Reference, ManagedObjectPath, int]]:
    """Yield each reference of an object, and the state that its target needs."""
    if side.object is None:
        return
    for reference, path, needs in side.judge.find_demands(side.object, relations):
        yield reference, path, _ENABLED if needs else _DISABLED


# -- sorting -----------------------------------------------------------------------------------------------------------


def _sort_by_edges(
    outcomes: Sequence[ObjectOutcome], firm: Sequence[Edge], wanted: Sequence[Edge]
) -> list[ObjectOutcome]:
    """Sort outcomes along the edges, otherwise in their order; in a circle wanted edges give way to firm ones."""
    if not wanted:
        return _walk(outcomes, firm, lambda waiting: waiting[0]) if firm else list(outcomes)
    return _walk(outcomes, [*firm, *wanted], _make_breaker(firm))


def _make_breaker(firm: Sequence[Edge]) -> Callable[[list[int]], int]:
    """Return the function that breaks a circle: it chooses the first outcome that no firm edge holds back."""

    def choose(waiting: list[int]) -> int:
        there = set(waiting)
        held = {last for first, last in firm if first in there}
        return next(place for place in waiting if place not in held)

    return choose


def _walk(
    outcomes: Sequence[ObjectOutcome], edges: Sequence[Edge], choose: Callable[[list[int]], int]
) -> list[ObjectOutcome]:
    after: dict[int, list[int]] = {}
    waits = [0] * len(outcomes)
    for first, last in dict.fromkeys(edges):
        after.setdefault(first, []).append(last)
        waits[last] += 1
    ready = [place for place, count in enumerate(waits) if not count]
    heapify(ready)
    done: dict[int, None] = {}
    while len(done) < len(outcomes):
        place = heappop(ready) if ready else choose([one for one in range(len(outcomes)) if one not in done])
        if place in done:
            continue
        done[place] = None
        for last in after.get(place, ()):
            waits[last] -= 1
            if not waits[last]:
                heappush(ready, last)
    return [outcomes[place] for place in done]
