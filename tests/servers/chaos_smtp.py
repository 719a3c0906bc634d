"""A mail server that fails at random, and a ledger of what it really took.

It drops and resets connections, answers 421 and 451, says 421 behind an answer, sends half an answer or none, sends what
is neither TLS nor SMTP, is slow, falls silent, and refuses a message halfway: in every stage, in clear and in TLS.

:class:`ChaosServers` runs several in a process of their own. A process that forks while a thread of it does TLS leaves its
child with the locks that this thread holds inside OpenSSL; so whoever tests forks has no server in its own process.
"""

from __future__ import annotations

import contextlib
import json
import random
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final, Self

from tests.servers import processes
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

    def to_json(self) -> str:
        """Return what is entered, as one line."""
        with self._lock:
            return json.dumps([self.taken, self.problems])

    def update(self, line: str) -> None:
        """Replace what is entered by that of a line of :meth:`to_json`."""
        taken, self.problems = json.loads(line)
        self.taken = {int(number): [tuple(one) for one in several] for number, several in taken.items()}


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
    extensions: str


class ChaosSmtp(FakeSmtp):
    """A server with dice of its own."""

    def __init__(self, ledger: Ledger, temper: Temper, *, tls: ssl.SSLContext | None, implicit: bool) -> None:
        super().__init__({"EHLO": temper.extensions.encode(), "STARTTLS": starttls}, tls=tls, implicit=implicit)
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


# -- in a process of their own ---------------------------------------------------------------------------------------

_ROOT: Final = Path(__file__).resolve().parents[2]


class ChaosServers:
    """Servers that run in a process of their own, one for each temper; a context manager that starts and stops it.

    ``pair`` are the paths of certificate and key, None for servers without TLS. ``ports`` are those of the servers.
    ``ledger`` is what they had taken when :meth:`look` was called; when the process has ended, all of it.
    """

    def __init__(self, tempers: Sequence[Temper], *, pair: tuple[Path, Path] | None, implicit: bool) -> None:
        self.ledger = Ledger()
        self.ports: list[int] = []
        paths = None if pair is None else [str(path) for path in pair]
        self._order = json.dumps([[astuple(one) for one in tempers], paths, implicit])

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.servers.chaos_smtp"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=_ROOT
        )
        self.ports = json.loads(self._ask(self._order))
        return self

    def __exit__(self, *error: object) -> None:
        try:
            rest, _ = self._process.communicate(timeout=processes.PATIENCE)
            self.ledger.update(rest)
        finally:
            processes.stop(self._process)

    def look(self) -> Ledger:
        """Return what the servers have taken until now."""
        self.ledger.update(self._ask(""))
        return self.ledger

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        return self._process.stdout.readline()


def _serve_apart() -> None:
    """Run servers as the first line of standard input says, until it ends; answer each other line with the ledger."""
    ledger = Ledger()
    threading.excepthook = lambda failure: ledger.problems.append(f"a server failed: {failure.exc_value!r}")
    tempers, pair, implicit = json.loads(sys.stdin.readline())
    context = None
    if pair is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(ChaosSmtp(ledger, Temper(*temper), tls=context, implicit=implicit))
            for temper in tempers
        ]
        _answer_line(json.dumps([server.port for server in servers]))
        for _ in sys.stdin:
            _answer_line(ledger.to_json())
    _answer_line(ledger.to_json())


def _answer_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _serve_apart()
