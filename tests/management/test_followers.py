"""Which followers count, and which have a change in effect."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.management import ManagementContext
from confobjects.management.followers import (
    AskedChange,
    FollowersVerdict,
    Places,
    judge_followers,
    places_of,
    recorded_places,
)
from confobjects.mapping.followers import ALIVE, TIME_FORMAT, FollowerReport, WaitingChange
from confobjects.objects.changes import ObjectChange, PropertyChanges
from tests.definitions.documents import builtin
from tests.management.things import MAIL, manage

NOW = "2026-11-28T12:00:00Z"
START = datetime(2026, 11, 28, 12, tzinfo=UTC)


def ago(seconds: float) -> str:
    return (START - timedelta(seconds=seconds)).strftime(TIME_FORMAT)


def report(name: str, number: int | None, *waiting: WaitingChange, time: str = NOW, more: int = 0) -> FollowerReport:
    return FollowerReport(name, "host", 1, time, number, waiting, more=more)


def waits(path: str, *properties: str) -> WaitingChange:
    return WaitingChange(path, "changed", properties, ("server-restart",))


PATHS = st.sampled_from(["/a/one", "/a/one/c/x", "/a/one two", "/b"])
NAMES = st.frozensets(st.sampled_from(["x", "y", "z"]), max_size=3)
WAITING = st.builds(
    WaitingChange, PATHS, st.sampled_from(["added", "changed", "deleted"]), NAMES.map(tuple), st.just(("other",))
)
TIMES = st.one_of(st.floats(-1e9, 1e9).map(ago), st.text(max_size=30), st.datetimes().map(datetime.isoformat))
REPORTS = st.lists(
    st.builds(
        FollowerReport,
        st.text(min_size=1, max_size=3),
        st.just("host"),
        st.just(1),
        TIMES,
        st.none() | st.integers(0, 9),
        st.lists(WAITING, max_size=3).map(tuple),
        st.just(()),
        st.integers(0, 1),
    ),
    max_size=6,
)
PLACES = st.none() | st.dictionaries(PATHS, NAMES, max_size=3)
VERDICTS = st.builds(
    lambda reports, number, places, later: judge_followers(
        reports, AskedChange(number, places), None if number is None else number + later, NOW
    ),
    REPORTS,
    st.none() | st.integers(0, 5),
    PLACES,
    st.integers(0, 3),
)


@given(VERDICTS)
def test_every_follower_is_told_once(verdict: FollowersVerdict) -> None:
    counted = [*verdict.in_effect, *verdict.lacking, *verdict.silent]
    assert sorted(map(id, counted)) == sorted(map(id, verdict.followers))
    assert sorted(map(id, [*verdict.in_effect, *verdict.lacking])) == sorted(map(id, verdict.alive))


@given(VERDICTS)
def test_who_has_a_change_in_effect_has_looked_at_it_and_does_not_wait_there(verdict: FollowersVerdict) -> None:
    number, newest, places = verdict.asked.number, verdict.newest, verdict.asked.places
    for one in verdict.followers:
        looked_at = number is not None and newest is not None and one.report.number in range(number, newest + 1)
        waiting = [item for item in one.report.waiting if places is None or _touches(places, item)]
        assert one.in_effect == (looked_at and not waiting and not one.report.more)
        assert list(one.waits) == waiting


def _touches(places: Places, item: WaitingChange) -> bool:
    if item.path == "/a/one/c/x" and places.get("/a/one") == frozenset() and item.path not in places:
        return True
    names = places.get(item.path)
    return names is not None and (not names or not item.properties or bool(names & set(item.properties)))


@given(VERDICTS, st.integers(1, 100))
def test_no_follower_has_a_change_that_does_not_exist(verdict: FollowersVerdict, further: int) -> None:
    if verdict.newest is None:
        return
    reports = [one.report.replace(number=verdict.newest + further) for one in verdict.followers]
    again = judge_followers(reports, verdict.asked, verdict.newest, NOW)
    assert {one.standing for one in again.followers} <= {"ahead"}


@given(st.integers(-(10**9), 10**9))
def test_who_was_heard_of_within_a_minute_is_alive(seconds: int) -> None:
    (one,) = judge_followers([report("web", 1, time=ago(seconds))], AskedChange(1), 1, NOW).followers
    assert one.silence == max(0, seconds)
    assert one.alive == (seconds <= ALIVE)


@pytest.mark.parametrize(
    "time", ["", "yesterday", "12", "2026-13-01T00:00:00Z", "2026-11-28T12:00:00Z\n", "2026-11-28T12:00:00", "\x1b[31m"]
)
def test_what_is_no_time_counts_as_never(time: str) -> None:
    (one,) = judge_followers([report("web", 1, time=time)], AskedChange(1), 1, NOW).followers
    assert one.silence is None
    assert not one.alive


@pytest.mark.parametrize(
    ("found", "standing"),
    [
        (report("web", 17), "in-effect"),
        (report("web", 18), "in-effect"),
        (report("web", 16), "behind"),
        (report("web", 19), "ahead"),
        (report("web", None), "unknown"),
        (report("web", 17, waits("/mail-server/one", "use-ssl")), "waiting"),
        (report("web", 17, waits("/mail-server/ONE", "use-ssl")), "waiting"),
        (report("web", 17, WaitingChange("/mail-server/one", "deleted", (), ("server-restart",))), "waiting"),
        (report("web", 17, waits("/mail-server/one", "host-name")), "in-effect"),
        (report("web", 17, waits("/mail-server/two", "use-ssl")), "in-effect"),
        (report("web", 17, more=1), "waiting"),
        (report("web", 16, waits("/mail-server/one", "use-ssl")), "behind"),
    ],
)
def test_how_a_follower_stands_to_a_change(found: FollowerReport, standing: str) -> None:
    asked = AskedChange(17, {"/mail-server/one": frozenset(["use-ssl", "port"])})
    (one,) = judge_followers([found], asked, 18, NOW).followers
    assert one.standing == standing


def test_without_a_history_nothing_is_known() -> None:
    (one,) = judge_followers([report("web", 3)], AskedChange(None), None, NOW).followers
    assert one.standing == "unknown"


# -- where changes were made -----------------------------------------------------------------------------------------


def _make_changes(site: ManagementContext) -> list[ObjectChange]:
    """Create, change, rename and delete one object; return what was changed, with a change of the other name's case."""
    reports = [
        site.create("mail-server", "one", MAIL),
        site.modify("mail-server", "ONE", PropertyChanges(set={"smtp-server": ["mx.example.org"]})),
        site.modify("mail-server", "one", PropertyChanges(set={"enabled": ["false"]})),
        site.rename("mail-server", "one", "two"),
        site.delete("mail-server", "two"),
    ]
    assert [one.number for one in reports] == [1, 2, 3, 4, 5]
    return [change for one in reports for change in one.changes]


def test_places_are_properties_or_objects_as_such() -> None:
    created, server, enabled, renamed, deleted = _make_changes(manage(builtin()))
    one, two = "/mail-server/one", "/mail-server/two"
    assert places_of([server]) == {one: {"smtp-server"}}
    assert places_of([server, enabled]) == {one: {"smtp-server", "enabled"}}
    assert places_of([created]) == places_of([enabled, created]) == places_of([created, enabled]) == {one: set()}
    assert places_of([renamed]) == {one: set(), two: set()}
    assert places_of([deleted]) == {two: set()}
    assert places_of([]) == {}


def test_the_history_says_the_same() -> None:
    site = manage(builtin())
    changes = _make_changes(site)
    assert [recorded_places(one.changes) for one in site.history()] == [places_of([one]) for one in changes]
