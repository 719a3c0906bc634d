"""The endpoints of sign-in: begin a session, look at it, end it."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.identity.recognition import delete_cookie, set_cookie
from confobjects.web.people import PERMISSIONS, Person
from confobjects.web.problems import WebError

_NO_STORE: Final = {"Cache-Control": "no-store"}


async def _begin(call: Call) -> Response:
    identity = call.web.identity
    name, password = await _read_sign_in(call.request)
    signed_in = await identity.sign_in(call.request, name, password)
    response = JSONResponse(_describe(signed_in.session.person, signed_in.session.csrf_token), 201, _NO_STORE)
    set_cookie(call.request, response, signed_in)
    return response


async def _read_sign_in(request: Request) -> tuple[str, str]:
    """Return the name and the password of a request in JSON, which no form of another site can send unasked (Fetch, CORS)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise WebError("a sign-in is a document of the type application/json")
    try:
        found = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise WebError("the sign-in is not JSON") from None
    match found:
        case {"name": str(name), "password": str(password), **rest} if not rest:
            return name, password
    raise WebError("a sign-in has a name and a password, both as texts, and nothing else")


async def _look_at(call: Call) -> Response:
    return JSONResponse(_describe(call.caller, call.web.identity.csrf_token(call.request)), headers=_NO_STORE)


async def _end(call: Call) -> Response:
    call.web.identity.end_session(call.request)
    response = Response(status_code=204, headers=_NO_STORE)
    delete_cookie(call.request, response)
    return response


def _describe(person: Person, csrf_token: str) -> dict[str, Any]:
    return {
        "name": person.name,
        "role": person.role,
        "way": person.way,
        "permissions": sorted(PERMISSIONS[person.role]),
        "csrf_token": csrf_token,
    }


ENDPOINTS: Final = (
    Endpoint("POST", "/session", "nobody", _begin, "Sign in with a name and a password; a session begins."),
    Endpoint("GET", "/session", "anybody", _look_at, "Who is signed in, with which role, and the CSRF token."),
    Endpoint("DELETE", "/session", "anybody", _end, "Sign out; the session is over."),
)
