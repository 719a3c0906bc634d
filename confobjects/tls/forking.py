"""Locks and forks: a child process must not inherit a lock that a thread of its parent holds: nobody would free it."""

from __future__ import annotations

import os
import threading


def hold_while_forking(lock: threading.Lock) -> threading.Lock:
    """Return a lock that is held while this process forks, so that it is free in parent and child.

    Only for a lock that is held for moments, and by nobody who waits for another lock.
    """
    if hasattr(os, "register_at_fork"):  # where processes can fork
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock
