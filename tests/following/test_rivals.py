"""Who has the name of a follower when two services tell under it."""

from __future__ import annotations

import pytest

from confobjects.following.rivals import Rival
from confobjects.mapping.followers import ALIVE, FollowerReport

NOON = 1_767_323_045.0  # 2026-01-02T03:04:05Z


def report(process: int = 2, host: str = "there", time: str = "2026-01-02T03:04:05Z") -> FollowerReport:
    return FollowerReport("web-1", host, process, time, 7)


def rival(*, gone: bool = False) -> Rival:
    return Rival("here", 1, lambda one: gone)


def test_a_name_without_a_report_and_one_with_its_own_are_free() -> None:
    assert rival().find(None, 0, NOON) is None
    assert rival().find(report(1, "here"), 0, NOON) is None


@pytest.mark.parametrize("other", [report(2, "here"), report(1, "there"), report()])
def test_the_second_leaves_the_name_to_one_that_is_alive(other: FollowerReport) -> None:
    one = rival()
    for turn in range(10):
        moved = other.replace(number=turn)
        assert one.find(moved, 20.0 * turn, NOON + 20 * turn) == moved


def test_the_name_is_free_when_nothing_comes_for_some_time() -> None:
    one = rival()
    assert one.find(report(), 100, NOON) is not None
    assert one.find(report(), 100 + ALIVE - 1, NOON + ALIVE - 1) is not None
    assert one.find(report(), 100 + ALIVE, NOON) is None


@pytest.mark.parametrize(
    "time", ["2026-01-02T03:02:00Z", "2026-01-02T03:07:00Z", "", "yesterday", "0000-00-00T00:00:00Z"]
)
def test_a_report_that_is_old_or_tells_no_time_frees_the_name_at_once(time: str) -> None:
    assert rival().find(report(time=time), 0, NOON) is None


def test_a_process_that_is_gone_frees_the_name_at_once() -> None:
    assert rival(gone=True).find(report(), 0, NOON) is None


def test_what_is_written_after_ones_own_report_comes_from_one_that_is_alive() -> None:
    one = rival(gone=True)
    assert one.find(report(), 0, NOON) is None
    one.note_told()
    assert one.find(report(1, "here"), 20, NOON + 20) is None
    assert one.find(report(3, time="long ago"), 40, NOON) is not None
    assert one.find(report(3, time="long ago"), 40 + ALIVE, NOON) is None


def test_a_report_that_changes_comes_from_one_that_is_alive_whatever_its_clock_says() -> None:
    one = rival()
    assert one.find(report(time="2026-01-02T03:04:00Z"), 0, NOON) is not None
    assert one.find(report(time="1999-01-01T00:00:00Z"), 20, NOON) is not None
