"""What an operator sees of a ledger: the words of each outcome, the totals, the runners; and what is purged."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, select

from confobjects.actions import RemedyAction
from confobjects.errors import MailError, NotAcceptedError
from confobjects.mail.diagnosis import DeliveryError
from confobjects.service import operating
from confobjects.service.counting import Counted, read_totals
from confobjects.service.ledger import Ledger, Mail
from confobjects.service.operating import count_open, mark_unknown
from confobjects.service.rules.settings import DAY, Settings
from confobjects.service.rules.states import (
    CANCELLED,
    EXPIRED,
    LEASE,
    LEASE_ENDED,
    NO_SENDER,
    RESTORED,
    Answer,
    Recipient,
    State,
    Verdict,
    Words,
    settle,
)
from confobjects.service.rules.wording import word_outcome
from confobjects.service.runner import Runner, Setting
from confobjects.service.senders import MailerSender
from confobjects.service.tables import COUNTS, FACTS, RUNNERS, VERSION
from confobjects.service.work import Settled, Work
from confobjects.transport.mailer import Mailer
from tests.servers import mail_server
from tests.servers.fake_smtp import FakeSmtp, Script, close
from tests.service.conftest import Clock
from tests.transport.sending import CLEAR

SETTINGS = Settings(sender="one")


def accept(ledger: Ledger, *to: str, category: str = "", sender: str = "one") -> str:
    mail = Mail(b"Subject: x\r\n\r\nx\r\n", "me@example.com", to or ("ann@example.com",), category, sender)
    return ledger.accept(mail, SETTINGS)


def attempt(ledger: Ledger, *answers: Answer, clock: Clock, count: int = 1, settings: Settings = SETTINGS) -> None:
    """Take mails, and settle each by some answers for its recipients."""
    work = Work(ledger, "r1")
    for delivery in work.take(count, settings, {}).deliveries:
        part = delivery.held.part
        after = settle(part, dict(zip(part.in_attempt, answers, strict=True)), clock.now, settings)
        work.record([Settled(delivery.held, after)], settings)


def totals(ledger: Ledger) -> dict[str, dict[str, int]]:
    with ledger.database.read() as connection:
        return {name.value: dict(by_label) for name, by_label in read_totals(connection).items() if by_label}


# -- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ({"AUTH": b"535 5.7.8 no\r\n", "auth": b"535 5.7.8 no\r\n"}, "auth-rejected"),
        ({"banner": b"421 4.7.0 busy\r\n"}, "banner-busy"),
        ({"RCPT": b"550 5.1.1 no\r\n"}, "no-such-recipient"),
        ({".": close}, "unknown-outcome"),
    ],
)
def test_the_words_of_a_diagnosis_are_kept(ledger: Ledger, script: Script, code: str) -> None:
    message = accept(ledger)
    with FakeSmtp(script) as fake:
        login = {"auth_username": "me", "auth_password": "secret"} if "AUTH" in script else {}
        sender = MailerSender(
            Mailer(mail_server(fake.port, "confobjects.allow-insecure=login-in-clear", **login, **CLEAR))
        )
        Runner(ledger, lambda: Setting(SETTINGS, {"one": sender})).run_once()
        [one] = ledger.find(message).parts[0].recipients
        assert one.code == code
        assert one.words == word_outcome(one)
        with pytest.raises(MailError) as error:
            Mailer(mail_server(fake.port, "confobjects.allow-insecure=login-in-clear", **login, **CLEAR)).send(
                b"Subject: x\r\n\r\nx\r\n", from_="me@example.com", to="ann@example.com"
            )
    assert isinstance(error.value, DeliveryError)
    assert one.words == Words(error.value.diagnosis.summary, error.value.diagnosis.remedy)


@pytest.mark.parametrize(
    "remedy",
    [
        "Try again later.",
        ("Set ", RemedyAction("assign", "use-ssl", "true"), ", or wait."),
        (RemedyAction("setting", "smtp-property", "a.b"),),
        "",
    ],
)
def test_a_remedy_comes_back_as_it_was(ledger: Ledger, clock: Clock, remedy: object) -> None:
    words = Words("nothing accepts connections at x\n\x1b[31m", remedy)  # type: ignore[arg-type]
    message = accept(ledger, "a@x.test", "b@x.test", "c@x.test", "d@x.test")
    answers = [
        Answer(Verdict.LATER, "connection-refused", words=words),
        Answer(Verdict.LATER, "connection-refused", words=words),
        Answer(Verdict.DELIVERED, reply="250 ok"),
        Answer(Verdict.REFUSED, "x", words=Words("another")),
    ]
    attempt(ledger, *answers, clock=clock)
    found = [one.words for one in ledger.find(message).parts[0].recipients]
    assert found == [words, words, None, Words("another")]


OUTCOMES = [
    (Recipient("a@x.test"), None),
    (Recipient("a@x.test", code="never-heard-of"), None),
    (Recipient("a@x.test", code="recipient-refused"), "the server refuses the recipient a@x.test"),
    (Recipient("a@x.test", code="connection-refused", words=Words("at h:25")), "at h:25"),
    (Recipient("a@x.test", code=CANCELLED), "it was cancelled"),
    (
        Recipient("a@x.test", code=EXPIRED, words=Words("at h:25")),
        "it could not be delivered before it expired; the last attempt: at h:25",
    ),
    (
        Recipient("a@x.test", code=LEASE_ENDED),
        "the program that sent it was lost before it wrote down the answer of the mail server",
    ),
    (
        Recipient("a@x.test", code=RESTORED),
        "it was not finished in a backup of the ledger that was put back; it may have been sent since",
    ),
    (Recipient("a@x.test", code=NO_SENDER), "the sender that it was accepted for cannot be used"),
]


@pytest.mark.parametrize(("one", "summary"), OUTCOMES)
def test_every_outcome_has_words(one: Recipient, summary: str | None) -> None:
    words = word_outcome(one)
    assert (None if words is None else words.summary) == summary


def test_what_was_open_in_a_backup_is_unknown_and_sent_only_if_it_is_wanted(
    ledger: Ledger, clock: Clock, open_it: Callable[[], Ledger]
) -> None:
    delivered = accept(ledger, "done@x.test")
    attempt(ledger, Answer(Verdict.DELIVERED), clock=clock)
    partly = accept(ledger, "a@x.test", "b@x.test")
    attempt(ledger, Answer(Verdict.DELIVERED), Answer(Verdict.LATER, "later"), clock=clock)
    taken = accept(ledger, "c@x.test")
    work = Work(open_it(), "r1")
    [delivery] = work.take(10, SETTINGS, {"one": "1"}).deliveries
    work.record((), SETTINGS, delivery.held)  # it is being sent
    waiting = accept(ledger, "d@x.test")
    assert count_open(ledger) == 3
    assert mark_unknown(ledger) == 3
    assert mark_unknown(ledger) == count_open(ledger) == 0
    assert [ledger.find(one).state for one in (delivered, partly, taken, waiting)] == [
        State.DELIVERED,
        State.UNKNOWN,
        State.UNKNOWN,
        State.UNKNOWN,
    ]
    assert [one.state for one in ledger.find(partly).parts[0].recipients] == [State.DELIVERED, State.UNKNOWN]
    clock.now += DAY
    assert work.take(10, SETTINGS, {"one": "1"}).deliveries == ()
    part = delivery.held.part
    late = work.record(
        [Settled(delivery.held, settle(part, {0: Answer(Verdict.DELIVERED)}, clock.now, SETTINGS))], SETTINGS
    )
    assert late.counts == (False,)
    assert ledger.retry(waiting) == 1
    [again] = work.take(10, SETTINGS, {"one": "1"}).deliveries
    assert again.held.part.mail == waiting


def test_marking_goes_through_a_ledger_in_groups(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operating, "_GROUP", 2)
    for _ in range(5):
        accept(ledger, "a@x.test")
    assert mark_unknown(ledger) == 5


# -- totals ------------------------------------------------------------------------------------------------------------


def test_what_happens_is_counted(ledger: Ledger, clock: Clock, open_it: Callable[[], Ledger]) -> None:
    for _ in range(3):
        accept(ledger, category="account")
    accept(ledger, "bob@example.com", "cid@example.com")
    accept(ledger, "eve@example.com")
    with pytest.raises(NotAcceptedError):
        accept(ledger, category="account")
    attempt(ledger, Answer(Verdict.DELIVERED), clock=clock)
    attempt(ledger, Answer(Verdict.REFUSED, "no-such-recipient"), clock=clock)
    attempt(ledger, Answer(Verdict.UNKNOWN, "closed"), clock=clock)
    attempt(ledger, Answer(Verdict.LATER, "greylisted"), Answer(Verdict.DELIVERED), clock=clock)
    last = ledger.list()[-1]
    assert ledger.cancel(last.id) == 1
    expected = {
        "accepted": {"": 5},
        "refused": {"over-quota": 1},
        "attempt": {"delivered": 2, "no-such-recipient": 1, "closed": 1, "greylisted": 1},
        "ended": {"delivered": 1, "failed": 2, "unknown": 1},
    }
    assert totals(ledger) == expected
    other = open_it()
    accept(other)
    assert totals(other) == {**expected, "accepted": {"": 6}}


def test_an_attempt_that_was_held_up_by_others_counts_for_what_held_it_up_only(ledger: Ledger, clock: Clock) -> None:
    accept(ledger, "a@x.test", "b@x.test")
    attempt(ledger, Answer(Verdict.HELD_UP), Answer(Verdict.REFUSED, "no-such-recipient"), clock=clock)
    assert totals(ledger)["attempt"] == {"no-such-recipient": 1}


def test_a_transaction_that_is_carried_out_again_counts_once_and_one_that_fails_not_at_all(ledger: Ledger) -> None:
    def fail(_connection: Connection) -> float:
        ledger.counts.add(Counted.ACCEPTED)
        return 1 / 0

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            ledger.perform(fail)
    assert totals(ledger) == {}
    accept(ledger)
    assert totals(ledger) == {"accepted": {"": 1}}


def test_what_another_release_counted_is_left_alone(ledger: Ledger) -> None:
    accept(ledger)
    row = {"name": "yet-unknown", "label": "", "shard": 0, "value": 7}
    ledger.perform(lambda connection: connection.execute(COUNTS.insert(), row))
    assert totals(ledger) == {"accepted": {"": 1}}


def test_a_ledger_without_counts_gets_them(ledger: Ledger, open_it: Callable[[], Ledger]) -> None:
    message = accept(ledger)

    def make_old(connection: Connection) -> None:
        COUNTS.drop(connection)
        RUNNERS.drop(connection)
        connection.execute(FACTS.update().where(FACTS.c.name == VERSION).values(value=b"1"))

    ledger.database.write(make_old)
    newer = open_it()
    assert newer.find(message).state is State.QUEUED
    accept(newer)
    assert totals(newer) == {"accepted": {"": 1}}


# -- runners -----------------------------------------------------------------------------------------------------------


def names(ledger: Ledger) -> list[str]:
    with ledger.database.read() as connection:
        return list(connection.execute(select(RUNNERS.c.name)).scalars())


def test_a_runner_is_known_from_its_first_sign_of_life_to_its_end(ledger: Ledger, clock: Clock) -> None:
    work = Work(ledger, "r1")
    for _ in range(2):
        work.renew_leases()
    assert names(ledger) == ["r1"]
    work.leave()
    assert names(ledger) == []


def test_a_runner_that_was_lost_is_forgotten_after_a_day(ledger: Ledger, clock: Clock) -> None:
    Work(ledger, "r1").renew_leases()
    clock.now += DAY - LEASE
    Work(ledger, "r2").renew_leases()
    ledger.purge(SETTINGS)
    assert names(ledger) == ["r1", "r2"]
    clock.now += 2 * LEASE
    ledger.purge(SETTINGS)
    assert names(ledger) == ["r2"]


def test_a_runner_that_runs_tells_so_and_leaves(ledger: Ledger) -> None:
    seen: list[list[str]] = []

    def read() -> Setting:
        """Tell what counts once the runner is known, and end it."""
        while not names(ledger):
            pass
        seen.append(names(ledger))
        runner.stop()
        return Setting(SETTINGS, {})

    runner = Runner(ledger, read)
    runner.run()
    assert seen[0] == [runner.name]
    assert names(ledger) == []
