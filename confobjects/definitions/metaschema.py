"""The meta-schema: what a definition file may look like, as JSON Schema 2020-12.

It is generated from the vocabulary and from the parameters each syntax declares, so that a new syntax is
declared in one place only. ``schemas/managed-object.schema.json`` is its printed form, checked by a test.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from confobjects.definitions.model import ACTION_SENTENCES, AFTER_CREATION
from confobjects.definitions.registry import OVERRIDABLE
from confobjects.syntaxes import REGISTRY

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
# In Python "$" also matches before a line break at the end; the look-ahead prevents that, and is true elsewhere.
_END: Final = r"$(?!\n)"
NAME: Final = f"^[a-z][a-z0-9]*(-[a-z0-9]+)*{_END}"
ATTRIBUTE: Final = f"^[A-Za-z][A-Za-z0-9-]*{_END}"
SHARED: Final = f"{NAME.removesuffix(_END)}/{NAME[1:]}"
OPERAND: Final = rf"{NAME.removesuffix(_END)}(\.{NAME[1:].removesuffix(_END)})?{_END}"
FUNCTION: Final = rf"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*{_END}"
PATH: Final = "^/"
NEWEST: Final = "0.2.0"
"""The version of this library, up to which it knows the words of definitions."""
VERSION: Final = rf"^[0-9]{{1,6}}(\.[0-9]{{1,6}}){{0,3}}{_END}"

_TEXT: Final = {"type": "string", "minLength": 1}
_FLAG: Final = {"type": "boolean"}
_NAME: Final = {"type": "string", "pattern": NAME}
_VALUES: Final = {"type": "array", "items": _TEXT, "minItems": 1}
_NAMES: Final = {"type": "array", "items": _NAME, "uniqueItems": True}
_CONDITION: Final = {"$ref": "#/$defs/condition"}
_OPERAND: Final = {"$ref": "#/$defs/operand"}

_FACTS: Final[Mapping[str, Any]] = {
    "$comment": _TEXT,
    "synopsis": _TEXT,
    "description": _TEXT,
    "examples": _VALUES,
    "default": {"$ref": "#/$defs/default"},
    "mandatory": _FLAG,
    "required-when": _CONDITION,
    "multi-valued": _FLAG,
    "advanced": _FLAG,
    "hidden": _FLAG,
    "read-only": {
        "description": f"Whether a value may be set only on creation. With a default it is never set, unless this is {json.dumps(AFTER_CREATION)}.",
        "enum": [True, False, AFTER_CREATION],
    },
    "sensitive": _FLAG,
    "administrator-only": {
        "description": "Whether only administrators may change it, where people have roles; of pairs, the names that they alone may set.",
        "type": ["boolean", "array"],
        "items": _TEXT,
        "minItems": 1,
        "uniqueItems": True,
    },
    "re-entry": {"$ref": "#/$defs/re-entry"},
    "admin-action": {"$ref": "#/$defs/admin-action"},
    "deprecated": _TEXT,
    "renamed-from": _NAMES,
    "profile": {
        "type": "object",
        "properties": {
            "ldap": {
                "type": "object",
                "properties": {"attribute": {"type": "string", "pattern": ATTRIBUTE}},
                "additionalProperties": False,
            }
        },
        "additionalProperties": False,
    },
}


def _object_schema(properties: Mapping[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def _choice_schema(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {**_object_schema(properties), "minProperties": 1, "maxProperties": 1}


def _syntax_schema() -> dict[str, Any]:
    """Return the schema of a syntax: its name, if it needs no parameters, or an object with type and parameters."""
    plain = [name for name, cls in REGISTRY.items() if not cls.required_parameters]
    branches: list[dict[str, Any]] = [{"if": {"type": "string"}, "then": {"enum": plain}}]
    for name, cls in REGISTRY.items():
        parameters = {key: _insert_conditions(key, value) for key, value in cls.parameters.items()}
        branches.append(
            {
                "if": {"type": "object", "properties": {"type": {"const": name}}, "required": ["type"]},
                "then": _object_schema({"type": {}, **parameters}, ("type", *cls.required_parameters)),
            }
        )
    return {
        "type": ["string", "object"],
        "properties": {"type": {"enum": list(REGISTRY)}},
        "required": ["type"],
        "allOf": branches,
    }


_CONDITIONS: Final = frozenset({"target-enabled", "needed-when"})


def _insert_conditions(name: str, fragment: Any) -> Any:
    """Return the schema of a parameter, where the syntaxes leave open what a condition is, also deep inside."""
    if name in _CONDITIONS:
        return _CONDITION
    if not isinstance(fragment, Mapping):
        return fragment
    return {key: _insert_conditions(key, value) for key, value in fragment.items()}


def _definition_schema() -> dict[str, Any]:
    properties = {
        "type": "object",
        "propertyNames": {"pattern": NAME},
        "additionalProperties": {"$ref": "#/$defs/property"},
    }
    # Whether values are several, and whether they are secret, stays; a syntax may become narrower.
    overrides = {**{name: _FACTS[name] for name in OVERRIDABLE}, "syntax": {"$ref": "#/$defs/syntax"}}
    return _object_schema(
        {
            "$schema": _TEXT,
            "$comment": _TEXT,
            "name": _NAME,
            "version": {"type": "integer", "minimum": 1},
            "requires": {"type": "string", "pattern": VERSION},
            "synopsis": _TEXT,
            "description": _TEXT,
            "note": _TEXT,
            "deprecated": _TEXT,
            "user-friendly-name": _TEXT,
            "user-friendly-plural-name": _TEXT,
            "tags": _NAMES,
            "abstract": _FLAG,
            "advanced": _FLAG,
            "hidden": _FLAG,
            "administrator-only": _FLAG,
            "extends": _NAME,
            "relation": {"$ref": "#/$defs/relation"},
            "profile": {"$ref": "#/$defs/profile"},
            "enabled-when": _CONDITION,
            "verification": _object_schema({"check": _NAME, "synopsis": _TEXT}, ("check", "synopsis")),
            "properties": properties,
            "overrides": {
                "type": "object",
                "propertyNames": {"pattern": NAME},
                "additionalProperties": {**_object_schema(overrides), "minProperties": 1},
            },
            "constraints": {"type": "array", "items": {"$ref": "#/$defs/constraint"}},
            "views": {"type": "array", "items": {"$ref": "#/$defs/view"}},
        },
        ("name", "version", "synopsis"),
    )


def _package_schema() -> dict[str, Any]:
    return _object_schema(
        {
            "$schema": _TEXT,
            "package": _NAME,
            "version": {"type": "integer", "minimum": 1},
            "requires": {"type": "string", "pattern": VERSION},
            "synopsis": _TEXT,
            "description": _TEXT,
            "tags": {"type": "object", "propertyNames": {"pattern": NAME}, "additionalProperties": _TEXT},
            "properties": {
                "type": "object",
                "propertyNames": {"pattern": NAME},
                "additionalProperties": {"$ref": "#/$defs/property"},
            },
        },
        ("package", "version", "synopsis"),
    )


def _property_schema() -> dict[str, Any]:
    declared = _object_schema({**_FACTS, "syntax": {"$ref": "#/$defs/syntax"}}, ("synopsis", "syntax"))
    used = _object_schema(
        {
            "use": {"type": "string", "pattern": SHARED},
            **{name: _FACTS[name] for name in OVERRIDABLE},
        },
        ("use",),
    )
    return {"type": "object", "if": {"required": ["use"]}, "then": used, "else": declared}


def _relation_schema() -> dict[str, Any]:
    default_object = _object_schema(
        {"name": _TEXT, "type": _NAME, "properties": {"type": "object", "additionalProperties": _VALUES}}, ("name",)
    )
    return _object_schema(
        {
            "$comment": _TEXT,
            "name": _NAME,
            "plural": _NAME,
            "parent": _NAME,
            "kind": {"enum": ["singleton", "optional", "instantiable", "set"]},
            "branch": {"type": "string"},
            "naming-property": _NAME,
            "user-friendly-name": _TEXT,
            "user-friendly-plural-name": _TEXT,
            "synopsis": _TEXT,
            "hidden": _FLAG,
            "default-objects": {"type": "array", "items": default_object},
        },
        ("parent", "kind"),
    )


def _profile_schema() -> dict[str, Any]:
    return _object_schema(
        {
            "ldap": _object_schema(
                {
                    "object-class": {"type": "string", "pattern": ATTRIBUTE},
                    "naming-attribute": {"type": "string", "pattern": ATTRIBUTE},
                    "constants": {
                        "type": "object",
                        "propertyNames": {"pattern": ATTRIBUTE},
                        "additionalProperties": _VALUES,
                    },
                }
            ),
            "cli": _object_schema({"list": _NAMES, "custom": _FLAG, "name-option": _NAME}),
        }
    )


def _constraint_schema() -> dict[str, Any]:
    return {
        **_object_schema(
            {
                "$comment": _TEXT,
                "name": _NAME,
                "synopsis": _TEXT,
                "remedy": _TEXT,
                "severity": {"enum": ["error", "warning"]},
                "property": _NAME,
                "condition": _CONDITION,
                "function": {"type": "string", "pattern": FUNCTION},
                "looks-at": _NAMES,
                "fixes": {
                    "type": "array",
                    "items": {"type": "object", "additionalProperties": _TEXT, "minProperties": 1},
                },
            },
            ("name", "synopsis"),
        ),
    }


def _view_schema() -> dict[str, Any]:
    facts = {"name": _NAME, "synopsis": _TEXT, "function": {"type": "string", "pattern": FUNCTION}}
    return _object_schema(facts, tuple(facts))


def _condition_schema() -> dict[str, Any]:
    several = {"type": "array", "items": _CONDITION, "minItems": 1}
    pair = {"type": "array", "items": _CONDITION, "minItems": 2, "maxItems": 2}
    words = {
        "and": several,
        "or": several,
        "not": _CONDITION,
        "implies": pair,
        "is-present": _OPERAND,
        "contains": {"type": "array", "prefixItems": [_OPERAND, _TEXT], "minItems": 2, "maxItems": 2},
    }
    return {"type": ["boolean", "object"], "if": {"type": "object"}, "then": _choice_schema(words)}


def _operand_schema() -> dict[str, Any]:
    known = "; ".join(f"{name}: {', '.join(cls.parts)}" for name, cls in REGISTRY.items() if cls.parts)
    description = f"A property, or after a dot a part of its value. The parts by syntax: {known}."
    return {"description": description, "type": "string", "pattern": OPERAND}


def _default_schema() -> dict[str, Any]:
    absolute = _object_schema({"path": {"type": "string", "pattern": PATH}, "property": _NAME}, ("path", "property"))
    relative = _object_schema({"offset": {"type": "integer", "minimum": 0}, "property": _NAME}, ("offset", "property"))
    inherited = {"type": "object", "if": {"required": ["path"]}, "then": absolute, "else": relative}
    cases = {
        "type": "array",
        "items": _object_schema({"when": _CONDITION, "values": _VALUES}, ("values",)),
        "minItems": 1,
    }
    return _choice_schema(
        {"values": _VALUES, "cases": cases, "alias": _TEXT, "undefined": {"const": True}, "inherited": inherited}
    )


def _re_entry_schema() -> dict[str, Any]:
    some = {
        "description": "Names of pairs; a * in one stands for any characters.",
        **_VALUES,
        "uniqueItems": True,
    }
    pairs = _object_schema({"property": _NAME, "names": some}, ("property", "names"))
    item = {"type": ["string", "object"], "if": {"type": "string"}, "then": _NAME, "else": pairs}
    travels = {"type": "array", "items": item, "minItems": 1, "uniqueItems": True}
    facts = {"with": travels, "severity": {"enum": ["error", "warning"]}}
    return {**_object_schema(facts), "minProperties": 1}


def build_metaschema() -> dict[str, Any]:
    """Return the meta-schema as JSON."""
    return {
        "$schema": DIALECT,
        "$id": "urn:confobjects:managed-object",
        "title": "Managed object definition",
        "description": 'One kind of managed object, or (with "package") tags and properties that several share.',
        "type": "object",
        "if": {"required": ["package"]},
        "then": {"$ref": "#/$defs/package"},
        "else": {"$ref": "#/$defs/definition"},
        "$defs": {
            "definition": _definition_schema(),
            "package": _package_schema(),
            "property": _property_schema(),
            "syntax": _syntax_schema(),
            "default": _default_schema(),
            "admin-action": _object_schema({"kind": {"enum": list(ACTION_SENTENCES)}, "note": _TEXT}, ("kind",)),
            "re-entry": _re_entry_schema(),
            "relation": _relation_schema(),
            "profile": _profile_schema(),
            "constraint": _constraint_schema(),
            "view": _view_schema(),
            "condition": _condition_schema(),
            "operand": _operand_schema(),
        },
    }


def format_metaschema() -> str:
    """Return the meta-schema as the text of ``schemas/managed-object.schema.json``."""
    return json.dumps(build_metaschema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(format_metaschema())
