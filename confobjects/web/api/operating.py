"""What an operator of the mail service does with many mails at once, and with senders, followers and alert handlers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from confobjects.cli.commands.followers import forget_report
from confobjects.cli.mail_service import HandedIn
from confobjects.errors import LedgerError
from confobjects.service.opening import SENDERS
from confobjects.service.places import KIND
from confobjects.web.api.answers import Query, answer_json
from confobjects.web.api.mail import hand_in, load_objects, read_states, use_ledger
from confobjects.web.api.places import read_name
from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.problems import BadQueryError

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.management.context import ManagementContext
    from confobjects.service.ledger import Ledger
    from confobjects.service.rules.settings import Settings

_ENDED: Final = ("delivered", "failed", "unknown")
_LONGEST: Final = 10**8


# -- many mails ----------------------------------------------------------------------------------------------------------


async def _retry_failed(call: Call) -> Response:
    query = Query(call.request, ("dry-run", "sender"))
    dry_run, sender = query.flag("dry-run"), query.text("sender")

    def work(ledger: Ledger, _: Settings) -> dict[str, Any]:
        from confobjects.service.ledger import judge_retry
        from confobjects.service.operating import Wanted, find_mails
        from confobjects.service.rules.states import State

        done: list[dict[str, Any]] = []
        problems: list[Diagnostic] = []
        for entry in find_mails(ledger, Wanted((State.FAILED,), sender)):
            try:
                parts = len(judge_retry(entry))
                done.append({"id": entry.id, "parts": parts if dry_run or not parts else ledger.retry(entry.id)})
            except LedgerError as error:
                problems += error.diagnostics
        if problems:
            raise LedgerError(dict.fromkeys(problems))
        return {"action": "retry", "dry_run": dry_run, "mails": done}

    return answer_json(await use_ledger(call, work))


async def _purge(call: Call) -> Response:
    query = Query(call.request, ("dry-run", "older-than"), ("state",))
    dry_run, states = query.flag("dry-run"), read_states(query)
    if still := [one for one in states if one not in _ENDED]:
        raise BadQueryError(f"mails that are {still[0]} are not purged: they have not come to their end")
    age = query.number("older-than", 0, 0, _LONGEST)

    def work(ledger: Ledger, _: Settings) -> dict[str, Any]:
        from confobjects.service.operating import count_ended, purge_ended
        from confobjects.service.rules.states import State

        before = ledger.database.now() - 1000 * age if age else None
        act: Callable[[Ledger, Sequence[State], int | None], int] = count_ended if dry_run else purge_ended
        return {"removed": act(ledger, tuple(map(State, states)), before), "dry_run": dry_run}

    return answer_json(await use_ledger(call, work))


async def _mark_unknown(call: Call) -> Response:
    dry_run = Query(call.request, ("dry-run",)).flag("dry-run")

    def work(ledger: Ledger, _: Settings) -> dict[str, Any]:
        from confobjects.service.operating import count_open, mark_unknown

        return {"marked": count_open(ledger) if dry_run else mark_unknown(ledger), "dry_run": dry_run}

    return answer_json(await use_ledger(call, work))


# -- senders, followers, alert handlers ----------------------------------------------------------------------------------


async def _resume(call: Call) -> Response:
    dry_run, name = Query(call.request, ("dry-run",)).flag("dry-run"), read_name(call.request, "resume")

    def work(ledger: Ledger, _: Settings) -> dict[str, Any]:
        from confobjects.service.operating import read_overview

        changed = name in read_overview(ledger).logins if dry_run else ledger.forget_refused_logins(name)
        return {"sender": name, "changed": changed, "dry_run": dry_run}

    done = await use_ledger(call, work)
    if not done["changed"]:  # the name may be mistyped
        await call.web.served.read(lambda context: context.get(SENDERS, name))
    return answer_json(done)


async def _forget_follower(call: Call) -> Response:
    dry_run, name = Query(call.request, ("dry-run",)).flag("dry-run"), read_name(call.request)

    def work(context: ManagementContext) -> dict[str, Any]:
        return {"forgotten": forget_report(context.storage, name, dry_run=dry_run), "dry_run": dry_run}

    return answer_json(await call.web.served.change(call.caller, "rest", work))


async def _test_handler(call: Call) -> Response:
    from confobjects.mail.alerts import CATEGORY
    from confobjects.service.alerting import KIND as HANDLERS
    from confobjects.service.alerting import make_test_mail, read_handler

    dry_run, name = Query(call.request, ("dry-run",)).flag("dry-run"), read_name(call.request, "test")
    configuration = await load_objects(call, (KIND, ()), (HANDLERS, name))
    handler = read_handler(configuration[HANDLERS, name])
    handed_in = HandedIn(make_test_mail(handler), handler.recipients, CATEGORY, handler.sender)
    return await hand_in(call, configuration, handed_in, dry_run=dry_run)


ENDPOINTS: Final = (
    Endpoint("POST", "/mail-queue/retry", "change", _retry_failed, "Send every mail that has failed again."),
    Endpoint("POST", "/mail-queue/purge", "change", _purge, "Remove what is known of mails that have ended."),
    Endpoint(
        "POST",
        "/mail-queue/mark-unknown",
        "change",
        _mark_unknown,
        "Mark open mails unknown, after a backup was put back.",
    ),
    Endpoint("POST", "/mail-service/{sender}/resume", "change", _resume, "Let a stopped mail sender log in again."),
    Endpoint("DELETE", "/followers/{name}", "change", _forget_follower, "Forget a service that is gone for good."),
    Endpoint(
        "POST", "/alert-handlers/{name}/test", "test", _test_handler, "Hand in a mail like those of an alert handler."
    ),
)
