"""Faults in the middle of work: a disk that is full, a database that crashes or is restarted, a clock that jumps.

Whatever happens: what was accepted is there, the mail server gets no mail twice, and work goes on when the fault is over.
"""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

import confobjects
from confobjects.errors import LedgerError
from confobjects.service.ledger import Ledger, Mail, open_ledger
from confobjects.service.metrics_file import read_metrics
from confobjects.service.rules.states import LEASE, OPEN, State
from confobjects.service.runner import Runner
from confobjects.service.work import Work
from tests.cli.sessions import run
from tests.conftest import ROOT
from tests.servers.fake_smtp import USUAL, FakeSmtp, Session
from tests.servers.postgresql import PostgreSQL
from tests.service.conftest import Clock
from tests.service.places import make_place
from tests.service.processes import open_ledger_at
from tests.service.test_runner import SETTINGS, accept, runner_for, states
from tests.transport.sending import numbers

DAY = 86_400_000
MAIL = Mail(b"Subject: 7\r\n\r\n" + b"x" * 20_000 + b"\r\n", "me@example.com", ("ann@example.com",))


def accept_until_refused(ledger: Ledger) -> tuple[list[str], LedgerError]:
    """Accept mails until the ledger takes none; return the ids of those that it took, and the error."""
    taken: list[str] = []
    for _ in range(5000):
        try:
            taken.append(ledger.accept(MAIL, SETTINGS))
        except LedgerError as error:
            return taken, error
    raise AssertionError("the ledger took everything")


def ids_in(url: str) -> set[str]:
    with open_ledger(url, unsealed=True) as ledger:
        return {one.id for one in ledger.list(most=10_000)}


def usual_answer(verb: str) -> bytes:
    found = USUAL[verb]
    assert isinstance(found, bytes)
    return found


def answer(session: Session, verb: str) -> None:
    """Answer as a mail server usually does."""
    session.send(usual_answer(verb))
    if verb == "DATA":
        session.server._content(session)


# -- full --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    made = tmp_path / "disk"
    made.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(made)], capture_output=True, text=True, check=False
    )
    if mount.returncode:
        pytest.skip(f"cannot mount a small disk: {mount.stderr.strip()}")
    yield made
    subprocess.run(["umount", str(made)], check=True)


def test_a_full_disk_takes_nothing_loses_nothing_and_is_used_again_when_there_is_room(small_disk: Path) -> None:
    ballast, url = small_disk / "ballast", f"sqlite:{small_disk / 'ledger.db'}"
    with open_ledger(url, unsealed=True) as ledger:
        ballast.write_bytes(b"x" * 1_500_000)
        taken, error = accept_until_refused(ledger)
        assert taken
        assert error.exit_code == 25
        assert "Make room on the disk" in str(error)
        with pytest.raises(LedgerError):
            ledger.accept(MAIL, SETTINGS)
        assert {one.id for one in ledger.list(most=10_000)} == set(taken)
        ballast.unlink()
        taken.append(ledger.accept(MAIL, SETTINGS))
    assert ids_in(url) == set(taken)


def fill(ballast: Path) -> None:
    """Take all the room that is left on a disk."""
    with open(ballast, "wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def test_the_state_of_the_service_says_at_once_that_the_disk_is_full(small_disk: Path, tmp_path: Path) -> None:
    place, ballast = (
        make_place(tmp_path, sender="own", ledger=f"sqlite:{small_disk / 'ledger.db'}"),
        small_disk / "ballast",
    )
    with open_ledger_at(place) as ledger:
        Work(ledger, "one").renew_leases()  # a runner that was heard of just now
        assert run("mail-service", "status", "--url", place).status == 0
        with confobjects.mail_service(place, environment={}, unsealed=True) as service:
            assert "confobjects_mail_ledger_up 1" in read_metrics(service)
            fill(ballast)
            found = run("mail-service", "status", "--url", place)
            assert found.status == 25
            assert "room" in found.err
            assert read_metrics(service).splitlines()[-1] == "confobjects_mail_ledger_up 0"
        ballast.unlink()
        assert run("mail-service", "status", "--url", place).status == 0


def test_a_disk_that_fills_up_while_mail_is_delivered_sends_nothing_twice(small_disk: Path) -> None:
    ballast = small_disk / "ballast"

    def full(session: Session) -> None:
        fill(ballast)
        session.send(b"250 ok\r\n")

    with (
        open_ledger(f"sqlite:{small_disk / 'ledger.db'}", unsealed=True, patience=1) as ledger,
        FakeSmtp({".": [b"250 ok\r\n", full, b"250 ok\r\n"]}) as fake,
    ):
        ids = accept(ledger, 4)
        runner = runner_for(ledger, fake)
        errors = [error for _ in range(4) if (error := run_or_fail(runner))]
        assert ballast.exists()
        assert errors
        assert all("Make room on the disk" in one for one in errors)
        assert len(fake.messages) == 2  # nothing more is sent that cannot be written down
        ballast.unlink()
        for _ in range(5):
            runner.run_once()
        assert sorted(numbers(fake)) == [0, 1, 2, 3]
        assert states(ledger, ids) == [State.DELIVERED] * 4


def run_or_fail(runner: Runner) -> str:
    """Let a runner work once; return what is wrong with its ledger."""
    try:
        runner.run_once()
    except LedgerError as error:
        return str(error)
    return ""


LIMITED = """
import resource, signal, sys
from confobjects.service.ledger import open_ledger
from tests.service.test_faults_at_work import MAIL, SETTINGS, accept_until_refused
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with open_ledger(sys.argv[1], unsealed=True) as ledger:
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
    taken, error = accept_until_refused(ledger)
    print(error.exit_code, error.diagnostics[0].remedy)
    print(*taken)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(ledger.accept(MAIL, SETTINGS))
"""


def test_a_limit_on_file_sizes_is_told_and_what_was_accepted_is_there(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'ledger.db'}"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, url], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.splitlines()
    assert done[0].startswith("25 ")
    assert "disk" in done[0]
    taken = {*done[1].split(), done[2]}
    assert len(taken) > 3
    assert ids_in(url) == taken
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


# -- locked, damaged ---------------------------------------------------------------------------------------------------


def test_a_ledger_that_is_locked_while_mail_is_delivered_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)

    def lock(session: Session) -> None:
        other.execute("BEGIN IMMEDIATE")
        session.send(b"250 ok\r\n")

    with (
        open_ledger(f"sqlite:{file}", unsealed=True, patience=0.1) as ledger,
        FakeSmtp({".": [lock, b"250 ok\r\n"]}) as fake,
    ):
        ids = accept(ledger, 3)
        runner = runner_for(ledger, fake)
        for _ in range(2):
            with pytest.raises(LedgerError, match="keeps the ledger locked"):
                runner.run_once()
        other.execute("ROLLBACK")
        for _ in range(2):
            runner.run_once()
        assert sorted(numbers(fake)) == [0, 1, 2]
        assert states(ledger, ids) == [State.DELIVERED] * 3
    other.close()


def test_a_ledger_that_is_damaged_while_it_is_in_use_is_told_and_its_backup_is_used(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    with open_ledger(f"sqlite:{file}", unsealed=True) as ledger:
        ids = accept(ledger, 3)
    backup = file.read_bytes()
    with open_ledger(f"sqlite:{file}", unsealed=True) as ledger, FakeSmtp() as fake:
        runner = runner_for(ledger, fake)
        with open(file, "r+b") as damaged:
            damaged.write(b"\xff" * len(backup))
        with pytest.raises(LedgerError, match="backup"):
            runner.run_once()
        with pytest.raises(LedgerError, match="backup"):
            ledger.accept(MAIL, SETTINGS)
        for one in tmp_path.glob("ledger.db*"):
            one.unlink()
        file.write_bytes(backup)
        runner.run_once()
        assert sorted(numbers(fake)) == [0, 1, 2]
        assert states(ledger, ids) == [State.DELIVERED] * 3


# -- PostgreSQL --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def durable() -> Iterator[PostgreSQL]:
    """A server that waits for the disk, and that is restarted and crashed."""
    with PostgreSQL(durable=True) as started:
        yield started


def test_a_database_that_crashes_has_everything_that_was_accepted(durable: PostgreSQL) -> None:
    url = durable.make_database()
    taken: list[str] = []
    began, opened = threading.Event(), threading.Barrier(3)

    def work() -> LedgerError:
        with open_ledger(url, unsealed=True, patience=5) as ledger:
            opened.wait(60)
            while True:
                try:
                    taken.append(ledger.accept(MAIL, SETTINGS))
                except LedgerError as error:
                    return error
                if len(taken) >= 20:  # others add to it as well: none of them may see just 20
                    began.set()

    with ThreadPoolExecutor(3) as pool:
        callers = [pool.submit(work) for _ in range(3)]
        try:
            assert began.wait(60)
        finally:
            durable.crash()  # which also ends the callers
        assert [one.result(60).exit_code for one in callers] == [25, 25, 25]
    durable.start()
    assert ids_in(url) >= set(taken)


def test_a_server_that_takes_nothing_any_more_is_found_at_once(durable: PostgreSQL, tmp_path: Path) -> None:
    database = durable.make_database()
    place = make_place(tmp_path, sender="own", ledger=database)
    with open_ledger_at(place) as ledger:
        Work(ledger, "one").renew_leases()
    assert run("mail-service", "status", "--url", place).status == 0
    durable.execute(f"ALTER DATABASE {database.rpartition('/')[2]} SET default_transaction_read_only = on")
    found = run("mail-service", "status", "--url", place)
    assert (found.status, "one that only follows another" in found.err) == (25, True)
    assert run("mail-service", "status", "--url", place, "--dry-run").status == 0


@pytest.mark.parametrize("verb", ["MAIL", "DATA", "."])
@pytest.mark.parametrize("crashes", [False, True], ids=["restarted", "crashed"])
def test_a_database_that_goes_in_the_middle_of_a_delivery_loses_and_doubles_nothing(
    durable: PostgreSQL, verb: str, crashes: bool
) -> None:
    reached, is_back = threading.Event(), threading.Event()

    def wait(session: Session) -> None:
        reached.set()
        assert is_back.wait(60)
        answer(session, verb)

    def deliver(runner_ledger: Ledger, fake: FakeSmtp) -> None:
        runner = runner_for(runner_ledger, fake)
        while any(runner_ledger.count_states()[state] for state in OPEN):
            runner.run_once()

    with (
        open_ledger(durable.make_database(), unsealed=True, patience=20) as ledger,
        FakeSmtp({verb: [wait, usual_answer(verb)]}) as fake,
    ):
        ids = accept(ledger, 3)
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(deliver, ledger, fake)
            assert reached.wait(60)
            (durable.crash if crashes else durable.stop)()
            durable.start()
            is_back.set()
            work.result(60)
        assert sorted(numbers(fake)) == [0, 1, 2]
        assert states(ledger, ids) == [State.DELIVERED] * 3


# -- clocks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("jump", [-400 * DAY, -DAY, -LEASE, LEASE, DAY], ids=str)
def test_a_clock_that_jumps_in_the_middle_of_a_delivery_doubles_and_loses_nothing(
    ledger: Ledger, open_it: Callable[[], Ledger], clock: Clock, verb: str, jump: int
) -> None:
    other, fakes = open_it(), list[FakeSmtp]()

    def turn(session: Session) -> None:
        clock.now += jump
        with FakeSmtp() as second:
            fakes.append(second)
            runner_for(other, second).run_once()  # another one takes what seems to be nobody's
        answer(session, verb)

    with FakeSmtp({verb: [turn, usual_answer(verb)]}) as first:
        [message] = accept(ledger)
        runner = runner_for(ledger, first)
        for _ in range(3):
            runner.run_once()
            clock.now += 3 * LEASE
        got = [number for fake in (first, *fakes) for number in numbers(fake)]
        assert got == [0]
        assert ledger.find(message).state is State.DELIVERED


@pytest.mark.parametrize("jump", [-400 * DAY, -DAY, DAY, 400 * DAY], ids=str)
def test_a_clock_that_jumps_between_attempts_holds_no_mail_back(ledger: Ledger, clock: Clock, jump: int) -> None:
    with FakeSmtp({"MAIL": [b"451 4.7.0 later\r\n", b"250 ok\r\n"]}) as fake:
        [message] = accept(ledger)
        runner = runner_for(ledger, fake, expire=1000 * DAY)
        runner.run_once()
        assert ledger.find(message).state is State.QUEUED
        clock.now += jump
        for _ in range(3):
            runner.run_once()
            clock.now += 60_000
        assert numbers(fake) == [0]
        assert ledger.find(message).state is State.DELIVERED
