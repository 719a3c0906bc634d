"""The application: routes made from endpoints, each answered for a person who may call it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError
from confobjects.texts.visible import make_visible
from confobjects.web.api.words import say
from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.people import name_roles
from confobjects.web.problems import (
    UNEXPECTED,
    NoSuchAddressError,
    NoSuchMethodError,
    NotPermittedError,
    NotSignedInError,
    answer_error,
)

if TYPE_CHECKING:
    from confobjects.web.site import Web

LOG: Final = logging.getLogger("confobjects.web")
API: Final = "/api/v1"
PERSON: Final = "confobjects.person"
"""Where the scope of a request has the name of the person who makes it, for the log."""
LARGEST: Final = "confobjects.largest"
"""Where the scope of a request has how many bytes its body may have, if fewer than any body may."""
STRANGERS: Final = 64 * 1024
"""Bytes of a body where nobody signs in: whoever has no account fills no memory."""


Tell = Callable[["Web", Request, Exception], Awaitable[Response]]
"""Answers a request that failed."""


def make_app(
    web: Web, api: Iterable[Endpoint], root: Iterable[Endpoint] = (), pages: Iterable[Endpoint] = ()
) -> Starlette:
    """Return the application of a served configuration: the API, what stands beside it at the root, and the console."""
    below = Mount(API, routes=[make_route(web, one) for one in api])
    routes: list[BaseRoute] = [below, *(make_route(web, one) for one in root)]
    if shown := tuple(pages):
        from confobjects.web.pages.views import answer_failure

        routes.extend(make_route(web, one, answer_failure) for one in shown)
    return Starlette(routes=routes, exception_handlers={HTTPException: _tell_unroutable})


async def _tell_unroutable(request: Request, error: Exception) -> Response:
    """Answer a request that no route is for, or none with its method."""
    if isinstance(error, HTTPException) and error.status_code == NoSuchMethodError.http_status:
        answer = answer_error(NoSuchMethodError(f"{make_visible(request.method)} does nothing here"), say)
        answer.headers.update(error.headers or {})
        return answer
    return answer_error(NoSuchAddressError("there is nothing at this address"), say)


async def _tell_program(web: Web, request: Request, error: Exception) -> Response:
    """Answer a program whose request failed."""
    del web
    if isinstance(error, ConfobjectsError):
        return answer_error(error, say)
    LOG.error("%s %s could not be answered", request.method, request.url.path, exc_info=error)
    return answer_error(ConfobjectsError(UNEXPECTED), say)


def make_route(web: Web, endpoint: Endpoint, tell: Tell = _tell_program) -> Route:
    """Return the route of an endpoint; ``tell`` answers where it fails."""
    return Route(endpoint.path, _guard(web, endpoint, tell), methods=[endpoint.method])


def _guard(web: Web, endpoint: Endpoint, tell: Tell) -> Callable[[Request], Awaitable[Response]]:
    """Return a handler that answers for whoever may call the endpoint, and tells errors."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint.answer(await admit(web, endpoint, request))
        except Exception as error:  # noqa: BLE001 - whoever asks is told, the log has the rest
            return await tell(web, request, error)

    return answer


async def admit(web: Web, endpoint: Endpoint, request: Request) -> Call:
    """Return the call of a request. Raises an error for a person who may not make it."""
    if endpoint.needs == "nobody":  # whoever signs in may have a session or a token that is over
        request.scope[LARGEST] = STRANGERS
        return Call(request, web, None)
    person = await web.identity.identify(request)
    if person is None:
        raise NotSignedInError("sign in first")
    request.scope[PERSON] = person.name
    if endpoint.needs != "anybody" and not person.may(endpoint.needs):
        summary = f"the role {person.role} does not permit this"
        roles = " or ".join(name_roles(endpoint.needs))
        raise NotPermittedError(Diagnostic(NotPermittedError.code, summary, remedy=f"sign in as {roles}"))
    return Call(request, web, person)
