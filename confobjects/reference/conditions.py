"""Conditions as JSON Schema.

Law: an object that a schema accepts certainly meets the condition; one that it refuses may meet it. Values may be
expressions, and a property that is missing has its default.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition
from confobjects.definitions.conditions import And, Condition, Constant, Contains, Implies, IsPresent, Not, Or
from confobjects.expressions.openers import has_opener

Schema = dict[str, Any]
Ways = list[Schema]
"""Schemas of which one has to accept an object; empty if nothing is certain."""


def condition_schema(condition: Condition, definition: ManagedObjectDefinition) -> Schema | None:
    """Return the schema of objects that certainly meet a condition; None if JSON Schema cannot say it."""
    ways = _find_ways(condition, definition, holds=True)
    return ways[0] if len(ways) == 1 else {"anyOf": ways} if ways else None


def _find_ways(condition: Condition, definition: ManagedObjectDefinition, *, holds: bool) -> Ways:
    """Return the schemas of objects for which a condition certainly holds, or certainly does not."""
    if isinstance(condition, Constant):
        return [{}] if bool(condition.source) is holds else []
    if isinstance(condition, Not):
        return _find_ways(condition.parts[0], definition, holds=not holds)
    if isinstance(condition, Implies):
        first, second = condition.parts
        sides = (_find_ways(first, definition, holds=not holds), _find_ways(second, definition, holds=holds))
        return [*sides[0], *sides[1]] if holds else _combine_ways(sides)
    if isinstance(condition, (And, Or)):
        found = [_find_ways(part, definition, holds=holds) for part in condition.parts]
        return _combine_ways(found) if isinstance(condition, And) is holds else [way for ways in found for way in ways]
    if isinstance(condition, (Contains, IsPresent)) and condition.property in definition.properties:
        prop = definition.properties[condition.property]
        return list(_find_ways_of_property(condition, prop, holds=holds))
    return []


def _combine_ways(several: Iterable[Ways]) -> Ways:
    """Return what has to be accepted where each part has to be; nothing if one part is never certain."""
    parts: list[Schema] = []
    for ways in several:
        if not ways:
            return []
        parts.append(ways[0] if len(ways) == 1 else {"anyOf": ways})
    return [{"allOf": parts}]


def _find_ways_of_property(
    condition: Contains | IsPresent, prop: PropertyDefinition, *, holds: bool
) -> Iterable[Schema]:
    value = None if condition.part else _value_schema(condition, prop, holds)  # a schema does not see parts of a text
    if value is not None:
        yield {"required": [prop.name], "properties": {prop.name: value}}
    if _is_certain_without(condition, prop, holds):
        yield {"not": {"required": [prop.name]}}


def _value_schema(condition: Contains | IsPresent, prop: PropertyDefinition, holds: bool) -> Schema | None:
    """Return the schema of JSON values of a property that certainly meet a condition, or certainly do not."""
    if isinstance(condition, IsPresent):
        present: Schema = {"minItems": 1} if prop.multi_valued else {}
        return present if holds else None

    def as_json(text: str) -> Any:
        return prop.syntax.to_json(prop.syntax.parse(text))

    if holds:
        value: Schema = {"const": as_json(condition.value)}
        return {"type": "array", "contains": value} if prop.multi_valued else value
    words = [text for text, _ in prop.syntax.choices()]
    others = [as_json(text) for text in words if prop.syntax.normal_form(text) != condition.normal]
    if not others:
        return None
    return {"type": "array", "items": {"enum": others}, "minItems": 1} if prop.multi_valued else {"enum": others}


def _is_certain_without(condition: Contains | IsPresent, prop: PropertyDefinition, holds: bool) -> bool:
    """Tell whether the definition alone decides a condition on a property that an object does not give."""
    if prop.default.kind.startswith("inherited"):
        return False
    if prop.default.cases or any(map(has_opener, prop.default.values)):  # a value that is not known
        return condition.judge(lambda _: None) is holds
    normals = frozenset(map(prop.syntax.normal_form, prop.default.values))
    return condition.judge(lambda _: normals) is holds
