"""Which command touched what: to find the one that a problem of the whole comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from confobjects.objects.changes import property_named
from confobjects.paths import ManagedObjectPath, normal_name

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.diagnostics import Diagnostic
    from confobjects.management.operations import Operation

    from .steps import Step


class Touches:
    """The steps by the objects and properties they have touched, the last of each."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._objects: dict[str, Step] = {}
        self._properties: dict[tuple[str, str], Step] = {}

    def add(self, step: Step) -> None:
        """Remember what a step has touched."""
        operation = step.operation
        assert operation is not None  # noqa: S101 - what reads touches nothing
        for path in self._paths(operation):
            key = _key(path)
            self._objects[key] = step
            for name in self._names(operation):
                self._properties[key, name] = step

    def _paths(self, operation: Operation) -> Iterator[ManagedObjectPath]:
        path = operation.path(self.registry)
        yield path
        if operation.new_name:
            yield path.parent.child(path.relation, operation.new_name)

    def _names(self, operation: Operation) -> Iterator[str]:
        """The properties by the names they have now."""
        changes = operation.changes
        types = list(self.registry.concrete(self.registry.relation(operation.kind).target))
        for name in (*changes.set, *changes.add, *changes.remove, *changes.reset):
            found = next((prop for type_ in types if (prop := property_named(type_, name))), None)
            yield name.lower() if found is None else found.name

    def last(self, problem: Diagnostic) -> Step | None:
        """Return the step that a problem of the whole comes from: the last on its property, else on its object."""
        path = normal_name(problem.path)
        found = self._properties.get((path, problem.property.lower())) or self._objects.get(path)
        while found is None and path:  # what lies below an object goes and comes with it
            path = path.rpartition("/")[0]
            found = self._objects.get(path)
        if found is None:
            named = (step for path, step in self._objects.items() if path in normal_name(problem.summary))
            found = next(named, None)
        return found

    def with_order(self, problem: Diagnostic, step: Step, steps: Sequence[Step]) -> Diagnostic:
        """Return a problem of an object that is not there, or there already, with the line that makes it so."""
        wanted = {"no-such-object": ("create", "delete"), "object-exists": ("delete", "create")}.get(problem.code)
        if wanted is None:
            return problem
        path = normal_name(problem.path)
        later, earlier = wanted
        at = steps.index(step)
        if found := next((one for one in steps[at + 1 :] if self._does(one, later, path)), None):
            remedy = f"line {found.line} {_VERBS[later]} it: move that line before this one"
        elif found := next((one for one in reversed(steps[:at]) if self._does(one, earlier, path)), None):
            remedy = f"line {found.line} {_VERBS[earlier]} it"
        else:
            return problem
        return problem.replace(remedy=remedy)

    def _does(self, step: Step, action: str, path: str) -> bool:
        operation = step.operation
        if operation is None:
            return False
        old, *new = map(_key, self._paths(operation))
        made = {"create": new if operation.action == "rename" else [old], "delete": [old]}[action]
        return operation.action in {action, "rename"} and path in made

    def follows(self, problem: Diagnostic, failed: Iterable[Step]) -> bool:
        """Tell whether a problem is there only because of steps that failed: without it, it would not be told."""
        path, summary = normal_name(problem.path), normal_name(problem.summary)
        for step in failed:
            operation = step.operation
            if operation is None:  # nobody knows what it would have done: by its name then
                names = [normal_name(name) for name in _names_in(step.command.texts)]
                if any(path.endswith(f"/{name}") or f'"{name}"' in summary for name in names):
                    return True
                continue
            *_, made = map(_key, self._paths(operation))
            if operation.action in {"create", "rename"}:
                if f'"{made.rpartition("/")[2]}"' in summary and (path != made or problem.code == "no-such-object"):
                    return True
            elif path != made and f"{made} " in summary:  # it would have let go of what is deleted or disabled
                return True
        return False


_VERBS: Final = {"create": "creates", "delete": "deletes"}


def _key(path: ManagedObjectPath) -> str:
    return normal_name(str(path))


def _names_in(texts: Sequence[str]) -> list[str]:
    """The names of objects in words that could not be read as a command."""
    found = [after for word, after in pairwise(texts) if word.lower().endswith(("-name", "-type"))]
    return found + [value for word in texts for option, _, value in [word.partition("=")] if option.endswith("-name")]
