"""The mail service: who mail comes from, the sender of its own or the default one; its limits; how it is.

As SAP's and Zuora's administrators know it: one choice between the default and a custom mail server, and a test before the save.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from confobjects.errors import ConfobjectsError, MailError
from confobjects.mail.sender_forms import SERVICE_CHOICES, SERVICE_LIMITS, SERVICE_STATE
from confobjects.mail.setup import SENDER_KIND
from confobjects.service.places import KIND
from confobjects.web.addresses import Addresses
from confobjects.web.pages.editing import Editing
from confobjects.web.pages.ledgers import load_service, open_ledger
from confobjects.web.pages.outcomes import NOTHING, Outcome, describe_saved
from confobjects.web.pages.reviewing import show_plan
from confobjects.web.pages.starting import evaluate
from confobjects.web.pages.views import Redirect, View

if TYPE_CHECKING:
    from confobjects.management import ManagementContext
    from confobjects.objects.effective import EffectiveObject
    from confobjects.savetests import Show
    from confobjects.service.status import Status
    from confobjects.web.endpoints import Call
    from confobjects.web.pages.forms import Form
    from confobjects.web.sources import Sources

_SAVES: Final = {"save", "save-tested"}


def show_service(call: Call, context: ManagementContext) -> View:
    """Return the page of the mail service."""
    return _show_service(call, _edit(call, context, None), NOTHING)


def _edit(call: Call, context: ManagementContext, form: Form | None) -> Editing:
    return Editing(context, call, context.registry.relation(KIND), (), form=form)


def change_service(call: Call, context: ManagementContext, form: Form, tells: Show | None = None) -> View | Redirect:
    """Review or save what the form wants, after a test of the sender that mail then comes from, if that is asked for."""
    editing = _edit(call, context, form)
    button = form.first("do")
    if editing.is_stale:
        return _show_service(call, editing, Outcome(stale=True))
    try:
        report = editing.plan()
        if button not in _SAVES:
            return _show_service(call, editing, Outcome(report=report))
        if button == "save-tested":
            call.begin_test()
            _test_sender(call, editing, tells)
        report = editing.save("policy")
    except ConfobjectsError as error:
        return _show_service(call, editing, Outcome(error=error))
    return Redirect("/mail-service" if report.number is None else f"/mail-service?saved={report.number}")


def _test_sender(call: Call, editing: Editing, tells: Show | None) -> None:
    """Test the sender that mail comes from after the change. Raises what the test has found."""
    from confobjects.mail.senders import find_server
    from confobjects.management.changing.trying import try_changes
    from confobjects.service.opening import choose_sender
    from confobjects.service.tokens import find_tokens
    from confobjects.transport.check import DEFAULT_DEPTH, check_server

    world = try_changes(editing.context.site, KIND, (), editing.operation.changes)
    stored = world.find(editing.object.path) or editing.object
    found = choose_sender(evaluate(call.web.sources, editing.context, stored, world))
    if found is None:
        return
    server, sender = find_server(found)
    networks = call.networks
    with tells(found.path, DEFAULT_DEPTH) if tells is not None else nullcontext() as progress:
        result = check_server(
            server,
            sender=sender,
            tokens=partial(find_tokens, network=networks.tokens),
            network=networks.mail,
            progress=progress,
        )
    if not result.ok:
        raise MailError(result.diagnostics)


def _show_service(call: Call, editing: Editing, outcome: Outcome) -> View:
    context = editing.context
    own, others = editing.sort_problems(outcome.error)
    fields = {one.name: one for one in editing.make_fields(own)}
    addresses = Addresses.of(context.registry)
    number = call.request.query_params.get("saved", "")
    used, custom, default = SERVICE_CHOICES
    data: dict[str, Any] = {
        "state": fields[SERVICE_STATE],
        "used": fields[used],
        "is_used": _choose_shown(editing, used),
        "custom": fields[custom],
        "default": fields[default],
        "limits": [fields[name] for name in SERVICE_LIMITS if name in fields],
        "draft": editing.write_draft(),
        "plan": None if outcome.report is None else show_plan(outcome.report),
        "is_empty": outcome.report is not None and not outcome.report.changed,
        "problems": others,
        "stale": outcome.stale,
        "saved": describe_saved(context, int(number[:9])) if number.isdigit() else None,
        "address": addresses.write_path(editing.object.path),
        "senders": addresses.write_list(context.registry.relation(SENDER_KIND)),
        "status": _describe_status(call.web.sources, context),
        "may_change": call.caller.may("change"),
        "may_test": call.caller.may("test"),
    }
    return View("mail_service.html", "Mail service", data, outcome.status)


def _choose_shown(editing: Editing, name: str) -> bool:
    """Tell whether the custom sender is chosen on the form."""
    texts = editing.wanted.get(name) or editing.object.values.get(name, ())
    return texts != ("false",)


# -- how it is -----------------------------------------------------------------------------------------------------------


def _describe_status(sources: Sources, context: ManagementContext) -> dict[str, Any]:
    """Return how the service is; what cannot be read is a problem of it."""
    from confobjects.cli.output.mail_service import status_as_json
    from confobjects.service.complaining import word_finding
    from confobjects.service.opening import explain_sender

    try:
        service = load_service(sources, context)
        status = _find_status(service)
        facts = status_as_json(status, explain_sender(service))
    except ConfobjectsError as error:
        return {"facts": None, "problems": error.diagnostics}
    return {"facts": facts, "problems": [word_finding(one) for one in status.findings]}


def _find_status(service: EffectiveObject) -> Status:
    from confobjects.cli.commands.mail_service import make_empty
    from confobjects.service.opening import read_settings
    from confobjects.service.operating import read_overview
    from confobjects.service.status import make_status

    with open_ledger(service) as ledger:
        overview = make_empty(service) if ledger is None else read_overview(ledger)
    return make_status(overview, read_settings(service))
