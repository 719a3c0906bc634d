"""Reading what is stored: one consistent state with its history, of which only what has changed is read and evaluated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from confobjects.definitions.model import HOLDER_KIND
from confobjects.diagnostics import Diagnostic
from confobjects.effect import EvaluatedObject, Layers, StoredState, evaluate_object
from confobjects.effect.digest import change_digest
from confobjects.errors import NoSuchObjectError, StorageError
from confobjects.following.cuts import find_cut, list_touches, name_entries
from confobjects.following.differences import (
    Changes,
    Survey,
    compare_entries,
    find_differences,
    is_own,
    leave_out,
    make_survey,
)
from confobjects.following.unfinished import BeingWrittenError, is_abandoned, require_whole, take_back
from confobjects.management.history.records import HistoryRecord, record_of
from confobjects.management.judging import warn_of_unknown, warn_of_unusable
from confobjects.management.strays import name_strays
from confobjects.mapping.objects import find_holders, revision_of
from confobjects.paths import ROOT
from confobjects.records import Record, field

if TYPE_CHECKING:
    from confobjects.dn import DN
    from confobjects.effect.model import Kind
    from confobjects.following.sources import LiveSources
    from confobjects.management.site import Site
    from confobjects.mapping.entry import Entry
    from confobjects.mapping.journal import Moment, NotedChange
    from confobjects.mapping.protocol import Notice
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import ManagedObjectPath

_ATTEMPTS: Final = 20
_DISTURBED: Final = 2
"""The number of attempts that others may spoil. In the next ones they are locked out, where they can be."""
_MOST_READ: Final = 1000
"""Entries that are read one by one until all are compared again, where that costs little."""
_MOST_ROUNDS: Final = 20
"""How often the entries are read again that others have touched since they were read."""


class Look(Record):
    """What one look at a storage finds: the stored state, the records of its history that are new, and warnings."""

    stored: StoredState
    history: tuple[HistoryRecord, ...]
    warnings: tuple[Diagnostic, ...]


class _Found(Record):
    """What one attempt to read has found: objects that differ from the known ones, and what is beside all of them.

    ``revisions`` are those of the entries that were read, None for one that was not there. Where ``is_all``, these are
    all that there are; otherwise the rest is as it was after the change ``number``.
    """

    changes: Changes
    survey: Survey
    warnings: tuple[Diagnostic, ...]
    number: int
    revisions: Mapping[DN, int | None] = field(default_factory=dict)
    is_all: bool = False


class StoredReader:
    """Reads the states of a storage, one after the other: the first one as a whole, then what :meth:`note` names.

    ``redefined`` has the definitions that the storage holds otherwise than when it was read first.
    """

    def __init__(self, site: Site, sources: LiveSources) -> None:
        self._site = site
        self._sources = sources
        self._known: dict[ManagedObjectPath, EvaluatedObject] = {}
        self._layers: Layers[ManagedObjectPath, EvaluatedObject] = Layers()
        self._unknown: dict[ManagedObjectPath, ManagedObject] = {}
        """The objects with attributes that belong to no property."""
        self._files: dict[ManagedObjectPath, frozenset[str]] = {}
        self._users: Counter[str] = Counter()
        """How many objects take values from a file or directory."""
        self._outdated: set[ManagedObjectPath] = set()
        self._digest = ""
        self._due: dict[DN, None] | None = None
        """The entries that may have changed since the last look, None for any."""
        self._survey: Survey | None = None
        self._number: int | None = None
        self._had_base = False
        self._holders: list[Entry] | None = None
        self._holders_now: list[Entry] = []

    @property
    def redefined(self) -> Mapping[ManagedObjectPath, Kind]:
        """The paths of the definitions that the storage holds otherwise than when it was read first, and what was done."""
        before, now = ({one.dn: one for one in some} for some in (self._holders or (), self._holders_now))
        found: dict[ManagedObjectPath, Kind] = {}
        for dn in {**before, **now}:
            if before.get(dn) != now.get(dn):
                kind: Kind = "added" if dn not in before else "changed" if dn in now else "deleted"
                found[ROOT.child(HOLDER_KIND, dn.rdns[0][0][1])] = kind
        return found

    @property
    def files(self) -> Collection[str]:
        """The paths of all files and directories that values come from."""
        return self._users.keys()

    def forget(self, paths: Collection[str]) -> None:
        """Evaluate the objects again whose values come from some files or directories."""
        if paths:
            self._outdated.update(path for path, files in self._files.items() if not files.isdisjoint(paths))

    def note(self, notice: Notice | None) -> None:
        """Read the entries that a notice names with the next look, and all of them if it names none."""
        if notice is not None and notice.names is None:
            self._due = None
        elif notice is not None and notice.names is not None and self._due is not None:
            self._due.update(dict.fromkeys(notice.names))

    def read(self, since: int | None) -> Look:
        """Return what is stored now, with the history from a number on.

        A change that is not whole is an error, except at the start (``since`` is None) if its writer has died: then it
        is taken back in what is returned.

        Raises :class:`~confobjects.errors.ConfobjectsError` if it cannot be read, or is changed faster than it is read.
        """
        reason = BeingWrittenError("the configuration is changed faster than it can be read")
        for attempt in range(_ATTEMPTS):
            try:
                storage = self._site.storage
                is_alone = attempt >= _DISTURBED or storage.is_foreign  # there no revision shows what was read
                with storage.undisturbed() if is_alone else nullcontext():
                    look = self._look(since)
            except BeingWrittenError as error:  # a change of a few entries is whole in a moment
                reason = error
                continue
            if look is not None:
                return look
        raise reason

    def _look(self, since: int | None) -> Look | None:
        """Return what one attempt to read finds; None if others have changed what was read meanwhile."""
        moment = self._site.storage.moment()
        is_start = since is None and not self._known
        if not (is_start and is_abandoned(moment)):
            require_whole(moment)
        noted = self._read_history(since)
        if noted is None and moment.last is not None:
            return None  # there is a history, and it was not found
        found = self._read_changed(noted) or self._read_everything()
        if found is None:
            return None
        after, last = self._read_history(since), self._site.storage.moment()
        if last == moment and after == noted:
            return None if _is_being_made(after, moment) else self._take(found, after, since, moment)
        return self._catch_up(found, noted or (), after or (), since, (moment, last))

    def _catch_up(
        self,
        found: _Found,
        noted: Sequence[NotedChange],
        after: Sequence[NotedChange],
        since: int | None,
        moments: tuple[Moment, Moment],
    ) -> Look | None:
        """Return what was found as soon as it held after one change; None if that is not to be had.

        What others have touched since it was read is read again. While everything is read, they touch a part of it; while
        that part is read, a part of that, and so on. Only where writers work at the same time, an entry tells its change.
        """
        storage, (moment, last) = self._site.storage, moments
        if storage.serialises_writers or storage.is_foreign or moment.unfinished:
            return None  # where no revision tells the change of an entry, all that was read is read again
        for _ in range(_MOST_ROUNDS):
            settled, sure = _list_settled(noted), _list_settled(after)
            if not settled or not sure or last.epoch != moment.epoch:
                return None
            base = settled[-1].number
            strange = _list_strange(found.revisions, base, last, after)
            cut = None if strange else self._find_cut(base, noted, after, found)
            if cut is not None and cut <= sure[-1].number:
                return self._take(found, [one for one in after if one.number <= cut], since, moment)
            again = self._read_again(found, noted, after, strange)
            if again is None:
                return None
            kept = [one for one in after if one.number < base]
            found, noted, after = again, after, [*kept, *storage.history(base - 1)]
            last = storage.moment()
        return None

    def _take(self, found: _Found, noted: Sequence[NotedChange] | None, since: int | None, moment: Moment) -> Look:
        """Return what was found as the state after the newest of some changes, and go on from there with the next look."""
        number = _newest_of(noted)
        self._due, self._survey, self._number = {}, found.survey, number
        if number is not None and since is not None and number < since <= (moment.last or 0):
            number = since  # the change of that number was taken back
        records = tuple(record_of(one) for one in noted or () if since is None or one.number >= since)
        warnings = tuple(self._join_warnings(found))
        changes = found.changes
        for one in moment.unfinished[:1]:  # at the start: the last whole state is the one before it
            changes = take_back(changes.values(), records, one.number, self._site.registry)
            number = max((known.number for known in records if known.number < one.number), default=0)
            self._survey = None
        stored = self._evaluate_objects(changes, number)
        return Look(stored.replace(epoch=moment.epoch, digest=self._digest), records, warnings)

    def _read_history(self, since: int | None) -> Sequence[NotedChange] | None:
        """Return the end of the history: at least what follows a number, and always the newest change."""
        known = None if since is None or self._number is None else min(since, self._number)
        floor = max(0, (known or 0) - 1)
        try:
            noted = self._site.storage.history(floor)
            return self._site.storage.history() if floor and not noted else noted  # the last one was taken back
        except NoSuchObjectError:
            return None

    def _find_cut(
        self, base: int, noted: Sequence[NotedChange], after: Sequence[NotedChange], found: _Found
    ) -> int | None:
        """Return the number of a change after which the entries were as they were read, although others went on; or None.

        ``noted`` was read before them, and ``after`` after them. ``base`` is the last change that was whole before them.
        """
        is_same = [one for one in after if one.number <= base] == [one for one in noted if one.number <= base]
        if not is_same or not {one.number for one in noted}.issubset(one.number for one in after):
            return None
        new = (record_of(one) for one in after if one.number > found.number)
        touches = list_touches(self._site.mapper, new)
        if touches is None:
            return None
        gone = {dn: None for dn, _ in touches} if found.is_all else {}
        return find_cut(base, touches, {**gone, **found.revisions})

    # -- what has changed --------------------------------------------------------------------------------------------

    def _read_changed(self, noted: Sequence[NotedChange] | None) -> _Found | None:
        """Return what becomes of the objects by reading what has changed; None if everything has to be read."""
        survey, newest = self._survey, _newest_of(noted)
        if survey is None or survey.has_alike or (newest or 0) < (self._number or 0):
            return None
        storage, mapper = self._site.storage, self._site.mapper
        if storage.holds_alike or storage.base != mapper.base:
            return None
        if self._due is None or len(survey.read) > _MOST_READ:
            return self._compare(survey)
        names = self._list_names(noted)
        if names is None:
            return None
        return self._read_named(survey, names, self._number or 0, {})

    def _read_again(
        self, found: _Found, noted: Sequence[NotedChange], after: Sequence[NotedChange], strange: Iterable[DN]
    ) -> _Found | None:
        """Read what was touched by the changes in which two looks at the history differ, and by those not whole yet.

        None if these do not name it, or if everything has to be read. ``strange`` entries are read as well.
        """
        differing = {*noted, *after} - {*_list_settled(noted)}.intersection(_list_settled(after))
        new = (record_of(one) for one in differing if one.number >= after[0].number)
        touches, settled = list_touches(self._site.mapper, new), _list_settled(after)
        if touches is None or not settled or found.survey.has_alike or self._site.storage.holds_alike:
            return None
        names = dict.fromkeys((*(dn for dn, _ in touches), *strange))
        return self._read_named(leave_out(found.survey, names), names, settled[-1].number, found.changes)

    def _read_named(self, survey: Survey, names: Iterable[DN], number: int, before: Changes) -> _Found | None:
        """Read some entries beside what is known, and what has become of that before; the rest is as of a number."""
        wanted = [dn for dn in names if not is_own(self._site.mapper.base, dn)]
        read = self._site.storage.read_all(wanted)
        entries = {dn if entry is None else entry.dn: entry for dn, entry in zip(wanted, read, strict=True)}
        if survey.entries is not None:
            survey = survey.replace(read=survey.read.union(wanted))
        found = self._find_differences(survey, entries, before)
        if found is None:
            return None
        revisions = {dn: None if entry is None else revision_of(entry) for dn, entry in entries.items()}
        return found.replace(number=number, revisions=revisions)

    def _compare(self, survey: Survey) -> _Found | None:
        """Compare all entries, where they are at hand."""
        entries = self._site.storage.snapshot()
        differing = None if entries is None else compare_entries(survey, entries)
        if differing is None:
            return None
        return self._find_differences(survey.replace(entries=entries, read=frozenset()), differing, {})

    def _list_names(self, noted: Iterable[NotedChange] | None) -> Iterable[DN] | None:
        """Return the entries to be read: those that were heard of, and those of new changes, which may be heard later."""
        names = dict(self._due or {})
        for one in noted or ():
            if one.number <= (self._number or 0):
                continue
            found = name_entries(self._site.mapper, record_of(one))
            if found is None:
                return None
            names.update(dict.fromkeys(found))
        return names

    def _find_differences(self, survey: Survey, entries: Mapping[DN, Entry | None], before: Changes) -> _Found | None:
        changes = find_differences(self._site, self._known, survey, entries, before)
        if changes is None:
            return None
        warnings = tuple(self._site.storage.warnings)
        return _Found(self._drop_equal(changes), survey, warnings, self._number or 0)

    def _drop_equal(self, changes: Changes) -> Changes:
        return {path: obj for path, obj in changes.items() if self._differs(path, obj)}

    def _differs(self, path: ManagedObjectPath, obj: ManagedObject | None) -> bool:
        known = self._known.get(path)
        if known is None or obj is None:
            return known is not None or obj is not None
        return (
            known.object != obj or known.object.path.elements != obj.path.elements
        )  # the same name in another spelling

    # -- everything --------------------------------------------------------------------------------------------------

    def _read_everything(self) -> _Found | None:
        """Read all objects; None if entries were changed meanwhile."""
        storage = self._site.storage
        has_base = storage.read(self._site.mapper.base) is not None
        if self._had_base and not has_base:
            summary = f'the entry "{self._site.mapper.base}" is there no longer: the configuration was removed, or is being written'
            raise StorageError(Diagnostic("storage-failed", summary, remedy="put the configuration back"))
        self._had_base = has_base
        entries = storage.snapshot()
        holders = find_holders(storage)
        self._holders = holders if self._holders is None else self._holders
        self._holders_now = holders
        world = self._site.open_world()
        objects = list(self._site.all_objects(world))
        strays = name_strays(self._site, world, objects)
        if entries is not None and storage.snapshot() != entries:
            return None
        changes: dict[ManagedObjectPath, ManagedObject | None] = {obj.path: obj for obj in objects}
        changes.update((path, None) for path in self._known if path not in changes)
        survey = make_survey(self._site, strays, objects, entries)
        revisions = {self._site.mapper.dn_of(obj.path): obj.revision for obj in objects}
        warnings = tuple(storage.warnings)
        return _Found(self._drop_equal(changes), survey, warnings, self._number or 0, revisions, is_all=True)

    # -- what was found ----------------------------------------------------------------------------------------------

    def _join_warnings(self, found: _Found) -> Iterator[Diagnostic]:
        for path, obj in found.changes.items():
            self._unknown.pop(path, None)
            if obj is not None and obj.unknown:
                self._unknown[path] = obj
        yield from found.warnings
        yield from warn_of_unusable(self._site.registry)
        yield from found.survey.strays.problems
        yield from warn_of_unknown((self._unknown[path] for path in sorted(self._unknown)), "kept and not used")

    def _evaluate_objects(self, found: Changes, number: int | None) -> StoredState:
        self._sources.renew()
        objects: dict[ManagedObjectPath, ManagedObject | None] = {
            path: self._known[path].object for path in self._outdated if path in self._known
        }
        objects.update(found)
        changes = {path: None if obj is None else self._evaluate(obj) for path, obj in objects.items()}
        self._digest = change_digest(self._digest, self._known, changes)
        for path, evaluated in changes.items():
            if evaluated is None:
                del self._known[path]
                self._remember_files(path, frozenset())
            else:
                self._known[path] = evaluated
        self._outdated.clear()
        self._layers = self._layers.with_changes(changes)
        return StoredState("", number, self._layers, frozenset(changes))

    def _evaluate(self, obj: ManagedObject) -> EvaluatedObject:
        with self._sources.track() as files:
            evaluated = evaluate_object(obj, self._site.registry, self._sources)
        self._remember_files(obj.path, frozenset(files))
        return evaluated

    def _remember_files(self, path: ManagedObjectPath, files: frozenset[str]) -> None:
        old = self._files.pop(path, frozenset())
        if files:
            self._files[path] = files
        self._users.update(files - old)
        for file in old - files:
            self._users[file] -= 1
            if not self._users[file]:
                del self._users[file]


def _newest_of(noted: Sequence[NotedChange] | None) -> int | None:
    if noted is None:
        return None
    return noted[-1].number if noted else 0


def _list_strange(
    revisions: Mapping[DN, int | None], base: int, last: Moment, after: Iterable[NotedChange]
) -> list[DN]:
    """Return the entries that show a change after ``base`` which the history does not have: it was taken back."""
    numbers = {one.number for one in after}
    return [
        dn for dn, number in revisions.items() if number and base < number <= (last.last or 0) and number not in numbers
    ]


def _is_being_made(noted: Sequence[NotedChange] | None, moment: Moment) -> bool:
    """Tell whether a change is being made that the moment does not know as unfinished."""
    unfinished = {one.number for one in moment.unfinished}
    return any(one.state == "pending" and one.number not in unfinished for one in noted or ())


def _list_settled(noted: Sequence[NotedChange]) -> list[NotedChange]:
    """Return the changes before the first one that is being made."""
    return list(takewhile(lambda one: one.state != "pending", noted))
