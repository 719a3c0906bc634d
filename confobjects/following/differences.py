"""What becomes of the objects when some entries have changed, worked out from those entries alone.

Law: the outcome is that of reading everything, or there is none. There is none wherever an entry that has not changed may
count for something else now: then everything has to be read.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from itertools import compress, count, islice
from operator import is_not
from typing import TYPE_CHECKING, Final

from confobjects.definitions.model import OWN_BRANCHES
from confobjects.dn import DN
from confobjects.management.locating import Locator, Place
from confobjects.objects.model import ManagedObject
from confobjects.paths import ManagedObjectPath
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.effect import EvaluatedObject
    from confobjects.management.site import Site
    from confobjects.management.strays import Strays
    from confobjects.mapping.entry import Entry

Changes = Mapping[ManagedObjectPath, "ManagedObject | None"]
"""Objects as they are now, None for those that are gone."""

_DEFINITIONS: Final = "cn=definitions"


class Survey(Record):
    """What reading everything has found beside the objects.

    ``doubtful`` are the normal forms of entries whose change may make others count for something else. Where
    ``has_alike`` is set, entries have equal names. ``entries`` are all entries, where they are at hand, but for those in
    ``read``, which have been read since.
    """

    strays: Strays
    doubtful: frozenset[str]
    has_alike: bool
    entries: Mapping[str, Entry] | None
    read: frozenset[DN] = frozenset()


def make_survey(
    site: Site, strays: Strays, objects: Iterable[ManagedObject], entries: Mapping[str, Entry] | None
) -> Survey:
    """Return what was found beside some objects, which are all."""
    apart = any(obj.problems and obj.path != ManagedObjectPath(obj.path.elements) for obj in objects)
    has_alike = apart or site.storage.holds_alike or any(one.severity == "error" for one in strays.problems)
    doubtful = _list_doubtful(strays)
    if entries is not None and not has_alike:
        gaps = {parent for key in entries if (parent := key.partition(",")[2]) not in entries}
        doubtful.update(above for gap in gaps for above in _list_above(gap))
    return Survey(strays, frozenset(doubtful), has_alike, entries)


def leave_out(survey: Survey, names: Container[DN]) -> Survey:
    """Return a survey without entries at hand that knows nothing of some entries, because they are read again."""
    strays = survey.strays.leave_out(names)
    return survey.replace(strays=strays, doubtful=frozenset(_list_doubtful(strays)))


def _list_doubtful(strays: Strays) -> set[str]:
    return {above for dn in strays.names for above in _list_above(dn.normal)}


def _list_above(normal: str) -> Iterable[str]:
    """Yield a name in normal form and those above it."""
    while normal:
        yield normal
        normal = normal.partition(",")[2]


def compare_entries(survey: Survey, now: Mapping[str, Entry]) -> dict[DN, Entry | None] | None:
    """Return the entries that differ from those of a survey, None for those that are gone.

    There is no outcome without entries to compare with, and if one that is gone leaves others below it.
    """
    before = survey.entries
    if before is None:
        return None
    found: dict[DN, Entry | None] = {dn: now.get(dn.normal) for dn in survey.read}
    if before is not now:
        were, are = _cut_out(before, now)
        gone = [key for key in were if key not in now]
        if gone and not {key.partition(",")[2] for key in now}.isdisjoint(gone):
            return None
        found.update((before[key].dn, None) for key in gone)
        found.update((now[key].dn, now[key]) for key in are if _differ(before.get(key), now[key]))
    return found


def _cut_out(before: Mapping[str, Entry], now: Mapping[str, Entry]) -> tuple[list[str], list[str]]:
    """Return the keys of both mappings without those that come first, or last, with the same entries in both."""
    one, other = list(before.values()), list(now.values())
    most = min(len(one), len(other))
    start = _count_same(one, other, most)
    end = _count_same(reversed(one), reversed(other), most - start)
    were, are = (list(islice(some, start, len(some) - end)) for some in (before, now))
    return were, are


def _count_same(one: Iterable[Entry], other: Iterable[Entry], most: int) -> int:
    """Return how many entries two sequences begin with that are the same objects, up to a number."""
    return min(most, next(compress(count(), map(is_not, one, other)), most))


def _differ(one: Entry | None, other: Entry) -> bool:
    """Tell whether an entry is not as it was; another spelling of its name counts."""
    return one is None or one != other or str(one.dn) != str(other.dn)


def find_differences(
    site: Site,
    known: Mapping[ManagedObjectPath, EvaluatedObject],
    survey: Survey,
    entries: Mapping[DN, Entry | None],
    before: Changes,
) -> Changes | None:
    """Return what becomes of known objects when some entries are as they are now; None if everything has to be read.

    ``before`` is what had become of them before that; it is part of the outcome, as far as it still holds.
    """
    finder = _DifferenceFinder(site, known, survey, before)
    for dn in sorted(entries, key=len):
        if not finder.take(dn, entries[dn]):
            return None
    return finder.changes


def is_own(base: DN, dn: DN) -> bool:
    """Tell whether an entry is kept for our own purposes, so that it holds no object, whatever it is."""
    below = dn.normal.removesuffix("," + base.normal)
    return below != dn.normal and below.rpartition(",")[2] in _HIDDEN


_HIDDEN: Final = frozenset(OWN_BRANCHES) - {_DEFINITIONS}


class _DifferenceFinder:
    """Takes entries, parents first."""

    def __init__(
        self, site: Site, known: Mapping[ManagedObjectPath, EvaluatedObject], survey: Survey, before: Changes
    ) -> None:
        self._site = site
        self._base = site.mapper.base
        self._known = known
        self._survey = survey
        self._locator = Locator(site.mapper, self._find)
        self.changes = dict(before)

    def _find(self, path: ManagedObjectPath) -> ManagedObject | None:
        if path in self.changes:
            return self.changes[path]
        found = self._known.get(path)
        return None if found is None else found.object

    def take(self, dn: DN, entry: Entry | None) -> bool:
        """Take an entry as it is now, None if it is gone. Return False if everything has to be read."""
        if is_own(self._base, dn):
            return True
        if self._is_doubtful(dn, entry):
            return False
        location = self._locator.locate(dn)
        is_object = False
        for place in location.places:
            obj = self._decode(place, entry)
            is_object = is_object or (entry is not None and obj is not None and place.relation.named)
            if not self._put(place.path, obj):
                return False
        if is_object:
            return not location.is_branch
        return entry is None or (location.is_branch and _has_one_spelling(dn))

    def _is_doubtful(self, dn: DN, entry: Entry | None) -> bool:
        if dn.normal in self._survey.doubtful or not (dn == self._base or dn.is_below(self._base)):
            return True
        if dn == self._base:
            return entry is None
        return dn.normal.removesuffix("," + self._base.normal).rpartition(",")[2] == _DEFINITIONS

    def _decode(self, place: Place, entry: Entry | None) -> ManagedObject | None:
        """Return the object at a place, whose entry is as given."""
        mapper, relation = self._site.mapper, place.relation
        if relation.named:
            is_there = entry is not None and mapper.holds(entry, relation)
        else:
            is_there = entry is not None and not mapper.is_bare(entry, relation)
        if entry is not None and is_there:
            return mapper.decode(entry, relation, place.path.parent)
        return self._make_unwritten(place)

    def _make_unwritten(self, place: Place) -> ManagedObject | None:
        definition = self._site.registry.unwritten_type(place.relation)
        return None if definition is None else ManagedObject(place.path, definition, {})

    def _put(self, path: ManagedObjectPath, obj: ManagedObject | None) -> bool:
        """Put an object in the place of the one that was there. Return False if everything has to be read."""
        old = self._find(path)
        if obj is None:
            if old is not None:
                self._remove(path, old)
            return True
        if old is None:
            self._add(obj)
            return True
        if old.path.elements != obj.path.elements:
            return False  # of the same name in another spelling
        if old.definition is not obj.definition and (self._has_places(old) or self._has_places(obj)):
            return False
        self.changes[path] = obj
        return True

    def _has_places(self, obj: ManagedObject) -> bool:
        """Tell whether there can be objects below one."""
        return bool(self._site.registry.children(obj.definition.name))

    def _remove(self, path: ManagedObjectPath, old: ManagedObject) -> None:
        self.changes[path] = None
        if self._has_places(old):
            below = [at for at in (*self._known, *self.changes) if at.is_below(path)]
            self.changes.update(dict.fromkeys(below))

    def _add(self, obj: ManagedObject) -> None:
        """Add an object, and the single ones below it that are there without an entry."""
        self.changes[obj.path] = obj
        for relation in self._site.registry.children(obj.definition.name):
            if not relation.named:
                path = obj.path.child(relation.name)
                if self._find(path) is None and (single := self._make_unwritten(Place(path, relation))) is not None:
                    self._add(single)


def _has_one_spelling(dn: DN) -> bool:
    """Tell whether no other entry can have this name in another spelling, as far as all servers agree."""
    own = str(dn).removesuffix("," + str(dn.parent))
    return own.isascii() and own.isprintable() and "\\" not in own and "+" not in own and "  " not in own
