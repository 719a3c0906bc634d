"""The forms of objects: what makes one, what changes one, and what is answered of one and of several.

The names of those of a kind begin with that of the kind: ``mail-server`` is what makes one, ``mail-server.generic`` one of a type,
``mail-server_patch`` changes one, ``mail-server_shown`` and ``mail-server_list`` are answers. No name in a definition has a point or an underscore.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from confobjects.definitions import PropertyDefinition, Registry, Relation
from confobjects.reference.jsonschema import DOCUMENT_MARKER, UNLISTED_SECRETS, document_schema
from confobjects.web.api.openapi.answers import object_of, refer
from confobjects.web.api.openapi.parameters import TEXT, Schema

_ANY: Final[Schema] = {"type": "object"}
_EXPRESSION: Final = "Expression"
_TEXT_IN_PLACE: Final = "An expression, a mask in the place of a secret, or what is stored and is no value."


def make_forms(registry: Registry) -> dict[str, Schema]:
    """Return the forms of the objects of every kind, by their names, and that of a document with all of them."""
    made: dict[str, Schema] = {}
    parts = document_schema(registry)["$defs"]
    for relation in registry.relations().values():
        if not relation.hidden:
            made.update(_make_forms_of(relation, registry, _lead(parts[relation.name])))
    return {**made, _EXPRESSION: parts["expression"], "Document": _DOCUMENT}


def _lead(schema: Schema) -> Schema:
    """Return the schema of objects in a document with its reference leading to the components."""
    expression = json.dumps(refer(_EXPRESSION)["$ref"])
    found: Schema = json.loads(json.dumps(schema).replace('"#/$defs/expression"', expression))
    return found


def _make_forms_of(relation: Relation, registry: Registry, part: Schema) -> Iterator[tuple[str, Schema]]:
    kind, types = relation.name, list(registry.types_of(relation))
    words: dict[str, Schema] = {}
    of_type = {short: _simplify(kind, short, schema, words) for short, schema in _find_properties(part, types)}
    usual = registry.usual_type(relation)
    for short in types:
        name = _name_type(kind, short, types)
        yield f"{name}_properties", of_type[short]
        chosen: Schema = {"type": {"const": short}, "properties": refer(f"{name}_properties")}
        needless = ["type"] if short == usual or len(types) == 1 else []
        needless += [] if of_type[short]["required"] else ["properties"]
        yield name, object_of(chosen, *needless, description=part["description"])
    if len(types) > 1:
        choices = [refer(_name_type(kind, one, types)) for one in types]
        yield kind, {"description": part["description"], "oneOf": choices}
    yield f"{kind}_type", {"description": f"The types of {relation.friendly_plural}.", "enum": types}
    yield f"{kind}_changes", _describe_changed(of_type)
    changed: Schema = {"type": refer(f"{kind}_type"), "properties": refer(f"{kind}_changes")}
    yield f"{kind}_patch", object_of(changed, *changed, description=f"What changes {relation.indefinite} (RFC 7396).")
    yield from words.items()
    yield from _describe_answers(relation, registry)


def _name_type(kind: str, short: str, types: list[str]) -> str:
    return kind if len(types) == 1 else f"{kind}.{short}"


def _find_properties(part: Schema, types: list[str]) -> Iterator[tuple[str, Schema]]:
    """Yield each type of a kind with the schema of its properties in a document."""
    if len(types) == 1:
        yield types[0], part["properties"]["properties"]
        return
    for short, one in zip(types, part["allOf"], strict=True):
        yield short, one["then"]["properties"]["properties"]


def _simplify(kind: str, short: str, schema: Schema, words: dict[str, Schema]) -> Schema:
    """Return the schema of properties as generators want it: what can never be set is left out, no choice is within another.

    A default is left out as well: a client would send it, and so have it stored. Words to choose from are added to ``words``.
    """
    made: dict[str, Schema] = {}
    for name, one in schema["properties"].items():
        choices = list(_flatten(one))
        if choices != [_NOTHING]:
            rest = {key: value for key, value in one.items() if key not in ("anyOf", "default")}
            made[name] = {**rest, "anyOf": [_name_words(kind, short, name, choice, words) for choice in choices]}
    return {**schema, "properties": made}


_NOTHING: Final[Schema] = {"type": "null"}


def _flatten(schema: Schema) -> Iterator[Schema]:
    """Yield what is chosen from, also by a choice within."""
    if schema.get("type") == "null":
        yield _NOTHING
        return
    if "anyOf" not in schema:
        yield schema
        return
    for one in schema["anyOf"]:
        yield from _flatten(one)


def _name_words(kind: str, short: str, name: str, schema: Schema, words: dict[str, Schema]) -> Schema:
    """Return a schema with a reference in the place of words that are listed."""
    if "items" in schema:
        items = schema["items"]
        choices = [_name_words(kind, short, name, one, words) for one in _flatten(items)]
        return {**schema, "items": choices[0] if len(choices) == 1 else {"anyOf": choices}}
    if "enum" not in schema:
        return schema
    of_kind = f"{kind}_{name}_choice"
    found = of_kind if words.setdefault(of_kind, schema) == schema else f"{kind}_{short}_{name}_choice"
    words[found] = schema
    return refer(found)


def _describe_changed(of_type: dict[str, Schema]) -> Schema:
    """Return the schema of the properties that a patch may name: those of every type, none of them needed."""
    found: dict[str, list[Schema]] = {}
    for schema in of_type.values():
        for name, one in schema["properties"].items():
            known = found.setdefault(name, [])
            known.extend([] if one in known else [one])
    merged = {name: several[0] if len(several) == 1 else _join(several) for name, several in found.items()}
    return {"type": "object", "properties": merged, "additionalProperties": False}


def _join(several: list[Schema]) -> Schema:
    """Return what accepts what one of some schemas accepts, each alternative once."""
    choices: list[Schema] = []
    for schema in several:
        for one in schema.get("anyOf", [schema]):
            choices.extend([] if one in choices else [one])
    return {"description": several[0].get("description", ""), "anyOf": choices}


# -- what is answered ----------------------------------------------------------------------------------------------------


def _describe_answers(relation: Relation, registry: Registry) -> Iterator[tuple[str, Schema]]:
    kind = relation.name
    values = {
        name: _describe_shown(prop)
        for definition in registry.types_of(relation).values()
        for name, prop in definition.properties.items()
        if name != relation.naming_property
    }
    yield f"{kind}_values", object_of(values, *values, description="What is stored, secrets masked.")
    head: Schema = {"object": {"const": kind}, "name": TEXT, "path": TEXT, "type": refer(f"{kind}_type")}
    shown = {**head, "properties": refer(f"{kind}_values")}
    more: Schema = {
        "current": {"description": "What is in force: values and their origin, by property.", **_ANY},
        "verification": {"description": "How it stands with its last test.", **_ANY},
        "problems": {"type": "array", "items": refer("ProblemPart")},
    }
    what = relation.indefinite if relation.named else f"the {relation.friendly}"
    yield f"{kind}_shown", object_of({**shown, **more}, *more, description=f"What is answered of {what}.")
    if relation.named:
        yield f"{kind}_listed", object_of({**shown, "address": TEXT})
        part: Schema = {
            "object": {"const": kind},
            "total": {"type": "integer", "minimum": 0},
            "cursor": {"description": "Where the next part begins.", **TEXT},
            "items": {"type": "array", "items": refer(f"{kind}_listed")},
        }
        yield f"{kind}_list", object_of(part, "cursor", description=f"A part of the {relation.friendly_plural}.")


def _describe_shown(prop: PropertyDefinition) -> Schema:
    """Return the schema of what is answered of a property: a value with its type in JSON, or a text."""
    plain: Schema = {"type": prop.syntax.json_schema().get("type", "string")}
    choices: list[Schema] = [TEXT] if plain == TEXT else [plain, TEXT]
    if prop.multi_valued:
        single: Schema = TEXT if len(choices) == 1 else {"description": _TEXT_IN_PLACE, "anyOf": choices}
        return {"description": prop.synopsis, "type": "array", "items": single}
    several: Schema = {"description": "What is stored, if it is broken.", "type": "array", "items": TEXT}
    return {"description": prop.synopsis, "anyOf": [*choices, several]}


# -- documents -----------------------------------------------------------------------------------------------------------

_IN_A_DOCUMENT: Final = object_of(
    {"type": TEXT, "properties": _ANY, "secrets": {"type": "array", "items": TEXT}}, "type", "properties", "secrets"
)
_DOCUMENT: Final = object_of(
    {
        "$schema": TEXT,
        DOCUMENT_MARKER: {"const": 1},
        UNLISTED_SECRETS: {"enum": ["kept", "none"]},
        "objects": {"description": "Objects by path.", "type": "object", "additionalProperties": _IN_A_DOCUMENT},
    },
    "$schema",
    UNLISTED_SECRETS,
    description="Objects by path. A missing property has its default; a missing secret is not changed.",
)
