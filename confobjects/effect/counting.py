"""Decide which pending changes count now: those that wait for nothing, and hold together with everything in effect."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from confobjects.effect.model import LiveState, PendingChange
from confobjects.effect.trial import Finding, Involved, Trial, add_involved, try_changes
from confobjects.effect.world import EvaluatedObject, HeldReader, Names
from confobjects.objects.changes import RequiredAction
from confobjects.paths import ManagedObjectPath

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition
    from confobjects.objects.judging import Judgement
    from confobjects.objects.model import ManagedObject, Reading

Told = dict[ManagedObjectPath, "Judgement | None"]
"""The objects whose state in effect was replaced, each as it was before."""
_FIXED: Final = ("defined", "alias", "undefined")
"""The kinds of defaults that depend on no other value."""


def count_changes(state: LiveState, active: Iterable[ManagedObjectPath]) -> tuple[LiveState, Told]:
    """Let every pending change count that can, and return the objects that this replaces.

    ``active`` are the objects that have changed since all pending changes were looked at: only changes of those, and
    changes that collide with them, are looked at again.
    """
    told: Told = {}
    moved = set(active)
    while moved:
        looked = _select_pending(state.pending, moved)
        pending = list(state.pending)
        for index in looked:
            pending[index] = pending[index].replace(actions=tuple(_find_actions(state, pending[index])), against={})
        free = [index for index in looked if not pending[index].actions]
        state = state.replace(pending=tuple(pending))
        state, moved = _count_free(state, free, told)
    return state, told


def _select_pending(pending: Sequence[PendingChange], moved: Collection[ManagedObjectPath]) -> list[int]:
    """Return which pending changes are of some objects, or collide with one that is, in any number of steps."""
    places = set(moved)
    found: set[int] = set()
    size = -1
    while size != len(found):
        size = len(found)
        for index, one in enumerate(pending):
            if index not in found and (one.path in places or not places.isdisjoint(one.against)):
                found.add(index)
                places.add(one.path)
    return sorted(found)


def _count_free(state: LiveState, free: Sequence[int], told: Told) -> tuple[LiveState, set[ManagedObjectPath]]:
    """Let of some pending changes those count that hold: all that do not collide, then each other one that still can.

    Returns the objects that this changes; each change that is left knows what it collides with.
    """
    counted, trial = _avoid_collisions(state, free)
    moved: set[ManagedObjectPath] = set()
    done: set[int] = set()
    against: dict[int, Involved] = {}
    if trial is not None:
        state = _accept(state, trial, told)
        moved.update(trial.judged)
        done.update(counted)
    for group in _group_indexes(state.pending, [index for index in free if index not in done]):
        rest = [index for index in group if index not in done]
        trial = _try_pending(state, rest)
        if rest and not trial.findings:
            state = _accept(state, trial, told)
            moved.update(trial.judged)
            done.update(rest)
        elif len(group) == 1:
            against[group[0]] = _join_involved(trial.findings)
    left = (
        one.replace(against=against[index]) if index in against else one
        for index, one in enumerate(state.pending)
        if index not in done
    )
    return state.replace(pending=tuple(left)), moved


def _avoid_collisions(state: LiveState, free: Sequence[int]) -> tuple[list[int], Trial | None]:
    """Return of some pending changes those that are left without all that may collide, and their trial."""
    counted = list(free)
    while counted:
        trial = _try_pending(state, counted)
        if not trial.findings:
            return counted, trial
        culprits = {
            index for index in counted if any(touches(state.pending[index], one.involved) for one in trial.findings)
        }
        counted = [index for index in counted if index not in culprits] if culprits else []
    return [], None


def _group_indexes(pending: Sequence[PendingChange], left: Sequence[int]) -> Iterator[list[int]]:
    """Yield the pending changes that are left in the order of the history: one by one, then those of a commit together."""
    by_number: dict[int | None, list[int]] = {}
    for index in left:
        by_number.setdefault(pending[index].number, []).append(index)
    for number in sorted(by_number, key=lambda number: -1 if number is None else number):
        yield from ([index] for index in by_number[number])
        if len(by_number[number]) > 1:
            yield by_number[number]


def touches(one: PendingChange, involved: Involved) -> bool:
    """Tell whether a pending change is among what a problem comes from."""
    if one.path not in involved:
        return False
    names = involved[one.path]
    return one.whole or names is None or not names.isdisjoint(one.properties)


def _join_involved(findings: Iterable[Finding]) -> Involved:
    found: dict[ManagedObjectPath, Names | None] = {}
    for finding in findings:
        for path, names in finding.involved.items():
            known = found.get(path, frozenset())
            found[path] = None if known is None or names is None else known | names
    return found


# -- trying ----------------------------------------------------------------------------------------------------------


def _try_pending(state: LiveState, indexes: Iterable[int]) -> Trial:
    """Judge what would be in effect with some of the pending changes."""
    changes: dict[ManagedObjectPath, EvaluatedObject | None] = {}
    for index in indexes:
        one = state.pending[index]
        old = changes[one.path] if one.path in changes else state.effect.objects.get(one.path)
        changes[one.path] = mix_objects(old, state.stored.objects.get(one.path), one)
    trial = try_changes(state.effect, state.evaluate, changes)
    return trial.replace(findings=(*trial.findings, *_find_strange_values(state, trial)))


def mix_objects(old: EvaluatedObject | None, new: EvaluatedObject | None, one: PendingChange) -> EvaluatedObject | None:
    """Return an object in effect with a pending change: the stored object, or the old one with some of its values."""
    if one.whole or old is None or new is None:
        return new
    values = {name: texts for name, texts in old.object.values.items() if name not in one.properties}
    values.update((name, texts) for name, texts in new.object.values.items() if name in one.properties)
    readings = {name: reading for name, reading in old.readings.items() if name not in one.properties}
    readings.update((name, reading) for name, reading in new.readings.items() if name in one.properties)
    return new.replace(object=new.object.replace(values=values), readings=readings)


def _find_strange_values(state: LiveState, trial: Trial) -> Iterator[Finding]:
    """Yield the derived values that are neither what they were nor what they are in the storage: nobody wanted them."""
    reader = HeldReader(state.stored, state.evaluate)
    for path, judged in trial.judged.items():
        stored = state.stored.find(path)
        if judged is None or stored is None or stored.definition is not judged.object.definition:
            continue
        before = state.judged.get(path)
        for name in _find_derived(trial, judged):
            reading = judged.readings[name]
            known = None if before is None else before.readings.get(name)
            if not is_same_value(known, reading) and not is_same_value(
                reader.read(stored, stored.definition.properties[name]), reading
            ):
                yield _describe_strange_value(trial, judged, name)


def _find_derived(trial: Trial, judged: Judgement) -> Iterator[str]:
    own = trial.judge.held.objects[judged.object.path].readings
    for name, prop in judged.object.definition.properties.items():
        if prop.default.kind not in _FIXED and name not in own:
            yield name


def _describe_strange_value(trial: Trial, judged: Judgement, name: str) -> Finding:
    path = judged.object.path
    involved: dict[ManagedObjectPath, Names | None] = {}
    add_involved(trial.judge.held, involved, path, name)
    return Finding(path, involved)


def is_same_value(one: Reading | None, other: Reading | None) -> bool:
    """Tell whether two readings of a property are the same values, in whatever spelling and order."""
    if one is None or other is None:
        return one is other
    return one.values == other.values or (one.normals is not None and one.normals == other.normals)


def _accept(state: LiveState, trial: Trial, told: Told) -> LiveState:
    for path in trial.judged:
        told.setdefault(path, state.judged.get(path))
    return state.replace(effect=trial.adopt(), judged=state.judged.with_changes(trial.judged))


# -- actions ---------------------------------------------------------------------------------------------------------


def _find_actions(state: LiveState, one: PendingChange) -> Iterator[RequiredAction]:
    """Yield the administrator actions that a pending change waits for."""
    old, new = state.effect.objects.get(one.path), state.stored.objects.get(one.path)
    if one.whole or old is None or new is None:
        return  # an object that comes or goes has nothing to be restarted
    before = state.judged[one.path]
    reader = HeldReader(state.stored, state.evaluate)
    for name, prop in before.object.definition.properties.items():
        action = prop.admin_action
        if name not in one.properties or action.kind == "none":
            continue
        if is_same_value(before.readings[name], reader.read(new.object, prop)):
            continue
        if action.kind == "component-restart" and (name in one.released or not _stays_enabled(state, one)):
            continue
        yield RequiredAction(one.path, name, action.kind, action.as_sentence())


def _stays_enabled(state: LiveState, one: PendingChange) -> bool:
    """Tell whether an object is enabled before and after a pending change; a disabled one takes every value."""
    condition = state.judged[one.path].object.definition.enabled_when
    if condition is None:
        return True
    mixed = mix_objects(state.effect.objects.get(one.path), state.stored.objects.get(one.path), one)
    after = state.effect.with_objects({one.path: mixed})
    views = (state.effect, after)
    return all(is_enabled(HeldReader(world, state.evaluate), world.find(one.path)) is not False for world in views)


def is_enabled(reader: HeldReader, obj: ManagedObject | None) -> bool | None:
    """Tell whether an object is enabled in a world, None if that is not known; one that is not there is not."""
    if obj is None:
        return False
    condition = obj.definition.enabled_when
    return True if condition is None else condition.judge(lambda name: reader.read(obj, _property(obj, name)).normals)


def _property(obj: ManagedObject, name: str) -> PropertyDefinition:
    return obj.definition.properties[name]
