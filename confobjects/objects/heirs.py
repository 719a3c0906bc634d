"""Heirs: the objects whose defaults are inherited from another one, and so change with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition
    from confobjects.objects.judging import Judge
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import ManagedObjectPath

Changed = Mapping["ManagedObjectPath", frozenset[str]]
"""The properties that changed, by object."""


def find_heirs(judge: Judge, changed: Changed) -> Iterator[ManagedObject]:
    """Yield every object that has a default from a changed property of another object, in any number of steps."""
    names = frozenset(name for several in changed.values() for name in several)
    told = set(changed)
    for type_name, prop in judge.registry.heirs_of(names):
        for obj in judge.instances(type_name):
            if obj.path not in told and not obj.values.get(prop.name) and _comes_from(judge, obj, prop, changed):
                told.add(obj.path)
                yield obj


def _comes_from(judge: Judge, obj: ManagedObject, prop: PropertyDefinition, changed: Changed) -> bool:
    sources = judge.reader.trace_inheritance(obj, prop)
    return any(source.name in changed.get(owner.path, ()) for owner, source in sources)
