"""Events of directories from the Linux kernel: inotify(7), through the C library."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final

from confobjects.records import Record

CLOSE_WRITE: Final = 0x8
_ATTRIB: Final = 0x4
_MOVED: Final = 0x40 | 0x80
_CREATE: Final = 0x100
_DELETE: Final = 0x200
_DELETE_SELF: Final = 0x400
_MOVE_SELF: Final = 0x800
_UNMOUNT: Final = 0x2000
_OVERFLOW: Final = 0x4000
_IGNORED: Final = 0x8000
_ONLY_DIRECTORIES: Final = 0x0100_0000
_ADD_TO_MASK: Final = 0x2000_0000
_NAMES: Final = _ATTRIB | _MOVED | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
_HEAD: Final = struct.Struct("iIII")
_BUFFER: Final = 65536


class Event(Record):
    """What happened to a name in a watched directory. The name is empty if it happened to the directory itself.

    ``number`` is that of the watched directory, -1 if events were lost.
    """

    number: int
    mask: int
    name: str

    @property
    def is_lost(self) -> bool:
        """Whether events were lost before this one."""
        return bool(self.mask & _OVERFLOW)

    @property
    def is_of_directory(self) -> bool:
        """Whether the directory itself was deleted, moved or unmounted, or is no longer watched."""
        return bool(self.mask & (_DELETE_SELF | _MOVE_SELF | _UNMOUNT | _IGNORED))

    @property
    def is_of_names(self) -> bool:
        """Whether a path may lead elsewhere now; it does not if a file was only written."""
        return self.mask != CLOSE_WRITE


class Inotify:
    """One descriptor for the events of any number of directories. Raises OSError where the kernel has none to give."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._call("inotify_init1", os.O_NONBLOCK | os.O_CLOEXEC)

    def _call(self, name: str, *arguments: object) -> int:
        result: int = getattr(self._library, name)(*arguments)
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result

    def add(self, directory: str, *, written: bool) -> int:
        """Watch a directory, and return its number; a directory has one number, by whatever path it is reached.

        ``written`` asks for files that were written too; otherwise only names are watched. Raises OSError.
        """
        mask = _NAMES | (CLOSE_WRITE if written else 0) | _ONLY_DIRECTORIES | _ADD_TO_MASK
        return self._call("inotify_add_watch", self._descriptor, os.fsencode(directory), ctypes.c_uint32(mask))

    def remove(self, number: int) -> None:
        """Watch a directory no longer. Raises OSError if it is gone."""
        self._call("inotify_rm_watch", self._descriptor, number)

    def read(self) -> list[Event]:
        """Return the events that are there, without waiting; there may be more."""
        try:
            data = os.read(self._descriptor, _BUFFER)
        except BlockingIOError:
            return []
        events, at = [], 0
        while at < len(data):
            number, mask, _, size = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            name = data[at : at + size].rstrip(b"\0")
            events.append(Event(number, mask, os.fsdecode(name)))
            at += size
        return events

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def close(self) -> None:
        """Close the descriptor; the kernel then forgets the directories."""
        os.close(self._descriptor)


def open_inotify() -> Inotify | None:
    """Return an inotify descriptor, or None elsewhere than on Linux and where the limit of them is reached."""
    try:
        return Inotify()
    except (OSError, AttributeError):
        return None
