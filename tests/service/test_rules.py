"""Quota, suppression, rate limit, refused logins, and what an attempt found out: rules over plain values."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.diagnostics import Diagnostic
from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError, Diagnosis
from confobjects.mail.report import DeliveryReport, RecipientResult, Route
from confobjects.service.rules.accepting import Reason, count_mail, judge_recipients, judge_service
from confobjects.service.rules.answers import is_refused_login, read_error, read_report
from confobjects.service.rules.pacing import WRONG_PASSWORDS, Login, count_refused_login, grant, is_stopped
from confobjects.service.rules.quotas import (
    Standing,
    count_refusal,
    count_use,
    forget_refusals,
    free_again,
    has_room,
    reset_uses,
)
from confobjects.service.rules.settings import DAY, HOUR, MINUTE, Settings
from confobjects.service.rules.states import Verdict

NOW = 1_800_000_000_000
SETTINGS = Settings(sender="one")
ROUTE = Route("mail-server one", "mx.example.com", 25)

# -- quota -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 3 * DAY), min_size=1, max_size=40), st.integers(1, 5))
def test_no_window_of_the_length_holds_more_than_the_limit(steps: list[int], limit: int) -> None:
    settings, standing, now, accepted = Settings(recipient_limit=limit), Standing(), NOW, list[int]()
    for step in steps:
        now += step
        if has_room(standing, now, settings):
            standing = count_use(standing, now, settings)
            accepted.append(now)
        assert len(standing.uses) <= limit
    for moment in accepted:
        assert sum(moment <= one < moment + DAY for one in accepted) <= limit


@given(st.lists(st.integers(0, 2 * DAY), min_size=1, max_size=10), st.integers(0, 4))
def test_the_moment_that_is_told_is_when_there_is_room_again(steps: list[int], limit: int) -> None:
    settings, standing, now = Settings(recipient_limit=limit), Standing(), NOW
    for step in steps:
        now += step
        standing = count_use(standing, now, settings)
    moment = free_again(standing, now, settings)
    assert has_room(standing, moment, settings) is (limit > 0)
    assert moment == now or not has_room(standing, moment - 1, settings)


def test_three_mails_of_the_category_a_day_and_others_without_end() -> None:
    standing = Standing()
    for _ in range(3):
        assert not judge_recipients({"a": standing}, "account", NOW, SETTINGS)
        standing = count_mail(standing, "account", NOW, SETTINGS)
    [refusal] = judge_recipients({"a": standing}, "account", NOW, SETTINGS)
    assert (refusal.reason, refusal.address, refusal.until) == (Reason.OVER_QUOTA, "a", NOW + DAY)
    assert not judge_recipients({"a": standing}, "news", NOW, SETTINGS)
    assert count_mail(standing, "news", NOW, SETTINGS) == standing
    assert not judge_recipients({"a": reset_uses(standing)}, "account", NOW, SETTINGS)
    assert not judge_recipients({"a": standing}, "account", NOW + DAY, SETTINGS)
    assert not judge_recipients({"a": standing}, "account", NOW, Settings(recipient_limit=None))


def test_a_clock_that_was_put_back_neither_frees_nor_locks_for_longer_than_the_window() -> None:
    standing = Standing((NOW, NOW, NOW))
    assert not has_room(standing, NOW - HOUR, SETTINGS)
    assert has_room(standing, NOW - DAY, SETTINGS)


def test_refusals_in_a_row_suppress_and_a_delivery_or_an_operator_forgets_them() -> None:
    standing = Standing()
    for n in range(3):
        assert standing.suppressed == 0
        standing = count_refusal(standing, NOW + n, SETTINGS)
    assert standing.suppressed == NOW + 2
    assert count_refusal(standing, NOW + 9, SETTINGS).suppressed == NOW + 2
    [refusal] = judge_recipients({"a": standing}, "news", NOW, SETTINGS)
    assert refusal.reason is Reason.SUPPRESSED
    assert forget_refusals(standing) == Standing()


def test_without_a_limit_nobody_is_suppressed() -> None:
    standing = Standing()
    for n in range(1000):
        standing = count_refusal(standing, NOW + n, Settings(suppress_after=None))
    assert (standing.refusals, standing.suppressed) == (1000, 0)


@pytest.mark.parametrize(
    ("settings", "reasons"),
    [
        (SETTINGS, []),
        (Settings(), [Reason.NO_SENDER]),
        (Settings(sender="one", enabled=False), [Reason.DISABLED]),
    ],
)
def test_a_service_without_sender_or_switched_off_accepts_nothing(settings: Settings, reasons: list[Reason]) -> None:
    assert [one.reason for one in judge_service(settings)] == reasons


# -- pace --------------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=200), st.sampled_from([30, 59, 60, 599, 600]))
def test_no_minute_holds_more_mails_than_the_limit(steps: list[int], limit: int) -> None:
    free, now, sent = 0, NOW, list[int]()
    for step in steps:
        now += step
        granted = grant(free, now, limit, 10)
        free = granted.next
        sent.extend([now] * granted.number)
    for moment in sent:
        assert sum(moment <= one < moment + MINUTE for one in sent) <= limit


def test_whoever_asks_in_time_gets_the_whole_limit_and_a_clock_put_back_stops_nobody() -> None:
    free, now = 0, NOW
    for _ in range(600):
        granted = grant(free, now, 600, 1)
        assert granted.number == 1
        free = now = granted.next
    assert now == NOW + MINUTE
    assert grant(free, NOW - DAY, 600, 1).number == 1
    assert grant(0, NOW, 600, 0).number == 0


def test_three_refused_logins_stop_a_sender_until_its_configuration_changes() -> None:
    login: Login | None = None
    for _ in range(WRONG_PASSWORDS):
        assert not is_stopped(login, "first")
        login = count_refused_login(login, "first")
    assert is_stopped(login, "first")
    assert not is_stopped(login, "second")
    assert count_refused_login(login, "second") == Login("second", 1)


# -- what an attempt found out -----------------------------------------------------------------------------------------


def _report(*recipients: RecipientResult, reply: str = "250 queued as 7") -> DeliveryReport:
    return DeliveryReport(ROUTE, "me@example.com", recipients, reply)


def _error(stage: str, code: str, *recipients: RecipientResult, retry: bool = False) -> DeliveryError:
    diagnosis = Diagnosis(code, stage, "it failed", "", reply="the reply", retry=retry)
    return DeliveryError(diagnosis, report=_report(*recipients, reply=""))


OK = RecipientResult("a", True, "250 ok")
LATER = RecipientResult("b", False, "450 later", retry=True)
NO = RecipientResult("c", False, "550 no")


def test_the_answers_of_a_delivery_are_those_of_its_recipients() -> None:
    answers = read_report(_report(OK, LATER, NO), (0, 4, 7))
    assert {place: one.verdict for place, one in answers.items()} == {
        0: Verdict.DELIVERED,
        4: Verdict.LATER,
        7: Verdict.REFUSED,
    }
    assert answers[0].reply == "250 queued as 7"
    assert [one.of_address for one in answers.values()] == [False, False, True]


@pytest.mark.parametrize(
    ("error", "verdicts"),
    [
        (_error("data", "unknown-outcome"), [Verdict.UNKNOWN] * 3),
        (_error("connect", "refused", retry=True), [Verdict.LATER] * 3),
        (_error("auth", "credentials-rejected"), [Verdict.LATER] * 3),
        (_error("tls", "certificate-expired"), [Verdict.LATER] * 3),
        (_error("data", "content-refused"), [Verdict.REFUSED] * 3),
        (_error("data", "busy", retry=True), [Verdict.LATER] * 3),
        (_error("mail", "message-too-large"), [Verdict.REFUSED] * 3),
        (_error("rcpt", "no-such-user", OK, NO), [Verdict.HELD_UP, Verdict.REFUSED, Verdict.HELD_UP]),
        (_error("rcpt", "greylisted", LATER, OK, OK), [Verdict.LATER, Verdict.HELD_UP, Verdict.HELD_UP]),
        (_error("rcpt", "no-relay"), [Verdict.REFUSED] * 3),
        (MailError(Diagnostic("mail-plan", "no server")), [Verdict.LATER] * 3),
        (MailError(Diagnostic("mail-trust", "no store")), [Verdict.LATER] * 3),
    ],
)
def test_what_is_wrong_with_the_configuration_waits_and_what_is_wrong_with_the_mail_fails(
    error: MailError, verdicts: Sequence[Verdict]
) -> None:
    answers = read_error(error, (0, 1, 2))
    assert [answers[place].verdict for place in range(3)] == list(verdicts)


def test_only_a_login_refused_for_good_counts_as_a_wrong_password() -> None:
    assert is_refused_login(_error("auth", "credentials-rejected"))
    assert not is_refused_login(_error("auth", "auth-temporary", retry=True))
    assert not is_refused_login(_error("data", "content-refused"))
