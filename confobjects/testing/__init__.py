"""Test doubles for programs that use this library: a storage in memory, values of expressions from a dictionary.

They use the real code without files and servers: the same definitions, the same checks, the same errors.

::

    from confobjects.testing import configuration

    config = configuration({("mail-server", "one"): {"enabled": True, "smtp-server": "mx.example.com"}})
    assert config["mail-server", "one"]["smtp-server"].port == 587

May import every room; only tests may import it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from confobjects.definitions_loading import load_registry
from confobjects.errors import error_for
from confobjects.expressions import Failed, Found, Need, NotFound
from confobjects.management import ManagementContext, Site
from confobjects.management.judging import judge_all
from confobjects.objects.evaluating import evaluate_defaults, make_evaluator
from confobjects.storage.memory import MemoryStorage

if TYPE_CHECKING:
    from confobjects.objects.typed import TypedConfiguration, TypedContext

__all__ = ["DictResolver", "MemoryStorage", "configuration", "context"]

Objects = Mapping[tuple[str, ...], Mapping[str, Any]]
"""Objects by kind and names. A key ``type`` among the values, where no property has that name, is the short type."""


class DictResolver:
    """A provider of expression values from a dictionary. Its keys are tokens, ``file:…`` or ``env:…``."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def __repr__(self) -> str:
        """Tell which values there are; a value may be a secret."""
        return f"<values of {', '.join(self.values) or 'nothing'}>"

    def __call__(self, need: Need) -> Found | NotFound | Failed:
        """Return the value of a need. Commas separate values if several are possible."""
        text = self.values.get(str(need))
        if text is None:
            return NotFound(("the dictionary",))
        return Found((text,), f"the dictionary's {need}", splittable=need.function != "file")


def context(objects: Objects | None = None, *, definitions: Sequence[str] = ()) -> TypedContext:
    """Return a management context with a storage in memory. The objects are created in one transaction.

    Raises the errors of :meth:`~confobjects.management.ManagementContext.create`.
    """
    made = ManagementContext(Site.of(load_registry(definitions), MemoryStorage(), evaluate_defaults))
    with made.change() as tx:
        for (kind, *names), values in (objects or {}).items():
            given = dict(values)
            tx.create(kind, tuple(names), given, type=given.pop("type", None))
    return cast("TypedContext", made)


def configuration(
    objects: Objects,
    *,
    values: Mapping[str, str] | None = None,
    definitions: Sequence[str] = (),
    instance_directory: str = ".",
) -> TypedConfiguration:
    """Return the effective configuration of some objects; ``values`` are those of expressions, by token.

    Raises one error with every problem, as :func:`confobjects.load` does.
    """
    with context(objects, definitions=definitions) as made:
        site = made.site.replace(evaluate=make_evaluator(DictResolver(values or {})))
        result, problems = judge_all(site, instance_directory)
    if problems:
        raise error_for(problems)
    return cast("TypedConfiguration", result)
