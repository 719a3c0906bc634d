"""Views of a storage as objects: as they are now, and as they will be once pending changes are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from confobjects.actions import Remedy, RemedyAction
from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.mapping.entry import OBJECT_CLASS
from confobjects.objects.model import ManagedObject
from confobjects.paths import ROOT, Element, ManagedObjectPath
from confobjects.texts.names import normal_name
from confobjects.texts.visible import make_visible

if TYPE_CHECKING:
    from confobjects.definitions import Registry, Relation
    from confobjects.dn import DN
    from confobjects.mapping.entry import Entry
    from confobjects.mapping.objects import Mapper
    from confobjects.mapping.protocol import Storage
    from confobjects.objects.protocols import World


class NameLists:
    """The names of the objects of relations, sorted: read once for as long as the storage has everything at hand and unchanged.

    To be used by several threads, each of which may do again what another one is doing.
    """

    def __init__(self) -> None:
        self._kept: tuple[Mapping[str, Entry] | None, dict[tuple[str, ManagedObjectPath], Sequence[str]]] = (None, {})

    def find(
        self,
        snapshot: Mapping[str, Entry] | None,
        key: tuple[str, ManagedObjectPath],
        read: Callable[[], Sequence[str]],
    ) -> Sequence[str]:
        """Return the names of a relation below a parent, as they are in a snapshot; without one they are read."""
        if snapshot is None:
            return read()
        seen, lists = self._kept
        if seen is not snapshot:
            lists = {}
            self._kept = snapshot, lists
        found = lists.get(key)
        if found is None:
            found = lists[key] = read()
        return found


class StorageWorld:
    """The objects of a storage, each read once. Lives for one operation."""

    def __init__(self, registry: Registry, storage: Storage, mapper: Mapper, names: NameLists) -> None:
        self.registry = registry
        self.storage = storage
        self.mapper = mapper
        self._sorted = names
        self.entries: dict[ManagedObjectPath, Entry] = {}
        self._objects: dict[ManagedObjectPath, ManagedObject | None] = {}
        self._members: dict[tuple[str, ManagedObjectPath], list[ManagedObjectPath]] = {}
        self._names: dict[tuple[str, ManagedObjectPath], dict[str, list[DN]]] = {}
        self._ahead: dict[str, Entry | None] = {}
        self._listed: list[Entry] | None = None
        self._spelled: dict[tuple[Element, ...], ManagedObjectPath] = {}
        self._shared: set[Diagnostic] = set()

    def read_ahead(self, paths: Iterable[ManagedObjectPath]) -> None:
        """Read the entries of objects that will be looked up, many at once."""
        if self.storage.serialises_writers:
            return  # a file or memory: everything is read already
        wanted = {str(dn): dn for dn in [self.mapper.dn_of(path) for path in paths if path not in self._objects]}
        if len(wanted) > 1:
            self._ahead.update(zip(wanted, self.storage.read_all(list(wanted.values())), strict=True))

    def find(self, path: ManagedObjectPath) -> ManagedObject | None:
        """Return the object at a path. A singleton that was never written exists with its defaults."""
        if path not in self._objects:
            found = self._objects[path] = self._read(path)
            if found is not None and not self.storage.holds_alike:
                self._spelled[path.elements] = found.path
        found = self._objects[path]
        if found is None or found.path.elements == path.elements or self.storage.finds_alike:
            return found
        return self._choose_spelled(path, found)

    def _choose_spelled(self, path: ManagedObjectPath, found: ManagedObject) -> ManagedObject | None:
        """Among the objects whose names equal the one in a path, return the one with the same spelling, or None."""
        if path.elements not in self._spelled:
            relation = self.registry.relation(path.relation)
            entry = self.storage.read(self.mapper.dn_of(path))
            own = found if entry is None else self.mapper.decode(entry, relation, found.path.parent)
            if entry is not None and own.path.name != found.path.name:
                own = self._decode_entry(entry, relation, found.path.parent)
            self._spelled[path.elements] = own.path
        return self._objects.get(self._spelled[path.elements])

    def _read(self, path: ManagedObjectPath) -> ManagedObject | None:
        relation = self.registry.relation(path.relation)
        dn = self.mapper.dn_of(path)
        entry = self._ahead.pop(str(dn)) if str(dn) in self._ahead else self.storage.read(dn)
        if (entry is None and not self.storage.finds_alike) or self.storage.holds_alike:
            path = self._follow_parent(path)
            found = self._read_alike(path, relation)
            entry = found[0] if found else None
            if len(found) > 1:
                first, *_ = [self._decode_entry(other, relation, path.parent) for other in found]
                return self._objects[first.path]  # with the problem that there are others
        if entry is not None and not self.mapper.is_bare(entry, relation):
            return self._decode_entry(entry, relation, path.parent)
        if path.parent != ROOT and self.find(path.parent) is None:
            return None
        return self.find_unwritten(path)

    def _follow_parent(self, path: ManagedObjectPath) -> ManagedObjectPath:
        """Return a path with the names above it as they are stored, as far as they are."""
        above = None if path.parent == ROOT else self.find(path.parent)
        return path if above is None else above.path.child(*path.elements[-1])

    def _read_alike(self, path: ManagedObjectPath, relation: Relation) -> list[Entry]:
        """Return the entries whose names equal the one in a path and are others to the directory."""
        if not relation.named:
            found = [self.mapper.dn_of(path)]
        else:
            key = (relation.name, path.parent)
            if key not in self._names:
                self._names[key] = self._read_names(relation, path.parent)
            found = self._names[key].get(self.mapper.dn_of(path).normal, [])
        return [entry for dn in found if (entry := self.storage.read(dn)) is not None]

    def _read_names(self, relation: Relation, parent: ManagedObjectPath) -> dict[str, list[DN]]:
        object_class = self.registry.object_classes_of(relation.target)[-1]
        branch = self.mapper.branch_of(relation, parent)
        names: dict[str, list[DN]] = {}
        for entry in self.storage.search(branch, "one", object_class, (relation.naming_attribute,)):
            names.setdefault(entry.dn.normal, []).append(entry.dn)
        return names

    def find_unwritten(self, path: ManagedObjectPath) -> ManagedObject | None:
        """Return the singleton at a path with only its defaults; None for an object that has to be created."""
        definition = self.registry.unwritten_type(self.registry.relation(path.relation))
        return None if definition is None else ManagedObject(path, definition, {})

    def has_only_defaults(self, obj: ManagedObject) -> bool:
        """Tell whether an object is a singleton without stored values: it is as if it had never been written."""
        relation = self.registry.relation(obj.path.relation)
        return not obj.values and obj.definition is self.registry.unwritten_type(relation)

    def members(self, relation: Relation, parent: ManagedObjectPath) -> list[ManagedObject]:
        """Return the objects of a relation below a parent, in the storage's order."""
        if not relation.named:
            single = self.find(parent.child(relation.name))
            return [] if single is None else [single]
        key = (relation.name, parent)
        if key not in self._members:
            object_class = self.registry.object_classes_of(relation.target)[-1]
            found = self.storage.search(self.mapper.branch_of(relation, parent), "one", object_class)
            objects = [
                self._decode_entry(entry, relation, parent) for entry in found if self.mapper.holds(entry, relation)
            ]
            self._members[key] = [obj.path for obj in objects]
        return [obj for path in self._members[key] if (obj := self.find(path)) is not None]

    def list_names(self, relation: Relation, parent: ManagedObjectPath) -> Sequence[str] | None:
        """Return the names of the objects of a relation below a parent, sorted ignoring case: no object is read.

        None where several have equal names, so that a name is not enough to find one.
        """
        snapshot = self.storage.snapshot()

        def read() -> Sequence[str]:
            object_class = self.registry.object_classes_of(relation.target)[-1]
            needed = (OBJECT_CLASS, relation.naming_attribute)
            found = self.storage.search(self.mapper.branch_of(relation, parent), "one", object_class, needed)
            names = (entry.dn.name_by(relation.naming_attribute) for entry in found)
            return sorted(filter(None, names), key=normal_name)

        names = self._sorted.find(snapshot, (relation.name, parent), read)
        if self.storage.finds_alike:
            return names
        return None if any(normal_name(one) == normal_name(other) for one, other in pairwise(names)) else names

    def list_members(
        self, relation: Relation, parent: ManagedObjectPath, properties: Sequence[str]
    ) -> list[ManagedObject]:
        """Return the objects of a relation with at least the given properties, for display; they are not cached.

        One search reads them and all other entries, among which :meth:`list_entries` lets others look for strays.
        """
        attributes = self.mapper.attributes_for(relation, properties)
        if not relation.named or attributes is None:
            return self.members(relation, parent)
        self._listed = list(self.storage.search(self.mapper.base, "sub", None, attributes, records=False))
        branch = self.mapper.branch_of(relation, parent)
        return [
            self.mapper.decode(entry, relation, parent)
            for entry in self._listed
            if entry.dn.parent == branch and self.mapper.holds(entry, relation)
        ]

    def list_entries(self) -> list[Entry]:
        """Return every entry of the storage with at least its object classes: those of the last list, or read now.

        Records of the history are left out, wherever they are.
        """
        if self._listed is None:
            self._listed = list(self.storage.search(self.mapper.base, "sub", None, (OBJECT_CLASS,), records=False))
        return self._listed

    def keep(self, obj: ManagedObject) -> None:
        """Use an object as the stored one, without reading it."""
        self._objects[obj.path] = obj

    def _decode_entry(self, entry: Entry, relation: Relation, parent: ManagedObjectPath) -> ManagedObject:
        obj = self.mapper.decode(entry, relation, parent)
        first = self._objects.get(obj.path) if obj.path in self.entries else None
        if first is not None:
            if first.path.name == obj.path.name:
                return first  # a change is planned on what was read first, whoever has written since
            obj = self._tell_apart(first, obj)
        self.entries[obj.path] = entry
        self._objects[obj.path] = obj
        return obj

    def leave_out_name(self, obj: ManagedObject) -> ManagedObject:
        """Return an object without the problems of its name, for the time that it gets another one."""
        kept = tuple(problem for problem in obj.problems if problem not in self._shared)
        return obj if len(kept) == len(obj.problems) else obj.replace(problems=kept)

    def _tell_apart(self, first: ManagedObject, other: ManagedObject) -> ManagedObject:
        """Return another object of an equal name at a path of its own; both have the problem."""
        problem = _describe_shared_name(first.path, other.path)
        if problem not in first.problems:
            self._objects[first.path] = first.replace(problems=(*first.problems, problem))
        self._shared.add(problem)
        problem = _describe_shared_name(other.path, first.path)
        self._shared.add(problem)
        return other.replace(path=other.path.apart(), problems=(*other.problems, problem))


class Overlay:
    """A world with pending changes laid over it.

    ``pending`` maps a path to the object that will be there, None for a deleted one; ``moved`` maps the new path of a
    renamed object, or of one below it, to the path where it is stored now. ``stopped`` are objects that a pending change
    has disabled, ``restarted`` those of them that a later one has enabled again, ``started`` those that were disabled
    before all of them.
    """

    def __init__(self, below: StorageWorld) -> None:
        self.below = below
        self.pending: dict[ManagedObjectPath, ManagedObject | None] = {}
        self.moved: dict[ManagedObjectPath, ManagedObjectPath] = {}
        self.stopped: set[ManagedObjectPath] = set()
        self.restarted: set[ManagedObjectPath] = set()
        self.started: set[ManagedObjectPath] = set()

    def list_entries(self) -> list[Entry]:
        """Return every entry of the storage as it is, with at least its object classes."""
        return self.below.list_entries()

    def find(self, path: ManagedObjectPath) -> ManagedObject | None:
        """Return the object at a path as it will be."""
        if (pending := self.pending.get(path)) is not None:
            return pending
        removed = path in self.pending
        if path.parent == ROOT:
            return self.below.find_unwritten(path) if removed else self.below.find(path)
        above = self.find(path.parent)
        if above is None:
            return None
        here = above.path.child(*path.elements[-1])  # with the names as stored, not as requested
        return (None if removed else self.below.find(here)) or self.below.find_unwritten(here)

    def members(self, relation: Relation, parent: ManagedObjectPath) -> list[ManagedObject]:
        """Return the objects of a relation as they will be."""
        if not relation.named:
            single = self.find(parent.child(relation.name))
            return [] if single is None else [single]
        is_new = parent in self.pending and parent not in self.below.entries
        before = [] if is_new else self.below.members(relation, parent)
        result = {obj.path: obj for obj in before if obj.path not in self.pending}
        result.update(
            (path, obj)
            for path, obj in self.pending.items()
            if path.relation == relation.name and obj is not None and path.parent == parent
        )
        return list(result.values())

    def is_written(self, path: ManagedObjectPath) -> bool:
        """Tell whether an object is or will be in the storage: a singleton with only defaults is not."""
        return self.pending[path] is not None if path in self.pending else path in self.below.entries

    def has_only_defaults(self, obj: ManagedObject) -> bool:
        """Tell whether an object is a singleton without stored values: it is as if it had never been written."""
        return self.below.has_only_defaults(obj)

    def put(self, obj: ManagedObject) -> None:
        """Put an object at its path, in place of any other; a new one comes last."""
        if self.pending.get(obj.path) is None:
            self.pending.pop(obj.path, None)
        self.pending[obj.path] = obj

    def remove(self, path: ManagedObjectPath) -> None:
        """Remove the object at a path."""
        self.pending[path] = None
        self.moved.pop(path, None)

    def move(self, old: ManagedObjectPath, obj: ManagedObject) -> None:
        """Replace the object at an old path by one at a new path, and remember where it is stored."""
        source = self.source_of(old)
        self.remove(old)
        self.put(obj)
        if source is not None:
            self.moved[obj.path] = source

    def source_of(self, path: ManagedObjectPath) -> ManagedObjectPath | None:
        """Return where the object that will be at a path is stored now, None for a new one."""
        if path in self.moved:
            return self.moved[path]
        if path not in self.below.entries or path in self.moved.values():
            return None
        above = (ManagedObjectPath(path.elements[:length]) for length in range(1, len(path.elements) + 1))
        return None if any(map(self._is_replaced, above)) else path

    def _is_replaced(self, path: ManagedObjectPath) -> bool:
        """Whether an object of another type replaces the stored one: it and all below it are then new entries."""
        obj = self.pending.get(path)
        before = self.below.find(path) if obj is not None and path in self.below.entries else None
        return obj is not None and before is not None and obj.definition is not before.definition

    def find_stored_place(self, path: ManagedObjectPath) -> ManagedObjectPath | None:
        """Return a path as it is in the storage now; None if it is below a new object."""
        for length in range(len(path.elements), 0, -1):
            above = ManagedObjectPath(path.elements[:length])
            if self.pending.get(above) is not None:
                source = self.source_of(above)
                return None if source is None else ManagedObjectPath((*source.elements, *path.elements[length:]))
        return path


def _describe_shared_name(path: ManagedObjectPath, other: ManagedObjectPath) -> Diagnostic:
    return Diagnostic(
        "broken-data",
        f'the names "{make_visible(path.name or "")}" and "{make_visible(other.name or "")}" are equal here, although '
        "they name two entries",
        path=str(path),
        remedy="delete or rename one of the two entries",
    )


def describe_absence(registry: Registry, world: World, path: ManagedObjectPath) -> Diagnostic:
    """Return the diagnostic for a missing object, with the nearest name; for its parent if that is missing too."""
    if path.parent != ROOT and world.find(path.parent) is None:
        return describe_absence(registry, world, path.parent)
    relation = registry.relation(path.relation)
    named = f' "{path.name}"' if path.name is not None else ""
    hint: Remedy = suggest_name(path.name or "", [member.name for member in world.members(relation, path.parent)])
    if not hint and relation.named:
        hint = (RemedyAction("list", relation.plural, relation.name), " shows those there are")
    elif not hint and relation.kind == "singleton":
        hint = ("set its properties, and ", RemedyAction("choose-type", ", ".join(registry.types_of(relation))))
    summary = f"there is no {relation.friendly}{named}"
    return Diagnostic("no-such-object", summary, path=str(path), argument=path.name or "", remedy=hint)
