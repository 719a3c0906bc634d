"""Links: what an answer leads to, and with which of its values (OpenAPI 3.1, 4.8.20)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from confobjects.web.api.openapi.parameters import Schema

if TYPE_CHECKING:
    from confobjects.definitions import Registry, Relation

_ETAG: Final = "$response.header.ETag"


def link(operation: str, parameters: Mapping[str, str], description: str, body: object = None) -> Schema:
    """Return a link to an operation; parameters and body are expressions of the answer and its request."""
    made: Schema = {"operationId": operation, "description": description}
    if parameters:
        made["parameters"] = dict(parameters)
    return made if body is None else {**made, "requestBody": body}


def link_list(kind: str, above: Iterable[str]) -> Schema:
    """Return the links of a list: to its first object."""
    names = {**_repeat(above), kind: "$response.body#/items/0/name"}
    return {"first": link(f"get-{kind}", names, "Its first object.")}


def link_object(kind: str, names: Iterable[str]) -> Schema:
    """Return the links of an object that was read: to what changes it in the state that it has."""
    parameters = {**_repeat(names), "If-Match": _ETAG}
    return {
        "replace": link(f"put-{kind}", parameters, "Replaces it in this state."),
        "change": link(f"patch-{kind}", parameters, "Changes it in this state."),
        "delete": link(f"delete-{kind}", parameters, "Deletes it in this state."),
    }


def link_change(relation: Relation, registry: Registry) -> Schema:
    """Return the links of a change of one object: to the object, to its test if there is one, and to the history."""
    names = [step.name for step in registry.lineage(relation) if step.named]
    steps = (
        f"/{step.name}" + (f"/{{$request.path.{step.name}}}" if step.named else "")
        for step in registry.lineage(relation)
    )
    path = "".join(steps)
    made = {
        "object": link(f"get-{relation.name}", _repeat(names), "The object as it is now."),
        "history": link("read-history", {"path": path, "limit": "1"}, "What was recorded of the change."),
    }
    if registry.definition(relation.target).verification is not None:
        made["test"] = link("test-object", {}, "A test of the object as it is saved.", {"path": path})
    return made


def _repeat(names: Iterable[str]) -> dict[str, str]:
    return {name: f"$request.path.{name}" for name in names}
