"""Foreign text that is shown can harm no terminal and forge no line."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.texts.visible import escape_json, make_block_visible, make_visible

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
def test_a_block_keeps_its_lines_and_tabs_and_no_other_control(text: str) -> None:
    shown = make_block_visible(text)
    assert [line.split("\t") for line in shown.split("\n")] == [
        [make_visible(cell) for cell in line.split("\t")] for line in text.split("\n")
    ]
    assert make_block_visible(shown) == shown


@given(st.dictionaries(ANYTHING, st.lists(ANYTHING, max_size=3), max_size=3))
def test_json_means_the_same_and_hides_nothing(document: dict[str, list[str]]) -> None:
    text = escape_json(json.dumps(document, indent=2, ensure_ascii=False))
    assert json.loads(text) == json.loads(json.dumps(document))
    assert text.replace("\n", "").isprintable()
    assert "é" not in str(document) or "é" in text


@pytest.mark.parametrize(
    "text", ["\x7f", "\x80", "\x9b", "\x9f", "\u2028", "\u2029", "\u202e", "\u2066", "\u061c", "\U000e0041"]
)
def test_a_hidden_character_is_escaped_in_json(text: str) -> None:
    assert escape_json(json.dumps(text, ensure_ascii=False)).lower() == json.dumps(text).lower().replace(
        text, "\\u007f"
    )
