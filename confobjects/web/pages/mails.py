"""The queue of the mail service and the counts of recipients, with what an operator does about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from confobjects.actions import remedy_text
from confobjects.cli.output.mails import PLAIN_STATES, mail_as_json, quota_as_json
from confobjects.errors import ConfobjectsError, NoSuchObjectError, UsageError
from confobjects.records import Record
from confobjects.service.ledger import judge_retry
from confobjects.service.opening import read_settings
from confobjects.service.operating import Wanted, find_mails, find_standing
from confobjects.service.rules.states import State, can_be_cancelled
from confobjects.service.rules.wording import word_outcome
from confobjects.web.pages.ledgers import load_service, open_ledger
from confobjects.web.pages.remedies import say
from confobjects.web.pages.views import Redirect, View

if TYPE_CHECKING:
    from confobjects.management import ManagementContext
    from confobjects.service.ledger import Entry, Ledger
    from confobjects.web.endpoints import Call
    from confobjects.web.pages.forms import Form

_MOST: Final = 100
"""Mails, or addresses, on the page."""
_PERIOD: Final = 5
"""Seconds after which a page of mails is looked at again: no event tells of what happens in the ledger."""


class MailRow(Record):
    """One mail in the list."""

    id: str
    state: str
    words: str
    accepted: str
    sender: str
    recipients: tuple[str, ...]
    last: str


def show_queue(call: Call, context: ManagementContext) -> View:
    """Return the list of mails, the oldest first; those in a state, of a sender or to an address, if the query says so."""
    query = call.request.query_params
    state, sender, to = query.get("state", ""), query.get("sender", ""), query.get("to", "").strip()
    if state and state not in set(State):
        raise UsageError("there is no such state of a mail")
    wanted = Wanted((State(state),) if state else (), sender, to)
    with open_ledger(load_service(call.web.sources, context)) as ledger:
        found = [] if ledger is None else list(find_mails(ledger, wanted, _MOST + 1))
    data = {
        "rows": [_make_row(one) for one in found[:_MOST]],
        "has_more": len(found) > _MOST,
        "states": [(one.value, PLAIN_STATES[one]) for one in State],
        "state": state,
        "sender": sender,
        "to": to,
        "period": _PERIOD,
    }
    return View("queue.html", "Queue", data, is_live=True)


def _make_row(entry: Entry) -> MailRow:
    facts = mail_as_json(entry)
    codes = dict.fromkeys(one["code"] for one in facts["recipients"] if one["code"])
    return MailRow(
        entry.id,
        entry.state.value,
        PLAIN_STATES[entry.state],
        facts["accepted"] or "",
        entry.sender,
        tuple(one["address"] or "(cannot be read)" for one in facts["recipients"]),
        ", ".join(codes),
    )


def show_mail(call: Call, context: ManagementContext) -> View:
    """Return the page of one mail: its recipients, with the last attempt of each."""
    with open_ledger(load_service(call.web.sources, context)) as ledger:
        return _show_mail(call, _find_mail(call, ledger), _now(ledger))


def _find_mail(call: Call, ledger: Ledger | None) -> Entry:
    if ledger is None:
        raise NoSuchObjectError("there is no ledger yet, and no mail in it")
    return ledger.find(call.request.path_params["mail"])


def _now(ledger: Ledger | None) -> int:
    return 0 if ledger is None else ledger.database.now()


def _show_mail(call: Call, entry: Entry, now: int, error: ConfobjectsError | None = None) -> View:
    facts = mail_as_json(entry)
    words = [word_outcome(one) for part in entry.parts for one in part.recipients]
    recipients = [
        {**one, "summary": "" if found is None else found.summary, "remedy": _describe_remedy(found)}
        for one, found in zip(facts["recipients"], words, strict=True)
    ]
    data = {
        "mail": {**facts, "recipients": recipients},
        "words": PLAIN_STATES[entry.state],
        "may_retry": bool(_judge_retry(entry)),
        "may_arrive_twice": any(part.state is State.UNKNOWN for part in entry.parts),
        "may_cancel": any(can_be_cancelled(part, now) for part in entry.parts),
        "may_change": call.caller.may("change"),
        "problems": [*entry.problems, *(() if error is None else error.diagnostics)],
        "period": _PERIOD,
    }
    status = 200 if error is None else error.http_status
    return View("mail.html", f"Mail {entry.id}", data, status, is_live=error is None)


def _describe_remedy(found: Any) -> str:
    return remedy_text(found.remedy, say) if found is not None and found.remedy else ""


def _judge_retry(entry: Entry) -> Any:
    try:
        return judge_retry(entry)
    except ConfobjectsError:  # its text is gone
        return ()


def change_mail(call: Call, context: ManagementContext, form: Form) -> View | Redirect:
    """Send a mail again, or give it up."""
    actions = {"retry": "retry", "cancel": "cancel"}
    if form.first("do") not in actions:
        raise UsageError("a mail can be sent again, or given up")
    with open_ledger(load_service(call.web.sources, context)) as ledger:
        entry = _find_mail(call, ledger)
        if ledger is None:
            raise AssertionError("a mail was found in a ledger")
        try:
            (ledger.retry if form.first("do") == "retry" else ledger.cancel)(entry.id)
        except ConfobjectsError as error:
            return _show_mail(call, entry, _now(ledger), error)
    return Redirect(f"/queue/{entry.id}")


# -- recipients --------------------------------------------------------------------------------------------------------


def show_recipients(call: Call, context: ManagementContext) -> View:
    """Return how many mails addresses have got: every one that counts for something, or the one that is asked for."""
    service = load_service(call.web.sources, context)
    settings = read_settings(service)
    wanted = call.request.query_params.get("address", "").strip()
    with open_ledger(service) as ledger:
        now = _now(ledger)
        known = [] if ledger is None or wanted else [(one.address, one.standing) for one in ledger.list_standings()]
        if wanted and ledger is not None:
            known = [(wanted, find_standing(ledger, wanted))]
    rows = [quota_as_json(address, standing, now, settings) for address, standing in known[:_MOST]]
    data = {
        "rows": rows,
        "has_more": len(known) > _MOST,
        "wanted": wanted,
        "limit": settings.recipient_limit,
        "hours": settings.recipient_window / 3_600_000,
        "categories": sorted(settings.limited_categories),
        "may_change": call.caller.may("change"),
        "period": _PERIOD,
    }
    return View("recipients.html", "Recipients", data, is_live=True)


def change_recipient(call: Call, context: ManagementContext, form: Form) -> View | Redirect:
    """Let the count of an address begin again, or let it get mail again."""
    address = form.first("address").strip()
    if not address or form.first("do") not in {"reset", "lift"}:
        raise UsageError("say what is to be done for which address")
    with open_ledger(load_service(call.web.sources, context)) as ledger:
        if ledger is None:
            raise NoSuchObjectError("there is no ledger yet, and no count in it")
        (ledger.reset_quota if form.first("do") == "reset" else ledger.lift_suppression)(address)
    return Redirect(f"/recipients?{urlencode({'address': address})}")
