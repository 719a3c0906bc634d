"""Evaluators: the value of an expression at write time and at startup.

At write time the process's environment is never used: an expression has a value only where its defaults give it
one (:func:`evaluate_defaults`). At startup a provider is asked (:func:`make_evaluator`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from confobjects.diagnostics import MASK, Diagnostic
from confobjects.expressions import ExpressionSyntaxError, Problem, Provide, evaluate, parse
from confobjects.expressions.evaluation import provide_nothing
from confobjects.objects.model import Evaluation

if TYPE_CHECKING:
    from confobjects.objects.protocols import Evaluator
    from confobjects.objects.sealing import OpenSealer


Unseal = Callable[[str, Sequence[bytes]], Evaluation]
"""Returns the value of a sealed secret, which was sealed for one of some contexts."""


def make_evaluator(provide: Provide, unseal: Unseal | None = None) -> Evaluator:
    """Return the evaluator that asks a provider; a value that it lacks is a problem.

    ``unseal`` opens sealed secrets; without it there are no keys.
    """

    def evaluate_text(text: str, *, multi_valued: bool, secret: bool, contexts: Sequence[bytes] = ()) -> Evaluation:
        if contexts:
            return (unseal or _make_unsealer())(text, contexts)
        try:
            template = parse(text)
        except ExpressionSyntaxError as error:
            return Evaluation(None, (), as_diagnostics(text, error.problems, secret=secret))
        if template.is_literal:
            return Evaluation((template.literal,), ())
        result = evaluate(template, provide, split=multi_valued)
        return Evaluation(result.values, result.origins, as_diagnostics(text, result.problems, secret=secret))

    return evaluate_text


def _make_unsealer(open_sealer: OpenSealer | None = None, *, tolerant: bool = False) -> Unseal:
    """Return what opens sealed secrets, without keys unless there is a sealer."""
    from confobjects.objects.sealing import Unsealer

    return Unsealer(open_sealer, tolerant=tolerant)


def evaluate_defaults(
    text: str,
    *,
    multi_valued: bool,
    secret: bool,
    contexts: Sequence[bytes] = (),
    open_sealer: OpenSealer | None = None,
) -> Evaluation:
    """Evaluate a text with its own defaults only: no values if one is missing, problems only for syntax errors.

    This is what counts when something is written. ``open_sealer`` gives the keys of sealed secrets.
    """
    if contexts:
        return _make_unsealer(open_sealer, tolerant=True)(text, contexts)
    return _evaluate_defaults(text, multi_valued=multi_valued, secret=secret)


@lru_cache(maxsize=256)  # many objects hold the same text
def _evaluate_defaults(text: str, *, multi_valued: bool, secret: bool) -> Evaluation:
    result = make_evaluator(provide_nothing)(text, multi_valued=multi_valued, secret=secret)
    if result.values is not None:
        return result.replace(provisional=bool(result.origins))
    wrong = tuple(problem for problem in result.problems if problem.code != "unresolved-expression")
    return Evaluation(None, (), wrong)


def as_diagnostics(text: str, problems: tuple[Problem, ...], *, secret: bool) -> tuple[Diagnostic, ...]:
    """Return problems of a text as diagnostics with a caret.

    For a secret only the token or file without a value is named. A text that is not a valid expression may be the
    secret itself, so nothing of it is shown.
    """
    return tuple(_as_diagnostic(text, problem, secret=secret) for problem in problems)


def _as_diagnostic(text: str, problem: Problem, *, secret: bool) -> Diagnostic:
    code = "unresolved-expression" if problem.missing else "invalid-value"
    if not secret:
        return Diagnostic(
            code,
            problem.message,
            detail=problem.detail,
            remedy=problem.remedy,
            value=text,
            excerpt=text,
            span=problem.span,
        )
    if problem.missing:
        return Diagnostic(code, problem.message, detail=problem.detail, remedy=problem.remedy, value=MASK)
    return Diagnostic(
        code,
        "the value (not shown) holds an expression that is not valid",
        value=MASK,
        remedy="a token is lower-case words joined by dots, as in &{smtp.password}; explain shows what is wrong with a "
        'text; a backslash before "&{", "$<" or "${" makes it plain text',
    )
