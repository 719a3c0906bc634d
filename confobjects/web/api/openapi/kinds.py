"""The operations on the objects of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from confobjects.definitions import Registry
from confobjects.reference.examples import example_object
from confobjects.web.addresses import Addresses
from confobjects.web.api.openapi.operations import PROBLEM
from confobjects.web.api.openapi.parameters import (
    CHANGING,
    IF_MATCH,
    IF_NONE_MATCH,
    LISTING,
    TEXT,
    Schema,
    path_parameter,
    query_parameter,
)
from confobjects.web.api.openapi.rows import JSON, REFERENCE
from confobjects.web.api.openapi.schemas import refer_to
from confobjects.web.api.patching import JSON_PATCH, MERGE_PATCH
from confobjects.web.api.places import OBJECTS

if TYPE_CHECKING:
    from confobjects.definitions import Relation


def describe_objects(relation: Relation, registry: Registry) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the addresses of the objects of a kind, each with its operations."""
    addresses, kind = Addresses.of(registry), relation.name
    above = [step.name for step in registry.lineage(relation)[:-1] if step.named]
    if relation.named:
        found = {"description": f"The {relation.friendly_plural}.", "content": {JSON: refer_to("list")}}
        yield (
            f"{OBJECTS}/{addresses.write_template(relation, is_list=True)}",
            {
                "parameters": [path_parameter(name) for name in above],
                "get": {
                    "operationId": f"objects-list-{kind}",
                    "summary": f"List the {relation.friendly_plural}.",
                    "parameters": [query_parameter(name) for name in LISTING],
                    "responses": {"200": found, "default": PROBLEM},
                },
            },
        )
    names = [*above, *([kind] if relation.named else [])]
    yield (
        f"{OBJECTS}/{addresses.write_template(relation, is_list=False)}",
        {"parameters": [path_parameter(name) for name in names], **_describe_verbs(relation, registry)},
    )


def _describe_verbs(relation: Relation, registry: Registry) -> dict[str, Any]:
    kind, one = relation.name, relation.indefinite if relation.named else f"the {relation.friendly}"
    etag = {"ETag": {"description": "The version, for If-Match.", "schema": TEXT}}
    changed = {"description": "What the change did.", "content": {JSON: refer_to("output-change")}}
    changing = [IF_MATCH, *map(query_parameter, CHANGING)]
    schema = {"$ref": f"{REFERENCE}object-{kind}"}
    patch: Schema = {"schema": {"type": "object", "properties": {"type": TEXT, "properties": {"type": "object"}}}}
    return {
        "get": {
            "operationId": f"objects-get-{kind}",
            "summary": f"Read {one}.",
            "parameters": [query_parameter("current")],
            "responses": {
                "200": {
                    "description": f"{one[0].upper()}{one[1:]}.",
                    "headers": etag,
                    "content": {JSON: refer_to("object")},
                },
                "304": {"description": "It is as If-None-Match says."},
                "default": PROBLEM,
            },
        },
        "put": {
            "operationId": f"objects-put-{kind}",
            "summary": f"Create {one}, or replace it.",
            "parameters": [*changing, IF_NONE_MATCH],
            "requestBody": {
                "required": True,
                "content": {JSON: {"schema": schema, "examples": _make_examples(relation, registry)}},
            },
            "responses": {"200": changed, "201": changed, "default": PROBLEM},
        },
        "patch": {
            "operationId": f"objects-patch-{kind}",
            "summary": f"Change {one}.",
            "parameters": changing,
            "requestBody": {
                "required": True,
                "content": {MERGE_PATCH: patch, JSON_PATCH: {"schema": {"$ref": f"{REFERENCE}patch"}}},
            },
            "responses": {"200": changed, "default": PROBLEM},
        },
        "delete": {
            "operationId": f"objects-delete-{kind}",
            "summary": f"Delete {one}, with everything below it.",
            "parameters": changing,
            "responses": {"200": changed, "default": PROBLEM},
        },
    }


def _make_examples(relation: Relation, registry: Registry) -> dict[str, Any]:
    return {short: {"value": example_body(relation, registry, short)} for short in registry.types_of(relation)}


def example_body(relation: Relation, registry: Registry, short: str) -> dict[str, Any]:
    """Return a body that creates an object of a type, with what needs a value."""
    definition = registry.types_of(relation)[short]
    properties: dict[str, Any] = {}
    for name, texts in example_object(definition, registry).items():
        prop = definition.properties[name]
        if name != relation.naming_property:
            typed = texts if prop.sensitive else [prop.syntax.to_json(prop.syntax.parse(text)) for text in texts]
            properties[name] = list(typed) if prop.multi_valued else typed[0]
    return {"type": short, "properties": properties}
