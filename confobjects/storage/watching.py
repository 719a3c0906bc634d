"""What all watches of storages share: real time, pauses that grow, notices that are put together; the watch of memory.

A watch says that something may have changed. It never says what it is now: only a read of the storage tells that.
"""

from __future__ import annotations

import os
import select
from _thread import allocate_lock
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from math import ceil
from random import uniform
from time import monotonic
from typing import Final, Generic, Self, TypeVar

from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import UsageError
from confobjects.mapping.entry import AddEntry, Change, RenameEntry
from confobjects.mapping.protocol import Notice, Timing

_MOST_NAMES: Final = 1000
"""From more names than this a notice becomes one for all entries: comparing in full then takes no longer."""
_FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 30.0
"""Seconds between two attempts to reach a server, at most."""

T = TypeVar("T")


def wait_for(descriptors: Sequence[int], seconds: float | None) -> None:
    """Return when one of some descriptors can be read or is hung up, or after some seconds."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    poll.poll(None if seconds is None else ceil(max(0.0, seconds) * 1000))


REAL: Final = Timing(monotonic, wait_for, uniform)
"""The clock of this machine, which is no wall clock."""


class WakePipe:
    """A pipe by which any thread ends the waiting of another one: it can be read from :meth:`wake` to :meth:`drain`."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._is_closed = False
        self._reader, self._writer = os.pipe()
        for end in (self._reader, self._writer):
            os.set_blocking(end, False)

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._reader

    def wake(self) -> None:
        """End the waiting, now or when it begins; any thread may call this. After :meth:`close` nothing happens."""
        with self._lock:
            if not self._is_closed:
                with suppress(BlockingIOError):  # a full pipe wakes as well
                    os.write(self._writer, b"x")

    def drain(self) -> bool:
        """Tell whether the waiting was to end, and let the next one wait again."""
        found = False
        with suppress(BlockingIOError):
            while os.read(self._reader, select.PIPE_BUF):
                found = True
        return found

    def close(self) -> None:
        """Close both ends. Closing twice is no error."""
        with self._lock:
            self.close_copies()

    def close_copies(self) -> None:
        """Close the copies of both ends that a fork has made. The thread that may hold the lock is not here."""
        if not self._is_closed:
            self._is_closed = True
            os.close(self._reader)
            os.close(self._writer)


class Pauses:
    """Pauses between attempts: each may be twice as long as the one before, at most :data:`LONGEST_PAUSE` seconds.

    The second half of each is random, so that many who lost one server do not come back at the same moment.
    """

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._longest = _FIRST_PAUSE

    def next(self) -> float:
        """Return the seconds of the next pause."""
        longest = self._longest
        self._longest = min(LONGEST_PAUSE, longest * 2)
        return self._timing.draw(longest / 2, longest)

    def reset(self) -> None:
        """Begin with a short pause again."""
        self._longest = _FIRST_PAUSE


class NoticeCollector:
    """What may have changed since the last notice: names without repetition, or everything.

    ``ignores`` tells of a name whether nothing is told of it.
    """

    def __init__(self, ignores: Callable[[DN], bool] | None = None) -> None:
        self._ignores = ignores
        self._names: dict[DN, None] | None = {}

    def add(self, names: Iterable[DN]) -> None:
        """Add names. Too many of them become everything, so that nobody's silence costs memory."""
        if self._names is not None:
            ignores = self._ignores
            self._names.update((name, None) for name in names if ignores is None or not ignores(name))
            if len(self._names) > _MOST_NAMES:
                self._names = None

    def add_everything(self) -> None:
        """Say that any entry may have changed."""
        self._names = None

    @property
    def is_full(self) -> bool:
        """Whether another name would change nothing, or nearly so: it is time to tell."""
        return self._names is None or len(self._names) >= _MOST_NAMES

    def take(self) -> Notice | None:
        """Return the notice of what was collected, and begin anew; None if nothing was."""
        names, self._names = self._names, {}
        if names is None:
            return Notice()
        return Notice(tuple(names)) if names else None


def names_of(changes: Iterable[Change]) -> list[DN] | None:
    """Return the names of the entries that some changes affect, or None if one moves all entries below another."""
    names = []
    for change in changes:
        if isinstance(change, RenameEntry):
            return None
        names.append(change.entry.dn if isinstance(change, AddEntry) else change.dn)
    return names


class TimedWatch(Generic[T]):
    """The waiting of every watch. A kind of watch says what it has heard, what it waits for, and for how long."""

    stale: float | None = None
    problems: Sequence[Diagnostic] = ()

    def __init__(self, timing: Timing | None = None) -> None:
        self._timing = timing or REAL
        self._is_closed = False

    def _hear(self) -> T | None:
        """Do what is due, without waiting for others to act. Return what was heard."""
        raise NotImplementedError

    def descriptors(self) -> Sequence[int]:
        """Return the descriptors to wait for, two at most."""
        return ()

    def due(self) -> float | None:
        """Return the seconds after which :meth:`wait` has to be called although nothing can be read; None for never."""
        return None

    def wait(self, timeout: float | None = None) -> T | None:
        """Wait until something is heard, and return it; None after ``timeout`` seconds."""
        end = None if timeout is None else self._timing.now() + timeout
        while True:
            if self._is_closed:
                raise UsageError("this watch is closed")
            if (heard := self._hear()) is not None:
                return heard
            left = None if end is None else end - self._timing.now()
            if left is not None and left <= 0:
                return None
            due = self.due()
            shortest = min((one for one in (left, due) if one is not None), default=None)
            self._timing.wait(self.descriptors(), shortest)

    def _release(self) -> None:
        """Close what is open. Called once."""

    def close(self) -> None:
        """Close descriptors and connections. Closing twice is no error."""
        if not self._is_closed:
            self._is_closed = True
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class MemoryWatch(TimedWatch[Notice]):
    """Hears of the changes of a storage in memory, whose list of watches it joins until it is closed."""

    def __init__(self, watches: list[MemoryWatch], timing: Timing | None = None) -> None:
        super().__init__(timing)
        self._collector = NoticeCollector()
        self._collector.add_everything()
        self._lock = allocate_lock()
        self._pipe = WakePipe()
        self._pipe.wake()  # the first notice is ready
        self._watches = watches
        watches.append(self)

    def tell(self, changes: Sequence[Change]) -> None:
        """Say that some changes have been made; any thread may call this."""
        names = names_of(changes)
        with self._lock:
            if names is None:
                self._collector.add_everything()
            else:
                self._collector.add(names)
            self._pipe.wake()

    def descriptors(self) -> Sequence[int]:
        """Return the end of a pipe into which each change writes."""
        return (self._pipe.fileno(),)

    def _hear(self) -> Notice | None:
        with self._lock:
            self._pipe.drain()
            return self._collector.take()

    def _release(self) -> None:
        with suppress(ValueError):
            self._watches.remove(self)
        self._pipe.close()
