"""Entries in memory: for tests, for experiments, and as the reference for the other storages."""

from __future__ import annotations

import os
from _thread import RLock, get_ident  # importing threading, which is built on it, slows a cold start
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile
from typing import TYPE_CHECKING, Final, Self

from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import StorageError, UsageError
from confobjects.mapping.entry import Change, Entry
from confobjects.mapping.keys import key_entries
from confobjects.mapping.protocol import Scope, Timing
from confobjects.storage.tree import Tree
from confobjects.texts.names import normal_name

if TYPE_CHECKING:
    from confobjects.mapping.followers import FollowerReport
    from confobjects.mapping.journal import Moment, Note, NotedChange
    from confobjects.storage.watching import MemoryWatch

BASE: Final = DN.of(("cn", "config"))
"""The base DN of an empty storage."""


class MemoryStorage:
    """A storage that ends with the process. ``entries`` are its initial entries, in any order."""

    serialises_writers = True
    is_foreign = False

    def __init__(self, entries: Iterable[Entry] = (), *, base: DN = BASE, deadline: float = 10.0) -> None:
        self.url = "memory:"
        self.base = base
        self.warnings: list[Diagnostic] = []
        listed = list(entries)
        keyed = {entry.dn.normal: entry for entry in listed}
        holds_alike = len(keyed) < len(listed)
        self._tree = Tree(key_entries(listed)[0] if holds_alike else keyed, base, holds_alike=holds_alike)
        self._lock = RLock()
        self._owner: int | None = None
        self._deadline = deadline
        self._notes: dict[int, Note] = {}
        self._last = 0
        self._epoch = os.urandom(16).hex()
        self._watches: list[MemoryWatch] = []
        self._reports: dict[str, str] = {}
        self._tests: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<a storage in memory below {self.base}>"

    @property
    def holds_alike(self) -> bool:
        """Whether entries have equal names."""
        return self._tree.holds_alike

    @property
    def finds_alike(self) -> bool:
        """Whether an entry is found by every DN equal to its own: it is, unless several entries are."""
        return not self._tree.holds_alike

    @property
    def answers_at_once(self) -> bool:
        """Whether no other thread writes."""
        return self._owner in (None, get_ident())

    def read(self, dn: DN, attributes: Sequence[str] | None = None) -> Entry | None:  # noqa: ARG002 - returns all
        """Return an entry, or None if it does not exist."""
        return self._tree.read(dn)

    def read_all(self, names: Sequence[DN]) -> list[Entry | None]:
        """Return each of some entries, or None if it does not exist."""
        return [self.read(dn) for dn in names]

    def search(
        self,
        base: DN,
        scope: Scope = "one",
        object_class: str | None = None,
        attributes: Sequence[str] | None = None,  # noqa: ARG002 - returns all
        *,
        records: bool = True,  # noqa: ARG002 - the history is not among the entries
    ) -> list[Entry]:
        """Return the entries directly below a base, or, with "sub", the base and every entry below it."""
        with self._lock:
            return self._tree.search(base, scope, object_class)

    def snapshot(self) -> Mapping[str, Entry]:
        """Return every entry as it is now."""
        with self._lock:
            return dict(self._tree.entries)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Lock out the other threads while reading, planning and committing."""
        if self._owner == get_ident():
            raise UsageError("writing() is already active and cannot be nested")
        if not self._lock.acquire(timeout=self._deadline):
            raise StorageError(f"another thread has been writing for more than {self._deadline:g} s")
        self._owner = get_ident()
        try:
            yield
        finally:
            self._owner = None
            self._lock.release()

    def commit(self, changes: Sequence[Change], record: Note | None = None) -> int | None:
        """Carry out some changes, all or none."""
        if self._owner != get_ident():
            raise UsageError("call commit() only inside writing()")
        self._tree.apply(changes)
        for watch in tuple(self._watches):
            watch.tell(changes)
        if record is None:
            return None
        self._last += 1
        self._notes[self._last] = record
        return self._last

    def history(self, since: int = 0) -> list[NotedChange]:
        """Return the recorded changes after a number, the oldest first."""
        from confobjects.mapping.journal import NotedChange

        with self._lock:
            found = list(takewhile(lambda item: item[0] > since, reversed(self._notes.items())))
        return [NotedChange(number, "done", note.text, note.secret) for number, note in reversed(found)]

    def forget_secrets(self, is_kept: Callable[[NotedChange], bool], *, dry_run: bool = False) -> int:
        """Remove the protected part of each record that a function does not keep; return how many."""
        from confobjects.mapping.journal import Note

        gone = [one for one in self.history() if one.secret and not is_kept(one)]
        for one in gone if not dry_run else ():
            self._notes[one.number] = Note(one.text)
        return len(gone)

    def history_mark(self) -> object | None:
        """Return where the storage stands, and how many changes are noted."""
        return self._epoch, self._last, len(self._notes)

    def moment(self) -> Moment:
        """Return where the storage stands."""
        from confobjects.mapping.journal import Moment

        with self._lock:
            return Moment(self._epoch, self._last)

    def withdraw(self, number: int) -> None:
        """Remove the record of a change that was taken back."""
        self._notes.pop(number, None)

    def pause(self, turn: int) -> None:
        """Do nothing: the other writers are locked out."""

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Lock out the other threads."""
        with self._lock:
            yield

    def watch(self, timing: Timing | None = None) -> MemoryWatch:
        """Return a watch that hears of the changes in this process."""
        from confobjects.storage.watching import MemoryWatch

        return MemoryWatch(self._watches, timing)

    def followers(self) -> list[FollowerReport]:
        """Return the reports of the services that follow this configuration, sorted by name."""
        from confobjects.mapping.followers import read_report, sort_reports

        found = (read_report(text) for text in tuple(self._reports.values()))
        return sort_reports(one for one in found if one is not None)

    def find_follower(self, name: str) -> FollowerReport | None:
        """Return the report of one service, None if there is none."""
        from confobjects.mapping.followers import check_follower_name, read_report

        return read_report(self._reports.get(normal_name(check_follower_name(name)), ""))

    def tell_follower(self, report: FollowerReport) -> None:
        """Keep the report of a service in the place of its last one."""
        from confobjects.mapping.followers import check_follower_name, write_report

        self._reports[normal_name(check_follower_name(report.name))] = write_report(report)

    def forget_follower(self, name: str) -> None:
        """Forget the report of a service, if there is one."""
        from confobjects.mapping.followers import check_follower_name

        self._reports.pop(normal_name(check_follower_name(name)), None)

    def verifications(self) -> dict[str, str]:
        """Return the records of the last tests of objects, as texts by key."""
        return dict(self._tests)

    def find_verification(self, key: str) -> str | None:
        """Return the text of one of those records, None if there is none."""
        return self._tests.get(key)

    def keep_verification(self, key: str, text: str) -> None:
        """Keep the text of a record in the place of the last one."""
        self._tests[key] = text

    def forget_verification(self, key: str) -> None:
        """Forget a record, if there is one."""
        self._tests.pop(key, None)

    def close(self) -> None:
        """Do nothing: there is nothing to release, and the entries stay."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_url(url: str, *, missing_ok: bool = True, deadline: float = 10.0) -> MemoryStorage:  # noqa: ARG001 - never missing
    """Return an empty storage for the URL ``memory:``. Raises :class:`~confobjects.errors.UsageError` for a name."""
    if url.partition(":")[2]:
        raise UsageError(Diagnostic("usage", "a storage in memory has no name", remedy='write "memory:"'))
    return MemoryStorage(deadline=deadline)
