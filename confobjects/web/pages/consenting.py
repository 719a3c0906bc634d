"""Authorise: a person consents at an OAuth 2.0 provider, comes back, and the refresh token is saved.

The way out is a plain link, because the Content-Security-Policy lets no form end at another host. The way back is the console's own
address; there the browser does not send the cookie of the session, which is for requests of our own pages only. So that page leads
on to one of ours by itself.

Whoever cannot be sent back, because the provider knows no address of the console, consents with a code on any device
(:mod:`confobjects.web.pages.devices`).

Laws of this module:

1. The ``state`` (RFC 6749, section 10.12) is a draft: it is good for the person who began, in this process, for an hour, and holds the
   verifier (RFC 7636), which nobody else can read.
2. Nothing is saved before the person, signed in, says so with the form of our page.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from confobjects.errors import ConfobjectsError, UsageError
from confobjects.mail.diagnosis import Trouble
from confobjects.management.changing.operations import Operation
from confobjects.oauth.checking import as_oauth_error
from confobjects.oauth.consenting import Consent
from confobjects.oauth.http import make_post
from confobjects.oauth.protocol.requests import make_consent_url
from confobjects.oauth.protocol.settings import CONSENTED, read_settings
from confobjects.objects.changes import PropertyChanges
from confobjects.web.addresses import Addresses, read_address
from confobjects.web.pages.drafts import DRAFTS, Draft
from confobjects.web.pages.places import find_place
from confobjects.web.pages.starting import evaluate
from confobjects.web.pages.views import Redirect, View, respond

if TYPE_CHECKING:
    from starlette.responses import Response

    from confobjects.management import ManagementContext
    from confobjects.oauth.protocol.answers import Token
    from confobjects.oauth.protocol.settings import ProviderSettings
    from confobjects.objects.changes import ChangeReport
    from confobjects.objects.effective import EffectiveObject
    from confobjects.transport.network import Network
    from confobjects.web.addresses import Place
    from confobjects.web.endpoints import Call
    from confobjects.web.pages.forms import Form
    from confobjects.web.sources import Sources

CALLBACK: Final = "/authorise-callback"
"""Where the browser comes back to; the address is to be registered at the provider."""
CHECK: Final = "token"
"""The name of the check of objects that give tokens."""
_PLACE: Final = "authorise"
_BROUGHT: Final = ("code", "state", "error", "error_description")
_LONGEST: Final = 4_000


def show_authorise(call: Call, context: ManagementContext) -> View:
    """Return the page from which a person goes to the provider, or asks for a code."""
    place = find_place(call, context.registry, "authorise")
    _, settings = load_provider(call.web.sources, context, place)
    address = Addresses.of(context.registry).write_path(context.registry.path_of(place.relation.name, place.names))
    data = {"address": address, "name": place.names[-1], "has_codes": settings.device_endpoint is not None}
    return View(
        "authorise.html", f"Authorise {place.names[-1]}", {**data, **_begin_at_provider(call, settings, address)}
    )


def _begin_at_provider(call: Call, settings: ProviderSettings, address: str) -> dict[str, str]:
    """Return the address of the provider, and the one that the browser comes back to; neither without consent in a browser."""
    if settings.authorization_endpoint is None:
        return {"url": "", "redirect": ""}
    redirect = f"{call.request.url.scheme}://{call.request.headers.get('host', '')}{CALLBACK}"
    verifier = secrets.token_urlsafe(48)
    draft = Draft(secrets={"verifier": verifier, "redirect": redirect, "address": address})
    state = DRAFTS.write(draft, call.caller.name, _PLACE)
    try:
        url = make_consent_url(settings, redirect, state, verifier)
    except Trouble as trouble:
        raise as_oauth_error(trouble) from None
    return {"url": url, "redirect": redirect}


def load_provider(
    sources: Sources, context: ManagementContext, place: Place
) -> tuple[EffectiveObject, ProviderSettings]:
    """Return a provider and its settings. Raises UsageError for what no person consents to, and OAuthError."""
    if place.is_list:
        raise UsageError("a list cannot be authorised")
    obj = context.get(place.relation.name, place.names)
    if obj.definition.verification is None or obj.definition.verification.check != CHECK:
        raise UsageError(f"nobody has to consent to {place.relation.friendly_plural}")
    provider = evaluate(sources, context, obj)
    try:
        settings = read_settings(provider, even_disabled=True)
    except Trouble as trouble:
        raise as_oauth_error(trouble) from None
    if settings.grant not in CONSENTED:
        raise UsageError(f"the grant {settings.grant} needs no consent of a person")
    return provider, settings


async def come_back(call: Call) -> Response:
    """Answer to a browser that comes back from a provider: lead on to our page, to which it brings its session."""
    query = call.request.query_params
    brought = {name: query[name][:_LONGEST] for name in _BROUGHT if name in query}
    return respond(call, None, View("come_back.html", "Welcome back", {"to": f"/authorised?{urlencode(brought)}"}))


def show_authorised(call: Call, _context: ManagementContext) -> View:
    """Return the page that asks whether the consent is to be saved."""
    query = call.request.query_params
    return _show_authorised(call, query.get("code", ""), query.get("state", ""))


def _show_authorised(call: Call, code: str, state: str, error: ConfobjectsError | None = None) -> View:
    draft = DRAFTS.read(state, call.caller.name, _PLACE)
    query = call.request.query_params
    data = {
        "code": code if draft is not None else "",
        "state": state,
        "address": "" if draft is None else draft.secrets["address"],
        "said": (query.get("error_description") or query.get("error", ""))[:300],
        "is_unknown": draft is None,
        "problems": [] if error is None else error.diagnostics,
    }
    return View("authorised.html", "Save the consent", data, 200 if error is None else error.http_status)


def save_consent(call: Call, context: ManagementContext, form: Form) -> View | Redirect:
    """Exchange the code for tokens, and save the refresh token."""
    draft = DRAFTS.read(form.first("state"), call.caller.name, _PLACE)
    code = form.first("code")
    if draft is None or not code:
        return _show_authorised(call, "", form.first("state"))
    address = draft.secrets["address"]
    place = Addresses.of(context.registry).find_place(read_address(address))
    try:
        provider, settings = load_provider(call.web.sources, context, place)
        token = _exchange(settings, draft, code, call.networks.tokens)
        report = save_token(context, place, settings, token)
    except ConfobjectsError as error:
        return _show_authorised(call, "", form.first("state"), error)
    keep_token(provider, settings, token)
    return Redirect(f"/objects/{address}" if report.number is None else f"/objects/{address}?saved={report.number}")


def save_token(context: ManagementContext, place: Place, settings: ProviderSettings, token: Token) -> ChangeReport:
    """Save the refresh token of a consent. Raises what a transaction raises."""
    changes = PropertyChanges(set={settings.refresh_property: (token.refresh,)})
    with context.change() as transaction:
        Operation("modify", place.relation.name, place.names, changes=changes).ask(transaction)
    return transaction.report


def _exchange(settings: ProviderSettings, draft: Draft, code: str, network: Network) -> Token:
    try:
        consent = Consent(settings, post=make_post(network))
        return consent.exchange_code(code, draft.secrets["redirect"], draft.secrets["verifier"])
    except Trouble as trouble:
        raise as_oauth_error(trouble) from None


def keep_token(provider: EffectiveObject, settings: ProviderSettings, token: Token) -> None:
    """Keep the access token for the next login; without it, that fetches one."""
    from confobjects.oauth.sources import ProviderTokens
    from confobjects.service.tokens import open_token_store

    with contextlib.suppress(Trouble):
        store = open_token_store(provider, os.environ)
        ProviderTokens(settings.replace(refresh_token=token.refresh), store).adopt(token)
