"""Lines of properties files are read as Java reads them, each with its place, in time in proportion to the file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.texts.properties import EscapeError, read_entries

ANYTHING = st.text(st.characters(), max_size=80)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
AWKWARD = st.text(st.sampled_from("ab =:#!\\\t\n\r\f\u00e9\u2028\U0001f600"), max_size=12)


def pairs(text: str) -> list[tuple[str, str]]:
    return [(entry.key, entry.value) for entry in read_entries(text)]


def stored(text: str, *, key: bool) -> str:
    """Return a key or a value as ``java.util.Properties.store`` writes it (``saveConvert`` of the JDK)."""
    result = ""
    for at, character in enumerate(text):
        if character in "\t\n\r\f":
            result += {"\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f"}[character]
        elif character in "\\=:#!" or (character == " " and (key or at == 0)):
            result += f"\\{character}"
        elif not " " <= character <= "~":
            units = character.encode("utf-16-be")
            result += "".join(f"\\u{units[i]:02X}{units[i + 1]:02X}" for i in range(0, len(units), 2))
        else:
            result += character
    return result


@given(st.lists(st.tuples(AWKWARD | TEXTS, AWKWARD | TEXTS)), st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_java_writes_is_read_back(written: list[tuple[str, str]], end: str) -> None:
    lines = [f"{stored(key, key=True)}={stored(value, key=False)}" for key, value in written]
    assert pairs(end.join(["#Sat Nov 28 01:57:53 UTC 2026", *lines, ""])) == written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Truth = Beauty", [("Truth", "Beauty")]),  # the examples of Properties.load
        (" Truth:Beauty", [("Truth", "Beauty")]),
        ("Truth                    :Beauty", [("Truth", "Beauty")]),
        (
            "fruits                           apple, banana, pear, \\\n"
            "                                 cantaloupe, watermelon, \\\n"
            "                                 kiwi, mango",
            [("fruits", "apple, banana, pear, cantaloupe, watermelon, kiwi, mango")],
        ),
        ("cheeses", [("cheeses", "")]),
        ("=x", [("", "x")]),
        ("a==b", [("a", "=b")]),
        ("a:=b", [("a", "=b")]),
        ("a = : b", [("a", ": b")]),
        ("a\\ b\\:c=d", [("a b:c", "d")]),
        ("a=\\z\\\"\\'\\b", [("a", "z\"'b")]),
        ("a=b\\\\\nc=d", [("a", "b\\"), ("c", "d")]),
        ("a=b\\\\\\\nc=d", [("a", "b\\c=d")]),
        ("a=b\\\n# c", [("a", "b# c")]),
        ("a=b\\\n\nc=d", [("a", "b"), ("c", "d")]),
        ("\\\n  \\\n\na=b", [("a", "b")]),
        ("a=b\\", [("a", "b")]),
        ("# c\\\na=b", [("a", "b")]),
        ("  ! c\n\t\n\fa=b", [("a", "b")]),
        ("a=b\x0bc\x85d\u2028e\x1cf", [("a", "b\x0bc\x85d\u2028e\x1cf")]),  # line ends to Python alone
        ("a\u00a0b=c\u00a0", [("a\u00a0b", "c\u00a0")]),  # no blank to Java
        ("\\u0061=\\ud83d\\ude00", [("a", "\U0001f600")]),
        ("a=\\ud83d", [("a", "\ufffd")]),
        ("a=1\na=2", [("a", "1"), ("a", "2")]),
    ],
)
def test_lines_are_read_as_java_reads_them(text: str, expected: list[tuple[str, str]]) -> None:
    assert pairs(text) == expected


@pytest.mark.parametrize(
    ("text", "offset", "place"),
    [("a=\\u12", 2, (1, 3)), ("# c\n\n  a = b\\uxyzw", 5, (3, 8)), ("a=b\\\n   \\u", 3, (2, 4))],
)
def test_a_wrong_escape_is_refused_with_its_place(text: str, offset: int, place: tuple[int, int]) -> None:
    [entry] = read_entries(text)
    assert entry.key == "a"
    with pytest.raises(EscapeError) as caught:
        _ = entry.value
    assert caught.value.offset == offset
    assert entry.line.position_of(offset)[:2] == place


@given(ANYTHING | AWKWARD)
def test_any_text_is_read_and_every_part_stands_where_it_is_said_to(text: str) -> None:
    natural = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for entry in read_entries(text):
        for offset, character in enumerate(entry.line.text):
            number, column, line = entry.line.position_of(offset)
            assert natural[number - 1] == line
            assert line[column - 1] == character


def steps(work: Callable[[], Any]) -> int:
    """Return how many lines of Python a piece of work runs through."""
    count = 0

    def trace(_frame: FrameType, _event: str, _argument: object) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "piece", ["a=b\n", "a=\\\n", "\\\n", "\\\\", "a\\ ", " ", "=", "\\u0041", "x", "\\\n# \\t", "\r"], ids=ascii
)
def test_twice_the_text_is_twice_the_work(piece: str) -> None:
    once, twice = (steps(partial(pairs, piece * times)) for times in (2000, 4000))
    assert twice <= 2 * once + 100
