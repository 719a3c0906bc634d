"""The storage in a directory, whose commits are made completely or not at all.

A directory has no transactions over several entries. If a commit fails in the middle, the changes made so far are
undone by their inverses. If that fails too, the error names the entries. If the outcome of a commit is unknown and the
commit has a history record, it is left to the next command. The entries read in ``writing()`` are kept for undoing, so
that undoing needs no extra requests in advance.
"""

from __future__ import annotations

from _thread import RLock, get_ident
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Final, Self

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import CannotConnectError, ConfobjectsError, StorageError, UsageError
from confobjects.mapping.entry import AddEntry, Change, DeleteEntry, Entry, RenameEntry
from confobjects.storage.ldap import results
from confobjects.storage.ldap.address import Directory
from confobjects.storage.ldap.changing import DirectoryWriter
from confobjects.storage.ldap.intents import Intent
from confobjects.storage.ldap.journal import DirectoryMeans, Journal
from confobjects.storage.ldap.login import LdapLogin
from confobjects.storage.ldap.plans import PlannedChange, forecast, guard_deletions
from confobjects.storage.ldap.requests import send_change
from confobjects.storage.ldap.truth import is_single, is_swap

if TYPE_CHECKING:
    from confobjects.mapping.followers import FollowerReport
    from confobjects.mapping.journal import Moment, Note, NotedChange
    from confobjects.mapping.protocol import Timing
    from confobjects.storage.ldap.apart import ApartMeans
    from confobjects.storage.ldap.claims import Claims
    from confobjects.storage.ldap.followers import FollowerEntries
    from confobjects.storage.ldap.people import DirectoryPeople
    from confobjects.storage.ldap.verifications import VerificationEntries
    from confobjects.storage.ldap.watch import LdapWatch

_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.3


class LdapStorage(DirectoryWriter):
    """A storage in a directory. Nothing is sent until the first request. Threads take turns.

    ``connect_timeout`` is the limit in seconds for connecting and negotiating TLS, ``deadline`` the limit in seconds
    for each request. ``base`` is required if neither the URL nor the server (of the OpenDJ family) gives it.
    ``history`` is the number of changes that the history keeps.
    """

    serialises_writers = False
    is_foreign = False
    finds_alike = False
    holds_alike = False
    answers_at_once = False

    def __init__(  # noqa: PLR0913 - the servers, the login, and limits passed by keyword
        self,
        directory: Directory,
        login: LdapLogin = LdapLogin(),  # noqa: B008 - frozen
        *,
        base: DN | None = None,
        missing_ok: bool = True,
        connect_timeout: float = 10.0,
        deadline: float = 10.0,
        history: int = 1000,
    ) -> None:
        super().__init__(
            directory,
            login,
            base=base,
            missing_ok=missing_ok,
            connect_timeout=connect_timeout,
            deadline=deadline,
        )
        self._lock = RLock()
        means = DirectoryMeans(
            lambda: self.base,
            self._read,
            self._read_each,
            self._find,
            self._find_from,
            self._carry_out,
            self._undo,
            self._has_been_made,
            self.pause,
        )
        self._journal = Journal(means, history)
        self._person = ""
        """The DN of the person with whose rights changes are made; empty for those of the login."""
        self._made_claims: Claims | None = None
        self._made_followers: FollowerEntries | None = None
        self._made_verifications: VerificationEntries | None = None

    @property
    def _claims(self) -> Claims:
        if self._made_claims is None:
            from confobjects.storage.ldap.claims import ClaimMeans, Claims

            means = ClaimMeans(
                lambda: self._journal.branch,
                self._read,
                lambda change: self._send(change, None),
                self._journal.find_recent_number,
                self._journal.add_fence,
            )
            self._made_claims = Claims(means)
        return self._made_claims

    def _remarks(self) -> list[Diagnostic]:
        return list(self._journal.remarks)

    def find_risks(self) -> list[Diagnostic]:
        """Return a warning if the server may lose one of two changes made at the same moment, and nothing prevents it.

        Also if the server shows that it lacks the indexes without which the history can block it.
        """
        with self._turn:
            kind = self._find_kind()
            if kind == "safe":
                return []
            if self._journal.exists():
                return list(self._find_missing_indexes())
        server = "this server" if kind == "lossy" else "this server does not tell this user what kind it is, and"
        summary = (
            f"{server} may lose one of two changes made at the same moment: without a history, nothing prevents it"
        )
        remedy = (RemedyAction("load-newest-schema"),)
        return [Diagnostic("storage-failed", summary, origin=self._origin, remedy=remedy, severity="warning")]

    def _find_missing_indexes(self) -> Iterator[Diagnostic]:
        from confobjects.storage.ldap.indexes import find_missing_indexes

        try:
            database, missing = find_missing_indexes(self.base, self._find)
        except (ConfobjectsError, ValueError):  # a user who is refused sees nothing
            return
        if missing:
            summary = f"the database {database} has no index for {' and '.join(missing)}: this server may block itself"
            detail = "it reads all records of the history to find the newest ones; with many changes in a row, this can end in a deadlock"
            remedy = "add the indexes and fill them (dsconf); the guide on 389 Directory Server has the lines"
            yield Diagnostic(
                "storage-failed", summary, origin=self._origin, detail=detail, remedy=remedy, severity="warning"
            )

    def find_missing_schema(self, attributes: Iterable[str], classes: Iterable[str]) -> list[str]:
        """Return the attributes and object classes that the server's schema lacks; none if it does not show its schema."""
        from confobjects.mapping.ldap_schema import names_in

        with self._turn:
            known = {kind: self._read_schema(kind) for kind in ("attributeTypes", "objectClasses")}
        missing: list[str] = []
        for kind, names in (("attributeTypes", attributes), ("objectClasses", classes)):
            there = {name.lower() for text in known[kind] for name in names_in(text)}
            missing.extend(name for name in sorted(names) if there and name.lower() not in there)
        return missing

    def _read_schema(self, kind: str) -> list[str]:
        """Return the descriptions of one kind in the subschema entry that the server names (RFC 4512 section 4.4)."""
        _, root = self._servers.ask(lambda session: session.read("", ("subschemaSubentry",)))
        named = [value for name, values in (root[1] if root else {}).items() for value in values if name]
        if not named:
            return []
        _, found = self._servers.ask(lambda session: session.read(named[0].decode(), (kind,)))
        return [value.decode("utf-8", "replace") for values in (found[1] if found else {}).values() for value in values]

    # -- writing -----------------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Lock out the other threads of this process. Conflicts with other writers are detected by the revision."""
        if self._owner == get_ident():
            raise UsageError("writing() is already active and cannot be nested")
        if not self._lock.acquire(timeout=self._deadline):
            raise StorageError(f"another thread has been writing for more than {self._deadline:g} s")
        self._owner = get_ident()
        self._seen = {}
        try:
            yield
        finally:
            self._owner = None
            self._seen = {}
            self._lock.release()

    @contextmanager
    def acting_as(self, person: DN) -> Iterator[None]:
        """Make changes with the rights of a person (proxied authorization, RFC 4370).

        That counts for what is changed. The history, and what takes a change back that fails in the middle, is written with the
        rights of the login, which has to be allowed to act for the person.
        """
        self._person = str(person)
        try:
            yield
        finally:
            self._person = ""

    def pause(self, turn: int) -> None:
        """Wait a random time after a conflict with other writers. The limit grows with each conflict."""
        from random import uniform
        from time import sleep

        longest = min(_LONGEST_PAUSE, _PAUSE * 2**turn)
        sleep(uniform(longest / 2, longest))  # noqa: S311 - it spreads writers, and is not secret

    def undisturbed(self) -> AbstractContextManager[None]:
        """Do nothing: others cannot be locked out. Revisions show which of them were read."""
        return nullcontext()

    def commit(self, changes: Sequence[Change], record: Note | None = None) -> int | None:
        """Carry out some changes in order. If one is refused, those before it are taken back.

        If it is unknown whether one was made, the rest is left to the next command, which finds it in the history.
        If the directory keeps a history, the changes are recorded there before the first one is made.
        """
        self._check_owner()
        with self._turn:
            changes = changes if self._asserts_all(changes) else list(guard_deletions(changes))
            if record is None or not changes:
                self._make_changes(changes, None)
                return None
            new_base, changes = self._make_base(changes)
            try:
                return self._commit_noted(changes, record)
            except CannotConnectError:
                raise  # there may be entries below the base, now or later
            except ConfobjectsError:
                for change in reversed(new_base):
                    with suppress(ConfobjectsError):
                        self._carry_out(DeleteEntry(results.target_of(change)), None)
                raise

    def _asserts_all(self, changes: Sequence[Change]) -> bool:
        """Whether the server compares the revision in each deletion that names one."""
        return not any(isinstance(one, DeleteEntry) and one.revision for one in changes) or self._can_assert()

    def _check_owner(self) -> None:
        if self._owner != get_ident():
            raise UsageError("call commit() only inside writing()")

    def _carry_out(self, change: Change, before: Entry | None) -> None:
        """Make one change, with the claim for the value that it replaces where that is needed."""
        with self._holding(change):
            self._send(change, before)

    def _carry_out_as_person(self, change: Change, before: Entry | None) -> None:
        """Make one change with the rights of the person that it is made for; the claim is the login's own."""
        with self._holding(change):
            self._send(change, before, self._person)

    def _holding(self, change: Change, *, numbered: bool = True) -> AbstractContextManager[None]:
        """Return a context that holds the claim for what a change replaces, if the server may lose updates."""
        if is_swap(change) and self._loses_updates() and self._journal.exists():
            return self._claims.holding(change, numbered=numbered)
        return nullcontext()

    def _make_base(self, changes: Sequence[Change]) -> tuple[list[Change], Sequence[Change]]:
        """Create a new base and the history below it first. Return the changes made and the remaining ones."""
        first = changes[0]
        if not isinstance(first, AddEntry) or first.entry.dn != self.base:
            return [], changes
        self._make_changes([first], None)
        made: list[Change] = [first]
        if (branch := self._journal.create()) is not None:
            made.append(branch)
        return made, changes[1:]

    def _commit_noted(self, changes: Sequence[Change], record: Note) -> int | None:
        if not self._journal.exists():
            self._make_changes(changes, None)
            return None
        plan = forecast(changes, self._entry_before)
        self._journal.prepare(plan)
        # A single change claims its revision before its record is written: whoever comes too late writes none.
        with self._holding(changes[0], numbered=False) if is_single(plan) else nullcontext():
            intent = self._journal.begin(plan, record)
            self._make_changes(changes if intent is None else [step.change for step in intent.plan], intent)
        if intent is None:
            return None
        self._journal.mark_done(intent)
        return intent.number

    def _make_changes(self, changes: Sequence[Change], intent: Intent | None) -> None:
        done: list[PlannedChange] = []
        carry_out = self._carry_out_as_person if self._person else self._carry_out
        for number, change in enumerate(changes):
            if intent is not None:
                self._journal.renew_lease(intent)
            try:
                if intent is not None:
                    before = intent.plan[number].before
                else:
                    before = self._entry_before(change) if len(changes) > 1 else None
                carry_out(change, before)
            except ConfobjectsError as error:
                if intent is not None and isinstance(error, CannotConnectError):
                    raise self._journal.leave_unfinished(intent, error) from error
                stuck = self._take_back(done, error)
                if intent is not None:
                    self._journal.mark_failed(intent, stuck)
                if stuck:
                    raise type(error)([*error.diagnostics, *stuck]) from error
                raise
            done.append(PlannedChange(change, before))
            self._remember(change)

    def history(self, since: int = 0) -> list[NotedChange]:
        """Return the recorded changes after a number, the oldest first."""
        with self._turn:
            return self._journal.list_changes(since)

    def history_mark(self) -> None:
        """Return nothing: only reading the history tells whether it is the same."""

    def moment(self) -> Moment:
        """Return where the history stands."""
        with self._turn:
            return self._journal.read_moment()

    def finish_interrupted(self) -> list[Diagnostic]:
        """Finish the changes whose writer is dead, or take them back, as any writer does; return what became of each."""
        with self.writing(), self._turn:
            known = len(self._journal.remarks)
            self._journal.finish_interrupted()
            return self._journal.remarks[known:]

    def forget_secrets(self, is_kept: Callable[[NotedChange], bool], *, dry_run: bool = False) -> int:
        """Remove the protected part of each record of the history that a function does not keep; return how many."""
        with self.writing(), self._turn:
            return self._journal.forget_secrets(is_kept, dry_run=dry_run) if self._journal.exists() else 0

    def keep_history(self) -> list[DN]:
        """Create the history below the base. Return the DN of its entry if it is new."""
        with self._turn:
            branch = self._journal.create()
        return [] if branch is None else [branch.entry.dn]

    def withdraw(self, number: int) -> None:
        """Record that the change with a number was taken back."""
        with self._turn:
            self._journal.withdraw(number)

    def _entry_before(self, change: Change) -> Entry | None:
        """Return the entry as it is before a change, or None before an addition."""
        if isinstance(change, AddEntry):
            return None
        key = change.dn.normal
        if key not in self._seen:
            self._seen[key] = self._read(change.dn)
        return self._seen[key]

    def _remember(self, change: Change) -> None:
        if isinstance(change, AddEntry):
            self._seen[change.entry.dn.normal] = change.entry
        elif isinstance(change, RenameEntry):
            self._seen.clear()  # every entry below it has moved
        else:
            self._seen.pop(change.dn.normal, None)

    # -- the rest ----------------------------------------------------------------------------------------------------

    @property
    def _followers(self) -> FollowerEntries:
        if self._made_followers is None:
            from confobjects.storage.ldap.followers import FollowerEntries

            self._made_followers = FollowerEntries(self._apart_means())
        return self._made_followers

    def _apart_means(self) -> ApartMeans:
        from confobjects.storage.ldap.apart import ApartMeans

        return ApartMeans(
            lambda: self.base,
            self._is_suffix,
            self._read,
            self._find,
            lambda change: self._servers.ask(lambda session: send_change(session, change)),
            lambda: self._origin,
        )

    def followers(self) -> list[FollowerReport]:
        """Return the reports of the services that follow this configuration, sorted by name."""
        with self._turn:
            return self._followers.read_all()

    def find_follower(self, name: str) -> FollowerReport | None:
        """Return the report of one service, None if there is none."""
        with self._turn:
            return self._followers.find(name)

    def tell_follower(self, report: FollowerReport) -> None:
        """Write the report of a service to an entry of its own, beside the base."""
        with self._turn:
            self._followers.write(report)

    def forget_follower(self, name: str) -> None:
        """Remove the entry with the report of a service, if there is one."""
        with self._turn:
            self._followers.remove(name)

    def keep_followers(self) -> list[DN]:
        """Create the entries that reports hang below. Return the DNs of those that are new.

        A server whose schema does not define them refuses. Then there are none, as is the history.
        """
        return self._make_places(self._followers.make_places)

    def _make_places(self, make: Callable[[], list[DN]]) -> list[DN]:
        try:
            with self._turn:
                return make()
        except CannotConnectError:
            raise
        except ConfobjectsError:
            return []

    @property
    def _verifications(self) -> VerificationEntries:
        if self._made_verifications is None:
            from confobjects.storage.ldap.verifications import VerificationEntries

            self._made_verifications = VerificationEntries(self._apart_means())
        return self._made_verifications

    def verifications(self) -> dict[str, str]:
        """Return the records of the last tests of objects, as texts by key."""
        with self._turn:
            return self._verifications.read_all()

    def find_verification(self, key: str) -> str | None:
        """Return the text of one of those records, None if there is none."""
        with self._turn:
            return self._verifications.find(key)

    def keep_verification(self, key: str, text: str) -> None:
        """Write the text of a record to an entry of its own, beside the base."""
        with self._turn:
            self._verifications.write(key, text)

    def forget_verification(self, key: str) -> None:
        """Remove the entry of a record, if there is one."""
        with self._turn:
            self._verifications.remove(key)

    def keep_verifications(self) -> list[DN]:
        """Create the entries that records hang below. Return the DNs of those that are new, none as for followers."""
        return self._make_places(self._verifications.make_places)

    def anonymous(self) -> LdapStorage:
        """Return an anonymous storage on the same servers."""
        servers = self._servers
        login = servers.login.replace(mechanism="anonymous", bind_dn="", password="")
        return LdapStorage(
            Directory(servers.addresses, self.base),
            login,
            connect_timeout=servers.connect_timeout,
            deadline=self._deadline,
        )

    @contextmanager
    def people(self) -> Iterator[DirectoryPeople]:
        """Give the people of the directory, to one thread at a time."""
        from confobjects.storage.ldap.people import DirectoryPeople

        with self._turn:
            yield DirectoryPeople(self._servers)

    def watch(self, timing: Timing | None = None) -> LdapWatch:
        """Return a watch with a connection of its own, which is made when it first waits."""
        from confobjects.storage.ldap.watch import LdapWatch

        return LdapWatch(self._servers, lambda: self.base, timing)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        with self._turn:
            self._servers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
