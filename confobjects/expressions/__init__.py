"""Configuration expressions: parse them, list what they need, evaluate them.

``&{token}``, ``$<token>`` and ``${token}`` mean the same; ``&{token|default}`` has a default, ``&{file:PATH}`` calls a
function. PingDS calls this property value substitution.

Laws of this room:

1. Pure. Values come from a provider that is passed in; nothing here reads an environment or a file.
2. Text without an opener is its own value. Writing never changes an expression: a template keeps its text.
3. Every problem of a text is reported with its place.
4. The text from a provider is taken literally, unless the provider marks it as expression text. Circles and excessive
   depth are detected here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confobjects.expressions.openers import OPENERS, has_opener

if TYPE_CHECKING:
    from confobjects.expressions.evaluation import (
        EvaluationResult,
        Failed,
        Found,
        Need,
        NotFound,
        Provide,
        evaluate,
        find_needs,
    )
    from confobjects.expressions.functions import FUNCTIONS
    from confobjects.expressions.grammar import (
        Expression,
        ExpressionSyntaxError,
        Problem,
        Template,
        escape,
        looks_lost,
        parse,
    )

__all__ = [
    "FUNCTIONS",
    "OPENERS",
    "EvaluationResult",
    "Expression",
    "ExpressionSyntaxError",
    "Failed",
    "Found",
    "Need",
    "NotFound",
    "Problem",
    "Provide",
    "Template",
    "escape",
    "evaluate",
    "find_needs",
    "has_opener",
    "looks_lost",
    "parse",
]

_EVALUATION = {"EvaluationResult", "Failed", "Found", "Need", "NotFound", "Provide", "evaluate", "find_needs"}


def __getattr__(name: str) -> Any:
    """Load the grammar and the evaluation when they are first used: most values hold no expression (PEP 562)."""
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    home = "functions" if name == "FUNCTIONS" else "evaluation" if name in _EVALUATION else "grammar"
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)  # the next access finds it directly
    return value
