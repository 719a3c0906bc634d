"""Heirs: the objects whose defaults are inherited from another one, or from another property, and so change with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from confobjects.objects.changes import is_same_value
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.objects.judging import Judge
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import ManagedObjectPath

PlaceBefore = Callable[["ManagedObjectPath"], "ManagedObjectPath | None"]
"""Where the object that will be at a path is before the change; None for a new one."""


class Heir(Record):
    """An object, before (None if it is new) and after a change, and its properties whose inherited values change."""

    before: ManagedObject | None
    after: ManagedObject
    names: tuple[str, ...]


def find_heirs(before: Judge, after: Judge, changed: frozenset[str], place_before: PlaceBefore) -> Iterator[Heir]:
    """Yield every object with an inherited value that changes, in any number of steps.

    ``changed`` are the names of all properties that change somewhere.
    """
    candidates: dict[ManagedObjectPath, tuple[ManagedObject, list[str]]] = {}
    for type_name, prop in after.registry.heirs_of(changed):
        for obj in after.instances(type_name):
            _, names = candidates.setdefault(obj.path, (obj, []))
            if not obj.values.get(prop.name) and prop.name not in names:
                names.append(prop.name)
    for obj, names in candidates.values():
        old = before.world.find(place_before(obj.path) or obj.path)
        found = tuple(name for name in names if old is None or changes_value(before, old, after, obj, name))
        if found:
            yield Heir(old, obj, found)


def changes_value(before: Judge, old: ManagedObject, after: Judge, new: ManagedObject, name: str) -> bool:
    """Tell whether the current value of a property changes, whether it is stored, a default or inherited."""
    prop = new.definition.properties[name]
    texts, _ = before.reader.read_current(old, prop)
    others, _ = after.reader.read_current(new, prop)
    return not is_same_value(prop, texts, others)
