"""Evaluators: what stands for an expression at write time, and what does at startup.

At write time the process's environment is never used: an expression has a value only where its defaults give it
one (:func:`defaults_alone`). At startup a provider is asked (:func:`evaluator`).
"""

from __future__ import annotations

from confobjects.diagnostics import MASK, Diagnostic
from confobjects.expressions import ExpressionSyntaxError, Problem, Provide, evaluate, parse
from confobjects.expressions.evaluation import nothing
from confobjects.objects.model import Evaluate, Evaluated


def evaluator(provide: Provide) -> Evaluate:
    """Return the evaluator that asks a provider; what it lacks is a problem."""

    def evaluated(text: str, *, multi_valued: bool, secret: bool) -> Evaluated:
        try:
            template = parse(text)
        except ExpressionSyntaxError as error:
            return Evaluated(None, (), diagnostics(text, error.problems, secret=secret))
        if template.is_literal:
            return Evaluated((template.literal,), ())
        result = evaluate(template, provide, split=multi_valued)
        return Evaluated(result.values, result.origins, diagnostics(text, result.problems, secret=secret))

    return evaluated


def defaults_alone(text: str, *, multi_valued: bool, secret: bool) -> Evaluated:
    """Evaluate with the defaults in the text alone: no values where one lacks, problems only for wrong spelling."""
    result = evaluator(nothing)(text, multi_valued=multi_valued, secret=secret)
    if result.values is not None:
        return result._replace(provisional=bool(result.origins))
    wrong = tuple(problem for problem in result.problems if problem.code != "unresolved-expression")
    return Evaluated(None, (), wrong)


def diagnostics(text: str, problems: tuple[Problem, ...], *, secret: bool) -> tuple[Diagnostic, ...]:
    """Return problems of a text as diagnostics with a caret; a secret's text is not shown."""
    return tuple(
        Diagnostic(
            "unresolved-expression" if problem.missing else "invalid-value",
            problem.message,
            detail=problem.detail,
            remedy=problem.remedy,
            value=MASK if secret else text,
            excerpt="" if secret else text,
            span=None if secret else problem.span,
        )
        for problem in problems
    )
