"""Which alerts are due: a handler looks again and again, while things break, are mended, and break again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.diagnostics import Diagnostic
from confobjects.mail.alerts import AlertType
from confobjects.service.rules.alerts import MOST, Memory, find_due, is_recent, mark_told, note, observe
from confobjects.service.rules.findings import Queue, choose_sender, find_problems, find_stuck
from confobjects.service.rules.settings import MINUTE

REPEAT = 15 * MINUTE
KEYS = st.sampled_from("abc")
LOOKS = st.lists(
    st.tuples(st.integers(0, 20 * MINUTE), st.frozensets(KEYS), st.frozensets(st.sampled_from("xy")), st.booleans()),
    max_size=40,
)
"""Looks: the time since the one before, what is wrong, what has happened, and whether what is due can be told."""


@given(LOOKS)
def test_what_begins_is_told_soon_once_and_never_too_often(looks: list[tuple[int, set[str], set[str], bool]]) -> None:
    memory: Memory = {}
    now = 0
    last: dict[str, int] = {}
    owed: set[str] = set()
    before: set[str] = set()
    for pause, present, happened, can_tell in looks:
        now += pause
        memory = observe(memory, present, now, REPEAT)
        for key in happened:
            memory = note(memory, key, now, REPEAT)
        owed = {key for key in owed if key in present or key in "xy"} | (present - before) | happened
        due = find_due(memory, now, REPEAT)
        assert set(due) == {key for key in owed if key not in last or now - last[key] >= REPEAT}
        if can_tell:
            memory = mark_told(memory, due, now)
            last.update(dict.fromkeys(due, now))
            owed -= set(due)
        before = set(present)


@given(st.lists(st.integers(0, 3 * MOST), max_size=5), st.booleans())
def test_what_is_remembered_is_bounded_and_what_has_no_room_waits(starts: list[int], can_tell: bool) -> None:
    memory: Memory = {}
    for now, start in enumerate(starts):
        wanted = {f"{number:05}" for number in range(start, start + MOST + 10)}
        memory = observe(memory, wanted, now, REPEAT)
        memory = note(memory, "happened", now, REPEAT)
        assert len(memory) <= MOST
        if can_tell:
            memory = mark_told(memory, find_due(memory, now, REPEAT), now)
    memory = observe(memory, (), len(starts) + REPEAT, REPEAT)
    assert set(memory) <= {"happened"}


def test_a_clock_that_was_put_back_silences_nothing() -> None:
    assert is_recent(10, 10, REPEAT)
    assert not is_recent(10, 9, REPEAT)
    assert not is_recent(10, 10 + REPEAT, REPEAT)
    assert not is_recent(None, 10, REPEAT)


@pytest.mark.parametrize(
    ("queue", "stuck"),
    [
        (Queue(), False),
        (Queue(1, oldest=1), True),
        (Queue(1, oldest=60 * MINUTE), True),
        (Queue(1, oldest=60 * MINUTE + 1), False),
        (Queue(9, oldest=1, delivered=60 * MINUTE), True),
        (Queue(9, oldest=1, delivered=60 * MINUTE + 1), False),
        (Queue(0, oldest=0, delivered=1), False),
    ],
)
def test_mail_is_stuck_if_it_waits_and_none_is_delivered(queue: Queue, stuck: bool) -> None:
    found = list(find_stuck(queue, 90 * MINUTE, 30 * MINUTE))
    assert [one.type for one in found] == [AlertType.MAIL_STUCK] * stuck


def test_problems_are_the_same_by_what_is_wrong_where_and_not_by_their_words() -> None:
    def keys(*problems: Diagnostic) -> list[str]:
        return [one.key for one in find_problems(problems, AlertType.CERTIFICATE_ENDING)]

    first = Diagnostic("mail-trust", "the certificate a ends", path="/x/f", property="file", remedy="replace it")
    assert keys(first) == keys(first.replace(summary="the certificate a has ended", severity="error", remedy=""))
    assert len(set(keys(first, first.replace(property="other"), first, first.replace(path="/x/g")))) == 4


def test_what_is_known_of_a_problem_is_in_the_mail_on_lines_of_its_own() -> None:
    problem = Diagnostic(
        "mail-trust", "bad\nthing", path="/x/f", property="file", detail="why\n: so", remedy="replace it"
    )
    [alert] = find_problems([problem], AlertType.CERTIFICATE_ENDING)
    assert alert.message == r"/x/f, file: bad\nthing"
    assert alert.details == (r"why\n: so", "remedy: replace it")


@pytest.mark.parametrize(
    ("candidates", "stopped", "chosen"),
    [
        (["a", "b"], [], "a"),
        (["a", "b"], ["a"], "b"),
        ([None, "b"], [], "b"),
        (["a", "b"], ["a", "b"], None),
        (["gone", "b"], [], "b"),
        ([None], [], None),
    ],
)
def test_a_sender_is_chosen_that_is_there_and_not_stopped(
    candidates: list[str | None], stopped: list[str], chosen: str | None
) -> None:
    assert choose_sender(candidates, stopped, ["a", "b", "c"]) == chosen
