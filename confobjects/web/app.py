"""The application: routes made from endpoints, each answered for a person who may call it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError
from confobjects.texts.visible import make_visible
from confobjects.web.api.words import say
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
    return Starlette(
        routes=[below, *(make_route(web, one) for one in root)], exception_handlers={HTTPException: _tell_unroutable}
    )


async def _tell_unroutable(request: Request, error: Exception) -> Response:
    """Answer a request that no route is for, or none with its method."""
    if isinstance(error, HTTPException) and error.status_code == NoSuchMethodError.http_status:
        answer = answer_error(NoSuchMethodError(f"{make_visible(request.method)} does nothing here"), say)
        answer.headers.update(error.headers or {})
        return answer
    return answer_error(NoSuchAddressError("there is nothing at this address"), say)


def make_route(web: Web, endpoint: Endpoint) -> Route:
    """Return the route of an endpoint."""
    return Route(endpoint.path, _guard(web, endpoint), methods=[endpoint.method])


def _guard(web: Web, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """Return a handler that answers for whoever may call the endpoint, and tells errors."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint.answer(await admit(web, endpoint, request))
        except ConfobjectsError as error:
            return answer_error(error, say)
        except Exception:
            LOG.exception("%s %s could not be answered", endpoint.method, endpoint.path)
            return answer_error(ConfobjectsError(UNEXPECTED), say)

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
