"""Events for whoever wants to iterate over them, in a thread or in an asynchronous program."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Condition
from typing import TYPE_CHECKING, Any, Final, Self

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError

if TYPE_CHECKING:
    from confobjects.following.events import LiveEvent

MOST_EVENTS: Final = 10_000
"""Events that are kept for a reader that is late."""


class EventStream:
    """The events since the stream was made, each once and in order. It ends when the configuration is closed.

    Raises :class:`~confobjects.errors.ConfobjectsError` in a reader that was late by more than :data:`MOST_EVENTS`.
    """

    def __init__(self, leave: Callable[[EventStream], None]) -> None:
        self._leave = leave
        self._events: deque[LiveEvent] = deque()
        self._condition = Condition()
        self._wakers: list[Callable[[], Any]] = []
        self._is_ended = False
        self._is_late = False

    def put(self, event: LiveEvent) -> None:
        """Add an event."""
        with self._condition:
            if self._is_ended:
                return
            if len(self._events) >= MOST_EVENTS:
                self._events.clear()
                self._is_ended = self._is_late = True
            else:
                self._events.append(event)
            self._wake()

    def close(self) -> None:
        """End the stream after the events that are in it, and take part in no more."""
        self._leave(self)
        with self._condition:
            self._is_ended = True
            self._wake()

    def _wake(self) -> None:
        self._condition.notify_all()
        wakers, self._wakers = self._wakers, []
        for wake in wakers:
            wake()

    def _take(self) -> LiveEvent | None:
        """Return the next event, None if there is none yet. Raises StopIteration at the end."""
        if self._events:
            return self._events.popleft()
        if self._is_late:
            summary = f"more than {MOST_EVENTS:,} events have not been read in time: they are lost"
            raise ConfobjectsError(Diagnostic("internal-error", summary, remedy="read the whole configuration again"))
        if self._is_ended:
            raise StopIteration
        return None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> LiveEvent:
        """Wait for the next event."""
        with self._condition:
            while (event := self._take()) is None:
                self._condition.wait()
            return event

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> LiveEvent:
        """Wait for the next event."""
        from asyncio import get_running_loop

        loop = get_running_loop()
        while True:
            with self._condition:
                try:
                    event = self._take()
                except StopIteration:
                    raise StopAsyncIteration from None
                if event is not None:
                    return event
                future = loop.create_future()
                self._wakers.append(lambda future=future: _wake_future(future))  # type: ignore[misc]
            await future


def _wake_future(future: Any) -> None:
    """Let whoever awaits a future go on, from another thread. A loop that is closed awaits nothing."""
    loop = future.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(lambda: future.done() or future.set_result(None))
