"""Problems of evaluated values, without what an expression has read.

Law: what came from a file, a variable or a token of the server is not answered, also not within what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from confobjects.diagnostics import MASK, Diagnostic
from confobjects.errors import ConfobjectsError
from confobjects.expressions.openers import has_opener

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.objects.protocols import World

_OPEN: Final = ("unresolved-expression",)
"""Codes of problems that speak of the expression, and of no value."""


def hide_evaluated(problems: Iterable[Diagnostic], registry: Registry, world: World) -> tuple[Diagnostic, ...]:
    """Return problems of objects in a view; those of a value that an expression gives say that it is wrong, and not what it is."""
    return tuple(_hide(one) if _is_evaluated(one, registry, world) else one for one in problems)


def _is_evaluated(problem: Diagnostic, registry: Registry, world: World) -> bool:
    if not problem.path or not problem.property or problem.code in _OPEN:
        return False
    try:
        obj = world.find(registry.parse_path(problem.path))
    except ConfobjectsError:
        return True
    prop = None if obj is None else obj.definition.properties.get(problem.property)
    if obj is None or prop is None:
        return True
    return any(map(has_opener, obj.values.get(prop.name) or prop.default.possible_texts()))


def _hide(problem: Diagnostic) -> Diagnostic:
    summary = f"what the expression of {problem.property} gives is not accepted ({problem.code})"
    remedy = "evaluate it where the value may be seen"
    return Diagnostic(
        problem.code,
        summary,
        path=problem.path,
        property=problem.property,
        value=MASK if problem.value else "",
        severity=problem.severity,
        remedy=remedy,
    )
