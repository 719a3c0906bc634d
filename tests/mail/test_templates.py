"""Templates: whatever is put in, a subject stays one line and a body has no line that nobody wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.mail.templates import (
    LONGEST_SUBJECT,
    LONGEST_VALUE,
    MOST_LINES,
    MOST_PLACEHOLDERS,
    Vocabulary,
    check_body,
    check_subject,
    fill_body,
    fill_subject,
    find_among,
    parse_body,
    parse_subject,
)

WORDS = Vocabulary(frozenset({"alert-type", "alert-message"}), frozenset({"property"}))
FOREIGN = st.text(max_size=2000)


def problems(text: str) -> list[str]:
    return [one.summary for one in check_body(text, WORDS)]


@given(FOREIGN, FOREIGN)
def test_a_subject_is_one_line_whatever_is_put_in(first: str, second: str) -> None:
    template = parse_subject("%%alert-type%%: %%alert-message%%")
    subject = fill_subject(template, find_among({"alert-type": (first,), "alert-message": (second,)}))
    assert subject.isprintable()
    assert len(subject) <= LONGEST_SUBJECT


@given(st.lists(FOREIGN, max_size=MOST_LINES))
def test_a_body_has_the_lines_that_were_put_in_and_no_other(lines: list[str]) -> None:
    body = fill_body(parse_body(r"begin\n%%alert-message%%\nend"), find_among({"alert-message": tuple(lines)}))
    first, *middle, last, rest = body.split("\n")
    assert (first, last, rest) == ("begin", "end", "")
    assert len(middle) == max(1, len(lines))
    assert all(one.isprintable() and len(one) <= LONGEST_VALUE for one in middle)


def test_further_lines_are_counted() -> None:
    body = fill_body(parse_body("%%x%%"), find_among({"x": ("line",) * (MOST_LINES + 5)}))
    assert body.splitlines()[MOST_LINES - 1 :] == ["line", "and 5 more lines"]


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=200))
def test_a_text_is_itself_if_its_signs_are_doubled(text: str) -> None:
    written = text.replace("\\", "\\\\").replace("%", "%%%%") if "%%" not in text else ""
    wanted = text.replace("%", "%%") if written else ""
    assert fill_body(parse_body(written), find_among({})) == wanted.rstrip("\n") + "\n"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (r"a\nb", "a\nb\n"),
        (r"C:\\new", "C:\\new\n"),
        (r"C:\temp", "C:\\temp\n"),
        ("100 %%%%", "100 %%\n"),
        ("%%alert-message%%%%alert-message%%", "xx\n"),
        ("two\r\nlines\n\n", "two\nlines\n"),
    ],
)
def test_what_a_template_says(template: str, text: str) -> None:
    assert problems(template) == []
    assert fill_body(parse_body(template), find_among({"alert-message": ("x",)})) == text


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("%%alert-typ%%", "%%alert-typ%% stands for nothing"),
        ("%%Alert-Type%%", "%%Alert-Type%% stands for nothing"),
        ("%% alert-type %%", "%% alert-type %% stands for nothing"),
        ("%%alert-type:x%%", "%%alert-type:x%% stands for nothing"),
        ("%%property%%", "%%property%% lacks a name after a colon"),
        ("%%property:%%", "%%property%% lacks a name after a colon"),
        ("100%%", "a %% has no other %% after it"),
        ("%%alert-type%% 100%%", "a %% has no other %% after it"),
        ("bell\a", "it has a control character"),
        ("\u202e", "it has a control character"),
        ("x" * 20_001, "it has 20001 characters, and at most 20000 are allowed"),
        ("%%alert-type%%" * (MOST_PLACEHOLDERS + 1), "it has 51 places to fill in, and at most 50 are allowed"),
        (f"%%{'x' * 100}%%", f"%%{'x' * 39}…%% stands for nothing"),
    ],
)
def test_what_a_template_may_not_be(template: str, problem: str) -> None:
    assert problems(template) == [problem]


def test_a_subject_is_shorter_and_on_one_line() -> None:
    assert [one.summary for one in check_subject("a\nb", WORDS)] == ["it has a line end or another control character"]
    assert [one.summary for one in check_subject("x" * 201, WORDS)] == [
        "it has 201 characters, and at most 200 are allowed"
    ]


@given(st.text(max_size=300))
def test_any_text_is_filled_even_if_it_was_never_checked(text: str) -> None:
    subject = fill_subject(parse_subject(text), find_among({}))
    assert subject.isprintable()
    assert fill_body(parse_body(text), find_among({})).endswith("\n")
