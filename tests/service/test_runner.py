"""Runners over real ledgers and a mail server that does what a script says."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable

import pytest

from confobjects.errors import LedgerError, NotAcceptedError
from confobjects.service.ledger import Ledger, Mail
from confobjects.service.rules.settings import MINUTE, Settings
from confobjects.service.rules.states import EXPIRED, LEASE, LEASE_ENDED, State
from confobjects.service.runner import NO_SENDER, Runner, Setting
from confobjects.service.senders import MailerSender
from confobjects.service.work import Delivery, Work
from confobjects.transport.mailer import Mailer
from tests.servers import mail_server
from tests.servers.fake_smtp import FakeSmtp, Script, Session, close
from tests.service.conftest import Clock
from tests.transport.sending import CLEAR, numbers

SETTINGS = Settings(sender="one")


def accept(ledger: Ledger, count: int = 1, *to: str, settings: Settings = SETTINGS) -> list[str]:
    """Accept numbered mails."""
    recipients = to or ("ann@example.com",)
    return [
        ledger.accept(Mail(b"Subject: %d\r\n\r\nhello\r\n" % number, "me@example.com", recipients), settings)
        for number in range(count)
    ]


def runner_for(ledger: Ledger, fake: FakeSmtp, *rows: str, connections: int = 1, **settings: object) -> Runner:
    sender = MailerSender(Mailer(mail_server(fake.port, *rows, **CLEAR)))
    setting = Setting(SETTINGS.replace(**settings), {"one": sender})
    return Runner(ledger, lambda: setting, connections=connections)


def states(ledger: Ledger, ids: list[str]) -> list[State]:
    return [ledger.find(one).state for one in ids]


@pytest.mark.parametrize("connections", [1, 3])
def test_what_is_accepted_is_delivered_once_and_in_its_order(ledger: Ledger, connections: int) -> None:
    ids = accept(ledger, 10)
    with FakeSmtp() as fake:
        runner = runner_for(ledger, fake, connections=connections)
        assert runner.run_once() == 0
        assert runner.run_once() > 0
        assert sorted(numbers(fake)) == list(range(10))
    assert states(ledger, ids) == [State.DELIVERED] * 10


@pytest.mark.parametrize("partly", ["true", "false"])
def test_each_recipient_has_its_own_outcome_whether_or_not_the_server_gets_mails_in_part(
    ledger: Ledger, clock: Clock, partly: str
) -> None:
    replies = {"ann": b"250 ok\r\n", "bob": b"450 4.2.0 later\r\n", "cid": b"550 5.1.1 no\r\n"}

    def answer(session: Session) -> None:
        line = session.server.commands[-1]
        session.send(next(reply for name, reply in replies.items() if name in line))

    [message] = accept(ledger, 1, "ann@x.test", "bob@x.test", "cid@x.test")
    with FakeSmtp({"RCPT": answer}) as fake:
        runner = runner_for(ledger, fake, f"mail.smtp.sendpartial={partly}")
        for _ in range(3):
            runner.run_once()
        assert [one.state.value for one in ledger.find(message).parts[0].recipients] == [
            "delivered",
            "queued",
            "failed",
        ]
        clock.now += MINUTE
        replies["bob"] = b"250 ok\r\n"
        runner.run_once()
        assert [one.state.value for one in ledger.find(message).parts[0].recipients][1] == "delivered"
        assert len(fake.messages) == 2
    [known] = ledger.list_standings()
    assert (known.address, known.standing.refusals) == ("cid@x.test", 1)


def test_an_address_that_is_refused_every_time_is_suppressed(ledger: Ledger) -> None:
    with FakeSmtp({"RCPT": b"550 5.1.1 no such user\r\n"}) as fake:
        runner = runner_for(ledger, fake)
        for _ in range(SETTINGS.suppress_after or 0):
            accept(ledger)
            runner.run_once()
    with pytest.raises(NotAcceptedError, match="suppressed"):
        accept(ledger)


def test_a_wrong_password_is_tried_three_times_and_then_not_until_the_configuration_changes(
    ledger: Ledger, clock: Clock
) -> None:
    accept(ledger, 5)
    script: Script = {"AUTH": b"535 5.7.8 no\r\n", "auth": b"535 5.7.8 no\r\n"}
    with FakeSmtp(script) as fake, FakeSmtp() as good:

        def read() -> Setting:
            row = ("confobjects.allow-insecure=login-in-clear",)
            server = mail_server(used.port, *row, auth_username="me", auth_password="secret", **CLEAR)
            return Setting(SETTINGS, {"one": MailerSender(Mailer(server))})

        used = fake
        runners = [Runner(ledger, read), Runner(ledger, read)]
        for _ in range(60):  # an hour
            for runner in runners:
                runner.run_once()
            clock.now += MINUTE
        assert fake.verbs.count("AUTH") == 3
        assert ledger.count_states()[State.QUEUED] == 5
        used = good
        clock.now += 6 * 60 * MINUTE
        runners[0].run_once()
        assert len(good.messages) == 5


def test_an_outcome_that_nobody_knows_is_told_and_the_mail_is_not_sent_again(ledger: Ledger, clock: Clock) -> None:
    ids = accept(ledger, 2)
    with FakeSmtp({".": [close, b"250 ok\r\n"]}) as fake:
        runner = runner_for(ledger, fake)
        for _ in range(3):
            runner.run_once()
            clock.now += MINUTE
        assert numbers(fake).count(0) == 1
    assert states(ledger, ids) == [State.UNKNOWN, State.DELIVERED]


def test_a_lease_that_ends_before_the_end_of_the_mail_leaves_it_to_the_other_runner(
    ledger: Ledger, clock: Clock
) -> None:
    [message] = accept(ledger)
    other = Work(ledger, "other")
    taken: list[Delivery] = []

    def be_slow(session: Session) -> None:
        if not taken:
            clock.now += LEASE
            taken.extend(other.take(1, SETTINGS, {}).deliveries)
        session.send(b"250 ok\r\n")

    with FakeSmtp({"RCPT": be_slow}) as fake:
        runner_for(ledger, fake).run_once()
        assert fake.messages == []
    assert len(taken) == 1
    assert ledger.find(message).parts[0].runner == "other"


def test_a_lease_that_ends_after_the_end_of_the_mail_is_unknown_until_the_answer_comes(
    ledger: Ledger, clock: Clock
) -> None:
    [message] = accept(ledger)
    seen: list[State] = []

    def be_slow(session: Session) -> None:
        clock.now += LEASE
        Work(ledger, "other").find_lost()
        seen.append(ledger.find(message).state)
        session.send(b"250 ok at last\r\n")

    with FakeSmtp({".": be_slow}) as fake:
        runner_for(ledger, fake).run_once()
    assert seen == [State.UNKNOWN]
    assert ledger.find(message).state is State.DELIVERED


class Outage:
    """Lets a ledger fail for as long as it is wanted."""

    def __init__(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lasts = False
        write = ledger.perform

        def perform(work: Callable[..., object]) -> object:
            if self.lasts:
                raise LedgerError("out of order")
            return write(work)

        monkeypatch.setattr(ledger, "perform", perform)


def test_without_its_ledger_a_runner_sends_nothing_and_goes_on_when_it_is_back(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, outage = accept(ledger, 3), Outage(ledger, monkeypatch)

    def fail(session: Session) -> None:
        outage.lasts = True
        session.send(b"354 go on\r\n")

    with FakeSmtp({"DATA": [b"354 go on\r\n", fail, b"354 go on\r\n"]}) as fake:
        runner = runner_for(ledger, fake)
        with pytest.raises(LedgerError):
            runner.run_once()
        with pytest.raises(LedgerError):
            runner.run_once()
        assert numbers(fake) == [0]
        outage.lasts = False
        runner.run_once()
        assert sorted(numbers(fake)) == [0, 1, 2]
    assert states(ledger, ids) == [State.DELIVERED] * 3


def test_an_outage_of_the_ledger_is_told_once_however_long_it_lasts_and_so_is_its_end(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    accept(ledger)
    write, tries = ledger.perform, itertools.count()

    def perform(work: Callable[..., object]) -> object:
        runner.wake()  # it tries again at once
        if next(tries) < 20:
            raise LedgerError("out of order")
        return write(work)

    def stop(session: Session) -> None:
        session.send(b"250 ok\r\n")
        runner.stop()

    with caplog.at_level(logging.INFO, "confobjects.service"), FakeSmtp({".": stop}) as fake:
        runner = runner_for(ledger, fake)
        monkeypatch.setattr(ledger, "perform", perform)
        runner.run()
    here = [one for one in caplog.records if one.threadName == threading.current_thread().name]
    events = [one.getMessage().split()[0] for one in here if one.name == "confobjects.service"]
    assert next(tries) > 20
    assert events == ["ledger-unavailable", "delivered", "ledger-available"]


def test_an_answer_that_cannot_be_written_is_kept_until_it_can(
    ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    [message], outage = accept(ledger), Outage(ledger, monkeypatch)

    def fail(session: Session) -> None:
        outage.lasts = True
        session.send(b"250 ok\r\n")

    with FakeSmtp({".": fail}) as fake:
        runner = runner_for(ledger, fake)
        for _ in range(3):
            with pytest.raises(LedgerError):
                runner.run_once()
        outage.lasts = False
        clock.now += LEASE
        Work(ledger, "other").find_lost()
        assert ledger.find(message).state is State.UNKNOWN
        runner.run_once()
        assert len(fake.messages) == 1
    assert ledger.find(message).state is State.DELIVERED


def test_a_runner_that_is_stopped_ends_what_it_has_begun_and_gives_back_the_rest(ledger: Ledger) -> None:
    ids = accept(ledger, 20)
    with FakeSmtp() as fake:
        runner = runner_for(ledger, fake)

        def stop_in_the_middle(session: Session) -> None:
            if len(fake.messages) == 5:
                runner.stop()
            session.send(b"250 ok\r\n")

        fake.script = {**fake.script, ".": stop_in_the_middle}
        runner.run()
        delivered = len(fake.messages)
    assert 5 <= delivered < 20
    assert states(ledger, ids).count(State.DELIVERED) == delivered
    assert states(ledger, ids).count(State.QUEUED) == 20 - delivered


def test_a_runner_in_a_thread_hears_of_new_mail_and_comes_to_its_end(ledger: Ledger) -> None:
    arrived = threading.Event()

    def note(session: Session) -> None:
        session.send(b"250 ok\r\n")
        arrived.set()

    with FakeSmtp({".": note}) as fake:
        runner = runner_for(ledger, fake)
        thread = threading.Thread(target=runner.run)
        thread.start()
        [message] = accept(ledger)
        runner.wake()
        assert arrived.wait(30)
        runner.stop()
        thread.join(30)
        assert not thread.is_alive()
    assert ledger.find(message).state is State.DELIVERED


def test_a_sender_that_is_gone_is_waited_for_until_the_mail_is_too_old(ledger: Ledger, clock: Clock) -> None:
    [message] = accept(ledger, settings=Settings(sender="gone"))
    with FakeSmtp() as fake:
        runner = runner_for(ledger, fake)
        runner.run_once()
        assert ledger.find(message).parts[0].recipients[0].code == NO_SENDER
        clock.now += SETTINGS.expire
        runner.run_once()
    entry = ledger.find(message)
    assert (entry.state, entry.parts[0].recipients[0].code) == (State.FAILED, EXPIRED)


def test_a_runner_that_was_lost_leaves_nothing_behind_but_what_is_unknown(ledger: Ledger, clock: Clock) -> None:
    ids, lost = accept(ledger, 3), Work(ledger, "lost")
    first, *_ = lost.take(3, SETTINGS, {}).deliveries
    lost.record((), SETTINGS, first.held)
    clock.now += LEASE
    with FakeSmtp() as fake:
        runner_for(ledger, fake).run_once()
        assert len(fake.messages) == 2
    unknown = ledger.find(first.held.part.mail)
    assert (unknown.state, unknown.parts[0].recipients[0].code) == (State.UNKNOWN, LEASE_ENDED)
    assert sorted(one.value for one in states(ledger, ids)) == ["delivered", "delivered", "unknown"]


def test_the_pace_of_the_settings_is_that_of_the_wire(ledger: Ledger, clock: Clock) -> None:
    accept(ledger, 3)
    with FakeSmtp() as fake:
        runner = runner_for(ledger, fake, rate_limit=60)
        for passed, count in ((0, 1), (999, 1), (1, 2), (500, 2), (500, 3)):
            clock.now += passed
            pause = runner.run_once()
            assert len(fake.messages) == count
            assert 0 < pause <= 1


def test_the_log_says_what_became_of_each_mail_and_names_no_address(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    accept(ledger, 1, "ann@example.com", "bob@example.com")
    with caplog.at_level(logging.INFO, "confobjects.service"), FakeSmtp() as fake:
        runner_for(ledger, fake).run_once()
    [record] = [one for one in caplog.records if one.name == "confobjects.service"]
    assert record.__dict__["confobjects"]["event"] == "delivered"
    assert record.__dict__["confobjects"]["recipients"] == 2
    assert "example.com" not in record.getMessage()
