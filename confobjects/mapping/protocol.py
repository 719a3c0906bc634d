"""The interface of every storage, defined in a lower layer so that management can use it.

Law: the same changes leave equal entries in every storage, and the same mistake raises the same error;
``tests/storage`` checks that for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, Self

from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.mapping.entry import Change, Entry
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.mapping.followers import FollowerReport
    from confobjects.mapping.journal import Moment, Note, NotedChange

Scope = Literal["one", "sub"]

_LOCAL: Final = ("ldif", "memory")
"""The schemes of storages that only users of this machine can write."""


def is_remote(url: str) -> bool:
    """Tell whether users of other machines may write the storage at a URL; so it is for a scheme that is not known."""
    return url.partition(":")[0] not in _LOCAL


class Notice(Record):
    """Which entries of a storage may have changed: their DNs in the order heard, or None where any may have changed.

    It tells nothing more: what is true is what a read of the storage then returns. After None, compare in full.
    """

    names: tuple[DN, ...] | None = None


class Timing(Record):
    """How a watch measures time, waits and draws lots.

    ``now`` returns seconds from a clock that never goes back. ``wait`` returns when one of some descriptors can be
    read, or after some seconds; None means without a limit. ``draw`` returns a random number between two others.
    """

    now: Callable[[], float]
    wait: Callable[[Sequence[int], float | None], None]
    draw: Callable[[float, float], float]


class Watch(Protocol):
    """Hears that a storage has changed. A context manager, for one thread at a time.

    Laws: whatever happened before :meth:`Storage.watch` returned is covered by the first notice, which names no entry.
    After a time in which nothing could be heard, such a notice comes again. So no change is lost, and one may be told
    twice. A change is told when a read can return it, or again when it can.
    """

    @property
    def stale(self) -> float | None:
        """Since when nothing can be heard, as the clock of the timing tells it; None while the watch hears."""
        ...

    @property
    def problems(self) -> Sequence[Diagnostic]:
        """Why nothing can be heard; empty while the watch hears."""
        ...

    def descriptors(self) -> Sequence[int]:
        """Return the descriptors to wait for, two at most. They change: ask again before each waiting."""
        ...

    def due(self) -> float | None:
        """Return the seconds after which :meth:`wait` has to be called although nothing can be read; None for never."""
        ...

    def wait(self, timeout: float | None = None) -> Notice | None:
        """Wait for a notice, and return it; None after ``timeout`` seconds. No error of a storage is raised.

        It may take longer by one attempt to reach a server, which has the limits of the storage. Raises
        :class:`~confobjects.errors.UsageError` for a closed watch.
        """
        ...

    def close(self) -> None:
        """Close descriptors and connections. Closing twice is no error."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class HolderMemory(Protocol):
    """Remembers contents, in parts of text or of its bytes in UTF-8, that were found right, and a result for each."""

    def recall(self, content: Iterable[str | memoryview]) -> Any:
        """Return what was remembered of a content, None if it is not known."""
        ...

    def remember(self, content: Iterable[str | memoryview], parts: Any) -> None:
        """Remember that a content is right, with what recalling it returns, as JSON."""
        ...


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
    def is_foreign(self) -> bool:
        """Whether the entries are those of a server with a schema of its own: nothing of ours can be in them.

        There they have no revision. A modification names the values that it replaces instead; a stale one is refused.
        """
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
    def answers_at_once(self) -> bool:
        """Whether a read now is answered from memory: no file has to be read first, no server asked, no writer waited for."""
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
        *,
        records: bool = True,
    ) -> Iterable[Entry]:
        """Return the entries right below a base, or with "sub" the base and all below it, parents first.

        ``object_class`` selects entries of that class. Without ``records``, which goes with no class, the records of
        the history are left out where they are entries. Below a base that does not exist there are none.
        """
        ...

    def snapshot(self) -> Mapping[str, Entry] | None:
        """Return every entry as it is now, by keys that stay; None where each would have to be asked for.

        The mapping does not change. An entry that is the same as in an earlier one has not changed in between.
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

    def history(self, since: int = 0) -> Sequence[NotedChange]:
        """Return the noted changes after a number that are kept, the oldest first, without those that had no effect.

        What it takes depends on how many changes there are after the number, not on how many are kept.
        Raises :class:`~confobjects.errors.NoSuchObjectError` where the storage keeps no history.
        """
        ...

    def history_mark(self) -> object | None:
        """Return what is equal for as long as the history is the same; None where only reading it tells. It takes no time."""
        ...

    def moment(self) -> Moment:
        """Return where the storage stands, in less time than reading its history takes."""
        ...

    def withdraw(self, number: int) -> None:
        """Note that the change of a number was taken back by other changes, inside :meth:`writing`."""
        ...

    def pause(self, turn: int) -> None:
        """Give other writers a moment, longer with each turn, where :attr:`serialises_writers` is false."""
        ...

    def undisturbed(self) -> AbstractContextManager[None]:
        """Return a context in which nobody else writes, for reading what is changed faster than it is read.

        Only where :attr:`serialises_writers`, and this process may lock; elsewhere others go on. Whoever waits to write
        waits for its end, so it is short.
        """
        ...

    def watch(self, timing: Timing | None = None) -> Watch:
        """Return a watch that hears of the changes of all writers. It uses no descriptor of the storage."""
        ...

    def followers(self) -> Sequence[FollowerReport]:
        """Return the reports of the services that follow this configuration, sorted by name.

        They are no entries of it: no search finds them, and no watch hears of them. Of one that cannot be read, only the
        name is told: :func:`~confobjects.mapping.followers.stand_in_for`. Raises what reading raises.
        """
        ...

    def find_follower(self, name: str) -> FollowerReport | None:
        """Return the report of one service, None if there is none that can be read.

        Names are compared as those of entries are.
        """
        ...

    def tell_follower(self, report: FollowerReport) -> None:
        """Write the report of a service in the place of its last one. It is not held up by who is :meth:`writing`.

        Raises :class:`~confobjects.errors.UsageError` for a name that a follower cannot have,
        :class:`~confobjects.errors.AccessError` and :class:`~confobjects.errors.StorageError`.
        """
        ...

    def forget_follower(self, name: str) -> None:
        """Remove the report of a service, also one that cannot be read, by what it is called in :meth:`followers`.

        It is no error if there is none. Raises as :meth:`tell_follower` does.
        """
        ...

    def verifications(self) -> Mapping[str, str]:
        """Return the records of the last tests of objects, as texts by :func:`~confobjects.mapping.verifications.key_of`.

        They are no entries of the configuration: no search finds them, and no watch hears of them. It is one read.
        Raises what reading raises.
        """
        ...

    def find_verification(self, key: str) -> str | None:
        """Return the text of one of those records, None if there is none. Raises as :meth:`verifications` does."""
        ...

    def keep_verification(self, key: str, text: str) -> None:
        """Write the text of a record in the place of the last one. It is not held up by who is :meth:`writing`.

        Raises :class:`~confobjects.errors.AccessError` and :class:`~confobjects.errors.StorageError`.
        """
        ...

    def forget_verification(self, key: str) -> None:
        """Remove a record. It is no error if there is none. Raises as :meth:`keep_verification` does."""
        ...

    def close(self) -> None:
        """Close files and connections. Closing twice is no error."""
        ...
