"""Sources of values: what expressions are evaluated with when the configuration is checked, explained and tested."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import UnknownNameError, UsageError
from confobjects.records import Record, field
from confobjects.startup import SealingKeys, make_startup_sources
from confobjects.texts.visible import make_visible

if TYPE_CHECKING:
    from confobjects.objects.protocols import Evaluator
    from confobjects.resolvers import Resolvers


def _make_default(environment: Mapping[str, str] | None) -> Resolvers:
    return make_startup_sources(os.getcwd(), environment=environment)


ReadVariables = Callable[[], Mapping[str, str]]
"""Reads the variables of another machine, as they are now. Raises ExpressionError."""


class Sources(Record):
    """Where values come from: the environment of the process, or one of the files that were named when it was started.

    ``instance_directory`` is that of relative paths. ``environments`` reads those files by their names. ``make`` makes the sources of
    a start, with the variables of such a file or, for None, with those of the process.
    """

    instance_directory: str = ""
    environments: Mapping[str, ReadVariables] = field(default_factory=dict)
    make: Callable[[Mapping[str, str] | None], Resolvers] = _make_default

    def make_evaluator(self, environment: str = "") -> Evaluator:
        """Return what evaluates as a start does; with the variables of a file that is named, if one is.

        Raises :class:`~confobjects.errors.UnknownNameError`.
        """
        from confobjects.objects.evaluating import make_evaluator

        variables = None if not environment else self._find(environment)()
        return make_evaluator(self.make(variables), SealingKeys(os.environ).unseal)

    def _find(self, name: str) -> ReadVariables:
        if name not in self.environments:
            known = (
                f"known: {', '.join(self.environments)}" if self.environments else "the server was started with none"
            )
            summary = f'there is no environment "{make_visible(name[:60])}"'
            remedy = suggest_name(name, self.environments) or known
            raise UnknownNameError(Diagnostic("unknown-name", summary, remedy=remedy))
        return self.environments[name]


def parse_environments(given: Iterable[str]) -> dict[str, ReadVariables]:
    """Return what reads the files that ``NAME=FILE`` name, by their names. Each is read now, to see that it can be.

    Raises UsageError, and ExpressionError for a file that cannot be used.
    """
    found: dict[str, ReadVariables] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or not name.isidentifier() or not path or name in found:
            summary = (
                f'"{make_visible(text)}" does not give a file a name of its own, such as production=production.env'
            )
            raise UsageError(Diagnostic("usage", summary, argument=text))
        found[name] = partial(_read_variables, path)
        found[name]()
    return found


def _read_variables(path: str) -> Mapping[str, str]:
    from confobjects.resolvers import read_env_file

    try:
        return read_env_file(path)
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise UsageError(Diagnostic("usage", f"the variables cannot be read: {reason}", origin=path)) from None
