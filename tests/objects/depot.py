"""Objects of the job depot without a storage: what the tests of reading and judging stand on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from confobjects.actions import remedy_text
from confobjects.definitions import PropertyDefinition, Relation
from confobjects.diagnostics import Diagnostic
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.objects.judging import Judge
from confobjects.objects.model import ManagedObject
from confobjects.objects.protocols import Evaluator
from confobjects.objects.reading import PropertyReader
from confobjects.paths import ManagedObjectPath
from confobjects.records import as_dict
from tests.definitions.documents import depot

TYPES = {"queue": "disk-queue", "retry-rule": "fixed-retry-rule", "depot-codec": "gzip-codec"}
"""The type of an object whose relation has several, unless the test names another."""


class Objects:
    """A world of the given objects."""

    def __init__(self, objects: Iterable[ManagedObject]) -> None:
        self.objects = {obj.path: obj for obj in objects}

    def find(self, path: ManagedObjectPath) -> ManagedObject | None:
        return self.objects.get(path)

    def members(self, relation: Relation, parent: ManagedObjectPath) -> list[ManagedObject]:
        found = [obj for path, obj in self.objects.items() if (path.relation, path.parent) == (relation.name, parent)]
        return sorted(found, key=lambda obj: obj.path)


def made(path: str, type_name: str = "", /, **values: str | Sequence[str]) -> ManagedObject:
    """An object of the depot; the names of its properties are given with underscores."""
    where = depot().parse_path(path)
    definition = depot().definition(type_name or TYPES.get(where.relation, where.relation))
    texts = {name.replace("_", "-"): (v,) if isinstance(v, str) else tuple(v) for name, v in values.items()}
    return ManagedObject(where, definition, texts)


def prop(obj: ManagedObject, name: str) -> PropertyDefinition:
    return obj.definition.properties[name]


def reader(*objects: ManagedObject, evaluate: Evaluator = evaluate_defaults) -> PropertyReader:
    return PropertyReader(depot(), Objects(objects), evaluate)


def judge(*objects: ManagedObject, evaluate: Evaluator = evaluate_defaults) -> Judge:
    return Judge(depot(), Objects(objects), evaluate)


def fields(problem: Diagnostic) -> Mapping[str, Any]:
    """Every field of a problem that says something, without the severity of an error."""
    said = as_dict(problem) | {"remedy": remedy_text(problem.remedy)}
    return {name: value for name, value in said.items() if value not in ("", None, (), "error")}
