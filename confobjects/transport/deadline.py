"""Limits of time: one deadline for a whole delivery, and a limit for each step within it."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]


class DeadlineExceeded(Exception):  # noqa: N818 - a signal between the channel and its driver
    """Time is up. ``limit`` is the limit in seconds; ``total`` says that it is the one for the whole delivery."""

    def __init__(self, limit: float, *, total: bool) -> None:
        super().__init__(f"{limit:g} s have passed")
        self.limit = limit
        self.total = total


class Deadline:
    """The deadline of a delivery, ``total`` seconds after its creation. ``clock`` is a monotonic clock."""

    __slots__ = ("_clock", "_end", "total")

    def __init__(self, total: float, clock: Clock = time.monotonic) -> None:
        self.total = total
        self._clock = clock
        self._end = clock() + total

    def restart(self) -> None:
        """Start the whole time again from now."""
        self._end = self._clock() + self.total

    def now(self) -> float:
        """The clock's time in seconds."""
        return self._clock()

    def begin_step(self, limit: float, began: float | None = None) -> StepLimit:
        """Return a step that may take ``limit`` seconds from now, or from a time of the clock."""
        return StepLimit(self, limit, (self._clock() if began is None else began) + limit)

    def check_time_left(self) -> float:
        """Return the seconds left, more than zero. Raises :class:`DeadlineExceeded`."""
        left = self._end - self._clock()
        if left <= 0:
            raise DeadlineExceeded(self.total, total=True)
        return left


class StepLimit:
    """One step within a deadline."""

    __slots__ = ("_deadline", "_end", "limit")

    def __init__(self, deadline: Deadline, limit: float, end: float) -> None:
        self._deadline = deadline
        self._end = end
        self.limit = limit

    @property
    def expired(self) -> bool:
        """Whether the time is up."""
        try:
            self.check_time_left()
        except DeadlineExceeded:
            return True
        return False

    def check_time_left(self) -> float:
        """Return the seconds left for the step, more than zero. Raises :class:`DeadlineExceeded`."""
        total_left = self._deadline.check_time_left()
        left = self._end - self._deadline.now()
        if left <= 0:
            raise DeadlineExceeded(self.limit, total=False)
        return min(left, total_left)
