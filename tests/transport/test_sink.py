"""Sending to Postfix's smtp-sink: every message arrives whole, and what does not is told, also when the server dies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from confobjects.mail.diagnosis import DeliveryError
from confobjects.transport.mailer import Mailer
from tests.servers import mail_server
from tests.servers.packages import require
from tests.servers.processes import accepts, free_port, start, stop, wait_until
from tests.transport.sending import CLEAR, mails

Sink = Callable[..., AbstractContextManager[int]]


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    """Start smtp-sink with some options; the messages it takes are written to the test's directory."""
    program = Path(require("postfix")["postfix"]).with_name("smtp-sink")

    @contextmanager
    def running(*options: str) -> Iterator[int]:
        port, log = free_port(), tmp_path / "sink.log"
        dumped = ["-d", str(tmp_path / "mail.")]
        process = start([str(program), *_user(tmp_path), *dumped, *options, f"127.0.0.1:{port}", "64"], log)
        try:
            wait_until(lambda: accepts(port), process, log)
            yield port
        finally:
            stop(process)

    return running


def _user(directory: Path) -> list[str]:
    """As root smtp-sink wants to be told who to be."""
    return ["-u", "root"] if directory.stat().st_uid == 0 else []


def arrived(directory: Path) -> list[int]:
    """Return the numbers of the messages that the sink took."""
    texts = [path.read_text() for path in directory.glob("mail.*")]
    return sorted(
        int(found[1]) for text in texts if (found := re.search(r"^Subject: (\d+)\n\nhello\n$", text, re.MULTILINE))
    )


@pytest.mark.parametrize("connections", [1, 3])
def test_every_message_arrives_once_and_whole(sink: Sink, tmp_path: Path, connections: int) -> None:
    with sink() as port, Mailer(mail_server(port, **CLEAR)) as mailer:
        results = list(mailer.send_many(mails(150), connections=connections))
        assert [result.error for result in results] == [None] * 150
        assert arrived(tmp_path) == list(range(150))


@pytest.mark.parametrize(
    ("options", "code", "retryable"),
    [
        (("-f", "RCPT"), "recipient-refused", False),
        (("-r", "RCPT"), "recipient-temporary", True),
        (("-f", "."), "content-refused", False),
        (("-r", "."), "data-temporary", True),
        (("-r", "MAIL"), "mail-temporary", True),
    ],
)
def test_refusals_are_told_for_each_message(
    sink: Sink, tmp_path: Path, options: tuple[str, ...], code: str, retryable: bool
) -> None:
    with sink(*options) as port, Mailer(mail_server(port, **CLEAR)) as mailer:
        results = list(mailer.send_many(mails(5), connections=2))
    assert [result.retryable for result in results] == [retryable] * 5
    for result in results:
        assert isinstance(result.error, DeliveryError)
        assert result.error.diagnosis.code == code
    assert mailer.counters.failed == 5
    sent = [0, 1, 2, 3, 4] if options[1] == "." else []
    assert arrived(tmp_path) == sent, "a content is sent once, however it is judged"


@pytest.mark.parametrize("connections", [1, 3])
def test_a_server_that_dies_leaves_true_reports(sink: Sink, tmp_path: Path, connections: int) -> None:
    with sink("-M", "40") as port, Mailer(mail_server(port, **CLEAR)) as mailer:
        results = list(mailer.send_many(mails(100), connections=connections))
        assert {plan.port for plan in mailer.plans} == {port}
    delivered = {number for number, result in enumerate(results) if result.delivered}
    unknown = {number for number, result in enumerate(results) if result.unknown}
    there = arrived(tmp_path)
    assert len(there) == len(set(there)), "nothing was sent twice"
    assert delivered <= set(there) <= delivered | unknown
    assert 1 <= len(set(there)) < 100
    assert all(result.retryable or result.unknown for result in results if result.error)
