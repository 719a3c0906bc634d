"""The server: uvicorn on a socket that is open already, its start, what it lets in, and its end in order."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from uvicorn import Config, Server

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

PATIENCE: Final = 20
"""Seconds that requests have to be answered when the process is to end."""

_BACKLOG: Final = 512
_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens at the first address of a host. Raises UsageError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = (error.strerror or "it is no address of this machine").lower()
        summary = f"{host}:{port} cannot be listened at: {reason}"
        raise UsageError(Diagnostic("usage", summary, argument=f"{host}:{port}")) from None


def make_config(app: ASGIApp) -> Config:
    """Return how uvicorn serves an application."""
    return Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        loop="asyncio",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=PATIENCE,
    )


class WebServer(Server):
    """The server of one process. ``begin`` is called when it listens, ``end`` when it is to end, before requests are waited for."""

    def __init__(self, config: Config, begin: Callable[[], object], end: Callable[[], object]) -> None:
        super().__init__(config)
        self._begin = begin
        self._end = end

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Hear of the signals that end the process; a second one ends it without waiting. One that is ignored stays so."""
        loop = asyncio.get_running_loop()
        heard = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
        for number in heard:
            loop.add_signal_handler(number, self.ask_end)
        try:
            yield
        finally:
            for number in heard:
                loop.remove_signal_handler(number)

    def ask_end(self) -> None:
        """Let the server end: in order the first time, at once the second time."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections."""
        await super().startup(sockets)
        self._begin()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections, and wait for the requests that are being answered."""
        self._end()
        await super().shutdown(sockets)
