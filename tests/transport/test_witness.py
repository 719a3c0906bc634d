"""A witness is asked before a server gets the end of a message, and hears at once when the server has accepted it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from confobjects.mail.diagnosis import DeliveryError
from confobjects.mail.report import DeliveryReport
from confobjects.transport.mailer import Mailer
from confobjects.transport.outgoing import Outgoing, SendResult
from tests.servers import Given, mail_server
from tests.servers.fake_smtp import EHLO, NO_PIPELINING, FakeSmtp, Session
from tests.transport.sending import CHUNKING, CLEAR

SMALL = b"Subject: hello\r\n\r\nhello\r\n"
LARGE = b"Subject: large\r\n\r\n" + b"a line of a large message\r\n" * 6000
EXTENSIONS = {"pipelining": EHLO, "in steps": NO_PIPELINING, "chunking": CHUNKING}


class Log:
    """What happened to some messages, in its order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []


class Note:
    """The witness of one message."""

    def __init__(self, log: Log, number: int, leave: Callable[[], bool] = lambda: True) -> None:
        self.log = log
        self.number = number
        self.leave = leave
        self.report: DeliveryReport | None = None

    def may_send(self) -> bool:
        self.log.events.append(("asked", self.number))
        return self.leave()

    def accept(self, make_report: Callable[[], DeliveryReport]) -> None:
        self.log.events.append(("accepted", self.number))
        self.report = make_report()


def outgoing(note: Note, message: bytes = SMALL) -> Outgoing:
    return Outgoing(message, "me@example.com", ("ann@example.com", "bob@example.com"), note)


def server(fake: FakeSmtp) -> Given:
    return mail_server(fake.port, "mail.smtp.chunksize=100000", **CLEAR)


def send_all(given: Given, messages: Sequence[Outgoing], connections: int = 1) -> list[SendResult]:
    return list(Mailer(given).send_many(messages, connections=connections))


@pytest.mark.parametrize("message", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("extensions", EXTENSIONS.values(), ids=EXTENSIONS)
def test_a_witness_is_asked_while_the_server_has_no_end_and_hears_before_the_next_is_asked(
    extensions: bytes, message: bytes
) -> None:
    log = Log()
    with FakeSmtp({"EHLO": extensions}) as fake:
        seen: list[int] = []

        def look() -> bool:
            seen.append(len(fake.messages))
            return True

        notes = [Note(log, number, look) for number in range(4)]
        results = send_all(server(fake), [outgoing(one, message) for one in notes])
    assert [one.error for one in results] == [None] * 4
    assert log.events == [(what, number) for number in range(4) for what in ("asked", "accepted")]
    if "CHUNKING" not in extensions.decode():  # the fake counts no messages there
        assert seen == [0, 1, 2, 3]
    assert all(one.report and one.report.delivered == ("ann@example.com", "bob@example.com") for one in notes)


@pytest.mark.parametrize("message", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("extensions", EXTENSIONS.values(), ids=EXTENSIONS)
def test_a_message_that_is_withdrawn_is_not_delivered_and_the_others_are(extensions: bytes, message: bytes) -> None:
    log = Log()
    with FakeSmtp({"EHLO": extensions}) as fake:
        notes = [Note(log, 0), Note(log, 1, lambda: False), Note(log, 2)]
        results = send_all(server(fake), [outgoing(one, message) for one in notes])
        ended = [one for one in fake.commands if one == "." or one.endswith("LAST")]
    assert [one.delivered for one in results] == [True, False, True]
    error = results[1].error
    assert isinstance(error, DeliveryError)
    assert (error.diagnosis.code, error.unknown, error.exit_code) == ("withdrawn", False, 49)
    assert len(ended) == 2
    assert log.events.count(("asked", 1)) == 1
    assert ("accepted", 1) not in log.events


@pytest.mark.parametrize("extensions", EXTENSIONS.values(), ids=EXTENSIONS)
def test_one_message_by_itself_has_a_witness_too(extensions: bytes) -> None:
    log = Log()
    with FakeSmtp({"EHLO": extensions}) as fake:
        notes = [Note(log, 0), Note(log, 1, lambda: False)]
        with Mailer(server(fake)) as mailer:
            results = [next(mailer.send_many([outgoing(one)])) for one in notes]
    assert [one.delivered for one in results] == [True, False]
    assert log.events == [("asked", 0), ("accepted", 0), ("asked", 1)]


def test_a_witness_is_asked_again_for_the_next_server_and_not_where_recipients_are_refused() -> None:
    log = Log()

    def drop(session: Session) -> None:
        session.send(b"451 4.3.0 not now\r\n")

    with FakeSmtp({".": drop}) as first, FakeSmtp() as second:
        note = Note(log, 0)
        results = list(Mailer([server(first), server(second)]).send_many([outgoing(note)]))
        assert [one.delivered for one in results] == [True]
        assert log.events == [("asked", 0), ("asked", 0), ("accepted", 0)]
    with FakeSmtp({"RCPT": b"550 5.1.1 no such user\r\n"}) as fake:
        [refused] = send_all(server(fake), [outgoing(Note(log, 1))])
        assert refused.error is not None
        assert ("asked", 1) not in log.events


def test_each_of_several_connections_has_its_own_order() -> None:
    log = Log()
    with FakeSmtp() as fake:
        notes = [Note(log, number) for number in range(30)]
        results = send_all(server(fake), [outgoing(one) for one in notes], connections=3)
        assert all(one.delivered for one in results)
    for number in range(30):
        assert [what for what, which in log.events if which == number] == ["asked", "accepted"]
    open_now = most = 0
    for what, _ in log.events:
        open_now += 1 if what == "asked" else -1
        most = max(most, open_now)
    assert most <= 3
