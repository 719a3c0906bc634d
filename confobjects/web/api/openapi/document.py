"""The description as a whole, and the endpoint that answers it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from starlette.responses import Response

from confobjects import __version__
from confobjects.definitions import Registry
from confobjects.web.api.answers import NO_STORE, Query, dump_json
from confobjects.web.api.openapi.kinds import describe_objects
from confobjects.web.api.openapi.operations import describe_operation
from confobjects.web.api.openapi.rows import JSON, ROWS
from confobjects.web.api.openapi.schemas import make_schemas, refer_to
from confobjects.web.api.places import OBJECTS
from confobjects.web.app import API
from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.problems import MEDIA_TYPE

if TYPE_CHECKING:
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
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        if endpoint.path.startswith(f"{OBJECTS}/"):
            continue
        operations = paths.setdefault(endpoint.template, {})
        operations[endpoint.method.lower()] = describe_operation(endpoint, ROWS[endpoint.method, endpoint.template])
    for endpoint in root:
        operation = describe_operation(endpoint, ROWS[endpoint.method, endpoint.path])
        paths[endpoint.path] = {"servers": [{"url": "/"}], endpoint.method.lower(): operation}
    for relation in sorted(registry.relations().values(), key=lambda one: one.name):
        if not relation.hidden:
            paths.update(describe_objects(relation, registry))
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
            "responses": {"problem": {"description": "What is wrong.", "content": {MEDIA_TYPE: refer_to("problem")}}},
            "schemas": make_schemas(registry),
        },
    }
