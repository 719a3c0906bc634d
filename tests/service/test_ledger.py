"""The contract of ledgers, on SQLite and on PostgreSQL: what is accepted is there, and goes by the rules."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import func, inspect, select

from confobjects.errors import ConstraintError, LedgerError, NoSuchObjectError, NotAcceptedError
from confobjects.sealing import RingSealer
from confobjects.sealing.ring import Ring
from confobjects.sealing.ring_file import make_key
from confobjects.service.ledger import Ledger, Mail, open_ledger
from confobjects.service.rules.pacing import WRONG_PASSWORDS
from confobjects.service.rules.settings import DAY, HOUR, MINUTE, Settings
from confobjects.service.rules.states import LEASE, Answer, State, Verdict, settle
from confobjects.service.tables import (
    CONTENTS,
    FACTS,
    METADATA,
    PARTS,
    STANDINGS,
    TOKENS,
    UPGRADES,
    bring_up_to_date,
    read_version,
)
from confobjects.service.work import Delivery, Settled, Work
from tests.service.conftest import START, Clock
from tests.service.first_ledger import FAILED, KEY, QUEUED, make_first_ledger

SETTINGS = Settings(sender="one")
CONTENT = b"Subject: hello\r\n\r\nbody\r\n"
FINGERPRINTS = {"one": "1"}


def mail(*to: str, category: str = "", content: bytes = CONTENT) -> Mail:
    return Mail(content, "me@example.com", to or ("ann@example.com",), category)


def take(work: Work, most: int = 10, settings: Settings = SETTINGS) -> tuple[Delivery, ...]:
    return work.take(most, settings, FINGERPRINTS).deliveries


def outcome(delivery: Delivery, *verdicts: Verdict, now: int = START) -> Settled:
    held = delivery.held
    answers = {n: Answer(one, "code", "250 x") for n, one in zip(held.part.in_attempt, verdicts, strict=True)}
    return Settled(held, settle(held.part, answers, now, SETTINGS))


def count_rows(ledger: Ledger, table: object = CONTENTS) -> int:
    with ledger.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


def test_what_is_accepted_is_there_for_whoever_opens_the_ledger_next(open_it: Callable[[], Ledger]) -> None:
    first = open_it()
    message = first.accept(mail("ann@example.com", "bob@example.com", category="news"), SETTINGS)
    first.close()
    entry = open_it().find(message)
    assert (entry.state, entry.sender, entry.category, entry.size) == (State.QUEUED, "one", "news", len(CONTENT))
    assert (entry.from_, entry.accepted) == ("me@example.com", START)
    assert [one.address for one in entry.parts[0].recipients] == ["ann@example.com", "bob@example.com"]


def test_a_mail_is_taken_sent_and_delivered_and_its_content_goes(ledger: Ledger) -> None:
    message, work = ledger.accept(mail(), SETTINGS), Work(ledger, "r1")
    [delivery] = take(work)
    assert delivery.content == CONTENT
    assert take(work) == ()
    assert work.record((), SETTINGS, delivery.held).may_send
    assert ledger.find(message).state is State.SENDING
    assert work.record([outcome(delivery, Verdict.DELIVERED)], SETTINGS).counts == (True,)
    assert ledger.find(message).state is State.DELIVERED
    assert count_rows(ledger) == 0
    assert ledger.count_states()[State.DELIVERED] == 1


def test_what_failed_for_now_is_due_later_and_only_those_it_failed_for(ledger: Ledger, clock: Clock) -> None:
    message, work = ledger.accept(mail("a@x.test", "b@x.test", "c@x.test"), SETTINGS), Work(ledger, "r1")
    [delivery] = take(work)
    work.record([outcome(delivery, Verdict.DELIVERED, Verdict.LATER, Verdict.REFUSED)], SETTINGS)
    assert [one.state.value for one in ledger.find(message).parts[0].recipients] == ["delivered", "queued", "failed"]
    assert take(work) == ()
    clock.now += MINUTE
    [again] = take(work)
    assert again.held.part.in_attempt == (1,)
    work.record([outcome(again, Verdict.DELIVERED, now=clock.now)], SETTINGS)
    assert ledger.find(message).state is State.FAILED
    assert count_rows(ledger) == 1


def test_whoever_lost_its_lease_may_not_send(ledger: Ledger, clock: Clock) -> None:
    ledger.accept(mail(), SETTINGS)
    slow, quick = Work(ledger, "slow"), Work(ledger, "quick")
    [first] = take(slow)
    clock.now += LEASE
    [second] = take(quick)
    assert not slow.record((), SETTINGS, first.held).may_send
    assert slow.record([outcome(first, Verdict.LATER)], SETTINGS).counts == (False,)
    assert slow.give_back([first.held]) == 0
    assert quick.record((), SETTINGS, second.held).may_send


def test_a_lease_that_is_renewed_does_not_end(ledger: Ledger, clock: Clock) -> None:
    ledger.accept(mail(), SETTINGS)
    slow, quick = Work(ledger, "slow"), Work(ledger, "quick")
    [first] = take(slow)
    clock.now += LEASE - 1
    assert slow.renew_leases() == 1
    clock.now += LEASE - 1
    assert take(quick) == ()
    assert slow.record((), SETTINGS, first.held).may_send
    assert quick.find_lost() == []


def test_what_was_sending_when_its_runner_was_lost_is_unknown_until_the_runner_or_an_operator_knows(
    ledger: Ledger, clock: Clock
) -> None:
    message = ledger.accept(mail(), SETTINGS)
    slow, other = Work(ledger, "slow"), Work(ledger, "other")
    [first] = take(slow)
    slow.record((), SETTINGS, first.held)
    clock.now += LEASE
    assert [one.mail for one in other.find_lost()] == [message]
    assert ledger.find(message).state is State.UNKNOWN
    clock.now += DAY
    assert take(other) == ()
    assert slow.record([outcome(first, Verdict.DELIVERED)], SETTINGS).counts == (True,)
    assert ledger.find(message).state is State.DELIVERED


def test_an_operator_retries_what_is_unknown_and_a_late_answer_no_longer_counts(ledger: Ledger, clock: Clock) -> None:
    message, work = ledger.accept(mail(), SETTINGS), Work(ledger, "r1")
    [first] = take(work)
    work.record((), SETTINGS, first.held)
    assert ledger.retry(message) == 0
    assert ledger.cancel(message) == 0
    clock.now += LEASE
    work.find_lost()
    assert ledger.retry(message) == 1
    assert work.record([outcome(first, Verdict.DELIVERED)], SETTINGS).counts == (False,)
    assert len(take(work)) == 1


def test_what_waits_can_be_cancelled_and_what_nobody_knows_is_told(ledger: Ledger) -> None:
    message = ledger.accept(mail(), SETTINGS)
    assert ledger.cancel(message) == 1
    assert ledger.find(message).state is State.FAILED
    assert take(Work(ledger, "r1")) == ()
    with pytest.raises(NoSuchObjectError):
        ledger.retry("0123")


def test_a_graceful_end_gives_back_what_was_not_sent(ledger: Ledger) -> None:
    ledger.accept(mail(), SETTINGS)
    [first] = take(Work(ledger, "r1"))
    assert Work(ledger, "r1").give_back([first.held]) == 1
    assert len(take(Work(ledger, "r2"))) == 1


def test_two_runners_never_take_the_same(open_it: Callable[[], Ledger]) -> None:
    first, second = open_it(), open_it()
    for n in range(40):
        first.accept(mail(f"u{n}@example.com"), SETTINGS)
    taken: list[str] = []

    def run(ledger: Ledger, name: str) -> None:
        work = Work(ledger, name)
        while found := take(work, 3):
            taken.extend(one.held.part.mail for one in found)

    threads = [threading.Thread(target=run, args=one) for one in ((first, "a"), (second, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 40


def test_many_callers_share_transactions_and_each_gets_its_own_answer(ledger: Ledger) -> None:
    results: list[object] = []

    def call(n: int) -> None:
        for _ in range(5):
            try:
                results.append(ledger.accept(mail(f"u{n}@example.com", category="account"), SETTINGS))
            except NotAcceptedError:
                results.append(None)

    threads = [threading.Thread(target=call, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accepted = [one for one in results if one is not None]
    assert (len(accepted), len(set(accepted)), results.count(None)) == (24, 24, 16)
    assert ledger.count_states()[State.QUEUED] == 24


def test_the_quota_is_that_of_a_person_over_mails_of_the_category_and_can_be_reset(
    ledger: Ledger, clock: Clock
) -> None:
    for address in ("ann@example.com", "Ann@Example.com", "ann@EXAMPLE.com"):
        ledger.accept(mail(address, category="account"), SETTINGS)
    ledger.accept(mail(category="news"), SETTINGS)
    with pytest.raises(NotAcceptedError) as refused:
        ledger.accept(mail("bob@example.com", "ann@example.com", category="account"), SETTINGS)
    assert "ann@example.com" in str(refused.value)
    assert "2027-01-16T08:00:00Z" in str(refused.value)
    assert refused.value.exit_code == 24
    [known] = ledger.list_standings()
    assert (known.address, len(known.standing.uses)) == ("ann@example.com", 3)
    assert ledger.reset_quota("ann@example.com")
    assert not ledger.reset_quota("ann@example.com")
    ledger.accept(mail(category="account"), SETTINGS)
    clock.now += DAY
    for _ in range(3):
        ledger.accept(mail(category="account"), SETTINGS)


def test_an_address_refused_again_and_again_is_suppressed_until_that_is_lifted(ledger: Ledger) -> None:
    work = Work(ledger, "r1")
    for n in range(SETTINGS.suppress_after or 0):
        ledger.accept(mail(), SETTINGS)
        [delivery] = take(work)
        settled = outcome(delivery, Verdict.REFUSED)
        work.record([settled.replace(refused=("ann@example.com",))], SETTINGS)
        assert ledger.list_standings()[0].standing.refusals == n + 1
    with pytest.raises(NotAcceptedError, match="suppressed"):
        ledger.accept(mail(), SETTINGS)
    with pytest.raises(ConstraintError, match="suppressed"):
        ledger.reset_quota("ann@example.com")
    assert ledger.lift_suppression("ann@example.com")
    assert not ledger.reset_quota("ann@example.com")
    ledger.accept(mail(), SETTINGS)


def test_a_mail_that_arrives_forgets_refusals(ledger: Ledger) -> None:
    work = Work(ledger, "r1")
    for field in ("refused", "refused", "reached"):
        ledger.accept(mail(), SETTINGS)
        [delivery] = take(work)
        settled = outcome(delivery, Verdict.DELIVERED)
        work.record([settled.replace(**{field: ("ann@example.com",)})], SETTINGS)
    assert ledger.list_standings() == ()


@pytest.mark.parametrize(
    ("settings", "said"), [(Settings(), "no sender"), (Settings(sender="one", enabled=False), "disabled")]
)
def test_a_service_that_cannot_send_says_so(ledger: Ledger, settings: Settings, said: str) -> None:
    with pytest.raises(NotAcceptedError, match=said):
        ledger.accept(mail(), settings)


@pytest.mark.parametrize("to", [("no address",), ("a@x.test", "b@x.test\r\nDATA")])
def test_what_is_no_address_is_not_accepted(ledger: Ledger, to: tuple[str, ...]) -> None:
    with pytest.raises(NotAcceptedError):
        ledger.accept(mail(*to), SETTINGS)
    assert count_rows(ledger, PARTS) == 0


def test_one_pace_holds_for_all_runners(open_it: Callable[[], Ledger], clock: Clock) -> None:
    settings, first, second = Settings(sender="one", rate_limit=60), open_it(), open_it()
    for n in range(5):
        first.accept(mail(f"u{n}@example.com"), SETTINGS)
    one, two = Work(first, "a"), Work(second, "b")
    assert len(take(one, settings=settings)) == 1
    taking = two.take(10, settings, FINGERPRINTS)
    assert (taking.deliveries, taking.next) == ((), START + 1000)
    clock.now += 1000
    assert len(take(two, settings=settings)) == 1
    assert take(one, settings=settings) == ()
    clock.now -= HOUR
    assert len(take(one, settings=settings)) == 1


def test_time_that_no_mail_was_taken_in_is_not_charged(ledger: Ledger) -> None:
    settings, work = Settings(sender="one", rate_limit=60), Work(ledger, "a")
    assert take(work, settings=settings) == ()
    ledger.accept(mail(), SETTINGS)
    assert len(take(work, settings=settings)) == 1


def test_a_sender_whose_password_is_wrong_stops_for_all_until_its_configuration_changes(
    open_it: Callable[[], Ledger],
) -> None:
    first, second = Work(open_it(), "a"), Work(open_it(), "b")
    first.ledger.accept(mail(), SETTINGS)
    for n in range(WRONG_PASSWORDS):
        assert first.note_login("one", "1", refused=True) is (n == WRONG_PASSWORDS - 1)
    assert take(second) == ()
    [delivery] = second.take(10, SETTINGS, {"one": "2"}).deliveries
    assert second.give_back([delivery.held]) == 1
    assert not first.note_login("one", "2", refused=False)
    assert len(take(second)) == 1


def test_a_login_that_works_begins_the_count_again(ledger: Ledger) -> None:
    work = Work(ledger, "a")
    for _ in range(3):
        for _ in range(WRONG_PASSWORDS - 1):
            assert not work.note_login("one", "1", refused=True)
        assert not work.note_login("one", "1", refused=False)


def test_ten_thousand_recipients_are_one_mail_in_parts(ledger: Ledger) -> None:
    addresses = tuple(f"user{n}@example.com" for n in range(10_000))
    message, work = ledger.accept(mail(*addresses), SETTINGS), Work(ledger, "r1")
    found = take(work, 150)
    assert len(found) == len(ledger.find(message).parts) == 100
    assert {one.content for one in found} == {CONTENT}
    reached = [one.held.part.recipients[n].address for one in found for n in one.held.part.in_attempt]
    assert sorted(reached) == sorted(addresses)
    for delivery in found[1:]:
        work.record([outcome(delivery, *[Verdict.DELIVERED] * 100)], SETTINGS)
    assert (ledger.find(message).state, count_rows(ledger)) == (State.TAKEN, 1)
    work.record([outcome(found[0], *[Verdict.DELIVERED] * 100)], SETTINGS)
    assert (ledger.find(message).state, count_rows(ledger)) == (State.DELIVERED, 0)


def test_mails_are_taken_together_up_to_a_size(ledger: Ledger) -> None:
    work = Work(ledger, "r1")
    for _ in range(3):
        ledger.accept(mail(content=b"x" * (20 << 20)), SETTINGS)
    assert [len(take(work)) for _ in range(4)] == [1, 1, 1, 0]
    with pytest.raises(NotAcceptedError, match="bytes"):
        ledger.accept(mail(content=b"x" * (65 << 20)), SETTINGS)


def test_what_has_ended_is_kept_for_a_time_and_then_removed(ledger: Ledger, clock: Clock) -> None:
    work = Work(ledger, "r1")
    ended, waiting = ledger.accept(mail(), SETTINGS), ledger.accept(mail(category="account"), SETTINGS)
    delivery = next(one for one in take(work) if one.held.part.mail == ended)
    work.record([outcome(delivery, Verdict.REFUSED)], SETTINGS)
    clock.now += SETTINGS.retention - 1
    assert ledger.purge(SETTINGS) == 0
    clock.now += 2
    assert ledger.purge(SETTINGS) == 1
    assert [one.id for one in ledger.list()] == [waiting]
    assert (count_rows(ledger), count_rows(ledger, STANDINGS)) == (1, 0)


def test_mails_are_listed_by_state_and_in_pieces(ledger: Ledger, clock: Clock) -> None:
    ids = []
    for n in range(5):
        clock.now += 1
        ids.append(ledger.accept(mail(f"u{n}@example.com"), SETTINGS))
    ledger.cancel(ids[2])
    assert [one.id for one in ledger.list()] == ids
    assert [one.id for one in ledger.list([State.FAILED])] == [ids[2]]
    assert [one.id for one in ledger.list(most=2, after=ids[0])] == ids[1:3]


# -- versions and keys -------------------------------------------------------------------------------------------------


def test_a_ledger_of_an_older_release_is_brought_up_to_date_and_one_of_a_newer_is_refused(
    ledger: Ledger, url: str
) -> None:
    steps: list[int] = []
    newer = (*UPGRADES, lambda _connection: steps.append(1), lambda _connection: steps.append(2))
    assert ledger.perform(lambda connection: bring_up_to_date(connection, newer)) == len(UPGRADES)
    assert ledger.perform(lambda connection: bring_up_to_date(connection, newer)) == len(newer)
    assert steps == [1, 2]
    assert ledger.perform(read_version) == len(newer)
    with pytest.raises(LedgerError, match=f"version {len(newer)}"):
        open_ledger(url, unsealed=True)


def describe_tables(ledger: Ledger) -> dict[str, list[tuple[str, str, bool]]]:
    """Return the columns of each table, and its indexes."""
    with ledger.database.read() as connection:
        found = inspect(connection)
        return {
            name: sorted((one["name"], str(one["type"]), bool(one["nullable"])) for one in found.get_columns(name))
            + sorted((str(one["name"]), str(one["column_names"]), False) for one in found.get_indexes(name))
            for name in found.get_table_names()
        }


def test_a_ledger_of_the_first_version_becomes_one_of_this_and_keeps_all_it_holds(url: str, clock: Clock) -> None:
    make_first_ledger(url)
    with open_ledger(url, RingSealer(Ring.of(KEY)), clock=clock) as ledger:
        assert ledger.perform(read_version) == len(UPGRADES)
        assert [(one.id, one.state) for one in ledger.list()] == [(FAILED, State.FAILED), (QUEUED, State.QUEUED)]
        assert {one.address: one.standing.refusals for one in ledger.list_standings()} == {
            "ann@example.com": 0,
            "bob@example.com": 1,
        }
        [delivery] = take(Work(ledger, "r1"))
        assert delivery.content == b"Subject: two\r\n\r\nbody\r\n"
        assert count_rows(ledger, TOKENS) == 0
        old = describe_tables(ledger)
    with open_ledger(url, RingSealer(Ring.of(KEY)), clock=clock) as ledger:  # and once more
        assert ledger.find(QUEUED).state is State.TAKEN
        ledger.perform(METADATA.drop_all)
    with open_ledger(url, RingSealer(Ring.of(KEY)), clock=clock) as ledger:
        assert describe_tables(ledger) == old


def sealer() -> RingSealer:
    """Return a sealer with a key of its own."""
    return RingSealer(Ring.of(make_key("20270115")))


def test_with_a_key_no_address_and_no_content_is_in_clear(url: str) -> None:
    with open_ledger(url, sealer()) as ledger:
        message = ledger.accept(mail(category="account"), SETTINGS)
        work = Work(ledger, "r1")
        [delivery] = take(work)
        work.record([outcome(delivery, Verdict.REFUSED).replace(refused=("ann@example.com",))], SETTINGS)
        assert [one.address for one in ledger.list_standings()] == ["ann@example.com"]
        assert ledger.find(message).from_ == "me@example.com"
        with ledger.database.read() as connection:
            for table in (PARTS, CONTENTS, STANDINGS, FACTS):
                stored = repr(connection.execute(select(table)).all())
                assert "example.com" not in stored
                assert "hello" not in stored
    with pytest.raises(LedgerError):
        open_ledger(url, unsealed=True)
    with pytest.raises(LedgerError):
        open_ledger(url, sealer())


def test_a_ledger_begins_in_clear_only_if_that_is_wanted_and_can_be_sealed_later(url: str) -> None:
    with pytest.raises(LedgerError, match="no key"):
        open_ledger(url)
    with open_ledger(url, unsealed=True) as ledger:
        before = ledger.accept(mail(category="account"), SETTINGS)
    with open_ledger(url, sealer()) as ledger:
        assert ledger.find(before).from_ == "me@example.com"
        for _ in range(2):
            ledger.accept(mail(category="account"), SETTINGS)
        with pytest.raises(NotAcceptedError):
            ledger.accept(mail(category="account"), SETTINGS)
    with pytest.raises(LedgerError, match="sealed"):
        open_ledger(url, unsealed=True)
