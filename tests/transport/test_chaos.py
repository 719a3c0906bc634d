"""Chaos: servers that fail at random, and every way of sending at once. Each message is told as it went.

Laws, compared with what the servers really took: a message told as delivered was taken once, by the recipients that the
report names; one told as failed was not taken; one of unknown fate was taken at most once, as was one whose result nobody
waited for. Nothing else than a mail error is raised. Afterwards no file, no thread and no place of a pool is missing.

The mail servers are fixed, or change at random at any moment, as those of a live configuration. They run in a process of
their own: the process that forks has no other threads than those that send.

The seeds are the numbers of the rounds; threads make each run a little different. ``make endurance`` makes more rounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError
from confobjects.syntaxes.text import NameValue
from confobjects.transport.fleet import FollowedServers
from confobjects.transport.mailer import Mailer, Outgoing
from confobjects.transport.outgoing import SendResult
from tests.servers import Given, mail_server
from tests.servers.certificates import Certificate
from tests.servers.chaos_smtp import ChaosServers, Temper, make_body, make_recipients
from tests.servers.fake_smtp import EHLO
from tests.transport.sending import LOGIN, fork, parts, wait_for

ROUNDS: Final = int(os.environ.get("CHAOS_ROUNDS", "2"))
FIRST: Final = int(os.environ.get("CHAOS_FIRST", "0"))
SECURITIES: Final = ("clear", "implicit", "starttls")
EXTENSIONS: Final = (
    EHLO,
    EHLO.replace(b"PIPELINING", b"CHUNKING"),
    EHLO.replace(b"PIPELINING", b"PIPELINING\r\n250-CHUNKING"),
    EHLO.replace(b"PIPELINING\r\n250-", b""),
)
DELIVERED, FAILED, UNKNOWN = "delivered", "failed", "unknown"

Fate = tuple[str, tuple[str, ...]]
"""What a message was told to have come to, and the recipients that were told to have it."""


def fate_of(report: Any, error: MailError | None) -> Fate:
    """Return the fate that a report or an error tells."""
    if report is not None:
        return DELIVERED, report.delivered
    assert isinstance(error, MailError)
    return (UNKNOWN if isinstance(error, DeliveryError) and error.unknown else FAILED), ()


class Sender:
    """Sends numbered messages in every way, and keeps what it is told."""

    def __init__(self, mailer: Mailer, dice: random.Random, numbers: Iterator[int]) -> None:
        self.mailer = mailer
        self.dice = dice
        self.numbers = numbers
        self.told: dict[int, Fate] = {}
        self.sent: set[int] = set()

    def make(self, messages: int) -> list[Outgoing]:
        """Return new messages: most are small, some have two recipients, some are large."""
        made = []
        for _ in range(messages):
            number = next(self.numbers)
            self.sent.add(number)
            lines = self.dice.choice([1, 1, 1, 1, 1, 20, 5000])
            recipients = make_recipients(number, self.dice.choice([1, 1, 1, 2]))
            made.append(Outgoing(make_body(number, lines), "me@example.com", recipients))
        return made

    def note(self, outgoing: Outgoing, fate: Fate) -> None:
        number = int(next(iter(outgoing.to or ()))[1:].partition(".")[0])
        assert number not in self.told, "each is told once"
        self.told[number] = fate

    def note_result(self, result: SendResult) -> None:
        self.note(result.outgoing, fate_of(result.report, result.error))

    def send_singly(self, messages: int) -> None:
        for outgoing in self.make(messages):
            try:
                self.note(outgoing, fate_of(self.mailer.send(*parts(outgoing)), None))
            except MailError as error:
                self.note(outgoing, fate_of(None, error))

    def send_many(self, messages: int) -> None:
        made = self.make(messages)
        results = self.mailer.send_many(made, connections=self.dice.choice([1, 2, 3]))
        noted = 0
        for result in results:
            self.note_result(result)
            noted += 1
        assert noted == len(made), "each has its result"

    def send_many_and_leave(self, messages: int) -> None:
        results = self.mailer.send_many(self.make(messages))
        self.note_result(next(results))
        results.close()

    def send_side_by_side(self, messages: int) -> None:
        async def send_one(outgoing: Outgoing) -> None:
            try:
                self.note(outgoing, fate_of(await self.mailer.asend(*parts(outgoing)), None))
            except MailError as error:
                self.note(outgoing, fate_of(None, error))

        async def send_all() -> None:
            await asyncio.gather(*(send_one(outgoing) for outgoing in self.make(messages)))

        asyncio.run(send_all())

    def send_and_cancel(self, messages: int) -> None:
        async def note_all() -> None:
            async for result in self.mailer.asend_many(self.make(messages), connections=self.dice.choice([1, 2])):
                self.note_result(result)

        async def cancel_at_some_time() -> None:
            task = asyncio.create_task(note_all())
            await asyncio.wait({task}, timeout=self.dice.random() * 0.1)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

        async def run_out_of_time() -> None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.dice.random() * 0.1):
                    await note_all()

        asyncio.run(self.dice.choice([cancel_at_some_time, run_out_of_time])())


class Restless:
    """Mail servers that change at random whenever a mailer asks for them: their order, their limits, whether they are there."""

    def __init__(self, servers: list[Given], dice: random.Random) -> None:
        self.dice = dice
        self.servers = [replace(server, name=f"server {number}") for number, server in enumerate(servers)]
        self.state = State(self.servers)

    def read(self) -> State:
        if self.dice.random() < 0.03:
            chosen = self.dice.sample(self.servers, self.dice.choice([0, *([len(self.servers)] * 9)]))
            self.state = State([self.change(one) for one in chosen])
        return self.state

    def change(self, server: Given) -> Given:
        most = NameValue("confobjects.pool.max-connections", str(self.dice.choice([1, 2, 4])))
        others = [one for one in server["smtp-property"] if one.name != most.name]
        return replace(server, values={**server.values, "smtp-property": (*others, most)})


class State(NamedTuple):
    """The mail servers of one moment."""

    servers: list[Given]

    def of(self, kind: str) -> list[Given]:
        assert kind == "mail-server"
        return self.servers


class Round:
    """One round: its servers, its mailer, and what became of its messages."""

    def __init__(
        self, seed: int, security: str, trusting: Given, pair: tuple[Path, Path], *, is_restless: bool
    ) -> None:
        self.dice = random.Random(f"{seed} {security}")
        self.is_restless = is_restless
        self.security = security
        self.trusting = trusting
        tempers = [self.make_temper() for _ in range(self.dice.choice([1, 2]))]
        tls = None if security == "clear" else pair
        self.servers = ChaosServers(tempers, pair=tls, implicit=security == "implicit")
        self.numbers = count()
        self.told: dict[int, Fate] = {}
        self.faults: list[BaseException] = []

    def run(self) -> None:
        """Let the servers and the senders loose, then compare."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.servers)
            settings = (
                f"confobjects.pool.max-connections={self.dice.choice([1, 2, 4])}",
                f"confobjects.pool.messages-per-connection={self.dice.choice([3, 10, 100])}",
                f"mail.smtp.sendpartial={self.dice.choice(['true', 'false'])}",
                "mail.smtp.timeout=300",
                "mail.smtp.writetimeout=300",
            )
            given = [self.reach(one, *settings) for one in self.servers.ports]
            restless = Restless(given, random.Random(self.dice.random()))
            mailer = stack.enter_context(Mailer(FollowedServers(restless.read) if self.is_restless else given))
            self.send(mailer)
            for pool in mailer._pools.pools if mailer._pools else ():
                assert not pool._lent, "every connection has been given back"
                assert pool._count == len(pool._idle) + len(pool._outdated) <= 4
        assert self.faults == []
        assert self.servers.ledger.problems == []

    def make_temper(self) -> Temper:
        seed, rate = self.dice.randrange(1 << 30), self.dice.choice([0.02, 0.05, 0.15])
        return Temper(seed, rate, self.dice.choice(EXTENSIONS).decode())

    def reach(self, port: int, *settings: str) -> Given:
        if self.security == "clear":
            return mail_server(port, *settings, use_start_tls=False)
        return mail_server(port, *settings, use_ssl=self.security == "implicit", trust=self.trusting, **LOGIN)

    def send(self, mailer: Mailer) -> None:
        """Send in four threads, and in children that are forked meanwhile."""
        senders = [Sender(mailer, random.Random(self.dice.random()), self.numbers) for _ in range(4)]
        ways: list[list[Callable[[], None]]] = [
            [lambda: senders[0].send_singly(15)],
            [lambda: senders[1].send_many(25), lambda: senders[1].send_many_and_leave(5)],
            [lambda: senders[2].send_side_by_side(10)],
            [lambda: senders[3].send_and_cancel(20), lambda: senders[3].send_and_cancel(20)],
        ]
        threads = [threading.Thread(target=self.catch, args=(way,)) for way in ways]
        for thread in threads:
            thread.start()
        children = [self.fork_sender(mailer, 1000 * (number + 1)) for number in range(2)]
        for thread in threads:
            thread.join()
        told = [child() for child in children]
        self.servers.look()
        for fates in told:
            self.compare(fates, set())
        for sender in senders:
            self.compare(sender.told, sender.sent)
        self.compare_counters(mailer, senders)

    def catch(self, ways: list[Callable[[], None]]) -> None:
        try:
            for way in ways:
                way()
        except BaseException as error:  # noqa: BLE001 - the test tells it
            self.faults.append(error)

    def fork_sender(self, mailer: Mailer, first: int) -> Callable[[], dict[int, Fate]]:
        """Send from a child process. Return a function that waits for it, and returns what it was told."""
        reading, writing = os.pipe()
        dice = random.Random(self.dice.random())

        def send() -> None:
            os.close(reading)
            sender = Sender(mailer, dice, count(first))
            sender.send_singly(4)
            sender.send_many(6)
            mailer.close()
            with open(writing, "w") as pipe:
                json.dump(sender.told, pipe)

        child = fork(send)
        os.close(writing)

        def wait() -> dict[int, Fate]:
            with open(reading) as pipe:
                text = pipe.read()
            assert wait_for(child) == 0
            return {int(number): (fate, tuple(to)) for number, (fate, to) in json.loads(text).items()}

        return wait

    def compare(self, told: dict[int, Fate], sent: set[int]) -> None:
        """Compare what was told of messages with what the servers took."""
        for number in sent | told.keys():
            fate, recipients = told.get(number, (UNKNOWN, ()))
            taken = self.servers.ledger.taken.get(number, [])
            if fate == DELIVERED:
                assert taken == [recipients], number
            else:
                assert len(taken) <= (fate == UNKNOWN), (number, fate)

    def compare_counters(self, mailer: Mailer, senders: list[Sender]) -> None:
        """Compare the counters, which have also what nobody waited for, with what the servers took."""
        sent = {number for sender in senders for number in sender.sent}
        taken = len(self.servers.ledger.taken.keys() & sent)
        fates = [fate for sender in senders for fate, _ in sender.told.values()]
        counters = mailer.counters
        assert counters.delivered <= taken <= counters.delivered + counters.unknown
        assert counters.delivered >= fates.count(DELIVERED)
        assert counters.failed >= fates.count(FAILED) + fates.count(UNKNOWN)
        assert counters.unknown >= fates.count(UNKNOWN)
        assert counters.delivered + counters.failed <= len(sent)


def count_files() -> int:
    """Return the number of open files of this process."""
    gc.collect()
    return len(os.listdir("/dev/fd"))


@pytest.fixture
def pair(certificates: dict[str, Certificate], tmp_path: Path) -> tuple[Path, Path]:
    """Return the paths of the servers' certificate and key."""
    return certificates["good"].write(tmp_path, "good")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot fork here")
@pytest.mark.parametrize("is_restless", [False, True], ids=["fixed", "restless"])
@pytest.mark.parametrize("security", SECURITIES)
@pytest.mark.parametrize("seed", range(FIRST, FIRST + ROUNDS))
def test_whatever_the_servers_do_each_message_is_told_as_it_went(
    seed: int, security: str, trusting: Given, pair: tuple[Path, Path], *, is_restless: bool
) -> None:
    files, threads = count_files(), threading.active_count()
    Round(seed, security, trusting, pair, is_restless=is_restless).run()
    assert count_files() == files
    assert threading.active_count() == threads
