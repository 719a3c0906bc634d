"""The first page: what is wrong, what is untested or ends soon, what waits for a restart, who listens, how much mail waits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from confobjects.cli.commands.check import UNTESTED, check_site
from confobjects.errors import ConfobjectsError
from confobjects.records import Record
from confobjects.web.addresses import Addresses
from confobjects.web.hiding import hide_evaluated
from confobjects.web.pages.counting import count_objects
from confobjects.web.pages.following import find_waiting, judge_running, list_followers
from confobjects.web.pages.views import View

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.management import ManagementContext
    from confobjects.service.rules.states import State
    from confobjects.web.endpoints import Call
    from confobjects.web.sources import Sources

_USUAL: Final = 300
"""Objects that are checked whenever the page is looked at; more of them are checked when somebody asks for it."""


class Untested(Record):
    """An enabled object that is not known to work, and why."""

    path: str
    address: str
    why: str


class Checked(Record):
    """What a check of the whole configuration found."""

    problems: tuple[Diagnostic, ...]
    warnings: tuple[Diagnostic, ...]
    ending: tuple[Diagnostic, ...]
    untested: tuple[Untested, ...]


def show_overview(call: Call, context: ManagementContext) -> View:
    """Return the first page."""
    counts = list(count_objects(context))
    number = sum(one.number for one in counts)
    is_checked = number <= _USUAL or "check" in call.request.query_params
    verdict = judge_running(context)
    data = {
        "counts": counts,
        "number": number,
        "checked": check(call.web.sources, context) if is_checked else None,
        "waits": find_waiting(context),
        "followers": list_followers(verdict),
        "newest": verdict.newest,
        "queue": _count_mails(call.web.sources, context),
        "may_test": call.caller.may("test"),
    }
    return View("overview.html", "Overview", data, is_live=True)


def check(sources: Sources, context: ManagementContext) -> Checked:
    """Return what is wrong with the configuration, as a starting service would see it."""
    found = check_site(context.site, sources.make_evaluator(), sources.instance_directory, elsewhere=False)
    world, registry = context.world(), context.registry
    hide = partial(hide_evaluated, registry=registry, world=world)
    addresses = Addresses.of(registry)
    return Checked(
        hide(found.problems),
        hide(one for one in found.warnings if one not in found.ending),
        hide(found.ending),
        tuple(
            Untested(path, addresses.write_path(registry.parse_path(path)), UNTESTED[standing.state])
            for path, standing in found.untested
        ),
    )


def _count_mails(sources: Sources, context: ManagementContext) -> dict[State, int] | str | None:
    """Return how many mails are in each state; None without a mail service or a ledger, a text if it cannot be read."""
    from confobjects.service.places import KIND

    if KIND not in context.registry.relations():
        return None
    from confobjects.web.pages.ledgers import load_service, open_ledger

    try:
        with open_ledger(load_service(sources, context)) as ledger:
            return None if ledger is None else dict(ledger.count_states())
    except ConfobjectsError as error:
        return error.diagnostics[0].summary
