"""Tests of stored objects: the page that begins one, its stages as they happen, and what it found.

A test connects as a delivery does; only a test mail sends something. Its result is kept with the object, as the command line does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from confobjects.cli.mail_servers import limit_to_login
from confobjects.errors import ConfobjectsError, UsageError
from confobjects.management import ChangeSignature
from confobjects.management.verifying import Outcome, find_fingerprints, note_verification
from confobjects.records import Record
from confobjects.startup import current_time
from confobjects.texts.sentences import capitalise
from confobjects.web.addresses import Addresses
from confobjects.web.pages.forms import Form, read_form
from confobjects.web.pages.places import find_place, list_crumbs
from confobjects.web.pages.remedies import Offer
from confobjects.web.pages.runs import RUNS, Run, RunKind, in_thread
from confobjects.web.pages.starting import evaluate
from confobjects.web.pages.views import HEADERS, View, respond
from confobjects.web.pages.watching import see_run, stream

if TYPE_CHECKING:
    from confobjects.management import ManagementContext
    from confobjects.objects.effective import EffectiveObject
    from confobjects.transport.network import Networks
    from confobjects.web.endpoints import Call

TESTS: Final = RunKind("test-runs", "run_state.html")
"""Runs of tests of what is stored."""

Note = Callable[[str, Outcome], None]
"""Keeps how a test of the object at a path ended."""


class Asked(Record):
    """A test that is asked for: the object, the form that asks, and what the test may connect to."""

    object: EffectiveObject
    form: Form
    networks: Networks


class Prepared(Record):
    """A test that can begin: what is shown of it, and its work."""

    facts: dict[str, Any]
    work: Callable[[Run], Any]


# -- what there is to test ---------------------------------------------------------------------------------------------


def _test_delivery(asked: Asked, run: Run, note: Note) -> Any:
    """Test a mail server, or the one of a mail sender; with a recipient a mail is sent."""
    from confobjects.mail.senders import find_server
    from confobjects.service.tokens import find_tokens
    from confobjects.transport.check import check_server

    server, sender = find_server(asked.object)
    to, networks = list_recipients(asked.form), asked.networks
    result = check_server(
        server,
        depth="send" if to else "auth",
        to=to,
        sender=sender,
        tokens=partial(find_tokens, network=networks.tokens),
        network=networks.mail,
        progress=run,
    )
    if result.code == "recipient-syntax":
        return result
    outcome = Outcome(result.depth, result.code, result.stage)
    note(asked.object.path, outcome)
    if sender is not None:
        note(server.path, limit_to_login(outcome))
    run.facts["offers"] = [] if result.ok else _offer_changes(run.facts, server, result)
    return result


def _offer_changes(facts: Mapping[str, Any], server: EffectiveObject, result: Any) -> list[Offer]:
    """Return the changes of a mail server that may mend its test, each as a link to its review."""
    from confobjects.mail.sender_forms import find_mendings
    from confobjects.mail.setup import TRUST

    here = f"/objects/{facts['addresses'][server.path]}"
    found = []
    for one in find_mendings(server, server.type, result.stage, result.property):
        label = capitalise(one.label)
        if one.ask == (TRUST,):
            found += [_offer_fix(here, f"Trust whom “{name}” trusts", [[TRUST, name]]) for name in facts["trusts"]]
        if one.ask:
            found.append(Offer(label, to=f"{here}#field:{one.ask[-1]}"))
        else:
            fix = [[name, text] for name, texts in one.values.items() for text in texts]
            found.append(_offer_fix(here, label, fix))
    return found


def _offer_fix(here: str, label: str, fix: list[list[str]]) -> Offer:
    return Offer(label, to=f"{here}?fix={quote(json.dumps(fix))}")


_MOST_OFFERED: Final = 5
"""Trust manager providers that are offered, at most."""


def _list_trusts(context: ManagementContext) -> list[str]:
    from confobjects.mail.setup import TRUST

    return [obj.name for obj in context.list(TRUST)[:_MOST_OFFERED]] if TRUST in context.registry.relations() else []


def _test_token(asked: Asked, _run: Run, note: Note) -> Any:
    """Get a token from an OAuth 2.0 provider."""
    from confobjects.oauth.checking import check_provider
    from confobjects.service.tokens import find_tokens

    provider = asked.object
    result = check_provider(provider.path, lambda: find_tokens(provider, network=asked.networks.tokens))
    note(provider.path, Outcome("token", result.code, "token" if result.code else ""))
    return result


CHECKS: Final[Mapping[str, Callable[[Asked, Run, Note], Any]]] = {
    "delivery": _test_delivery,
    "token": _test_token,
}
"""What carries out a test, by the name of the check in ``verification`` of a definition."""


def list_recipients(form: Form) -> Sequence[str]:
    """Return the recipients that were typed: one, or several with commas between them."""
    return tuple(text.strip() for text in form.first("to").split(",") if text.strip())


# -- pages -------------------------------------------------------------------------------------------------------------


def show_test(call: Call, context: ManagementContext) -> View:
    """Return the page from which an object is tested."""
    return _show_form(call, context, None)


def _show_form(
    call: Call, context: ManagementContext, error: ConfobjectsError | None, form: Form | None = None
) -> View:
    place = find_place(call, context.registry, "test")
    if place.is_list:
        raise UsageError("a list cannot be tested")
    obj = context.get(place.relation.name, place.names)
    verification = obj.definition.verification
    if verification is None or verification.check not in CHECKS:
        raise UsageError(f"there is no test of {place.relation.friendly_plural}")
    parents = place.names[:-1] if place.relation.named else place.names
    addresses = Addresses.of(context.registry)
    name = obj.name or place.relation.friendly
    data = {
        "name": name,
        "address": addresses.write_path(obj.path),
        "verification": verification,
        "sends": verification.check == "delivery" and call.caller.may("send"),
        "to": "" if form is None else form.first("to"),
        "crumbs": [
            *list_crumbs(context.registry, place.relation, parents),
            (place.relation.friendly_plural, f"/objects/{addresses.write_list(place.relation, parents)}"),
            (name, f"/objects/{addresses.write_path(obj.path)}"),
        ],
        "problems": [] if error is None else error.diagnostics,
    }
    return View("test.html", f"Test {name}", data, 200 if error is None else error.http_status)


async def begin_test(call: Call) -> Response:
    """Begin a test, and lead to its page."""
    form = await read_form(call.request)

    def prepare(context: ManagementContext) -> Prepared | Response:
        try:
            prepared = _prepare(call, context, form)
            call.begin_test()
        except ConfobjectsError as error:
            return respond(call, context, _show_form(call, context, error, form))
        return prepared

    prepared = await call.web.served.read(prepare)
    if isinstance(prepared, Response):
        return prepared
    run = RUNS.begin(TESTS, call.caller.name, prepared.facts, in_thread(prepared.work, call.web.testers))
    return RedirectResponse(run.address, 303, HEADERS)


def _prepare(call: Call, context: ManagementContext, form: Form) -> Prepared:
    place = find_place(call, context.registry, "test")
    obj = context.get(place.relation.name, place.names)
    verification = obj.definition.verification
    if verification is None or verification.check not in CHECKS:
        raise UsageError(f"there is no test of {place.relation.friendly_plural}")
    is_mail = form.first("do") == "send"
    if is_mail and not list_recipients(form):
        raise UsageError("a test mail needs a mail address to send it to")
    if not is_mail:
        form = Form()
    effective = evaluate(call.web.sources, context, obj)
    made_with = find_fingerprints(context.site, obj.path)
    addresses = Addresses.of(context.registry)
    paths = {str(path): addresses.write_path(path) for path in (obj.path, *made_with)}
    person = call.caller.name
    site = context.site.replace(sign=lambda: ChangeSignature(current_time(), person, "console"))

    def note(path: str, outcome: Outcome) -> None:
        found = site.registry.parse_path(path)
        if found in made_with:
            note_verification(site, found, outcome, made_with[found])

    asked = Asked(effective, form, call.networks)

    def work(run: Run) -> Any:
        return CHECKS[verification.check](asked, run, note)

    facts = {
        "name": obj.name or place.relation.friendly,
        "path": str(obj.path),
        "address": paths[str(obj.path)],
        "addresses": paths,
        "to": list(list_recipients(form)),
        "offers": [],
        "trusts": _list_trusts(context),
    }
    return Prepared(facts, work)


def show_run(call: Call, context: ManagementContext) -> View:
    """Return the page of a test that is under way or over."""
    run = see_run(call, TESTS)
    sends = bool(run.facts["to"])
    title = f"{'Test email from' if sends else 'Test of'} {run.facts['name']}"
    del context
    return View("run.html", title, {"run": run})


stream_test = stream(TESTS)
"""Answers with the stages of a test as they happen."""
