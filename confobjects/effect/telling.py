"""Events: what is told of a step, from the state in effect before it and the one after it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from confobjects.effect.counting import Told, is_same_value
from confobjects.effect.model import Event, Kind, LiveState, Waiting
from confobjects.effect.waiting import list_waiting
from confobjects.paths import ManagedObjectPath
from confobjects.records import Record, field

if TYPE_CHECKING:
    from confobjects.objects.judging import Judgement


class Changed(Record):
    """The objects a step is about: those that it touches, and of these the ones that it disables and enables; those that
    were judged anew, each as it was before; and those that were replaced as such.
    """

    touched: Collection[ManagedObjectPath] = ()
    restarted: Collection[ManagedObjectPath] = ()
    told: Told = field(default_factory=dict)
    replaced: Collection[ManagedObjectPath] = ()


def make_events(old: LiveState, new: LiveState, changed: Changed, number: int | None) -> tuple[Event, ...]:
    """Return what is told: each object whose state in effect has changed, each that was restarted, and each touched one
    that waits.

    An object that was deleted and created again is told as that: first the old one is deleted. The other events are in
    an order in which references are valid: added, changed, deleted; parents come first and go last.
    """
    concerned = {*changed.told, *changed.touched}
    waiting: dict[ManagedObjectPath, list[Waiting]] = {}
    for one in list_waiting(new, concerned):
        waiting.setdefault(one.path, []).append(one)
    first: list[Event] = []
    rest: list[Event] = []
    for path in sorted(concerned):
        before, after = old.judged.get(path), new.judged.get(path)
        mine = tuple(waiting.get(path, ()))
        if before is not None and after is not None and path in changed.replaced and _differs(before, after):
            first.append(_make_event(path, before, None, (), number))
            before = None
        again = path in changed.restarted and _is_enabled(before) and _is_enabled(after)
        if _differs(before, after):
            rest.append(_make_event(path, before, after, mine, number).replace(restarted=again))
        elif again or (mine and path in changed.touched):
            kind = mine[0].kind if mine else "changed"
            rest.append(Event(kind, path, before, after, (), mine, number, restarted=again))
    return (*reversed(first), *_sort_events(rest))


def _make_event(
    path: ManagedObjectPath,
    before: Judgement | None,
    after: Judgement | None,
    waiting: tuple[Waiting, ...],
    number: int | None,
) -> Event:
    kind: Kind = "changed"
    if before is None:
        kind = "added"
    elif after is None:
        kind = "deleted"
    return Event(kind, path, before, after, _find_properties(before, after), waiting, number)


def _is_enabled(judged: Judgement | None) -> bool:
    """Tell whether an object is there and not known to be disabled."""
    if judged is None:
        return False
    condition = judged.object.definition.enabled_when
    return condition is None or condition.judge(judged.normal_values) is not False


def _differs(before: Judgement | None, after: Judgement | None) -> bool:
    if before is None or after is None:
        return before is not after
    return before.object.definition is not after.object.definition or bool(_find_properties(before, after))


def _find_properties(before: Judgement | None, after: Judgement | None) -> tuple[str, ...]:
    """Return the properties whose values in effect differ, in order of declaration; no object has no values."""
    old, new = ({} if one is None else one.readings for one in (before, after))
    return tuple(
        name
        for name in dict.fromkeys((*new, *old))
        if not is_same_value(old.get(name), new.get(name))
        and any(side[name].texts for side in (old, new) if name in side)
    )


def _sort_events(events: Iterable[Event]) -> Iterator[Event]:
    several = list(events)
    yield from (one for one in several if one.kind == "added")
    yield from (one for one in several if one.kind == "changed")
    yield from (one for one in reversed(several) if one.kind == "deleted")
