"""Output for scripts as the ancestor prints it: ``-s``, ``--record``, ``-z`` and ``-m``, in every combination."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from confobjects.cli.output.script import format_lines
from tests.cli.sessions import FAMILY, fresh, run

KNOWN = ["--definitions", str(FAMILY)]
ASKED = [word for name in ("segment", "time-to-live", "watch", "priority") for word in ("--property", name)]


@pytest.fixture(autouse=True)
def _queues(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        create = ["create-queue", "--type", "custom-memory", "--set", "enabled:true", *KNOWN, "--queue-name"]
        values = ["--set", "segment:1536 kib", "--set", "time-to-live:90 m", "--set", "watch:m", "--set", "watch:a, b"]
        assert run(*create, "a, b", "--set", "time-to-live:unlimited", "--set", "watch:a, b").status == 0
        assert run(*create, "m", *values).status == 0
        yield


def get(*options: str) -> list[str]:
    outcome = run("get-queue-prop", "--queue-name", "m", *options, *KNOWN)
    assert (outcome.status, outcome.err) == (0, "")
    return outcome.out.splitlines()


def test_a_line_per_property_name_then_values_parted_by_tabs_exact_units_no_heading() -> None:
    assert get("-s", *ASKED) == ["segment\t1536 kib", "time-to-live\t90 m", "watch\tm\ta, b", "priority\t0"]
    assert get("--script-friendly", *ASKED) == get("-s", *ASKED) == get("--output", "tsv", *ASKED)


def test_a_property_without_a_value_is_its_name_alone() -> None:
    assert get("-s", "--property", "store") == ["store"]


def test_record_gives_each_value_a_line() -> None:
    expected = ["segment\t1536 kib", "time-to-live\t90 m", "watch\tm", "watch\ta, b", "priority\t0"]
    assert get("-s", "--record", *ASKED) == get("-sE", *ASKED) == expected
    assert get("-E", "--property", "watch")[2:] == ["watch    : m", 'watch    : "a, b"']


@pytest.mark.parametrize(
    ("units", "segment", "life"),
    [
        (["-z", "b", "-m", "ms"], "1572864 b", "5400000 ms"),
        (["-z", "kib", "-m", "s"], "1536 kib", "5400 s"),
        (["--unit-size", "KB", "--unit-time", "H"], "1572.864 kb", "1.5 h"),
        (["-z", "mib", "-m", "d"], "1.5 mib", "0.0625 d"),
    ],
)
def test_units_for_scripts_are_exact_and_not_grouped(units: list[str], segment: str, life: str) -> None:
    assert get("-s", *units, *ASKED[:4]) == [f"segment\t{segment}", f"time-to-live\t{life}"]


@pytest.mark.parametrize(
    ("units", "segment", "life"),
    [
        ([], '"1.57 mb"', '"1 h 30 m"'),
        (["-z", "b", "-m", "ms"], '"1,572,864 b"', '"5,400,000 ms"'),
        (["-z", "mib", "-m", "d"], '"1.5 mib"', '"0.06 d"'),
    ],
)
def test_units_for_people_are_rounded_and_grouped(units: list[str], segment: str, life: str) -> None:
    assert get(*units, *ASKED[:4])[2:] == [f"segment      : {segment}", f"time-to-live : {life}"]


def test_unlimited_has_no_unit() -> None:
    outcome = run("get-queue-prop", "--queue-name", "a, b", "-s", "-m", "h", "--property", "time-to-live", *KNOWN)
    assert outcome.out == "time-to-live\tunlimited\n"


def test_a_unit_that_is_none_is_refused_with_those_there_are() -> None:
    outcome = run("get-queue-prop", "--queue-name", "m", "-m", "fortnight", *KNOWN)
    assert outcome.status == 2
    assert outcome.err.splitlines()[-1] == "  remedy: one of: w, d, h, m, s, ms"


def test_a_list_for_scripts_is_names_or_the_columns_asked_for() -> None:
    assert run("list-queues", "-s", *KNOWN).out == "a, b\nm\n"
    columns = [word for name in ("segment", "watch") for word in ("--property", name)]
    outcome = run("list-queues", "-s", "-z", "b", *columns, *KNOWN)
    assert outcome.out.splitlines() == ['a, b\t65536 b\t"a, b"', 'm\t1572864 b\tm,"a, b"']


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.text(), min_size=1), min_size=1))
def test_lines_for_scripts_lose_nothing(rows: list[list[str]]) -> None:
    lines = format_lines(rows).split("\n")
    assert [[read_back(cell) for cell in line.split("\t")] for line in lines] == rows
    assert all(cell.isprintable() for line in lines for cell in line.split("\t"))


def read_back(cell: str) -> str:
    """Return a cell as it was, by the rule that the page gives."""
    return re.sub(
        r"\\(?:([\\nrt])|x(..)|u(.{4})|U(.{8}))",
        lambda m: {"\\": "\\", "n": "\n", "r": "\r", "t": "\t"}[m[1]] if m[1] else chr(int(m[2] or m[3] or m[4], 16)),
        cell,
    )


def test_a_name_with_a_backslash_can_be_read_back() -> None:
    name = "a\\tb"
    created = run("create-queue", "--type", "custom-memory", "--set", "enabled:true", *KNOWN, "--queue-name", name)
    assert created.status == 0
    assert name in [read_back(line) for line in run("list-queues", "-s", *KNOWN).out.splitlines()]


def test_every_line_for_scripts_is_made_in_one_place(checkout: Path) -> None:
    """In two, one for each manner: dsconfig writes a backslash as it is."""
    top = checkout / "cli"
    parting = [str(path.relative_to(top)) for path in top.rglob("*.py") if '"\\t".join' in path.read_text()]
    assert sorted(parting) == ["compat/objects.py", "output/script.py"]
