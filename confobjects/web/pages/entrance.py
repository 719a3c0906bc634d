"""The entrance: the page to sign in, and the way out."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from confobjects.errors import ConfobjectsError
from confobjects.web.endpoints import Call
from confobjects.web.identity.recognition import delete_cookie, set_cookie
from confobjects.web.pages.forms import read_form
from confobjects.web.pages.returning import choose_way_back
from confobjects.web.pages.views import HEADERS, View, respond
from confobjects.web.problems import WebError


def show_form(call: Call, name: str, back: str, error: ConfobjectsError | None) -> Response:
    """Answer with the form to sign in, and with what was wrong before."""
    openid = call.web.identity.openid
    data = {
        "name": name,
        "next": back,
        "problems": [] if error is None else error.diagnostics,
        "provider": "" if openid is None else openid.label,
    }
    if isinstance(error, WebError):
        call.headers.update(error.headers)
    return respond(call, None, View("sign_in.html", "Sign in", data, 200 if error is None else error.http_status))


async def show_sign_in(call: Call) -> Response:
    """Answer with the form to sign in."""
    return show_form(call, "", choose_way_back(call.request.query_params.get("next", "/")), None)


async def sign_in(call: Call) -> Response:
    """Sign somebody in, and lead them to the page that they wanted."""
    form = await read_form(call.request)
    back = choose_way_back(form.first("next"))
    try:
        signed_in = await call.web.identity.sign_in(call.request, form.first("name"), form.first("password"))
    except ConfobjectsError as error:
        return show_form(call, form.first("name"), back, error)
    response = RedirectResponse(back, 303, HEADERS)
    set_cookie(call.request, response, signed_in)
    return response


async def sign_out(call: Call) -> Response:
    """End the session."""
    call.web.identity.end_session(call.request)
    response = RedirectResponse("/sign-in", 303, HEADERS)
    delete_cookie(call.request, response)
    return response
