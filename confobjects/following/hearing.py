"""Waiting for everything at once: the storage, the files that values come from, other threads, and the next attempt."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from confobjects.records import Record
from confobjects.storage.file_watch import FileWatch
from confobjects.storage.watching import REAL, WakePipe

if TYPE_CHECKING:
    from confobjects.mapping.protocol import Notice, Timing, Watch


class Heard(Record):
    """What was heard: a notice of the storage, files that may have changed."""

    notice: Notice | None = None
    files: frozenset[str] = frozenset()


class Hearing:
    """Hears a storage and files, for one thread. Others :meth:`wake` it, and close it after that thread has ended."""

    def __init__(self, watch: Watch, timing: Timing | None = None) -> None:
        self.watch = watch
        self._timing = timing or REAL
        self._files: FileWatch | None = None
        self._paths: set[str] = set()
        self._again: float | None = None
        self._told = self._describe_watch()
        self._beat: tuple[float, Callable[[], object]] | None = None
        self._next_beat = 0.0
        self._pipe = WakePipe()

    def watch_files(self, paths: Iterable[str]) -> None:
        """Hear of these files and directories, and of no others."""
        wanted = set(paths)
        if wanted and self._files is None:
            self._files = FileWatch(timing=self._timing)
        if self._files is not None:
            for path in wanted - self._paths:
                self._files.add(path)
            for path in self._paths - wanted:
                self._files.remove(path)
        self._paths = wanted

    def come_back(self, seconds: float) -> None:
        """Let :meth:`wait` return after some seconds although nothing was heard."""
        self._again = self._timing.now() + seconds

    def _describe_watch(self) -> tuple[bool, bool]:
        """Tell whether the watch hears, and whether it has problems."""
        return self.watch.stale is None, bool(self.watch.problems)

    def beat(self, seconds: float, call: Callable[[], object]) -> None:
        """Let :meth:`wait` call a function as soon as it waits, and then whenever so many seconds have passed."""
        self._beat, self._next_beat = (seconds, call), self._timing.now()

    def _beat_if_due(self) -> None:
        if self._beat is not None and self._next_beat <= self._timing.now():
            seconds, call = self._beat
            self._next_beat = self._timing.now() + seconds
            call()

    def wait(self, seconds: float | None = None) -> Heard:
        """Wait until there is something to do, and return what was heard.

        That is nothing if it was woken, has to come back, or if the storage can be heard no longer or again; and after some
        seconds, if they are given.
        """
        end = None if seconds is None else self._timing.now() + seconds
        while True:
            self._beat_if_due()
            woken = self._pipe.drain()
            notice = self.watch.wait(0)
            files = None if self._files is None else self._files.wait(0)
            if self._again is not None and self._again <= self._timing.now():
                self._again, woken = None, True
            if end is not None and end <= self._timing.now():
                woken = True
            before, self._told = self._told, self._describe_watch()
            if before != self._told:
                woken = True
            if woken or notice is not None or files:
                return Heard(notice, files or frozenset())
            watches: list[Watch | FileWatch] = [self.watch] if self._files is None else [self.watch, self._files]
            waits = [due for one in watches if (due := one.due()) is not None]
            waits.extend(when - self._timing.now() for when in (self._again, end) if when is not None)
            if self._beat is not None:
                waits.append(self._next_beat - self._timing.now())
            descriptors = [self._pipe.fileno(), *(number for one in watches for number in one.descriptors())]
            self._timing.wait(descriptors, min(waits, default=None))

    def wake(self) -> None:
        """Let :meth:`wait` return; any thread may call this."""
        self._pipe.wake()

    def close(self) -> None:
        """Close all descriptors. Closing twice is no error."""
        self._pipe.close()
        self._close_watches()

    def close_copies(self) -> None:
        """Close the copies of all descriptors that a fork has made."""
        self._pipe.close_copies()
        self._close_watches()

    def _close_watches(self) -> None:
        self.watch.close()
        if self._files is not None:
            self._files.close()
