"""The parameters of operations: of the query, of the path, of the header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from confobjects.web.api.lists import MOST

Schema = dict[str, Any]
TEXT: Final[Schema] = {"type": "string"}
_FLAG: Final[Schema] = {"type": "boolean"}
_NUMBER: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 10**8}
_QUERIES: Final[Mapping[str, Schema]] = {
    "dry-run": {"description": "Tell what would be done, and do nothing.", "schema": _FLAG},
    "test": {
        "description": "Whether what is saved is tested before.",
        "schema": {"$ref": "#/components/schemas/TestChoice"},
    },
    "environment": {"description": "The name of an environment that the server was started with.", "schema": TEXT},
    "path": {"description": "The path of an object.", "schema": TEXT, "example": "/mail-server/one"},
    "property": {"description": "The name of a property.", "schema": TEXT},
    "recreate": {"description": "Create objects anew whose read-only values differ.", "schema": _FLAG},
    "prune": {"description": "Delete the objects that the document does not have.", "schema": _FLAG},
    "before": {"description": "Only changes with smaller numbers.", "schema": _NUMBER},
    "limit": {"description": "At most this many.", "schema": {"type": "integer", "minimum": 1, "maximum": MOST}},
    "current": {"description": "Add what is in force: values with their origin, and the last test.", "schema": _FLAG},
    "search": {"description": "A text that the name or a public value holds.", "schema": TEXT},
    "type": {"description": "Only objects of this type.", "schema": TEXT},
    "sort": {"description": "Properties to sort by, separated by commas; with - the largest first.", "schema": TEXT},
    "cursor": {"description": "The cursor of the part before.", "schema": TEXT},
    "properties": {"description": "The properties to show, separated by commas.", "schema": TEXT},
    "filter": {
        "description": "A property that has a value (PROPERTY), or this one (PROPERTY:VALUE).",
        "schema": {"type": "array", "items": TEXT},
    },
    "state": {
        "description": "Only mails in these states.",
        "schema": {
            "type": "array",
            "items": {"enum": ["queued", "taken", "sending", "delivered", "failed", "unknown"]},
        },
    },
    "sender": {"description": "The name of a mail sender.", "schema": TEXT},
    "to": {"description": "An address.", "schema": TEXT},
    "category": {"description": "What the mail is about.", "schema": TEXT},
    "overdue-after": {"description": "Seconds after which a mail is too old.", "schema": _NUMBER},
    "older-than": {
        "description": "Only mails that ended so many seconds ago.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 10**8},
    },
    "accept-losses": {"description": "Accept what a version of a definition gives up.", "schema": _FLAG},
    "since": {"description": "The id of the last event that is known.", "schema": TEXT},
}
CHANGING: Final = ("dry-run", "test")
LISTING: Final = ("filter", "search", "type", "sort", "limit", "cursor", "properties")
IF_MATCH: Final[Schema] = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag of the object as it was read. A change of what exists demands it.",
    "schema": TEXT,
}
IF_NONE_MATCH: Final[Schema] = {
    "name": "If-None-Match",
    "in": "header",
    "description": "* where there must be no object yet.",
    "schema": {"type": "string", "pattern": r"^\*$"},
}
IF_NONE_MATCH_READ: Final[Schema] = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of what is known: the answer is 304 where it is still the same.",
    "schema": TEXT,
}


def path_parameter(name: str) -> Schema:
    """Return a parameter of the path."""
    if name == "number":
        schema: Schema = {"type": "integer", "minimum": 0, "maximum": 10**8}
    else:
        schema = {**TEXT, "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def query_parameter(name: str, schema: Schema | None = None) -> Schema:
    """Return a parameter of the query, with a schema of its own if one is given."""
    known = _QUERIES[name] if schema is None else {**_QUERIES[name], "schema": schema}
    return {"name": name, "in": "query", **known}
