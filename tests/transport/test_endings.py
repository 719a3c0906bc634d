"""However a connection ends, and wherever: the end is told, nothing else breaks, and no message is lost or doubled.

Peers end connections by FIN (very often without TLS's close_notify), by RST, by close_notify, and by bytes that are not
what they should be. Each is tried in each stage, on its own server, for single messages, kept connections, many messages
and the asynchronous methods.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest

from confobjects.mail.diagnosis import DeliveryError
from confobjects.transport.mailer import Mailer, Outgoing
from confobjects.transport.outgoing import SendResult
from tests.servers import Given, mail_server
from tests.servers.fake_smtp import (
    EHLO,
    FakeSmtp,
    Session,
    bad_record,
    clear_text,
    close,
    close_notify,
    garbage,
    reset,
    starttls,
)
from tests.transport.sending import LOGIN, mails, numbers, only_pool, parts

ENDINGS: Final[dict[str, list[Any]]] = {
    "clear": [close, reset, garbage],
    "implicit": [close, reset, close_notify, bad_record, clear_text, garbage],
    "starttls": [close, reset, close_notify, bad_record, clear_text, garbage],
}
OPENING: Final = ("banner", "EHLO", "AUTH")
BEFORE: Final = ("MAIL", "RCPT", "DATA")
USUAL: Final = {"banner": b"220 fake ESMTP\r\n", "EHLO": EHLO, "AUTH": b"235 ok\r\n", "DATA": b"354 go ahead\r\n"}
ONE_PLACE: Final = ("confobjects.pool.max-connections=1", "confobjects.total-timeout=20000")
WEAK: Final = "confobjects.allow-insecure=login-in-clear"

each_ending = pytest.mark.parametrize(
    ("security", "ending"),
    [(security, ending) for security, endings in ENDINGS.items() for ending in endings],
    ids=lambda value: getattr(value, "__name__", value),
)


class Bench:
    """What a test needs to start a server and to say how it is reached."""

    def __init__(self, security: str, trusting: Given, context: ssl.SSLContext) -> None:
        self.security = security
        self.trusting = trusting
        self.context = context

    @contextlib.contextmanager
    def server(self, stage: str = "", fates: list[Any] | None = None) -> Iterator[FakeSmtp]:
        """Start a server that acts in a stage as the fates say, one after the other, the last one again and again."""
        script: dict[str, Any] = {"STARTTLS": starttls} if self.security == "starttls" else {}
        if stage:
            script[stage] = fates
        if self.security == "starttls" and stage == "EHLO":
            script[stage] = [one for fate in fates or () for one in (EHLO, fate)]  # the first of each two is in clear
        tls = None if self.security == "clear" else self.context
        with FakeSmtp(script, tls=tls, implicit=self.security == "implicit") as fake:
            yield fake

    def reach(self, fake: FakeSmtp, *settings: str) -> Given:
        """Return the mail server object for a server."""
        if self.security == "clear":
            return mail_server(fake.port, *settings, WEAK, use_start_tls=False, **LOGIN)
        return mail_server(fake.port, *settings, use_ssl=self.security == "implicit", trust=self.trusting, **LOGIN)


@pytest.fixture
def bench(security: str, trusting: Given, server_context: dict[str, ssl.SSLContext]) -> Bench:
    return Bench(security, trusting, server_context["good"])


def usual(stage: str) -> bytes:
    """Return the usual answer in a stage."""
    return USUAL.get(stage, b"250 2.0.0 ok\r\n")


def stages(security: str) -> list[str]:
    """Return the stages that are inside the protection."""
    return [stage for stage in (*OPENING, *BEFORE, ".", "QUIT") if not (security == "starttls" and stage == "banner")]


def try_to_send(mailer: Mailer, outgoing: Outgoing) -> DeliveryError | None:
    """Send a message; return the error if it fails. Any other exception is a fault."""
    try:
        mailer.send(*parts(outgoing))
    except DeliveryError as error:
        return error
    return None


def is_told_truly(error: DeliveryError | None, stage: str) -> bool:
    """Tell whether a message, whose connection ended in a stage, is told as it went."""
    if stage == "QUIT":
        return error is None
    return error is not None and error.unknown == (stage == ".")


@each_ending
def test_a_single_message_is_told_as_it_went(security: str, ending: Any, bench: Bench) -> None:
    for stage in stages(security):
        with bench.server(stage, [ending]) as fake:
            error = try_to_send(Mailer(bench.reach(fake)), mails(1)[0])
            assert is_told_truly(error, stage), (stage, error)
            assert numbers(fake) == ([0] if stage in (".", "QUIT") else [])


@each_ending
def test_a_pool_of_one_connection_does_not_lose_its_place(security: str, ending: Any, bench: Bench) -> None:
    for stage in stages(security):
        with bench.server(stage, [ending, usual(stage)]) as fake:
            first, second = mails(2)
            with Mailer(bench.reach(fake, *ONE_PLACE)) as mailer:
                error = try_to_send(mailer, first)
                assert is_told_truly(error, stage), (stage, error)
                assert try_to_send(mailer, second) is None, stage


def and_then(ending: Any) -> Any:
    """Return an action that accepts a message, and then ends the connection."""

    def act(session: Session) -> None:
        session.send(b"250 2.0.0 queued\r\n")
        ending(session)

    return act


@each_ending
@pytest.mark.parametrize("connections", [1, 3])
def test_kept_connections_that_were_ended_are_replaced(
    security: str, ending: Any, connections: int, bench: Bench
) -> None:
    settings = (f"confobjects.pool.max-connections={connections}", "confobjects.total-timeout=20000")
    fates = [and_then(ending)] * connections
    with bench.server(".", [*fates, b"250 2.0.0 queued\r\n"]) as fake:
        with Mailer(bench.reach(fake, *settings)) as mailer:
            pool = only_pool(mailer)
            lent = [pool.take() for _ in range(connections)]
            for connection in lent:
                pool.give_back(connection)
            for outgoing in mails(connections + 2):
                assert try_to_send(mailer, outgoing) is None
        assert sorted(numbers(fake)) == list(range(connections + 2))


@each_ending
def test_connections_that_are_ended_while_idle_are_replaced(security: str, ending: Any, bench: Bench) -> None:
    """All connections of a pool are ended at once, as by a server that is started again."""
    settings = ("confobjects.pool.max-connections=3", "confobjects.total-timeout=20000")
    kept = threading.Event()

    def accept_and_end(session: Session) -> None:
        session.send(b"235 ok\r\n")
        kept.wait(10)
        ending(session)

    fates = [accept_and_end] * 3
    with bench.server("AUTH", [*fates, b"235 ok\r\n"]) as fake, Mailer(bench.reach(fake, *settings)) as mailer:
        pool = only_pool(mailer)
        for connection in [pool.take() for _ in range(3)]:
            pool.give_back(connection)
        kept.set()
        fake.wait_for_ends(3)
        assert try_to_send(mailer, mails(1)[0]) is None
        assert [result.error for result in mailer.send_many(mails(4), connections=2)] == [None] * 4


def look_at(results: list[SendResult], stage: str, fake: FakeSmtp) -> None:
    """Check the results of many messages, the first of which met the end of its connection."""
    first, *others = results
    if stage == ".":
        assert first.unknown, stage
    else:
        assert first.error is None, (stage, first.error)
    assert [result.error for result in others] == [None] * len(others), stage
    assert sorted(numbers(fake)) == list(range(len(results))), (stage, "nothing is lost, and nothing sent twice")


@each_ending
@pytest.mark.parametrize("connections", [1, 2])
def test_many_messages_lose_and_double_nothing(security: str, ending: Any, connections: int, bench: Bench) -> None:
    settings = (f"confobjects.pool.max-connections={connections}", "confobjects.total-timeout=20000")
    for stage in (*BEFORE, ".", "QUIT"):
        with bench.server(stage, [ending, usual(stage)]) as fake, Mailer(bench.reach(fake, *settings)) as mailer:
            results = list(mailer.send_many(mails(4), connections=connections))
            unknown = [result for result in results if result.unknown]
            assert len(unknown) == (stage == "."), stage
            look_at([*unknown, *(result for result in results if not result.unknown)], stage, fake)
            assert try_to_send(mailer, mails(1)[0]) is None


@each_ending
def test_the_asynchronous_methods_tell_the_same(security: str, ending: Any, bench: Bench) -> None:
    async def run(mailer: Mailer) -> tuple[BaseException | Any, list[SendResult]]:
        [first] = await asyncio.gather(mailer.asend(*parts(mails(1)[0])), return_exceptions=True)
        return first, [result async for result in mailer.asend_many(mails(3))]

    for stage in stages(security):
        with bench.server(stage, [ending, usual(stage)]) as fake, Mailer(bench.reach(fake, *ONE_PLACE)) as mailer:
            first, results = asyncio.run(run(mailer))
            error = first if isinstance(first, BaseException) else None
            assert error is None or isinstance(error, DeliveryError), (stage, error)
            assert is_told_truly(error, stage), (stage, error)
            assert [result.error for result in results] == [None] * 3, stage


@each_ending
def test_the_next_server_is_tried_unless_the_outcome_is_unknown(security: str, ending: Any, bench: Bench) -> None:
    for stage in stages(security):
        if stage == "QUIT":
            continue
        with bench.server(stage, [ending] * 2) as first, bench.server() as second:
            servers = [bench.reach(first), bench.reach(second)]
            error = try_to_send(Mailer(servers), mails(1)[0])
            results = list(Mailer(servers).send_many(mails(1)))
            if stage == ".":
                assert error is not None
                assert error.unknown
                assert results[0].unknown
                assert numbers(second) == []
            else:
                assert error is None, stage
                assert results[0].error is None, stage
                assert numbers(second) == [0, 0]
                assert results[0].report
                assert results[0].report.failed_over


@each_ending
def test_the_certificate_is_known_after_the_end(security: str, ending: Any, bench: Bench) -> None:
    from confobjects.transport.check import check_server

    with bench.server("MAIL", [ending]) as fake:
        result = check_server(bench.reach(fake), depth="envelope", to=["b@c.example"])
        assert not result.ok
        assert ("certificate" in result.found) is (security != "clear")
