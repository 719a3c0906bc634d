"""Evaluation: sources, defaults, several values, circles."""

from __future__ import annotations

import pytest

from confobjects.expressions import Failed, Found, Need, NotFound, evaluate, find_needs, parse
from confobjects.expressions.evaluation import MAX_DEPTH, EvaluationResult, provide_nothing


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
    assert result.values is None
    assert not result.problems[0].missing


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
    assert "gives 2 values" in run("&{l.j}", sources).problems[0].message
    assert "gives 2 values" in run("x&{l.j}", sources, split=True).problems[0].message


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


def test_depth_has_an_end() -> None:
    sources: dict[str, Found | Failed] = {
        f"a.{i}": Found((f"&{{a.{i + 1}}}",), "f", literal=False) for i in range(MAX_DEPTH + 5)
    }
    assert "deep" in run("&{a.0}", sources).problems[0].message


def test_wrong_expression_text_in_a_source_names_the_source() -> None:
    (problem,) = run("&{a.b}", {"a.b": Found(("&{",), "expression file f", literal=False)}).problems
    assert problem.message.startswith("in expression file f: ")


def test_base64() -> None:
    assert evaluate(parse("&{base64:c2VjcmV0}"), provide_nothing).values == ("secret",)
    for wrong, why in (("***", "it is not base64"), ("//8=", "it does not decode to UTF-8 text")):
        (problem,) = evaluate(parse(f"&{{base64:{wrong}}}"), provide_nothing).problems
        assert why in problem.message


def test_a_token_made_by_an_expression_is_judged_when_it_is_known() -> None:
    (problem,) = run("&{&{a.b}.c}", {"a.b": Found(("Not a token",), "f")}).problems
    assert "is not a token" in problem.message
