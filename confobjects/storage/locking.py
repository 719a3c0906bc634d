"""The lock that lets one writer of a file in, among processes and threads. Those who wait are served in turn."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import StorageError
from confobjects.storage.files import translate_errors
from confobjects.storage.own_files import give_to_owner, open_own
from confobjects.texts.numbers import read_number

_MOST_HOLDERS: Final = 20
"""A writer waits for at most as many holders of a lock that each use up the whole deadline."""
_EXCLUSIVE: Final = fcntl.LOCK_EX | fcntl.LOCK_NB


class LockHeldError(StorageError):
    """Somebody holds a lock for longer than one waits for it."""


@contextmanager
def hold_lock(path: str, deadline: float) -> Iterator[None]:
    """Lock out other processes and threads that lock ``path``. The lock file ``<path>.lock`` is never removed.
    Those who wait are served in turn.

    The kernel releases the lock when the process ends for any reason. Raises :class:`LockHeldError` if a holder does not
    release the lock within ``deadline`` seconds.
    """
    lock = path + ".lock"
    descriptor = _open_lock(lock, path)
    try:
        with translate_errors("lock the file", lock):
            _take_turn(descriptor, path, deadline)
        with suppress(OSError):  # the number is used only in a message; a full disk must not stop the work
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(descriptor)  # releases the lock


def _open_lock(lock: str, path: str) -> int:
    descriptor = open_own(lock, os.O_RDWR | os.O_CREAT, path, "open the lock file")
    give_to_owner(descriptor, path)
    return descriptor


def _take_turn(descriptor: int, path: str, deadline: float) -> None:
    """Lock a descriptor, behind those who wait for it already.

    Whoever has to wait first takes the lock ``<path>.queue``, which stands for being the next one. A writer that
    has just finished has to take it too, so it cannot pass the one that waits.
    """
    if not os.path.exists(path + ".queue") and _try_lock(descriptor):
        return  # nobody has ever waited
    queue = _open_lock(path + ".queue", path)
    rest, most, seen = deadline, deadline * _MOST_HOLDERS, os.fstat(descriptor).st_mtime_ns
    try:
        for waited in (queue, descriptor):
            while not _try_lock(waited):
                if (found := os.fstat(descriptor).st_mtime_ns) != seen:
                    rest, seen = deadline, found  # the holder is another one now: nobody hangs
                pause = _wait_for_lock(min(rest, most), descriptor, path)
                rest, most = rest - pause, most - pause
    finally:
        os.close(queue)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, _EXCLUSIVE)
    except BlockingIOError:
        return False
    return True


def _wait_for_lock(deadline: float, descriptor: int, path: str) -> float:
    """Sleep a moment of the remaining seconds, and return its length. Raise an error if none remain."""
    if deadline <= 0:
        raise _lock_error(descriptor, path)
    # The time differs on each turn, so that no waiting writer finds the lock free more often than the others.
    pause = min(deadline, 0.002 + time.monotonic_ns() % 8000 / 1_000_000)
    time.sleep(pause)
    return pause


def _lock_error(descriptor: int, path: str) -> LockHeldError:
    holder = os.pread(descriptor, 32, 0).strip()
    number = read_number(holder.decode("latin-1")) or 0
    who = f"process {number}" if number else "another process"
    if number == os.getpid():
        who = "another part of this process"
    end = f"check it (ps {number}) and end it if it hangs" if number and number != os.getpid() else "end it"
    return LockHeldError(
        Diagnostic(
            "storage-failed",
            f"{who} has not finished writing this file",
            origin=path,
            remedy=f"try again later; if that does not help, {end}: that releases the lock",
        )
    )
