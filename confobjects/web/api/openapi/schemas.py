"""The forms of what is sent and answered: those of documents and outputs, and those that only the API has."""

from __future__ import annotations

import json
from typing import Any, Final

from confobjects.definitions import Registry
from confobjects.reference.jsonschema import document_schema
from confobjects.reference.outputs import schemas as output_schemas
from confobjects.web.api.openapi.parameters import TEXT, Schema
from confobjects.web.api.openapi.rows import REFERENCE


def refer_to(schema: str) -> Schema:
    """Return content that has a form of the components."""
    return {"schema": {"$ref": f"{REFERENCE}{schema}"}}


def make_schemas(registry: Registry) -> dict[str, Any]:
    """Return the forms that the description refers to, by their names."""
    document = document_schema(registry)
    parts = document.pop("$defs")
    made: dict[str, Any] = {"document": _move_references(document, "part-")}
    made.update({f"part-{name}": _move_references(schema, "part-") for name, schema in parts.items()})
    for name in registry.relations():
        made[f"object-{name}"] = _move_references(_leave_secrets_out(parts[name]), "part-")
    for name, schema in output_schemas().items():
        shared = schema.pop("$defs", {})
        made[f"output-{name}"] = _move_references(schema, "shared-")
        made.update({f"shared-{part}": _move_references(one, "shared-") for part, one in shared.items()})
    return {**made, **_OWN}


def _move_references(schema: Any, prefix: str) -> Any:
    """Return a schema whose references lead to the components, without what belongs to a document of its own."""
    text = json.dumps({name: value for name, value in schema.items() if name not in {"$schema", "x-commands"}})
    return json.loads(text.replace('"#/$defs/', f'"{REFERENCE}{prefix}'))


def _leave_secrets_out(schema: Any) -> Any:
    """Return the schema of an object in a document without the names of secrets that the document leaves out."""
    if isinstance(schema, list):
        return [_leave_secrets_out(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _leave_secrets_out(value) for name, value in schema.items()}
    within = made.get("properties")
    if isinstance(within, dict) and {"secrets", "properties"} <= within.keys():
        made["properties"] = {name: value for name, value in within.items() if name != "secrets"}
    return made


_HEAD: Final[Schema] = {"object": TEXT, "name": TEXT, "path": TEXT, "type": TEXT, "properties": {"type": "object"}}
_OWN: Final[Schema] = {
    "object": {
        "description": "An object: what is stored, secrets masked.",
        "type": "object",
        "properties": {
            **_HEAD,
            "current": {"type": "object"},
            "verification": {"type": "object"},
            "problems": {"type": "array", "items": {"type": "object"}},
        },
        "required": list(_HEAD),
        "additionalProperties": False,
    },
    "list": {
        "description": "A part of a list; the next one begins at the cursor.",
        "type": "object",
        "properties": {
            "object": TEXT,
            "total": {"type": "integer", "minimum": 0},
            "cursor": TEXT,
            "items": {
                "type": "array",
                "items": {"type": "object", "properties": {**_HEAD, "address": TEXT}, "required": [*_HEAD, "address"]},
            },
        },
        "required": ["object", "total", "items"],
        "additionalProperties": False,
    },
    "patch": {
        "description": "A JSON Patch (RFC 6902).",
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
                "path": TEXT,
                "from": TEXT,
                "value": {},
            },
            "required": ["op", "path"],
        },
    },
    "problem": {
        "description": "Problem details (RFC 9457).",
        "type": "object",
        "properties": {
            "type": TEXT,
            "title": TEXT,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "problems": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "object", "required": ["severity", "code", "summary"]},
            },
        },
        "required": ["type", "title", "status", "problems"],
    },
}
