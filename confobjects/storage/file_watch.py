"""Watching files that others write, replace, remove and reach through symbolic links.

Laws of this module:

1. Directories are watched, never the files: a file that is replaced is another file. Each directory that the path leads
   through is watched for the next name on the way, links included, so a link may be swapped anywhere on it.
2. A directory is watched before the name in it is looked up, so nothing happens between the two unnoticed.
3. What the kernel does not tell (a file kept open by its writer, a network file system, a directory that this user may
   not read) is found by comparing the properties of the files, each second where a path cannot be watched, else
   every 30 seconds.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from confobjects.mapping.protocol import Notice, Timing
from confobjects.storage.inotify import Event, Inotify, open_inotify
from confobjects.storage.watching import TimedWatch

_COMPARE_ALL: Final = 30.0
_COMPARE_UNWATCHED: Final = 1.0
_MOST_LINKS: Final = 40
"""Links followed on one way, as in the kernel."""
_MOST_MEMBERS: Final = 1000
"""Files of a directory that are looked at one by one."""
_ABSENT: Final = frozenset((errno.ENOENT, errno.ENOTDIR))
_ANY: Final = ""
"""Stands for every name in a directory."""


class FileWatch(TimedWatch[frozenset[str]]):
    """Hears that files or directories may have changed; :meth:`wait` returns their paths, as they were given.

    A path may lead to nothing yet. A directory has changed when a file right in it has, or one that a link in it leads
    to. A path that is new counts as changed, so that whoever reads it after the next :meth:`wait` misses nothing.
    """

    def __init__(
        self,
        paths: Iterable[str] = (),
        timing: Timing | None = None,
        *,
        open_events: Callable[[], Inotify | None] = open_inotify,
    ) -> None:
        super().__init__(timing)
        self._events = open_events()
        self._marks: dict[str, object] = {}
        """The paths, each with the properties that it had when it was last told."""
        self._ways: dict[int, dict[str, set[str]]] = {}
        """Watched directories by number; for the names in them, the paths that lead through them."""
        self._changed: set[str] = set()
        self._is_traced = True
        self._is_complete = False
        self._compared = self._timing.now()
        for path in paths:
            self.add(path)

    def add(self, path: str) -> None:
        """Watch a path as well."""
        if path not in self._marks:
            self._marks[path] = None
            self._changed.add(path)
            self._is_traced = False

    def remove(self, path: str) -> None:
        """Watch a path no longer."""
        if path in self._marks:
            del self._marks[path]
            self._changed.discard(path)
            self._is_traced = False

    def descriptors(self) -> Sequence[int]:
        """Return the descriptor of inotify; none where there is no inotify."""
        return () if self._events is None else (self._events.fileno(),)

    def due(self) -> float | None:
        """Return the seconds until files are compared, 0 if there is something to tell."""
        if not self._marks:
            return None
        if self._changed or not self._is_traced:
            return 0.0
        return max(0.0, self._compared + self._period - self._timing.now())

    @property
    def _period(self) -> float:
        return _COMPARE_ALL if self._is_complete else _COMPARE_UNWATCHED

    def _hear(self) -> frozenset[str] | None:
        if self._events is not None:
            for event in self._events.read():
                self._note(event)
        if self._timing.now() - self._compared >= self._period:
            self._compare()
        if not self._is_traced:
            self._trace_all()
        if not self._changed:
            return None
        changed, self._changed = frozenset(self._changed), set()
        for path in changed:
            self._marks[path] = mark_of(path)
        return changed

    def _note(self, event: Event) -> None:
        """Find the paths that an event concerns."""
        if event.is_lost:
            self._changed.update(self._marks)
            self._is_traced = False
            return
        ways = self._ways.get(event.number)
        if ways is None:
            return  # of a directory that is watched no longer
        if event.is_of_directory:
            found = set().union(*ways.values())
        else:
            found = ways.get(event.name, set()) | ways.get(_ANY, set())
        self._changed |= found & self._marks.keys()
        if found and event.is_of_names:
            self._is_traced = False

    def _compare(self) -> None:
        """Find what the kernel has not told; then, or where it cannot tell all, the ways are traced again."""
        self._compared = self._timing.now()
        found = {path for path, mark in self._marks.items() if mark_of(path) != mark}
        self._changed |= found
        if found or not self._is_complete:
            self._is_traced = False

    # -- the ways ------------------------------------------------------------------------------------------------------

    def _trace_all(self) -> None:
        """Watch the directories that the paths lead through now, and no others."""
        old, self._ways = self._ways, {}
        self._is_traced, self._is_complete = True, self._events is not None
        if self._events is None:
            return
        for path in self._marks:
            self._trace(path, self._events)
        for number in old.keys() - self._ways.keys():
            with suppress(OSError):  # the directory is gone
                self._events.remove(number)

    def _trace(self, path: str, events: Inotify) -> None:
        for directory, name, is_last in steps_of(path):
            if not self._watch(events, directory, name, path, written=is_last):
                return
            for link in links_in(directory) if name == _ANY else ():
                for place, step, is_end in steps_of(link):
                    # A directory below the one that is watched is not looked into.
                    if step == _ANY or not self._watch(events, place, step, path, written=is_end):
                        break

    def _watch(self, events: Inotify, directory: str, name: str, path: str, *, written: bool) -> bool:
        """Watch a name in a directory for a path. Return False if there is no such directory."""
        try:
            number = events.add(directory, written=written)
        except OSError as error:
            if error.errno not in _ABSENT:
                self._is_complete = False
            return error.errno == errno.EACCES
        self._ways.setdefault(number, {}).setdefault(name, set()).add(path)
        return True

    def _release(self) -> None:
        if self._events is not None:
            self._events.close()


def steps_of(path: str) -> Iterator[tuple[str, str, bool]]:
    """Yield each directory on the way of a path, the name that is looked up in it, and whether that is the last name.

    A name is looked up only when the next step is asked for. Links are followed. The last step is the end of the way
    itself with an empty name: it is a directory only if the path leads to one.
    """
    here, rest, links = "/", _names_in(os.path.join(os.getcwd(), path)), 0
    while rest:
        name = rest.pop()
        if name == "..":
            here = os.path.dirname(here)
            continue
        yield here, name, not rest
        place = os.path.join(here, name)
        try:
            target = os.readlink(place)
        except OSError:  # no link, or nothing
            here = place
            continue
        links += 1
        if links > _MOST_LINKS:
            return
        if target.startswith("/"):
            here = "/"
        rest.extend(_names_in(target))
    yield here, _ANY, True


def _names_in(path: str) -> list[str]:
    """Return the names in a path, the last one first."""
    return [name for name in reversed(path.split("/")) if name not in ("", ".")]


def links_in(directory: str) -> list[str]:
    """Return the symbolic links right in a directory, not more than are looked at."""
    with suppress(OSError), os.scandir(directory) as members:
        return [member.path for member, _ in zip(members, range(_MOST_MEMBERS), strict=False) if member.is_symlink()]
    return []


def mark_of(path: str) -> object:
    """Return what shows, without reading it, that a file or what is right in a directory has changed.

    Of a directory in it only the identity and the rights count: what happens in that one does not.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        return error.errno
    mark = _mark_of_status(status)
    if not stat.S_ISDIR(status.st_mode):
        return mark
    members = []
    with suppress(OSError), os.scandir(path) as found:
        for member, _ in zip(found, range(_MOST_MEMBERS), strict=False):
            with suppress(OSError):
                inside = member.is_dir(follow_symlinks=False)
                members.append((member.name, _mark_of_status(member.stat())[: 3 if inside else None]))
    return mark, tuple(sorted(members))


def _mark_of_status(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class LdifWatch(TimedWatch[Notice]):
    """Hears that an LDIF file may have changed; which entries of it, only a reader can find."""

    def __init__(self, path: str, timing: Timing | None = None) -> None:
        super().__init__(timing)
        self._files = FileWatch([path], timing)

    def descriptors(self) -> Sequence[int]:
        """Return the descriptors of the watch of the file."""
        return self._files.descriptors()

    def due(self) -> float | None:
        """Return the seconds until the file is compared."""
        return self._files.due()

    def _hear(self) -> Notice | None:
        return Notice() if self._files.wait(0) else None

    def _release(self) -> None:
        self._files.close()
