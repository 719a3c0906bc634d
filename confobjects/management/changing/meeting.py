"""Changes in a storage that does not lock out other writers: the result is checked after the commit.

Laws of this module:

1. A change that was planned on an outdated state is planned again on the current one. If it is no longer possible,
   the error says that someone else made a change first, and what prevents this one.
2. Two changes that are valid alone but not together never both stay. Each writer checks the result after it has
   written, so the later one sees both changes. The writer whose object refers to the other object takes its change
   back at once. The other writer waits for that, and takes its own change back only if it does not happen.
   Where one of them changes the definitions, both may take theirs back.
3. Taking a change back restores only what this change changed, and nothing that others have changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from confobjects.diagnostics import Diagnostic
from confobjects.errors import (
    ChangedMeanwhileError,
    ConfobjectsError,
    ConstraintError,
    NoSuchObjectError,
    ObjectExistsError,
    ObjectInUseError,
)
from confobjects.management.changing.outcomes import find_targets
from confobjects.mapping.entry import (
    EVERYTHING,
    AddEntry,
    Change,
    DeleteEntry,
    Entry,
    Modification,
    ModifyEntry,
    RenameEntry,
    apply,
    diff,
)
from confobjects.mapping.objects import BRANCH_CLASS, REVISION
from confobjects.records import Record
from confobjects.texts.numbers import read_number

if TYPE_CHECKING:
    from confobjects.definitions.model import PropertyDefinition
    from confobjects.dn import DN
    from confobjects.management.changing.outcomes import ObjectOutcome
    from confobjects.management.site import Site
    from confobjects.management.world import StorageWorld
    from confobjects.mapping.journal import Note
    from confobjects.mapping.protocol import Storage
    from confobjects.objects.judging import Judge
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import ManagedObjectPath

_ATTEMPTS: Final = 16
"""How often a change is planned again when the entry itself keeps changing."""
_OTHER_ATTEMPTS: Final = 3
"""The same when an entry has appeared or disappeared, which rarely happens twice."""
_PATIENCE: Final = 8
"""How often the writer that does not have to yield checks again."""
_FEW: Final = 3
"""Up to this many objects are read again one by one."""


class ChangePlan(Protocol):
    """A change that can be planned again on the current content of the storage."""

    @property
    def site(self) -> Site:
        """The site of the change."""
        ...

    def plan(self) -> list[ObjectOutcome]:
        """Judge the change as a whole and return its outcomes. Raises one error with every problem."""
        ...

    def replay(self) -> None:
        """Repeat every request on what the storage holds now."""
        ...

    def collect_entries(self) -> Mapping[DN, Entry]:
        """Return the entries that were read for the plan."""
        ...

    def build_changes(self, found: Sequence[ObjectOutcome]) -> list[Change]:
        """Return the storage operations that carry out some outcomes."""
        ...

    def make_note(self) -> Note:
        """Return the note of the change for the history."""
        ...

    def find_late_problems(self, found: Sequence[ObjectOutcome]) -> Iterable[Diagnostic]:
        """Return the problems of outcomes that were written with definitions that somebody else has changed meanwhile."""
        ...


def settle(transaction: ChangePlan, planned: list[ObjectOutcome] | None = None, *, again: bool = False) -> int | None:
    """Plan, commit and confirm a change, and return its number in the history, if it has one.

    ``planned`` is the plan, if it was made already; with ``again`` it was made so long ago that it has to be made again.
    Raises :class:`~confobjects.errors.ChangedMeanwhileError` and others.
    """
    storage = transaction.site.storage
    for attempt in range(_ATTEMPTS):
        if again or attempt > 0:
            found = plan_again(transaction)
        else:
            found = transaction.plan() if planned is None else planned
        if not found:
            return None
        changes = transaction.build_changes(found)
        before = _read_before(storage, transaction.collect_entries(), changes)
        try:
            number = storage.commit(changes, transaction.make_note())
        except (ChangedMeanwhileError, NoSuchObjectError, ObjectExistsError, ObjectInUseError) as error:
            limit = _ATTEMPTS if isinstance(error, ChangedMeanwhileError) else _OTHER_ATTEMPTS
            if attempt + 1 >= limit:
                raise
            storage.pause(attempt)
            continue
        _confirm(transaction, found, changes, before, number)
        return number
    return None


def plan_again(transaction: ChangePlan) -> list[ObjectOutcome]:
    """Return the plan on what the storage holds now. It worked before: if it fails, a change of someone else is the cause."""
    try:
        transaction.replay()
        return transaction.plan()
    except (ConstraintError, ObjectInUseError) as error:
        _raise_changed("the object, or one it depends on, was changed by someone else meanwhile", error.diagnostics)


def _raise_changed(summary: str, causes: Sequence[Diagnostic]) -> NoReturn:
    path = next((cause.path for cause in causes if cause.path), "")
    remedy = "look at the objects as they are now, and repeat the change if it is still wanted"
    problem = Diagnostic("changed-meanwhile", summary, path=path, remedy=remedy)
    raise ChangedMeanwhileError([problem, *causes])


# -- after the commit ------------------------------------------------------------------------------------------------


class _ChangeConflict(Record):
    """The problems of two conflicting changes; ``yields`` says whether this writer takes its change back."""

    problems: tuple[Diagnostic, ...]
    yields: bool


def _confirm(
    transaction: ChangePlan,
    found: Sequence[ObjectOutcome],
    changes: Sequence[Change],
    before: Mapping[DN, Entry],
    number: int | None,
) -> None:
    """Check what was written and what it depends on; take the change back if it conflicts with another one."""
    site = transaction.site
    late = tuple(transaction.find_late_problems(found))
    finding = _ChangeConflict(late, yields=True) if late else _find_conflict(site, found)
    for turn in range(_PATIENCE):
        if not finding.problems:
            return
        if finding.yields:
            break
        site.storage.pause(turn)
        finding = _find_conflict(site, found)
    if not finding.problems:
        return
    stuck = tuple(_take_back(site.storage, changes, before))
    if number is not None and not stuck:
        site.storage.withdraw(number)
    taken = "was taken back only in part" if stuck else "was taken back"
    summary = f"someone else made a conflicting change at the same time; this change {taken}"
    _raise_changed(summary, (*finding.problems, *stuck))


def _find_conflict(site: Site, found: Sequence[ObjectOutcome]) -> _ChangeConflict:
    world = site.open_world()
    alone = _keep_written(world, [outcome.object for outcome in found if outcome.object is not None])
    judge = site.make_judge(world)
    paths = [outcome.change.path if outcome.object is None else outcome.object.path for outcome in found]
    world.read_ahead([path for path in paths if path not in alone])
    world.read_ahead(find_targets(site.registry, found))
    yielding: list[Diagnostic] = []
    waiting: list[Diagnostic] = []
    for outcome in found:
        path = outcome.change.path if outcome.object is None else outcome.object.path
        if path in alone and not any(judge.users(path)):
            continue
        obj = world.find(path)
        if obj is None:
            if outcome.object is None:
                waiting.extend(_find_dangling(judge, path))
            continue
        judged = judge.judge(obj)
        yielding.extend(p for p in (*judged.problems, *judge.check_references(judged)) if p.severity == "error")
        waiting.extend(judge.check_users(judged))
    return _ChangeConflict((*yielding, *waiting), bool(yielding))


def _find_dangling(judge: Judge, path: ManagedObjectPath) -> Iterator[Diagnostic]:
    for user in judge.users(path):
        if user.sure:
            summary = f"{user.object.path} names it ({user.as_words()}), and it was deleted"
            yield Diagnostic("object-in-use", summary, path=str(path))


def _keep_written(world: StorageWorld, written: Sequence[ManagedObject]) -> frozenset[ManagedObjectPath]:
    """Use many objects as they were written, without reading them again; return those that depend on nothing else.

    Each entry was written together with its revision, so nobody can have changed one unnoticed in between. The
    objects that they depend on are read.
    """
    if len(written) <= _FEW:
        return frozenset()
    for obj in written:
        world.keep(obj)
    return frozenset(obj.path for obj in written if not _has_dependencies(obj))


def _has_dependencies(obj: ManagedObject) -> bool:
    """Whether an object may refer to another, or inherit from one."""
    properties = obj.definition.properties.values()
    return any(prop.default.kind.startswith("inherited") or _may_refer(obj, prop) for prop in properties)


def _may_refer(obj: ManagedObject, prop: PropertyDefinition) -> bool:
    texts = obj.values.get(prop.name)
    if not texts:
        return bool(prop.references) and prop.default.always_gives_value()
    return any(reference.may_name(text) for reference in prop.references for text in texts)


# -- taking back -----------------------------------------------------------------------------------------------------


def _read_before(storage: Storage, stored: Mapping[DN, Entry], changes: Iterable[Change]) -> dict[DN, Entry]:
    """Return the entries that some changes will modify or delete, as they are before."""
    names = [change.dn for change in changes if isinstance(change, (ModifyEntry, DeleteEntry))]
    missing = [dn for dn in names if dn not in stored]
    read = dict(zip(missing, storage.read_all(missing), strict=True))
    return {dn: entry for dn in names if (entry := stored.get(dn) or read[dn]) is not None}


def _take_back(storage: Storage, changes: Sequence[Change], before: Mapping[DN, Entry]) -> Iterator[Diagnostic]:
    """Undo some changes, the last first; yield what could not be undone."""
    for change in reversed(changes):
        try:
            _undo(storage, change, before)
        except ConfobjectsError as error:
            yield from error.diagnostics


def _undo(storage: Storage, change: Change, before: Mapping[DN, Entry]) -> None:
    for attempt in range(_ATTEMPTS):
        inverse = _invert_change(storage, change, before)
        if inverse is None:
            return
        try:
            storage.commit([inverse])
        except ChangedMeanwhileError:
            if attempt + 1 == _ATTEMPTS:
                raise
            storage.pause(attempt)
        else:
            return


def _invert_change(storage: Storage, change: Change, before: Mapping[DN, Entry]) -> Change | None:
    if isinstance(change, AddEntry):
        is_object = not change.entry.has_object_class(BRANCH_CLASS)  # others may use a branch by now
        return DeleteEntry(change.entry.dn) if is_object and storage.read(change.entry.dn) is not None else None
    if isinstance(change, RenameEntry):
        return RenameEntry(change.new_dn, change.dn)
    old = before.get(change.dn)
    if old is None:
        return None
    if isinstance(change, DeleteEntry):
        return AddEntry(old) if storage.read(change.dn) is None else None
    return _restore_values(storage, change, old)


def _restore_values(storage: Storage, change: ModifyEntry, old: Entry) -> ModifyEntry | None:
    """Return the modification that restores old values in attributes that still have those of the change."""
    now = storage.read(change.dn)
    if now is None:
        return None
    ours = apply(old, change.modifications)
    attributes = dict(now.attributes)
    for name in {
        m.attribute.lower(): m.attribute for m in change.modifications if m.attribute.lower() != REVISION
    }.values():
        if set(now.get(name)) == set(ours.get(name)):
            attributes.pop(now.spelling_of(name) or name, None)
            attributes[name] = old.get(name)
    if storage.is_foreign:
        return ModifyEntry(change.dn, diff(now, Entry(now.dn, attributes), swap=EVERYTHING))
    steps = [*diff(now, Entry(now.dn, attributes))]
    revision = now.get(REVISION)
    text = revision[0] if revision and isinstance(revision[0], str) else "0"
    if revision:
        steps.append(Modification("delete", REVISION, revision))
    steps.append(Modification("add", REVISION, (str((read_number(text) or 0) + 1),)))
    return ModifyEntry(change.dn, steps)
