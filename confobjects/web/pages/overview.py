"""The first page: what is wrong, what is untested or ends soon, what waits for a restart, who listens, how much mail waits."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Final

from confobjects.errors import ConfobjectsError
from confobjects.mail.expiry import find_expiring
from confobjects.management.documents.copying import find_exposed, find_risks
from confobjects.management.judging import judge_all
from confobjects.management.verifying import judge_verifications
from confobjects.records import Record
from confobjects.web.addresses import Addresses
from confobjects.web.pages.following import find_waiting, judge_running, list_followers
from confobjects.web.pages.starting import find_instance, start_site
from confobjects.web.pages.views import View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confobjects.definitions import Registry
    from confobjects.diagnostics import Diagnostic
    from confobjects.management import ManagementContext
    from confobjects.objects.effective import EffectiveConfiguration
    from confobjects.service.rules.states import State
    from confobjects.web.endpoints import Call

_USUAL: Final = 300
"""Objects that are checked whenever the page is looked at; more of them are checked when somebody asks for it."""


class Count(Record):
    """How many objects of a kind there are, with the address of their list."""

    label: str
    address: str
    number: int


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
    counts = list(_count_objects(context))
    number = sum(one.number for one in counts)
    is_checked = number <= _USUAL or "check" in call.request.query_params
    verdict = judge_running(context)
    data = {
        "counts": counts,
        "number": number,
        "checked": check(context) if is_checked else None,
        "waits": find_waiting(context),
        "followers": list_followers(verdict),
        "newest": verdict.newest,
        "queue": _count_mails(context),
        "may_test": call.caller.may("test"),
    }
    return View("overview.html", "Overview", data, is_live=True)


def _count_objects(context: ManagementContext) -> Iterator[Count]:
    addresses, world = Addresses.of(context.registry), context.world()
    for relation in context.registry.children("root"):
        if relation.hidden or not relation.named:
            continue
        found = context.list(relation.name, (), world, properties=())
        label = relation.friendly_plural if len(found) != 1 else relation.friendly
        yield Count(label, f"/objects/{addresses.write_list(relation)}", len(found))


def check(context: ManagementContext) -> Checked:
    """Return what is wrong with the configuration, as a starting service would see it."""
    from confobjects.transport.validity import read_store

    configuration, problems = judge_all(start_site(context), find_instance(context))
    unusable = [problem for one in context.registry.unusable for problem in one.problems]
    risks = (*configuration.warnings, *find_exposed(context.site), *find_risks(context.site))
    return Checked(
        (*unusable, *problems),
        tuple(one for one in risks if one.replace(severity="error") not in unusable),
        tuple(find_expiring(configuration, time(), read_store)) if not problems else (),
        tuple(_find_untested(context, configuration)),
    )


_WHY: Final = {
    "failed": "failed when it was last tested",
    "changed": "not tested since something has changed",
    "never": "never tested",
}


def _find_untested(context: ManagementContext, configuration: EffectiveConfiguration) -> Iterator[Untested]:
    registry: Registry = context.registry
    tested = (obj for obj in configuration if registry.definition(obj.type).verification is not None)
    paths = [registry.parse_path(obj.path) for obj in tested if obj.is_enabled is not False]
    addresses = Addresses.of(registry)
    for path, standing in judge_verifications(context.site, paths)[0].items() if paths else ():
        if standing.state in _WHY:
            yield Untested(str(path), addresses.write_path(path), _WHY[standing.state])


def _count_mails(context: ManagementContext) -> dict[State, int] | str | None:
    """Return how many mails are in each state; None without a mail service or a ledger, a text if it cannot be read."""
    from confobjects.service.places import KIND

    if KIND not in context.registry.relations():
        return None
    from confobjects.web.pages.ledgers import load_service, open_ledger

    try:
        with open_ledger(load_service(context)) as ledger:
            return None if ledger is None else dict(ledger.count_states())
    except ConfobjectsError as error:
        return error.diagnostics[0].summary
