"""The page behind the first link: it asks for the name and the password of the first administrator."""

from __future__ import annotations

from typing import Final

from anyio import to_thread
from starlette.responses import RedirectResponse, Response

from confobjects.errors import ConfobjectsError, InvalidValueError
from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.forms import read_form
from confobjects.web.identity.first import PATH, FirstLink
from confobjects.web.identity.passwords import SHORTEST
from confobjects.web.identity.recognition import require_own_page, set_cookie
from confobjects.web.pages.views import View, respond
from confobjects.web.people import Person
from confobjects.web.problems import NotPermittedError

_TITLE: Final = "The first administrator"


def _show(call: Call, name: str = "", error: ConfobjectsError | None = None) -> Response:
    data = {"name": name, "shortest": SHORTEST, "problems": [] if error is None else error.diagnostics}
    response = respond(call, None, View("first.html", _TITLE, data, 200 if error is None else error.http_status))
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is the secret
    return response


def _find(call: Call) -> FirstLink:
    link = call.web.identity.first
    if link is None:
        raise NotPermittedError("there is no such link")
    link.require(call.request)
    return link


async def _look_at(call: Call) -> Response:
    _find(call)
    return _show(call)


async def _take(call: Call) -> Response:
    require_own_page(call.request)
    link = _find(call)
    form = await read_form(call.request)
    name, password = (next(iter(form.get(field, ())), "") for field in ("name", "password"))
    try:
        account = await to_thread.run_sync(link.add, name.strip(), password)
    except InvalidValueError as error:
        return _show(call, name, error)
    person = Person(account.name, account.role, "account")
    signed_in = call.web.identity.begin_session(call.request, person, account.changed)
    response = RedirectResponse("/", 303, {"Cache-Control": "no-store"})
    set_cookie(call.request, response, signed_in)
    return response


ENDPOINTS: Final = (
    Endpoint(
        "GET", f"{PATH}{{secret}}", "nobody", _look_at, "Ask for the name and password of the first administrator."
    ),
    Endpoint("POST", f"{PATH}{{secret}}", "nobody", _take, "Make the first administrator, and sign in."),
)
