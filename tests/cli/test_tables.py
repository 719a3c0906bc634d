"""Tables on a terminal and elsewhere: their width, and that columns stay below each other."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from confobjects.cli.output.table import format_table
from confobjects.texts.widths import measure, widest_piece

CELLS = st.text(alphabet="ab 語é/-,\n\x1b", max_size=40)
TABLES = st.integers(1, 4).flatmap(
    lambda size: st.lists(st.lists(CELLS, min_size=size, max_size=size), min_size=1, max_size=4)
)
FIXTURE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("separator", [" : ", "  "])
@FIXTURE
@given(table=TABLES, width=st.integers(21, 120))
def test_a_table_keeps_to_the_width_and_its_columns_are_aligned(
    separator: str, table: list[list[str]], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    head = [f"Column {place}" for place in range(len(table[0]))]
    text = format_table(head, table, separator=separator)
    assert "\x1b" not in text
    lines = text.split("\n")
    rule = next(line for line in lines if line and set(line) <= set("-:"))
    least = [
        widest_piece([cell.replace("\x1b", "\\x1b").replace("\n", " ") for cell in column], parts=True)
        for column in zip(head, *table, strict=True)
    ]
    gaps = len(separator) * (len(head) - 1)
    assert max(map(measure, lines)) <= max(width - 1, sum(least) + gaps)
    if separator == " : ":
        cuts = list(accumulate(len(part) + 3 for part in rule.split("-:-")[:-1]))
        for line in lines:
            assert all(_column(line, cut - 2) in {":", ""} for cut in cuts) or line == rule


def _column(line: str, at: int) -> str:
    """Return the character that begins at a column of a line; an empty text behind its end."""
    place = 0
    for character in line:
        if place == at:
            return character
        place += measure(character)
    return ""


def test_elsewhere_a_row_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    text = format_table(["Name", "Text"], [["one", "word " * 100]])
    head, rule, row = text.split("\n")
    assert row == "one  : " + ("word " * 100).rstrip()
    assert len(rule) <= 79
    assert head.startswith("Name :")
