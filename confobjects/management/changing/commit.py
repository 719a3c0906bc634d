"""Turn outcomes into the storage operations that carry them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from confobjects.dn import DN
from confobjects.management.changing.outcomes import ObjectOutcome, find_place_before
from confobjects.mapping.entry import (
    EVERYTHING,
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
from confobjects.objects.changes import add_written_defaults
from confobjects.paths import ManagedObjectPath

if TYPE_CHECKING:
    from confobjects.management.site import Site
    from confobjects.management.world import Overlay
    from confobjects.objects.model import ManagedObject


class ChangeBuilder:
    """Turns outcomes into storage operations."""

    def __init__(self, site: Site, world: Overlay) -> None:
        self.mapper = site.mapper
        self.storage = site.storage
        self.world = world
        self._there: set[DN] = set()
        self._gone: set[DN] = set()
        self._deleted: set[str] = set()
        self._read: dict[str, Entry] | None = None
        self._bare: dict[DN, Entry] = {}  # new entries without an object, above others

    def build_changes(self, found: Sequence[ObjectOutcome]) -> list[Change]:
        """Return the storage operations that carry out some outcomes."""
        return [change for outcome in found for change in self._build_for_outcome(outcome)]

    def build_rewriting(self, obj: ManagedObject) -> ModifyEntry:
        """Return the modification that stores an unchanged object under the attributes that its properties have now."""
        return self._build_modification(self.world.below.entries[obj.path], obj)

    def _build_for_outcome(self, outcome: ObjectOutcome) -> Iterator[Change]:
        change, obj, source = outcome.change, outcome.object, outcome.source
        if obj is None:
            yield from self._build_deletion(change.path)
        elif source is None:
            yield from self._build_creation(obj)
        elif change.action == "rename":
            yield RenameEntry(self.mapper.dn_of(find_place_before(obj.path, source)), self.mapper.dn_of(obj.path))
        else:
            yield self._build_modification(self.world.below.entries[source], obj)

    def _build_deletion(self, path: ManagedObjectPath) -> Iterator[Change]:
        """Delete the entry and everything below it, also foreign entries: a directory allows no orphans.

        What was read for the plan is deleted as it was then, or not at all.
        """
        below = self.storage.search(self.mapper.dn_of(path), "sub")
        for entry in sorted(below, key=lambda entry: -len(entry.dn)):
            if str(entry.dn) not in self._deleted:  # a directory may keep apart names that are equal here
                self._deleted.add(str(entry.dn))
                self._gone.add(entry.dn)
                yield DeleteEntry(entry.dn, self._find_revision(entry))

    def _find_revision(self, entry: Entry) -> str:
        """Return the revision with which an entry was read for the plan; that of the entry if it was not."""
        if self._read is None:
            self._read = {str(one.dn): one for one in self.world.below.entries.values()}
        return next((str(value) for value in self._read.get(str(entry.dn), entry).get(REVISION)), "")

    def _build_creation(self, obj: ManagedObject) -> Iterator[Change]:
        """Add the object's entry, after the missing ones above it: branches, and singletons that were never written."""
        for length in range(1, len(obj.path.elements)):
            path = ManagedObjectPath(obj.path.elements[:length])
            above = self.world.find(path)
            if above is not None and not self.world.is_written(path) and self.mapper.dn_of(path) not in self._there:
                yield from self._build_scaffold(path)
                yield from self._build_addition(add_written_defaults(above))
        yield from self._build_scaffold(obj.path)
        yield from self._build_addition(obj)

    def _build_addition(self, obj: ManagedObject) -> Iterator[Change]:
        entry = self.mapper.encode(obj)
        # The entry of a single object may exist already, as the base or as a branch of other objects.
        single = obj.path.name is None and self._is_stored(entry.dn, obj.path)
        existing = (self._bare.get(entry.dn) or self.storage.read(entry.dn)) if single else None
        if existing is None:
            yield AddEntry(entry)
        else:
            yield ModifyEntry(entry.dn, diff(existing, self.mapper.adopt(existing, entry)))
        self._there.add(entry.dn)

    def _build_scaffold(self, path: ManagedObjectPath) -> Iterator[Change]:
        for entry in self.mapper.scaffold(path):
            if not self._is_stored(entry.dn, path):
                self._there.add(entry.dn)
                self._bare[entry.dn] = entry
                yield AddEntry(entry)

    def _is_stored(self, dn: DN, path: ManagedObjectPath) -> bool:
        """Whether the storage holds an entry above a path; below a moved parent it is looked up at the old place."""
        if dn not in self._there:
            parent = self.world.find_stored_place(path.parent)
            if parent is None:
                return False
            here, there = self.mapper.dn_of(path.parent), self.mapper.dn_of(parent)
            moved = here != there and dn.is_below(here)
            place = DN.of(*dn.relative_to(here).rdns, *there.rdns) if moved else dn
            if place in self._gone or self.storage.read(place) is None:
                return False
            self._there.add(dn)
        return True

    def _build_modification(self, stored: Entry, obj: ManagedObject) -> ModifyEntry:
        """Return a modification that fails if someone else changed the entry: it replaces the revision too.

        Where there is none, it names each old value instead.
        """
        new = self.mapper.update(stored, obj)
        if self.storage.is_foreign:
            return ModifyEntry(self.mapper.dn_of(obj.path), diff(stored, new, swap=EVERYTHING))
        modifications = [m for m in diff(stored, new) if m.attribute.lower() != REVISION]
        if revision := stored.get(REVISION):
            modifications.append(Modification("delete", REVISION, revision))
        modifications.append(Modification("add", REVISION, new.get(REVISION)))
        return ModifyEntry(self.mapper.dn_of(obj.path), tuple(modifications))
