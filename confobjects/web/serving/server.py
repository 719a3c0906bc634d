"""The server: uvicorn on a socket that is open already, its start, what it lets in, and its end in order."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from uvicorn import Config, Server

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.web.serving.protocol import LARGEST_HEAD, Deadlines, make_protocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from confobjects.web.serving.access_log import Write

PATIENCE: Final = 20
"""Seconds that requests have to be answered when the process is to end."""

_BACKLOG: Final = 512
_SHUTDOWN: Final = 5.0
"""Seconds for the end of TLS."""
_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens at the first address of a host. Raises UsageError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        is_unknown = isinstance(error, socket.gaierror) or not error.errno
        reason = "the name is not known" if is_unknown else os.strerror(error.errno or 0).lower()
        summary = f"{host}:{port} cannot be listened at: {reason}"
        raise UsageError(Diagnostic("usage", summary, argument=f"{host}:{port}")) from None


def make_config(
    app: ASGIApp, write: Write, context: ssl.SSLContext | None = None, deadlines: Deadlines | None = None
) -> Config:
    """Return how uvicorn serves an application; refusals of the protocol are written to a log."""
    deadlines = deadlines or Deadlines()
    config = Config(
        app,
        http=make_protocol(deadlines, write),
        ws="none",
        lifespan="off",
        loop="asyncio",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=PATIENCE,
        timeout_keep_alive=math.ceil(deadlines.idle),
        h11_max_incomplete_event_size=LARGEST_HEAD,
    )
    config.load()
    config.ssl = context
    return config


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
        """Begin to accept connections. A handshake of TLS has the time of the head of a request."""
        loop, context = asyncio.get_running_loop(), self.config.ssl
        self.servers = [
            await loop.create_server(
                self._make_protocol,
                sock=one,
                ssl=context,
                backlog=_BACKLOG,
                ssl_handshake_timeout=None if context is None else Deadlines().head,
                ssl_shutdown_timeout=None if context is None else _SHUTDOWN,
            )
            for one in sockets or ()
        ]
        self.started = True
        self._begin()

    def _make_protocol(self) -> asyncio.Protocol:
        made: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = made(config=self.config, server_state=self.server_state, app_state={})
        return protocol

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections, and wait for the requests that are being answered."""
        self._end()
        await super().shutdown(sockets)
