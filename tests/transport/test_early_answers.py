"""A server that refuses before it has everything: its answer is told, not the error of the write that it broke."""

from __future__ import annotations

import io
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from confobjects.mail.diagnosis import DeliveryError
from confobjects.transport.mailer import Mailer, Outgoing
from tests.servers import Given, mail_server
from tests.servers.fake_smtp import EHLO, NO_PIPELINING, FakeSmtp, Session, close, reset
from tests.transport.sending import CHUNKING, CLEAR, mails, numbers

LARGE = b"Subject: 9\r\n\r\n" + b"a line of some length, many times over\r\n" * 400_000
"""More than the buffers of two sockets hold: a server that does not read stops the client."""

TOO_BIG = b"552 5.3.4 too big\r\n"
NO_CHUNKING = EHLO, NO_PIPELINING


@pytest.fixture(params=["clear", "tls"])
def make(
    request: pytest.FixtureRequest, trusting: Given, server_context: dict[str, ssl.SSLContext]
) -> Iterator[Callable[[dict[str, Any]], tuple[FakeSmtp, Given]]]:
    """Return a function that makes a server of a script, and the object to reach it."""
    secured = request.param == "tls"
    started: list[FakeSmtp] = []

    def start(script: dict[str, Any], *settings: str) -> tuple[FakeSmtp, Given]:
        fake = FakeSmtp(script, tls=server_context["good"] if secured else None, implicit=secured)
        started.append(fake.__enter__())
        values: dict[str, Any] = {"use_ssl": True, "trust": trusting} if secured else CLEAR
        return fake, mail_server(fake.port, *settings, **values)

    yield start
    for fake in started:
        fake.__exit__(None, None, None)


def refuse_amid(answer: bytes, *, leave: bool = True) -> Any:
    """Return an action that takes a part of a message and refuses it, then closes or does nothing any more."""

    def act(session: Session) -> None:
        if not session.server.commands[-1].startswith("BDAT"):
            session.send(b"354 go ahead\r\n")
        session.stream.read(100_000)
        send_now(session, answer)
        if not leave:
            session.server.stopped.wait(10)
        session.open = False  # what was not read makes this a RST

    return act


def send_now(session: Session, answer: bytes) -> None:
    """Send an answer that is not held back (Nagle): a reset would drop it."""
    session.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    session.send(answer)


def failure(given: Given, message: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        Mailer(given).send(message, "me@example.com", "b@c.example")
    return caught.value


@pytest.mark.parametrize("extensions", NO_CHUNKING)
@pytest.mark.parametrize("form", [bytes, io.BytesIO])
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (TOO_BIG, "message-too-large"),
        (b"554 5.7.1 spam\r\n", "content-refused"),
        (b"451 4.3.0 later\r\n", "data-temporary"),
        (b"421 4.3.2 leaving\r\n", "closing"),
        (b"552-5.3.4 too\r\n552 5.3.4 big\r\n", "message-too-large"),
    ],
)
def test_a_refusal_amid_the_message_is_told(make: Any, extensions: bytes, form: Any, answer: bytes, code: str) -> None:
    _, given = make({"EHLO": extensions, "DATA": refuse_amid(answer)})
    error = failure(given, form(LARGE))
    assert (error.stage, error.diagnosis.code) == ("data", code)
    assert error.diagnosis.reply.startswith(answer[:3].decode())
    assert (error.retryable, error.unknown) == (answer.startswith(b"4"), False)
    assert any(line.startswith(f"S: {answer[:3].decode()}") for line in error.report.transcript)


def test_a_refusal_is_told_by_a_server_that_only_stops_reading(make: Any) -> None:
    _, given = make({"DATA": refuse_amid(TOO_BIG, leave=False)}, "mail.smtp.writetimeout=500")
    assert failure(given, LARGE).diagnosis.reply == "552 5.3.4 too big"


def test_a_refusal_amid_a_chunk_is_told(make: Any) -> None:
    _, given = make({"EHLO": CHUNKING, "BDAT": refuse_amid(TOO_BIG)}, f"mail.smtp.chunksize={len(LARGE)}")
    assert failure(given, LARGE).diagnosis.reply == "552 5.3.4 too big"


@pytest.mark.parametrize("answer", [b"250 2.0.0 ok\r\n", b"354 go on\r\n", b"nonsense\r\n", b""])
def test_nothing_but_a_refusal_counts_before_the_end(make: Any, answer: bytes) -> None:
    _, given = make({"DATA": refuse_amid(answer)})
    error = failure(given, LARGE)
    assert error.diagnosis.code == "connection-lost"
    assert not error.unknown, "the final dot was never sent"
    assert error.retryable


@pytest.mark.parametrize("extensions", NO_CHUNKING)
def test_among_many_each_is_told_its_own(make: Any, extensions: bytes) -> None:
    def act(session: Session) -> None:
        if session.server.commands[-2].startswith("RCPT TO:<large"):
            refuse_amid(TOO_BIG)(session)
        else:
            session.send(b"354 go ahead\r\n")
            session.server._content(session)

    fake, given = make({"EHLO": extensions, "DATA": act})
    messages = mails(5)
    messages[2] = Outgoing(LARGE, "me@example.com", "large@c.example")
    results = list(Mailer(given).send_many(messages))
    assert [result.error is None for result in results] == [True, True, False, True, True]
    assert isinstance(results[2].error, DeliveryError)
    assert results[2].error.diagnosis.reply == "552 5.3.4 too big"
    assert numbers(fake) == [0, 1, 3, 4]


@pytest.mark.parametrize(
    "refusal",
    [
        ("MAIL", b"550 5.7.1 not you\r\n", "sender-refused"),
        ("MAIL", b"421 4.3.2 leaving\r\n", "closing"),
        ("RCPT", b"550 5.1.1 unknown\r\n", "no-such-recipient"),
        ("RCPT", b"450 4.2.0 later\r\n", "recipient-temporary"),
        ("DATA", b"451 4.3.0 later\r\n", "data-temporary"),
    ],
)
@pytest.mark.parametrize("ending", [close, reset])
@pytest.mark.parametrize("extensions", NO_CHUNKING)
def test_a_refusal_before_the_connection_ends_is_told(
    make: Any, refusal: tuple[str, bytes, str], extensions: bytes, ending: Any
) -> None:
    verb, answer, code = refusal

    def act(session: Session) -> None:
        send_now(session, answer)
        ending(session)

    fake, given = make({"EHLO": extensions, verb: act})
    message = b"Subject: 1\r\n\r\nx\r\n"
    [result] = Mailer(given).send_many([Outgoing(message, "me@example.com", "b@c.example")])
    for error in (failure(given, message), result.error):
        assert isinstance(error, DeliveryError)
        assert error.diagnosis.code == code
        assert error.diagnosis.reply == answer.decode().strip()
    assert fake.messages == []


@pytest.mark.parametrize("extensions", [*NO_CHUNKING, CHUNKING])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "BDAT"])
def test_a_server_that_leaves_behind_an_answer_loses_no_message(make: Any, extensions: bytes, verb: str) -> None:
    """The answer is positive, and 421 follows it in the same segment, once."""
    usual = b"354 go ahead\r\n" if verb == "DATA" else b"250 2.0.0 ok\r\n"
    chunked = extensions == CHUNKING
    settings = ("mail.smtp.chunksize=10",) if chunked else ()
    fake, given = make({"EHLO": extensions, verb: [usual + b"421 4.3.2 leaving\r\n", usual]}, *settings)
    with Mailer(given) as mailer:
        results = list(mailer.send_many(mails(4)))
    assert [result.error for result in results] == [None] * 4
    if not chunked:
        assert sorted(numbers(fake)) == [0, 1, 2, 3]


def test_an_idle_server_says_why_it_leaves(make: Any) -> None:
    """Its 421 has arrived, and the connection is reset, when the client wants to go on."""

    def accept_and_leave(session: Session) -> None:
        send_now(session, b"250 2.0.0 ok\r\n421 4.4.2 idle too long\r\n")
        reset(session)

    fake, given = make({".": [accept_and_leave, b"250 2.0.0 ok\r\n"]})
    with Mailer(given) as mailer:
        assert [result.error for result in mailer.send_many(mails(3))] == [None] * 3
    assert numbers(fake) == [0, 1, 2]
