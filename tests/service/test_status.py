"""How the service is: what is wrong with it, and the same as metrics."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.service.counting import Counted
from confobjects.service.ledger import Ledger
from confobjects.service.operating import (
    Overview,
    SeenRunner,
    Wanted,
    count_ended,
    find_mails,
    find_standing,
    purge_ended,
    read_overview,
)
from confobjects.service.rules.exposition import Metric, Sample, format_metrics, make_metric
from confobjects.service.rules.health import Complaint, Seen, is_alive, judge_health
from confobjects.service.rules.pacing import WRONG_PASSWORDS, Login
from confobjects.service.rules.quotas import Standing
from confobjects.service.rules.settings import DAY, HOUR, MINUTE, Settings
from confobjects.service.rules.states import LEASE, Answer, State, Verdict, settle
from confobjects.service.status import make_metrics, make_status
from confobjects.service.tables import UPGRADES
from confobjects.service.work import Settled, Work
from tests.service.conftest import START, Clock
from tests.service.test_operating import accept, attempt

SETTINGS = Settings(sender="one")


# -- the queue -------------------------------------------------------------------------------------------------------


def test_mails_are_found_by_state_sender_and_address(ledger: Ledger, clock: Clock) -> None:
    first = accept(ledger, "ann@example.com")
    second = accept(ledger, "bob@example.com", "Ann@Example.com", sender="two")
    third = accept(ledger, "bob@example.com")
    attempt(ledger, Answer(Verdict.REFUSED, "no-such-recipient"), clock=clock)

    def found(most: int | None = None, **wanted: object) -> list[str]:
        return [one.id for one in find_mails(ledger, Wanted(**wanted), most)]  # type: ignore[arg-type]

    assert found() == [first, second, third]
    assert found(most=2) == [first, second]
    assert found(states=(State.FAILED,)) == [first]
    assert found(states=(State.FAILED, State.QUEUED)) == [first, second, third]
    assert found(sender="two") == [second]
    assert found(address="aNN@example.com") == [first, second]
    assert found(address="ann") == []
    assert found(address="bob@example.com", states=(State.QUEUED,), sender="one") == [third]


def test_more_mails_than_are_read_at_once_are_found(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("confobjects.service.operating._GROUP", 2)
    ids = [accept(ledger, f"a{n}@example.com") for n in range(5)]
    assert [one.id for one in find_mails(ledger, Wanted())] == ids
    assert [one.id for one in find_mails(ledger, Wanted(address="a4@example.com"))] == [ids[4]]


def test_only_mails_that_have_come_to_their_end_are_purged(
    ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("confobjects.service.operating._GROUP", 2)
    delivered = [accept(ledger) for _ in range(3)]
    attempt(ledger, Answer(Verdict.DELIVERED), clock=clock, count=3)
    failed = accept(ledger)
    attempt(ledger, Answer(Verdict.REFUSED), clock=clock)
    clock.now += HOUR
    many = accept(ledger, *(f"a{n}@example.com" for n in range(101)))
    waits = accept(ledger)
    work = Work(ledger, "r1")
    [half] = [one for one in work.take(3, SETTINGS, {}).deliveries if one.held.part.number == 1]
    assert half.held.part.mail == many
    answers = {place: Answer(Verdict.DELIVERED) for place in half.held.part.in_attempt}
    work.record([Settled(half.held, settle(half.held.part, answers, clock.now, SETTINGS))], SETTINGS)
    assert count_ended(ledger) == 4
    assert count_ended(ledger, [State.FAILED]) == 1
    assert count_ended(ledger, [State.QUEUED]) == 0
    assert count_ended(ledger, before=START - 1) == 0
    assert purge_ended(ledger, [State.QUEUED, State.TAKEN]) == 0
    assert purge_ended(ledger, before=START - 1) == 0
    assert purge_ended(ledger, [State.DELIVERED], before=START) == len(delivered)
    assert [one.id for one in ledger.list()] == [failed, many, waits]
    assert purge_ended(ledger) == 1
    assert [one.id for one in ledger.list()] == [many, waits]


def test_what_is_known_of_an_address(ledger: Ledger) -> None:
    accept(ledger, "ann@example.com", category="account")
    assert find_standing(ledger, "ANN@example.com") == Standing((START,))
    assert find_standing(ledger, "bob@example.com") == Standing()


# -- the whole ---------------------------------------------------------------------------------------------------------


def test_the_overview_is_that_of_a_moment(ledger: Ledger, clock: Clock) -> None:
    empty = read_overview(ledger)
    assert (empty.now, empty.version, empty.is_sealed) == (START, len(UPGRADES), False)
    assert (empty.oldest, empty.overdue, empty.suppressed, empty.runners) == (0, 0, 0, ())
    accept(ledger)
    clock.now += MINUTE
    accept(ledger)
    work = Work(ledger, "r1")
    work.renew_leases()
    work.take(1, SETTINGS, {})
    work.note_login("one", "1", refused=True)
    seen = read_overview(ledger)
    assert (seen.oldest, seen.overdue) == (START, START + MINUTE)
    assert seen.states == dict.fromkeys(State, 0) | {State.TAKEN: 1, State.QUEUED: 1}
    assert seen.runners == (SeenRunner("r1", START + MINUTE, START + MINUTE),)
    assert seen.logins == {"one": Login("1", 1)}
    assert seen.totals[Counted.ACCEPTED] == {"": 2}


WELL = Seen(START, 0, 0, 0, (START,), {}, {})
STOPPED = {"one": Login("1", WRONG_PASSWORDS)}


@pytest.mark.parametrize(
    ("seen", "settings", "expected"),
    [
        (WELL, SETTINGS, []),
        (WELL.replace(heard=()), SETTINGS.replace(enabled=False), []),
        (WELL.replace(heard=()), SETTINGS, [Complaint.NO_RUNNER]),
        (WELL.replace(heard=(START - LEASE - 1,)), SETTINGS, [Complaint.NO_RUNNER]),
        (WELL.replace(heard=(START - LEASE,)), SETTINGS, []),
        (WELL.replace(heard=(START - DAY, START)), SETTINGS, []),
        (
            WELL.replace(heard=(), waiting=1, overdue=START - 3 * MINUTE),
            SETTINGS.replace(enabled=False),
            [Complaint.NO_RUNNER],
        ),
        (WELL.replace(heard=(), waiting=1, overdue=START), SETTINGS.replace(enabled=False), []),
        (WELL, SETTINGS.replace(sender=None), [Complaint.NO_SENDER]),
        (WELL, SETTINGS.replace(sender=None, enabled=False), []),
        (WELL.replace(logins=STOPPED, fingerprints={"one": "1"}), SETTINGS, [Complaint.STOPPED]),
        (WELL.replace(logins=STOPPED, fingerprints={"one": "2"}), SETTINGS, []),
        (WELL.replace(logins={"one": Login("1", WRONG_PASSWORDS - 1)}, fingerprints={"one": "1"}), SETTINGS, []),
        (WELL.replace(waiting=1, oldest=START - HOUR), SETTINGS, []),
        (WELL.replace(waiting=1, oldest=START - HOUR - 1), SETTINGS, [Complaint.STUCK]),
    ],
)
def test_what_is_wrong_is_found(seen: Seen, settings: Settings, expected: list[Complaint]) -> None:
    assert [one.complaint for one in judge_health(seen, settings)] == expected


@given(st.integers(0, 2**50), st.integers(0, 2**50))
def test_a_clock_that_was_put_back_makes_no_runner_immortal(heard: int, now: int) -> None:
    assert is_alive(heard, now) == (abs(now - heard) <= LEASE)


def test_without_fingerprints_a_sender_that_was_refused_often_enough_counts_as_stopped(ledger: Ledger) -> None:
    work = Work(ledger, "r1")
    for _ in range(WRONG_PASSWORDS):
        work.note_login("one", "1", refused=True)
    overview = read_overview(ledger)
    assert make_status(overview, SETTINGS).stopped == ("one",)
    assert make_status(overview, SETTINGS, {"one": "1"}).stopped == ("one",)
    assert make_status(overview, SETTINGS, {"one": "2"}).stopped == ()
    assert ledger.forget_refused_logins("one")
    assert not ledger.forget_refused_logins("one")
    assert make_status(read_overview(ledger), SETTINGS).stopped == ()


# -- metrics -----------------------------------------------------------------------------------------------------------

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? ([0-9.e+-]+)")
_UNESCAPED = {r"\\": "\\", r"\n": "\n", r"\"": '"'}


def read_metrics(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield the samples of a text by the grammar of the format, each after the two lines on its metric."""
    assert text.endswith("\n")
    told: dict[str, str] = {}
    for line in text.removesuffix("\n").split("\n"):
        if about := re.fullmatch(rf"# (HELP|TYPE) ({_NAME}) (.*)", line):
            told[about[1]] = about[2]
            assert about[1] == "HELP" or about[3] in {"counter", "gauge"}
            continue
        sample = _SAMPLE.fullmatch(line)
        assert sample is not None, line
        assert told == {"HELP": sample[1], "TYPE": sample[1]}
        labels = {}
        for label in re.findall(_LABEL, sample[2] or ""):
            name, _, value = label.partition("=")
            labels[name] = re.sub(r'\\[\\n"]', lambda match: _UNESCAPED[match[0]], value[1:-1])
        yield sample[1], labels, float(sample[3])


@given(st.text(), st.floats(0, 1e15))
def test_any_label_and_any_help_keep_their_place(text: str, value: float) -> None:
    metric = Metric("a_total", text, "counter", (Sample(value, (("who", text),)), Sample(1)))
    clean = "".join(one if one == "\n" or one.isprintable() else "�" for one in text)
    assert list(read_metrics(format_metrics([metric]))) == [("a_total", {"who": clean}, value), ("a_total", {}, 1)]


def test_a_metric_without_samples_is_left_out() -> None:
    assert format_metrics([make_metric("a", "A.", {}, "x"), make_metric("b", "B.", 1.5)]) == (
        "# HELP b B.\n# TYPE b gauge\nb 1.5\n"
    )


def test_the_metrics_of_a_service(ledger: Ledger, clock: Clock, open_it: Callable[[], Ledger]) -> None:
    for n in range(3):
        accept(ledger, f"a{n}@example.com")
    attempt(ledger, Answer(Verdict.DELIVERED), clock=clock)
    attempt(ledger, Answer(Verdict.LATER, 'evil"\n} 1\nx{'), clock=clock)
    work = Work(ledger, "r1")
    work.renew_leases()
    for _ in range(WRONG_PASSWORDS):
        work.note_login("one", "1", refused=True)
    clock.now += 30 * 1000
    status = make_status(read_overview(ledger), SETTINGS.replace(rate_limit=60), {"one": "1"})
    found = {
        (name, *labels.values()): value for name, labels, value in read_metrics(format_metrics(make_metrics(status)))
    }
    expected = {
        ("confobjects_mail_service_enabled",): 1,
        ("confobjects_mail_service_problem", "sender-stopped"): 1,
        ("confobjects_mail_service_problem", "no-runner"): 0,
        ("confobjects_mail_ledger_sealed", str(len(UPGRADES))): 0,
        ("confobjects_mail_parts", "queued"): 2,
        ("confobjects_mail_parts", "delivered"): 1,
        ("confobjects_mail_parts", "unknown"): 0,
        ("confobjects_mail_oldest_seconds",): 30,
        ("confobjects_mail_overdue_seconds",): 30,
        ("confobjects_mail_accepted_total",): 3,
        ("confobjects_mail_refused_total", "over-quota"): 0,
        ("confobjects_mail_ended_total", "delivered"): 1,
        ("confobjects_mail_attempts_total", "delivered"): 1,
        ("confobjects_mail_attempts_total", 'evil"\n} 1\nx{'): 1,
        ("confobjects_mail_runners",): 1,
        ("confobjects_mail_sender_stopped", "one"): 1,
        ("confobjects_mail_rate_limit",): 60,
    }
    assert expected.items() <= found.items()
    assert not [name for name in found if "example.com" in repr(name)]


def test_the_age_of_nothing_is_nothing(ledger: Ledger) -> None:
    status = make_status(Overview(START, "", 1, is_sealed=True, states=dict.fromkeys(State, 0)), SETTINGS)
    assert status.seconds_since(0) == 0
    assert status.seconds_since(START + 5) == 0
    assert status.waiting == 0
