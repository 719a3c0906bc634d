"""A mail server that fails at random, and a ledger of what it really took.

It drops and resets connections, answers 421 and 451, says 421 behind an answer, sends half an answer or none, sends what
is neither TLS nor SMTP, is slow, falls silent, and refuses a message halfway: in every stage, in clear and in TLS.
"""

from __future__ import annotations

import random
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.servers.fake_smtp import (
    FakeSmtp,
    Session,
    bad_record,
    clear_text,
    close_notify,
    garbage,
    reset,
    starttls,
)

LINE: Final = b"a line of message %d\r\n"


def make_body(number: int, lines: int) -> bytes:
    """Return the message of a number: it says itself which it is, and how many lines it has."""
    return b"Subject: %d %d\r\n\r\n" % (number, lines) + LINE % number * lines


def make_recipients(number: int, count: int) -> tuple[str, ...]:
    """Return the recipients of a message, which name it."""
    return tuple(f"m{number}.{one}@c.example" for one in range(count))


class Ledger:
    """What servers took: how often each message, and what was wrong with any of them."""

    def __init__(self) -> None:
        self.taken: dict[int, list[tuple[str, ...]]] = {}
        """The recipients of each message, each time that a server took it."""
        self.problems: list[str] = []
        self._lock = threading.Lock()

    def take(self, recipients: list[str], content: bytes) -> None:
        """Enter a message that a server has taken responsibility for."""
        number, lines = map(int, content.split(b"\r\n", 1)[0].split()[1:])
        with self._lock:
            self.taken.setdefault(number, []).append(tuple(recipients))
            if content != make_body(number, lines):
                self.problems.append(f"message {number} came damaged")
            if not recipients or any(not one.startswith(f"m{number}.") for one in recipients):
                self.problems.append(f"message {number} was given to {recipients}")


class Envelope:
    """What one connection has heard of its present message."""

    def __init__(self) -> None:
        self.recipients: list[str] = []
        self.content = b""
        self.answer = b""


@dataclass(frozen=True)
class Temper:
    """How a server behaves: the seed of its dice, the part of its answers that fail, its answer to EHLO."""

    seed: int
    rate: float
    extensions: bytes


class ChaosSmtp(FakeSmtp):
    """A server with dice of its own."""

    def __init__(self, ledger: Ledger, temper: Temper, *, tls: ssl.SSLContext | None, implicit: bool) -> None:
        super().__init__({"EHLO": temper.extensions, "STARTTLS": starttls}, tls=tls, implicit=implicit)
        self.ledger = ledger
        self.temper = temper
        self._dice = random.Random(temper.seed)
        self._envelopes: dict[Session, Envelope] = {}
        self._turn = threading.Lock()

    def _roll(self) -> float:
        with self._turn:
            return self._dice.random()

    def _choose(self, names: list[str]) -> str:
        with self._turn:
            return self._dice.choice(names)

    def _command(self, session: Session, line: str) -> None:
        verb, _, rest = line.partition(" ")
        if verb == "MAIL" or session not in self._envelopes:
            self._envelopes[session] = Envelope()
        if verb == "BDAT":
            self._take_chunk(session, rest)
            return
        envelope = self._envelopes[session]
        envelope.answer = b""
        super()._command(session, line)
        if verb == "RCPT" and envelope.answer.startswith(b"2"):
            envelope.recipients.append(rest[rest.index("<") + 1 : rest.index(">")])

    def _take_chunk(self, session: Session, words: str) -> None:
        size, *last = words.split()
        self._envelopes[session].content += session.stream.read(int(size))
        if not session.transaction["DATA"]:
            session.send(b"503 5.5.1 not now\r\n")
        else:
            self._act(session, "." if last else "BDAT")

    def _content(self, session: Session) -> None:
        if not session.open:  # it has left behind its 354
            return
        lines = []
        while (line := session.stream.readline()) != b".\r\n":
            if not line:
                return  # the client has left in the middle
            lines.append(line)
        self._envelopes[session].content = b"".join(lines)
        self._act(session, ".")

    def _act(self, session: Session, name: str) -> bytes:
        answer = self._answer(session, name)
        if session in self._envelopes:
            self._envelopes[session].answer = answer
        return answer

    def _answer(self, session: Session, name: str) -> bytes:
        fault = ""
        if self._roll() < self.temper.rate:
            common = ["drop", "reset", "busy", "later", "leave", "half", "slow", "garbage", "silent"]
            in_tls = (
                ["close_notify", "bad_record", "clear_text"] if isinstance(session.connection, ssl.SSLSocket) else []
            )
            fault = self._choose([*common, *common, *in_tls, *(["amid", "amid"] if name == "DATA" else [])])
        if name == "STARTTLS" and fault in ("", "slow"):
            starttls(session)
            return b""
        usual = self.script[name] if name != "STARTTLS" else b"220 2.0.0 go ahead\r\n"
        assert isinstance(usual, bytes)
        takes = fault in ("", "slow", "leave") or (fault not in ("busy", "later") and self._roll() < 0.5)
        if name == "." and takes:
            envelope = self._envelopes[session]
            self.ledger.take(envelope.recipients, envelope.content)
        return _FAULTS[fault](session, usual)


def _send(session: Session, answer: bytes, *, leave: bool = False) -> bytes:
    session.send(answer)
    session.open = session.open and not leave
    return answer


def _wait_and_send(session: Session, usual: bytes) -> bytes:
    session.server.stopped.wait(0.005)
    return _send(session, usual)


def _refuse_amid(session: Session, usual: bytes) -> bytes:
    session.send(usual)
    session.stream.readline()
    return _send(session, b"552 5.3.4 too big\r\n", leave=True)


def _fall_silent(session: Session) -> None:
    session.server.stopped.wait(0.5)
    session.open = False


def _end(session: Session, action: Callable[[Session], None]) -> bytes:
    action(session)
    session.open = False
    return b""


_FAULTS: Final[dict[str, Callable[[Session, bytes], bytes]]] = {
    "": _send,
    "slow": _wait_and_send,
    "busy": lambda session, usual: _send(session, b"421 4.3.2 busy\r\n", leave=True),
    "later": lambda session, usual: _send(session, b"451 4.3.0 later\r\n"),
    "leave": lambda session, usual: _send(session, usual + b"421 4.3.2 leaving\r\n", leave=True),
    "half": lambda session, usual: _send(session, usual[: len(usual) // 2], leave=True)[:0],
    "amid": _refuse_amid,
    "drop": lambda session, usual: _end(session, lambda session: None),
    "reset": lambda session, usual: _end(session, reset),
    "garbage": lambda session, usual: _end(session, garbage),
    "silent": lambda session, usual: _end(session, _fall_silent),
    "close_notify": lambda session, usual: _end(session, close_notify),
    "bad_record": lambda session, usual: _end(session, bad_record),
    "clear_text": lambda session, usual: _end(session, clear_text),
}
