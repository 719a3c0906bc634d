"""A number in a text from outside is read by one function, and nothing that looks like one causes an error of Python."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from confobjects.texts.numbers import read_number


@given(st.integers(0, 10**18 - 1))
def test_a_number_is_read(number: int) -> None:
    assert read_number(str(number)) == number
    assert read_number(f"0{number}"[-18:]) == number


@given(st.text(st.characters(categories=["Nd", "No", "Nl"]) | st.sampled_from("+-_ .eE"), max_size=20))
def test_anything_else_is_none(text: str) -> None:
    is_plain = bool(text) and set(text) <= set("0123456789") and len(text) <= 18
    assert (read_number(text) is not None) == is_plain


def test_a_text_of_any_length_is_no_error() -> None:
    assert [read_number("9" * size) is None for size in (18, 19, 5000, 100_000)] == [False, True, True, True]
