"""Views: what a page shows, and the answers that are made of them.

Laws of this module:

1. What a page needs is found in a thread, in one view of the configuration; the template gets data and asks for nothing.
2. A mistake is a page as well, with the status of its error.
3. Every page is private: no cache keeps it.
4. No page has a status of gateways (:data:`_OF_GATEWAYS`): proxies put a page of their own in its place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from confobjects.errors import ConfobjectsError, NoSuchObjectError, UnknownNameError
from confobjects.records import Record, field
from confobjects.web.endpoints import Call
from confobjects.web.pages.forms import Form, read_form
from confobjects.web.pages.navigation import make_frame
from confobjects.web.pages.rendering import render_template
from confobjects.web.pages.returning import choose_way_back
from confobjects.web.problems import UNEXPECTED, NotSignedInError, WebError

if TYPE_CHECKING:
    from starlette.requests import Request

    from confobjects.management import ManagementContext
    from confobjects.web.endpoints import Answer
    from confobjects.web.people import Person
    from confobjects.web.site import Web

LOG: Final = logging.getLogger("confobjects.web")

HEADERS: Final = {"Cache-Control": "no-store"}
"""What every page is sent with, besides what every answer has (:mod:`confobjects.web.serving.guarding`)."""


class View(Record):
    """A page: its template, and what the template is given. ``title`` is its heading.

    One that only shows something is shown anew when the configuration changes (``is_live``).
    """

    template: str
    title: str
    data: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    is_live: bool = False


class Redirect(Record):
    """The address, on this host, that a browser is sent to after a form."""

    to: str


Find = Callable[["Call", "ManagementContext"], "View | Redirect"]
Do = Callable[["Call", "ManagementContext", Form], View | Redirect]


def show(find: Find) -> Answer:
    """Return what answers with the view that a function finds."""

    async def answer(call: Call) -> Response:
        return await call.web.served.read(lambda context: respond(call, context, find(call, context)))

    return answer


def plan(find: Find) -> Answer:
    """Return what answers with the view that a function finds, and that tries a change for it without making it."""

    async def answer(call: Call) -> Response:
        return await call.web.served.change(
            call.caller, "console", lambda context: respond(call, context, find(call, context))
        )

    return answer


def perform(do: Do) -> Answer:
    """Return what answers to a form with what a function does in the name of the person."""

    async def answer(call: Call) -> Response:
        form = await read_form(call.request)
        return await call.web.served.change(
            call.caller, "console", lambda context: respond(call, context, do(call, context, form))
        )

    return answer


def look(do: Do) -> Answer:
    """Return what answers to a form that changes nothing of the configuration."""

    async def answer(call: Call) -> Response:
        form = await read_form(call.request)
        return await call.web.served.read(lambda context: respond(call, context, do(call, context, form)))

    return answer


def respond(call: Call, context: ManagementContext | None, found: View | Redirect) -> Response:
    """Return the response of a view."""
    if isinstance(found, Redirect):
        return RedirectResponse(found.to, 303, HEADERS)
    frame = make_frame(call, context)
    response = make_page(found, frame)
    response.headers.update(call.headers)
    return response


def make_page(found: View, frame: Mapping[str, Any]) -> Response:
    """Return a page in its frame."""
    text = render_template(
        found.template,
        {**frame, "title": found.title, **({"is_shown_anew": True} if found.is_live else {}), **found.data},
    )
    return Response(text, _OF_GATEWAYS.get(found.status, found.status), HEADERS, "text/html")


_OF_GATEWAYS: Final = {502: 422, 504: 422}
"""What a page has in place of the status of a gateway: what was asked for was understood, and could not be carried out."""


# -- mistakes ----------------------------------------------------------------------------------------------------------


async def answer_failure(web: Web, request: Request, error: Exception) -> Response:
    """Return the page about an error; whoever has not signed in is sent to do that first."""
    if isinstance(error, NotSignedInError):
        return send_to_sign_in(request)
    if not isinstance(error, ConfobjectsError):
        LOG.error("%s %s could not be answered", request.method, request.url.path, exc_info=error)
        error = ConfobjectsError(UNEXPECTED)
    call = Call(request, web, _find_person(web, request), dict(error.headers) if isinstance(error, WebError) else {})
    mistake = _describe_mistake(error)
    try:
        return await web.served.read(lambda context: respond(call, context, mistake))
    except ConfobjectsError:  # the configuration cannot be read: the page does without a menu
        return respond(call, None, mistake)


def _find_person(web: Web, request: Request) -> Person | None:
    session = web.identity.find_session(request, used=False)
    return None if session is None else session.person


def send_to_sign_in(request: Request) -> Response:
    """Return the way to the page to sign in, and back to this one."""
    page, asked = request.url.path, request.url.query
    back = choose_way_back(f"{page}{'?' if asked else ''}{asked}") if request.method == "GET" else "/"
    query = urlencode({"next": back}) if back != "/" else ""
    return RedirectResponse(f"/sign-in{'?' if query else ''}{query}", 303, HEADERS)


def _describe_mistake(error: ConfobjectsError) -> View:
    missing = isinstance(error, (NoSuchObjectError, UnknownNameError))
    status = 404 if missing else error.http_status
    return View("error.html", _TITLES.get(status, "This did not work"), {"problems": error.diagnostics}, status)


_TITLES: Final = {
    401: "Sign in first",
    403: "Not permitted",
    404: "There is nothing here",
    409: "Somebody was faster",
    412: "Somebody was faster",
    500: "Our mistake",
    503: "The configuration cannot be reached",
}


__all__ = ["HEADERS", "Form", "Redirect", "View", "answer_failure", "look", "perform", "respond", "show"]
