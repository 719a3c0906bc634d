"""The mail service: mails of 1 KB accepted from eight callers and delivered to smtp-sink, compared with Postfix.

Both keep each mail on the same disk before they accept it. Postfix relays to the same smtp-sink; its time ends when its
queue is empty. They run in turns. Ratios are medians of the ratios per round.
"""

from __future__ import annotations

import glob
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.harness import Report, Target
from benchmarks.mail_server import sink, tool
from confobjects.service.ledger import Ledger, Mail, open_ledger
from confobjects.service.rules.settings import Settings
from confobjects.service.rules.states import OPEN
from confobjects.service.runner import Runner, Setting
from confobjects.service.senders import MailerSender
from confobjects.service.tables import STANDINGS
from confobjects.transport.mailer import Mailer
from tests.servers import mail_server
from tests.servers.certificates import Authority
from tests.servers.fake_smtp import FakeSmtp, Session
from tests.servers.postfix import Postfix
from tests.servers.postgresql import PostgreSQL

ROUNDS: Final = int(os.environ.get("SERVICE_ROUNDS", "3"))
MAILS: Final = int(os.environ.get("SERVICE_MAILS", "10000"))
CALLERS: Final = 8
RUNNERS: Final = 4
SLOW_MAILS: Final = 1_000
SLOW: Final = 0.003
ADDRESSES: Final = 1_000_000
CHECKS: Final = 500

SETTINGS: Final = Settings(sender="one")
CONTENT: Final = b"Subject: benchmark\r\n\r\n" + (b"x" * 70 + b"\r\n") * 14
TO: Final = ("ann@example.com",)


def measure() -> Report:
    """Measure everything."""
    report = Report("service", f"The mail service: {MAILS} mails of 1 KB from {CALLERS} callers to smtp-sink")
    with tempfile.TemporaryDirectory(dir=os.environ.get("SERVICE_DISK", "/var/tmp")) as place:
        _compare(report, Path(place))
        _look_up(report, Path(place))
    _share(report)
    return report


# -- compared with Postfix ---------------------------------------------------------------------------------------------


def _compare(report: Report, place: Path) -> None:
    rounds: list[dict[str, float]] = []
    with sink() as port, _relay(place, port) as (listener, is_empty):
        for number in range(ROUNDS):
            found = _time_postfix(listener, is_empty)
            rounds.append(found | _time_service(place / f"ledger{number}.db", port))
    report.figures["rounds"] = rounds
    for name in rounds[0]:
        report.lines.append(f"{name:<34}{statistics.median(one[name] for one in rounds):>10.0f}")
    accepted = statistics.median(one["Postfix accepts, a second"] / one["accepted, a second"] for one in rounds)
    delivered = statistics.median(one["Postfix delivers, a second"] / one["delivered, a second"] for one in rounds)
    report.targets.append(Target("Postfix's acceptance, divided by ours", 0.5, accepted, "x"))
    report.targets.append(Target("Postfix's whole way, divided by ours", 1.0, delivered, "x"))
    growth = statistics.median(one["memory of delivery, KiB more"] for one in rounds) / 1024
    report.targets.append(Target("memory that a delivery of all adds", 16.0, growth, "MiB"))


@contextmanager
def _relay(place: Path, port: int) -> Iterator[tuple[int, Callable[[], bool]]]:
    """Run a Postfix that relays everything to a port; yield its own port, and what tells whether its queue is empty."""
    root = place / "postfix"
    root.mkdir()
    place.chmod(0o755)
    with Postfix(root, Authority().issue("localhost")) as postfix:
        changes = ["mynetworks=127.0.0.0/8", f"default_transport=smtp:[127.0.0.1]:{port}"]
        changes += ["smtpd_relay_restrictions=permit_mynetworks,reject", "smtpd_recipient_restrictions="]
        subprocess.run(["postconf", "-c", str(postfix.etc), "-e", *changes], check=True)
        subprocess.run(["postfix", "-c", str(postfix.etc), "reload"], check=True, capture_output=True)
        queues = [str(root / "spool" / name / "**") for name in ("maildrop", "incoming", "active", "deferred")]

        def is_empty() -> bool:
            return not any(os.path.isfile(one) for queue in queues for one in glob.glob(queue, recursive=True))

        yield postfix.ports["plain"], is_empty


def _time_postfix(port: int, is_empty: Callable[[], bool]) -> dict[str, float]:
    words = [tool("smtp-source"), "-s", str(CALLERS), "-m", str(MAILS), "-l", "1024", "-t", TO[0], f"127.0.0.1:{port}"]
    began = time.monotonic()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    accepted = time.monotonic()
    while not is_empty():
        time.sleep(0.01)
    ended = time.monotonic()
    return {
        "Postfix accepts, a second": MAILS / (accepted - began),
        "Postfix delivers, a second": MAILS / (ended - began),
    }


def _time_service(file: Path, port: int) -> dict[str, float]:
    """Accept from several callers while runners deliver: as Postfix does."""
    with open_ledger(f"sqlite:{file}", unsealed=True) as ledger:
        began = time.monotonic()
        _accept_all(ledger)
        alone = MAILS / (time.monotonic() - began)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        _deliver_all(ledger, port)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        with _runners(ledger, port):
            began = time.monotonic()
            _accept_all(ledger)
            _wait_until_done(ledger)
            both = MAILS / (time.monotonic() - began)
    return {"accepted, a second": alone, "delivered, a second": both, "memory of delivery, KiB more": float(grown)}


def _accept_all(ledger: Ledger) -> None:
    def call() -> None:
        for _ in range(MAILS // CALLERS):
            ledger.accept(Mail(CONTENT, "me@example.com", TO), SETTINGS)

    _run_threads([call] * CALLERS)


def _run_threads(works: list[Callable[[], Any]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _deliver_all(ledger: Ledger, port: int) -> None:
    with _runners(ledger, port):
        _wait_until_done(ledger)


@contextmanager
def _runners(ledger: Ledger, port: int, number: int = RUNNERS) -> Iterator[None]:
    """Let runners send to a port, each over a connection of its own."""
    with ExitStack() as stack:
        runners = []
        for _ in range(number):
            mailer = stack.enter_context(Mailer(mail_server(port, host="127.0.0.1", use_start_tls=False)))
            setting = Setting(SETTINGS, {"one": MailerSender(mailer)})
            runners.append(Runner(ledger, lambda setting=setting: setting))  # type: ignore[misc]
        threads = [threading.Thread(target=one.run) for one in runners]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for runner in runners:
                runner.stop()
            for thread in threads:
                thread.join()


def _wait_until_done(ledger: Ledger) -> None:
    while True:
        states = ledger.count_states()
        if not any(states[one] for one in OPEN):
            return
        time.sleep(0.02)


# -- quotas ------------------------------------------------------------------------------------------------------------


def _look_up(report: Report, place: Path) -> None:
    """Time the look-up of one address among very many."""
    with open_ledger(f"sqlite:{place / 'quotas.db'}", unsealed=True) as ledger:
        standings = ledger.standings
        facts = {"address": b"", "uses": "1", "refusals": 0, "suppressed": 0, "changed": 1}
        for first in range(0, ADDRESSES, 10_000):
            rows = [
                {"digest": standings.digest(f"u{number}@example.com"), **facts}
                for number in range(first, first + 10_000)
            ]
            ledger.perform(lambda connection, rows=rows: connection.execute(STANDINGS.insert(), rows) and None)  # type: ignore[misc]
        times = []
        with ledger.database.read() as connection:
            for number in range(CHECKS):
                address = f"u{number * (ADDRESSES // CHECKS)}@example.com"
                began = time.perf_counter()
                standings.read(connection, (address,))
                times.append((time.perf_counter() - began) * 1000)
    report.lines.append(f"{'quota check, ms':<34}{statistics.median(times):>10.3f}")
    report.targets.append(Target(f"a quota check among {ADDRESSES} recipients", 1.0, statistics.median(times), "ms"))


# -- several runners ---------------------------------------------------------------------------------------------------


def _share(report: Report) -> None:
    """Time one runner process and two, on PostgreSQL, against a server that takes 3 ms a mail."""
    ratios = []
    with PostgreSQL(durable=True) as server, _start("server") as receiver:
        port = _hear(receiver)
        for _ in range(ROUNDS):
            spans = [_time_processes(server.make_database(), port, number) for number in (1, 2)]
            ratios.append(spans[1] / spans[0])
    report.lines.append(f"{'time of two runners, of one':<34}{statistics.median(ratios):>10.2f}")
    name = "the time of two runners, divided by that of one"
    report.targets.append(Target(name, 1 / 1.5, statistics.median(ratios), "x"))


def _time_processes(url: str, port: str, number: int) -> float:
    with open_ledger(url, unsealed=True) as ledger, ExitStack() as stack:
        for _ in range(SLOW_MAILS):
            ledger.accept(Mail(CONTENT, "me@example.com", TO), SETTINGS)
        programs = [stack.enter_context(_start("runner", url, port)) for _ in range(number)]
        for one in programs:
            _hear(one)
        began = time.monotonic()
        for one in programs:
            _tell(one)
        _wait_until_done(ledger)
        return time.monotonic() - began


@contextmanager
def _start(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a part of this benchmark as a program of its own."""
    command = [sys.executable, "-m", "benchmarks.service", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        try:
            yield program
        finally:
            program.terminate()


def _hear(program: subprocess.Popen[str]) -> str:
    assert program.stdout is not None
    return program.stdout.readline().strip()


def _tell(program: subprocess.Popen[str]) -> None:
    assert program.stdin is not None
    program.stdin.write("\n")
    program.stdin.flush()


def _be_runner(url: str, port: str) -> None:
    """Run one runner until the process ends, from when it is told to."""
    with open_ledger(url, unsealed=True) as ledger:
        ledger.count_states()
        print("ready", flush=True)
        sys.stdin.readline()
        with _runners(ledger, int(port), 1):
            threading.Event().wait()


def _be_server() -> None:
    """Run a mail server that takes 3 ms a mail until the process ends."""

    def take_time(session: Session) -> None:
        time.sleep(SLOW)
        session.send(b"250 2.0.0 ok\r\n")

    with FakeSmtp({".": take_time}) as fake:
        print(fake.port, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    if sys.argv[1] == "server":
        _be_server()
    else:
        _be_runner(*sys.argv[2:])
