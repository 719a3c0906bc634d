"""What the process tells systemd: that it is ready, what it has in effect, that it works, and that it ends (sd_notify(3)).

The live configuration of the process is opened again now and then, so the process tells, and not that configuration. A sign of life
comes from the event loop: if that hangs, systemd begins the process anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from confobjects.following.systemd import ServiceManager, ServiceNotices, describe_service

if TYPE_CHECKING:
    from confobjects.following import Live


class ProcessNotices:
    """Tells the service manager that an environment names. ``find_live`` returns the live configuration, None while there is none."""

    def __init__(self, environment: Mapping[str, str], find_live: Callable[[], Live | None]) -> None:
        self._manager = ServiceManager(environment)
        self._find_live = find_live
        self._notices = ServiceNotices(self._manager, self._describe)
        self._beating: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Tell that the process is ready, and from now on that it works. Called in the event loop."""
        self._notices.begin()
        if self._manager.beat is not None:
            self._beating = asyncio.get_running_loop().create_task(self._beat(self._manager.beat))

    def go_on(self) -> None:
        """Tell the status, if it is another."""
        self._notices.go_on()

    def stop(self) -> None:
        """Tell that the process ends. Signs of life go on until then."""
        self._notices.stop()
        if self._beating is not None:
            self._beating.cancel()

    async def _beat(self, seconds: float) -> None:
        while True:
            self._notices.live_on()
            await asyncio.sleep(seconds)

    def _describe(self) -> str:
        live = self._find_live()
        if live is None:
            return "the configuration is not followed"
        return describe_service(live.number, live.waiting, live.problems, is_deaf=live.stale is not None)


__all__ = ["ProcessNotices"]
