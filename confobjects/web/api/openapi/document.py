"""The description as a whole, and the endpoint that answers it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from starlette.responses import Response

from confobjects import __version__
from confobjects.definitions import Registry
from confobjects.web.api.answers import NO_STORE, Query, dump_json
from confobjects.web.api.openapi.answers import JSON, answer_name, make_answers, refer_in_content
from confobjects.web.api.openapi.forms import make_forms
from confobjects.web.api.openapi.kinds import describe_objects, name_tag
from confobjects.web.api.openapi.operations import describe_operation
from confobjects.web.api.openapi.rows import ROWS, TAGS
from confobjects.web.api.places import OBJECTS
from confobjects.web.app import API
from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from confobjects.definitions import Relation
    from confobjects.management.context import ManagementContext


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

        return Response(await call.web.served.read(work), 200, NO_STORE, JSON)

    made = Endpoint("GET", "/openapi.json", "anybody", answer, "This description of the API (OpenAPI 3.1).")
    described.append(made)
    return made


def describe_api(registry: Registry, endpoints: Iterable[Endpoint], root: Iterable[Endpoint] = ()) -> dict[str, Any]:
    """Return the description of some endpoints, with the objects of a registry, and of those at the ``root`` of the server."""
    kinds = sorted((one for one in registry.relations().values() if not one.hidden), key=lambda one: one.name)
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "confobjects",
            "version": __version__,
            "description": "Configuration objects, and their mail service.",
        },
        "servers": [{"url": API}],
        "security": [{"token": []}, {"session": []}],
        "tags": list(_describe_tags(registry, kinds)),
        "paths": {**_describe_paths(endpoints, root), **dict(_describe_kinds(registry, kinds))},
        "components": {
            "securitySchemes": _SECURITY,
            "responses": {"problem": _PROBLEM},
        },
    }
    made["components"]["schemas"] = _leave_unused_out({**make_answers(), **make_forms(registry)}, made)
    return made


_REFERENCE: Final = re.compile(r'"#/components/schemas/([^"]*)"')
_SECURITY: Final = {
    "token": {"type": "http", "scheme": "bearer"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "confobjects-session",
        "description": "Over TLS the name begins with `__Host-`; without it, it ends with a port that the address has.",
    },
}
_PROBLEM: Final = {"description": "What is wrong.", "content": {MEDIA_TYPE: refer_in_content(answer_name("problem"))}}


def _describe_tags(registry: Registry, kinds: Iterable[Relation]) -> Iterator[dict[str, str]]:
    told = dict(TAGS)
    for relation in kinds:
        told.setdefault(name_tag(relation), relation.synopsis or registry.definition(relation.target).synopsis)
    yield from ({"name": name, "description": description} for name, description in told.items())


def _describe_paths(endpoints: Iterable[Endpoint], root: Iterable[Endpoint]) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        if not endpoint.path.startswith(f"{OBJECTS}/"):
            operations = paths.setdefault(endpoint.template, {})
            operations[endpoint.method.lower()] = describe_operation(endpoint, ROWS[endpoint.method, endpoint.template])
    for endpoint in root:
        operation = describe_operation(endpoint, ROWS[endpoint.method, endpoint.path])
        paths[endpoint.path] = {"servers": [{"url": "/"}], endpoint.method.lower(): operation}
    return paths


def _describe_kinds(registry: Registry, kinds: Iterable[Relation]) -> Iterator[tuple[str, dict[str, Any]]]:
    for relation in kinds:
        yield from describe_objects(relation, registry)


def _leave_unused_out(schemas: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Return the forms that the description refers to, and those that these refer to."""
    used: dict[str, None] = {}
    rest = list(_find_references(made))
    while rest:
        name = rest.pop()
        if name not in used:
            used[name] = None
            rest.extend(_find_references(schemas[name]))
    return {name: schemas[name] for name in sorted(used)}


def _find_references(value: Any) -> Iterator[str]:
    for match in _REFERENCE.finditer(json.dumps(value)):
        yield match[1]
