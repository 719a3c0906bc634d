"""Runners are killed at random moments: no accepted mail is lost, none is sent twice, what nobody knows is told."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from confobjects.service.ledger import Ledger, Mail, open_ledger
from confobjects.service.rules.states import LEASE, OPEN, State
from confobjects.service.runner import Runner, Setting
from confobjects.service.senders import MailerSender
from confobjects.transport.mailer import Mailer
from tests.conftest import ROOT
from tests.effort import times
from tests.servers import mail_server
from tests.servers.fake_smtp import FakeSmtp
from tests.service.conftest import START
from tests.service.killed import FORM, SETTINGS, open_clock
from tests.transport.sending import CLEAR, numbers

KILLS: Final = {"sqlite": 20, "postgresql": 6}
"""How often ``make test`` kills a runner; ``make endurance EFFORT=50`` does it 1,000 and 300 times."""

PATIENCE: Final = 60.0


class Nursery:
    """Runners in processes of their own, of which two are alive."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        self._program = program
        self._alive = [self._start(), self._start()]

    def _start(self) -> int:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write("\n")
        self._program.stdin.flush()
        return int(self._program.stdout.readline())

    def kill_one(self, which: int) -> None:
        """Kill a runner, and start another in its place."""
        os.kill(self._alive[which], signal.SIGKILL)
        self._alive[which] = self._start()


@contextmanager
def open_nursery(url: str, port: int, clock: Path) -> Iterator[Nursery]:
    command = [sys.executable, "-m", "tests.service.killed", url, str(port), str(clock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as program:
        try:
            yield Nursery(program)
        finally:
            assert program.stdin is not None
            program.stdin.close()
            program.wait(PATIENCE)


def has_work(ledger: Ledger) -> bool:
    """Tell whether a mail has not come to its end."""
    states = ledger.count_states()
    return any(states[one] for one in OPEN)


def wait_for_commands(fake: FakeSmtp, number: int, ledger: Ledger, let_leases_end: Callable[[], None]) -> None:
    """Wait until the server has heard so many commands, or nothing is left to do.

    Killed runners may have all the work until their leases end.
    """
    end, looks, heard = time.monotonic() + PATIENCE, 0, 0
    while len(fake.commands) < number:
        assert time.monotonic() < end, f"the runners stand still after {len(fake.commands)} commands"
        looks, heard = (looks + 1, heard) if len(fake.commands) == heard else (0, len(fake.commands))
        if looks % 300 == 299:
            if not has_work(ledger):
                return
            let_leases_end()
        threading.Event().wait(0.001)


def finish(ledger: Ledger, fake: FakeSmtp, clock: Path) -> None:
    """Let one runner in peace do what is left."""
    read, put = open_clock(str(clock))
    setting = Setting(SETTINGS, {"one": MailerSender(Mailer(mail_server(fake.port, **CLEAR)))})
    for _ in range(1000):
        if not has_work(ledger):
            return
        put(read() + LEASE)
        while not Runner(ledger, lambda: setting).run_once():
            pass
    raise AssertionError(ledger.count_states())


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_killed_runner_loses_nothing_and_sends_nothing_twice(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = f"sqlite:{tmp_path / 'ledger.db'}"
    if kind == "postgresql":
        url = request.getfixturevalue("postgresql").make_database()
    clock = tmp_path / "clock"
    clock.write_bytes(FORM.pack(START))
    read, put = open_clock(str(clock))
    chance, ids = random.Random(kind), list[str]()
    with FakeSmtp() as fake, open_ledger(url, unsealed=True, clock=read) as ledger:
        with open_nursery(url, fake.port, clock) as nursery:
            for _ in range(times(KILLS[kind])):
                for _ in range(8):
                    content = b"Subject: %d\r\n\r\nhello\r\n" % len(ids)
                    ids.append(ledger.accept(Mail(content, "me@example.com", ("ann@example.com",)), SETTINGS))
                wanted = len(fake.commands) + chance.randrange(1, 24)
                wait_for_commands(fake, wanted, ledger, lambda: put(read() + LEASE))
                threading.Event().wait(chance.random() / 200)  # the moment is to be anywhere between two commands
                nursery.kill_one(chance.randrange(2))
                put(read() + chance.choice([0, 0, LEASE, 2 * LEASE, -LEASE]))
        finish(ledger, fake, clock)
        received = Counter(numbers(fake))
        entries = {one: ledger.find(one) for one in ids}
    assert not [number for number, count in received.items() if count > 1]
    for number, message in enumerate(ids):
        state = entries[message].state
        assert state in (State.DELIVERED, State.UNKNOWN), (message, state)
        assert received[number] == 1 or state is State.UNKNOWN, (message, state)
    assert sum(one.state is State.UNKNOWN for one in entries.values()) < len(ids) / 2
