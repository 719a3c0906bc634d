"""The storage over a directory: commits of which nothing half done stays.

A directory has no transactions over several entries. A commit that fails in the middle is taken back by the inverse
of what was done; where even that fails, the error names the entries. One that stands in a history, and of which nobody
can say how far it came, is left for the next command. What was read in ``writing()`` is remembered for taking back, so
that it costs no requests before it is needed.
"""

from __future__ import annotations

from _thread import RLock, get_ident
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Self

from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import CannotConnectError, ConfobjectsError, StorageError, UsageError
from confobjects.mapping.entry import AddEntry, Change, DeleteEntry, Entry, RenameEntry
from confobjects.storage.ldap import results
from confobjects.storage.ldap.address import Directory
from confobjects.storage.ldap.changing import DirectoryWriter
from confobjects.storage.ldap.intents import Intent
from confobjects.storage.ldap.journal import DirectoryMeans, Journal
from confobjects.storage.ldap.plans import PlannedChange, forecast
from confobjects.storage.ldap.session import LdapLogin

if TYPE_CHECKING:
    from confobjects.mapping.journal import Note, NotedChange

_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.3


class LdapStorage(DirectoryWriter):
    """A storage in a directory. Nothing is sent before something is asked for; threads take turns.

    ``connect_timeout`` seconds may pass until a server is connected and TLS is up, ``deadline`` seconds for each
    request. ``base`` is needed when neither the URL nor the server (of the OpenDJ family) says it. ``history`` is the
    number of changes that are kept in mind.
    """

    serialises_writers = False

    def __init__(  # noqa: PLR0913 - the servers, the login, and by keyword what limits them
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
            lambda: self.base, self._read, self._find, self._carry_out, self._undo, self._has_been_made
        )
        self._journal = Journal(means, history)

    def _remarks(self) -> list[Diagnostic]:
        return list(self._journal.remarks)

    # -- writing -----------------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep the other threads of this process out; writers elsewhere are met by the revision."""
        if self._owner == get_ident():
            raise UsageError("writing() is open already: it does not nest")
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

    def pause(self, turn: int) -> None:
        """Give other writers a moment: the more often they have met, the longer and the more unlike each other."""
        from random import uniform
        from time import sleep

        longest = min(_LONGEST_PAUSE, _PAUSE * 2**turn)
        sleep(uniform(longest / 2, longest))  # noqa: S311 - it keeps writers apart, nothing secret

    def commit(self, changes: Sequence[Change], record: Note | None = None) -> int | None:
        """Carry out some changes in order; when one is refused, those before it are taken back.

        When nobody can say whether one was made, the rest is left to the next command, which finds it in the history.
        Where the directory keeps a history, the changes are noted there before the first one is made.
        """
        if self._owner != get_ident():
            raise UsageError("commit() is called inside writing() only")
        with self._turn:
            if record is None or not changes:
                self._make_changes(changes, None)
                return None
            new_base, changes = self._make_base(changes)
            try:
                return self._commit_noted(changes, record)
            except CannotConnectError:
                raise  # something may lie below the base, or come to lie there
            except ConfobjectsError:
                for change in reversed(new_base):
                    with suppress(ConfobjectsError):
                        self._carry_out(DeleteEntry(results.target_of(change)), None)
                raise

    def _make_base(self, changes: Sequence[Change]) -> tuple[list[Change], Sequence[Change]]:
        """Make a new base, and the history below it, before everything else; return what was made, and the rest."""
        first = changes[0]
        if not isinstance(first, AddEntry) or first.entry.dn != self.base:
            return [], changes
        self._make_changes([first], None)
        made: list[Change] = [first]
        if (branch := self._journal.create()) is not None:
            made.append(branch)
        return made, changes[1:]

    def _commit_noted(self, changes: Sequence[Change], record: Note) -> int | None:
        intent = self._journal.begin(forecast(changes, self._entry_before), record) if self._journal.exists() else None
        self._make_changes(changes if intent is None else [step.change for step in intent.plan], intent)
        if intent is None:
            return None
        self._journal.mark_done(intent)
        return intent.number

    def _make_changes(self, changes: Sequence[Change], intent: Intent | None) -> None:
        done: list[PlannedChange] = []
        for number, change in enumerate(changes):
            if intent is not None:
                self._journal.renew_lease(intent)
            try:
                if intent is not None:
                    before = intent.plan[number].before
                else:
                    before = self._entry_before(change) if len(changes) > 1 else None
                self._carry_out(change, before)
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

    def history(self) -> list[NotedChange]:
        """Return the noted changes, the oldest first."""
        with self._turn:
            return self._journal.list_changes()

    def keep_history(self) -> list[DN]:
        """Have the directory keep a history below the base; return the DN of its entry if it had none."""
        with self._turn:
            branch = self._journal.create()
        return [] if branch is None else [branch.entry.dn]

    def withdraw(self, number: int) -> None:
        """Note that the change of a number was taken back."""
        with self._turn:
            self._journal.withdraw(number)

    def _entry_before(self, change: Change) -> Entry | None:
        """The entry as it is before a change; none before an addition."""
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
            self._seen.clear()  # all below it has moved
        else:
            self._seen.pop(change.dn.normal, None)

    # -- the rest ----------------------------------------------------------------------------------------------------

    def anonymous(self) -> LdapStorage:
        """Return a storage on the same servers for a reader who does not log in."""
        servers = self._servers
        login = servers.login.replace(mechanism="anonymous", bind_dn="", password="")
        return LdapStorage(
            Directory(servers.addresses, self.base),
            login,
            connect_timeout=servers.connect_timeout,
            deadline=self._deadline,
        )

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        with self._turn:
            self._servers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
