"""Changes whose writer died in the middle are found, and finished or taken back, without another change."""

from __future__ import annotations

from itertools import count
from typing import Any
from urllib.parse import quote

import pytest

from confobjects.management.history.interrupted import find_interrupted, finish_interrupted
from confobjects.storage.memory import MemoryStorage
from tests.opening import open_any
from tests.servers import ds389
from tests.servers.fixtures import GUARDED
from tests.storage.test_history_directory import NAMES, killed_at, together

NUMBERS = count()
VALUES = {"enabled": True, "smtp-server": "mx.example.com", "auth-username": "0"}


@pytest.fixture(params=["389-ds", "slapd"])
def url(request: pytest.FixtureRequest) -> str:
    """A configuration of three mail servers in a directory, with a history of one change."""
    if request.param == "slapd":
        server, above = request.getfixturevalue("slapd").socket_url, GUARDED
    else:
        server, above = request.getfixturevalue("ds389_server").socket_url, ds389.SUFFIX
    place = str(server) + quote(f"cn=watched {next(NUMBERS)},{above}")
    fill(place)
    return place


def fill(url: str, **options: Any) -> None:
    with open_any(url, **options) as context, context.change() as tx:
        for name in NAMES:
            tx.create("mail-server", name, VALUES)


def interrupt(url: str) -> None:
    """Make a change of three objects in a process that is killed when it has changed one."""
    assert killed_at(lambda: open_any(url), 2, together, before=False)


def usernames(url: str) -> set[str]:
    with open_any(url) as context:
        return {text for obj in context.list("mail-server") for text in obj.values["auth-username"]}


def test_an_interrupted_change_is_found_and_finished_once(url: str) -> None:
    with open_any(url) as context:
        assert (find_interrupted(context.storage), tuple(finish_interrupted(context.storage))) == ([], ())
        interrupt(url)
        assert find_interrupted(context.storage) == [2]
        (remark,) = finish_interrupted(context.storage)
        assert remark.summary == "change 2 was interrupted; it was finished"
        assert (find_interrupted(context.storage), tuple(finish_interrupted(context.storage))) == ([], ())
        assert [one.state for one in context.history()] == ["done", "done"]
    assert usernames(url) == {"new"}


def test_one_that_had_not_begun_is_taken_back(url: str) -> None:
    assert killed_at(lambda: open_any(url), 1, together, before=False)
    with open_any(url) as context:
        (remark,) = finish_interrupted(context.storage)
        assert remark.severity == "warning"
        assert [one.number for one in context.history()] == [1]
    assert usernames(url) == {"0"}


def test_a_writer_that_lives_is_left_alone(url: str) -> None:
    with open_any(url) as writer, open_any(url) as other:
        carry_out = writer.storage._carry_out  # type: ignore[attr-defined]
        seen: list[object] = []

        def meet(change: Any, before: Any) -> None:
            carry_out(change, before)
            seen.extend(one.is_abandoned for one in other.storage.moment().unfinished)
            assert (find_interrupted(other.storage), list(finish_interrupted(other.storage))) == ([], [])

        writer.storage._carry_out = meet  # type: ignore[attr-defined]  # in the middle of its change
        together(writer)
        writer.storage._carry_out = carry_out  # type: ignore[attr-defined]
        assert False in seen
        assert True not in seen
        assert [one.state for one in other.history()] == ["done", "done"]
    assert usernames(url) == {"new"}


def test_a_file_leaves_nothing_unfinished() -> None:
    with MemoryStorage() as storage:
        assert (find_interrupted(storage), tuple(finish_interrupted(storage))) == ([], ())
