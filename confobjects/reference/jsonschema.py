"""JSON Schema 2020-12 of objects: what a JSON document of one may hold. Any value may be an expression."""

from __future__ import annotations

from typing import Any

from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry, Relation

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_EXPRESSION = {"$ref": "#/$defs/expression"}
_DEFS = {
    "expression": {
        "description": "A text that holds a configuration expression.",
        "type": "string",
        "pattern": r"&\{|\$<|\$\{",
    }
}


def object_schema(relation: Relation, registry: Registry) -> dict[str, Any]:
    """Return the schema of one object of a relation: its properties by name, for several types one schema each."""
    types = registry.types(relation)
    friendly = registry.definition(relation.target)
    head = {"$schema": DIALECT, "title": friendly.friendly, "description": friendly.synopsis, "$defs": dict(_DEFS)}
    if list(types) == ["generic"]:
        return {**head, **_properties(types["generic"], registry)}
    return {
        **head,
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(types)}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": short}}},
                "then": _properties(definition, registry, extra={"type": {"const": short}}),
            }
            for short, definition in types.items()
        ],
    }


def _properties(
    definition: ManagedObjectDefinition, registry: Registry, extra: dict[str, Any] | None = None
) -> dict[str, Any]:
    naming = registry.relation_of(definition.top).naming_property
    properties = {p.name: property_schema(p) for p in definition.properties.values() if p.name != naming}
    required = [p.name for p in definition.properties.values() if p.mandatory and p.default.kind == "undefined"]
    return {
        "type": "object",
        "properties": {**(extra or {}), **properties},
        "required": sorted(set(required) - {naming}),
        "additionalProperties": False,
    }


def property_schema(prop: PropertyDefinition) -> dict[str, Any]:
    """Return the schema of one property's value, a list where it takes several."""
    single = {"anyOf": [prop.syntax.json_schema(), _EXPRESSION]}
    schema: dict[str, Any] = dict(single)
    if prop.multi_valued:
        schema = {"type": "array", "items": single, "uniqueItems": True}
    schema["description"] = prop.synopsis
    if prop.default.kind == "defined" and not prop.sensitive:
        values = [prop.syntax.to_json(prop.syntax.parse(text)) for text in prop.default.values]
        schema["default"] = values if prop.multi_valued else values[0]
    if prop.read_only:
        schema["readOnly"] = True
    if prop.sensitive:
        schema["writeOnly"] = True
    if prop.deprecated:
        schema["deprecated"] = True
    return schema
