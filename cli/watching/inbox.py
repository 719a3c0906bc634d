"""What the thread that prints gets from the other threads, in order."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import Final, Generic, TypeVar

from confobjects.storage.watching import WakePipe

T = TypeVar("T")

MOST: Final = 1000
"""Items that wait to be taken; who puts more waits."""


class Inbox(Generic[T]):
    """A bounded queue whose reader can wait for a descriptor: it can be read while there is something to take."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._items: deque[T] = deque()
        self._condition = Condition()
        self._is_closed = False
        self._pipe = WakePipe()

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._pipe.fileno()

    def put(self, item: T, *, waits: bool = True) -> None:
        """Add an item. Unless told otherwise, waits while too many are there; an item for a closed inbox is lost."""
        with self._condition:
            self._condition.wait_for(lambda: not waits or len(self._items) < self._most or self._is_closed)
            if self._is_closed:
                return
            self._items.append(item)
            self._pipe.wake()
            self._condition.notify_all()

    def take(self) -> T | None:
        """Return the oldest item, None if there is none."""
        with self._condition:
            if not self._items:
                self._pipe.drain()
                return None
            self._condition.notify_all()
            return self._items.popleft()

    def wait(self) -> None:
        """Return when there is an item, or there will be none."""
        with self._condition:
            self._condition.wait_for(lambda: self._items or self._is_closed)

    def close(self) -> None:
        """Let nobody wait any more. Closing twice is no error."""
        with self._condition:
            if not self._is_closed:
                self._is_closed = True
                self._items.clear()
                self._condition.notify_all()
                self._pipe.close()
