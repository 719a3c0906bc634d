"""Sign-in at a provider of OpenID Connect: the way there, and the way back.

The way there is a plain link, because the Content-Security-Policy lets no form end at another host. What ties the way back to the
browser that began travels in a cookie of its own, encrypted for this process. That one is Lax: the browser brings it along when the
provider sends it back, and not when another page asks for something. The cookie of the session is Strict. So the way back ends at a
page that leads on to one of ours by itself.

Laws of this module:

1. Nobody is signed in by an answer to a question that this browser did not ask: ``state`` must fit the cookie, which is good for ten
   minutes and for one answer.
2. Where the way ends is a page of this console.
"""

from __future__ import annotations

import logging
import secrets
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from starlette.responses import RedirectResponse, Response

from confobjects.errors import ConfobjectsError
from confobjects.oauth.openid import Attempt
from confobjects.texts.visible import make_visible
from confobjects.web.identity.attempts import address_of
from confobjects.web.identity.openid import LONGEST, OpenId
from confobjects.web.identity.recognition import name_cookie, require_own_page, set_cookie
from confobjects.web.pages.drafts import DRAFTS, Draft
from confobjects.web.pages.entrance import show_form
from confobjects.web.pages.returning import choose_way_back
from confobjects.web.pages.views import HEADERS, View, respond
from confobjects.web.problems import NoSuchAddressError, NotSignedInError

if TYPE_CHECKING:
    from starlette.requests import Request

    from confobjects.web.endpoints import Call
    from confobjects.web.identity.recognition import SignedIn

LOG: Final = logging.getLogger("confobjects.web.identity")
BEGIN: Final = "/sign-in/openid"
CALLBACK: Final = "/sign-in/openid/callback"
"""Where the browser comes back to; the address is to be registered at the provider."""
SECONDS: Final = 600
_PLACE: Final = "openid"
_MOST_WORDS: Final = 200
_LONGEST_CODE: Final = 8_000


async def begin(call: Call) -> Response:
    """Send somebody to the provider."""
    openid, back = _find(call), choose_way_back(call.request.query_params.get("next", "/"))
    request = call.request
    redirect = f"{request.url.scheme}://{request.headers.get('host', '')}{CALLBACK}"
    attempt = Attempt(redirect, secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))
    try:
        require_own_page(request)
        url = await openid.make_url(attempt)
    except ConfobjectsError as error:
        return show_form(call, "", back, error)
    response = RedirectResponse(url, 303, HEADERS)
    _set_state(request, response, _write(attempt, back))
    return response


async def come_back(call: Call) -> Response:
    """Sign in whom the provider sends back, and lead on to the page that they wanted."""
    openid, request = _find(call), call.request
    back = "/"
    try:
        attempt, back = _read(request)
        signed_in = await _sign_in(call, openid, attempt)
    except ConfobjectsError as error:
        response = show_form(call, "", back, error)
    else:
        response = respond(call, None, View("come_back.html", "Welcome", {"to": back}))
        set_cookie(request, response, signed_in)
    _set_state(request, response, "")
    return response


async def _sign_in(call: Call, openid: OpenId, attempt: Attempt) -> SignedIn:
    identity, query, address = call.web.identity, call.request.query_params, address_of(call.request)
    identity.attempts.begin_at(address)
    try:
        if "error" in query:
            said = make_visible(f"{query['error']} {query.get('error_description', '')}".strip())[:_MOST_WORDS]
            raise NotSignedInError(f"the identity provider refused: {said}")
        person = await openid.sign_in(query.get("code", "")[:_LONGEST_CODE], query.get("iss"), attempt)
    except ConfobjectsError:
        LOG.warning("sign-in refused", extra={"confobjects": {"event": "sign-in-refused", "address": address}})
        raise
    identity.attempts.succeed_at(address)
    return identity.begin_session(call.request, person, longest=LONGEST)


def _find(call: Call) -> OpenId:
    openid = call.web.identity.openid
    if openid is None:
        raise NoSuchAddressError("there is nothing at this address")
    return openid


# -- what ties the way back to the browser -----------------------------------------------------------------------------


def _write(attempt: Attempt, back: str) -> str:
    return DRAFTS.write(
        Draft(secrets={**{name: getattr(attempt, name) for name in attempt._fields}, "back": back}), "", _PLACE
    )


def _read(request: Request) -> tuple[Attempt, str]:
    """Return the sign-in that an answer belongs to, and the page that was wanted. Raises NotSignedInError."""
    text = request.cookies.get(name_cookie(request, _PLACE), "")
    draft = DRAFTS.read(text, "", _PLACE, SECONDS) if text else None
    if draft is not None:
        facts = dict(draft.secrets)
        back = facts.pop("back")
        given = request.query_params.get("state", "")
        if compare_digest(given.encode("utf-8", "replace"), facts["state"].encode()):
            return Attempt(**facts), back
    raise NotSignedInError("this sign-in was not begun here, or too long ago: begin again")


def _set_state(request: Request, response: Response, text: str) -> None:
    """Give the browser the text to bring back; an empty one takes it away."""
    secure = request.url.scheme == "https"
    age = SECONDS if text else 0
    response.set_cookie(name_cookie(request, _PLACE), text, age, path="/", secure=secure, httponly=True, samesite="lax")
