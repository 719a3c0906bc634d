"""Widths of texts: wrapping loses nothing and breaks only where it may, and columns share their room fairly."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.texts.widths import fold, measure, pad, share, widest_piece, wrap

LETTERS = st.sampled_from(["a", "b", "é", "e\u0301", "語", "👍", ",", "/", "-", "&", ".", ":"])
WORDS = st.lists(LETTERS, max_size=12).map("".join)
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)
ROOMS = st.integers(1, 40)
BREAKS = (" ", ",", ";", "/", "&", "?", "|", "-")


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("abc", 3), ("straße", 6), ("日本", 4), ("e\u0301", 1), ("한", 2), ("👍", 2), ("…", 1), ("ﾊﾝ", 2)],
)
def test_the_width_is_that_of_a_terminal(text: str, width: int) -> None:
    assert measure(text) == width
    assert measure(pad(text, 9)) == 9


@given(TEXTS, ROOMS)
def test_the_lines_joined_are_the_text(text: str, room: int) -> None:
    assert "".join(wrap(text, room)) == text


@given(TEXTS, ROOMS)
def test_no_line_is_wider_than_the_room_unless_it_is_one_piece(text: str, room: int) -> None:
    for line in wrap(text, room):
        assert measure(line.rstrip(" ")) <= max(room, widest_piece([line], parts=True))
        if measure(line.rstrip(" ")) > room:
            assert len(wrap(line, 1)) == 1


@given(TEXTS, ROOMS)
def test_a_line_ends_where_it_may(text: str, room: int) -> None:
    lines = wrap(text, room)
    assert all(line.endswith(BREAKS) for line in lines[:-1])
    for at in list(accumulate(map(len, lines)))[:-1]:  # a word that fits is not broken
        word = text[:at].rpartition(" ")[2] + text[at:].partition(" ")[0]
        assert text[at - 1] == " " or measure(word) > room


@given(st.integers(0, 8), TEXTS.filter(str.strip), ROOMS)
def test_a_folded_line_has_the_same_words_and_each_line_fits_unless_it_is_one_word(
    indent: int, text: str, room: int
) -> None:
    line = " " * indent + text.lstrip(" ")
    lines = fold(line, room)
    assert " ".join(lines).split() == line.split()
    assert lines == [line] or len(lines[0]) - len(lines[0].lstrip(" ")) == indent
    for one in lines:
        assert measure(one.rstrip(" ")) <= room or len(one.split()) == 1
    hang = min(indent + 4, room // 2)
    assert all(one.startswith(" " * hang) and not one[hang:].startswith(" ") for one in lines[1:] if one.strip())


COLUMNS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), min_size=1, max_size=6)


@given(COLUMNS, st.integers(0, 120))
def test_columns_share_the_room(columns: list[tuple[int, int]], room: int) -> None:
    wanted = [max(pair) for pair in columns]
    least = [min(pair) for pair in columns]
    widths = share(wanted, least, room)
    assert all(low <= width <= high for low, width, high in zip(least, widths, wanted, strict=True))
    if sum(least) <= room:
        assert sum(widths) == min(sum(wanted), room)
    else:
        assert widths == least
    # Fair: a column that has less than it wants is at most one narrower than any that has more than its least width.
    short = [width for width, high in zip(widths, wanted, strict=True) if width < high]
    rich = [width for width, low in zip(widths, least, strict=True) if width > low]
    assert all(width >= other - 1 for width in short for other in rich)
