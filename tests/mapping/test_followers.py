"""Reports of followers: what is written is read, whatever else is there is no report."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.dn import DN
from confobjects.errors import UsageError
from confobjects.mapping.apart import is_apart
from confobjects.mapping.followers import (
    LONGEST_NAME,
    MOST_CHARACTERS,
    FollowerReport,
    WaitingChange,
    age_of,
    check_follower_name,
    is_alive,
    place_of_followers,
    read_report,
    read_report_of,
    write_report,
)

TEXTS = st.text(max_size=20)
NUMBERS = st.integers(0, 2**63 - 1)
WAITING = st.builds(WaitingChange, TEXTS, TEXTS, st.lists(TEXTS).map(tuple), st.lists(TEXTS).map(tuple))
REPORTS = st.builds(
    FollowerReport,
    st.sampled_from(["web-1", "web 2", "ä"]),
    TEXTS,
    NUMBERS,
    TEXTS,
    st.none() | NUMBERS,
    st.lists(WAITING, max_size=5).map(tuple),
    st.lists(TEXTS, max_size=5).map(tuple),
    NUMBERS,
)
WHOLE = json.loads(write_report(FollowerReport("web-1", "host", 1, "2026-01-02T03:04:05Z", 7)))


@given(REPORTS)
def test_what_is_written_is_read(report: FollowerReport) -> None:
    assert read_report(write_report(report)) == report


def test_a_long_report_tells_how_much_it_leaves_out() -> None:
    waiting = tuple(WaitingChange(f"/a/{n}", "changed", ("x" * 100,), ("server-restart",)) for n in range(2000))
    text = write_report(FollowerReport("web-1", "host", 1, "", 7, waiting, ("a problem",)))
    found = read_report(text)
    assert len(text) <= MOST_CHARACTERS
    assert found is not None
    assert found.waiting == waiting[: len(found.waiting)]
    assert found.waiting
    assert found.problems == ("a problem",)
    assert len(found.waiting) + found.more == len(waiting)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": " web"},
        {"name": "a\nb"},
        {"name": "x" * (LONGEST_NAME + 1)},
        {"name": 1},
        {"host": None},
        {"process": -1},
        {"process": True},
        {"process": "1"},
        {"number": -1},
        {"number": 2**63},
        {"number": 1.5},
        {"number": "17"},
        {"time": 0},
        {"waiting": None},
        {"waiting": [["/a"]]},
        {"waiting": [["/a", "changed", "x", []]]},
        {"problems": "x"},
        {"problems": [1]},
        {"more": None},
    ],
    ids=json.dumps,
)
def test_a_report_that_cannot_be_true_is_none(change: dict[str, object]) -> None:
    assert read_report(json.dumps({**WHOLE, **change})) is None


@pytest.mark.parametrize("field", WHOLE)
def test_a_report_without_a_field_is_none(field: str) -> None:
    assert read_report(json.dumps({name: value for name, value in WHOLE.items() if name != field})) is None


@pytest.mark.parametrize("text", ["", "[]", "1", "{", '"x"', "[" * 60000, "x" * (MOST_CHARACTERS + 1)])
def test_other_texts_are_no_reports(text: str) -> None:
    assert read_report(text) is None


@pytest.mark.parametrize("name", ["web-1", "Web 1", "x" * LONGEST_NAME, "büro"])
def test_names_of_followers(name: str) -> None:
    assert check_follower_name(name) == name


@pytest.mark.parametrize("name", ["", " ", "a ", "\x1b[31m", "x" * (LONGEST_NAME + 1)])
def test_names_that_no_follower_has(name: str) -> None:
    with pytest.raises(UsageError, match="the name of a follower has 1 to 100 printable characters"):
        check_follower_name(name)


def at(time: str) -> FollowerReport:
    return FollowerReport("web-1", "host", 1, time, 7)


@pytest.mark.parametrize(
    ("age", "alive"), [(0, True), (60, True), (-60, True), (61, False), (-61, False), (10**9, False)]
)
def test_a_follower_is_alive_while_it_was_heard_of_lately(age: int, alive: bool) -> None:
    noon = 1_767_323_045
    assert age_of(at("2026-01-02T03:04:05Z"), noon + age) == age
    assert is_alive(at("2026-01-02T03:04:05Z"), noon + age) == alive


@pytest.mark.parametrize(
    "time",
    [
        "",
        "now",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-13-02T03:04:05Z",
        "0000-01-01T00:00:00Z",
        "٢026-01-02T03:04:05Z",
    ],
)
def test_a_time_that_is_none_is_none_at_which_anybody_was_alive(time: str) -> None:
    assert age_of(at(time), 0) is None
    assert not is_alive(at(time), 0)


def test_nobody_speaks_for_another() -> None:
    text = write_report(at(""))
    assert read_report_of("WEB-1", text) == at("")
    assert read_report_of("web-2", text) is None


def test_half_a_character_is_no_text() -> None:
    assert read_report(json.dumps({**WHOLE, "host": "\udc80"})) is None


@pytest.mark.parametrize(
    ("base", "place"),
    [
        ("ou=config,dc=example,dc=com", "ou=config,cn=Followers,dc=example,dc=com"),
        ("cn=a\\,b+ou=c,dc=com", "cn=a\\,b+ou=c,cn=Followers,dc=com"),
    ],
)
def test_reports_are_kept_beside_the_base(base: str, place: str) -> None:
    found = place_of_followers(DN.parse(base))
    assert found == DN.parse(place)
    assert not found.is_below(DN.parse(base))
    assert not is_apart(found, DN.parse(base))
    assert is_apart(DN.parse(f"cn=followers,{base}"), DN.parse(base))
    assert is_apart(DN.parse(f"cn=x,cn=Followers,{base}"), DN.parse(base))
