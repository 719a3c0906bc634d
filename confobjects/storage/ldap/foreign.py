"""The storage on a server with a schema of its own: its configuration, in which nothing of ours can be kept.

Such are the entries below ``cn=config`` of OpenDJ, 389 Directory Server and OpenLDAP. Laws of this module:

1. Nothing of ours is written there: no attribute, no entry. What would be lies in the :class:`ServerState`.
2. A change replaces the values that it was planned on, or nothing: each modification names the values that it deletes, and
   states them in an assertion as well where the server takes one (RFC 4528). A stale one is refused. 389 Directory Server
   has no assertion, and refuses a stale value only after it has put the new one into effect: there the values are read
   again just before they are replaced, and only writers with the same state are kept apart for certain.
3. No change is sent twice, unless the server closed the connection and shows that it did not happen.
4. What the server would garble or refuse in words of its own is refused before: bytes that are no text, new names.
5. OpenDJ may store a change and report an error all the same (result 80 or -1: a component could not be started). A refusal is
   one only when nothing of it stays: such a change is taken back. A deletion counts as made, with a warning.
6. An entry has all of its user attributes, and of the operational ones those that the definitions name.
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import strptime
from typing import TYPE_CHECKING, Final

from confobjects.definitions.installed import DIGEST, TEXT
from confobjects.definitions.model import HOLDER_CLASS
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import (
    CannotConnectError,
    ChangedMeanwhileError,
    ConfobjectsError,
    ConstraintError,
    InvalidValueError,
    StorageError,
)
from confobjects.mapping.entry import (
    AddEntry,
    Change,
    DeleteEntry,
    Entry,
    ModifyEntry,
    RenameEntry,
    Value,
    apply,
)
from confobjects.storage.ldap import results
from confobjects.storage.ldap.beside import LeftChange, ServerState
from confobjects.storage.ldap.plans import PlannedChange, forecast
from confobjects.storage.ldap.reader import USER_ATTRIBUTES
from confobjects.storage.ldap.requests import has_all_values, list_expectations, send_after_look, send_change, soften
from confobjects.storage.ldap.store import LdapStorage

if TYPE_CHECKING:
    from confobjects.mapping.followers import FollowerReport
    from confobjects.mapping.journal import Moment, Note, NotedChange
    from confobjects.mapping.protocol import Scope, Storage, Timing
    from confobjects.storage.ldap.address import LdapAddress
    from confobjects.storage.ldap.results import LdapResult
    from confobjects.storage.ldap.server_watch import ServerWatch
    from confobjects.storage.ldap.session import LdapSession

_NO_CONTROL: Final = 12
_FAILED_AFTERWARDS: Final = (80, -1)
"""The results of a change that OpenDJ has stored, if a component of it cannot apply it. Others give them to anything.

The second one is no result of LDAP: OpenDJ sends it where the component says nothing of what went wrong.
"""
_SCHEMA_RESULTS: Final = frozenset((17, 18, 21, 65))
"""An attribute, a comparison, a value, or an object class that the schema does not have (RFC 4511, appendix A)."""
_OWN_SCHEMA: Final = "look at what the server says: its schema is its own, and does not take this"
_CLOCKS: Final = (
    (("cn=monitor", "startTime"), ("cn=monitor", "currentTime")),
    (("cn=Start,cn=Time,cn=Monitor", "monitorTimestamp"), ("cn=Current,cn=Time,cn=Monitor", "monitorTimestamp")),
)
"""Where servers tell when they were started, and what time it is: OpenDJ and 389 Directory Server, and slapd."""


class ForeignStorage(LdapStorage):
    """A storage on a server with a schema of its own. ``open_state`` opens the storage of the state, when it is needed."""

    is_foreign = True
    _open_state: Callable[[DN], Storage]
    _made_state: ServerState | None = None
    _named: frozenset[str] = frozenset()
    """The attributes of properties, in lower case."""
    _whole: Sequence[str] | None = None

    def keep_state_in(self, open_state: Callable[[DN], Storage]) -> ForeignStorage:
        """Say what opens the storage of the state, by the base of the server; return this storage."""
        self._open_state = open_state
        self._without_control: set[LdapAddress] = set()
        self._applies_refused = False
        self._told: list[Diagnostic] = []
        self._doubted: list[Change] = []
        self._stored: list[Change] = []
        self._takes_back = False
        return self

    @property
    def _state(self) -> ServerState:
        if self._made_state is None:
            self._made_state = ServerState(self._open_state(self.base), self.base)
        return self._made_state

    # -- reading -----------------------------------------------------------------------------------------------------

    def read_also(self, attributes: Iterable[str]) -> None:
        """Read those of some attributes that are operational wherever an entry is read whole.

        Servers keep settings in such ones as well, and return them only to whom asks for them by name. Which ones they are
        is in their schema (RFC 4512 section 4.1.2); to ask for all by name costs such a server several times the reading.
        """
        self._named = frozenset(name.lower() for name in attributes)
        self._whole = None

    def _list_whole(self) -> Sequence[str]:
        if self._whole is None:
            from confobjects.mapping.ldap_schema import is_operational, names_in

            types = self._read_schema("attributeTypes") if self._named else ()
            found = {name.lower() for text in types if is_operational(text) for name in names_in(text)}
            self._whole = (*USER_ATTRIBUTES, *sorted(found & self._named))
        return self._whole

    def read(self, dn: DN, attributes: Sequence[str] | None = None) -> Entry | None:
        """Return an entry, or None if it does not exist."""
        if not self._state.is_ours(dn):
            return super().read(dn, attributes)
        found = self._state.storage.read(self._state.place_of(dn), attributes)
        return None if found is None else self._state.as_told(found)

    def read_all(self, names: Sequence[DN]) -> list[Entry | None]:
        """Return each of some entries as :meth:`read` does."""
        theirs = [dn for dn in names if not self._state.is_ours(dn)]
        found = dict(zip(map(str, theirs), super().read_all(theirs), strict=True))
        return [found[str(dn)] if str(dn) in found else self.read(dn) for dn in names]

    def search(
        self,
        base: DN,
        scope: Scope = "one",
        object_class: str | None = None,
        attributes: Sequence[str] | None = None,
        *,
        records: bool = True,  # noqa: ARG002 - there are none
    ) -> list[Entry]:
        """Return the entries directly below a base, or, with "sub", the base and all below it, parents first."""
        if not self._state.is_ours(base):
            return super().search(base, scope, object_class, attributes)
        found = self._state.storage.search(self._state.place_of(base), scope, object_class, attributes)
        return list(map(self._state.as_told, found))

    def _remarks(self) -> list[Diagnostic]:
        return list(self._told)

    def find_risks(self) -> list[Diagnostic]:
        """Return no warnings: a change is refused if the server has other values than it was planned on."""
        return []

    def undisturbed(self) -> AbstractContextManager[None]:
        """Lock out the writers that use the same state, where they can be; other ones are heard of."""
        return self._state.storage.undisturbed()

    def watch(self, timing: Timing | None = None) -> ServerWatch:
        """Return a watch of the server, with a connection of its own, and of the state."""
        from confobjects.mapping.objects import find_holders
        from confobjects.storage.ldap.server_watch import ServerWatch

        state = self._state.storage.watch(timing)
        return ServerWatch(
            self._servers, lambda: self.base, state, lambda: find_holders(self), timing, whole=self._list_whole
        )

    # -- writing -----------------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Lock out the writers that use the same state; other ones are noticed by the values that are replaced."""
        with self._state.storage.writing(), super().writing():
            yield

    def commit(self, changes: Sequence[Change], record: Note | None = None) -> int | None:
        """Carry out some changes in order. If one is refused, those before it are taken back.

        If it is unknown whether one was made, the next writer looks at the server, and repeats nothing.
        """
        self._check_owner()
        self._applies_refused = self._find_kind() == "lossy"
        theirs = [change for change in changes if not self._state.is_ours(results.target_of(change))]
        ours = [change for change in changes if self._state.is_ours(results.target_of(change))]
        for change in theirs:
            _check(change)
        if not theirs or record is None:
            with self._turn:
                self._make_changes(theirs, None)
            return self._state.add_entries(ours, record) if ours else None
        with self._turn:
            if self._settle_left():
                raise ChangedMeanwhileError("an interrupted change has just been looked after")
            plan = forecast(theirs, self._entry_before)
            left = self._state.begin(plan, record)
            self._carry_out_all(left)
            self._close(left, ours)
        return left.number

    def _carry_out_all(self, left: LeftChange) -> None:
        done: list[PlannedChange] = []
        for step in left.plan:
            left = self._state.renew(left)
            try:
                self._carry_out(step.change, step.before)
            except CannotConnectError as error:
                self._state.leave(left, unclear=False)
                raise CannotConnectError([*error.diagnostics, _describe_unfinished(left)]) from error
            except ConfobjectsError as error:
                stuck = self._take_back([*done, step] if step.change in self._stored else done, error)
                if stuck:
                    self._state.leave(left, unclear=True)
                    raise type(error)([*error.diagnostics, *stuck]) from error
                self._state.close(left, made=False)
                raise
            done.append(step)
            self._remember(step.change)

    def _close(self, left: LeftChange, ours: Sequence[Change]) -> None:
        """Record that all changes were made. If that fails, the next writer finds them on the server."""
        try:
            self._state.close(left, made=True, more=[self._state.translate(change) for change in ours])
        except ConfobjectsError as error:
            if ours:
                raise
            summary = f"change {left.number} was made, and its record could not be completed: it will not be repeated"
            first = error.diagnostics[0]
            self._told.append(
                Diagnostic(
                    "storage-failed", summary, detail=first.summary, origin=self._state.storage.url, severity="warning"
                )
            )

    def _carry_out(self, change: Change, before: Entry | None) -> None:
        """Make one change. If the server has stored it and reports an error, that is remembered, or told where all is well."""
        self._doubted, self._stored = [], []
        try:
            super()._carry_out(change, before)
        except StorageError as error:
            if change not in self._doubted or not self._looks_done(change, before):
                raise
            if not self._takes_back and not isinstance(change, DeleteEntry):
                self._stored = [change]
                raise
            self._told.extend(_describe_stored(change, problem) for problem in error.diagnostics)

    def _error_for(self, change: Change, result: LdapResult) -> ConfobjectsError:
        """Return the error for a refusal; none advises to load a schema of ours."""
        error = super()._error_for(change, result)
        if result.code not in _SCHEMA_RESULTS or not isinstance(error, (StorageError, InvalidValueError)):
            return error
        return type(error)([problem.replace(remedy=_OWN_SCHEMA) for problem in error.diagnostics])

    def _take_back(self, done: Sequence[PlannedChange], reason: ConfobjectsError) -> list[Diagnostic]:
        """Undo some changes, the last one first, and return what could not be undone."""
        self._takes_back = True
        try:
            return super()._take_back(done, reason)
        finally:
            self._takes_back = False

    def _send_to(self, session: LdapSession, change: Change, before: Entry | None, person: str) -> LdapResult:
        """Send a change with what it expects of its entry, in the way that the server takes."""
        answer = self._send_expecting(session, change, before, person)
        if answer.code in _FAILED_AFTERWARDS:
            self._doubted = [change]
        return answer

    def _send_expecting(self, session: LdapSession, change: Change, before: Entry | None, person: str) -> LdapResult:
        if not isinstance(change, ModifyEntry):
            return send_change(session, change, person)
        if self._applies_refused:
            return send_after_look(session, change, person)
        if session.address not in self._without_control:
            answer = send_change(session, soften(change, before), person, controls=list_expectations(change))
            if answer.code != _NO_CONTROL:
                return answer
            self._without_control.add(session.address)
        return send_change(session, change, person)

    def _holding(self, change: Change, *, numbered: bool = True) -> AbstractContextManager[None]:  # noqa: ARG002
        return nullcontext()

    # -- what others left --------------------------------------------------------------------------------------------

    def _settle_left(self) -> bool:
        """Look after the commits of dead writers. Return whether the server was changed, or others still write.

        Raises :class:`~confobjects.errors.ChangedMeanwhileError` while the writer of one lives.
        """
        changed = False
        for left in self._state.find_left():
            if left.unclear:
                continue
            if not left.is_abandoned and not self._state.storage.serialises_writers:
                raise ChangedMeanwhileError(f"another change (number {left.number}) is being made")
            changed = self._settle(left) or changed
        return changed

    def _settle(self, left: LeftChange) -> bool:
        """Find out what became of a commit, and take it back if it was made in part. Return whether that changed anything."""
        made = self._count_made(left.plan)
        if made is None:
            return self._call_unclear(left, ())
        if made == len(left.plan):
            self._state.close(left, made=True)
            self._tell(left, "it was made")
            return False
        stuck = self._take_back(left.plan[:made], ConstraintError("an interrupted change is taken back"))
        if stuck:
            return self._call_unclear(left, stuck)
        self._state.close(left, made=False)
        self._tell(
            left, f"{made} of {len(left.plan)} entries were changed, and were put back" if made else "it was not made"
        )
        return made > 0

    def _call_unclear(self, left: LeftChange, stuck: Sequence[Diagnostic]) -> bool:
        self._state.leave(left, unclear=True)
        self._tell(left, "its entries have been changed since, so nothing was touched: look at them", stuck)
        return bool(stuck)

    def _tell(self, left: LeftChange, what: str, stuck: Sequence[Diagnostic] = ()) -> None:
        summary = f"change {left.number} was interrupted: {what}"
        self._told.append(Diagnostic("storage-failed", summary, origin=self._origin, severity="warning"))
        self._told.extend(problem.replace(severity="warning") for problem in stuck)

    def _count_made(self, plan: Sequence[PlannedChange]) -> int | None:
        """Return after how many changes of a plan the server is as it is now; None if it is otherwise."""
        states = list(_follow(plan))
        now = {str(dn): self._read(dn) for dn in _find_targets(plan)}
        touched = _find_touched(plan)
        for made in reversed(range(len(plan) + 1)):
            if all(_is_like(now[key], states[made].get(key), touched[key]) for key in now if key in states[made]):
                return made
        return None

    def finish_interrupted(self) -> list[Diagnostic]:
        """Look after the changes whose writer is dead, as any writer does; return what became of each."""
        known = len(self._told)
        with self.writing(), self._turn:
            self._settle_left()
        return self._told[known:]

    def read_age(self) -> float | None:
        """Return how long the server has been running, in seconds by its own clock; None if it does not tell this user."""
        with self._turn:
            for began, now in _CLOCKS:
                try:
                    times = [self._read_time(*place) for place in (began, now)]
                except ConfobjectsError:
                    continue
                if times[0] is not None and times[1] is not None:
                    return times[1] - times[0]
        return None

    def _read_time(self, dn: str, attribute: str) -> float | None:
        """Return a time (RFC 4517, Generalized Time in UTC) in seconds since 1970."""
        entry = self._read(DN.parse(dn), (attribute,))
        values = entry.get(attribute) if entry is not None else ()
        try:
            return float(timegm(strptime(str(values[0])[:14], "%Y%m%d%H%M%S"))) if values else None
        except ValueError:
            return None

    # -- the state ---------------------------------------------------------------------------------------------------

    def find_missing_schema(self, attributes: Iterable[str], classes: Iterable[str]) -> list[str]:
        """Return the attributes and object classes that the server's schema lacks, but for those of entries of ours."""
        ours = (HOLDER_CLASS, *(f"ds-cfg-{name}" for name in (TEXT, DIGEST)))
        return super().find_missing_schema(set(attributes).difference(ours), set(classes).difference(ours))

    def history(self, since: int = 0) -> list[NotedChange]:
        """Return the recorded changes after a number, the oldest first."""
        return self._state.history(since)

    def moment(self) -> Moment:
        """Return where the history stands."""
        return self._state.moment()

    def withdraw(self, number: int) -> None:
        """Record that the change with a number was taken back."""
        self._state.storage.withdraw(number)

    def forget_secrets(self, is_kept: Callable[[NotedChange], bool], *, dry_run: bool = False) -> int:
        """Remove the protected part of each record of the history that a function does not keep; return how many."""
        forget: Callable[..., int] | None = getattr(self._state.storage, "forget_secrets", None)
        return 0 if forget is None else forget(is_kept, dry_run=dry_run)

    def keep_history(self) -> list[DN]:
        """Create nothing: the history is not on the server."""
        return []

    def keep_followers(self) -> list[DN]:
        """Create nothing: the reports are not on the server."""
        return []

    def keep_verifications(self) -> list[DN]:
        """Create nothing: the records are not on the server."""
        return []

    def followers(self) -> list[FollowerReport]:
        """Return the reports of the services that follow this configuration, sorted by name."""
        return list(self._state.storage.followers())

    def find_follower(self, name: str) -> FollowerReport | None:
        """Return the report of one service, None if there is none."""
        return self._state.storage.find_follower(name)

    def tell_follower(self, report: FollowerReport) -> None:
        """Write the report of a service to the state."""
        self._state.storage.tell_follower(report)

    def forget_follower(self, name: str) -> None:
        """Remove the report of a service, if there is one."""
        self._state.storage.forget_follower(name)

    def verifications(self) -> dict[str, str]:
        """Return the records of the last tests of objects, as texts by key."""
        return dict(self._state.storage.verifications())

    def find_verification(self, key: str) -> str | None:
        """Return the text of one of those records, None if there is none."""
        return self._state.storage.find_verification(key)

    def keep_verification(self, key: str, text: str) -> None:
        """Write the text of a record to the state."""
        self._state.storage.keep_verification(key, text)

    def forget_verification(self, key: str) -> None:
        """Remove a record, if it is there."""
        self._state.storage.forget_verification(key)

    def close(self) -> None:
        """Close the connection and the state."""
        super().close()
        if self._made_state is not None:
            self._made_state.storage.close()


# -- what a server cannot take -----------------------------------------------------------------------------------------


def _check(change: Change) -> None:
    """Refuse what such a server would refuse in words of its own, or store as something else."""
    if isinstance(change, RenameEntry):
        summary = f'the entry "{change.dn}" cannot be renamed: this server does not rename entries of its configuration'
        raise ConstraintError(
            Diagnostic("constraint-violated", summary, remedy="create a new object, and delete the old one")
        )
    for name, values in _values_of(change):
        if any(isinstance(value, bytes) for value in values):
            raise InvalidValueError(
                f'a value of {name} of "{results.target_of(change)}" is not UTF-8 text: this server keeps nothing else'
            )


def _values_of(change: Change) -> Iterable[tuple[str, Sequence[Value]]]:
    if isinstance(change, AddEntry):
        return change.entry.attributes.items()
    if isinstance(change, ModifyEntry):
        return [(step.attribute, step.values) for step in change.modifications if step.kind != "delete"]
    return ()


def _describe_stored(change: Change, problem: Diagnostic) -> Diagnostic:
    what = "was deleted" if isinstance(change, DeleteEntry) else "was put back"
    summary = f'the entry "{results.target_of(change)}" {what}, and the server reports an error'
    return problem.replace(summary=summary, severity="warning")


def _describe_unfinished(left: LeftChange) -> Diagnostic:
    summary = f"change {left.number} is not finished: the next command that changes something looks at the server"
    return Diagnostic("cannot-connect", f"{summary}, and takes back what was made in part; nothing is repeated")


# -- what was made of a plan -------------------------------------------------------------------------------------------


def _find_targets(plan: Sequence[PlannedChange]) -> list[DN]:
    return list({str(dn): dn for dn in (results.target_of(step.change) for step in plan)}.values())


def _find_touched(plan: Sequence[PlannedChange]) -> dict[str, set[str]]:
    """Return the attributes of each entry that a plan modifies, in lower case."""
    touched: dict[str, set[str]] = {}
    for step in plan:
        names = touched.setdefault(str(results.target_of(step.change)), set())
        if isinstance(step.change, ModifyEntry):
            names.update(m.attribute.lower() for m in step.change.modifications)
    return touched


def _follow(plan: Sequence[PlannedChange]) -> Iterator[Mapping[str, Entry | None]]:
    """Yield the entries of a plan as they are before its first change, and after each."""
    now: dict[str, Entry | None] = {}
    for step in reversed(plan):
        now[str(results.target_of(step.change))] = step.before
    yield dict(now)
    for step in plan:
        key = str(results.target_of(step.change))
        if isinstance(step.change, AddEntry):
            now[key] = step.change.entry
        elif isinstance(step.change, DeleteEntry):
            now[key] = None
        elif isinstance(step.change, ModifyEntry) and (entry := now[key]) is not None:
            now[key] = apply(entry, step.change.modifications)
        yield dict(now)


def _is_like(found: Entry | None, planned: Entry | None, touched: Iterable[str]) -> bool:
    """Tell whether an entry is as planned: it has all values, and no others where the plan modifies it.

    Servers add values of their own to what they are given.
    """
    if found is None or planned is None:
        return found is planned
    exact = all(set(found.get(name)) == set(planned.get(name)) for name in touched)
    return exact and (bool(touched) or has_all_values(found, planned))
