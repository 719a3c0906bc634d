"""The steps between two stored states: what each change of the history did, and what was changed outside of it.

The stored states in between are found by applying the records backwards to what is stored now. What they do not explain
was changed by hand, or its history is lost; it is put before the first of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from confobjects.effect.counting import is_enabled
from confobjects.effect.layers import Layers
from confobjects.effect.model import LiveState, Paths, StoredState
from confobjects.effect.world import (
    EvaluatedObject,
    EvaluatedWorld,
    HeldReader,
    Names,
    evaluate_object,
    is_same_reading,
)
from confobjects.management.history.records import HistoryRecord, RecordedChange, move_path
from confobjects.objects.model import ManagedObject, Reading, Texts
from confobjects.paths import ManagedObjectPath
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.objects.protocols import Evaluator

Objects = Layers[ManagedObjectPath, EvaluatedObject]
Changes = Mapping[ManagedObjectPath, "EvaluatedObject | None"]
"""Some of the objects of a state, None for those that are not there."""
Touched = Mapping[ManagedObjectPath, "Names | None"]
"""The properties that a step changes, by object; None is the object as such."""


class Step(Record):
    """A step from one stored state to the next: the objects after it, what it touches, and what it restarts.

    ``number`` is that of the change in the history, None for what the history does not explain.
    """

    number: int | None
    objects: Objects
    touched: Touched
    restarted: Paths = frozenset()


def find_steps(state: LiveState, stored: StoredState, history: Iterable[HistoryRecord]) -> Iterator[Step]:
    """Yield the steps from the last stored state that held to the one that is stored now."""
    records = sorted((one for one in history if _is_between(one, state, stored)), key=lambda one: one.number)
    objects = stored.objects
    trail: list[tuple[HistoryRecord, Changes]] = []
    for one in reversed(records):
        before = _Backwards(state, objects).revert(one)
        trail.append((one, {path: objects.get(path) for path in before}))
        objects = objects.with_changes(before)
    yield from _find_unexplained(state, objects, tuple(_find_doubted(state, stored, objects)))
    while trail:
        one, after = trail.pop()
        following = objects.with_changes(after)
        yield _make_step(state, one, objects, following, after)
        objects = following


def _is_between(one: HistoryRecord, state: LiveState, stored: StoredState) -> bool:
    if state.number is None or stored.number is None or one.state != "done":
        return False
    return state.number < one.number <= stored.number


def _find_doubted(state: LiveState, stored: StoredState, base: Objects) -> Iterable[ManagedObjectPath]:
    """Return the objects that may differ between the last good stored state and the one before the first record."""
    if stored.changed is None or state.doubted is None:
        return dict.fromkeys((*state.stored.objects, *base))
    return dict.fromkeys((*state.doubted, *stored.changed))


def find_touched(before: Objects, after: Objects, paths: Iterable[ManagedObjectPath]) -> Touched:
    """Return which own values of some objects differ between two states."""
    found: dict[ManagedObjectPath, Names | None] = {}
    for path in paths:
        old, new = before.get(path), after.get(path)
        if old is new:
            continue
        names = find_differing(old, new)
        if names is None or names or _is_broken_otherwise(old, new):
            found[path] = names
    return found


def _is_broken_otherwise(old: EvaluatedObject | None, new: EvaluatedObject | None) -> bool:
    """Tell whether reading an object from its storage found other problems than before."""
    return old is not None and new is not None and old.object.problems != new.object.problems


def find_differing(old: EvaluatedObject | None, new: EvaluatedObject | None) -> Names | None:
    """Return the properties whose own values differ; None where an object comes, goes or is of another type."""
    if old is None or new is None:
        return frozenset() if old is new else None
    if old.object.definition is not new.object.definition:
        return None
    names = {**old.readings, **new.readings}
    return frozenset(name for name in names if not is_same_reading(old.readings.get(name), new.readings.get(name)))


def _find_unexplained(state: LiveState, base: Objects, paths: Collection[ManagedObjectPath]) -> Iterator[Step]:
    before = state.stored.objects
    touched = find_touched(before, base, paths)
    reader = HeldReader(EvaluatedWorld(state.registry, base), state.evaluate)
    counted = [path for path in paths if _counts_disabling(before.get(path), base.get(path))]
    restarted = frozenset(path for path in counted if is_enabled(reader, base[path].object))
    if touched or restarted:
        yield Step(None, base, touched, restarted)


def _counts_disabling(old: EvaluatedObject | None, new: EvaluatedObject | None) -> bool:
    """Tell whether an object's own count says that it has been disabled meanwhile."""
    if old is None or new is None or old.disablings is None or new.disablings is None:
        return False
    return new.disablings > old.disablings


def _make_step(
    state: LiveState, one: HistoryRecord, before: Objects, after: Objects, paths: Collection[ManagedObjectPath]
) -> Step:
    touched = dict(find_touched(before, after, paths))
    for change in one.changes:
        if change.action in {"create", "delete"} and change.path in touched:
            touched[change.path] = None  # deleted and created again it is another object
    old, new = (HeldReader(EvaluatedWorld(state.registry, side), state.evaluate) for side in (before, after))
    again = {
        path
        for path in paths
        if path in before
        and path in after
        and is_enabled(old, before[path].object) is False
        and is_enabled(new, after[path].object)
    }
    again.update(change.path for change in one.changes if change.restarted)
    return Step(one.number, after, touched, frozenset(again))


def _has_children(registry: Registry, change: RecordedChange) -> bool:
    return change.type in registry and bool(registry.children(change.type))


# -- backwards -------------------------------------------------------------------------------------------------------


class _Backwards:
    """Takes a change of the history back in a stored state."""

    def __init__(self, state: LiveState, after: Objects) -> None:
        self.registry: Registry = state.registry
        self.evaluate: Evaluator = state.evaluate
        self.first = state.stored.objects
        self.after = after
        self.changes: dict[ManagedObjectPath, EvaluatedObject | None] = {}

    def revert(self, one: HistoryRecord) -> Changes:
        """Return the objects that a change made different, as they were before it.

        Objects whose type the definitions no longer know are left as they are.
        """
        for index in reversed(range(len(one.changes))):
            change = one.changes[index]
            if change.type not in self.registry:
                continue
            if change.action == "create":
                self._remove(change)
                continue
            if change.action == "rename" and change.new_path is not None:
                self._move(change, change.new_path)
            self._restore(change, dict(one.old_texts(index)))
        return self.changes

    def _find(self, path: ManagedObjectPath) -> EvaluatedObject | None:
        return self.changes[path] if path in self.changes else self.after.get(path)

    def _find_from(self, path: ManagedObjectPath, change: RecordedChange) -> list[ManagedObjectPath]:
        """Return an object and those below it, as far as they are there."""
        places: Iterable[ManagedObjectPath] = (path,)
        if _has_children(self.registry, change):
            below = (at for at in dict.fromkeys((*self.after, *self.changes)) if at.is_below(path))
            places = (path, *below)
        return [at for at in places if self._find(at) is not None]

    def _remove(self, change: RecordedChange) -> None:
        self.changes.update(dict.fromkeys(self._find_from(change.path, change)))

    def _move(self, change: RecordedChange, old: ManagedObjectPath) -> None:
        for at in self._find_from(old, change):
            moved = self._find(at)
            self.changes[at] = None
            if moved is not None:
                place = move_path(at, old, change.path)
                self.changes[place] = self._evaluate(moved.object.replace(path=place), moved, ())

    def _restore(self, change: RecordedChange, old: Mapping[str, Texts | None]) -> None:
        """Give an object back what its properties had. A secret that is not known is what it was at first."""
        known = self._find(change.path)
        if change.action == "delete":
            obj = ManagedObject(change.path, self.registry.definition(change.type), {})
        elif known is None:
            return  # it was deleted by hand since
        else:
            obj = known.object
        values = dict(obj.values)
        first = self.first.get(change.path)
        for name, texts in old.items():
            values[name] = (values if first is None else first.object.values).get(name, ()) if texts is None else texts
        restored = obj.replace(values={name: texts for name, texts in values.items() if texts})
        self.changes[change.path] = self._evaluate(restored, known, old)

    def _evaluate(
        self, obj: ManagedObject, known: EvaluatedObject | None, restored: Collection[str]
    ) -> EvaluatedObject:
        """Return an object evaluated. Restored values are what they were at first, if the texts are the same."""
        first = _find_known(obj, self.first.get(obj.path))
        later = _find_known(obj, known)
        old = {name: reading for name, reading in first.items() if name in restored}
        return evaluate_object(obj, self.registry, self.evaluate, known={**later, **old})


def _find_known(obj: ManagedObject, source: EvaluatedObject | None) -> dict[str, Reading]:
    """Return the readings of another state that are of the texts that an object has; problems name their object."""
    if source is None or source.object.definition is not obj.definition:
        return {}
    values = obj.values
    return {name: one for name, one in source.readings.items() if values.get(name) == one.texts and not one.problems}
