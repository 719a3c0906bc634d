"""Sockets inside TLS that are never inside OpenSSL while this process forks."""

from __future__ import annotations

import errno
import select
import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from confobjects.tls.forking import OPENSSL

T = TypeVar("T")


class ForkSafeSocket(ssl.SSLSocket):
    """A socket inside TLS for :attr:`ssl.SSLContext.sslsocket_class`. Its timeout and its errors are those of its base.

    The socket below it never waits: each call into OpenSSL takes moments, in the gate :data:`OPENSSL`. Waiting for the
    other side is done outside of it, for as long as the timeout lets it.
    """

    _limit: float | None = None
    _is_shut = False

    def settimeout(self, value: float | None, /) -> None:
        """Set the seconds that each operation may wait; None: without end."""
        super().settimeout(0.0)
        self._limit = value

    def gettimeout(self) -> float | None:
        """Return the seconds that each operation may wait."""
        return self._limit

    def setblocking(self, flag: bool, /) -> None:
        """Let each operation wait without end, or not at all."""
        self.settimeout(None if flag else 0.0)

    def getblocking(self) -> bool:
        """Tell whether operations may wait."""
        return self._limit != 0

    def do_handshake(self, block: bool = False) -> None:
        """Negotiate TLS. ``block`` waits without end if operations may not wait."""
        self._run(super().do_handshake, None if block and self._limit == 0 else self._limit)

    def read(self, len: int = 1024, buffer: Any = None) -> Any:  # noqa: A002 - as in the base
        """Return at most ``len`` bytes, or put them into a buffer and return their number."""
        return self._run(partial(super().read, len, buffer), self._limit)

    def write(self, data: Any) -> int:
        """Send bytes; return the number of those that were sent."""
        return self._run(partial(super().write, data), self._limit)

    def send(self, data: Any, flags: int = 0) -> int:
        """Send bytes; return the number of those that were sent."""
        return self._run(partial(super().send, data, flags), self._limit)

    def unwrap(self) -> Any:
        """End TLS."""
        return self._run(super().unwrap, self._limit)

    def shutdown(self, how: int) -> None:
        """Shut down the connection. A thread that waits here is woken, and gets an OSError."""
        self._is_shut = True
        super().shutdown(how)

    def _run(self, act: Callable[[], T], limit: float | None) -> T:
        """Call OpenSSL until it has no need to wait. Raises TimeoutError."""
        end = None if limit is None else time.monotonic() + limit
        while True:
            try:
                with OPENSSL:
                    return act()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as want:
                if limit == 0:
                    raise
                event = select.POLLIN if isinstance(want, ssl.SSLWantReadError) else select.POLLOUT
            self._wait(event, end)

    def _wait(self, event: int, end: float | None) -> None:
        poll = select.poll()
        poll.register(self, event)
        if not poll.poll(None if end is None else max(0.0, end - time.monotonic()) * 1000):
            raise TimeoutError("timed out")
        if self._is_shut:
            raise ConnectionAbortedError(errno.ECONNABORTED, "the connection was shut down here")


SOCKET: Final[type[ssl.SSLSocket]] = ForkSafeSocket if hasattr(select, "poll") else ssl.SSLSocket
"""The class of sockets inside TLS on this system: where there is no poll, processes do not fork."""
