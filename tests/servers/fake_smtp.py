"""A mail server that does what a script says: every fault a real one shows only by accident.

A script maps a verb (``EHLO``, ``MAIL``, ``.`` for the end of the content, ``banner``, ``auth`` for a line inside a
login) to an action: bytes that are sent as they are, or one of the actions below; a list gives one action after the
other, the last one repeating. What the client sends is recorded, one line each.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self

from tests.servers.tls import negotiate

Action = bytes | Callable[["Session"], None]
Script = Mapping[str, Action | list[Action]]

EHLO = b"250-fake\r\n250-PIPELINING\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"
NO_PIPELINING = b"250-fake\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"

USUAL: Script = {
    "banner": b"220 fake ESMTP\r\n",
    "EHLO": EHLO,
    "HELO": b"250 fake\r\n",
    "AUTH": b"235 2.7.0 ok\r\n",
    "auth": b"235 2.7.0 ok\r\n",
    "MAIL": b"250 2.1.0 ok\r\n",
    "RCPT": b"250 2.1.5 ok\r\n",
    "DATA": b"354 go ahead\r\n",
    ".": b"250 2.0.0 queued as FAKE1\r\n",
    "BDAT": b"250 2.0.0 chunk\r\n",
    "RSET": b"250 2.0.0 ok\r\n",
    "NOOP": b"250 2.0.0 ok\r\n",
    "QUIT": b"221 2.0.0 bye\r\n",
}


class Session:
    """One connection to the fake."""

    def __init__(self, server: FakeSmtp, connection: socket.socket) -> None:
        self.server = server
        self.connection = connection
        self.stream = connection.makefile("rb")
        self.open = True
        self.transaction = {"RCPT": False, "DATA": False}

    def note(self, verb: str, answer: bytes) -> None:
        """Remember what may come next: recipients after an accepted sender, content after an accepted recipient."""
        accepted = not answer.startswith((b"4", b"5"))
        if verb == "MAIL":
            self.transaction = {"RCPT": accepted, "DATA": False}
        else:
            self.transaction["DATA"] |= accepted

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def start_tls(self, clear: bytes = b"") -> None:
        assert self.server.tls is not None
        self.connection = negotiate(self.server.tls, self.connection, clear)
        self.stream = self.connection.makefile("rb")
        self.server.commands.append("(TLS)")


def close(session: Session) -> None:
    """Close the connection."""
    session.open = False


def reset(session: Session) -> None:
    """Reset the connection: the client gets RST."""
    session.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    session.open = False


def close_notify(session: Session) -> None:
    """End TLS as it should be ended, then close the connection."""
    assert isinstance(session.connection, ssl.SSLSocket)
    session.connection.settimeout(0)  # the client's own end is not waited for
    with contextlib.suppress(OSError):
        session.connection.unwrap()
    session.open = False


def bad_record(session: Session) -> None:
    """Send a TLS record that nobody can decrypt."""
    os.write(session.connection.fileno(), b"\x17\x03\x03\x00\x30" + bytes(48))
    session.open = False


def clear_text(session: Session) -> None:
    """Send an SMTP reply below TLS, in clear."""
    os.write(session.connection.fileno(), b"250 2.0.0 ok\r\n421 4.4.2 bye\r\n")
    session.open = False


def garbage(session: Session) -> None:
    """Send bytes that are no reply."""
    session.send(b"\x16\x03\x01 garbage\r\n")
    session.open = False


def hang(session: Session) -> None:
    """Say nothing until the client goes away or the server is stopped."""
    session.stream.read()
    session.open = False


def starttls(session: Session) -> None:
    """Agree to STARTTLS and do it."""
    session.send(b"220 2.0.0 go ahead\r\n")
    session.start_tls()


def inject_then_starttls(session: Session) -> None:
    """Agree to STARTTLS with another reply behind it in the same segment, as an attacker would."""
    session.send(b"220 2.0.0 go ahead\r\n250 injected\r\n")


def endless_lines(session: Session) -> None:
    """Send a reply that has no last line."""
    while True:
        session.send(b"250-more\r\n" * 100)


def endless_line(session: Session) -> None:
    """Send a line that does not end."""
    while True:
        session.send(b"2" * 1000)


def drip(session: Session) -> None:
    """Send a byte at a time, slowly enough for each wait to succeed and never to an end."""
    pause = threading.Event()
    session.send(b"250-")
    while not pause.wait(0.01):
        session.send(b"x")


class FakeSmtp:
    """A scripted server on a port of loopback; a context manager that starts and stops it."""

    def __init__(
        self, script: Script | None = None, *, tls: ssl.SSLContext | None = None, implicit: bool = False
    ) -> None:
        self.script = {**USUAL, **(script or {})}
        self.tls = tls
        self.implicit = implicit
        self.commands: list[str] = []
        self.messages: list[bytes] = []
        self.connections = 0
        self.stopped = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._turns: dict[str, int] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(10)

    @property
    def verbs(self) -> list[str]:
        """The verbs of the commands received, in order."""
        return [command.split(" ")[0] for command in self.commands]

    def wait_for_ends(self, connections: int) -> None:
        """Wait until the first connections have ended."""
        for thread in self._threads[1 : 1 + connections]:  # the first thread accepts them
            thread.join(10)

    def _spawn(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                self._spawn(lambda connection=connection: self._serve(connection))  # type: ignore[misc]

    def _serve(self, connection: socket.socket) -> None:
        session = Session(self, connection)
        # The client may leave at any time, and so may TLS fail: that is what many tests are about.
        with contextlib.suppress(OSError, ValueError):
            if self.implicit:
                session.start_tls()
            self._act(session, "banner")
            while session.open:
                line = session.stream.readline()
                if not line:
                    break
                self._command(session, line.rstrip(b"\r\n").decode("utf-8", "replace"))
        with contextlib.suppress(OSError):
            session.stream.close()  # a connection is closed when nothing reads from it any more
            session.connection.close()

    def _command(self, session: Session, line: str) -> None:
        self.commands.append(line)
        verb = line.split(" ", 1)[0].upper()
        if verb not in self.script:
            self._act(session, "auth")  # a line inside a login
            return
        if verb == "BDAT" and not callable(self.script[verb]):
            self.messages.append(session.stream.read(int(line.split(" ")[1])))
        if verb in ("RCPT", "DATA") and not session.transaction[verb]:
            session.send(b"503 5.5.1 not now\r\n")
            return
        answer = self._act(session, verb)
        if verb in ("MAIL", "RCPT"):
            session.note(verb, answer)
        if verb == "DATA" and answer.startswith(b"354"):
            self._content(session)
        elif verb == "QUIT":
            session.open = False

    def _content(self, session: Session) -> None:
        lines = []
        while (line := session.stream.readline()) != b".\r\n":
            if not line:
                return  # the client has left in the middle
            lines.append(line)
        self.messages.append(b"".join(lines))
        self.commands.append(".")
        self._act(session, ".")

    def parse_messages(self) -> list[EmailMessage]:
        """Return the messages that it got, parsed."""
        return [message_from_bytes(content, policy=policy.SMTP) for content in self.messages]

    def _act(self, session: Session, name: str) -> bytes:
        action = self.script[name]
        if isinstance(action, list):
            turn = self._turns.get(name, 0)
            self._turns[name] = turn + 1
            action = action[min(turn, len(action) - 1)]
        if isinstance(action, bytes):
            session.send(action)
            session.open = session.open and b"421 " not in action
            return action
        action(session)
        return b""
