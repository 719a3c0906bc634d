"""What is said of followers: the sentence, the table, the lines for scripts. What they report does nothing to a terminal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.cli.output.followers import (
    ACTION_WORDS,
    describe_waiting,
    followers_as_json,
    format_duration,
    format_followers,
    script_rows,
    summarise,
)
from confobjects.cli.output.json import dumps
from confobjects.cli.output.script import format_lines
from confobjects.definitions.model import ACTION_SENTENCES
from confobjects.management.followers import AskedChange, FollowersVerdict, judge_followers
from confobjects.mapping.followers import LONGEST_NAME, FollowerReport, WaitingChange, check_follower_name
from tests.management.test_followers import NOW, ago

SSL = WaitingChange("/mail-server/one", "changed", ("use-ssl",), ("server-restart",))


def report(name: str, number: int | None = 17, *waiting: WaitingChange, silence: float = 5) -> FollowerReport:
    return FollowerReport(name, f"{name}.example.com", 4711, ago(silence), number, waiting)


def judged(*reports: FollowerReport, number: int | None = 17) -> FollowersVerdict:
    return judge_followers(reports, AskedChange(number), number, NOW)


@pytest.mark.parametrize(
    ("reports", "number", "sentence"),
    [
        ([], 17, "nobody listens"),
        ([report("web-4", silence=150)], 17, "nobody listens; web-4 not heard of for 2 min"),
        ([report("web-1")], 17, "change 17 in effect on 1 of 1"),
        (
            [report("web-1"), report("web-2", 17, SSL), report("web-3"), report("web-5"), report("web-4", silence=99)],
            17,
            "change 17 in effect on 3 of 4; web-2 waits for a restart (use-ssl of /mail-server/one); "
            "web-4 not heard of for 99 s",
        ),
        ([report("web-1", 15)], 17, "change 17 in effect on 0 of 1; web-1 is at change 15"),
        (
            [report("web-1", 15).replace(problems=("use-ssl has no value", "more"))],
            17,
            "change 17 in effect on 0 of 1; web-1 is at change 15: use-ssl has no value",
        ),
        (
            [report("web-1", 99)],
            17,
            "change 17 in effect on 0 of 1; web-1 reports change 99, and the newest is 17: "
            "its report is wrong, or the configuration was restored",
        ),
        ([report("web-1", None)], 17, "change 17 in effect on 0 of 1; web-1 reports no change"),
        (
            [report("web-1", None)],
            None,
            "the configuration keeps no history: it is not known what is in effect on 1 of 1; web-1 reports no change",
        ),
        ([report("web-1").replace(time="never")], 17, "nobody listens; web-1 reports a time that cannot be read"),
    ],
)
def test_the_sentence(reports: list[FollowerReport], number: int | None, sentence: str) -> None:
    assert summarise(judged(*reports, number=number)) == sentence


@pytest.mark.parametrize(
    ("waits", "text"),
    [
        ([], "waits for more than its report holds"),
        (
            [SSL, WaitingChange("/mail-server/two", "changed", ("use-ssl", "port"), ("server-restart",))],
            "waits for a restart (use-ssl of /mail-server/one; use-ssl, port of /mail-server/two)",
        ),
        (
            [SSL, WaitingChange("/mail-server/two", "added", (), ("component-restart", "other"))],
            "waits for a restart (use-ssl of /mail-server/one), waits for the object to be disabled and enabled again "
            "and an action of the administrator (creation of /mail-server/two)",
        ),
        ([WaitingChange("/a", "deleted", (), ())], "waits (deletion of /a)"),
        ([WaitingChange("/a", "changed", (), ("x\x1b[31m",))], "waits for x\\x1b[31m (/a)"),
    ],
)
def test_what_waits(waits: list[WaitingChange], text: str) -> None:
    assert describe_waiting(waits) == text


def test_every_administrator_action_that_waits_has_words() -> None:
    assert ACTION_WORDS.keys() == ACTION_SENTENCES.keys() - {"none"}


def test_the_table() -> None:
    web_3 = report("web-3", 16, silence=7300).replace(problems=("the file is gone", "x"))
    shown = format_followers(judged(report("web-1"), report("web-2", 17, SSL), web_3)).splitlines()
    assert shown == [
        "Follower : Host              : Process : Change : Heard of : State",
        "---------:-------------------:---------:--------:----------:-------------",
        "web-1    : web-1.example.com : 4711    : 17     : 5 s ago  : in effect",
        "web-2    : web-2.example.com : 4711    : 17     : 5 s ago  : waits",
        "web-3    : web-3.example.com : 4711    : 16     : 2 h ago  : not heard of",
        "",
        "change 17 in effect on 1 of 2; web-2 waits for a restart (use-ssl of /mail-server/one); "
        "web-3 not heard of for 2 h.",
        "  web-3: the file is gone",
        "  web-3: x",
    ]


def test_lines_for_scripts() -> None:
    silent = report("web-3", None, silence=120).replace(problems=("a", "b"))
    assert list(script_rows(judged(report("web-2", 17, SSL), silent))) == [
        (
            "web-2",
            "waiting",
            "17",
            "5",
            "web-2.example.com",
            "4711",
            "waits for a restart (use-ssl of /mail-server/one)",
        ),
        ("web-3", "silent", "", "120", "web-3.example.com", "4711", "", "a", "b"),
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172799, "47 h"), (172800, "2 d")],
)
def test_durations(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text


def test_many_followers_and_many_changes_are_not_all_named() -> None:
    many = [report(f"web-{n}", 16) for n in range(1000)]
    assert len(summarise(judged(*many))) < 1000
    assert summarise(judged(*many)).endswith("; 980 more")
    waits = [WaitingChange(f"/a/{n}", "changed", tuple(f"p{m}" for m in range(300)), ("other",)) for n in range(300)]
    assert len(describe_waiting(waits)) < 10_000


NAMES = st.text(min_size=1, max_size=LONGEST_NAME).map(str.strip).filter(lambda name: bool(name) and name.isprintable())
TEXTS = st.text(st.characters(codec="utf-8", categories=["Cc", "Cf", "L", "Zl"]), max_size=300)
WAITING = st.builds(WaitingChange, TEXTS, TEXTS, st.lists(TEXTS, max_size=2).map(tuple), st.lists(TEXTS).map(tuple))
REPORTS = st.builds(
    FollowerReport,
    NAMES.map(check_follower_name),
    TEXTS,
    st.integers(0, 2**63 - 1),
    st.sampled_from([NOW, "\x1b]0;x\x07", ago(500)]),
    st.none() | st.integers(0, 2**63 - 1),
    st.lists(WAITING, max_size=2).map(tuple),
    st.lists(TEXTS, max_size=3).map(tuple),
    st.integers(0, 2**63 - 1),
)


@given(st.lists(REPORTS, max_size=3), st.none() | st.integers(0, 2**63 - 1))
def test_what_followers_report_does_nothing_to_a_terminal(reports: list[FollowerReport], number: int | None) -> None:
    verdict = judged(*reports, number=number)
    table = format_followers(verdict).split("\n")
    assert all(map(str.isprintable, table))
    assert summarise(verdict).isprintable()
    assert len(format_lines(script_rows(verdict)).splitlines()) == len(reports)
    text = dumps(followers_as_json(verdict))
    assert text.replace("\n", "").isprintable()
    assert [one["name"] for one in json.loads(text)["followers"]] == [one.name for one in verdict.followers]
