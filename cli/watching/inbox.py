"""What the thread that prints gets from the other threads, in order."""

from __future__ import annotations

import os
import select
from collections import deque
from contextlib import suppress
from threading import Condition
from typing import Final, Generic, TypeVar

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
        self._reader, self._writer = os.pipe()
        for end in (self._reader, self._writer):
            os.set_blocking(end, False)

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._reader

    def put(self, item: T, *, waits: bool = True) -> None:
        """Add an item. Unless told otherwise, waits while too many are there; an item for a closed inbox is lost."""
        with self._condition:
            self._condition.wait_for(lambda: not waits or len(self._items) < self._most or self._is_closed)
            if self._is_closed:
                return
            self._items.append(item)
            with suppress(BlockingIOError):  # a full pipe can be read as well
                os.write(self._writer, b"x")

    def take(self) -> T | None:
        """Return the oldest item, None if there is none."""
        with self._condition:
            if not self._items:
                with suppress(BlockingIOError):
                    while os.read(self._reader, select.PIPE_BUF):
                        pass
                return None
            self._condition.notify_all()
            return self._items.popleft()

    def close(self) -> None:
        """Let nobody wait any more. Closing twice is no error."""
        with self._condition:
            if not self._is_closed:
                self._is_closed = True
                self._items.clear()
                self._condition.notify_all()
                os.close(self._reader)
                os.close(self._writer)
