"""No mail is lost, none is sent twice, and what is not known is told: whatever runners, servers and clocks do."""

from __future__ import annotations

from typing import Any

from hypothesis import settings as limits
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from confobjects.service.rules.settings import DAY, HOUR, MINUTE, SECOND, Settings
from confobjects.service.rules.states import (
    CANCELLED,
    ENDED,
    EXPIRED,
    HELD,
    LEASE,
    LEASE_ENDED,
    MOST_RECIPIENTS,
    Answer,
    Part,
    State,
    Verdict,
    begin_sending,
    can_be_cancelled,
    can_be_retried,
    can_be_taken,
    can_lapse,
    cancel,
    give_back,
    is_held_by,
    lapse,
    make_part,
    may_be_settled_by,
    retry,
    settle,
    split_recipients,
    take,
    worst_of,
)
from tests.effort import times

START = 1_800_000_000_000
SETTINGS = Settings(sender="one")
ADDRESSES = ("ann@example.com", "bob@example.com", "cid@example.com")
AFTER_DOT = (Verdict.DELIVERED, Verdict.LATER, Verdict.REFUSED)


class Attempt:
    """A runner with its copy of a part: what it was when it took it, and how far the server is."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.dot = False
        self.answers: dict[int, Answer] = {}


class Deliveries(RuleBasedStateMachine):
    """One part, three runners, a server that remembers whom it has delivered to, a clock that jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.part = make_part("m", 0, ADDRESSES, self.now)
        self.runners: dict[int, Attempt | None] = dict.fromkeys(range(3))
        self.delivered = dict.fromkeys(range(len(ADDRESSES)), 0)
        self.allowed = dict.fromkeys(range(len(ADDRESSES)), 1)

    @rule(by=st.sampled_from([SECOND, 59 * SECOND, LEASE, HOUR, 7 * HOUR, -HOUR, -40 * DAY, 40 * DAY]))
    def let_time_pass(self, by: int) -> None:
        self.now = max(START - 400 * DAY, self.now + by)

    @rule(runner=st.integers(0, 2))
    def take_it(self, runner: int) -> None:
        if self.runners[runner] is None and can_be_taken(self.part, self.now, SETTINGS):
            before = self.part.fence
            self.part = take(self.part, str(runner), self.now, SETTINGS)
            assert self.part.fence > before
            assert self.part.in_attempt
            self.runners[runner] = Attempt(self.part)

    @rule(runner=st.integers(0, 2), data=st.data())
    def send(self, runner: int, data: st.DataObject) -> None:
        """Ask the ledger for leave to send; with it, end the mail with its dot. The server judges each recipient."""
        attempt = self.runners[runner]
        if attempt is None or attempt.dot:
            return
        if not is_held_by(self.part, attempt.part.fence):
            self.runners[runner] = None
            return
        self.part = attempt.part = begin_sending(attempt.part, self.now)
        attempt.dot = True
        for place in attempt.part.in_attempt:
            verdict = data.draw(st.sampled_from(AFTER_DOT))
            attempt.answers[place] = Answer(verdict, "x")
            self.delivered[place] += verdict is Verdict.DELIVERED

    @rule(runner=st.integers(0, 2), verdict=st.sampled_from([Verdict.LATER, Verdict.REFUSED, Verdict.HELD_UP]))
    def stop_before_the_dot(self, runner: int, verdict: Verdict) -> None:
        attempt = self.runners[runner]
        if attempt is not None and not attempt.dot:
            first, *others = attempt.part.in_attempt
            attempt.answers = {first: Answer(verdict), **{place: Answer(Verdict.HELD_UP) for place in others}}
            self.report(runner)

    @rule(runner=st.integers(0, 2))
    def report(self, runner: int) -> None:
        attempt = self.runners[runner]
        if attempt is not None and attempt.answers:
            if may_be_settled_by(self.part, attempt.part.fence):
                self.part = settle(attempt.part, attempt.answers, self.now, SETTINGS)
            self.runners[runner] = None

    @rule(runner=st.integers(0, 2))
    def lose_the_answer(self, runner: int) -> None:
        attempt = self.runners[runner]
        if attempt is not None and attempt.dot:
            attempt.answers = {place: Answer(Verdict.UNKNOWN) for place in attempt.part.in_attempt}

    @rule(runner=st.integers(0, 2))
    def stop_gracefully(self, runner: int) -> None:
        attempt = self.runners[runner]
        if attempt is not None and not attempt.dot:
            if may_be_settled_by(self.part, attempt.part.fence) and self.part.state in HELD:
                self.part = give_back(self.part, self.now)
            self.runners[runner] = None

    @rule(runner=st.integers(0, 2))
    def kill(self, runner: int) -> None:
        self.runners[runner] = None

    @rule()
    def clear_up(self) -> None:
        if can_lapse(self.part, self.now):
            self.part = lapse(self.part, self.now)

    @rule()
    @precondition(lambda self: can_be_retried(self.part))
    def retry_by_hand(self) -> None:
        self.part = retry(self.part, self.now)
        for place, one in enumerate(self.part.recipients):
            if one.state is State.QUEUED:
                self.allowed[place] = self.delivered[place] + 1 + self._in_flight(place)

    @rule()
    def cancel_by_hand(self) -> None:
        if can_be_cancelled(self.part, self.now):
            self.part = cancel(self.part, self.now)

    def _in_flight(self, place: int) -> int:
        return sum(one is not None and one.dot and place in one.answers for one in self.runners.values())

    @invariant()
    def nobody_gets_it_twice(self) -> None:
        assert all(self.delivered[place] <= self.allowed[place] for place in self.delivered)

    @invariant()
    def what_is_told_is_true(self) -> None:
        for place, one in enumerate(self.part.recipients):
            if one.state is State.DELIVERED:
                assert self.delivered[place]
            elif self.allowed[place] == 1 and self.delivered[place]:
                sending = self.part.state is State.SENDING and place in self.part.in_attempt
                assert one.state is State.UNKNOWN or sending
            elif self.allowed[place] == 1 and one.state is State.UNKNOWN:
                assert self.part.fence

    @invariant()
    def the_state_follows_from_the_recipients(self) -> None:
        waits = [one.due for one in self.part.recipients if one.state is State.QUEUED]
        assert bool(waits) == (self.part.state not in ENDED)
        assert (self.part.ended > START - 401 * DAY) == (self.part.state in ENDED)
        if self.part.state is State.QUEUED:
            assert self.part.due == min(waits) if min(waits) else self.part.due <= self.part.since

    def teardown(self) -> None:
        """Let one healthy runner go on: the mail comes to its end in a bounded number of attempts."""
        for _ in range(20):
            if self.part.state in ENDED:
                return
            self.now = max(self.now, self.part.due, self.part.lease)
            if can_lapse(self.part, self.now):
                self.part = lapse(self.part, self.now)
            elif can_be_taken(self.part, self.now, SETTINGS):
                taken = begin_sending(take(self.part, "last", self.now, SETTINGS), self.now)
                answers = {place: Answer(Verdict.DELIVERED) for place in taken.in_attempt}
                for place in answers:
                    self.delivered[place] += 1
                self.part = settle(taken, answers, self.now, SETTINGS)
        assert self.part.state in ENDED
        self.nobody_gets_it_twice()


Deliveries.TestCase.settings = limits(max_examples=times(60), stateful_step_count=40, deadline=None)
TestDeliveries: Any = Deliveries.TestCase


def _taken(*addresses: str) -> Part:
    return take(make_part("m", 0, addresses or ADDRESSES, START), "r", START, SETTINGS)


def _states(part: Part) -> list[str]:
    return [one.state.value for one in part.recipients]


def test_a_mail_partly_refused_is_delivered_retried_and_failed_by_recipient() -> None:
    answers = {
        0: Answer(Verdict.DELIVERED),
        1: Answer(Verdict.LATER, "greylisted", "450 later"),
        2: Answer(Verdict.REFUSED, "no-such-user", "550 no"),
    }
    part = settle(begin_sending(_taken(), START), answers, START, SETTINGS)
    assert _states(part) == ["delivered", "queued", "failed"]
    assert (part.state, part.due, part.ended) == (State.QUEUED, START + MINUTE, 0)
    again = take(part, "r", START + MINUTE, SETTINGS)
    assert again.in_attempt == (1,)
    done = settle(again, {1: Answer(Verdict.DELIVERED)}, START + MINUTE, SETTINGS)
    assert (_states(done), done.state) == (["delivered", "delivered", "failed"], State.FAILED)


def test_whoever_is_held_up_by_others_is_due_at_once_and_counts_no_try() -> None:
    answers = {0: Answer(Verdict.HELD_UP), 1: Answer(Verdict.LATER), 2: Answer(Verdict.HELD_UP)}
    part = settle(_taken(), answers, START, SETTINGS)
    assert [(one.due, one.tries) for one in part.recipients] == [(START, 0), (START + MINUTE, 1), (START, 0)]
    assert take(part, "r", START, SETTINGS).in_attempt == (0, 2)


def test_being_held_up_by_nobody_waits_like_any_failure() -> None:
    part = settle(_taken("a@x.test"), {0: Answer(Verdict.HELD_UP)}, START, SETTINGS)
    assert (part.due, part.recipients[0].tries) == (START + MINUTE, 1)


def test_a_clock_that_was_put_back_far_makes_nobody_try_sooner_nor_for_nobody() -> None:
    """What is tried again is due by the new clock, not by the moment of acceptance, which is far ahead of it now."""
    before = START - 40 * DAY
    taken = take(give_back(_taken(), before), "r", before, SETTINGS)
    assert taken.in_attempt == (0, 1, 2)
    part = settle(taken, {place: Answer(Verdict.LATER) for place in range(3)}, before, SETTINGS)
    assert part.due == before + MINUTE
    assert not can_be_taken(part, before + MINUTE - 1, SETTINGS)
    assert take(part, "r", before + MINUTE, SETTINGS).in_attempt == (0, 1, 2)


def test_a_clock_that_was_put_back_a_little_holds_nothing_back_that_is_given_back() -> None:
    before = START - HOUR
    part = give_back(_taken(), before)
    assert can_be_taken(part, before, SETTINGS)
    assert take(part, "r", before, SETTINGS).in_attempt == (0, 1, 2)


def test_the_last_duration_repeats_until_the_mail_is_too_old() -> None:
    part, now, waits = _taken("a@x.test"), START, []
    while part.state not in ENDED:
        part = settle(part, {0: Answer(Verdict.LATER, "busy")}, now, SETTINGS)
        if part.state is State.QUEUED:
            waits.append(part.due - now)
            now = part.due
            part = take(part, "r", now, SETTINGS)
    assert waits[:6] == [MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, 6 * HOUR]
    assert set(waits[5:]) == {6 * HOUR}
    assert 5 * DAY <= now - START < 5 * DAY + 6 * HOUR
    assert (part.recipients[0].state, part.recipients[0].code) == (State.FAILED, EXPIRED)


def test_a_lease_that_ends_before_sending_is_retried_and_after_it_unknown() -> None:
    taken, over = _taken(), START + LEASE
    assert can_be_taken(taken, over, SETTINGS)
    assert not can_be_taken(taken, over - 1, SETTINGS)
    sending = begin_sending(taken, START)
    assert not can_be_taken(sending, over, SETTINGS)
    assert not can_lapse(sending, over - 1)
    assert can_lapse(sending, over)
    lost = lapse(sending, over)
    assert (lost.state, set(_states(lost)), lost.recipients[0].code) == (State.UNKNOWN, {"unknown"}, LEASE_ENDED)
    assert not can_be_taken(lost, over + 10 * DAY, SETTINGS)
    late = settle(sending, {place: Answer(Verdict.DELIVERED) for place in range(3)}, over, SETTINGS)
    assert may_be_settled_by(lost, sending.fence)
    assert late.state is State.DELIVERED


def test_what_an_operator_cancels_or_retries_belongs_to_nobody_else() -> None:
    taken = _taken()
    assert not can_be_cancelled(begin_sending(taken, START), START + DAY)
    cancelled = cancel(taken, START + LEASE)
    assert (cancelled.state, cancelled.recipients[0].code) == (State.FAILED, CANCELLED)
    assert not may_be_settled_by(cancelled, taken.fence)
    again = retry(cancelled, START + DAY)
    assert (again.state, again.due, again.since) == (State.QUEUED, START + DAY, START + DAY)
    assert not may_be_settled_by(again, cancelled.fence)


def test_ten_thousand_recipients_are_parts_that_every_server_accepts() -> None:
    addresses = tuple(f"user{n}@example.com" for n in range(10_000))
    parts = split_recipients(addresses)
    assert len(parts) == 100
    assert {len(one) for one in parts} == {MOST_RECIPIENTS}
    assert tuple(one for part in parts for one in part) == addresses


def test_a_whole_is_open_as_long_as_a_part_is_and_then_tells_the_worst() -> None:
    assert worst_of([State.DELIVERED, State.UNKNOWN, State.SENDING]) is State.SENDING
    assert worst_of([State.DELIVERED, State.UNKNOWN, State.FAILED]) is State.UNKNOWN
    assert worst_of([State.DELIVERED, State.DELIVERED]) is State.DELIVERED
