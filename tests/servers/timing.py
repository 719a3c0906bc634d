"""Time for watches in tests: it passes when the test says so, or at once when the watch waits."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from confobjects.mapping.protocol import Timing
from confobjects.storage.watching import wait_for


def draw_most(least: float, most: float) -> float:
    """Draw the greatest number."""
    return most


class PassingTime:
    """Real time, of which a test may :meth:`skip` some; with a ``speed`` it passes faster than elsewhere."""

    def __init__(self, speed: float = 1.0) -> None:
        self._skipped = 0.0
        self._speed = speed
        self.drawn: list[float] = []
        self.timing = Timing(self.now, self.wait, self.draw)

    def now(self) -> float:
        return monotonic() * self._speed + self._skipped

    def skip(self, seconds: float) -> None:
        """Let some seconds pass at once."""
        self._skipped += seconds

    def draw(self, least: float, most: float) -> float:
        """Draw the greatest number, and remember it."""
        self.drawn.append(most)
        return most

    def wait(self, descriptors: Sequence[int], seconds: float | None) -> None:
        wait_for(descriptors, None if seconds is None else seconds / self._speed)


class InstantTime:
    """Time that passes only when somebody waits in vain, and then at once. ``pauses`` are the seconds waited."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.pauses: list[float] = []
        self.timing = Timing(lambda: self.time, self.wait, draw_most)

    def wait(self, descriptors: Sequence[int], seconds: float | None) -> None:
        wait_for(descriptors, 0)
        assert seconds is not None, "this would wait for ever"
        self.pauses.append(seconds)
        self.time += seconds
