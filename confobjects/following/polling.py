"""A watch for storages that tell nothing: the history is looked at often, everything is compared from time to time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from confobjects.errors import ConfobjectsError, NoSuchObjectError
from confobjects.mapping.protocol import Notice, Timing
from confobjects.storage.watching import Pauses, TimedWatch

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.mapping.protocol import Storage


class PollingWatch(TimedWatch[Notice]):
    """Hears of a storage by asking it. ``newest`` returns the number of its newest change, None without a history.

    It is asked every ``interval`` seconds. Every ``compare`` seconds any entry may have changed, because edits by hand
    are in no history. While the storage does not answer, the pauses grow.
    """

    problems: Sequence[Diagnostic]

    def __init__(
        self,
        newest: Callable[[], int | None],
        timing: Timing | None = None,
        *,
        interval: float = 2.0,
        compare: float = 60.0,
    ) -> None:
        super().__init__(timing)
        self._newest = newest
        self._interval = interval
        self._compare = compare
        self._pauses = Pauses(self._timing)
        self._known: int | None = None
        self._is_first = True
        self._next = self._compared = self._timing.now()

    def due(self) -> float | None:
        """Return the seconds until the storage is asked again."""
        return max(0.0, self._next - self._timing.now())

    def _hear(self) -> Notice | None:
        if self.due():
            return None
        before, is_first = self._known, self._is_first or self.stale is not None
        if not self._ask():
            return None
        now = self._timing.now()
        is_late = now - self._compared >= self._compare
        if not (is_first or is_late or before != self._known):
            return None
        self._is_first = False
        self._compared = now
        return Notice()

    def _ask(self) -> bool:
        """Ask for the newest change. Return False if there is no answer."""
        try:
            self._known = self._newest()
        except ConfobjectsError as error:
            self.problems = error.diagnostics
            self.stale = self._timing.now() if self.stale is None else self.stale
            self._next = self._timing.now() + self._pauses.next()
            return False
        self._pauses.reset()
        self.stale, self.problems = None, ()
        self._next = self._timing.now() + min(self._interval, self._compare)
        return True


def find_newest(storage: Storage) -> int | None:
    """Return the number of the newest change of a storage, 0 before the first, None where it keeps no history."""
    try:
        history = storage.history()
    except NoSuchObjectError:
        return None
    return history[-1].number if history else 0
