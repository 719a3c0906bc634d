"""The evaluators: what stands for an expression when it is written, and at the start."""

from __future__ import annotations

import pytest

from confobjects.expressions import Found, NotFound, Problem
from confobjects.objects.evaluating import as_diagnostics, evaluate_defaults, make_evaluator
from confobjects.objects.model import Evaluation


@pytest.mark.parametrize("secret", [True, False])
@pytest.mark.parametrize(
    ("text", "evaluated"),
    [
        ("&{a.b|x}", Evaluation(("x",), ("default in the expression",), provisional=True)),
        (r"\&{a.b}", Evaluation(("&{a.b}",))),
        ("&{a.b}", Evaluation(None)),
        ("&{a.b|x}&{c.d}", Evaluation(None)),
        ("&{base64:c2VjcmV0}", Evaluation(("secret",), ("base64: in the expression",), provisional=True)),
    ],
)
def test_when_writing_only_the_text_itself_gives_values(text: str, secret: bool, evaluated: Evaluation) -> None:
    assert evaluate_defaults(text, multi_valued=False, secret=secret) == evaluated


def test_when_writing_what_is_wrong_is_told_and_what_lacks_is_not() -> None:
    result = evaluate_defaults("&{a.b}&{base64:*}", multi_valued=False, secret=False)
    assert [problem.summary for problem in result.problems] == ["base64: cannot be computed: it is not base64"]
    assert result.values is None
    assert result.origins == ()


def test_at_the_start_a_provider_is_asked() -> None:
    evaluate = make_evaluator(
        lambda need: Found(("a,b",), "a list", splittable=True) if str(need) == "l.c" else NotFound()
    )
    assert evaluate("&{l.c}", multi_valued=True, secret=False) == Evaluation(("a", "b"), ("a list", "a list"))
    assert evaluate("&{l.c}", multi_valued=False, secret=False) == Evaluation(("a,b",), ("a list",))
    assert evaluate(r"\&{l.c}", multi_valued=True, secret=False) == Evaluation(("&{l.c}",), ())
    lacking = evaluate("&{no.x}", multi_valued=False, secret=False)
    assert (lacking.values, lacking.origins, lacking.provisional) == (None, (), False)
    assert [problem.code for problem in lacking.problems] == ["unresolved-expression"]
    wrong = evaluate("&{A}", multi_valued=False, secret=False)
    assert (wrong.values, wrong.origins, wrong.provisional) == (None, (), False)
    assert [problem.code for problem in wrong.problems] == ["invalid-value"]


@pytest.mark.parametrize(("text", "span"), [("x&{no.x}", (1, 8)), ("x&{A}", (3, 4))])
def test_a_problem_shows_the_text_unless_that_is_a_secret(text: str, span: tuple[int, int]) -> None:
    evaluate = make_evaluator(lambda _: NotFound())
    (shown,) = evaluate(text, multi_valued=False, secret=False).problems
    assert (shown.value, shown.excerpt, shown.span) == (text, text, span)
    (masked,) = evaluate(text, multi_valued=False, secret=True).problems
    assert (masked.value, masked.excerpt, masked.span) == ("********", "", None)


def test_every_problem_becomes_a_diagnostic_at_its_place() -> None:
    problems = (Problem("one", (0, 1), "do this", detail="as"), Problem("two", (1, 2), missing=True))
    assert [
        (each.code, each.summary, each.span, each.excerpt) for each in as_diagnostics("xy", problems, secret=False)
    ] == [
        ("invalid-value", "one", (0, 1), "xy"),
        ("unresolved-expression", "two", (1, 2), "xy"),
    ]
    (first, _) = as_diagnostics("xy", problems, secret=False)
    assert (first.value, first.detail, first.remedy) == ("xy", "as", "do this")
