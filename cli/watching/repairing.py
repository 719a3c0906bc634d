"""Finishes changes whose writer died in the middle, where that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from time import monotonic
from typing import TYPE_CHECKING, Final

from confobjects.errors import CannotConnectError, ConfobjectsError
from confobjects.management.history.interrupted import find_interrupted, finish_interrupted

if TYPE_CHECKING:
    from confobjects.mapping.protocol import Storage

    from .printing import WatchPrinter

_PERIOD: Final = 5.0
"""Seconds between two looks. While nothing is heard and nothing is unfinished there are none."""
_SOURCE: Final = "repair"


class Repairer:
    """Looks at a directory after something was heard of it, and again while a change there is not finished.

    ``open_storage`` is None where nothing is to be repaired.
    """

    def __init__(self, open_storage: Callable[[], Storage] | None, printer: WatchPrinter) -> None:
        self._open = open_storage
        self._printer = printer
        self._is_needed = open_storage is not None
        self._next = monotonic()

    def note_change(self) -> None:
        """Look as soon as it is time: something was heard."""
        self._is_needed = self._open is not None

    def due(self) -> float | None:
        """Return the seconds until the next look; None if there is no need for one."""
        return max(0.0, self._next - monotonic()) if self._is_needed else None

    def look(self) -> None:
        """Look if it is time."""
        if self._open is None or not self._is_needed or monotonic() < self._next:
            return
        try:
            with closing(self._open()) as storage:
                self._is_needed = self._repair(storage)
            self._printer.tell_problems(_SOURCE, ())
        except CannotConnectError:
            self._is_needed = True
        except ConfobjectsError as error:  # this user may not read or write what it takes
            self._is_needed = True
            self._printer.tell_problems(_SOURCE, error.diagnostics)
        self._next = monotonic() + _PERIOD

    def _repair(self, storage: Storage) -> bool:
        """Finish what is interrupted, and return whether something is unfinished still: its writer may die, too."""
        if find_interrupted(storage):
            for remark in finish_interrupted(storage):
                self._printer.tell_notice("repaired", remark)
        return bool(storage.moment().unfinished)
