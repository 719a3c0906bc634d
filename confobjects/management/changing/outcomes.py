"""Outcomes: what differs between the pending objects and the storage.

They are in an order in which every step is possible: deletions first, the deepest object first; then renames, parents
before children, each once its new name is free; then the rest, in the order of the requests. The module ``ordering``
sorts them for writing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.expressions.openers import has_opener
from confobjects.objects.changes import Action, ObjectChange
from confobjects.paths import ManagedObjectPath
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Registry
    from confobjects.management.world import Overlay
    from confobjects.objects.model import ManagedObject


class ObjectOutcome(Record):
    """One object that differs: the change, the object as it will be (None if deleted), and where it is stored now."""

    change: ObjectChange
    object: ManagedObject | None
    source: ManagedObjectPath | None


def find_targets(registry: Registry, outcomes: Sequence[ObjectOutcome]) -> Iterator[ManagedObjectPath]:
    """Yield the paths of the objects that written objects refer to by their names: judging looks them up."""
    references: dict[int, list[PropertyDefinition]] = {}
    for obj in (outcome.object for outcome in outcomes if outcome.object is not None):
        if id(obj.definition) not in references:
            properties = obj.definition.properties.values()
            references[id(obj.definition)] = [prop for prop in properties if prop.references]
        for prop in references[id(obj.definition)]:
            texts = [text for text in obj.values.get(prop.name, ()) if not has_opener(text)]
            yield from registry.find_named(prop, texts)


def find_outcomes(world: Overlay) -> list[ObjectOutcome]:
    """Return what differs between the pending objects and the storage, in an order in which it can be written."""
    deleted = sorted(_find_deleted(world), key=lambda outcome: -len(outcome.change.path.elements))
    written = [outcome for obj in world.pending.values() if obj is not None for outcome in _find_written(world, obj)]
    return [*deleted, *_find_renamed(world), *written]


def _find_deleted(world: Overlay) -> Iterator[ObjectOutcome]:
    stays = set(world.moved.values())
    for path, obj in world.pending.items():
        before = world.below.find(path) if path in world.below.entries and path not in stays else None
        if before is not None and (obj is None or world.source_of(path) != path):
            # The stored path: the request may have spelled the name in another case.
            yield ObjectOutcome(ObjectChange(before.path, "delete", before.definition, before.values, {}), None, path)


def _find_renamed(world: Overlay) -> Iterator[ObjectOutcome]:
    """Yield the renames, each once its new name is free: no object that is still to be renamed has it."""
    renames = [(new, old) for new, old in world.moved.items() if new.elements[-1] != old.elements[-1]]
    renames.sort(key=lambda rename: len(rename[0].elements))
    for _, level in groupby(renames, key=lambda rename: len(rename[0].elements)):
        waiting = list(level)
        while waiting:
            names = {find_place_before(new, old): new for new, old in waiting}
            free = [(new, old) for new, old in waiting if names.get(new, new) == new]
            if not free:
                raise UsageError(_describe_circle([new for new, _ in waiting]))
            waiting = [rename for rename in waiting if rename not in free]
            yield from (_make_rename(world, new, old) for new, old in free)


def _make_rename(world: Overlay, new: ManagedObjectPath, old: ManagedObjectPath) -> ObjectOutcome:
    obj = world.pending[new]
    assert obj is not None  # noqa: S101 - a moved object is pending
    naming = world.below.registry.relation(new.relation).naming_property
    before, after = ({naming: (path.name or "",)} if naming else {} for path in (old, new))
    return ObjectOutcome(ObjectChange(old, "rename", obj.definition, before, after, obj.path), obj, old)


def find_place_before(new: ManagedObjectPath, old: ManagedObjectPath) -> ManagedObjectPath:
    """Return the path of a renamed object just before its own rename: below the new path of its parent."""
    return new.parent.child(*old.elements[-1])


def _describe_circle(paths: Sequence[ManagedObjectPath]) -> Diagnostic:
    return Diagnostic(
        "usage",
        f"the names of {' and '.join(map(str, paths))} cannot be exchanged in one change",
        path=str(paths[0]),
        remedy="rename one of them to a temporary name first",
    )


def _find_written(world: Overlay, obj: ManagedObject) -> Iterator[ObjectOutcome]:
    registry = world.below.registry
    relation = registry.relation(obj.path.relation)
    source = world.source_of(obj.path)
    before = None if source is None else world.below.find(source)
    if before is None:
        # For users a singleton always exists: writing its first entry modifies it, unless its type is chosen with that.
        action: Action = "modify" if registry.unwritten_type(relation) is obj.definition else "create"
        yield ObjectOutcome(ObjectChange(obj.path, action, obj.definition, {}, obj.values), obj, None)
        return
    naming = relation.naming_property
    restarted = obj.path in world.restarted  # a change for whoever runs the object, also without another value
    if restarted or _drop_name(before, naming) != _drop_name(obj, naming):
        change = ObjectChange(obj.path, "modify", obj.definition, before.values, obj.values, restarted=restarted)
        yield ObjectOutcome(change, obj, source)


def _drop_name(obj: ManagedObject, naming: str) -> dict[str, tuple[str, ...]]:
    """Return the values of an object without its name, which only a rename changes."""
    return {name: texts for name, texts in obj.values.items() if name != naming}
