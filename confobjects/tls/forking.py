"""Locks and forks: a child process must not inherit a lock that a thread of its parent holds: nobody would free it."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Final


def hold_while_forking(lock: threading.Lock) -> threading.Lock:
    """Return a lock that is held while this process forks, so that it is free in parent and child.

    Only for a lock that is held for moments, and by nobody who waits for another lock.
    """
    if hasattr(os, "register_at_fork"):  # where processes can fork
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock


class ForkGate:
    """A room for many threads that nobody is in while the process forks.

    A fork waits until all have left, and until threads that were inside and are ending have ended. Who comes meanwhile
    waits for the fork. It is for code that holds locks which Python does not know. Nobody waits for another process in
    it, or for a lock of :func:`hold_while_forking`. A thread may enter more than once, and fork inside. After
    ``patience`` seconds a process forks all the same: a thread that hangs must not stop it.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._forking = False
        self._changed = threading.Condition()
        self._inside: dict[int, int] = {}
        """How often each thread has entered and not left, by its identifier."""
        self._guests: dict[int, int] = {}
        """The system's number of each thread that was ever inside. An identifier is used again: there are few."""
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._shut, after_in_parent=self._open, after_in_child=self._open_in_child)

    def __enter__(self) -> None:
        me = threading.get_ident()
        with self._changed:
            while self._forking and me not in self._inside:
                self._changed.wait()
            self._inside[me] = self._inside.get(me, 0) + 1
            self._guests[me] = threading.get_native_id()

    def __exit__(self, *_: object) -> None:
        me = threading.get_ident()
        with self._changed:
            self._inside[me] -= 1
            if not self._inside[me]:
                del self._inside[me]
                if self._forking:
                    self._changed.notify_all()

    def _shut(self) -> None:
        me = threading.get_ident()
        self._changed.acquire()
        self._changed.wait_for(lambda: not self._forking)  # another thread forks, too
        self._forking = True
        end = time.monotonic() + self._patience
        self._changed.wait_for(lambda: self._inside.keys() <= {me}, self._patience)
        self._await_ends(end)

    def _await_ends(self, end: float) -> None:
        """Wait for threads that Python has ended and the system not yet: OpenSSL tidies up at the end of a thread.

        It holds a lock meanwhile, and Python does not know of it. Only Linux tells which threads there are.
        """
        for ended in self._guests.keys() - sys._current_frames().keys():  # noqa: SLF001 - it is documented
            task = f"/proc/self/task/{self._guests.pop(ended)}"
            while os.path.exists(task) and time.monotonic() < end:
                time.sleep(0.0002)

    def _open(self) -> None:
        self._forking = False
        self._changed.notify_all()
        self._changed.release()

    def _open_in_child(self) -> None:
        me = threading.get_ident()
        self._changed = threading.Condition()
        self._inside = {me: self._inside[me]} if me in self._inside else {}
        self._guests = {}
        self._forking = False


OPENSSL: Final = ForkGate(5.0)
"""Where OpenSSL is called without the interpreter's lock (GIL): the calls of ssl that read, write, shake hands or load.

OpenSSL has locks for the whole process, such as those of its table of algorithms. A child that is forked while another
thread holds one can make no TLS connection. A call that keeps the interpreter's lock needs no gate: nobody forks
meanwhile.
"""
