"""Starting before the configuration is there: a machine may start a service before its directory server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from confobjects.errors import CannotConnectError, StorageError
from confobjects.storage.watching import Pauses

if TYPE_CHECKING:
    from confobjects.mapping.protocol import Timing


def open_patiently(open_: Callable[[], None], seconds: float, timing: Timing, is_closing: Callable[[], bool]) -> None:
    """Open a configuration, and try again for some seconds, with growing pauses, while it cannot be reached or read.

    Raises what the last attempt raised; at once for a configuration that is there and does not hold.
    """
    end, pauses = timing.now() + seconds, Pauses(timing)
    while True:
        try:
            open_()
        except (CannotConnectError, StorageError):
            left = end - timing.now()
            if left <= 0 or is_closing():
                raise
            timing.wait((), min(left, pauses.next()))
        else:
            return
