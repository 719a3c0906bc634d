"""A mailer of a live configuration sends each message by what is in effect when it begins."""

from __future__ import annotations

import asyncio
import base64
import gc
import logging
import os
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import confobjects
from confobjects.errors import MailError, UsageError
from confobjects.following import Live, LiveEvent
from confobjects.mail.diagnosis import DeliveryError
from confobjects.mail.plan import DeliveryPlan
from confobjects.mail.planning import plan_delivery
from confobjects.objects.effective import EffectiveObject
from confobjects.transport.mailer import _GROUP, Mailer
from confobjects.transport.pool import Outdated, Pool
from confobjects.transport.smtp import Connection
from tests.following.services import LONG, ONE, File
from tests.servers import mail_server
from tests.servers.certificates import Authority
from tests.servers.fake_smtp import FakeSmtp, Session, starttls
from tests.servers.postfix import PASSWORD, USER
from tests.transport.sending import CLEAR, fork, mails, numbers, parts, wait_for

TWO = ("mail-server", "two")
CA: dict[str, Any] = {"enabled": True}


def values_of(fake: FakeSmtp, **values: Any) -> dict[str, Any]:
    """Return the values of an enabled mail server without TLS at a fake."""
    return {"enabled": True, "smtp-server": f"localhost:{fake.port}", "use-start-tls": False, **values}


class Service:
    """A service with a live configuration in a file, whose changes are looked at before the next step."""

    def __init__(self, file: File, live: Live) -> None:
        self.file = file
        self.live = live

    def change(self, change: Callable[[Any], object]) -> None:
        with self.file.change() as tx:
            change(tx)
        self.wait()

    def set(self, **values: Any) -> None:
        self.file.set(**values)
        self.wait()

    def wait(self) -> None:
        with confobjects.open(self.file.url, definitions=self.file.registry) as context:
            newest = context.history()[-1].number
        assert self.live.wait_for(newest, LONG)


@pytest.fixture
def fakes() -> Iterator[tuple[FakeSmtp, FakeSmtp]]:
    with FakeSmtp() as a, FakeSmtp() as b:
        yield a, b


@pytest.fixture
def service(fakes: tuple[FakeSmtp, FakeSmtp], tmp_path: Path) -> Iterator[Service]:
    """The mail server "one" is the first fake."""
    file = File(tmp_path, **values_of(fakes[0]))
    with file.live() as live:
        yield Service(file, live)


def send(mailer: Mailer, number: int = 0) -> int:
    """Send a numbered message; return the port that it went to."""
    return mailer.send(b"Subject: %d\r\n\r\nhello\r\n" % number, "me@example.com", "b@c.example").port


@pytest.mark.parametrize("keeps", [True, False])
def test_the_next_message_goes_where_the_server_is_now(
    fakes: tuple[FakeSmtp, FakeSmtp], service: Service, *, keeps: bool
) -> None:
    a, b = fakes
    mailer = confobjects.mailer(service.live)
    with ExitStack() as stack:
        if keeps:
            stack.enter_context(mailer)
        assert [send(mailer, 0), send(mailer, 1)] == [a.port] * 2
        service.set(smtp_server=f"localhost:{b.port}")
        assert mailer.plan.port == b.port
        assert [send(mailer, 2), send(mailer, 3)] == [b.port] * 2
        a.wait_for_ends(1)
        assert "QUIT" in a.verbs
    assert (numbers(a), numbers(b)) == ([0, 1], [2, 3])
    assert (a.connections, b.connections) == ((1, 1) if keeps else (2, 2))


def test_what_does_not_concern_mail_leaves_connections_alone(
    fakes: tuple[FakeSmtp, FakeSmtp], service: Service
) -> None:
    a, b = fakes
    with confobjects.mailer(service.live, "one") as mailer:
        send(mailer, 0)
        assert mailer._pools is not None
        before = mailer._pools.read()
        service.change(lambda tx: tx.create(*TWO, values_of(b)))
        assert mailer._pools.read() is before, "nobody begins again"
        send(mailer, 1)
    assert a.connections == 1


@pytest.mark.parametrize("keeps", [True, False])
def test_a_message_that_was_not_sent_begins_again_when_the_servers_change(
    fakes: tuple[FakeSmtp, FakeSmtp], service: Service, *, keeps: bool
) -> None:
    """It fails at the first server, and the second is there no longer when it is its turn."""
    a, b = fakes
    with FakeSmtp() as other:
        service.change(lambda tx: tx.create(*TWO, values_of(other)))

        def change_then_refuse(session: Session) -> None:
            with service.file.change() as tx:
                tx.set(*ONE, {"smtp-server": f"localhost:{b.port}"})
                tx.delete(*TWO)
            service.wait()
            session.send(b"451 4.3.0 not now\r\n")

        a.script["MAIL"] = change_then_refuse
        mailer = confobjects.mailer(service.live)
        with mailer if keeps else ExitStack():
            report = mailer.send(*parts(mails(1)[0]))
        assert (report.port, report.failed_over) == (b.port, ())
        assert other.connections == 0


def test_a_connection_that_is_outdated_when_it_is_open_carries_nothing(
    fakes: tuple[FakeSmtp, FakeSmtp], service: Service
) -> None:
    a, b = fakes

    def change_then_greet(session: Session) -> None:
        service.set(smtp_server=f"localhost:{b.port}")
        session.send(b"220 fake\r\n")

    a.script["banner"] = change_then_greet
    with confobjects.mailer(service.live) as mailer:
        assert send(mailer) == b.port
        a.wait_for_ends(1)
    assert "MAIL" not in a.verbs


def test_a_message_comes_to_its_end_over_the_connection_that_it_began_with(
    fakes: tuple[FakeSmtp, FakeSmtp], service: Service
) -> None:
    a, b = fakes

    def change_then_answer(session: Session) -> None:
        service.set(smtp_server=f"localhost:{b.port}")
        session.send(b"250 2.0.0 ok\r\n")

    a.script["."] = change_then_answer
    with confobjects.mailer(service.live) as mailer:
        assert send(mailer, 0) == a.port
        a.wait_for_ends(1)
        assert a.verbs[-1] == "QUIT", "it was closed when it came back"
        assert send(mailer, 1) == b.port


def test_many_messages_go_over_when_the_server_moves(fakes: tuple[FakeSmtp, FakeSmtp], service: Service) -> None:
    a, b = fakes
    moved = threading.Event()

    def change_then_answer(session: Session) -> None:
        if len(a.messages) >= 5 and not moved.is_set():
            moved.set()
            service.set(smtp_server=f"localhost:{b.port}")
        session.send(b"250 2.0.0 ok\r\n")

    a.script["."] = change_then_answer
    with confobjects.mailer(service.live) as mailer:
        results = list(mailer.send_many(mails(100)))
        assert send(mailer, 100) == b.port
    assert all(one.delivered for one in results)
    assert [one.report.port for one in results if one.report] == [a.port] * len(a.messages) + [b.port] * (
        100 - len(a.messages)
    )
    assert len(a.messages) in {5, 6, 7}, "those that were under way went on"
    assert sorted(numbers(a) + numbers(b)) == list(range(101))
    assert mailer.counters.delivered == 101


def test_another_password_retires_connections(
    authority: Authority, server_context: dict[str, ssl.SSLContext], tmp_path: Path
) -> None:
    store, secret = tmp_path / "ca.pem", tmp_path / "password"
    store.write_bytes(authority.pem)
    secret.write_text("first", encoding="utf-8")
    with FakeSmtp({"STARTTLS": starttls}, tls=server_context["good"]) as fake:
        values = values_of(fake, **{"use-start-tls": True, "trust-manager-provider": "ca"})
        file = File(tmp_path)
        with file.change() as tx:
            tx.create("trust-manager-provider", "ca", {**CA, "trust-store-file": str(store)}, type="file-based")
            login = {"auth-username": "me", "auth-password": "&{file:password}"}
            tx.set(*ONE, {**values, **login})
        with file.live() as live, confobjects.mailer(live) as mailer:
            send(mailer)
            service = Service(file, live)
            replace(secret, b"second")
            assert live.wait_until(lambda: live[ONE]["auth-password"] == "second", LONG)
            send(mailer)
            service.set(auth_password="third")
            send(mailer)
            send(mailer)
            assert fake.connections == 3
            heard = threading.Event()
            live.listen("trust-manager-provider")(lambda _: heard.set())
            replace(store, authority.pem * 2)
            assert heard.wait(LONG)
            send(mailer)
            send(mailer)
            assert fake.connections == 4, "another trust as well, at once"
    words = [base64.b64decode(one.split()[2]).split(b"\0")[2] for one in fake.commands if one.startswith("AUTH PLAIN")]
    assert words == [b"first", b"second", b"third", b"third"]


def replace(file: Path, content: bytes) -> None:
    """Put another file in the place of a file."""
    other = file.with_name("replacement")
    other.write_bytes(content)
    other.rename(file)


def test_from_starttls_to_tls_from_the_first_byte_when_the_component_is_restarted(
    authority: Authority, server_context: dict[str, ssl.SSLContext], tmp_path: Path
) -> None:
    store = tmp_path / "ca.pem"
    store.write_bytes(authority.pem)
    tls = server_context["good"]
    with FakeSmtp({"STARTTLS": starttls}, tls=tls) as a, FakeSmtp(tls=tls, implicit=True) as b:
        file = File(tmp_path)
        with file.change() as tx:
            tx.create("trust-manager-provider", "ca", {**CA, "trust-store-file": str(store)}, type="file-based")
            tx.set(*ONE, values_of(a, **{"use-start-tls": True, "trust-manager-provider": "ca"}))
        with file.live() as live, confobjects.mailer(live) as mailer:
            service = Service(file, live)
            assert send(mailer) == a.port
            service.set(use_ssl=True, use_start_tls=False, smtp_server=f"localhost:{b.port}")
            assert live.waiting
            assert send(mailer) == a.port
            assert a.connections == 1
            live.restart(*ONE)
            assert live.wait_until(lambda: not live.waiting, LONG)
            report = mailer.send(b"\r\n\r\n", "me@example.com", "b@c.example")
            assert (report.port, b.connections) == (b.port, 1)


def test_a_real_server_gets_the_values_of_one_state(
    postfix: SimpleNamespace, authority: Authority, tmp_path: Path
) -> None:
    """From a wrong password to the right one, and from STARTTLS to TLS from the first byte."""
    store = tmp_path / "ca.pem"
    store.write_bytes(authority.pem)
    file = File(tmp_path)
    with file.change() as tx:
        tx.create("trust-manager-provider", "ca", {**CA, "trust-store-file": str(store)}, type="file-based")
        values = {"smtp-server": f"localhost:{postfix.ports['submission']}", "trust-manager-provider": "ca"}
        tx.set(*ONE, {**values, "auth-username": USER, "auth-password": "wrong"})
    with file.live() as live, confobjects.mailer(live) as mailer:
        service = Service(file, live)
        with pytest.raises(DeliveryError) as caught:
            send(mailer)
        assert caught.value.stage == "auth"
        service.set(auth_password=PASSWORD)
        assert send(mailer) == postfix.ports["submission"]
        service.set(use_ssl=True, use_start_tls=False, smtp_server=f"localhost:{postfix.ports['smtps']}")
        assert send(mailer) == postfix.ports["submission"]
        live.restart(*ONE)
        assert live.wait_until(lambda: not live.waiting, LONG)
        results = list(mailer.send_many(mails(3, to="bob@example.com")))
        assert [one.report.port for one in results if one.report] == [postfix.ports["smtps"]] * 3
        assert mailer.counters.connections == 2


def test_servers_come_and_go(fakes: tuple[FakeSmtp, FakeSmtp], service: Service) -> None:
    a, b = fakes
    with confobjects.mailer(service.live) as mailer:
        assert send(mailer) == a.port
        service.change(lambda tx: tx.create(*TWO, values_of(b)))
        assert send(mailer) == a.port, "the first by name"
        service.set(enabled=False)
        assert send(mailer) == b.port
        a.wait_for_ends(1)
        assert a.verbs[-1] == "QUIT"
        service.set(enabled=True)
        assert send(mailer) == a.port
        service.change(lambda tx: tx.delete(*ONE))
        assert send(mailer) == b.port
        service.change(lambda tx: tx.set(*TWO, {"enabled": False}))
        with pytest.raises(MailError, match="no mail server is enabled") as caught:
            send(mailer)
        assert (caught.value.stage, mailer.counters.failed) == ("plan", 1)
        with pytest.raises(MailError):
            _ = mailer.plan
        [result] = mailer.send_many(mails(1))
        assert result.error is not None
        assert (result.error.stage, result.unknown) == ("plan", False)
        service.change(lambda tx: tx.create(*ONE, values_of(a)))
        assert send(mailer) == a.port
        [result] = mailer.send_many(mails(1))
        assert result.delivered


def test_a_server_that_comes_between_two_groups_is_used(fakes: tuple[FakeSmtp, FakeSmtp], service: Service) -> None:
    service.set(enabled=False)
    with confobjects.mailer(service.live) as mailer:
        results = mailer.send_many(mails(_GROUP + 1))
        assert [next(results).delivered for _ in range(_GROUP)] == [False] * _GROUP
        service.set(enabled=True)
        assert next(results).delivered


def test_a_trust_store_counts_although_the_configuration_cannot_be_read(
    authority: Authority, server_context: dict[str, ssl.SSLContext], tmp_path: Path
) -> None:
    store = tmp_path / "ca.pem"
    store.write_bytes(authority.pem)
    with FakeSmtp({"STARTTLS": starttls}, tls=server_context["good"]) as fake:
        file = File(tmp_path)
        with file.change() as tx:
            tx.create("trust-manager-provider", "ca", {**CA, "trust-store-file": str(store)}, type="file-based")
            tx.set(*ONE, values_of(fake, **{"use-start-tls": True, "trust-manager-provider": "ca"}))
        with file.live() as live, confobjects.mailer(live) as mailer:
            heard = threading.Event()
            live.listen("trust-manager-provider")(lambda _: heard.set())
            file.replace("no LDIF at all")
            assert live.wait_until(lambda: live.problems, LONG)
            send(mailer)
            replace(store, authority.pem * 2)
            assert heard.wait(LONG)
            send(mailer)
            assert fake.connections == 2


def test_names_may_come_later(fakes: tuple[FakeSmtp, FakeSmtp], service: Service) -> None:
    a, b = fakes
    with confobjects.mailer(service.live, "Two", "three") as mailer:
        with pytest.raises(MailError, match='there is no mail server "Two"') as caught:
            send(mailer)
        assert len(caught.value.diagnostics) == 2
        service.change(lambda tx: tx.create(*TWO, values_of(b)))
        assert send(mailer) == b.port
        service.change(lambda tx: tx.create("mail-server", "three", values_of(a)))
        assert send(mailer) == b.port
        service.change(lambda tx: tx.set(*TWO, {"enabled": False}))
        assert send(mailer) == a.port
        service.change(lambda tx: tx.set("mail-server", "three", {"enabled": False}))
        with pytest.raises(MailError, match="is disabled"):
            send(mailer)


def test_a_server_that_cannot_be_used_is_left_out_and_said(
    fakes: tuple[FakeSmtp, FakeSmtp], service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = fakes
    with confobjects.mailer(service.live) as mailer:
        assert send(mailer) == a.port
        service.change(lambda tx: tx.create(*TWO, values_of(b)))
        service.set(auth_username="me", auth_password="secret word")
        assert send(mailer) == b.port, "a login would go in clear"
        service.change(lambda tx: tx.delete(*TWO))
        with pytest.raises(MailError, match="in clear text"):
            send(mailer)
        service.set(auth_username=None, auth_password=None)
        assert send(mailer) == a.port
    said = [one for one in caplog.records if one.levelname == "WARNING"]
    assert len([one for one in said if "in clear text" in one.getMessage()]) == 1
    assert "secret word" not in caplog.text


def test_a_handler_of_log_records_may_send_mail(fakes: tuple[FakeSmtp, FakeSmtp], service: Service) -> None:
    a, _ = fakes

    class Alarm(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno == logging.WARNING:
                assert send(mailer, 7) == a.port

    log, alarm = logging.getLogger("confobjects.mail"), Alarm()
    log.addHandler(alarm)
    try:
        with confobjects.mailer(service.live) as mailer:
            unusable = {"smtp-server": "two.example.com", "auth-username": "me", "auth-password": "secret"}
            service.change(lambda tx: tx.create(*TWO, {"enabled": True, "use-start-tls": False, **unusable}))
            assert send(mailer, 1) == a.port
    finally:
        log.removeHandler(alarm)
    assert numbers(a) == [7, 1]


def test_a_live_configuration_that_was_not_entered_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="enter"):
        confobjects.mailer(File(tmp_path).live())


def test_asynchronous_programs_follow_as_well(fakes: tuple[FakeSmtp, FakeSmtp], service: Service) -> None:
    a, b = fakes

    async def act() -> list[int]:
        with confobjects.mailer(service.live) as mailer:
            found = [(await mailer.asend(*parts(mails(1)[0]))).port]
            await asyncio.to_thread(service.set, smtp_server=f"localhost:{b.port}")
            found.append((await mailer.asend(*parts(mails(1)[0]))).port)
            found += [one.report.port async for one in mailer.asend_many(mails(2)) if one.report]
        return found

    assert asyncio.run(act()) == [a.port, b.port, b.port, b.port]


def test_a_child_of_a_fork_sends_by_what_was_in_effect(fakes: tuple[FakeSmtp, FakeSmtp], service: Service) -> None:
    a, b = fakes
    with confobjects.mailer(service.live) as mailer:
        assert send(mailer) == a.port

        def act() -> None:
            assert send(mailer, 1) == a.port

        assert wait_for(fork(act)) == 0
        service.set(smtp_server=f"localhost:{b.port}")
        assert send(mailer, 2) == b.port


# -- the pool ----------------------------------------------------------------------------------------------------------


def test_connections_of_every_plan_count(fakes: tuple[FakeSmtp, FakeSmtp]) -> None:
    old, new = (plan_delivery(mail_server(one.port, "confobjects.pool.max-connections=2", **CLEAR)) for one in fakes)
    pool = Pool(old)
    first, second = pool.take(), pool.take()
    pool.give_back(first)
    assert pool.renew(new)
    third = pool.take(wait=False)
    assert third is not None
    assert third.plan == new
    assert pool.take(wait=False) is None, "one of the old plan is in use, and one of the new"
    pool.give_back(second)
    assert not second.usable
    fourth = pool.take(wait=False)
    assert fourth is not None
    assert fourth.plan == new
    for one in (third, fourth):
        pool.give_back(one)
    fakes[0].wait_for_ends(2)
    pool.close()
    assert pool.is_empty
    assert (fakes[0].connections, fakes[1].connections) == (2, 2)


def test_whoever_waits_for_a_place_gets_it_by_the_newest_plan(fakes: tuple[FakeSmtp, FakeSmtp]) -> None:
    old, new = (plan_delivery(mail_server(one.port, "confobjects.pool.max-connections=1", **CLEAR)) for one in fakes)
    pool = Pool(old)
    lent = pool.take()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pool.take)
        while not pool._waiting:
            os.sched_yield()
        pool.renew(new)
        pool.give_back(lent)
        connection = waiting.result(LONG)
    assert connection.plan == new
    assert fakes[1].connections == 1, "none was opened in vain"
    pool.give_back(connection)
    pool.renew(None)
    with pytest.raises(Outdated):
        pool.take()
    pool.quit_outdated()
    assert pool.is_empty


def test_what_is_learned_about_an_old_server_says_nothing_of_the_new_one(fakes: tuple[FakeSmtp, FakeSmtp]) -> None:
    old, new = (plan_delivery(mail_server(one.port, **CLEAR)) for one in fakes)
    pool = Pool(old)
    lent = pool.take()
    pool.renew(new)
    lent.plan = lent.plan.without_extension("CHUNKING")
    pool.give_back(lent)
    assert pool.plan == new
    pool.close()


class _Model:
    """A pool, and what its connections must obey."""

    def __init__(self, plans: Sequence[DeliveryPlan]) -> None:
        self.plans = plans
        self.plan: DeliveryPlan | None = plans[0]
        self.pool = Pool(plans[0])
        self.lent: list[Connection] = []

    def take(self, _: int) -> None:
        before = self.pool._count
        try:
            connection = self.pool.take(wait=False)
        except Outdated:
            assert self.plan is None
            return
        assert self.plan is not None
        if connection is None:
            assert before >= self.plan.pool.connections
        else:
            assert connection.plan == self.plan
            self.lent.append(connection)

    def give_back(self, number: int) -> None:
        if self.lent:
            connection = self.lent.pop(number % len(self.lent))
            self.pool.give_back(connection)
            if connection.plan != self.plan:
                assert not connection.usable

    def renew(self, number: int) -> None:
        self.plan = [*self.plans, None][number % 4]
        self.pool.renew(self.plan)
        assert all(one.usable for one in self.lent), "nobody is disturbed in the middle of a message"

    def check(self) -> None:
        pool = self.pool
        assert pool._count == len(self.lent) + len(pool._idle) + len(pool._outdated)
        assert all(one.plan == self.plan for one, _ in pool._idle)


@settings(deadline=None, max_examples=25)
@given(
    steps=st.lists(st.tuples(st.sampled_from(["take", "take", "give_back", "renew"]), st.integers(0, 11)), max_size=25)
)
def test_a_pool_lends_only_what_the_plan_of_now_has_made(steps: list[tuple[str, int]]) -> None:
    with FakeSmtp() as a, FakeSmtp() as b:
        limits = ((a, 1), (b, 3), (a, 2))
        model = _Model(
            [
                plan_delivery(mail_server(fake.port, f"confobjects.pool.max-connections={most}", **CLEAR))
                for fake, most in limits
            ]
        )
        for name, number in steps:
            getattr(model, name)(number)
            model.check()
        for _ in tuple(model.lent):
            model.give_back(0)
        model.pool.close()
        assert model.pool.is_empty


# -- everything at once ------------------------------------------------------------------------------------------------


class Restarting:
    """A component that takes every change at once."""

    def start(self, obj: EffectiveObject) -> None:
        pass

    def change(self, event: LiveEvent) -> bool:
        return bool(event.waiting)

    def stop(self) -> None:
        pass


def test_threads_send_while_a_hundred_changes_happen(
    authority: Authority, server_context: dict[str, ssl.SSLContext], tmp_path: Path
) -> None:
    """Each server knows one login, and one kind of TLS. Nothing is left open."""
    store = tmp_path / "ca.pem"
    store.write_bytes(authority.pem)
    tls = server_context["good"]
    gc.collect()  # what other tests have left would be closed in between
    threads_before, files_before = threading.active_count(), count_files()
    with FakeSmtp({"STARTTLS": starttls}, tls=tls) as a, FakeSmtp(tls=tls, implicit=True) as b:
        sides: list[dict[str, Any]] = [
            {"use_ssl": False, "use_start_tls": True, "smtp_server": f"localhost:{a.port}", **login("a")},
            {"use_ssl": True, "use_start_tls": False, "smtp_server": f"localhost:{b.port}", **login("b")},
        ]
        file = File(tmp_path)
        with file.change() as tx:
            tx.create("trust-manager-provider", "ca", {**CA, "trust-store-file": str(store)}, type="file-based")
            tx.set(*ONE, {"trust-manager-provider": "ca"})
        file.set(**sides[0])
        went = send_while_changing(file, sides, last=a.port)
        for fake, name in ((a, "a"), (b, "b")):
            logins = [one for one in fake.commands if one.startswith("AUTH PLAIN")]
            assert [one for one in logins if one.split()[2] != plain(name)] == []
            assert sorted(numbers(fake)) == sorted(number for port, number in went if port == fake.port)
        assert min(len(a.messages), len(b.messages)) > 0
    gc.collect()
    assert threading.active_count() == threads_before
    assert count_files() == files_before


def send_while_changing(file: File, sides: list[dict[str, Any]], last: int) -> list[tuple[int, int]]:
    """Send in four threads during a hundred changes; return the port and the number of each message as it was reported."""
    done, went = threading.Event(), list[tuple[int, int]]()

    def keep_sending(thread: int) -> None:
        number = thread * 1_000_000
        while not done.is_set():
            number += 1
            went.append((send(mailer, number), number))

    with file.live() as live, confobjects.mailer(live) as mailer, ThreadPoolExecutor(4) as threads:
        live.component("mail-server", Restarting)
        sending = [threads.submit(keep_sending, thread) for thread in range(4)]
        try:
            for change in range(1, 101):
                file.set(**sides[change % 2])
            assert live.wait_for(103, LONG)
            assert live.wait_until(lambda: live[ONE]["smtp-server"].port == last, LONG)
        finally:
            done.set()
        for one in sending:
            one.result(LONG)
        assert mailer._pools is not None
        [pool] = mailer._pools.pools
        assert not pool._lent
        assert pool._count == len(pool._idle) <= 4
        went.append((send(mailer, 0), 0))
        assert went[-1][0] == last
        assert (mailer.counters.delivered, mailer.counters.failed) == (len(went), 0)
    return went


def login(name: str) -> dict[str, str]:
    return {"auth_username": f"user-{name}", "auth_password": f"password-{name}"}


def plain(name: str) -> str:
    """Return the login of a name as AUTH PLAIN sends it."""
    return base64.b64encode(f"\0user-{name}\0password-{name}".encode()).decode()


def count_files() -> int:
    return len(os.listdir("/proc/self/fd"))
