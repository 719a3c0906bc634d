"""From pending objects to storage changes: what differs from the storage, and the operations that make it so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from confobjects.mapping.entry import (
    AddEntry,
    Change,
    DeleteEntry,
    Entry,
    Modification,
    ModifyEntry,
    RenameEntry,
    diff,
)
from confobjects.mapping.objects import REVISION
from confobjects.objects.changes import ObjectChange

if TYPE_CHECKING:
    from confobjects.dn import DN
    from confobjects.management.context import ManagementContext
    from confobjects.management.world import Overlay, StorageWorld
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import ManagedObjectPath


class Outcome(NamedTuple):
    """One object that differs: the change, the object as it will be (None when deleted), where it was stored."""

    change: ObjectChange
    object: ManagedObject | None
    source: ManagedObjectPath


class Outcomes:
    """Iterates over what differs between the pending objects and the storage: renames first, then in order."""

    def __init__(self, world: Overlay) -> None:
        self.world = world
        self.below = world.below

    def __iter__(self) -> Iterator[Outcome]:
        for old, new in self.world.renamed.items():
            before, after = self.below.find(old), self.world.find(new)
            if before is not None and after is not None:
                change = ObjectChange(old, "rename", after.definition, before.values, after.values, new)
                yield Outcome(change, after, old)
        for path, obj in self.world.pending.items():
            outcome = self._deleted(path) if obj is None else self._written(obj)
            if outcome is not None:
                yield outcome

    def _deleted(self, path: ManagedObjectPath) -> Outcome | None:
        moved = any(path == old or path.is_below(old) for old in self.world.renamed)
        before = self.below.find(path) if path in self.below.entries and not moved else None
        if before is None:
            return None
        return Outcome(ObjectChange(path, "delete", before.definition, before.values, {}), None, path)

    def _written(self, obj: ManagedObject) -> Outcome | None:
        source = self.world.source(obj.path)
        if source not in self.below.entries:
            return Outcome(ObjectChange(obj.path, "create", obj.definition, {}, obj.values), obj, source)
        before = self.below.find(source)
        naming = self.below.registry.relation(obj.path.relation).naming_property
        if before is None or _besides(before, naming) == _besides(obj, naming):
            return None
        return Outcome(ObjectChange(obj.path, "modify", obj.definition, before.values, obj.values), obj, source)


def _besides(obj: ManagedObject, naming: str) -> dict[str, tuple[str, ...]]:
    """The values of an object without its name, which a rename changes."""
    return {name: texts for name, texts in obj.values.items() if name != naming}


def storage_changes(context: ManagementContext, before: StorageWorld, outcomes: Iterable[Outcome]) -> Sequence[Change]:
    """Return the storage operations that bring some outcomes about."""
    changes: list[Change] = []
    made: set[DN] = set()
    mapper = context.mapper
    for change, obj, source in outcomes:
        if obj is None:
            changes.append(DeleteEntry(mapper.dn(change.path)))
        elif change.action == "rename":
            changes.append(RenameEntry(mapper.dn(source), mapper.dn(obj.path)))
        elif change.action == "create":
            changes.extend(_creation(context, obj, made))
        else:
            changes.append(_modification(context, before.entries[source], obj))
    return changes


def _creation(context: ManagementContext, obj: ManagedObject, made: set[DN]) -> Iterator[Change]:
    """The object's entry, after the entries above it that are not there yet."""
    for entry in context.mapper.scaffold(obj.path):
        if entry.dn not in made and context.storage.read(entry.dn) is None:
            made.add(entry.dn)
            yield AddEntry(entry)
    yield AddEntry(context.mapper.encode(obj))


def _modification(context: ManagementContext, stored: Entry, obj: ManagedObject) -> ModifyEntry:
    """One modification that swaps the revision: it fails if somebody else changed the entry meanwhile."""
    new = context.mapper.update(stored, obj)
    modifications = [m for m in diff(stored, new) if m.attribute.lower() != REVISION]
    if revision := stored.get(REVISION):
        modifications.append(Modification("delete", REVISION, revision))
    modifications.append(Modification("add", REVISION, new.get(REVISION)))
    return ModifyEntry(context.mapper.dn(obj.path), tuple(modifications))
