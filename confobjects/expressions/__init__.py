"""Configuration expressions: parse, say what is needed, evaluate.

``&{token}``, ``$<token>`` and ``${token}`` mean the same; ``&{token|default}`` has a default, ``&{file:PATH}`` calls a
function. PingDS calls this property value substitution.

Laws of this room:

1. Pure. Values come from a provider that is handed in; nothing here reads an environment or a file.
2. Text without an opener is its own value. Writing never changes an expression: a template keeps its text.
3. Every problem of a text is reported, each with the place it is at.
4. What a provider gives is taken literally unless it says that it is expression text itself; circles and depth
   are found here.
"""

from __future__ import annotations

from confobjects.expressions.evaluation import Failed, Found, Need, NotFound, Provide, Result, evaluate, needs
from confobjects.expressions.functions import FUNCTIONS
from confobjects.expressions.grammar import (
    OPENERS,
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
    "Expression",
    "ExpressionSyntaxError",
    "Failed",
    "Found",
    "Need",
    "NotFound",
    "Problem",
    "Provide",
    "Result",
    "Template",
    "escape",
    "evaluate",
    "looks_lost",
    "needs",
    "parse",
]
