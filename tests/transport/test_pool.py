"""Many messages, kept connections, several servers: nothing is lost, nothing is sent twice."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError
from confobjects.mail.plan import plan_delivery
from confobjects.transport.mailer import Mailer, Outgoing
from confobjects.transport.pool import Pool
from tests.servers import Given, mail_server, provider
from tests.servers.certificates import Authority
from tests.servers.fake_smtp import EHLO, NO_PIPELINING, FakeSmtp, Session, close, starttls
from tests.servers.postfix import PASSWORD, USER

CLEAR: dict[str, Any] = {"use_start_tls": False}
LOGIN = {"auth_username": USER, "auth_password": PASSWORD}


def mails(count: int, to: str = "b@c.example") -> list[Outgoing]:
    return [Outgoing(b"Subject: %d\r\n\r\nhello\r\n" % number, "me@example.com", to) for number in range(count)]


def numbers(fake: FakeSmtp) -> list[int]:
    """Return the numbers of the messages the fake has accepted or refused, in the order they came."""
    return [int(message.split()[1]) for message in fake.messages]


# -- kept connections --------------------------------------------------------------------------------------------------


def test_a_mailer_keeps_its_connection_only_as_a_context_manager() -> None:
    with FakeSmtp() as fake:
        mailer = Mailer(mail_server(fake.port, **CLEAR))
        for outgoing in mails(2):
            mailer.send(*outgoing)
        assert fake.connections == 2
        with mailer:
            for outgoing in mails(5):
                report = mailer.send(*outgoing)
        assert fake.connections == 3
        assert mailer.counters.delivered == 7
        assert mailer.counters.connections == 3
        assert fake.verbs.count("QUIT") == 3
    assert [stage.stage for stage in report.stages] == ["mail", "data"]
    assert "opened before" in report.transcript[0]


def test_a_connection_is_renewed_after_so_many_messages() -> None:
    setting = "confobjects.pool.messages-per-connection=3"
    with FakeSmtp() as fake, Mailer(mail_server(fake.port, setting, **CLEAR)) as mailer:
        for outgoing in mails(7):
            mailer.send(*outgoing)
        assert fake.connections == 3


def test_a_connection_that_idles_too_long_is_closed_and_one_that_idles_is_asked() -> None:
    clock = [0.0]
    with FakeSmtp() as fake:
        pool = Pool(plan_delivery(mail_server(fake.port, **CLEAR)), clock=lambda: clock[0])
        for wait, connections, asked in ((0.5, 1, 0), (30, 1, 1), (61, 2, 1)):
            with pool.connection():
                pass
            clock[0] += wait
            with pool.connection():
                pass
            assert (fake.connections, fake.verbs.count("NOOP")) == (connections, asked)
        pool.close()


@pytest.mark.parametrize(
    ("setting", "answer", "kept"),
    [
        ("mail.smtp.noop.strict=true", b"250 ok\r\n", True),
        ("mail.smtp.noop.strict=true", b"252 hm\r\n", False),
        ("mail.smtp.noop.strict=false", b"252 hm\r\n", True),
        ("mail.smtp.userset=true", b"250 ok\r\n", True),
        ("mail.smtp.userset=true", close, False),
    ],
)
def test_the_sign_of_life(setting: str, answer: Any, kept: bool) -> None:
    clock = [0.0]
    verb = "RSET" if "userset" in setting else "NOOP"
    with FakeSmtp({verb: answer}) as fake:
        pool = Pool(plan_delivery(mail_server(fake.port, setting, **CLEAR)), clock=lambda: clock[0])
        with pool.connection():
            pass
        clock[0] += 10
        with pool.connection():
            pass
        assert verb in fake.verbs
        assert fake.connections == (1 if kept else 2)
        pool.close()


def test_threads_share_no_more_connections_than_allowed() -> None:
    setting = "confobjects.pool.max-connections=3"
    with FakeSmtp() as fake, Mailer(mail_server(fake.port, setting, **CLEAR)) as mailer:
        with ThreadPoolExecutor(8) as threads:
            reports = list(threads.map(lambda outgoing: mailer.send(*outgoing), mails(40)))
        assert len(reports) == 40
        assert fake.connections <= 3
        assert sorted(numbers(fake)) == list(range(40))


def test_a_pool_that_is_empty_for_too_long() -> None:
    setting = ("confobjects.pool.max-connections=1", "confobjects.total-timeout=100")
    with FakeSmtp() as fake:
        pool = Pool(plan_delivery(mail_server(fake.port, *setting, **CLEAR)))
        with pool.connection(), pytest.raises(DeliveryError) as caught, pool.connection():
            pass
        assert caught.value.diagnosis.code == "pool-exhausted"
        pool.close()


def test_a_kept_connection_that_has_died_is_replaced_once() -> None:
    with FakeSmtp({"MAIL": [b"250 ok\r\n", b"421 4.4.2 idle too long\r\n", b"250 ok\r\n"]}) as fake:
        with Mailer(mail_server(fake.port, **CLEAR)) as mailer:
            for outgoing in mails(2):
                mailer.send(*outgoing)
            assert mailer.counters.retries == 1
        assert numbers(fake) == [0, 1]
    with FakeSmtp({"MAIL": [b"250 ok\r\n", b"421 no\r\n"]}) as fake, Mailer(mail_server(fake.port, **CLEAR)) as mailer:
        first, second = mails(2)
        mailer.send(*first)
        with pytest.raises(DeliveryError):
            mailer.send(*second)
        assert fake.connections == 2


def test_a_message_of_unknown_fate_is_never_sent_again() -> None:
    with FakeSmtp({".": [b"250 ok\r\n", close]}) as fake, Mailer(mail_server(fake.port, **CLEAR)) as mailer:
        first, second = mails(2)
        mailer.send(*first)
        with pytest.raises(DeliveryError) as caught:
            mailer.send(*second)
        assert caught.value.unknown
        assert numbers(fake) == [0, 1]
        assert mailer.counters.unknown == 1


def test_a_change_of_trust_retires_kept_connections(
    authority: Authority, server_context: dict[str, ssl.SSLContext], tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(authority.pem)
    clock = [0.0]
    given = provider("file-based", trust_store_file=str(path))
    with FakeSmtp({"STARTTLS": starttls}, tls=server_context["good"]) as fake:
        pool = Pool(plan_delivery(mail_server(fake.port, trust=given)), clock=lambda: clock[0])
        for number, (content, connections) in enumerate(
            [(authority.pem, 1), (authority.pem, 1), (authority.pem * 2, 2)]
        ):
            path.write_bytes(content)
            os.utime(path, ns=(number, number))
            with pool.connection():
                pass
            assert fake.connections == connections
            clock[0] += 10
        path.write_bytes(Authority("Other").pem)
        os.utime(path, ns=(9, 9))
        with pytest.raises(DeliveryError) as caught, pool.connection():
            pass
        assert caught.value.stage == "tls"
        pool.close()


# -- many --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extensions", [EHLO, NO_PIPELINING, EHLO.replace(b"250 8BIT", b"250-CHUNKING\r\n250 8BIT")])
@pytest.mark.parametrize("setting", ["mail.smtp.sendpartial=true", "mail.smtp.chunksize=20"])
def test_many_messages_over_one_connection(extensions: bytes, setting: str) -> None:
    with FakeSmtp({"EHLO": extensions}) as fake:
        results = list(Mailer(mail_server(fake.port, setting, **CLEAR)).send_many(mails(10)))
        assert [result.error for result in results] == [None] * 10
        assert fake.connections == 1
        if "CHUNKING" not in extensions.decode() or "chunksize" not in setting:
            assert numbers(fake) == list(range(10))


def test_the_next_envelope_goes_along_with_the_last_content() -> None:
    with FakeSmtp() as fake:
        list(Mailer(mail_server(fake.port, **CLEAR)).send_many(mails(3)))
        assert fake.verbs[1:] == [
            "MAIL",
            "RCPT",
            "DATA",
            ".",
            "MAIL",
            "RCPT",
            "DATA",
            ".",
            "MAIL",
            "RCPT",
            "DATA",
            ".",
            "QUIT",
        ]


def test_messages_are_taken_as_results_are_asked_for() -> None:
    taken = []

    def source() -> Any:
        for outgoing in mails(1000):
            taken.append(1)
            yield outgoing

    with FakeSmtp() as fake:
        results = Mailer(mail_server(fake.port, **CLEAR)).send_many(source())
        next(results)
        assert len(taken) <= 64
        results.close()  # type: ignore[attr-defined]


FAULTS: dict[str, Any] = {
    "MAIL": [b"250 ok\r\n", b"550 5.7.1 no\r\n", b"250 ok\r\n"],
    "RCPT": [b"250 ok\r\n", b"550 5.1.1 no\r\n", b"250 ok\r\n"],
    ".": [b"250 ok\r\n", b"554 5.7.1 no\r\n", b"250 ok\r\n"],
    "DATA": [b"354 go\r\n", b"451 no\r\n", b"354 go\r\n"],
}


@pytest.mark.parametrize("verb", FAULTS)
@pytest.mark.parametrize("extensions", [EHLO, NO_PIPELINING])
def test_a_failure_concerns_its_own_message_only(verb: str, extensions: bytes) -> None:
    with FakeSmtp({"EHLO": extensions, verb: FAULTS[verb]}) as fake:
        results = list(Mailer(mail_server(fake.port, **CLEAR)).send_many(mails(4)))
        assert [result.error is None for result in results] == [True, False, True, True]
        accepted = numbers(fake)
        assert accepted in ([0, 2, 3], [0, 1, 2, 3])
        assert fake.connections == 1


def test_messages_that_cannot_be_sent_at_all_are_told_in_their_places() -> None:
    good = mails(4)
    odd = [
        good[0],
        Outgoing(b"x", None, "nobody"),
        good[1],
        Outgoing(b"a\0b", None, "b@c.example"),
        good[2],
        Outgoing(b"x"),
    ]
    with FakeSmtp() as fake:
        results = list(Mailer(mail_server(fake.port, **CLEAR)).send_many(odd))
        assert [result.error is None for result in results] == [True, False, True, False, True, False]
        assert numbers(fake) == [0, 1, 2]
        assert [result.outgoing for result in results][:5] == odd[:5]


def answer_then_close(session: Session) -> None:
    session.send(b"250 2.0.0 ok\r\n")
    session.open = False


@pytest.mark.parametrize("fault", [close, b"421 4.3.2 leaving\r\n", answer_then_close])
def test_a_connection_that_breaks_loses_and_doubles_nothing(fault: Any) -> None:
    with FakeSmtp({".": [b"250 ok\r\n", fault, b"250 ok\r\n"]}) as fake:
        results = list(Mailer(mail_server(fake.port, **CLEAR)).send_many(mails(5)))
        errors = [result.error for result in results]
        if fault is close:
            assert [isinstance(error, DeliveryError) and error.unknown for error in errors] == [
                False,
                True,
                False,
                False,
                False,
            ]
            assert numbers(fake) == [0, 1, 2, 3, 4]
        else:
            assert errors == [None] * 5
            again = [1] if isinstance(fault, bytes) else []
            assert sorted(numbers(fake)) == sorted([0, 1, 2, 3, 4, *again])


def test_a_server_that_is_away_is_asked_once_for_a_group() -> None:
    with FakeSmtp({"banner": b"554 no\r\n"}) as fake:
        results = list(Mailer(mail_server(fake.port, **CLEAR)).send_many(mails(10)))
        assert all(isinstance(result.error, DeliveryError) for result in results)
        assert fake.connections == 1


def test_many_through_a_real_server(postfix: SimpleNamespace, trusting: Given) -> None:
    server = mail_server(postfix.ports["smtps"], use_ssl=True, trust=trusting, **LOGIN)
    messages = mails(20)
    messages[7] = messages[7]._replace(to="nobody@refused.test")
    messages[8] = messages[8]._replace(to=["b@c.example", "later@refused.test"])
    results = list(Mailer(server).send_many(messages))
    failed = [number for number, result in enumerate(results) if result.error]
    assert failed == [7, 8]
    ids = {result.report.reply.rsplit(" ", 1)[1] for result in results if result.report}
    assert len(ids) == 18


# -- several servers ---------------------------------------------------------------------------------------------------


def test_the_next_server_is_tried() -> None:
    with FakeSmtp({"banner": b"421 busy\r\n"}) as first, FakeSmtp() as second:
        mailer = Mailer([mail_server(first.port, **CLEAR), mail_server(second.port, **CLEAR)])
        report = mailer.send(*mails(1)[0])
        assert report.failed_over == ("banner-busy",)
        assert report.port == second.port
        assert mailer.counters.failed_over == 1
        results = list(mailer.send_many(mails(2)))
        assert [result.error for result in results] == [None, None]


@pytest.mark.parametrize(("verb", "answer"), [("RCPT", b"550 5.1.1 unknown\r\n"), (".", close)])
def test_what_another_server_cannot_cure_is_not_tried_there(verb: str, answer: Any) -> None:
    with FakeSmtp({verb: answer}) as first, FakeSmtp() as second:
        mailer = Mailer([mail_server(first.port, **CLEAR), mail_server(second.port, **CLEAR)])
        with pytest.raises(DeliveryError):
            mailer.send(*mails(1)[0])
        assert second.connections == 0


def test_when_all_fail_each_is_told_and_the_first_counts() -> None:
    with FakeSmtp({"banner": b"421 busy\r\n"}) as first, FakeSmtp({"MAIL": b"550 5.7.1 no\r\n"}) as second:
        mailer = Mailer([mail_server(first.port, **CLEAR), mail_server(second.port, **CLEAR)])
        with pytest.raises(DeliveryError) as caught:
            mailer.send(*mails(1)[0])
        assert caught.value.diagnosis.code == "banner-busy"
        assert [one.code for one in caught.value.diagnostics] == ["mail-banner", "mail-mail"]


def test_a_useless_trust_store_does_not_stop_the_next_server() -> None:
    with FakeSmtp() as fake:
        broken = provider("file-based", trust_store_file="/nowhere.pem")
        mailer = Mailer([mail_server(1, trust=broken), mail_server(fake.port, **CLEAR)])
        assert mailer.send(*mails(1)[0]).failed_over == ("trust-store-unreadable",)


def test_no_server_at_all() -> None:
    with pytest.raises(MailError) as caught:
        Mailer([])
    assert caught.value.exit_code == 51


# -- faces -------------------------------------------------------------------------------------------------------------


def test_the_asynchronous_face_sends_side_by_side() -> None:
    gate = threading.Barrier(3, timeout=10)

    def together(session: Session) -> None:
        gate.wait()
        session.send(b"250 ok\r\n")

    async def run(mailer: Mailer) -> list[Any]:
        return await asyncio.gather(*(mailer.asend(*outgoing) for outgoing in mails(3)))

    with FakeSmtp({".": together}) as fake, Mailer(mail_server(fake.port, **CLEAR)) as mailer:
        assert all(report.delivered for report in asyncio.run(run(mailer)))


def test_each_delivery_leaves_a_record(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "confobjects.mail")
    weak = "confobjects.allow-insecure=login-in-clear"
    with FakeSmtp({".": [b"250 ok\r\n", b"554 5.7.1 spam\r\n"]}) as fake:
        mailer = Mailer(mail_server(fake.port, weak, auth_username="u", auth_password="canary-9", **CLEAR))
        mailer.send(*mails(1)[0])
        with pytest.raises(DeliveryError):
            mailer.send(*mails(1)[0])
    levels = [record.levelname for record in caplog.records]
    assert levels == ["WARNING", "INFO", "ERROR"]
    facts = [vars(record)["confobjects"] for record in caplog.records]
    assert facts[1]["event"] == "delivered"
    assert facts[2]["code"] == "content-refused"
    assert "login-in-clear" in caplog.text
    assert "canary-9" not in caplog.text + str(facts)
