"""The mail service: mails handed in, the queue, quotas, its state; and the services that follow the configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from anyio import to_thread
from starlette.responses import Response

from confobjects.cli.commands.followers import judge_reports
from confobjects.cli.commands.mail_service import make_empty
from confobjects.cli.mail_ledgers import open_ledger
from confobjects.cli.mail_service import HandedIn
from confobjects.cli.output.followers import followers_as_json
from confobjects.cli.output.mail_service import status_as_json
from confobjects.cli.output.mails import mail_as_json, quota_as_json
from confobjects.errors import error_for
from confobjects.management.judging import judge_one, judge_some
from confobjects.service.opening import SENDERS
from confobjects.service.places import KIND
from confobjects.web.api.answers import Query, answer_json
from confobjects.web.api.bodies import JSON, choose_type, read_bytes, read_members
from confobjects.web.api.places import read_name
from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.hiding import hide_evaluated
from confobjects.web.problems import BadQueryError, UnsuitableBodyError

if TYPE_CHECKING:
    from confobjects.management.context import ManagementContext
    from confobjects.objects.effective import EffectiveConfiguration, EffectiveObject
    from confobjects.service.ledger import Entry, Ledger, Mail
    from confobjects.service.rules.settings import Settings

T = TypeVar("T")
MESSAGE: Final = "message/rfc822"
STATES: Final = ("queued", "taken", "sending", "delivered", "failed", "unknown")
_ADDRESS: Final = "{address:path}"
"""The name of an address in the path of a route: it may hold a slash, also where that is percent-decoded before."""
_MOST: Final = 1000
_STUCK_AFTER: Final = 3600
"""Seconds after which a mail is too old."""


# -- the ledger ----------------------------------------------------------------------------------------------------------


async def _load_service(call: Call) -> EffectiveObject:
    """Return the mail service, evaluated. What is wrong with it keeps nobody from its ledger."""
    sources = call.web.sources
    evaluate = sources.make_evaluator()

    def work(context: ManagementContext) -> EffectiveObject:
        site = context.site.replace(evaluate=evaluate)
        return judge_one(site, context.get(KIND), sources.instance_directory)[0]

    return await call.web.served.read(work)


async def use_ledger(call: Call, work: Callable[[Ledger, Settings], T]) -> T:
    """Return what a function finds in the ledger, or does to it. Raises LedgerError."""
    from confobjects.service.opening import read_settings

    service = await _load_service(call)

    def use() -> T:
        with open_ledger(service) as ledger:
            return work(ledger, read_settings(service))

    return await to_thread.run_sync(use, limiter=call.web.ledger_users)


def read_states(query: Query) -> tuple[str, ...]:
    """Return the states that a query names. Raises :class:`~confobjects.web.problems.BadQueryError`."""
    states = query.texts("state")
    if wrong := [one for one in states if one not in STATES]:
        raise BadQueryError(f"state is one of {', '.join(STATES)}, not {wrong[0][:60]!r}")
    return states


async def _list_mails(call: Call) -> Response:
    query = Query(call.request, ("sender", "to", "limit"), ("state",))
    limit, states = query.number("limit", 100, 1, _MOST), read_states(query)

    def work(ledger: Ledger, _: Settings) -> dict[str, Any]:
        from confobjects.service.operating import Wanted, find_mails
        from confobjects.service.rules.states import State

        wanted = Wanted(tuple(map(State, states)), query.text("sender"), query.text("to"))
        found = list(find_mails(ledger, wanted, limit + 1))
        return {"mails": [mail_as_json(one) for one in found[:limit]], "more": len(found) > limit}

    return answer_json(await use_ledger(call, work))


async def _get_mail(call: Call) -> Response:
    Query(call.request, ())
    id_ = read_name(call.request)
    return answer_json(await use_ledger(call, lambda ledger, _: mail_as_json(ledger.find(id_))))


async def _change_mail(call: Call, action: str, judge: Callable[[Ledger, Entry], int], change: str) -> Response:
    dry_run = Query(call.request, ("dry-run",)).flag("dry-run")
    id_ = read_name(call.request, action)

    def work(ledger: Ledger, _: Settings) -> dict[str, Any]:
        entry = ledger.find(id_)
        parts = judge(ledger, entry)
        if parts and not dry_run:
            parts = getattr(ledger, change)(entry.id)
        return {"action": action, "dry_run": dry_run, "mails": [{"id": entry.id, "parts": parts}]}

    return answer_json(await use_ledger(call, work))


async def _retry_mail(call: Call) -> Response:
    def judge(_: Ledger, entry: Entry) -> int:
        from confobjects.service.ledger import judge_retry

        return len(judge_retry(entry))

    return await _change_mail(call, "retry", judge, "retry")


async def _cancel_mail(call: Call) -> Response:
    def judge(ledger: Ledger, entry: Entry) -> int:
        from confobjects.service.rules.states import can_be_cancelled

        now = ledger.database.now()
        return sum(can_be_cancelled(part, now) for part in entry.parts)

    return await _change_mail(call, "cancel", judge, "cancel")


async def _list_quotas(call: Call) -> Response:
    Query(call.request, ())

    def work(ledger: Ledger, settings: Settings) -> dict[str, Any]:
        now = ledger.database.now()
        found = ledger.list_standings()
        return {"addresses": [quota_as_json(one.address, one.standing, now, settings) for one in found]}

    return answer_json(await use_ledger(call, work))


async def _get_quota(call: Call) -> Response:
    Query(call.request, ())
    address = read_name(call.request)

    def work(ledger: Ledger, settings: Settings) -> dict[str, Any]:
        from confobjects.service.operating import find_standing

        return quota_as_json(address, find_standing(ledger, address), ledger.database.now(), settings)

    return answer_json(await use_ledger(call, work))


async def _reset_quota(call: Call) -> Response:
    dry_run = Query(call.request, ("dry-run",)).flag("dry-run")
    address = read_name(call.request, "reset")

    def work(ledger: Ledger, _: Settings) -> dict[str, Any]:
        from confobjects.service.ledger import judge_reset
        from confobjects.service.operating import find_standing

        standing = find_standing(ledger, address)
        has_changed = judge_reset(address, standing) != standing if dry_run else ledger.reset_quota(address)
        return {"action": "reset", "address": address, "changed": has_changed, "dry_run": dry_run}

    return answer_json(await use_ledger(call, work))


async def _lift_suppression(call: Call) -> Response:
    dry_run = Query(call.request, ("dry-run",)).flag("dry-run")
    address = read_name(call.request, "lift")

    def work(ledger: Ledger, _: Settings) -> dict[str, Any]:
        from confobjects.service.operating import find_standing

        standing = find_standing(ledger, address)
        has_changed = bool(standing.refusals or standing.suppressed)
        if not dry_run:
            has_changed = ledger.lift_suppression(address)
        return {"action": "lift", "address": address, "changed": has_changed, "dry_run": dry_run}

    return answer_json(await use_ledger(call, work))


async def _get_status(call: Call) -> Response:
    stuck_after = Query(call.request, ("overdue-after",)).number("overdue-after", _STUCK_AFTER, 1, 10**8)
    service = await _load_service(call)
    refused = await _find_refused(call, service)

    def work() -> dict[str, Any]:
        from confobjects.service.current import find_fingerprint
        from confobjects.service.opening import explain_sender, has_ledger, read_settings
        from confobjects.service.operating import read_overview
        from confobjects.service.status import make_status

        settings, limit = read_settings(service), stuck_after * 1000
        if not has_ledger(service, os.environ):
            return status_as_json(make_status(make_empty(service), settings, {}, limit), explain_sender(service))
        with open_ledger(service) as ledger:
            fingerprints = {name: find_fingerprint(one, ledger) for name, one in refused.items()}
            status = make_status(read_overview(ledger), settings, fingerprints, limit)
        return status_as_json(status, explain_sender(service))

    return answer_json(await to_thread.run_sync(work, limiter=call.web.ledger_users))


async def _find_refused(call: Call, service: EffectiveObject) -> dict[str, EffectiveObject]:
    """Return the senders whose logins were refused, as far as they can be used."""

    def find_names() -> list[str]:
        from confobjects.service.opening import has_ledger
        from confobjects.service.operating import read_overview
        from confobjects.service.rules.pacing import WRONG_PASSWORDS

        if not has_ledger(service, os.environ):
            return []
        with open_ledger(service) as ledger:
            logins = read_overview(ledger).logins
        return [name for name, login in logins.items() if login.refused >= WRONG_PASSWORDS]

    names = await to_thread.run_sync(find_names, limiter=call.web.ledger_users)
    sources = call.web.sources
    evaluate = sources.make_evaluator()

    def work(context: ManagementContext) -> dict[str, EffectiveObject]:
        site, world = context.site.replace(evaluate=evaluate), context.world()
        found = {}
        for name in names:
            obj = world.find(context.registry.path_of(SENDERS, name))
            if obj is not None:
                sender, problems = judge_one(site, obj, sources.instance_directory, world)
                found.update({} if problems else {name: sender})
        return found

    return await call.web.served.read(work) if names else {}


# -- mails that are handed in --------------------------------------------------------------------------------------------

_OF_A_TEXT: Final[Mapping[str, type]] = {"to": list}
_BESIDE: Final[Mapping[str, type]] = {"subject": str, "body": str, "category": str, "sender": str}


async def _send(call: Call) -> Response:
    from confobjects.service.ledger import MOST_BYTES
    from confobjects.service.submitting import make_text_message

    query = Query(call.request, ("dry-run", "category", "sender"), ("to",))
    if choose_type(call.request, (JSON, MESSAGE)) == MESSAGE:
        message: Any = await read_bytes(call.request, MOST_BYTES)
        to: tuple[str, ...] | None = query.texts("to") or None
        category, sender = query.text("category"), query.text("sender")
    else:
        body = await read_members(call.request, _OF_A_TEXT, _BESIDE)
        if not all(isinstance(one, str) for one in body["to"]):
            raise UnsuitableBodyError('"to" is a list of addresses')
        to = tuple(body["to"])
        message = make_text_message(to, body.get("subject", ""), body.get("body", ""))
        category, sender = body.get("category", ""), body.get("sender", "")
    named = ((SENDERS, sender),) if sender else ()
    configuration = await load_objects(call, (KIND, ()), *named)
    handed_in = HandedIn(message, to, category, sender or None)
    return await hand_in(call, configuration, handed_in, dry_run=query.flag("dry-run"))


async def hand_in(call: Call, configuration: EffectiveConfiguration, handed_in: HandedIn, *, dry_run: bool) -> Response:
    """Hand a mail in to the mail service, and answer with what was accepted. Raises what refuses it."""

    def accept() -> tuple[str | None, Mail]:
        from confobjects.service.opening import open_ledger_of
        from confobjects.service.submitting import choose_settings, make_mail

        settings = choose_settings(configuration, handed_in.sender)
        mail = make_mail(configuration, settings, handed_in.message, handed_in.recipients, handed_in.category)
        if dry_run:
            return None, mail
        with open_ledger_of(configuration[KIND], os.environ, unsealed=call.web.unsealed_ledger) as ledger:
            return ledger.accept(mail, settings), mail

    made, mail = await to_thread.run_sync(accept, limiter=call.web.ledger_users)
    found = {"id": made, "sender": mail.sender, "from": mail.from_, "recipients": len(mail.recipients)}
    return answer_json(found, 200 if dry_run else 202)


async def load_objects(call: Call, *wanted: tuple[str, str | tuple[()]]) -> EffectiveConfiguration:
    """Return some objects with what they need, evaluated as a start would. Raises for all that is wrong with them."""
    sources = call.web.sources
    evaluate = sources.make_evaluator()

    def work(context: ManagementContext) -> EffectiveConfiguration:
        world = context.world()
        objects = [context.get(kind, name, world) for kind, name in wanted]
        site = context.site.replace(evaluate=evaluate)
        found, problems = judge_some(site, objects, sources.instance_directory, world)
        if problems:
            raise error_for(hide_evaluated(problems, context.registry, world))
        return found

    return await call.web.served.read(work)


# -- followers -----------------------------------------------------------------------------------------------------------


async def _list_followers(call: Call) -> Response:
    Query(call.request, ())
    found = await call.web.served.read(lambda context: judge_reports(context, context.storage))
    return answer_json(followers_as_json(found))


ENDPOINTS: Final = (
    Endpoint("GET", "/mail-service", "read", _get_status, "How the mail service is."),
    Endpoint("POST", "/mails", "send", _send, "Hand a mail in to the mail service."),
    Endpoint("GET", "/mail-queue", "read", _list_mails, "Mails of the mail service, the oldest first."),
    Endpoint("GET", "/mail-queue/{id}", "read", _get_mail, "One mail of the mail service."),
    Endpoint("POST", "/mail-queue/{id}/retry", "change", _retry_mail, "Send a mail again to those who missed it."),
    Endpoint("POST", "/mail-queue/{id}/cancel", "change", _cancel_mail, "Give up a mail that waits."),
    Endpoint("GET", "/mail-quotas", "read", _list_quotas, "The addresses that count for something."),
    Endpoint("GET", f"/mail-quotas/{_ADDRESS}", "read", _get_quota, "What is known of an address."),
    Endpoint(
        "POST", f"/mail-quotas/{_ADDRESS}/reset", "change", _reset_quota, "Let the quota of an address begin again."
    ),
    Endpoint("POST", f"/mail-quotas/{_ADDRESS}/lift", "change", _lift_suppression, "Send mail to an address again."),
    Endpoint("GET", "/followers", "read", _list_followers, "The services that report what they have in effect."),
)
