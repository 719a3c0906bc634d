"""The grammar: one row per sentence of its rules, then its laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.expressions import (
    Expression,
    ExpressionSyntaxError,
    Problem,
    escape,
    evaluate,
    has_opener,
    looks_lost,
    parse,
)
from confobjects.expressions.evaluation import Found, Need, NotFound, provide_nothing
from confobjects.expressions.functions import FUNCTIONS, Function
from confobjects.expressions.grammar import MAX_NESTING, MAX_PROBLEMS

PIECES = st.lists(
    st.sampled_from(["&{", "$<", "${", "}", ">", "|", "\\", ":", "a.b", "x", "file:", " ", "é", "$", "&", "<", "{"]),
    max_size=12,
).map("".join)


def value(text: str, **tokens: str) -> str | None:
    given_tokens = {name.replace("_", "."): found for name, found in tokens.items()}

    def provide(need: Need) -> Found | NotFound:
        found = given_tokens.get(need.argument) if need.function is None else None
        return NotFound() if found is None else Found((found,), "a test")

    result = evaluate(parse(text), provide)
    return None if result.values is None else result.values[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("&{a.b}", "V"),
        ("$<a.b>", "V"),
        ("${a.b}", "V"),
        ("x&{a.b}y${a.b}z", "xVyVz"),
        # a backslash is special only right before an opener
        (r"C:\dir\{x}", r"C:\dir\{x}"),
        (r"\&{a.b}", "&{a.b}"),
        (r"\\&{a.b}", r"\V"),
        (r"\\\&{a.b}", r"\&{a.b}"),
        (r"\\\\&{a.b}", r"\\V"),
        (r"a\b\\c&{a.b}", r"a\b\\cV"),
        # other brackets and bars are text outside
        ("a|b}c>d", "a|b}c>d"),
        ("5 $ < 6 & {x}", "5 $ < 6 & {x}"),
        # only the innermost expression's own closer closes it
        ("&{no.x|a>b}", "a>b"),
        ("$<no.x|a}b>", "a}b"),
        ("&{no.x|$<no.y|}>}", "}"),
        # the first bar separates, later ones are text
        ("&{no.x|a|b}", "a|b"),
        ("&{no.x|}", ""),
        # escapes inside
        (r"&{no.x|\}}", "}"),
        (r"&{no.x|a\|b}", "a|b"),
        (r"&{no.x|\\}", "\\"),
        (r"&{no.x|\&{y}}", "&{y}"),
        (r"&{no.x|a\b}", r"a\b"),
        # nesting in argument and default
        ("&{&{p.q|a}.b}", "V"),
        ("&{no.x|<&{a.b}>}", "<V>"),
    ],
)
def test_what_a_text_comes_to(text: str, expected: str) -> None:
    assert value(text, a_b="V") == expected


@pytest.mark.parametrize("token", ["a", "a.b", "a-b", "smtp.password", "a1.2b", "0"])
def test_tokens(token: str) -> None:
    (expression,) = parse(f"&{{{token}}}").parts
    assert isinstance(expression, Expression)
    assert expression.argument == (token,)


@pytest.mark.parametrize("token", ["a..b", ".a", "a.", "-a", "a b", "a/b", "ä", "a:b", "A B"])
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(ExpressionSyntaxError):
        parse(f"&{{{token}}}")


def test_an_upper_case_token_gets_both_right_spellings() -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse("&{SMTP_HOST}")
    assert caught.value.problems[0].remedy == (
        "write &{smtp.host} for the token, or &{env:SMTP_HOST} for the environment variable of that exact name"
    )


def test_a_one_word_token_is_doubtful() -> None:
    assert parse("x&{path}").warnings == (
        Problem(
            'the token "path" is a single word: any environment variable PATH would match it',
            (3, 7),
            "give it a prefix, such as &{app.path}",
        ),
    )


@pytest.mark.parametrize("token", ["my.path", "my-path", "a.b-c"])
def test_a_token_of_several_words_is_not_doubtful(token: str) -> None:
    assert parse(f"&{{{token}}}").warnings == ()


def test_an_error_has_the_text_and_the_messages_of_all_problems() -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse("&{} &{nope:x}")
    assert caught.value.text == "&{} &{nope:x}"
    assert str(caught.value) == 'the expression lacks a token; there is no function "nope"'


def test_a_function_that_resembles_none_is_answered_with_all() -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse("&{qqqqqq:x}")
    assert caught.value.problems == (
        Problem('there is no function "qqqqqq"', (2, 8), "functions: file, env, base64, sealed"),
    )


def test_an_empty_text_has_no_parts() -> None:
    assert parse("").parts == ()
    assert evaluate(parse(""), provide_nothing).values == ("",)


def test_every_problem_of_a_text_is_told_at_its_place() -> None:
    text = "&{} &{A} &{nope:x} &{open"
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse(text)
    assert [text[slice(*problem.span)] for problem in caught.value.problems] == ["&{", "A", "nope", "&{"]


@pytest.mark.parametrize("number", [MAX_PROBLEMS, MAX_PROBLEMS + 1, 10 * MAX_PROBLEMS])
def test_so_many_problems_are_shown_and_one_for_all_others(number: int) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse("&{A}" * number)
    spans = [problem.span[0] for problem in caught.value.problems]
    assert spans == [4 * at + 2 for at in range(min(number, MAX_PROBLEMS + 1))]
    last = "the text has further problems from here on"
    assert (caught.value.problems[-1].message == last) is (number > MAX_PROBLEMS)


@pytest.mark.parametrize("nested", ["&{a.b|", "$<a.b|", "&{file:"])
def test_nesting_has_an_end(nested: str) -> None:
    closer = ">" if "<" in nested else "}"
    assert parse(nested * (MAX_NESTING - 1) + "&{a.b}" + closer * (MAX_NESTING - 1)).has_default is ("|" in nested)
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse("é" + nested * MAX_NESTING + "&{a.b}" + closer * MAX_NESTING)
    at = 1 + len(nested) * MAX_NESTING
    assert caught.value.problems == (Problem(f"expressions are nested more than {MAX_NESTING} deep", (at, at + 2)),)


def test_too_deep_is_all_that_is_told() -> None:
    with pytest.raises(ExpressionSyntaxError) as raised:
        parse("&{" * 300 + "a" + "}" * 300)
    assert len(raised.value.problems) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("&{smtp.password}", "&{smtp.password}"),
        ("&{smtp.password|hunter2}", "&{smtp.password|********}"),
        ("$<file:a.pin|hunter2>", "$<file:a.pin|********>"),
        ("x&{smtp.password}", "********"),
        ("plain", "********"),
        ("&{a.&{b.c|hunter2}}", "********"),
        ("&{base64:aHVudGVyMg==}", "********"),
    ],
)
def test_a_secret_text_shows_no_more_than_its_expression(text: str, shown: str) -> None:
    assert parse(text).as_masked() == shown


@pytest.mark.parametrize(("name", "function"), FUNCTIONS.items())
def test_a_function_that_computes_from_its_argument_is_masked_with_it(name: str, function: Function) -> None:
    text = f"&{{{name}:canary}}"
    assert parse(text).as_masked() == ("********" if function.compute else text)


def test_a_further_function_that_computes_is_masked_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    further = {**FUNCTIONS, "upper": Function("In capitals.", "&{upper:a}", str.upper)}
    monkeypatch.setattr("confobjects.expressions.grammar.FUNCTIONS", further)
    assert parse("&{upper:canary}").as_masked() == "********"


@pytest.mark.parametrize(("text", "lost"), [("smtp.example.com:", True), ("pass$", True), ("a:b", False), ("", False)])
def test_what_a_shell_may_have_eaten(text: str, lost: bool) -> None:
    assert looks_lost(text) is lost


@given(PIECES | st.text())
def test_parsing_is_total_and_keeps_the_text(text: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        template = parse(text)
    except ExpressionSyntaxError as error:
        problems = error.problems
    else:
        assert template.text == text
        assert template.is_literal or has_opener(text)
        return
    assert problems
    assert all(0 <= problem.span[0] < problem.span[1] <= len(text) for problem in problems)


@pytest.mark.parametrize("before", ["", "\\", "\\\\", "\\\\\\", "x\\"])
def test_escaping_doubles_the_backslashes_before_an_opener(before: str) -> None:
    assert escape(before + "&{a.b}") == before + "\\" * before.count("\\") + "\\&{a.b}"
    assert parse(escape(before + "&{a.b}")).literal == before + "&{a.b}"


@given(PIECES | st.text())
def test_an_escaped_text_stands_for_itself(text: str) -> None:
    template = parse(escape(text))
    assert template.is_literal
    assert template.literal == text


@given(st.text().filter(lambda text: not has_opener(text)))
def test_a_text_without_openers_is_its_own_value(text: str) -> None:
    assert evaluate(parse(text), provide_nothing).values == (text,)


@given(PIECES)
def test_evaluation_is_total(text: str) -> None:
    try:
        template = parse(text)
    except ExpressionSyntaxError:
        return
    result = evaluate(template, lambda need: Found((f"<{need.argument}>",), "a test"))
    assert (result.values is None) == bool(result.problems)
