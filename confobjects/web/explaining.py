"""Explanations: what a stored expression needs, where its value comes from, and the value, if it may be told.

Law: what came from a file, a variable or a token is masked. An expression reads what its reader may not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confobjects.diagnostics import MASK, Diagnostic
from confobjects.expressions import ExpressionSyntaxError, find_needs, parse
from confobjects.expressions.openers import has_opener
from confobjects.objects.evaluating import as_diagnostics
from confobjects.objects.reading import mask_secret
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition
    from confobjects.objects.protocols import Evaluator

_OF_TEXT: Final = "default in the expression"
"""Where a value comes from that stands in the text itself."""


class Explanation(Record):
    """How a stored text gets its value. ``text`` is masked as a whole, if it is no expression and a secret."""

    text: str
    needs: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    problems: tuple[Diagnostic, ...] = ()


def explain_text(prop: PropertyDefinition, text: str, evaluate: Evaluator) -> Explanation:
    """Return how a stored text of a property gets its value; one that has no expression has it already."""
    shown, hides = mask_secret(prop, text), prop.can_hold_secret
    if not has_opener(text):
        return Explanation(shown, values=(shown,))
    try:
        needs = tuple(str(need) for need in find_needs(parse(text)))
    except ExpressionSyntaxError as error:
        return Explanation(shown, problems=tuple(as_diagnostics(shown, error.problems, secret=hides)))
    result = evaluate(text, multi_valued=prop.multi_valued, secret=hides)
    is_open = not hides and all(origin == _OF_TEXT for origin in result.origins)
    values = tuple(value if is_open else MASK for value in result.values or ())
    return Explanation(shown, needs, values, tuple(result.origins), tuple(result.problems))
