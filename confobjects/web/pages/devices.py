"""Authorise with a code: a person consents on any device while the process asks the provider whether they have (RFC 8628).

Laws of this module:

1. The page has the code and where to enter it, and tells when access was granted; the code of the device itself is never shown.
2. Nothing is saved before the person, signed in, says so with the form of our page.
3. The wait ends with the code, with the run, or with the process, whichever is first.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import RedirectResponse, Response

from confobjects.errors import UsageError
from confobjects.mail.diagnosis import Trouble
from confobjects.oauth.checking import as_oauth_error
from confobjects.oauth.consenting import Consent
from confobjects.oauth.http import make_post
from confobjects.oauth.protocol.settings import trouble_with
from confobjects.records import Record
from confobjects.web.addresses import Addresses, read_address
from confobjects.web.pages.consenting import keep_token, load_provider, save_token
from confobjects.web.pages.forms import read_form
from confobjects.web.pages.places import find_place
from confobjects.web.pages.runs import KEPT, RUNS, Run, RunKind, in_thread
from confobjects.web.pages.views import HEADERS, Redirect, View
from confobjects.web.pages.watching import find_run, see_run, stream

if TYPE_CHECKING:
    from confobjects.management import ManagementContext
    from confobjects.oauth.protocol.answers import DeviceCodes, Token
    from confobjects.oauth.protocol.settings import ProviderSettings
    from confobjects.web.endpoints import Call
    from confobjects.web.pages.forms import Form

CONSENTS: Final = RunKind("consents", "consent_state.html")
"""Runs that wait for somebody to consent."""
_LOOK: Final = 0.5
"""Seconds between two looks at whether to go on waiting."""


class ShownCodes(Record):
    """What a person enters where; ``complete_url`` has the code in it, ``minutes`` is how long it is good for."""

    user_code: str
    url: str
    complete_url: str
    minutes: int


async def begin_consent(call: Call) -> Response:
    """Ask the provider for a code, and lead to the page that has it."""
    await read_form(call.request)

    def prepare(context: ManagementContext) -> tuple[ProviderSettings, dict[str, Any]]:
        place = find_place(call, context.registry, "authorise")
        _, settings = load_provider(call.web.sources, context, place)
        address = Addresses.of(context.registry).write_path(context.registry.path_of(place.relation.name, place.names))
        return settings, {"address": address, "name": place.names[-1], "codes": None}

    settings, facts = await call.web.served.read(prepare)
    call.begin_test()
    post = make_post(call.networks.tokens)

    def wait(run: Run) -> Token:
        consent = Consent(settings, post=post, sleep=lambda seconds: _sleep(run, settings, seconds))
        try:
            return consent.by_device(lambda codes: run.note(codes=_show_codes(codes)))
        except Trouble as trouble:
            raise as_oauth_error(trouble) from None

    run = RUNS.begin(CONSENTS, call.caller.name, facts, in_thread(wait, call.web.waiters))
    return RedirectResponse(run.address, 303, HEADERS)


def _sleep(run: Run, settings: ProviderSettings, seconds: float) -> None:
    """Wait, as long as somebody may still look at the run. Raises Trouble."""
    end = time.monotonic() + seconds
    while (rest := end - time.monotonic()) > 0:
        if run.is_over or time.monotonic() - run.begun > KEPT:
            raise trouble_with(settings, "token-codes-expired")
        time.sleep(min(rest, _LOOK))


def _show_codes(codes: DeviceCodes) -> ShownCodes:
    minutes = max(1, round(min(codes.expires - time.time(), KEPT) / 60))
    return ShownCodes(codes.user_code, codes.url, codes.complete_url, minutes)


def show_consent(call: Call, _context: ManagementContext) -> View:
    """Return the page of a consent that is waited for, or was given, or refused."""
    run = see_run(call, CONSENTS)
    status = 200 if run.error is None else run.error.http_status
    return View("consent.html", f"Authorise {run.facts['name']}", {"run": run}, status)


stream_consent = stream(CONSENTS)
"""Answers with how a consent stands as it goes on."""


def save_consent(call: Call, context: ManagementContext, _form: Form) -> Redirect:
    """Save the refresh token of a consent that was given."""
    run = find_run(call, CONSENTS)
    token, address = run.result, run.facts["address"]
    if token is None:
        raise UsageError("there is no consent to save, or it is saved already")
    place = Addresses.of(context.registry).find_place(read_address(address))
    provider, settings = load_provider(call.web.sources, context, place)
    report = save_token(context, place, settings, token)
    run.result = None
    keep_token(provider, settings, token)
    return Redirect(f"/objects/{address}" if report.number is None else f"/objects/{address}?saved={report.number}")
