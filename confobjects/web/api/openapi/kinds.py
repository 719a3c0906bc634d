"""The operations on the objects of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from confobjects.definitions import Registry
from confobjects.reference.examples import example_object
from confobjects.web.addresses import Addresses, word_of
from confobjects.web.api.openapi.answers import JSON, JSON_PATCH_CONTENT, answer_name, refer, refer_in_content
from confobjects.web.api.openapi.links import link_change, link_list, link_object
from confobjects.web.api.openapi.operations import PROBLEM, tell_roles
from confobjects.web.api.openapi.parameters import (
    CHANGING,
    IF_MATCH,
    IF_NONE_MATCH,
    IF_NONE_MATCH_READ,
    LISTING,
    TEXT,
    Schema,
    path_parameter,
    query_parameter,
)
from confobjects.web.api.patching import JSON_PATCH, MERGE_PATCH
from confobjects.web.api.places import OBJECTS

if TYPE_CHECKING:
    from confobjects.definitions import Relation
    from confobjects.web.endpoints import Needs


def describe_objects(relation: Relation, registry: Registry) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the addresses of the objects of a kind, each with its operations."""
    addresses, kind = Addresses.of(registry), relation.name
    above = [step.name for step in registry.lineage(relation)[:-1] if step.named]
    if relation.named:
        yield (
            f"{OBJECTS}/{addresses.write_template(relation, is_list=True)}",
            {"parameters": [path_parameter(name) for name in above], "get": _describe_list(relation, above)},
        )
    names = [*above, *([kind] if relation.named else [])]
    yield (
        f"{OBJECTS}/{addresses.write_template(relation, is_list=False)}",
        {"parameters": [path_parameter(name) for name in names], **_describe_verbs(relation, registry, names)},
    )


def name_tag(relation: Relation) -> str:
    """Return the group that the operations on the objects of a kind stand in: the word of its addresses."""
    return word_of(relation)


def _describe_list(relation: Relation, above: list[str]) -> dict[str, Any]:
    found = {
        "description": f"The {relation.friendly_plural}.",
        "content": {JSON: refer_in_content(f"{relation.name}_list")},
        "links": link_list(relation.name, above),
    }
    made = _begin(relation, f"list-{relation.plural}", f"List the {relation.friendly_plural}.", "read")
    words = {"type": refer(f"{relation.name}_type")}
    return {
        **made,
        "parameters": [query_parameter(name, words.get(name)) for name in LISTING],
        "responses": {"200": found, "default": PROBLEM},
    }


def _begin(relation: Relation, name: str, summary: str, needs: Needs) -> dict[str, Any]:
    return {"operationId": name, "tags": [name_tag(relation)], "summary": summary, "description": tell_roles(needs)}


def _describe_verbs(relation: Relation, registry: Registry, names: list[str]) -> dict[str, Any]:
    kind, one = relation.name, relation.indefinite if relation.named else f"the {relation.friendly}"
    changed = {"description": "What the change did.", "content": {JSON: refer_in_content(answer_name("change"))}}
    led = {**changed, "links": link_change(relation, registry)}
    changing = [IF_MATCH, *(query_parameter(name) for name in CHANGING)]
    body: Schema = {**refer_in_content(kind), "examples": _make_examples(relation, registry)}
    patches: Schema = {MERGE_PATCH: refer_in_content(f"{kind}_patch"), JSON_PATCH: JSON_PATCH_CONTENT}
    return {
        "get": {
            **_begin(relation, f"get-{kind}", f"Read {one}.", "read"),
            "parameters": [query_parameter("current"), IF_NONE_MATCH_READ],
            "responses": _describe_found(relation, names),
        },
        "put": {
            **_begin(relation, f"put-{kind}", f"Create {one}, or replace it.", "change"),
            "parameters": [*changing, IF_NONE_MATCH],
            "requestBody": {"required": True, "content": {JSON: body}},
            "responses": {"200": led, "201": led, "default": PROBLEM},
        },
        "patch": {
            **_begin(relation, f"patch-{kind}", f"Change {one}.", "change"),
            "parameters": changing,
            "requestBody": {"required": True, "content": patches},
            "responses": {"200": led, "default": PROBLEM},
        },
        "delete": {
            **_begin(relation, f"delete-{kind}", f"Delete {one}, with everything below it.", "change"),
            "parameters": changing,
            "responses": {"200": changed, "default": PROBLEM},
        },
    }


def _describe_found(relation: Relation, names: list[str]) -> dict[str, Any]:
    found = {
        "description": f"The {relation.friendly} as it is stored.",
        "headers": {"ETag": {"description": "The version, for If-Match.", "schema": TEXT}},
        "content": {JSON: refer_in_content(f"{relation.name}_shown")},
        "links": link_object(relation.name, names),
    }
    return {"200": found, "304": {"description": "It is as If-None-Match says."}, "default": PROBLEM}


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
