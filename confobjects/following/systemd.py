"""What a service tells the service manager that started it: systemd's notify protocol (sd_notify(3)).

Laws: without ``NOTIFY_SOCKET`` in the environment nothing happens. What goes wrong here is logged and harms nobody. Only
the process that was started speaks, not one that it forks. Values never get into a status, only names.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from time import monotonic_ns
from typing import TYPE_CHECKING, Final

from confobjects.texts.visible import make_visible

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.effect import Waiting
    from confobjects.following.events import LiveEvent

LOG = logging.getLogger("confobjects.following")

_PATIENCE: Final = 1.0
"""Seconds for one message: the service manager may be busy, and the service must go on."""
_MOST_WAITING: Final = 3
_LONGEST_STATUS: Final = 400


class ServiceManager:
    """The service manager that an environment names. ``beat`` is the number of seconds between two signs of life, or None.

    It sends each message over a socket of its own, and keeps no descriptor. Never raises.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = _find_address(environment.get("NOTIFY_SOCKET", ""))
        self._process = os.getpid()
        self._is_lost = False
        self.beat: float | None = self._find_beat(environment) if self._address else None

    @property
    def is_there(self) -> bool:
        """Whether there is one."""
        return bool(self._address)

    def _find_beat(self, environment: Mapping[str, str]) -> float | None:
        """Return half the time of the watchdog, as systemd recommends (sd_watchdog_enabled(3))."""
        microseconds = environment.get("WATCHDOG_USEC", "")
        if environment.get("WATCHDOG_PID", "") not in ("", str(self._process)):
            return None
        is_number = microseconds.isascii() and microseconds.isdigit() and len(microseconds) <= 20
        return int(microseconds) / 2_000_000 if is_number and int(microseconds) else None

    def tell(self, *assignments: str) -> None:
        """Send one message of some assignments."""
        if not self._address or self._process != os.getpid():
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.settimeout(_PATIENCE)
                channel.sendto("\n".join(assignments).encode("utf-8", "backslashreplace"), self._address)
        except OSError as error:
            if not self._is_lost:
                LOG.warning("the service manager cannot be told anything: %s", error)
            self._is_lost = True
        else:
            self._is_lost = False


def _find_address(text: str) -> bytes:
    """Return the address of a socket: of the file system, or abstract, for which systemd writes an ``@``."""
    if text.startswith(("/", "@")):
        with suppress(UnicodeEncodeError):
            address = os.fsencode(text)
            return b"\0" + address[1:] if text.startswith("@") else address
    if text:
        LOG.warning("NOTIFY_SOCKET is no socket of this machine: the service manager is told nothing")
    return b""


class ServiceNotices:
    """What one service tells: that it is ready, what it has in effect, and that it stops. Thread-safe.

    ``describe`` returns the status, in one line.
    """

    def __init__(self, manager: ServiceManager, describe: Callable[[], str]) -> None:
        self._manager = manager
        self._describe = describe
        self._lock = Lock()
        self._status = ""
        self._is_stopping = False

    def begin(self) -> None:
        """Tell that the service is ready."""
        self._tell("READY=1", *self._find_news())

    def go_on(self) -> None:
        """Tell the status, if it is another."""
        news = self._find_news()
        if news:
            self._tell(*news)

    @contextmanager
    def reload(self, events: Sequence[LiveEvent]) -> Iterator[None]:
        """Tell that the service takes other values while listeners hear of them, unless the events change no value."""
        counts = any(
            event.properties or event.restarted or (event.before is None) != (event.after is None) for event in events
        )
        if counts:
            self._tell("RELOADING=1", f"MONOTONIC_USEC={monotonic_ns() // 1000}")
        try:
            yield
        finally:
            if counts:
                self._tell("READY=1", *self._find_news())

    def live_on(self) -> None:
        """Give a sign of life to the watchdog."""
        self._tell("WATCHDOG=1")

    def stop(self) -> None:
        """Tell that the service stops. Nothing is told afterwards."""
        self._tell("STOPPING=1", is_last=True)

    def _find_news(self) -> tuple[str, ...]:
        try:
            status = self._describe()
        except Exception:  # a mistake of ours must not harm the service
            LOG.exception("the status of the service could not be told")
            return ()
        if status == self._status:
            return ()
        self._status = status
        return (f"STATUS={status}",)

    def _tell(self, *assignments: str, is_last: bool = False) -> None:
        with self._lock:
            if not self._is_stopping:
                self._is_stopping = is_last
                self._manager.tell(*assignments)


def describe_service(
    number: int | None, waiting: Sequence[Waiting], problems: Sequence[Diagnostic], *, is_deaf: bool
) -> str:
    """Return the status of a service in one line: the change in effect, what waits for an action, what is wrong."""
    parts = ["configuration in effect" if number is None else f"change {number} in effect"]
    if waiting:
        shown = [_describe_waiting(one) for one in waiting[:_MOST_WAITING]]
        more = len(waiting) - len(shown)
        parts.append(f"waits: {', '.join(shown)}{f', and {more} more' if more else ''}")
    if is_deaf:
        parts.append("changes cannot be heard of")
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        parts.append(f"{count}: {problems[0].summary}")
    status = make_visible("; ".join(parts))
    return status if len(status) <= _LONGEST_STATUS else f"{status[: _LONGEST_STATUS - 1]}…"


def _describe_waiting(one: Waiting) -> str:
    what = f"{', '.join(one.properties)} of {one.path}" if one.properties else f"{one.path} {one.kind}"
    actions = ", ".join(dict.fromkeys(action.action for action in one.actions))
    return f"{what} ({actions})" if actions else what
