"""Strays: entries that are not part of the configuration. Each is reported, because a change could destroy it unseen.

An entry is one if its definition is unknown, its class is wrong, no object belongs in its place, or it is outside the base.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from confobjects.actions import RemedyAction
from confobjects.definitions.model import OWN_BRANCHES
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.mapping.entry import OBJECT_CLASS
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import Relation
    from confobjects.management.site import Site
    from confobjects.management.world import Overlay, StorageWorld
    from confobjects.mapping.entry import Entry
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import ManagedObjectPath

_SHOWN: Final = 20
_DEFINITIONS: Final = "cn=definitions"  # its entries are objects
_CORRECT: Final = (
    "correct its DN and its object classes, give the definitions that know it (",
    RemedyAction("give-definitions"),
    "), or remove it",
)


class StrayFinder:
    """Finds the strays beside some objects of a site, ``found`` by path as entries.

    An entry of an object costs one look-up. Any other is looked for in the tables of places that objects of a kind
    have below them, a step up for each RDN of the longest branch.
    """

    def __init__(self, site: Site, objects: Iterable[ManagedObject], found: Mapping[ManagedObjectPath, Entry]) -> None:
        self._site = site
        self._base = site.mapper.base
        self._hidden = [DN.parse(f"{branch},{self._base}") for branch in OWN_BRANCHES if branch != _DEFINITIONS]
        self._known = {str(entry.dn) for entry in found.values()}
        self._taken = {entry.dn.normal: entry.dn for entry in found.values()}
        self.doubles: set[str] = set()
        """The strays that have the name of an object or of a branch, as text of their DNs."""
        self._tables: dict[str, dict[str, Relation | None]] = {}
        self._kinds: dict[str, list[str]] = {self._base.normal: ["root"]}
        for obj in objects:
            if site.registry.children(obj.definition.name):
                entry = found.get(obj.path)
                dn = site.mapper.dn_of(obj.path) if entry is None else entry.dn
                self._kinds.setdefault(dn.normal, []).append(obj.definition.name)
        self._steps = max((len(DN.parse(r.branch)) for r in site.registry.relations().values()), default=0)

    def learn(self, entries: Iterable[Entry]) -> list[Entry]:
        """Learn the objects among entries from their DNs and object classes alone, and return the other entries."""
        listed = sorted(entries, key=lambda entry: len(entry.dn))
        written = {entry.dn.normal for entry in listed}
        self._learn_singles(self._base.normal, "root", written)
        others = []
        places: dict[str, list[Relation | None]] = {}  # of a parent, whose objects are known: its DN is shorter
        for entry in listed:
            parent = entry.dn.parent
            if parent.normal not in places:
                places[parent.normal] = list(self._find_places(parent))
            named = self._find_relation(entry, places[parent.normal], named=True)
            relation = named or self._find_relation(entry, self._find_places(entry.dn), named=False)
            if relation is not None:
                kind = self._site.mapper.find_type(entry, relation).name
                if self._site.registry.children(kind):
                    self._kinds.setdefault(entry.dn.normal, []).append(kind)
                    self._learn_singles(entry.dn.normal, kind, written)
            if named is None:
                others.append(entry)
        return others

    def _learn_singles(self, above: str, kind: str, written: Container[str]) -> None:
        """Learn the single objects below an object that have no entry yet, but perhaps objects below them."""
        registry = self._site.registry
        for relation in registry.children(kind):
            single = None if relation.named else registry.unwritten_type(relation)
            dn = f"{DN.parse(relation.branch).normal},{above}" if relation.branch else above
            if single is not None and dn not in written and registry.children(single.name):
                self._kinds.setdefault(dn, []).append(single.name)
                self._learn_singles(dn, single.name, written)

    def _find_relation(self, entry: Entry, places: Iterable[Relation | None], *, named: bool) -> Relation | None:
        """Return the relation that an entry is an object of, among those whose branch is at a place."""
        for relation in places:
            if relation is not None and relation.named == named and self._is_one_of(entry, relation):
                return relation
        return None

    def _is_one_of(self, entry: Entry, relation: Relation) -> bool:
        """Tell whether an entry at the place of a relation is an object of it."""
        if relation.named:
            return self._site.mapper.holds(entry, relation)
        return entry.has_object_class(self._site.registry.object_classes_of(relation.target)[-1])

    def _table_of(self, kind: str) -> dict[str, Relation | None]:
        """Return the places below objects of a kind by the normal form of their RDNs: a branch, or on the way to one."""
        if kind not in self._tables:
            places: dict[str, Relation | None] = {}
            for relation in self._site.registry.children(kind):
                branch = DN.parse(relation.branch)
                places[branch.normal] = relation
                while branch := branch.parent:
                    places.setdefault(branch.normal, None)
            self._tables[kind] = places
        return self._tables[kind]

    def _find_places(self, dn: DN) -> Iterator[Relation | None]:
        """Yield what is at a DN below objects above it: the relation whose branch it is, None on the way to a branch."""
        if dn == self._base:
            yield None
        normal, end = dn.normal, 0
        for _ in range(self._steps + 1):
            above = normal[end + 1 :] if end else normal
            for kind in self._kinds.get(above, ()):
                table = self._table_of(kind)
                if normal[:end] in table:
                    yield table[normal[:end]]
            end = normal.find(",", end + 1)
            if end < 0:
                return

    def find(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, Diagnostic]]:
        """Yield the strays among some entries, each with what it is."""
        for entry in entries:
            dn = entry.dn
            if str(dn) in self._known or dn in self._hidden or any(map(dn.is_below, self._hidden)):
                continue
            if not any(True for _ in self._find_places(dn)):
                yield entry, self._describe(entry)
            elif (first := self._taken.setdefault(dn.normal, dn)) is not dn and str(first) != str(dn):
                self.doubles.add(str(dn))
                yield entry, _describe_double(first)

    def _describe(self, entry: Entry) -> Diagnostic:
        if not entry.dn.is_below(self._base):
            summary = f'this entry is not below the base of the document, "{self._base}"'
            return Diagnostic("broken-data", summary, remedy="correct its DN, or remove it: a document has one base")
        registry = self._site.registry
        branches = self._find_places(entry.dn.parent)
        if above := next((relation for relation in branches if relation is not None and relation.named), None):
            definition = registry.definition(above.target)
            wanted = definition.object_classes[-1]
            if entry.has_object_class(wanted):
                summary = (
                    f"this entry is of type {definition.friendly}, but is not named by {above.naming_attribute} alone"
                )
                return Diagnostic("broken-data", summary, remedy=f"rename the entry: {above.naming_attribute}=NAME")
            summary = f"this entry is not of type {definition.friendly}: it lacks the object class {wanted}"
            return Diagnostic("broken-data", summary, remedy=f'add or correct the line "objectClass: {wanted}"')
        summary = "this entry is neither an object nor a branch of objects"
        classes = {name.lower() for name in entry.object_classes}
        of_root = registry.children("root")
        kind = next((r for r in of_root if registry.object_classes_of(r.target)[-1].lower() in classes), None)
        if kind is None:
            return Diagnostic("broken-data", summary, remedy=_CORRECT)
        definition = registry.definition(kind.target)
        place = f"{kind.branch},{self._base}" if kind.branch else str(self._base)
        words = f"directly below {place}" if kind.named else f"at {place}"
        return Diagnostic("broken-data", summary, remedy=f"correct its DN: {definition.indefinite} must be {words}")


class Strays(Record):
    """The strays of a storage, each with what it is, in the order in which they are told."""

    found: tuple[tuple[DN, Diagnostic], ...]

    @property
    def names(self) -> tuple[DN, ...]:
        """The names of all of them."""
        return tuple(dn for dn, _ in self.found)

    @property
    def problems(self) -> tuple[Diagnostic, ...]:
        """What is told of them: a problem for each, and one for those that are too many to list."""
        shown = tuple(problem for _, problem in self.found[:_SHOWN])
        if len(self.found) <= _SHOWN:
            return shown
        summary = f"{len(self.found) - _SHOWN} more entries are not part of the configuration"
        return (*shown, Diagnostic("broken-data", summary, severity="warning"))

    def leave_out(self, names: Container[DN]) -> Strays:
        """Return the strays without those of some names."""
        return Strays(tuple(one for one in self.found if one[0] not in names))


def find_strays(site: Site, world: StorageWorld, objects: Iterable[ManagedObject] | None = None) -> list[Diagnostic]:
    """Return a warning for each stray of a storage, and one for those that are too many to list.

    ``objects`` are all objects, if they were read into the world already.
    """
    return list(name_strays(site, world, list(site.all_objects(world)) if objects is None else objects).problems)


def name_strays(site: Site, world: StorageWorld, objects: Iterable[ManagedObject]) -> Strays:
    """Return the strays beside all objects of a storage, which were read into a world.

    A server has entries of its own beside those that the definitions know: they are none.
    """
    if site.storage.is_foreign:
        return Strays(())
    entries = site.storage.search(site.mapper.base, "sub", None, (OBJECT_CLASS,))
    return _tell_strays(StrayFinder(site, objects, world.entries), entries)


def summarise_strays(site: Site, world: StorageWorld | Overlay) -> list[Diagnostic]:
    """Return at most one warning, with the number of the strays of a storage. After a list it takes no request."""
    if site.storage.is_foreign:
        return []
    finder = StrayFinder(site, (), {})
    strays = [entry for entry, _ in finder.find(finder.learn(world.list_entries()))]
    if not strays:
        return []
    first = f'the entry "{min(strays, key=lambda entry: _rank_stray(finder, entry)).dn}"'
    summary = f"{first} is not part of the configuration"
    if len(strays) > 1:
        summary = f"{len(strays)} entries are not part of the configuration, for example {first}"
    return [Diagnostic("broken-data", summary, remedy=(RemedyAction("check"),), severity="warning")]


def find_strays_below(site: Site, world: StorageWorld, obj: ManagedObject) -> list[Diagnostic]:
    """Return a warning for each stray below an object, whose objects below it were all read into the world."""
    found = {path: entry for path, entry in world.entries.items() if path == obj.path or path.is_below(obj.path)}
    objects = [below for path in found if (below := world.find(path)) is not None]
    entries = site.storage.search(site.mapper.dn_of(obj.path), "sub", None, (OBJECT_CLASS,))
    return list(_tell_strays(StrayFinder(site, [obj, *objects], found), entries).problems)


def _describe_double(first: DN) -> Diagnostic:
    return Diagnostic(
        "broken-data",
        f'its name and the one of the entry "{first}" are equal here',
        remedy="delete or rename one of the two entries",
    )


def _tell_strays(finder: StrayFinder, entries: Iterable[Entry]) -> Strays:
    """Return the strays among some entries: a warning for each, an error for one with the name of an object or a branch."""
    strays = sorted(finder.find(entries), key=lambda stray: _rank_stray(finder, stray[0]))
    told = (
        problem.replace(
            summary=f'the entry "{entry.dn}" is not part of the configuration: {problem.summary}',
            severity="error" if str(entry.dn) in finder.doubles else "warning",
        )
        for entry, problem in strays
    )
    return Strays(tuple(zip((entry.dn for entry, _ in strays), told, strict=True)))


def _rank_stray(finder: StrayFinder, entry: Entry) -> tuple[bool, list[str]]:
    """Return the sort key: errors first, then parents before their children."""
    return str(entry.dn) not in finder.doubles, entry.dn.normal.split(",")[::-1]
