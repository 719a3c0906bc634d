"""The forms of what is answered and sent beside objects: outputs of the command line, and those that only the API has."""

from __future__ import annotations

import json
from typing import Any, Final

from confobjects.reference.outputs import schemas as output_schemas
from confobjects.web.api.openapi.parameters import TEXT, Schema

REFERENCE: Final = "#/components/schemas/"
JSON: Final = "application/json"


def refer(name: str) -> Schema:
    """Return a reference to a form of the components."""
    return {"$ref": f"{REFERENCE}{name}"}


def refer_in_content(name: str) -> Schema:
    """Return content that has a form of the components."""
    return {"schema": refer(name)}


def answer_name(form: str) -> str:
    """Return the name that a form of answers has among the components."""
    return f"{_capitalise(form)}Answer"


def _part_name(part: str) -> str:
    return f"{_capitalise(part)}Part"


def _capitalise(words: str) -> str:
    return "".join(word.capitalize() for word in words.split("-"))


def make_answers() -> dict[str, Schema]:
    """Return the forms of answers by their names, with the parts that several share."""
    made: dict[str, Schema] = {}
    parts: dict[str, Schema] = {}
    for name, schema in output_schemas().items():
        parts.update(schema.pop("$defs", {}))
        made[answer_name(name)] = _adopt(schema)
    changes = made[answer_name("history")]["properties"]["changes"]
    own = {answer_name(name): schema for name, schema in _OWN.items()}
    own[answer_name("history-change")] = changes["items"]
    made[answer_name("history")]["properties"]["changes"] = {
        "type": "array",
        "items": refer(answer_name("history-change")),
    }
    made.update({_part_name(name): _adopt(schema) for name, schema in parts.items()})
    problem = made[_part_name("diagnostic")]
    made[_part_name("problem")] = {**problem, "properties": {**problem["properties"], "code": TEXT}}
    return {**made, **own, "JsonPatchOperation": _OPERATION, "TestChoice": _TEST_CHOICE}


def _adopt(schema: Schema) -> Schema:
    """Return the schema of an output as one of the components, without what belongs to a document of its own."""
    text = json.dumps({name: value for name, value in schema.items() if name not in _OF_A_DOCUMENT})
    text = text.replace("--", "")  # options are parameters here

    def lead(item: dict[str, Any]) -> dict[str, Any]:
        if isinstance(target := item.get("$ref"), str):
            return {**item, "$ref": f"{REFERENCE}{_part_name(target.rpartition('/')[2])}"}
        if item.get("const") is True:  # openapi-python-client 0.29 writes code with a mistake for it
            return {**{key: value for key, value in item.items() if key != "const"}, "type": "boolean"}
        return item

    found: Schema = json.loads(text, object_hook=lead)
    return found


_OF_A_DOCUMENT: Final = ("$schema", "title", "x-commands")


def object_of(properties: Schema, *optional: str, description: str = "") -> Schema:
    """Return the schema of an object with exactly these members. All except the optional ones are required."""
    return {
        **({"description": description} if description else {}),
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


_TEXTS: Final[Schema] = {"type": "array", "items": TEXT}
_KIND: Final = object_of(
    {
        "object": TEXT,
        "synopsis": TEXT,
        "named": {"type": "boolean"},
        "below": {"description": "The type of the objects that they are below.", "type": ["string", "null"]},
        "types": _TEXTS,
        "address": TEXT,
    }
)
_EXPLAINED: Final = object_of({"text": TEXT, "needs": _TEXTS, "values": _TEXTS, "origins": _TEXTS})
_OWN: Final[dict[str, Schema]] = {
    "kinds": object_of({"kinds": {"type": "array", "items": _KIND}}),
    "described-kinds": object_of({"kinds": {"type": "array", "items": refer(answer_name("describe-object"))}}),
    "explanation": object_of(
        {"path": TEXT, "property": TEXT, "texts": {"type": "array", "items": _EXPLAINED}},
        description="How the stored values of a property are found; what came from elsewhere is masked.",
    ),
    "definition": {"description": "A definition as it was installed.", "type": "object"},
    "object-test": {
        "description": "The test of a mail server or a mail sender, or of an OAuth 2.0 provider.",
        "anyOf": [refer(answer_name("test")), refer(answer_name("test-provider"))],
    },
    "session": object_of(
        {"name": TEXT, "role": TEXT, "way": TEXT, "permissions": _TEXTS, "csrf_token": TEXT},
        description="Who is signed in.",
    ),
    "state": object_of({"status": TEXT}, description="The state in a word."),
    "description": {"description": "An OpenAPI document.", "type": "object", "required": ["openapi"]},
    "problem": {
        "description": "Problem details (RFC 9457).",
        "type": "object",
        "properties": {
            "type": TEXT,
            "title": TEXT,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "problems": {"type": "array", "minItems": 1, "items": refer(_part_name("problem"))},
        },
        "required": ["type", "title", "status", "problems"],
    },
}
_TEST_CHOICE: Final[Schema] = {
    "description": "Whether what is saved is tested before; policy is as the mail service says, and what counts where nothing is said.",
    "enum": ["policy", "always", "never"],
}
_OPERATION: Final = object_of(
    {
        "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
        "path": TEXT,
        "from": TEXT,
        "value": {"description": "Any value."},
    },
    "from",
    "value",
    description="One operation of a JSON Patch (RFC 6902).",
)
JSON_PATCH_CONTENT: Final[Schema] = {
    "schema": {
        "description": "A JSON Patch (RFC 6902).",
        "type": "array",
        "unevaluatedItems": refer("JsonPatchOperation"),
    }
}
"""``unevaluatedItems`` alone means the same as ``items``. With that, openapi-python-client 0.29 writes a request that fails for every body;
it leaves this one out, and writes one for merge patches.
"""
