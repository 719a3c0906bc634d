"""Kept connections: opened when needed, used again while they are fresh, alive and trusted."""

from __future__ import annotations

import os
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from confobjects.mail import dialogue
from confobjects.mail.diagnosis import DeliveryError, TrustError
from confobjects.mail.planning import plan_delivery
from confobjects.transport.mailer import Mailer
from confobjects.transport.many import MessageGroup
from confobjects.transport.pool import Pool
from tests.servers import mail_server, provider
from tests.servers.certificates import Authority
from tests.servers.fake_smtp import FakeSmtp, Session, close, starttls
from tests.transport.sending import CLEAR, mails, numbers, parts


def test_a_mailer_keeps_its_connection_only_as_a_context_manager() -> None:
    with FakeSmtp() as fake:
        mailer = Mailer(mail_server(fake.port, **CLEAR))
        for outgoing in mails(2):
            mailer.send(*parts(outgoing))
        assert fake.connections == 2
        with mailer:
            *_, report = [mailer.send(*parts(outgoing)) for outgoing in mails(5)]
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
            mailer.send(*parts(outgoing))
        assert fake.connections == 3


@pytest.mark.parametrize("kept", [1, 3])
@pytest.mark.parametrize("setting", ["mail.smtp.userset=false", "mail.smtp.userset=true"])
def test_a_server_that_went_silent_costs_a_short_wait_and_a_new_connection(
    kept: int, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dialogue.ALIVE <= 5
    monkeypatch.setattr(dialogue, "ALIVE", 0.05)
    clock, again = [0.0], threading.Event()

    def go_silent(session: Session) -> None:
        if fake.connections > kept:
            again.set()
        again.wait(20)
        session.send(b"250 ok\r\n")

    def greet(session: Session) -> None:
        if fake.connections > kept:
            again.set()
        session.send(b"220 fake\r\n")

    with FakeSmtp({"banner": greet, "NOOP": go_silent, "RSET": go_silent}) as fake:
        plan = plan_delivery(mail_server(fake.port, setting, "confobjects.pool.max-connections=3", **CLEAR))
        assert plan.timeouts.reply == 60
        pool = Pool(plan, clock=lambda: clock[0])
        for connection in [pool.take() for _ in range(kept)]:
            pool.give_back(connection)
        clock[0] += 30
        with pool.lend_connection() as connection:
            assert not connection.reused
        assert fake.connections == kept + 1
        assert [verb for verb in fake.verbs if verb in {"NOOP", "RSET"}] == ["RSET" if "true" in setting else "NOOP"]
        pool.close()


def test_a_connection_that_idles_too_long_is_closed_and_one_that_idles_is_asked() -> None:
    clock = [0.0]
    with FakeSmtp() as fake:
        pool = Pool(plan_delivery(mail_server(fake.port, **CLEAR)), clock=lambda: clock[0])
        for wait, connections, asked in ((0.5, 1, 0), (30, 1, 1), (61, 2, 1)):
            with pool.lend_connection():
                pass
            clock[0] += wait
            with pool.lend_connection():
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
        with pool.lend_connection():
            pass
        clock[0] += 10
        with pool.lend_connection():
            pass
        assert verb in fake.verbs
        assert fake.connections == (1 if kept else 2)
        pool.close()


def test_threads_share_no_more_connections_than_allowed() -> None:
    setting = "confobjects.pool.max-connections=3"
    with FakeSmtp() as fake, Mailer(mail_server(fake.port, setting, **CLEAR)) as mailer:
        with ThreadPoolExecutor(8) as threads:
            reports = list(threads.map(lambda outgoing: mailer.send(*parts(outgoing)), mails(40)))
        assert len(reports) == 40
        assert fake.connections <= 3
        assert sorted(numbers(fake)) == list(range(40))


def test_a_pool_that_is_empty_for_too_long() -> None:
    setting = ("confobjects.pool.max-connections=1", "confobjects.total-timeout=100")
    with FakeSmtp() as fake:
        pool = Pool(plan_delivery(mail_server(fake.port, *setting, **CLEAR)))
        with pool.lend_connection(), pytest.raises(DeliveryError) as caught, pool.lend_connection():
            pass
        assert caught.value.diagnosis.code == "pool-exhausted"
        pool.close()


def test_a_kept_connection_that_has_died_is_replaced_once() -> None:
    with FakeSmtp({"MAIL": [b"250 ok\r\n", b"421 4.4.2 idle too long\r\n", b"250 ok\r\n"]}) as fake:
        with Mailer(mail_server(fake.port, **CLEAR)) as mailer:
            for outgoing in mails(2):
                mailer.send(*parts(outgoing))
            assert mailer.counters.retries == 1
        assert numbers(fake) == [0, 1]
    with FakeSmtp({"MAIL": [b"250 ok\r\n", b"421 no\r\n"]}) as fake, Mailer(mail_server(fake.port, **CLEAR)) as mailer:
        first, second = mails(2)
        mailer.send(*parts(first))
        with pytest.raises(DeliveryError):
            mailer.send(*parts(second))
        assert fake.connections == 2


def test_a_message_of_unknown_fate_is_never_sent_again() -> None:
    with FakeSmtp({".": [b"250 ok\r\n", close]}) as fake, Mailer(mail_server(fake.port, **CLEAR)) as mailer:
        first, second = mails(2)
        mailer.send(*parts(first))
        with pytest.raises(DeliveryError) as caught:
            mailer.send(*parts(second))
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
            with pool.lend_connection():
                pass
            assert fake.connections == connections
            clock[0] += 10
        path.write_bytes(Authority("Other").pem)
        os.utime(path, ns=(9, 9))
        with pytest.raises(DeliveryError) as caught, pool.lend_connection():
            pass
        assert caught.value.stage == "tls"
        pool.close()


@pytest.fixture
def store(authority: Authority, tmp_path: Path) -> Path:
    """A file that holds the one authority that is trusted."""
    path = tmp_path / "ca.pem"
    path.write_bytes(authority.pem)
    return path


def replace_store(store: Path, content: bytes) -> None:
    """Write a store again, so that its time of change differs."""
    store.write_bytes(content)
    os.utime(store, ns=(1, 1))


def test_a_change_of_trust_retires_a_connection_that_is_never_idle(
    authority: Authority, server_context: dict[str, ssl.SSLContext], store: Path
) -> None:
    clock = [0.0]
    given = provider("file-based", trust_store_file=str(store))
    with FakeSmtp({"STARTTLS": starttls}, tls=server_context["good"]) as fake:
        pool = Pool(plan_delivery(mail_server(fake.port, trust=given)), clock=lambda: clock[0])
        connections = []
        for step in range(8):
            if step == 2:
                replace_store(store, authority.pem * 2)
            with pool.lend_connection():
                connections.append(fake.connections)
            clock[0] += 0.5
        # Checked when it was opened; again more than a second later; the one opened then is good for as long again.
        assert connections == [1, 1, 1, 2, 2, 2, 2, 2]
        assert "NOOP" not in fake.verbs
        pool.close()


def test_many_messages_stop_using_a_connection_whose_trust_changed(
    authority: Authority, server_context: dict[str, ssl.SSLContext], store: Path
) -> None:
    clock = [0.0]
    given = provider("file-based", trust_store_file=str(store))
    with FakeSmtp({"STARTTLS": starttls}, tls=server_context["good"]) as fake:
        pool = Pool(plan_delivery(mail_server(fake.port, trust=given)), clock=lambda: clock[0])
        connections = []
        for step in range(4):
            if step == 1:
                replace_store(store, authority.pem * 2)
            group = MessageGroup(mails(2))
            group.send(pool, 2)
            assert len(group.accounts) == 2
            connections.append(fake.connections)
            clock[0] += 0.5
        assert connections == [2, 2, 2, 4], "each lane's connection is made again"
        pool.close()


def test_a_trust_that_cannot_be_found_out_leaves_its_place_to_another(
    authority: Authority, server_context: dict[str, ssl.SSLContext], store: Path
) -> None:
    clock = [0.0]
    settings = ("confobjects.pool.max-connections=1", "confobjects.total-timeout=2000")
    given = provider("file-based", trust_store_file=str(store))
    with FakeSmtp({"STARTTLS": starttls}, tls=server_context["good"]) as fake:
        pool = Pool(plan_delivery(mail_server(fake.port, *settings, trust=given)), clock=lambda: clock[0])
        with pool.lend_connection():
            clock[0] += 2
        replace_store(store, b"nothing")
        with pytest.raises(TrustError):
            pool.take()
        replace_store(store, authority.pem)
        connection = pool.take(wait=False)
        assert connection is not None
        pool.give_back(connection)
        assert fake.connections == 2
        pool.close()
