"""Entries in memory: for tests, for trying things out, and as the measure of what every storage does."""

from __future__ import annotations

from _thread import RLock, get_ident  # what threading is made of; importing that costs a cold command
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import StorageError, UsageError
from confobjects.mapping.entry import Change, Entry
from confobjects.mapping.protocol import Scope
from confobjects.storage.tree import Tree

if TYPE_CHECKING:
    from confobjects.mapping.journal import Note, NotedChange

BASE: Final = DN.of(("cn", "config"))
"""The base DN of a storage that holds nothing yet."""


class MemoryStorage:
    """A storage that is gone with the process. ``entries`` are what it holds at first, in any order."""

    serialises_writers = True

    def __init__(self, entries: Iterable[Entry] = (), *, base: DN = BASE, deadline: float = 10.0) -> None:
        self.url = "memory:"
        self.base = base
        self.warnings: list[Diagnostic] = []
        self._tree = Tree({entry.dn.normal: entry for entry in entries}, base)
        self._lock = RLock()
        self._owner: int | None = None
        self._deadline = deadline
        self._notes: dict[int, Note] = {}
        self._last = 0

    def read(self, dn: DN, attributes: Sequence[str] | None = None) -> Entry | None:  # noqa: ARG002 - all are at hand
        """Return an entry, None if it is not there."""
        return self._tree.read(dn)

    def search(
        self,
        base: DN,
        scope: Scope = "one",
        object_class: str | None = None,
        attributes: Sequence[str] | None = None,  # noqa: ARG002 - all are at hand
    ) -> list[Entry]:
        """Return the entries right below a base, or with "sub" the base and all below it."""
        with self._lock:
            return self._tree.search(base, scope, object_class)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep the other threads out while reading, planning and committing."""
        if self._owner == get_ident():
            raise UsageError("writing() is open already: it does not nest")
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
            raise UsageError("commit() is called inside writing() only")
        self._tree.apply(changes)
        if record is None:
            return None
        self._last += 1
        self._notes[self._last] = record
        return self._last

    def history(self) -> list[NotedChange]:
        """Return the noted changes, the oldest first."""
        from confobjects.mapping.journal import NotedChange

        with self._lock:
            return [NotedChange(number, "done", note.text, note.secret) for number, note in self._notes.items()]

    def withdraw(self, number: int) -> None:
        """Forget a noted change that was taken back."""
        self._notes.pop(number, None)

    def pause(self, turn: int) -> None:
        """Do nothing: the other writers are kept out."""

    def close(self) -> None:
        """Do nothing: there is nothing to let go of, and the entries stay."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_url(url: str, *, missing_ok: bool = True, deadline: float = 10.0) -> MemoryStorage:  # noqa: ARG001 - never missing
    """Return an empty storage for the URL ``memory:``. Raises :class:`~confobjects.errors.UsageError` for a name."""
    if url.partition(":")[2]:
        raise UsageError(Diagnostic("usage", "a storage in memory has no name", remedy='write "memory:"'))
    return MemoryStorage(deadline=deadline)
