"""The sources of values have a limit of time together, and expression files one of size; a clock of the test counts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import confobjects
from confobjects.errors import ConfobjectsError
from confobjects.expressions import Failed, Found, Need, NotFound
from confobjects.resolvers import ExpressionFiles, Patience, Resolvers
from confobjects.resolvers.files import MAX_ENTRIES, MAX_FILE_SIZE, MAX_TOTAL_SIZE
from tests.opening import open_any

LATE = "the sources of expressions took more than 60 s"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Steady(Clock):
    """A clock that moves whenever it is asked."""

    def __call__(self) -> float:
        self.now += 0.5
        return self.now


class Slow(Mapping[str, str]):
    """An environment that takes a second for each variable."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asked = 0

    def __getitem__(self, name: str) -> str:
        if name.startswith("CONFOBJECTS_"):
            raise KeyError(name)
        self.asked += 1
        self.clock.now += 1
        return "x"

    def __iter__(self) -> Iterator[str]:
        return iter(("A_B",))

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize("function", [None, "env"])
def test_a_slow_source_is_not_asked_any_more_when_the_time_is_over(function: str | None) -> None:
    clock = Clock()
    slow = Slow(clock)
    resolvers = Resolvers(environment=slow, patience=Patience(60, clock))
    answers = [resolvers(Need(function, f"a.b{number}")) for number in range(200)]
    assert slow.asked == 60
    assert all(isinstance(answer, Found) for answer in answers[:59])
    assert {answer.message for answer in answers[59:] if isinstance(answer, Failed)} == {LATE}
    assert not any(isinstance(answer, Found) for answer in answers[59:])


def test_the_time_between_two_questions_does_not_count() -> None:
    clock = Clock()
    resolvers = Resolvers(environment={"A_B": "x"}, patience=Patience(60, clock))
    for _ in range(5):
        clock.now += 1000
        assert isinstance(resolvers(Need(None, "a.b")), Found)


@pytest.mark.parametrize("number", [10, 100, 1000])
def test_reading_of_expression_files_stops_when_the_time_is_over(tmp_path: Path, number: int) -> None:
    for at in range(number):
        (tmp_path / f"f{at}.json").write_text("{}")
    clock = Steady()
    answer = Resolvers(directories=[str(tmp_path)], patience=Patience(60, clock))(Need(None, "a.b"))
    assert isinstance(answer, NotFound if number == 10 else Failed)
    assert clock.now < 70
    if isinstance(answer, Failed):
        assert answer.message == LATE


def test_a_directory_of_expression_files_has_a_limit(tmp_path: Path) -> None:
    for at in range(MAX_ENTRIES + 1):
        os.link(tmp_path / "e0", tmp_path / f"e{at}") if at else (tmp_path / "e0").touch()
    answer = ExpressionFiles([str(tmp_path)])("a.b")
    assert isinstance(answer, Failed)
    assert answer.message == f"the directory of expression files {tmp_path} has more than 10,000 entries"
    (tmp_path / "e0").unlink()
    assert isinstance(ExpressionFiles([str(tmp_path)])("a.b"), NotFound)


def test_expression_files_have_a_limit_together(tmp_path: Path) -> None:
    text = "#" * MAX_FILE_SIZE
    (tmp_path / "f0.properties").write_text(text)
    for at in range(1, MAX_TOTAL_SIZE // MAX_FILE_SIZE + 1):
        os.link(tmp_path / "f0.properties", tmp_path / f"f{at}.properties")
    answer = ExpressionFiles([str(tmp_path)])("a.b")
    assert isinstance(answer, Failed)
    assert answer.message == "the expression files are larger than 64 MiB together"


def test_a_file_that_is_read_in_many_pieces_is_read_until_the_time_is_over(tmp_path: Path) -> None:
    (tmp_path / "a.pin").write_text("x")
    clock = Steady()
    answer = Resolvers(instance_directory=str(tmp_path), patience=Patience(0.4, clock))(Need("file", "a.pin"))
    assert isinstance(answer, Failed)


def test_a_start_with_a_slow_source_comes_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("confobjects.resolvers.Patience", lambda: Patience(60, clock))
    url = f"ldif:{tmp_path / 'config.ldif'}"
    with open_any(url) as context:
        text = "".join(f"&{{env:V{number}}}" for number in range(200))
        context.create("mail-server", "one", {"enabled": ["true"], "smtp-server": ["h"], "auth-username": [text]})
    slow = Slow(clock)
    with pytest.raises(ConfobjectsError, match=LATE):
        confobjects.load(url, environment=slow, expression_directories=())
    assert slow.asked < 70
