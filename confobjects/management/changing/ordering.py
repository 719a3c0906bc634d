"""The order of writing: whatever part of a change has been written, no reference leads nowhere.

A storage that writes one entry after the other may stop in between. So what is referred to is made, or enabled, before
what refers to it, and deleted or disabled after what refers to it has let go.

Laws of this module:

1. The outcomes are those that were given, each once.
2. After each of them every object finds what it refers to, there and enabled where it needs that, if it did so before
   the first and does so after the last. A renamed object is followed by those that refer to it, and objects that refer
   to each other in a circle cannot all come first: these are the exceptions.
3. Deletions that make room come first, then renames; an object comes after those above it, and goes before them.
   Apart from all this the order is that of the asking, and what is deleted goes last.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final

from confobjects.paths import ManagedObjectPath
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition
    from confobjects.management.changing.outcomes import ObjectOutcome
    from confobjects.management.world import Overlay
    from confobjects.objects.judging import Judge
    from confobjects.objects.model import ManagedObject

_ABSENT: Final = 0
_DISABLED: Final = 1
_ENABLED: Final = 2


def sort_outcomes(found: Sequence[ObjectOutcome], world: Overlay, before: Judge, after: Judge) -> list[ObjectOutcome]:
    """Return outcomes in the order in which they are to be written."""
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
    """Whether another object takes the place of a deleted one, or of one above it, or that is renamed meanwhile."""
    above = (ManagedObjectPath(path.elements[:length]) for length in range(1, len(path.elements) + 1))
    return any(one in sources or (world.pending.get(one) is not None and world.source_of(one) != one) for one in above)


# -- what has to come before what --------------------------------------------------------------------------------------

Edge = tuple[int, int]
"""The places of two outcomes of which the first has to come first."""


def _order_by_place(outcomes: Sequence[ObjectOutcome]) -> Iterator[Edge]:
    """An object comes after those above it that are new, and goes before those above it."""
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
    """An object on one side of the change: itself, if it is there, and the judge of that side."""

    judge: Judge
    object: ManagedObject | None

    def supplies(self, prop: PropertyDefinition) -> int:
        """What the object is to somebody who refers to it."""
        if self.object is None:
            return _ABSENT
        return _ENABLED if self.judge.is_enough(self.object, prop) else _DISABLED


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
        for prop, path, demand in _find_demands(becomes, relations):
            target = new_places.get(path, place)
            if target != place and sides[target][0].supplies(prop) < demand:
                yield target, place
        for prop, path, demand in _find_demands(was, relations):
            target = old_places.get(path, place)
            if target != place and sides[target][1].supplies(prop) < demand:
                yield place, target


def _find_demands(
    side: _ObjectSide, relations: set[str]
) -> Iterator[tuple[PropertyDefinition, ManagedObjectPath, int]]:
    """What an object refers to, and what that has to be."""
    if side.object is None:
        return
    for prop, path, needs in side.judge.find_demands(side.object, relations):
        yield prop, path, _ENABLED if needs else _DISABLED


# -- sorting -----------------------------------------------------------------------------------------------------------


def _sort_by_edges(
    outcomes: Sequence[ObjectOutcome], firm: Sequence[Edge], wanted: Sequence[Edge]
) -> list[ObjectOutcome]:
    """Sort outcomes so that edges lead forward, the rest as it was; in a circle the wanted ones give way."""
    if not wanted:
        return _walk(outcomes, firm, lambda waiting: waiting[0]) if firm else list(outcomes)
    return _walk(outcomes, [*firm, *wanted], _make_breaker(firm))


def _make_breaker(firm: Sequence[Edge]) -> Callable[[list[int]], int]:
    """Return what chooses, of those that wait for each other, the first that waits only for what is wanted."""

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
