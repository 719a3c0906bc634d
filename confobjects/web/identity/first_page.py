"""The page behind the first link: it asks for the name and the password of the first administrator."""

from __future__ import annotations

import html
from typing import Final

from anyio import to_thread
from starlette.responses import HTMLResponse, RedirectResponse, Response

from confobjects.errors import InvalidValueError
from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.forms import read_form
from confobjects.web.identity.first import PATH, FirstLink
from confobjects.web.identity.passwords import SHORTEST
from confobjects.web.identity.recognition import require_own_page, set_cookie
from confobjects.web.people import Person
from confobjects.web.problems import NotPermittedError

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>The first administrator</title></head>
<body>
<main>
<h1>The first administrator</h1>
{problem}<p>Nobody can sign in yet. Choose the name and the password of the first administrator.</p>
<form method="post">
<p><label for="name">Name</label> <input id="name" name="name" value="{name}" required autofocus autocomplete="username"></p>
<p><label for="password">Password, at least {shortest} characters</label>
<input id="password" name="password" type="password" required minlength="{shortest}" autocomplete="new-password"></p>
<p><button>Make the account, and sign in</button></p>
</form>
</main>
</body>
</html>
"""


def _show(name: str = "", problem: str = "", status: int = 200) -> Response:
    told = f'<p role="alert">{html.escape(problem)}</p>\n' if problem else ""
    page = _PAGE.format(name=html.escape(name), problem=told, shortest=SHORTEST)
    return HTMLResponse(page, status, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def _find(call: Call) -> FirstLink:
    link = call.web.identity.first
    if link is None:
        raise NotPermittedError("there is no such link")
    link.require(call.request)
    return link


async def _look_at(call: Call) -> Response:
    _find(call)
    return _show()


async def _take(call: Call) -> Response:
    require_own_page(call.request)
    link = _find(call)
    form = await read_form(call.request)
    name, password = (next(iter(form.get(field, ())), "") for field in ("name", "password"))
    try:
        account = await to_thread.run_sync(link.add, name.strip(), password)
    except InvalidValueError as error:
        return _show(name, error.diagnostics[0].summary, 422)
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
