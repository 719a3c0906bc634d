"""The description of the API (OpenAPI 3.1), made from the definitions that count and from the table of endpoints.

Laws of this module:

1. Every route is in it: each kind of objects with addresses of its own, every other endpoint as its row in :data:`_ROWS` says.
2. It is made anew when other definitions count.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from starlette.responses import Response

from confobjects import __version__
from confobjects.definitions import Registry
from confobjects.records import Record, field
from confobjects.reference.examples import example_object
from confobjects.reference.jsonschema import document_schema
from confobjects.reference.outputs import schemas as output_schemas
from confobjects.transport.check import DEPTHS
from confobjects.web.addresses import Addresses
from confobjects.web.api.answers import NO_STORE, Query, dump_json
from confobjects.web.api.lists import MOST
from confobjects.web.api.patching import JSON_PATCH, MERGE_PATCH
from confobjects.web.api.places import OBJECTS
from confobjects.web.app import API
from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from confobjects.definitions import Relation
    from confobjects.management.context import ManagementContext

Schema = dict[str, Any]
_JSON: Final = "application/json"
_TEXT: Final[Schema] = {"type": "string"}
_FLAG: Final[Schema] = {"type": "boolean"}
_REFERENCE: Final = "#/components/schemas/"


class _Row(Record):
    """What an endpoint takes and gives: the parameters of its query, its body, the form of its answer and its status."""

    form: str = ""
    query: tuple[str, ...] = ()
    body: Mapping[str, Schema] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    answer: Schema = field(default_factory=dict)
    status: int = 200
    media: str = _JSON
    bodies: Mapping[str, Schema] = field(default_factory=dict)
    if_match: bool = False


_NUMBER: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 10**8}
_QUERIES: Final[Mapping[str, Schema]] = {
    "dry-run": {"description": "Tell what would be done, and do nothing.", "schema": _FLAG},
    "test": {
        "description": "Whether what is saved is tested before.",
        "schema": {"enum": ["policy", "always", "never"], "default": "policy"},
    },
    "environment": {"description": "The name of an environment that the server was started with.", "schema": _TEXT},
    "path": {"description": "The path of an object.", "schema": _TEXT, "example": "/mail-server/one"},
    "property": {"description": "The name of a property.", "schema": _TEXT},
    "prune": {"description": "Delete the objects that the document does not have.", "schema": _FLAG},
    "before": {"description": "Only changes with smaller numbers.", "schema": _NUMBER},
    "limit": {"description": "At most this many.", "schema": {"type": "integer", "minimum": 1, "maximum": MOST}},
    "current": {"description": "Add what is in force: values with their origin, and the last test.", "schema": _FLAG},
    "search": {"description": "A text that the name or a public value holds.", "schema": _TEXT},
    "type": {"description": "Only objects of this type.", "schema": _TEXT},
    "sort": {"description": "Properties to sort by, separated by commas; with - the largest first.", "schema": _TEXT},
    "cursor": {"description": "The cursor of the part before.", "schema": _TEXT},
    "properties": {"description": "The properties to show, separated by commas.", "schema": _TEXT},
    "filter": {
        "description": "A property that has a value (PROPERTY), or this one (PROPERTY:VALUE).",
        "schema": {"type": "array", "items": _TEXT},
    },
    "state": {"description": "Only mails in these states.", "schema": {"type": "array", "items": _TEXT}},
    "sender": {"description": "The name of a mail sender.", "schema": _TEXT},
    "to": {"description": "An address.", "schema": _TEXT},
    "category": {"description": "What the mail is about.", "schema": _TEXT},
    "overdue-after": {"description": "Seconds after which a mail is too old.", "schema": _NUMBER},
    "since": {"description": "The id of the last event that is known.", "schema": _TEXT},
}
_CHANGING: Final = ("dry-run", "test")
_LISTING: Final = ("filter", "search", "type", "sort", "limit", "cursor", "properties")
_DOCUMENT: Final[Mapping[str, Schema]] = {_JSON: {"$ref": f"{_REFERENCE}document"}}
_ADDRESSES: Final[Schema] = {"type": "array", "items": _TEXT}
_MAIL: Final[Mapping[str, Schema]] = {
    "to": {**_ADDRESSES, "examples": [["ann@example.com"]]},
    "subject": _TEXT,
    "body": _TEXT,
    "category": _TEXT,
    "sender": {"description": "The name of a mail sender.", **_TEXT},
}
_TESTED: Final[Mapping[str, Schema]] = {
    "path": {"description": "The path of a mail server or a mail sender.", **_TEXT, "examples": ["/mail-server/one"]},
    "depth": {"enum": list(DEPTHS)},
    "to": _ADDRESSES,
    "from": _TEXT,
    "type": _TEXT,
    "properties": {"description": "Values to test with; nothing is saved.", "type": "object"},
}
_SESSION: Final[Schema] = {"type": "object", "required": ["name", "role", "csrf_token"]}
_STATE: Final[Schema] = {"type": "object", "properties": {"status": _TEXT}, "required": ["status"]}
_ROWS: Final[Mapping[tuple[str, str], _Row]] = {
    ("GET", "/health"): _Row(answer=_STATE),
    ("GET", "/ready"): _Row(answer=_STATE),
    ("GET", "/metrics"): _Row(answer=_TEXT, media="text/plain"),
    ("GET", "/openapi.json"): _Row(answer={"type": "object", "required": ["openapi"]}),
    ("GET", OBJECTS): _Row(answer={"type": "object", "required": ["kinds"]}),
    ("GET", "/definitions"): _Row(answer={"type": "object", "required": ["kinds"]}),
    ("GET", "/definitions/{kind}"): _Row("describe-object"),
    ("GET", "/check"): _Row("check", ("environment",)),
    ("GET", "/explain"): _Row(
        query=("path", "property", "environment"), answer={"type": "object", "required": ["texts"]}
    ),
    ("GET", "/export"): _Row(answer={"$ref": f"{_REFERENCE}document"}),
    ("POST", "/diff"): _Row("diff", bodies=_DOCUMENT),
    ("POST", "/apply"): _Row("change", (*_CHANGING, "prune"), bodies=_DOCUMENT),
    ("POST", "/rename"): _Row("change", _CHANGING, {"path": _TEXT, "name": _TEXT}, ("path", "name"), if_match=True),
    ("GET", "/history"): _Row("history", ("limit", "before", "path")),
    ("GET", "/history/{number}"): _Row(answer={"type": "object", "required": ["number", "changes"]}),
    ("POST", "/history/{number}/undo"): _Row("change", _CHANGING),
    ("POST", "/history/{number}/undo-later"): _Row("change", _CHANGING),
    ("GET", "/mail-service"): _Row("mail-service", ("overdue-after",)),
    ("POST", "/mails"): _Row(
        "accepted",
        ("dry-run", "to", "category", "sender"),
        _MAIL,
        ("to",),
        status=202,
        bodies={"message/rfc822": {**_TEXT, "description": "A whole message."}},
    ),
    ("GET", "/mail-queue"): _Row("mail-queue", ("state", "sender", "to", "limit")),
    ("GET", "/mail-queue/{id}"): _Row("mail"),
    ("POST", "/mail-queue/{id}/retry"): _Row("mail-queue-change", ("dry-run",)),
    ("POST", "/mail-queue/{id}/cancel"): _Row("mail-queue-change", ("dry-run",)),
    ("GET", "/mail-quotas"): _Row("mail-quotas"),
    ("GET", "/mail-quotas/{address}"): _Row("mail-quota"),
    ("POST", "/mail-quotas/{address}/reset"): _Row("mail-quota-change", ("dry-run",)),
    ("POST", "/mail-quotas/{address}/lift"): _Row("mail-quota-change", ("dry-run",)),
    ("GET", "/followers"): _Row("followers"),
    ("POST", "/tests"): _Row("test", body=_TESTED, needed=("path",)),
    ("GET", "/events"): _Row(query=("since",), answer=_TEXT, media="text/event-stream"),
    ("POST", "/session"): _Row(
        body={"name": _TEXT, "password": _TEXT}, needed=("name", "password"), answer=_SESSION, status=201
    ),
    ("GET", "/session"): _Row(answer=_SESSION),
    ("DELETE", "/session"): _Row(status=204),
}
"""What the endpoints beside those of objects take and give."""


def make_endpoint(others: Iterable[Endpoint], root: Iterable[Endpoint]) -> Endpoint:
    """Return the endpoint that describes some endpoints, those beside the API at the ``root``, and itself."""
    known: WeakKeyDictionary[Registry, str] = WeakKeyDictionary()
    described = list(others)

    async def answer(call: Call) -> Response:
        Query(call.request, ())

        def work(context: ManagementContext) -> str:
            found = known.get(context.registry)
            if found is None:
                found = known[context.registry] = dump_json(describe_api(context.registry, described, root))
            return found

        return Response(await call.web.served.read(work), 200, NO_STORE, _JSON)

    made = Endpoint("GET", "/openapi.json", "anybody", answer, "This description of the API (OpenAPI 3.1).")
    described.append(made)
    return made


def describe_api(registry: Registry, endpoints: Iterable[Endpoint], root: Iterable[Endpoint] = ()) -> dict[str, Any]:
    """Return the description of some endpoints, with the objects of a registry, and of those at the ``root`` of the server."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        if endpoint.path.startswith(f"{OBJECTS}/"):
            continue
        operations = paths.setdefault(endpoint.path, {})
        operations[endpoint.method.lower()] = _describe_operation(endpoint, _ROWS[endpoint.method, endpoint.path])
    for endpoint in root:
        operation = _describe_operation(endpoint, _ROWS[endpoint.method, endpoint.path])
        paths[endpoint.path] = {"servers": [{"url": "/"}], endpoint.method.lower(): operation}
    for relation in sorted(registry.relations().values(), key=lambda one: one.name):
        if not relation.hidden:
            paths.update(_describe_objects(relation, registry))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "confobjects",
            "version": __version__,
            "description": "Configuration objects, and their mail service.",
        },
        "servers": [{"url": API}],
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "confobjects-session"},
            },
            "responses": {"problem": {"description": "What is wrong.", "content": {MEDIA_TYPE: _content("problem")}}},
            "schemas": _make_schemas(registry),
        },
    }


def _content(schema: str) -> Schema:
    return {"schema": {"$ref": f"{_REFERENCE}{schema}"}}


# -- operations ----------------------------------------------------------------------------------------------------------


def _describe_operation(endpoint: Endpoint, row: _Row) -> dict[str, Any]:
    words = endpoint.path.replace("{", "").replace("}", "").replace(".", "-").strip("/").replace("/", "-")
    names = [part[1:-1] for part in endpoint.path.split("/") if part.startswith("{")]
    parameters = [*map(_path_parameter, names), *map(_query_parameter, row.query)]
    if row.if_match:
        parameters.append(_IF_MATCH)
    schema = {"$ref": f"{_REFERENCE}output-{row.form}"} if row.form else row.answer
    answer: Schema = {"description": endpoint.summary}
    if schema:
        answer["content"] = {row.media: {"schema": schema}}
    made: dict[str, Any] = {
        "operationId": f"{endpoint.method.lower()}-{words}",
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": {str(row.status): answer, "default": _PROBLEM},
    }
    if row.status == 202:
        made["responses"]["200"] = answer
    if bodies := dict(_list_bodies(row)):
        made["requestBody"] = {"required": True, "content": bodies}
    if endpoint.needs == "nobody":
        made["security"] = []
    return made


def _list_bodies(row: _Row) -> Iterator[tuple[str, Schema]]:
    if row.body:
        schema = {"type": "object", "properties": dict(row.body), "additionalProperties": False}
        yield _JSON, {"schema": {**schema, "required": list(row.needed)}}
    yield from ((media, {"schema": schema}) for media, schema in row.bodies.items())


_PROBLEM: Final = {"$ref": "#/components/responses/problem"}
_IF_MATCH: Final[Schema] = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag of the object as it was read. A change of what exists demands it.",
    "schema": _TEXT,
}
_IF_NONE_MATCH: Final[Schema] = {
    "name": "If-None-Match",
    "in": "header",
    "description": "* where there must be no object yet.",
    "schema": {"const": "*"},
}


def _path_parameter(name: str) -> Schema:
    if name == "number":
        schema: Schema = {"type": "integer", "minimum": 0, "maximum": 10**8}
    else:
        schema = {**_TEXT, "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameter(name: str) -> Schema:
    return {"name": name, "in": "query", **_QUERIES[name]}


# -- objects -------------------------------------------------------------------------------------------------------------


def _describe_objects(relation: Relation, registry: Registry) -> Iterator[tuple[str, dict[str, Any]]]:
    addresses, kind = Addresses.of(registry), relation.name
    above = [step.name for step in registry.lineage(relation)[:-1] if step.named]
    if relation.named:
        found = {"description": f"The {relation.friendly_plural}.", "content": {_JSON: _content("list")}}
        yield (
            f"{OBJECTS}/{addresses.write_template(relation, is_list=True)}",
            {
                "parameters": [_path_parameter(name) for name in above],
                "get": {
                    "operationId": f"objects-list-{kind}",
                    "summary": f"List the {relation.friendly_plural}.",
                    "parameters": [_query_parameter(name) for name in _LISTING],
                    "responses": {"200": found, "default": _PROBLEM},
                },
            },
        )
    names = [*above, *([kind] if relation.named else [])]
    yield (
        f"{OBJECTS}/{addresses.write_template(relation, is_list=False)}",
        {"parameters": [_path_parameter(name) for name in names], **_describe_verbs(relation, registry)},
    )


def _describe_verbs(relation: Relation, registry: Registry) -> dict[str, Any]:
    kind, one = relation.name, relation.indefinite if relation.named else f"the {relation.friendly}"
    etag = {"ETag": {"description": "The version, for If-Match.", "schema": _TEXT}}
    changed = {"description": "What the change did.", "content": {_JSON: _content("output-change")}}
    changing = [_IF_MATCH, *map(_query_parameter, _CHANGING)]
    schema = {"$ref": f"{_REFERENCE}object-{kind}"}
    patch: Schema = {"schema": {"type": "object", "properties": {"type": _TEXT, "properties": {"type": "object"}}}}
    return {
        "get": {
            "operationId": f"objects-get-{kind}",
            "summary": f"Read {one}.",
            "parameters": [_query_parameter("current")],
            "responses": {
                "200": {
                    "description": f"{one[0].upper()}{one[1:]}.",
                    "headers": etag,
                    "content": {_JSON: _content("object")},
                },
                "304": {"description": "It is as If-None-Match says."},
                "default": _PROBLEM,
            },
        },
        "put": {
            "operationId": f"objects-put-{kind}",
            "summary": f"Create {one}, or replace it.",
            "parameters": [*changing, _IF_NONE_MATCH],
            "requestBody": {
                "required": True,
                "content": {_JSON: {"schema": schema, "examples": _make_examples(relation, registry)}},
            },
            "responses": {"200": changed, "201": changed, "default": _PROBLEM},
        },
        "patch": {
            "operationId": f"objects-patch-{kind}",
            "summary": f"Change {one}.",
            "parameters": changing,
            "requestBody": {
                "required": True,
                "content": {MERGE_PATCH: patch, JSON_PATCH: {"schema": {"$ref": f"{_REFERENCE}patch"}}},
            },
            "responses": {"200": changed, "default": _PROBLEM},
        },
        "delete": {
            "operationId": f"objects-delete-{kind}",
            "summary": f"Delete {one}, with everything below it.",
            "parameters": changing,
            "responses": {"200": changed, "default": _PROBLEM},
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


# -- schemas -------------------------------------------------------------------------------------------------------------


def _make_schemas(registry: Registry) -> dict[str, Any]:
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
    return json.loads(text.replace('"#/$defs/', f'"{_REFERENCE}{prefix}'))


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


_HEAD: Final[Schema] = {"object": _TEXT, "name": _TEXT, "path": _TEXT, "type": _TEXT, "properties": {"type": "object"}}
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
            "object": _TEXT,
            "total": {"type": "integer", "minimum": 0},
            "cursor": _TEXT,
            "items": {
                "type": "array",
                "items": {"type": "object", "properties": {**_HEAD, "address": _TEXT}, "required": [*_HEAD, "address"]},
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
                "path": _TEXT,
                "from": _TEXT,
                "value": {},
            },
            "required": ["op", "path"],
        },
    },
    "problem": {
        "description": "Problem details (RFC 9457).",
        "type": "object",
        "properties": {
            "type": _TEXT,
            "title": _TEXT,
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
