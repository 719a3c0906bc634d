"""Objects that have another name on the other side: recognised by their type and their values.

Laws of this module:

1. An object is taken for a renamed one only if just one object of the other side can be it, and the other way round.
2. What is below a renamed object is compared with what is below it under its new name.
3. Work is bounded: among very many objects that come and go, none is looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Final

from confobjects.definitions.model import HOLDER_KIND
from confobjects.management.documents.differing import differs
from confobjects.paths import ManagedObjectPath

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.mapping.documents import ObjectState

States = Mapping[ManagedObjectPath, "ObjectState"]
_MOST: Final = 10_000
"""Pairs of objects of one kind that are compared."""


def find_renames(one: States, other: States, registry: Registry) -> dict[ManagedObjectPath, ManagedObjectPath]:
    """Return the old and the new path of each object that was certainly renamed, and no more."""
    gone = _group(state for path, state in one.items() if path not in other and _may_be_renamed(path, other, registry))
    come = _group(state for path, state in other.items() if path not in one and _may_be_renamed(path, one, registry))
    found: dict[ManagedObjectPath, ManagedObjectPath] = {}
    for place, olds in gone.items():
        news = come.get(place, [])
        if len(olds) * len(news) > _MOST:
            continue
        alike = [(old.path, new.path) for old in olds for new in news if _is_alike(old, new)]
        firsts, seconds = ([pair[side] for pair in alike] for side in (0, 1))
        found.update(pair for pair in alike if firsts.count(pair[0]) == 1 and seconds.count(pair[1]) == 1)
    return found


def _may_be_renamed(path: ManagedObjectPath, others: States, registry: Registry) -> bool:
    """Tell whether an object has a name of its own, and the one above it is on the other side too."""
    relation = registry.relation(path.relation)
    is_below_nothing = len(path.elements) == 1 or path.parent in others
    return relation.kind == "instantiable" and relation.name != HOLDER_KIND and is_below_nothing


def _group(states: Iterable[ObjectState]) -> dict[tuple[str, ...], list[ObjectState]]:
    """Return states by the place that they are in, and their type."""

    def place(state: ObjectState) -> tuple[str, ...]:
        return (str(state.path.parent), state.path.relation, state.definition.name)

    return {key: list(group) for key, group in groupby(sorted(states, key=place), place)}


def _is_alike(one: ObjectState, other: ObjectState) -> bool:
    names = {*one.values, *other.values, *one.kept, *other.kept}
    return bool(one.values) and not any(differs(one, other, name) for name in names)


def move(states: States, renames: Mapping[ManagedObjectPath, ManagedObjectPath]) -> States:
    """Return objects, and those below them, under their new names."""
    if not renames:
        return states
    moved: dict[ManagedObjectPath, ObjectState] = {}
    for path, state in states.items():
        old = next((old for old in renames if path == old or path.is_below(old)), None)
        if old is None:
            moved[path] = state
            continue
        new = ManagedObjectPath((*renames[old].elements, *path.elements[len(old.elements) :]))
        moved[new] = state.replace(path=new)
    return moved
