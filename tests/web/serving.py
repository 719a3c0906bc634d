"""``serve`` as a process of its own, and what is asked of it. Nothing waits by the clock."""

from __future__ import annotations

import http.client
import signal
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Self

from tests.cli.watchers import LONG, CommandProcess


class Answer:
    """What was answered: status, headers by their names in lower case, and body."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = {name.lower(): value for name, value in answer.getheaders()}
        self.body = answer.read()


class ServeProcess(CommandProcess):
    """A running ``serve`` on any free port."""

    def __init__(
        self, url: str, *arguments: str, env: Mapping[str, str] | None = None, wrapped: Sequence[str] = ()
    ) -> None:
        where = () if "--listen" in arguments else ("--listen", "127.0.0.1:0")
        super().__init__("serve", "--url", url, *where, *arguments, env=env, wrapped=wrapped)
        self.port = 0

    def wait_for_start(self) -> Self:
        """Wait until it says where it listens."""
        line = self.out.until(lambda text: text.startswith("serving at "))
        self.port = int(line.rpartition(":")[2])
        return self

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> Answer:
        """Return the answer to one request on a connection of its own."""
        made: http.client.HTTPConnection
        if context is None:
            made = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONG)
        else:
            made = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=LONG, context=context)
        try:
            made.request(method, path, body, dict(headers or {}))
            return Answer(made.getresponse())
        finally:
            made.close()

    def connect(self) -> socket.socket:
        """Return a connection of bytes."""
        return socket.create_connection(("127.0.0.1", self.port), LONG)

    def end(self, number: int | None = signal.SIGTERM) -> int:
        """Send a signal, and return the exit status."""
        return super().end(number)
