"""The interface of every storage, defined in a lower layer so that management can use it.

Law: the same changes leave equal entries in every storage, and the same mistake raises the same error;
``tests/storage`` checks that for each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal, Protocol

from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.mapping.entry import Change, Entry

if TYPE_CHECKING:
    from confobjects.mapping.journal import Note, NotedChange

Scope = Literal["one", "sub"]


class Storage(Protocol):
    """A tree of entries below a base DN, to be read and changed. Close it when done."""

    @property
    def url(self) -> str:
        """The URL that opens this storage; it holds no secret."""
        ...

    @property
    def base(self) -> DN:
        """The DN below which the configuration lies. May have to read the storage."""
        ...

    @property
    def serialises_writers(self) -> bool:
        """Whether :meth:`writing` locks out all other writers; if not, the revision reveals conflicting writes."""
        ...

    @property
    def finds_alike(self) -> bool:
        """Whether :meth:`read` finds an entry by every DN equal to its own; a directory may keep such names apart."""
        ...

    @property
    def holds_alike(self) -> bool:
        """Whether entries are known to have equal names; False also where nobody has looked, as in a directory."""
        ...

    @property
    def warnings(self) -> list[Diagnostic]:
        """Warnings about the storage so far, for example that it is missing, or that entries have no parent."""
        ...

    def read(self, dn: DN, attributes: Sequence[str] | None = None) -> Entry | None:
        """Return an entry, None if it is not there. ``attributes`` names those needed; there may be more."""
        ...

    def read_all(self, names: Sequence[DN]) -> Sequence[Entry | None]:
        """Return each of some entries as :meth:`read` does, in their order; a directory is asked for many at once."""
        ...

    def search(
        self,
        base: DN,
        scope: Scope = "one",
        object_class: str | None = None,
        attributes: Sequence[str] | None = None,
    ) -> Iterable[Entry]:
        """Return the entries right below a base, or with "sub" the base and all below it, parents first.

        ``object_class`` selects entries of that class. Below a base that does not exist there are none.
        """
        ...

    def writing(self) -> AbstractContextManager[None]:
        """Return a context in which to read, plan and :meth:`commit`; what is read in it is current.

        Raises :class:`~confobjects.errors.StorageError` when another writer does not finish in time,
        :class:`~confobjects.errors.UsageError` inside another one of the same storage and thread.
        """
        ...

    def commit(self, changes: Sequence[Change], record: Note | None = None) -> int | None:
        """Carry out some changes in order, inside :meth:`writing`. Files and memory apply all of them or none.

        With a ``record`` they are noted in the history, and its number there is returned; None where the storage
        keeps no history.
        Raises :class:`~confobjects.errors.ObjectExistsError` (an entry to add is there),
        :class:`~confobjects.errors.NoSuchObjectError` (an entry to change or the parent of a new one is not),
        :class:`~confobjects.errors.ObjectInUseError` (an entry to delete has others below it),
        :class:`~confobjects.errors.ChangedMeanwhileError` (a value to add is there, one to delete is not),
        :class:`~confobjects.errors.ConstraintError` (an entry would lose its naming value),
        :class:`~confobjects.errors.AccessError` and :class:`~confobjects.errors.StorageError`.
        """
        ...

    def history(self) -> Sequence[NotedChange]:
        """Return the noted changes that are kept, the oldest first, without those that had no effect.

        Raises :class:`~confobjects.errors.NoSuchObjectError` where the storage keeps no history.
        """
        ...

    def withdraw(self, number: int) -> None:
        """Note that the change of a number was taken back by other changes, inside :meth:`writing`."""
        ...

    def pause(self, turn: int) -> None:
        """Give other writers a moment, longer with each turn, where :attr:`serialises_writers` is false."""
        ...

    def close(self) -> None:
        """Close files and connections. Closing twice is no error."""
        ...
