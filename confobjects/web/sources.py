"""Sources of values: what expressions are evaluated with when the configuration is checked, explained and tested."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import UnknownNameError
from confobjects.records import Record, field
from confobjects.startup import SealingKeys, make_startup_sources
from confobjects.texts.visible import make_visible

if TYPE_CHECKING:
    from confobjects.objects.protocols import Evaluator
    from confobjects.resolvers import Resolvers


def _make_default(environment: Mapping[str, str] | None) -> Resolvers:
    return make_startup_sources(os.getcwd(), environment=environment)


class Sources(Record):
    """Where values come from: the environment of the process, or one of the files that were named when it was started.

    ``instance_directory`` is that of relative paths. ``environments`` reads those files by their names. ``make`` makes the sources of
    a start, with the variables of such a file or, for None, with those of the process.
    """

    instance_directory: str = ""
    environments: Mapping[str, Callable[[], Mapping[str, str]]] = field(default_factory=dict)
    make: Callable[[Mapping[str, str] | None], Resolvers] = _make_default

    def make_evaluator(self, environment: str = "") -> Evaluator:
        """Return what evaluates as a start does; with the variables of a file that is named, if one is.

        Raises :class:`~confobjects.errors.UnknownNameError`.
        """
        from confobjects.objects.evaluating import make_evaluator

        variables = None if not environment else self._find(environment)()
        return make_evaluator(self.make(variables), SealingKeys(os.environ).unseal)

    def _find(self, name: str) -> Callable[[], Mapping[str, str]]:
        if name not in self.environments:
            known = (
                f"known: {', '.join(self.environments)}" if self.environments else "the server was started with none"
            )
            summary = f'there is no environment "{make_visible(name[:60])}"'
            remedy = suggest_name(name, self.environments) or known
            raise UnknownNameError(Diagnostic("unknown-name", summary, remedy=remedy))
        return self.environments[name]
