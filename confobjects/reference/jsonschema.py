"""JSON Schema 2020-12 of objects, for JSON documents. Any value may be an expression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry, Relation
from confobjects.reference.conditions import condition_schema
from confobjects.reference.facts import (
    describe_administrators,
    describe_default,
    describe_re_entry,
    describe_verification,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_EXPRESSION = {"$ref": "#/$defs/expression"}
_DEFS = {
    "expression": {
        "description": "A text that contains a configuration expression.",
        "type": "string",
        "pattern": r"&\{|\$<|\$\{",
    }
}


DOCUMENT_MARKER = "confobjects-format"
UNLISTED_SECRETS = "unlisted-secrets"


def document_schema(registry: Registry) -> dict[str, Any]:
    """Return the schema of a document of a whole configuration: its objects by path."""
    patterns = {
        path_pattern(relation, registry): {"$ref": f"#/$defs/{name}"}
        for name, relation in sorted(registry.relations().items())
    }
    return {
        "$schema": DIALECT,
        "title": "A configuration",
        "description": "Objects by path. A missing property has its default; a missing secret is not changed.",
        "type": "object",
        "required": [DOCUMENT_MARKER, "objects"],
        "properties": {
            "$schema": {"description": "Where this schema is, for editors.", "type": "string"},
            DOCUMENT_MARKER: {"description": "The format of the document.", "const": 1},
            UNLISTED_SECRETS: {
                "description": "What happens to secrets that are neither in the document nor named by it: they stay, or there are none.",
                "enum": ["kept", "none"],
            },
            "objects": {"type": "object", "patternProperties": patterns, "additionalProperties": False},
        },
        "additionalProperties": False,
        "$defs": {**_DEFS, **{n: _schema_in_document(r, registry) for n, r in sorted(registry.relations().items())}},
    }


def path_pattern(relation: Relation, registry: Registry) -> str:
    """Return the regular expression of the paths of a relation's objects; a slash in a name is written twice."""
    steps = (f"/{step.name}" + ("/(?:[^/]|//)+" if step.named else "") for step in registry.lineage(relation))
    return f"^{''.join(steps)}$"


def _schema_in_document(relation: Relation, registry: Registry) -> dict[str, Any]:
    """Return the schema of an object in a document: its type, its properties, the names of omitted secrets."""
    types = registry.types_of(relation)
    head: dict[str, Any] = {
        "description": registry.definition(relation.target).synopsis,
        "type": "object",
        "properties": {"type": {"enum": list(types)}, "properties": {}, "secrets": {}},  # those of its type
        "additionalProperties": False,
    }
    if len(types) == 1:
        [definition] = types.values()
        parts = _document_parts(definition, registry)
        return {**head, "properties": {**head["properties"], **parts["properties"]}, "required": parts["required"]}
    usual = registry.usual_type(relation)
    head["required"] = [] if usual else ["type"]
    head["allOf"] = [
        {
            "if": _type_condition(short, usual),
            "then": _document_parts(definition, registry),
        }
        for short, definition in types.items()
    ]
    return head


def _type_condition(short: str, usual: str | None) -> dict[str, Any]:
    """Return the schema of what has a type, also by naming none if it is the usual one."""
    return {"properties": {"type": {"const": short}}, **({} if short == usual else {"required": ["type"]})}


def _document_parts(definition: ManagedObjectDefinition, registry: Registry) -> dict[str, Any]:
    whole = _properties_schema(definition, registry)
    whole.pop("allOf", None)  # the reader of documents does not judge conditions; the change does
    secrets = sorted(name for name in whole["properties"] if definition.properties[name].can_hold_secret)
    properties = {
        name: _as_optional(spec, fixed=definition.properties[name].is_fixed)
        for name, spec in whole["properties"].items()
    }
    if naming := registry.relation_of(definition.top).naming_property:
        properties[naming] = {"description": "The name, as the path states it.", "type": ["string", "integer"]}
    required = [name for name in whole["required"] if name not in secrets]
    names = {"type": "array", "items": {"enum": secrets}, "uniqueItems": True} if secrets else {"maxItems": 0}
    return {
        "properties": {
            "properties": {**whole, "properties": properties, "required": required},
            "secrets": {"description": "Secrets that have a value which is not in the document.", **names},
        },
        "required": ["properties"] if required else [],
    }


def _as_optional(spec: dict[str, Any], *, fixed: bool) -> dict[str, Any]:
    """Return the schema of a property that may be null as well; one that is never set may be nothing else."""
    value = {key: spec.pop(key) for key in ("anyOf", "type", "items", "uniqueItems") if key in spec}
    if fixed:  # its default is no value that a document can give
        spec.pop("default", None)
    return {"anyOf": [_NULL] if fixed else [value, _NULL]} | spec


_NULL = {"description": "The default; of a secret: none.", "type": "null"}


def object_schema(relation: Relation, registry: Registry) -> dict[str, Any]:
    """Return the schema of one object of a relation: its properties by name, for several types one schema each."""
    types = registry.types_of(relation)
    synopsis = registry.definition(relation.target).synopsis
    if again := describe_verification(registry.definition(relation.target)):
        synopsis += f" {again}"
    head = {"$schema": DIALECT, "title": relation.friendly, "description": synopsis, "$defs": dict(_DEFS)}
    if list(types) == ["generic"]:
        return {**head, **_properties_schema(types["generic"], registry)}
    usual = registry.usual_type(relation)
    return {
        **head,
        "type": "object",
        "required": [] if usual else ["type"],
        "properties": {"type": {"enum": list(types)}},
        "allOf": [
            {
                "if": _type_condition(short, usual),
                "then": _properties_schema(definition, registry, extra={"type": {"const": short}}),
            }
            for short, definition in types.items()
        ],
    }


def _properties_schema(
    definition: ManagedObjectDefinition, registry: Registry, extra: dict[str, Any] | None = None
) -> dict[str, Any]:
    naming = registry.relation_of(definition.top).naming_property
    properties = {p.name: property_schema(p) for p in definition.properties.values() if p.name != naming}
    required = [p.name for p in definition.properties.values() if p.mandatory and p.default.kind == "undefined"]
    conditional = list(_find_conditional(definition))
    return {
        "type": "object",
        "properties": {**(extra or {}), **properties},
        "required": sorted(set(required) - {naming}),
        "additionalProperties": False,
        **({"allOf": conditional} if conditional else {}),
    }


def _find_conditional(definition: ManagedObjectDefinition) -> Iterator[dict[str, Any]]:
    """Yield what is required under a condition, as far as JSON Schema can say it."""
    for prop in definition.properties.values():
        if prop.required_when is None or prop.mandatory or prop.default.kind not in {"undefined", "alias"}:
            continue
        met = condition_schema(prop.required_when, definition)
        if met is not None:
            yield {"if": met, "then": {"required": [prop.name]}}


def property_schema(prop: PropertyDefinition) -> dict[str, Any]:
    """Return the schema of one property's value, a list where it takes several."""
    single = {"anyOf": [prop.syntax.json_schema(), _EXPRESSION]}
    schema: dict[str, Any] = dict(single)
    if prop.multi_valued:
        schema = {"type": "array", "items": single, "uniqueItems": True}
    schema["description"] = prop.synopsis
    if prop.default.kind == "cases":
        schema["description"] += f" Default: {describe_default(prop)}."
    if prop.required_when is not None and not prop.mandatory:
        schema["description"] += f" Required when {prop.required_when.as_words()}."
    if prop.default.kind == "defined" and not prop.sensitive:
        values = [prop.syntax.to_json(prop.syntax.parse(text)) for text in prop.default.values]
        schema["default"] = values if prop.multi_valued else values[0]
    if again := describe_re_entry(prop):
        schema["description"] += f" {again}"
    if reserved := describe_administrators(prop):
        schema["description"] += f" {reserved}"
    if prop.read_only:
        schema["readOnly"] = True
    if prop.sensitive:
        schema["writeOnly"] = True
    if prop.deprecated:
        schema["deprecated"] = True
    return schema
