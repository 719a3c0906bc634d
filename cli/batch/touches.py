"""Which command touched which object, to find the command that caused a problem of the whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Final

from confobjects.objects.changes import find_property
from confobjects.paths import ManagedObjectPath
from confobjects.texts.names import normal_name

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.diagnostics import Diagnostic
    from confobjects.management.changing.operations import Operation

    from .steps import BatchStep


class Touches:
    """The last step that touched each object and each property."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._objects: dict[str, BatchStep] = {}
        self._properties: dict[tuple[str, str], BatchStep] = {}
        self._made: dict[tuple[str, str], list[int]] = {}
        self._doubtful: dict[str, int] = {}  # names in lines that could not be parsed
        self._unmade: dict[str, tuple[int, str]] = {}
        self._unchanged: dict[str, int] = {}

    def add(self, step: BatchStep) -> None:
        """Remember what a step touched."""
        operation = step.operation
        assert operation is not None  # noqa: S101 - what reads touches nothing
        for path in self._paths(operation):
            key = _key_of(path)
            self._objects[key] = step
            for name in self._names(operation):
                self._properties[key, name] = step

    def _paths(self, operation: Operation) -> Iterator[ManagedObjectPath]:
        path = operation.resolve_path(self.registry)
        yield path
        if operation.new_name:
            yield path.parent.child(path.relation, operation.new_name)

    def _names(self, operation: Operation) -> Iterator[str]:
        """Yield the current names of the properties that an operation changes."""
        changes = operation.changes
        types = list(self.registry.concrete_types(self.registry.relation(operation.kind).target))
        for name in (*changes.set, *changes.add, *changes.remove, *changes.reset):
            found = next((prop for type_ in types if (prop := find_property(type_, name))), None)
            yield name.lower() if found is None else found.name

    def find_step(self, problem: Diagnostic) -> BatchStep | None:
        """Return the step that caused a problem of the whole: the last on its property, else on its object."""
        path = normal_name(problem.path)
        found = self._properties.get((path, problem.property.lower())) or self._objects.get(path)
        while found is None and path:  # objects below an object are created and deleted with it
            path = path.rpartition("/")[0]
            found = self._objects.get(path)
        if found is None:
            named = (step for path, step in self._objects.items() if path in normal_name(problem.summary))
            found = next(named, None)
        return found

    def with_order(self, problem: Diagnostic, step: BatchStep, steps: Sequence[BatchStep]) -> Diagnostic:
        """Return a problem of a missing or existing object with the line that causes it as the remedy."""
        wanted = {"no-such-object": ("create", "delete"), "object-exists": ("delete", "create")}.get(problem.code)
        if wanted is None:
            return problem
        if not self._made:
            self._made = self._index_changes(steps)
        path, (later, earlier) = normal_name(problem.path), wanted
        if after := [line for line in self._made.get((later, path), ()) if line > step.line]:
            remedy = f"line {after[0]} {_VERBS[later]} it: move that line before this one"
        elif before := [line for line in self._made.get((earlier, path), ()) if line < step.line]:
            remedy = f"line {before[-1]} {_VERBS[earlier]} it"
        else:
            return problem
        return problem.replace(remedy=remedy)

    def _index_changes(self, steps: Sequence[BatchStep]) -> dict[tuple[str, str], list[int]]:
        """Return the lines that create or delete an object, by action and path; a rename does both."""
        found: dict[tuple[str, str], list[int]] = {}
        for step in steps:
            operation = step.operation
            if operation is None or operation.action == "modify":
                continue
            old, *new = map(_key_of, self._paths(operation))
            if operation.action in {"delete", "rename"}:
                found.setdefault(("delete", old), []).append(step.line)
            for path in new or ([old] if operation.action == "create" else []):
                found.setdefault(("create", path), []).append(step.line)
        return found

    # -- consequences ------------------------------------------------------------------------------------------------

    def record_failure(self, step: BatchStep) -> None:
        """Record that a step failed: its result is missing."""
        operation = step.operation
        if operation is None:  # its effect is unknown, so everything about its names is uncertain
            for name in _names_in(step.command.texts):
                self._doubtful.setdefault(normal_name(name), step.line)
            return
        *_, made = map(_key_of, self._paths(operation))
        if operation.action in {"create", "rename"}:
            self._unmade.setdefault(made.rpartition("/")[2], (step.line, made))
        else:
            self._unchanged.setdefault(made, step.line)

    def is_consequence(self, problem: Diagnostic, line: float = inf) -> bool:
        """Tell whether a problem exists only because steps before a line failed."""
        path, summary = normal_name(problem.path), normal_name(problem.summary)
        named = _QUOTED.findall(summary)
        if any(self._doubtful.get(name, inf) < line for name in (*named, path.rpartition("/")[2])):
            return True
        for name in named:
            at, made = self._unmade.get(name, (inf, ""))
            if at < line and (path != made or problem.code == "no-such-object"):
                return True
        # A failed step that would have removed a reference to an object that is deleted or disabled.
        return "/" in summary and any(
            at < line and made != path and f"{made} " in summary for made, at in self._unchanged.items()
        )


_QUOTED: Final = re.compile('"([^"]*)"')
_VERBS: Final = {"create": "creates", "delete": "deletes"}


def _key_of(path: ManagedObjectPath) -> str:
    return normal_name(str(path))


def _names_in(texts: Sequence[str]) -> list[str]:
    """Return the names of objects in words that could not be parsed as a command."""
    found = [after for word, after in pairwise(texts) if word.lower().endswith(("-name", "-type"))]
    return found + [value for word in texts for option, _, value in [word.partition("=")] if option.endswith("-name")]
