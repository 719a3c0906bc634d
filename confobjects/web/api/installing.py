"""The definitions that the configuration holds: listed, shown, installed and removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from confobjects.cli.commands.definitions import find_installed, list_definitions
from confobjects.definitions.installed import as_given
from confobjects.definitions.model import HOLDER_KIND
from confobjects.errors import DefinitionError
from confobjects.mapping.installed import read_installed
from confobjects.web.api.answers import NO_STORE, Query, answer_json
from confobjects.web.api.bodies import JSON, read_members
from confobjects.web.api.changing import PARAMETERS, describe_change, link_change, make_change, read_manner
from confobjects.web.api.places import read_name
from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.problems import UnsuitableBodyError

if TYPE_CHECKING:
    from confobjects.definitions.installed import InstalledText
    from confobjects.management.changing.transaction import Transaction
    from confobjects.management.context import ManagementContext


async def _list(call: Call) -> Response:
    Query(call.request, ())

    def work(context: ManagementContext) -> dict[str, Any]:
        rows = sorted(list_definitions(context.registry, read_installed(context.storage), built_in=False))
        names = ("name", "source", "origin", "version", "state")
        return {"definitions": [dict(zip(names, row, strict=True)) for row in rows]}

    return answer_json(await call.web.served.read(work))


async def _show(call: Call) -> Response:
    Query(call.request, ())
    name = read_name(call.request)
    found = await call.web.served.read(lambda context: as_given(find_installed(context, name).text))
    return Response(found, 200, NO_STORE, JSON)


async def _install(call: Call) -> Response:
    from confobjects.management.installing import install

    query = Query(call.request, (*PARAMETERS, "accept-losses"))
    manner, accept_losses = read_manner(query), query.flag("accept-losses")
    body = await read_members(call.request, {"definitions": list})
    given = list(_read_definitions(body["definitions"]))

    def ask(transaction: Transaction) -> None:
        install(transaction, given)

    report = await make_change(call, manner, ask, expected=given, accept_losses=accept_losses)
    return answer_json(describe_change(report, manner), 200, link_change(report))


def _read_definitions(given: list[Any]) -> Iterator[InstalledText]:
    """Yield the definitions of a body. Raises :class:`~confobjects.errors.DefinitionError` with what is wrong with one."""
    from confobjects.definitions.reviewing import find_shape_problems, read_given

    for number, one in enumerate(given, 1):
        if not isinstance(one, dict):
            raise UnsuitableBodyError(f"definition {number} is no JSON object")
        found, problems = read_given(f"definition {number}", json.dumps(one, indent=2, ensure_ascii=False))
        wrong = [*problems, *(find_shape_problems(found) if found is not None else ())]
        if wrong or found is None:
            raise DefinitionError(wrong)
        yield found


async def _remove(call: Call) -> Response:
    manner, name = read_manner(Query(call.request, PARAMETERS)), read_name(call.request)
    there = await call.web.served.read(lambda context: find_installed(context, name).name)
    report = await make_change(call, manner, lambda transaction: transaction.delete(HOLDER_KIND, there))
    return answer_json(describe_change(report, manner), 200, link_change(report))


_ONE: Final = "/installed-definitions/{name}"

ENDPOINTS: Final = (
    Endpoint("GET", "/installed-definitions", "read", _list, "The definitions that the configuration holds."),
    Endpoint(
        "POST", "/installed-definitions", "administer", _install, "Install definitions, or newer versions of them."
    ),
    Endpoint("GET", _ONE, "read", _show, "One of these definitions."),
    Endpoint("DELETE", _ONE, "administer", _remove, "Remove a definition that has no objects."),
)
