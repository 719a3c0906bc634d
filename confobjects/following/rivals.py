"""Two services under one name: who has it. Nothing here waits or asks; times come as arguments."""

from __future__ import annotations

from collections.abc import Callable

from confobjects.mapping.followers import ALIVE, FollowerReport, is_alive


class Rival:
    """The other service that tells under the name of this one, as long as it is alive.

    The one that was there first keeps the name. A report that is there at the beginning may be that of a service that was
    killed: it counts as long as its time is near, its process is not known to be gone, and no longer than :data:`ALIVE`
    seconds without a change. What is written after a report of this service comes from one that is alive.
    """

    def __init__(self, host: str, process: int, is_gone: Callable[[FollowerReport], bool]) -> None:
        self._own = (host, process)
        self._is_gone = is_gone
        self._has_told = False
        self._seen: FollowerReport | None = None
        self._since = 0.0
        self._is_proven = False

    def find(self, found: FollowerReport | None, now: float, clock: float) -> FollowerReport | None:
        """Return the report that is there now if it is that of another service which is alive; None if the name is free.

        ``now`` are seconds of a clock that never goes back, ``clock`` those since 1970.
        """
        if found is None or (found.host, found.process) == self._own:
            self._seen = None
            return None
        if found != self._seen:
            self._is_proven = self._seen is not None or self._has_told
            self._seen, self._since = found, now
        if not self._is_proven and (self._is_gone(found) or not is_alive(found, clock)):
            return None
        return found if now - self._since < ALIVE else None

    def note_told(self) -> None:
        """Note that this service has written its report."""
        self._has_told = True
        self._seen = None
