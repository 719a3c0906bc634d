"""The configuration as a whole: its definitions, check, explanations, documents, history, undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from confobjects.cli.commands.check import check_site
from confobjects.cli.commands.describe import object_as_json
from confobjects.cli.commands.diff import difference_as_json
from confobjects.cli.commands.history import record_as_json
from confobjects.definitions.installed import merge_installed
from confobjects.errors import ConfobjectsError, error_for
from confobjects.inputs import MEDIUM
from confobjects.management.documents.applying import bring_about, find_expected
from confobjects.management.documents.comparing import find_differences, take_snapshot
from confobjects.management.documents.json import ConfigurationDocument
from confobjects.management.history import records, undoing
from confobjects.mapping.documents import find_definitions, write
from confobjects.records import as_dict
from confobjects.web.api.answers import NO_STORE, Query, answer_json
from confobjects.web.api.bodies import JSON, choose_type, parse_json, read_bytes, read_members
from confobjects.web.api.changing import PARAMETERS, describe_change, link_change, make_change, read_manner
from confobjects.web.api.objects import Target
from confobjects.web.api.places import read_name
from confobjects.web.api.words import say
from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.explaining import explain_text
from confobjects.web.hiding import hide_evaluated
from confobjects.web.problems import BadAddressError

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition
    from confobjects.management.changing.transaction import Transaction
    from confobjects.management.context import ManagementContext
    from confobjects.objects.protocols import Evaluator
    from confobjects.web.api.changing import Manner

_BODY: Final = "the body"
_MOST_CHANGES: Final = 1000
_LONGEST: Final = 9


# -- definitions, check, explain -----------------------------------------------------------------------------------------


async def _list_definitions(call: Call) -> Response:
    Query(call.request, ())

    def work(context: ManagementContext) -> dict[str, Any]:
        shown = [one for one in context.registry.relations().values() if not one.hidden]
        names = sorted(shown, key=lambda one: one.name)
        return {"kinds": [object_as_json(one, context.registry, one.target, advanced=True) for one in names]}

    return answer_json(await call.web.served.read(work))


async def _describe_kind(call: Call) -> Response:
    Query(call.request, ())
    kind = read_name(call.request)

    def work(context: ManagementContext) -> dict[str, Any]:
        relation = context.registry.relation(kind)
        return object_as_json(relation, context.registry, relation.target, advanced=True)

    return answer_json(await call.web.served.read(work))


async def _check(call: Call) -> Response:
    environment = Query(call.request, ("environment",)).text("environment")
    sources = call.web.sources
    evaluate = sources.make_evaluator(environment)

    def work(context: ManagementContext) -> dict[str, Any]:
        found = check_site(context.site, evaluate, sources.instance_directory, elsewhere=bool(environment))
        world = context.world()
        if found.problems:
            raise error_for(hide_evaluated(found.problems, context.registry, world))
        return found.replace(warnings=hide_evaluated(found.warnings, context.registry, world)).as_json(say)

    return answer_json(await call.web.served.read(work))


async def _explain(call: Call) -> Response:
    query = Query(call.request, ("path", "property", "environment"))
    evaluate = call.web.sources.make_evaluator(query.text("environment"))

    def work(context: ManagementContext) -> dict[str, Any]:
        path = context.registry.parse_path(query.text("path"))
        obj = context.get(path.relation, path.names)
        prop = context.registry.property(obj.definition, query.text("property"))
        texts = obj.values.get(prop.name, ())
        found = [_explain_text(prop, text, evaluate) for text in texts]
        return {"path": str(obj.path), "property": prop.name, "texts": found}

    return answer_json(await call.web.served.read(work))


def _explain_text(prop: PropertyDefinition, text: str, evaluate: Evaluator) -> dict[str, Any]:
    """Return how a stored text gets its value. Raises what is wrong with it."""
    found = explain_text(prop, text, evaluate)
    if found.problems:
        raise error_for(found.problems)
    return {
        name: value if isinstance(value, str) else list(value)
        for name, value in as_dict(found).items()
        if name != "problems"
    }


# -- documents -----------------------------------------------------------------------------------------------------------


async def _export(call: Call) -> Response:
    Query(call.request, ())

    def work(context: ManagementContext) -> str:
        found = take_snapshot(context.site)
        if found.problems:
            raise error_for(found.problems)
        return write(found.objects.values(), context.registry)

    return Response(await call.web.served.read(work), 200, NO_STORE, JSON)


async def _read_text(call: Call) -> str:
    """Return the text of a document; that it is JSON, and bounded, is known then."""
    choose_type(call.request, (JSON,))
    data = await read_bytes(call.request, MEDIUM)
    parse_json(data)
    return data.decode()


def _read_configuration(text: str, context: ManagementContext) -> ConfigurationDocument:
    registry, held = context.registry, find_definitions(text, _BODY)
    if held:
        registry = registry.with_installed(merge_installed(registry.installed, held))
    return ConfigurationDocument(text, _BODY, registry)


async def _diff(call: Call) -> Response:
    Query(call.request, ())
    text = await _read_text(call)

    def work(context: ManagementContext) -> dict[str, Any]:
        document, before = _read_configuration(text, context), take_snapshot(context.site)
        found = list(find_differences(before.objects, document.objects, context.registry))
        differences = [difference_as_json(one) for one in found]
        different = any(one.can_be_applied for one in found)
        return {"different": different, "before": "stored", "after": _BODY, "differences": differences}

    return answer_json(await call.web.served.read(work))


async def _apply(call: Call) -> Response:
    query = Query(call.request, (*PARAMETERS, "prune", "recreate"))
    manner, text = read_manner(query), await _read_text(call)
    prune, recreate = query.flag("prune"), query.flag("recreate")
    document = await call.web.served.read(lambda context: _read_configuration(text, context))

    def ask(transaction: Transaction) -> None:
        bring_about(transaction, document.objects, prune=prune, recreate=recreate)

    try:
        report = await make_change(call, manner, ask, expected=find_expected(document.objects))
    except ConfobjectsError as error:
        error.diagnostics = tuple(document.locate_problems(error.diagnostics))
        raise
    return answer_json(describe_change(report, manner), 200, link_change(report))


async def _rename(call: Call) -> Response:
    manner = read_manner(Query(call.request, PARAMETERS))
    body = await read_members(call.request, {"path": str, "name": str})
    target = Target(call, lambda registry: registry.parse_path(body["path"]))

    def ask(transaction: Transaction) -> None:
        obj = target.find_there(transaction)
        transaction.rename(obj.path.relation, obj.path.names, body["name"])

    report = await make_change(call, manner, ask)
    return answer_json(describe_change(report, manner), 200, link_change(report))


# -- history -------------------------------------------------------------------------------------------------------------


async def _list_history(call: Call) -> Response:
    query = Query(call.request, ("limit", "before", "path"))
    limit, before = query.number("limit", 100, 1, _MOST_CHANGES), query.number("before", 10**8, 1, 10**8)

    def work(context: ManagementContext) -> dict[str, Any]:
        every = context.history()
        by = records.find_undone(every)
        found = [one for one in every if one.number < before]
        if path := query.text("path"):
            found = list(records.select_for_object(found, context.registry.parse_path(path)))
        return {"changes": [record_as_json(one, by, context.registry) for one in found[-limit:]]}

    return answer_json(await call.web.served.read(work))


def _read_number(call: Call) -> int:
    text = call.request.path_params["number"]
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST):
        raise BadAddressError("a change has a number")
    return int(text)


async def _get_change(call: Call) -> Response:
    Query(call.request, ())
    number = _read_number(call)

    def work(context: ManagementContext) -> dict[str, Any]:
        undone = records.find_undone(context.outline())
        return record_as_json(context.recorded_change(number), undone, context.registry)

    return answer_json(await call.web.served.read(work))


async def _undo(call: Call) -> Response:
    manner, number = read_manner(Query(call.request, PARAMETERS)), _read_number(call)
    return await _answer_undo(call, manner, lambda transaction: undoing.undo(transaction, number))


async def _undo_after(call: Call) -> Response:
    manner, number = read_manner(Query(call.request, PARAMETERS)), _read_number(call)
    return await _answer_undo(call, manner, lambda transaction: undoing.undo_to(transaction, number))


async def _answer_undo(call: Call, manner: Manner, ask: Any) -> Response:
    report = await make_change(call, manner, ask)
    return answer_json(describe_change(report, manner), 200, link_change(report))


ENDPOINTS: Final = (
    Endpoint(
        "GET", "/definitions", "read", _list_definitions, "The kinds of objects, with their types and properties."
    ),
    Endpoint("GET", "/definitions/{kind}", "read", _describe_kind, "One kind of objects."),
    Endpoint("GET", "/check", "read", _check, "Check the configuration as a start would."),
    Endpoint("GET", "/explain", "read", _explain, "How the stored values of a property are found."),
    Endpoint("GET", "/export", "read", _export, "The configuration as a document, without secrets."),
    Endpoint("POST", "/diff", "read", _diff, "How a document differs from the configuration."),
    Endpoint("POST", "/apply", "change", _apply, "Make the configuration match a document."),
    Endpoint("POST", "/rename", "change", _rename, "Give an object another name, also in what refers to it."),
    Endpoint("GET", "/history", "read", _list_history, "The changes that were made, the oldest first."),
    Endpoint("GET", "/history/{number}", "read", _get_change, "One change."),
    Endpoint("POST", "/history/{number}/undo", "change", _undo, "Take a change back."),
    Endpoint("POST", "/history/{number}/undo-later", "change", _undo_after, "Take back every change after one."),
)
