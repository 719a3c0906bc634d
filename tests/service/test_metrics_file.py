"""The file with the metrics of a service that runs: whole, as old as the last round, and gone at the end."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import confobjects
from confobjects.errors import UsageError
from confobjects.service.metrics_file import PERIOD, MetricsFile
from confobjects.service.serving import MailService
from tests.servers.fake_smtp import FakeSmtp
from tests.service.places import make_place
from tests.service.test_serving import is_delivered, send, wait_until
from tests.service.test_status import read_metrics


class Rounds:
    """Waits that end when the test says so."""

    def __init__(self) -> None:
        self._next = threading.Semaphore(0)
        self._waits = threading.Semaphore(0)
        self._is_over = False

    def wait(self, over: threading.Event, seconds: float) -> bool:
        assert seconds == PERIOD
        self._waits.release()
        self._next.acquire()
        return over.is_set()

    def go_on(self) -> None:
        """Let it write once more, and wait for that."""
        self._waits.acquire()
        self._next.release()
        self._waits.acquire()
        self._waits.release()

    def end(self) -> None:
        self._next.release()


@pytest.fixture
def rounds() -> Rounds:
    return Rounds()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "collected").mkdir()
    return tmp_path / "collected" / "mail.prom"


@pytest.fixture
def serve(tmp_path: Path, path: Path, rounds: Rounds) -> Iterator[Callable[[], MailService]]:
    """What starts a service that writes the file."""
    opened: list[MailService] = []
    with FakeSmtp() as fake:
        url = make_place(tmp_path, fake.port, sender="news")

        def start() -> MailService:
            configuration = confobjects.load(url)
            written = MetricsFile(str(path), wait=rounds.wait)
            service = MailService(lambda: configuration, environment={}, unsealed=True, runners=1, beside=[written])
            service.__enter__()
            opened.append(service)
            service.start()
            return service

        yield start
        rounds.end()
        for service in opened:
            service.close()


def read(path: Path) -> dict[tuple[str, ...], float]:
    return {(name, *labels.values()): value for name, labels, value in read_metrics(path.read_text())}


def test_the_file_is_there_at_once_and_follows(serve: Callable[[], MailService], path: Path, rounds: Rounds) -> None:
    service = serve()
    assert read(path)["confobjects_mail_accepted_total",] == 0
    assert stat.S_IMODE(path.stat().st_mode) & 0o600 == 0o600
    made = send(service)
    wait_until(lambda: is_delivered(service, made))
    rounds.go_on()
    found = read(path)
    assert found["confobjects_mail_ledger_up",] == 1
    assert found["confobjects_mail_accepted_total",] == 1
    assert found["confobjects_mail_ended_total", "delivered"] == 1
    assert os.listdir(path.parent) == [path.name]
    rounds.end()
    service.close()
    assert os.listdir(path.parent) == []


def test_a_ledger_that_cannot_be_used_is_all_that_is_told(
    serve: Callable[[], MailService], path: Path, rounds: Rounds
) -> None:
    service = serve()
    ledger = Path(service.ledger.database.name.removeprefix("sqlite:"))
    ledger.rename(ledger.with_suffix(".away"))
    rounds.go_on()
    assert read(path) == {("confobjects_mail_ledger_up",): 0}
    ledger.with_suffix(".away").rename(ledger)
    rounds.go_on()
    assert read(path)["confobjects_mail_ledger_up",] == 1


def test_a_file_that_cannot_be_written_any_more_is_told_once_and_stops_nothing(
    serve: Callable[[], MailService], path: Path, rounds: Rounds, caplog: pytest.LogCaptureFixture
) -> None:
    service = serve()
    path.unlink()
    path.parent.rmdir()
    for _ in range(2):
        rounds.go_on()
    told = [one for one in caplog.records if "metrics-not-written" in one.getMessage()]
    assert len(told) == 1
    made = send(service)
    wait_until(lambda: is_delivered(service, made))
    path.parent.mkdir()
    rounds.go_on()
    assert path.is_file()


@pytest.mark.parametrize("kind", ["directory", "link", "pipe", "missing"])
def test_what_is_no_place_for_it_is_refused_at_the_start(
    serve: Callable[[], MailService], path: Path, kind: str, rounds: Rounds
) -> None:
    if kind == "directory":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("/dev/null")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.parent.rmdir()
    with pytest.raises(UsageError, match="the file for metrics cannot be written"):
        serve()
    assert kind == "missing" or os.path.lexists(path)


def test_what_a_killed_process_of_the_same_number_left_is_no_obstacle(
    serve: Callable[[], MailService], path: Path
) -> None:
    (path.parent / f".{path.name}.{os.getpid()}").write_text("half")
    serve()
    assert os.listdir(path.parent) == [path.name]
