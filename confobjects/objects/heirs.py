"""Heirs: the objects whose defaults follow another one, or another property, and so change with it.

A default follows the property that it is inherited from, and those that its cases look at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from confobjects.objects.changes import is_same_value
from confobjects.records import Record
from confobjects.syntaxes import ValueSyntaxError

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition
    from confobjects.objects.judging import Judge
    from confobjects.objects.model import ManagedObject, Texts
    from confobjects.objects.reading import PropertyReader
    from confobjects.paths import ManagedObjectPath

Changed = Mapping["ManagedObjectPath", frozenset[str]]
"""The properties that change, by object."""
PlaceBefore = Callable[["ManagedObjectPath"], "ManagedObjectPath | None"]
"""Where the object that will be at a path is before the change; None for a new one."""


class Heir(Record):
    """An object, before (None if it is new) and after a change, and its properties whose default values change."""

    before: ManagedObject | None
    after: ManagedObject
    names: tuple[str, ...]


def find_heirs(before: Judge, after: Judge, changed: Changed, place_before: PlaceBefore) -> Iterator[Heir]:
    """Yield every object with a default that follows a changed property and changes, in any number of steps."""
    candidates: dict[ManagedObjectPath, tuple[ManagedObject, list[str]]] = {}
    for obj, name in _find_followers(after, changed):
        _, names = candidates.setdefault(obj.path, (obj, []))
        if not obj.values.get(name) and name not in names:
            names.append(name)
    for obj, names in candidates.values():
        old = before.world.find(place_before(obj.path) or obj.path)
        found = tuple(name for name in names if old is None or changes_value(before, old, after, obj, name))
        if found:
            yield Heir(old, obj, found)


def _find_followers(judge: Judge, changed: Changed) -> Iterator[tuple[ManagedObject, str]]:
    """Yield the objects and properties whose defaults may follow a changed property.

    Other objects are read only where a default follows another object.
    """
    registry = judge.registry
    followers = {}
    for path, names in changed.items():
        obj = judge.world.find(path)
        if obj is None:
            continue
        key = (obj.definition.name, names)
        if key not in followers:
            followers[key] = sorted(registry.followers_of(*key))
        yield from ((obj, name) for name in followers[key])
    for type_name, prop in registry.heirs_of(frozenset(name for names in changed.values() for name in names)):
        yield from ((obj, prop.name) for obj in judge.instances(type_name))


def changes_value(before: Judge, old: ManagedObject, after: Judge, new: ManagedObject, name: str) -> bool:
    """Tell whether the current value of a property changes, whether it is stored, a default or inherited.

    One that startup decides may change: with what it follows, or if it was known, or will be.
    """
    prop = new.definition.properties[name]
    old_prop = old.definition.properties.get(name)
    if old_prop is None:  # a singleton of another type: it is read as if it were of the new one
        old, old_prop = old.replace(definition=new.definition), prop
    was = before.reader.is_decided(old, old_prop)
    if was is not after.reader.is_decided(new, prop):
        return True
    if not was:
        return _read_sources(before.reader, old, old_prop) != _read_sources(after.reader, new, prop)
    texts, _ = before.reader.read_current(old, old_prop)
    others, _ = after.reader.read_current(new, prop)
    try:
        return not is_same_value(prop, texts, others)
    except ValueSyntaxError:
        return True  # one of them is wrong, and they are not the same text


def _read_sources(reader: PropertyReader, obj: ManagedObject, prop: PropertyDefinition) -> list[tuple[str, Texts]]:
    """Return the stored texts of everything that a default depends on."""
    return [(source.name, owner.values.get(source.name, ())) for owner, source in reader.trace_sources(obj, prop)]
