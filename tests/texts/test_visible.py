"""Foreign text that is shown can harm no terminal and forge no line."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.texts.visible import make_visible, visible_lines

ANYTHING = st.text(st.characters(), max_size=60)
"""Surrogates, controls and direction characters included."""
DANGEROUS = (
    "\x1b",
    "\x07",
    "\r",
    "\n",
    "\t",
    "\x7f",
    "\x9b",
    "\x85",
    "\u2028",
    "\u200b",
    "\u202e",
    "\u2066",
    "\ufeff",
    "\udc80",
)


@pytest.mark.parametrize("character", DANGEROUS, ids=ascii)
def test_what_a_terminal_acts_on_or_hides_becomes_an_escape(character: str) -> None:
    assert make_visible(f"a{character}b") == f"a{ascii(character)[1:-1]}b"


@given(ANYTHING)
def test_nothing_of_a_text_is_left_that_a_terminal_acts_on(text: str) -> None:
    shown = make_visible(text)
    assert all(unicodedata.category(c)[0] not in "CZ" or c == " " for c in shown)
    assert not any("\ud800" <= c <= "\udfff" for c in shown)


@given(ANYTHING)
def test_showing_twice_changes_nothing(text: str) -> None:
    assert make_visible(make_visible(text)) == make_visible(text)


@given(ANYTHING.filter(str.isprintable))
def test_a_printable_text_stays_as_it_is(text: str) -> None:
    assert make_visible(text) == text


@given(ANYTHING.filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)))
def test_the_bytes_of_a_text_are_shown_as_the_text(text: str) -> None:
    assert make_visible(text.encode()) == make_visible(text)


@given(st.binary(max_size=60))
def test_any_bytes_can_be_shown(data: bytes) -> None:
    assert make_visible(data).isprintable()


@given(ANYTHING)
def test_a_block_keeps_its_lines(text: str) -> None:
    lines = visible_lines(text)
    assert lines == [make_visible(line) for line in text.splitlines()]
    assert "\n".join(lines).replace("\n", "").isprintable()


def test_the_lines_of_a_block_are_apart() -> None:
    assert visible_lines("one\r\ntwo\x1b[2J\n\nthree\n") == ["one", "two\\x1b[2J", "", "three"]
