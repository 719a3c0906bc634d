"""Evaluation: sources, defaults, several values, circles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.expressions import (
    ExpressionSyntaxError,
    Failed,
    Found,
    Need,
    NotFound,
    Problem,
    evaluate,
    find_needs,
    parse,
)
from confobjects.expressions.evaluation import MAX_DEPTH, MAX_SIZE, EvaluationResult, provide_nothing
from confobjects.expressions.grammar import MAX_PROBLEMS


def run(text: str, sources: dict[str, Found | Failed], *, split: bool = False) -> EvaluationResult:
    return evaluate(parse(text), lambda need: sources.get(str(need), NotFound(("nowhere",))), split=split)


def test_what_a_template_needs() -> None:
    assert find_needs(parse("&{a.b|&{c.d}} &{file:x} &{base64:aGk=} &{&{e.f}.g}")) == (
        Need(None, "a.b"),
        Need(None, "c.d"),
        Need("file", "x"),
        Need(None, "e.f"),
    )


def test_values_say_where_they_come_from() -> None:
    sources: dict[str, Found | Failed] = {"a.b": Found(("1",), "source A"), "c.d": Found(("2",), "source C")}
    assert run("&{a.b}:&{c.d}", sources) == EvaluationResult(("1:2",), ("source A, source C",))
    assert run("&{no.x|d}", sources).origins == ("default in the expression",)
    assert run("&{no.x|&{c.d}}", sources).origins == ("default in the expression (source C)",)
    assert run("&{no.x|&{c.d}&{a.b}}", sources).origins == ("default in the expression (source C, source A)",)


def test_without_a_value_there_is_no_origin() -> None:
    assert run("&{a.b}&{no.x}", {"a.b": Found(("1",), "source A")}).origins == ()


def test_a_token_nobody_looks_for_has_no_place_to_name_and_no_remedy() -> None:
    assert evaluate(parse("&{a.b}"), provide_nothing).problems == (Problem('"a.b" has no value', (0, 6), missing=True),)


def test_what_can_be_done_about_a_token_without_a_value() -> None:
    (problem,) = run("&{a.b}", {}).problems
    assert problem.remedy == "provide it in one of these, or give the expression a default"


def test_several_values_come_only_where_they_are_asked_for() -> None:
    template = parse("&{l.c}")
    assert evaluate(template, lambda _: Found(("a,b",), "a variable", splittable=True)).values == ("a,b",)


def test_every_token_without_a_value_is_reported_with_where_it_was_looked_for() -> None:
    result = run("&{a.b} and &{c.d}", {})
    assert result.values is None
    assert [(p.message, p.span, p.detail, p.missing) for p in result.problems] == [
        ('"a.b" has no value', (0, 6), "looked in: nowhere", True),
        ('"c.d" has no value', (11, 17), "looked in: nowhere", True),
    ]


def test_what_lacks_inside_an_expression_is_shown_at_its_own_place() -> None:
    (problem,) = run("x&{file:y/&{a.b}}", {}).problems
    assert problem.span == (10, 16)


def test_a_source_that_fails_is_not_replaced_by_the_default() -> None:
    result = run("&{file:x|d}", {"file:x": Failed("x is a directory")})
    assert result == EvaluationResult(None, (), (Problem("x is a directory", (0, 11)),))


def test_a_source_that_fails_may_say_what_to_do() -> None:
    (problem,) = run("x&{file:x}", {"file:x": Failed("x is a directory", "name a file")}).problems
    assert problem == Problem("x is a directory", (1, 10), "name a file")


@pytest.mark.parametrize(
    ("text", "split", "values"),
    [
        ("&{l.c}", True, ("a", "b")),
        ("&{l.j}", True, ("x", "y,z")),
        ("&{l.f}", True, ("a, b",)),
        ("&{no.x|a,b}", True, ("a,b",)),
        ("&{l.c}", False, ("a, b",)),
        ("x&{l.c}", True, ("xa, b",)),
    ],
)
def test_several_values_from_one_expression(text: str, split: bool, values: tuple[str, ...]) -> None:
    sources: dict[str, Found | Failed] = {
        "l.c": Found(("a, b",), "a variable", splittable=True),
        "l.j": Found(("x", "y,z"), "a JSON array"),
        "l.f": Found(("a, b",), "a file"),
    }
    assert run(text, sources, split=split).values == values


def test_a_list_fits_only_where_several_values_do() -> None:
    sources: dict[str, Found | Failed] = {"l.j": Found(("x", "y"), "a JSON array")}
    remedy = "a list stands alone as the whole value of a multi-valued property"
    problem = Problem("a JSON array gives 2 values where one is needed", (0, 6), remedy)
    assert run("&{l.j}", sources).problems == (problem,)
    assert [problem.span for problem in run("x&{l.j}", sources, split=True).problems] == [(1, 7)]


def test_text_of_a_source_is_taken_literally_unless_it_is_expression_text() -> None:
    literal = {"a.b": Found(("&{c.d}",), "a variable"), "c.d": Found(("2",), "another")}
    assert run("&{a.b}", dict(literal)).values == ("&{c.d}",)
    again: dict[str, Found | Failed] = {**literal, "a.b": Found(("<&{c.d}>",), "a file", literal=False)}
    assert run("&{a.b}", again).values == ("<2>",)


def test_a_circle_is_named() -> None:
    sources: dict[str, Found | Failed] = {
        "a.b": Found(("&{c.d}",), "f", literal=False),
        "c.d": Found(("&{a.b}",), "f", literal=False),
    }
    (problem,) = run("x&{a.b}", sources).problems
    assert problem.message == "the expressions refer to each other in a circle: a.b → c.d → a.b"
    assert problem.span == (1, 7)


@pytest.mark.parametrize("text", ["&{c.&{a.b}}", "&{file:&{a.b}}", "&{no.x|&{a.b}}"])
def test_a_circle_through_an_argument_or_a_default_is_found(text: str) -> None:
    sources: dict[str, Found | Failed] = {"a.b": Found((text,), "f", literal=False)}
    message = "the expressions refer to each other in a circle: a.b → a.b"
    assert run("&{a.b}", sources).problems == (Problem(message, (0, 6)),)
    assert run("&{a.b}", sources, split=True).problems == (Problem(message, (0, 6)),)


@pytest.mark.parametrize("text", ["&{no.x}", "12345&{no.x}", "&{file:&{no.x}}", "&{no.y|&{no.x}}"])
def test_what_lacks_in_a_source_is_shown_where_the_source_is_asked_for(text: str) -> None:
    sources: dict[str, Found | Failed] = {"a.b": Found((text,), "f", literal=False)}
    for asked, span in (
        ("&{a.b}", (0, 6)),
        ("x&{a.b}", (1, 7)),
        ("&{no.z|&{a.b}}", (7, 13)),
        ("&{env:&{a.b}}", (6, 12)),
    ):
        for split in (False, True):
            (problem,) = run(asked, sources, split=split).problems
            assert (problem.message, problem.span) == ('"no.x" has no value', span)


@pytest.mark.parametrize("text", ["&{a.b|&{c.d}}", "&{&{e.f}.g|&{c.d}}", "&{file:&{c.d}}"])
def test_an_expression_may_hold_one_whose_source_is_expression_text(text: str) -> None:
    sources: dict[str, Found | Failed] = {
        "c.d": Found(("<&{h.i}>",), "source C", literal=False),
        "e.f": Found(("e",), "source E"),
        "file:<2>": Found(("<2>",), "a file"),
        "h.i": Found(("2",), "source H"),
    }
    assert run(text, sources).values == ("<2>",)
    assert run(text, sources, split=True).values == ("<2>",)


def chain(length: int) -> dict[str, Found | Failed]:
    """Sources that refer to each other in a row; the last one has a value."""
    links = {f"a.{i}": Found((f"&{{a.{i + 1}}}",), "f", literal=False) for i in range(length)}
    return {**links, f"a.{length}": Found(("end",), "f")}


def test_depth_has_an_end() -> None:
    assert run("&{a.0}", chain(MAX_DEPTH)).values == ("end",)
    message = f"the expressions refer to each other more than {MAX_DEPTH} deep"
    assert run("&{a.0}", chain(MAX_DEPTH + 1)).problems == (Problem(message, (0, 6)),)


def test_wrong_expression_text_in_a_source_names_the_source() -> None:
    (problem,) = run("x&{a.b}", {"a.b": Found(("&{A}",), "expression file f", literal=False)}).problems
    assert problem == Problem(
        'in expression file f: the token "A" is not in lower case with dots',
        (1, 7),
        "write &{a} for the token, or &{env:A} for the environment variable of that exact name",
    )


@pytest.mark.parametrize("written", ["c2VjcmV0", "c2Vj cmV0", " c2Vj\n\tcmV0 "])
def test_base64(written: str) -> None:
    assert evaluate(parse(f"&{{base64:{written}}}"), provide_nothing).values == ("secret",)


@pytest.mark.parametrize(
    ("written", "why"), [("***", "it is not base64"), ("//8=", "it does not decode to UTF-8 text")]
)
def test_what_is_no_base64(written: str, why: str) -> None:
    (problem,) = evaluate(parse(f"x&{{base64:{written}}}"), provide_nothing).problems
    assert problem == Problem(f"base64: cannot be computed: {why}", (1, 11 + len(written)))


def test_a_token_made_by_an_expression_is_judged_when_it_is_known() -> None:
    assert run("x&{&{a.b}.c}", {"a.b": Found(("Not a token",), "f")}).problems == (
        Problem(
            '"Not a token.c" is not a token',
            (1, 12),
            'a token is words of a-z and 0-9, joined by "." or "-": smtp.password',
        ),
    )


FURTHER = "the text has further problems from here on"


@pytest.mark.parametrize("text", ["&{a.b}", "$<a.b>x", "&{no.x|${a.b}}", "&{no.x|<&{a.b}>}"])
def test_a_source_is_asked_once_for_each_need(text: str) -> None:
    asked: list[str] = []

    def provide(need: Need) -> Found | NotFound:
        asked.append(str(need))
        return Found(("1",), "f") if need.argument == "a.b" else NotFound()

    assert evaluate(parse(text * 50), provide).values is not None
    assert sorted(asked) == sorted(set(asked))


def test_a_value_that_becomes_too_large_is_not_put_together() -> None:
    most = MAX_SIZE // 1003  # the token counts, too
    fits = run("&{a.b}" * most, {"a.b": Found(("x" * 1000,), "f")})
    assert fits.values is not None
    larger = run("&{a.b}" * 10 * most, {"a.b": Found(("x" * 1000,), "f")})
    assert larger.problems == (Problem(f"the value comes to more than {MAX_SIZE:,} characters", (0, 6)),)


def test_the_largest_value_is_put_together_and_one_character_more_is_not() -> None:
    largest = MAX_SIZE - len("a.b") - len("x")  # the token counts, too
    fits = run("x&{a.b}", {"a.b": Found(("v" * largest,), "f")})
    assert fits.values == ("x" + "v" * largest,)
    for text, size in (("x&{a.b}", largest + 1), ("x&{a.b}y", largest)):
        larger = run(text, {"a.b": Found(("v" * size,), "f")})
        assert larger.problems == (Problem(f"the value comes to more than {MAX_SIZE:,} characters", (1, 7)),)


def test_a_source_is_evaluated_once_however_often_it_is_used() -> None:
    sources: dict[str, Found | Failed] = {
        "a.b": Found(("&{c.d}",), "f", literal=False),
        "c.d": Found(("x" * 1000,), "g"),
    }
    most = MAX_SIZE // 1003 - 2  # evaluated each time, it would come to twice as much
    assert run("&{a.b}" * most, sources).values == ("x" * 1000 * most,)


def test_a_source_that_lacks_something_is_evaluated_once_at_a_place() -> None:
    sources: dict[str, Found | Failed] = {
        "a.b": Found(("&{c.d}" * (MAX_SIZE // 1000 + 1),), "f", literal=False),
        "c.d": Found(("&{no.x}" + "y" * 1000,), "g", literal=False),
    }
    assert [problem.message for problem in run("&{a.b}", sources).problems] == ['"no.x" has no value']


def test_no_further_source_is_evaluated_when_so_many_problems_are_known() -> None:
    asked: list[str] = []

    def provide(need: Need) -> Found | NotFound:
        asked.append(str(need))
        return Found(("&{inner.y}",), "f", literal=False) if need.argument == "a.b" else NotFound()

    before = "&{no.x}" * MAX_PROBLEMS
    problems = evaluate(parse(before + "&{a.b}&{no.y}"), provide).problems
    assert asked == ["no.x", "a.b", "no.y"]
    span = (len(before), len(before) + 6)
    assert problems[MAX_PROBLEMS:] == (Problem(FURTHER, span, "correct the others first", missing=True),)


def test_missing_and_wrong_parts_have_a_further_problem_each() -> None:
    missing, wrong = "&{a.b}" * (MAX_PROBLEMS + 2), "&{base64:***}" * (MAX_PROBLEMS + 2)
    problems = evaluate(parse(missing + wrong), provide_nothing).problems
    first, second = MAX_PROBLEMS * 6, len(missing) + MAX_PROBLEMS * 13
    assert problems[2 * MAX_PROBLEMS :] == (
        Problem(FURTHER, (first, first + 6), "correct the others first", missing=True),
        Problem(FURTHER, (second, second + 13), "correct the others first"),
    )


@pytest.mark.parametrize("number", [MAX_PROBLEMS, MAX_PROBLEMS + 1, 10 * MAX_PROBLEMS])
@pytest.mark.parametrize("source", [NotFound(), Failed("broken"), Found(("&{no.x}",), "f", literal=False)])
def test_so_many_problems_of_a_text_are_shown_and_one_for_all_others(
    number: int, source: Found | NotFound | Failed
) -> None:
    result = evaluate(parse("&{a.b}" * number), lambda need: source if need.argument == "a.b" else NotFound())
    assert [problem.span[0] for problem in result.problems[:MAX_PROBLEMS]] == [6 * i for i in range(MAX_PROBLEMS)]
    rest = [problem.message for problem in result.problems[MAX_PROBLEMS:]]
    assert rest == ([FURTHER] if number > MAX_PROBLEMS else [])
    assert len({problem.missing for problem in result.problems}) == 1


def test_a_wrong_part_is_found_behind_any_number_of_missing_values() -> None:
    text = "&{a.b}" * 2 * MAX_PROBLEMS + "&{base64:***}"
    problems = evaluate(parse(text), provide_nothing).problems
    assert [problem.message for problem in problems if not problem.missing] == [
        "base64: cannot be computed: it is not base64"
    ]


TEXTS = st.lists(
    st.sampled_from(["&{a.b}", "&{c.d}", "&{e.f|", "$<env:", "&{base64:", "}", ">", "x", "A", "&{no.x}"]), max_size=6
).map("".join)
SOURCES = st.dictionaries(
    st.sampled_from(["a.b", "c.d", "env:x"]),
    st.builds(Found, st.lists(TEXTS, max_size=2).map(tuple), st.just("f"), literal=st.booleans())
    | st.just(Failed("cannot be read")),
)


@given(TEXTS, SOURCES, st.booleans())
def test_a_template_has_values_or_problems_at_places_of_its_text(
    text: str, sources: dict[str, Found | Failed], split: bool
) -> None:
    try:
        template = parse(text)
    except ExpressionSyntaxError:
        return
    result = evaluate(template, lambda need: sources.get(str(need), NotFound()), split=split)
    assert (result.values is None) == bool(result.problems)
    assert len(result.origins) == len(result.values or ())
    assert all(text[slice(*problem.span)].startswith(("&{", "$<", "${")) for problem in result.problems)
    assert len(set(result.problems)) == len(result.problems)
