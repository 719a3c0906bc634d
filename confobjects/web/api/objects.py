"""Objects: read, created, replaced, patched and deleted at their addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from confobjects.errors import NoSuchObjectError
from confobjects.management.world import describe_absence
from confobjects.objects.changes import PropertyChanges
from confobjects.web.addresses import Addresses, write_segment
from confobjects.web.api.answers import Query, answer_json
from confobjects.web.api.bodies import choose_type, read_document, read_json
from confobjects.web.api.changing import PARAMETERS, describe_change, link_change, make_change, read_manner
from confobjects.web.api.lists import LIST_PARAMETERS, describe_list, read_wishes
from confobjects.web.api.patching import JSON_PATCH, MERGE_PATCH, json_patch, merge_patch
from confobjects.web.api.places import OBJECTS, find_object_path, find_place, read_names
from confobjects.web.api.resources import (
    Given,
    Wanted,
    choose_definition,
    describe_object,
    leads_to_secret,
    read_patched,
    read_replacement,
    read_wanted,
    write_document,
)
from confobjects.web.api.showing import describe_current
from confobjects.web.api.versions import Precondition, read_tags, tag_of
from confobjects.web.app import API
from confobjects.web.endpoints import Call, Endpoint

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, Registry
    from confobjects.management.changing.transaction import Transaction
    from confobjects.management.context import ManagementContext
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import ManagedObjectPath
    from confobjects.web.addresses import Place

Patch = Callable[["ManagedObject", dict[str, Any]], Any]
"""Returns the document of an object, patched."""


# -- reading -------------------------------------------------------------------------------------------------------------


async def _list_kinds(call: Call) -> Response:
    Query(call.request, ())

    def work(context: ManagementContext) -> dict[str, Any]:
        registry = context.registry
        addresses = Addresses.of(registry)
        kinds = [
            {
                "object": name,
                "synopsis": relation.synopsis or registry.definition(relation.target).synopsis,
                "named": relation.named,
                "below": relation.parent if relation.parent != "root" else None,
                "types": list(registry.types_of(relation)),
                "address": f"{API}{OBJECTS}/{addresses.write_template(relation, is_list=True)}",
            }
            for name, relation in sorted(registry.relations().items())
            if not relation.hidden
        ]
        return {"kinds": kinds}

    return answer_json(await call.web.served.read(work))


async def _get(call: Call) -> Response:
    names = read_names(call.request)

    def glance(context: ManagementContext) -> Response | None:
        place = find_place(context.registry, names)
        return None if place.is_list else _answer_object(call, context, place)

    def work(context: ManagementContext) -> Response:
        place = find_place(context.registry, names)
        if not place.is_list:
            return _answer_object(call, context, place)
        wishes = read_wishes(Query(call.request, *LIST_PARAMETERS), place, context.registry)
        return answer_json(describe_list(context, place, wishes))

    found = call.web.served.glance(glance)
    return await call.web.served.read(work) if found is None else found


def _answer_object(call: Call, context: ManagementContext, place: Place) -> Response:
    current = Query(call.request, ("current",)).flag("current")
    world = context.world()
    obj = context.get(place.relation.name, place.names, world)
    tag = tag_of(context.site, world, obj)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if not current and tag in read_tags(call.request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    found = describe_object(obj, context.registry)
    return answer_json({**found, **describe_current(context, obj, world)} if current else found, 200, headers)


# -- changing ------------------------------------------------------------------------------------------------------------


class Target:
    """The object that a request changes: found anew, and compared with what the request expects, whenever the change is planned."""

    def __init__(self, call: Call, find_path: Callable[[Registry], ManagedObjectPath]) -> None:
        self._find_path = find_path
        self._precondition = Precondition(call.request.headers)
        self.existed = False
        self.path: ManagedObjectPath

    def find(self, transaction: Transaction) -> ManagedObject | None:
        """Return the stored object, None if there is none. Raises where the request expects another state."""
        below, registry = transaction.below, transaction.registry
        path = self._find_path(registry)
        obj = below.find(path)
        self.existed, self.path = obj is not None, path if obj is None else obj.path
        self._precondition.check(path, None if obj is None else tag_of(transaction.site, below, obj))
        return obj

    def find_there(self, transaction: Transaction) -> ManagedObject:
        """Return the stored object. Raises also where there is none."""
        obj = self.find(transaction)
        if obj is None:
            raise NoSuchObjectError(describe_absence(transaction.registry, transaction.below, self.path))
        return obj

    def request(self, transaction: Transaction, obj: ManagedObject | None, wanted: Wanted, read: _Read) -> None:
        """Request what a body asks for."""
        relation, names = transaction.registry.relation(self.path.relation), self.path.names
        definition = choose_definition(wanted, obj, relation, transaction.registry, names)
        given = Given(PropertyChanges()) if definition is None else read(definition)
        if obj is None and relation.kind != "singleton":
            transaction.create(relation.name, names, given.changes.set, type=wanted.type)
        else:
            transaction.modify(relation.name, names, given.changes, type=wanted.type, unstated=given.unstated)


_Read = Callable[["ManagedObjectDefinition"], Given]


async def _put(call: Call) -> Response:
    names, manner = read_names(call.request), read_manner(Query(call.request, PARAMETERS))
    body = await read_json(call.request)
    target = Target(call, lambda registry: find_object_path(registry, names))

    def ask(transaction: Transaction) -> None:
        obj = target.find(transaction)
        wanted = read_wanted(body, target.path)
        target.request(transaction, obj, wanted, lambda definition: read_replacement(wanted, obj, definition))

    report = await make_change(call, manner, ask)
    if target.existed or manner.dry_run:
        return answer_json(describe_change(report, manner), 200, link_change(report))
    location = f"{API}{OBJECTS}/{'/'.join(map(write_segment, names))}"
    return answer_json(describe_change(report, manner), 201, {"Location": location, **link_change(report)})


async def _patch(call: Call) -> Response:
    names, manner = read_names(call.request), read_manner(Query(call.request, PARAMETERS))
    patch = _read_patch(choose_type(call.request, (MERGE_PATCH, JSON_PATCH)), await read_document(call.request))
    target = Target(call, lambda registry: find_object_path(registry, names))

    def ask(transaction: Transaction) -> None:
        obj = target.find_there(transaction)
        document = write_document(obj, transaction.registry)
        wanted = read_wanted(patch(obj, document), obj.path)
        before = document["properties"]
        target.request(transaction, obj, wanted, lambda definition: read_patched(wanted, before, definition))

    report = await make_change(call, manner, ask)
    return answer_json(describe_change(report, manner), 200, link_change(report))


def _read_patch(kind: str, given: Any) -> Patch:
    if kind == MERGE_PATCH:
        return lambda _, document: merge_patch(document, given)
    return lambda obj, document: json_patch(document, given, lambda at: leads_to_secret(at, obj.definition))


async def _delete(call: Call) -> Response:
    names, manner = read_names(call.request), read_manner(Query(call.request, PARAMETERS))
    target = Target(call, lambda registry: find_object_path(registry, names))

    def ask(transaction: Transaction) -> None:
        obj = target.find_there(transaction)
        transaction.delete(obj.path.relation, obj.path.names)

    report = await make_change(call, manner, ask)
    return answer_json(describe_change(report, manner), 200, link_change(report))


_ADDRESS: Final = f"{OBJECTS}/{{address:path}}"

ENDPOINTS: Final = (
    Endpoint("GET", OBJECTS, "read", _list_kinds, "The kinds of objects, with their addresses."),
    Endpoint("GET", _ADDRESS, "read", _get, "An object, or the objects of a kind."),
    Endpoint("PUT", _ADDRESS, "change", _put, "Create an object, or replace it."),
    Endpoint("PATCH", _ADDRESS, "change", _patch, "Change an object."),
    Endpoint("DELETE", _ADDRESS, "change", _delete, "Delete an object, with everything below it."),
)
