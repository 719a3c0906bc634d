"""What is said of periods of validity depends on the time alone, and changes only when it is said to."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.mail.expiry import SOON, Period, find_next, judge_periods, read_token_limits

DAY = 86400.0
NOW = 1_700_000_000.0
times = st.none() | st.floats(NOW - 40 * DAY, NOW + 40 * DAY)
periods = st.lists(
    st.builds(Period, st.sampled_from("abc"), st.just("/x/y"), st.sampled_from("pq"), times, times), max_size=15
)


def make(begin: float | None, end: float | None) -> Period:
    return Period("the token", "/mail-server/one", "auth-password", begin, end)


@pytest.mark.parametrize(
    ("begin", "end", "said"),
    [
        (None, None, None),
        (-DAY, 15 * DAY, None),
        (-DAY, 14 * DAY, ("warning", "the token ends on 2023-11-28 22:13 UTC")),
        (-DAY, 1.0, ("warning", "the token ends on 2023-11-14 22:13 UTC")),
        (-DAY, 0.0, ("error", "the token has ended on 2023-11-14 22:13 UTC")),
        (-9 * DAY, -DAY, ("error", "the token has ended on 2023-11-13 22:13 UTC")),
        (DAY, 90 * DAY, ("error", "the token is not valid before 2023-11-15 22:13 UTC")),
        (0.0, None, None),
        (1.0, None, ("error", "the token is not valid before 2023-11-14 22:13 UTC")),
    ],
)
def test_what_is_said(begin: float | None, end: float | None, said: tuple[str, str] | None) -> None:
    period = make(None if begin is None else NOW + begin, None if end is None else NOW + end)
    found = judge_periods([period], NOW)
    assert [(one.severity, one.summary) for one in found] == ([] if said is None else [said])
    assert {(one.path, one.property) for one in found} <= {("/mail-server/one", "auth-password")}


@given(periods, st.floats(NOW - 40 * DAY, NOW + 40 * DAY), st.floats(0, 1))
def test_nothing_else_is_said_before_the_next_time(some: list[Period], now: float, part: float) -> None:
    following = find_next(some, now)
    later = now + 100 * DAY if following is None else now + (following - now) * part
    if following is None or later < following:
        assert judge_periods(some, later) == judge_periods(some, now)
    if following is not None:
        assert following > now


def test_of_many_only_the_first_to_end_are_told() -> None:
    some = [make(None, NOW + number) for number in range(100, 0, -1)]
    found = judge_periods(some, NOW)
    assert len(found) == 10
    assert found[-1].more == ("and 90 more",)
    assert judge_periods([make(None, NOW + SOON + 1)], NOW) == ()


def token(head: Any, claims: Any) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in (head, claims))
    return ".".join((*parts, "c2lnbmF0dXJl"))


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        (token({"alg": "none"}, {"exp": 5, "nbf": 1.5}), (1.5, 5.0)),
        (token({"alg": "RS256"}, {}), (None, None)),
        (token({"alg": "RS256"}, {"exp": True, "nbf": "soon"}), (None, None)),
        (token({"alg": "RS256"}, {"exp": float("nan")}), (None, None)),
        (token({"alg": "RS256"}, {"exp": 10**400}), (None, 253402300799.0)),
        (token({"typ": "x"}, {"exp": 5}), None),
        (token([], {"exp": 5}), None),
        (token({"alg": "x"}, 7), None),
        ("a.b.c", None),
        ("mail.example.com", None),
        ("secret", None),
        ("", None),
        ("..", None),
        (token({"alg": "x"}, {"exp": 5, "more": "x" * 100_000}), None),
    ],
)
def test_the_limits_of_a_token(text: str, limits: tuple[float | None, float | None] | None) -> None:
    assert read_token_limits(text) == limits


@given(st.text(alphabet="abcd.=-_eyJ", max_size=40))
def test_no_text_is_a_mistake(text: str) -> None:
    found = read_token_limits(text)
    assert found is None or len(found) == 2
