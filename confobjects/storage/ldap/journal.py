"""The history in a directory: one entry for each commit, below ``cn=History`` below the base.

Laws of this module:

1. The record of a commit is written before its first change. So the history knows every change, unless the directory
   keeps no history.
2. A commit with one change sets the number of its record as the revision of the entry. Whenever its writer dies, the
   revision shows whether the change was made. That costs one request. Until then the record's writer tells whether the
   change may still come.
3. A commit never builds on an entry that an unfinished commit has changed, because that one may be taken back. It
   waits for the other commit.
4. A commit with several changes is an intent: its record contains the plan, with secrets in the protected attribute,
   and is marked when everything is done. If its writer is dead, the next command that changes something finishes the
   intent, or takes it back if the rest can no longer be done. Only one command does so, because it must replace the
   writer's name in the record first. If a writer does not know the outcome of a request, its intent is treated as if
   the writer had been killed.
5. The number of a record is higher than all revisions that the commit finds. No two records have the same number,
   because the server enforces that. No record has a lower number than one that was written before it: whoever follows
   the history has gone past that number. So writers that meet wait for a random time, and take the next one. And the
   branch has a number that says which ones are closed, that number and all below it. It is raised before records are
   removed, and before numbers are left out because an entry has a higher revision; whoever has written a record looks
   at it before the first change.
6. A writer that has met others looks for the newest number before it writes its next records, and waits the longer the
   more it has met: a refused addition makes everybody wait on 389 Directory Server.

On a server that may accept two replacements of one value, the module ``claims`` makes sure that only one is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import monotonic, time
from typing import TYPE_CHECKING, Final

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import (
    CannotConnectError,
    ChangedMeanwhileError,
    ConfobjectsError,
    NoSuchObjectError,
    ObjectExistsError,
)
from confobjects.mapping import journal as names
from confobjects.mapping.entry import AddEntry, Change, DeleteEntry, Entry, Modification, ModifyEntry
from confobjects.mapping.protocol import Scope
from confobjects.records import Record
from confobjects.storage.ldap import plans, records, writers
from confobjects.storage.ldap.intents import Intent, Lease
from confobjects.storage.ldap.plans import PlannedChange
from confobjects.storage.ldap.records import CLAIM, text_of
from confobjects.storage.ldap.results import target_of
from confobjects.storage.ldap.truth import FENCE, REVISION, StoredRecord, is_single, number_plan, revision_of, steps_of

if TYPE_CHECKING:
    from confobjects.mapping.journal import Moment, Note, NotedChange

_LOOKS: Final = 3
"""How often the history is looked up before it counts as missing."""
_LOOK_AGAIN: Final = 60.0
"""Seconds after which intents of others are looked up again."""
_TRIES: Final = 64
_PRUNE_EVERY: Final = 64
_MOST_CROWDED: Final = 5
"""How many records in a row that meet no other writer make one that has met many forget them."""
_UNIQUE: Final = ("entryUUID", "nsUniqueId")
"""What a server gives an entry when it is made, and never again to another one (RFC 4530, 389 Directory Server)."""
_CLAIMS_KEPT: Final = 256
"""How many numbers a claim is kept. Its own number is at least that of the branch when it was made."""


class DirectoryMeans(Record):
    """What the journal needs from the storage.

    ``look_up`` returns an entry as the server has it now, ``read_each`` several of them by their normal names, ``find``
    the entries that a filter selects, ``find_from`` those right below one with a number that is not lower than another, None if one search does not do. ``make`` makes one change. ``take_back`` undoes some changes, the last one first, and returns what could not be undone.
    ``has_been_made`` tells whether a change has been made. ``pause`` waits a random time, longer with each turn.
    """

    base: Callable[[], DN]
    look_up: Callable[[DN, Sequence[str]], Entry | None]
    read_each: Callable[[Sequence[DN], Sequence[str]], Mapping[str, Entry | None]]
    find: Callable[[DN, Scope, str, Sequence[str]], list[Entry]]
    find_from: Callable[[DN, str, int, Sequence[str]], list[Entry] | None]
    make: Callable[[Change, Entry | None], None]
    take_back: Callable[[Sequence[PlannedChange]], list[Diagnostic]]
    has_been_made: Callable[[Change, Entry | None], bool]
    pause: Callable[[int], None]


class Journal:
    """The history below one base. ``keep`` is the number of records to keep."""

    def __init__(self, directory: DirectoryMeans, keep: int) -> None:
        self._directory = directory
        self._keep = keep
        self._exists = False
        self._asked: float | None = None
        self._last = 0
        self._newest = 0
        """The highest number that a reader has seen."""
        self._crowd = 0
        """How often others took a number first, less the records that met nobody. Until it is 0, the newest is looked up."""
        self._looked: float | None = None
        self._abandoned: set[tuple[int, str]] = set()
        """Intents that this process left because the outcome was unknown, each with the writer name in its record."""
        self._settled = {0}
        """Revisions that are known not to belong to an unfinished intent."""
        self.remarks: list[Diagnostic] = []

    @property
    def branch(self) -> DN:
        """The DN of the history."""
        return self._directory.base().child(*names.BRANCH)

    def _dn_of(self, number: int) -> DN:
        return self.branch.child("cn", str(number))

    # -- is there one ------------------------------------------------------------------------------------------------

    def exists(self) -> bool:
        """Whether this directory keeps a history. Asks the server once, or now and then while there is none."""
        if self._asked is None or (not self._exists and monotonic() - self._asked > _LOOK_AGAIN):
            self._look_for_branch()
        return self._exists

    def _look_for_branch(self) -> Entry | None:
        """Return the entry of the history, and remember whether there is one.

        There is none after several tries: 389-ds under load sometimes misses it.
        """
        wanted = ("objectClass", names.NUMBER, *_UNIQUE)
        looks = (self._directory.look_up(self.branch, wanted) for _ in range(_LOOKS))
        found = next(
            (entry for entry in looks if entry is not None and entry.has_object_class(names.HISTORY_CLASS)), None
        )
        if not self._exists:
            self._last = 0 if found is None else revision_of(found, names.NUMBER)
        self._asked, self._exists = monotonic(), found is not None
        return found

    def create(self) -> AddEntry | None:
        """Create the branch of the history if it is missing, and return its addition.

        A server whose schema does not define the history refuses. Then changes are made without a history.
        """
        if self.exists():
            return None
        kind, value = names.BRANCH
        entry = Entry(self.branch, {"objectClass": ("top", names.HISTORY_CLASS), kind: (value,), names.NUMBER: ("0",)})
        made = AddEntry(entry)
        self._asked = None
        try:
            self._directory.make(made, None)
        except CannotConnectError:
            raise
        except ConfobjectsError:
            return None
        return made

    # -- a commit ----------------------------------------------------------------------------------------------------

    def prepare(self, plan: Sequence[PlannedChange]) -> None:
        """Make sure that a plan builds on no unfinished commit.

        Raises :class:`~confobjects.errors.ChangedMeanwhileError` if an interrupted change had to be finished first,
        because the plan may no longer be valid after that.
        """
        if self._catch_up():
            raise ChangedMeanwhileError("an interrupted change has just been finished or taken back")
        for revision in {revision_of(step.before) for step in plan} - self._settled:
            self._wait_for(revision)

    def begin(self, plan: Sequence[PlannedChange], record: Note) -> Intent | None:
        """Record the planned changes, and return the intent, whose changes contain the record's number.

        Return None if the history no longer exists.
        """
        least = max((revision_of(step.before) for step in plan), default=0)
        writer = "" if is_single(plan) else writers.make_name(time())
        return self._add_record(plan, record, least, "intent" if writer else "written", writer)

    def add_fence(self, dn: DN, revision: int) -> int:
        """Record that an entry with a revision gets a new one without a change, and return the new one.

        Raises :class:`~confobjects.errors.ChangedMeanwhileError` if the history no longer exists.
        """
        old = Entry(dn, {REVISION: (str(revision),)})
        plan = [PlannedChange(ModifyEntry(dn, (Modification("delete", REVISION, old.get(REVISION)),)), old)]
        intent = self._add_record(plan, names.Note(""), revision, FENCE, "")
        if intent is None:
            raise ChangedMeanwhileError("the history has been removed")
        return intent.number

    def _add_record(
        self, plan: Sequence[PlannedChange], record: Note, least: int, state: str, writer: str
    ) -> Intent | None:
        """Write a record with a number above ``least``, or return None if the history no longer exists."""
        if least > self._last:  # no record has that number
            self._close_numbers(least)
        for turn in range(_TRIES):
            if self._crowd:
                self._last = max(self._last, self._find_newest())
            number = self._last + 1
            intent = Intent(number, tuple(number_plan(plan, number)), Lease(writer))
            try:
                self._write(intent, record, state)
            except ObjectExistsError:
                self._directory.pause(self._crowd)
                self._last, self._crowd = number, min(self._crowd + 1, _MOST_CROWDED)
                continue
            except NoSuchObjectError:  # under load, 389-ds also says this about a history that exists
                self._exists, self._asked = False, None
                if not self.exists():
                    return None
                self._last = max(self._last, least)
                continue
            self._last = number
            if turn == 0:
                self._crowd = max(0, self._crowd - 1)
            if not self._is_closed(intent):
                return intent
            self.mark_failed(intent, ())
        raise ChangedMeanwhileError("many others are changing the configuration: no number was free for this change")

    def find_recent_number(self) -> int:
        """Return a number that was the newest when old records were last removed, or later."""
        self._last = max(self._last, self._find_closed())
        return self._last

    def _is_closed(self, intent: Intent) -> bool:
        """Tell whether a record was written whose number may not be taken any more."""
        try:
            closed = self._find_closed()
        except CannotConnectError as error:
            raise self.leave_unfinished(intent, error) from error
        self._last = max(self._last, closed)
        return closed >= intent.number

    def _find_closed(self) -> int:
        """Return the last number that may not be taken any more, whether it was or not."""
        return revision_of(self._directory.look_up(self.branch, (names.NUMBER,)), names.NUMBER)

    def _close_numbers(self, last: int) -> int:
        """Let no number up to the last one be taken any more, and return up to which that was so before.

        Raises :class:`~confobjects.errors.ChangedMeanwhileError` if another writer has just closed others.
        """
        branch = self._directory.look_up(self.branch, (names.NUMBER,))
        closed = revision_of(branch, names.NUMBER)
        if branch is not None and closed < last:
            old, new = branch.get(names.NUMBER), (str(last),)
            steps = [Modification("delete", names.NUMBER, old)] if old else []
            self._directory.make(ModifyEntry(self.branch, [*steps, Modification("add", names.NUMBER, new)]), None)
        self._last = max(self._last, closed, last)
        return closed

    def _write(self, intent: Intent, record: Note, state: str) -> None:
        number = str(intent.number)
        values: dict[str, Sequence[str | bytes]] = {
            "objectClass": ("top", names.RECORD_CLASS),
            "cn": (number,),
            names.NUMBER: (number,),
            names.STATE: (state,),
            names.STEP: tuple(dict.fromkeys(steps_of(intent.plan))),
            names.WRITER: (intent.lease.writer or writers.make_name(time(), writers.PROMPT),),
        }
        long = {names.TEXT: plans.pack_text(record.text)}
        if record.secret:
            long[names.SECRET] = plans.pack_text(record.secret)
        if not intent.is_single:
            long[names.PLAN] = plans.pack_text(plans.as_text(intent.plan))
        more = [(name, piece) for name, pieces in long.items() for piece in pieces[1:]]
        values.update((name, pieces[:1]) for name, pieces in long.items())
        self._directory.make(AddEntry(Entry(self._dn_of(intent.number), values)), None)
        for name, piece in more:
            self._modify(intent.number, Modification("add", name, [piece]))

    def _modify(self, number: int, *steps: Modification) -> None:
        self._directory.make(ModifyEntry(self._dn_of(number), steps), None)

    def renew_lease(self, intent: Intent) -> None:
        """Renew the writer's lease when it is due.

        Raises :class:`~confobjects.errors.ChangedMeanwhileError` if another process has taken over, and
        :class:`~confobjects.errors.CannotConnectError`, which leaves the intent as it is.
        """
        if not intent.is_single and monotonic() - intent.lease.since > writers.RENEWAL:
            try:
                self._swap(intent.number, intent.lease)
            except CannotConnectError as error:
                raise self.leave_unfinished(intent, error) from error

    def _swap(self, number: int, lease: Lease) -> None:
        name = writers.make_name(time())
        old, new = Modification("delete", names.WRITER, [lease.writer]), Modification("add", names.WRITER, [name])
        try:
            self._modify(number, old, new)
        except CannotConnectError:
            self._abandon(number, name)  # it may have happened, or may still happen
            raise
        lease.renew(name)

    def mark_done(self, intent: Intent) -> None:
        """Mark an intent as carried out, and remove the oldest records now and then."""
        if not intent.is_single:
            try:
                self._close(intent, "done")
            except CannotConnectError:  # the change is made, and the next command sees that
                self._abandon(intent.number, intent.lease.writer)
        if intent.number % _PRUNE_EVERY == 0:
            with suppress(ConfobjectsError):
                self._prune()

    def _close(self, intent: Intent, state: str) -> None:
        self._modify(
            intent.number,
            Modification("delete", names.WRITER, [intent.lease.writer]),
            Modification("replace", names.STATE, [state]),
            Modification("delete", names.PLAN),
        )

    def _abandon(self, number: int, writer: str) -> None:
        self._abandoned.add((number, writer))
        self._looked = None

    def leave_unfinished(self, intent: Intent, error: CannotConnectError) -> CannotConnectError:
        """Leave a commit whose outcome is unknown to the next command, and return the error to raise."""
        self._abandon(intent.number, intent.lease.writer)
        return CannotConnectError([*error.diagnostics, *intent.note])

    def mark_failed(self, intent: Intent, stuck: Sequence[Diagnostic]) -> None:
        """Record that a commit left no changes. If some are ``stuck``, the record stays until they are taken back.

        The record is removed later: if its number were free again, two records could have it.
        """
        if stuck:
            self._abandon(intent.number, intent.lease.writer)
            return
        long = (names.TEXT, names.SECRET, names.PLAN, names.WRITER)
        steps = [Modification("replace", name) for name in long]
        try:
            self._modify(intent.number, Modification("replace", names.STATE, ["void"]), *steps)
        except CannotConnectError:
            self._abandon(intent.number, intent.lease.writer)
        except ConfobjectsError:
            return

    def withdraw(self, number: int) -> None:
        """Record that a change was taken back."""
        self._modify(number, Modification("replace", names.STATE, ["void"]))

    def forget_secrets(self, is_kept: Callable[[NotedChange], bool], *, dry_run: bool) -> int:
        """Remove the protected part of each record that a function does not keep; return how many.

        That of a change which is not finished stays: its writer, or who finishes it, needs it.
        """
        gone = 0
        wanted = (names.NUMBER, names.STATE, names.TEXT, names.SECRET, names.PLAN)
        for entry in self._directory.find(self.branch, "one", records.RECORDS, wanted):
            if not entry.get(names.SECRET) or entry.get(names.PLAN):
                continue
            try:
                text, secret = (plans.unpack_text(entry.get(name)) for name in (names.TEXT, names.SECRET))
                kept = is_kept(names.NotedChange(revision_of(entry, names.NUMBER), "done", text, secret))
            except ValueError:
                kept = False
            gone += not kept
            if not kept and not dry_run:
                self._modify(revision_of(entry, names.NUMBER), Modification("replace", names.SECRET))
        return gone

    # -- what others left --------------------------------------------------------------------------------------------

    def _find_newest(self) -> int:
        found = self._directory.find(self.branch, "one", f"({names.NUMBER}>={self._last})", (names.NUMBER,))
        return max((revision_of(entry, names.NUMBER) for entry in found), default=self._last)

    def _catch_up(self) -> bool:
        """Find the newest number, and finish the intents of dead writers. Return whether there were any."""
        now = monotonic()
        if self._looked is not None and now - self._looked < _LOOK_AGAIN:
            return False
        self._looked = now
        filter_ = f"(|({names.STATE}=intent)({names.NUMBER}>={self._last}))"
        found = self._directory.find(self.branch, "one", filter_, (names.NUMBER, names.STATE, names.WRITER))
        self._last = max((revision_of(entry, names.NUMBER) for entry in found), default=self._last)
        dead = False
        for entry in sorted(found, key=lambda entry: revision_of(entry, names.NUMBER)):
            number = revision_of(entry, names.NUMBER)
            if text_of(entry, names.STATE) == "intent" and self._is_dead(number, entry):
                self._recover(number, text_of(entry, names.WRITER))
                dead = True
        return dead

    def finish_interrupted(self) -> None:
        """Finish the intents of dead writers, or take them back, however recently others were looked for."""
        if self.exists():
            self._looked = None
            self._catch_up()

    def _is_dead(self, number: int, entry: Entry) -> bool:
        writer = text_of(entry, names.WRITER)
        return bool(writer) and ((number, writer) in self._abandoned or not writers.is_alive(writer, time()))

    def _is_at_work(self, record: StoredRecord) -> bool:
        """Tell whether the writer of a record may still be at work on its change."""
        return bool(record.entry.get(names.WRITER)) and not self._is_dead(record.number, record.entry)

    def _wait_for(self, revision: int) -> None:
        """Refuse to build on a revision that may still be taken back.

        Raises :class:`~confobjects.errors.ChangedMeanwhileError` for an entry that an unfinished commit has changed.
        The caller then plans the change again.
        """
        entry = self._directory.look_up(self._dn_of(revision), (names.STATE, names.WRITER))
        if entry is not None:
            self._last = max(self._last, revision)
        if entry is None or text_of(entry, names.STATE) != "intent":
            self._settled.add(revision)
            return
        if self._is_dead(revision, entry):
            self._recover(revision, text_of(entry, names.WRITER))
        raise ChangedMeanwhileError(
            Diagnostic(
                "changed-meanwhile",
                f"another change to this entry (number {revision}) is not finished",
                remedy="repeat the change later",
            )
        )

    def _recover(self, number: int, writer: str) -> None:
        """Finish an intent or take it back, if this process succeeds in replacing the writer's name."""
        lease = Lease(writer)
        try:
            self._swap(number, lease)
        except (ChangedMeanwhileError, NoSuchObjectError):
            return
        try:
            self._settle(number, lease)
        except CannotConnectError:
            self._abandon(number, lease.writer)
            raise

    def _settle(self, number: int, lease: Lease) -> None:
        entry = self._directory.look_up(self._dn_of(number), ("*",))
        if entry is None:
            return
        try:
            plan = plans.from_text(plans.unpack_text(entry.get(names.PLAN)))
        except ValueError:
            plan = []
        intent = Intent(number, tuple(plan), lease)
        if not plan:
            # The writer was killed while it wrote the plan, before the first change, or this user may not read plans.
            if entry.get(names.PLAN):
                self._close(intent, "void")
            return
        state, stuck = self._finish_plan(intent)
        self._close(intent, state)
        self._add_remark(number, state, stuck)

    def _finish_plan(self, intent: Intent) -> tuple[str, list[Diagnostic]]:
        made = [self._directory.has_been_made(step.change, step.before) for step in intent.plan]
        for index, step in enumerate(intent.plan):  # an entry that was replaced counts as deleted, though its DN exists
            if isinstance(step.change, DeleteEntry) and not made[index]:
                made[index] = any(
                    made[later] and isinstance(other.change, AddEntry) and other.change.entry.dn == step.change.dn
                    for later, other in enumerate(intent.plan)
                )
        _count_deleted(intent.plan, made)
        if not any(made):
            return "void", []
        try:
            for index, step in enumerate(intent.plan):
                if not made[index]:
                    self._directory.make(step.change, step.before)
                    made[index] = True
        except CannotConnectError:
            raise
        except ConfobjectsError:
            stuck = self._directory.take_back([step for index, step in enumerate(intent.plan) if made[index]])
            return ("unclear" if stuck else "void"), stuck
        return "done", []

    def _add_remark(self, number: int, state: str, stuck: Sequence[Diagnostic]) -> None:
        what = {
            "done": "was finished",
            "void": "was taken back: it could not be finished, or had not begun",
        }.get(state, "could neither be finished nor be taken back")
        remedy = (RemedyAction("show-change", str(number)), " tells what it was") if state != "void" else ""
        self.remarks.append(
            Diagnostic(
                "storage-failed",
                f"change {number} was interrupted; it {what}",
                more=tuple(problem.summary for problem in stuck),
                remedy=remedy,
                severity="warning",
            )
        )

    # -- reading -----------------------------------------------------------------------------------------------------

    def list_changes(self, since: int = 0) -> list[NotedChange]:
        """Return the records after a number, the oldest first.

        Raises :class:`~confobjects.errors.NoSuchObjectError` if there is no history.
        """
        if self.exists():
            means = self._directory
            reading = records.Reading(means.read_each, means.find, means.find_from, self._is_at_work)
            return records.list_changes(reading, self.branch, since)
        if self._directory.look_up(self.branch.parent, ("objectClass",)) is None:
            return []  # nothing exists yet: the first change creates the branch and the base
        raise NoSuchObjectError(
            Diagnostic(
                "no-such-object",
                f'the directory keeps no history: there is no entry "{self.branch}"',
                remedy=(RemedyAction("load-newest-schema"),),
            )
        )

    def read_moment(self) -> Moment:
        """Return where the history stands. Its epoch is what the server calls the branch, if this user may read that."""
        branch = self._look_for_branch()
        if branch is None:
            return names.Moment()
        epoch = next((text for name in _UNIQUE if (text := text_of(branch, name))), "")
        found = self._find_records(self._newest) or self._find_records(0)
        self._newest = max((revision_of(entry, names.NUMBER) for entry in found), default=0)
        begun = [entry for entry in found if text_of(entry, names.STATE) == "intent"]
        unfinished = {
            number: self._is_dead(number, entry) for entry in begun if (number := revision_of(entry, names.NUMBER))
        }
        return names.Moment(
            epoch, self._newest, tuple(names.UnfinishedChange(*one) for one in sorted(unfinished.items()))
        )

    def _find_records(self, least: int) -> list[Entry]:
        """Return the records from a number on, and the unfinished ones.

        What selects least stands first: 389-ds reads no more lists of its indexes when few candidates are left.
        """
        filter_ = f"(&(|({names.STATE}=intent)({names.NUMBER}>={least})){records.RECORDS})"
        return self._directory.find(self.branch, "one", filter_, (names.NUMBER, names.STATE, names.WRITER))

    def _prune(self) -> None:
        """Remove claims and records without effect, except the newest, which are still needed; then the oldest."""
        wanted = (names.NUMBER, names.STATE)
        settled = self._close_numbers(self._last) - _CLAIMS_KEPT
        everything = self._directory.find(self.branch, "one", f"(objectClass={names.RECORD_CLASS})", wanted)
        found = [entry for entry in everything if revision_of(entry, names.NUMBER) <= self._last]
        found.sort(key=lambda entry: revision_of(entry, names.NUMBER))
        claims = [entry for entry in found if text_of(entry, names.STATE) == CLAIM]
        found = [entry for entry in found if text_of(entry, names.STATE) != CLAIM]
        void = [entry for entry in found[:-_PRUNE_EVERY] if text_of(entry, names.STATE) == "void"]
        void += [entry for entry in claims if revision_of(entry, names.NUMBER) < settled]
        rest = [entry for entry in found if entry not in void and text_of(entry, names.STATE) != "intent"]
        for entry in (*void, *(rest[: -self._keep] if self._keep else rest)):
            with suppress(NoSuchObjectError):
                self._directory.make(DeleteEntry(entry.dn), None)


def _count_deleted(plan: Sequence[PlannedChange], made: list[bool]) -> None:
    """Count what was done before to an entry that the plan has deleted as made: nothing shows it any more."""
    gone = set[str]()
    for index, step in reversed(list(enumerate(plan))):
        dn = target_of(step.change).normal
        if isinstance(step.change, DeleteEntry):
            gone.update((dn,) if made[index] else ())
        elif dn in gone:
            made[index] = True
