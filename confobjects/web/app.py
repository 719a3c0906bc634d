"""The application: routes made from endpoints, each answered for a person who may call it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from confobjects.actions import plain
from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError
from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.people import name_roles
from confobjects.web.problems import UNEXPECTED, NotPermittedError, NotSignedInError, answer_error

if TYPE_CHECKING:
    from confobjects.web.site import Web

LOG: Final = logging.getLogger("confobjects.web")
API: Final = "/api/v1"
PERSON: Final = "confobjects.person"
"""Where the scope of a request has the name of the person who makes it, for the log."""


def make_app(web: Web, api: Iterable[Endpoint], root: Iterable[Endpoint] = ()) -> Starlette:
    """Return the application of a served configuration: the API, and what stands beside it at the root."""
    below = Mount(API, routes=[make_route(web, one) for one in api])
    return Starlette(routes=[below, *(make_route(web, one) for one in root)])


def make_route(web: Web, endpoint: Endpoint) -> Route:
    """Return the route of an endpoint."""
    return Route(endpoint.path, _guard(web, endpoint), methods=[endpoint.method])


def _guard(web: Web, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """Return a handler that answers for whoever may call the endpoint, and tells errors."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint.answer(await admit(web, endpoint, request))
        except Exception as error:  # noqa: BLE001 - whoever asks is told, the log has the rest
            return await tell(web, request, error)

    return answer


async def admit(web: Web, endpoint: Endpoint, request: Request) -> Call:
    """Return the call of a request. Raises an error for a person who may not make it."""
    person = await web.identify(request)
    request.scope[PERSON] = "" if person is None else person.name
    if endpoint.needs != "nobody":
        if person is None:
            raise NotSignedInError("sign in first")
        if endpoint.needs != "anybody" and not person.may(endpoint.needs):
            raise NotPermittedError(f"the role {person.role} does not permit this")
    return Call(request, web, person)
