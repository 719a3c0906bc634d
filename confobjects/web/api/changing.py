"""Changes: how a request asks for one, and how it is answered. Every change of this wing is made here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from confobjects.cli.output.changes import report_as_json
from confobjects.records import Record
from confobjects.web.api.words import say
from confobjects.web.app import API

if TYPE_CHECKING:
    from confobjects.definitions.installed import InstalledText
    from confobjects.management.changing.transaction import Transaction
    from confobjects.management.changing.trials import OpenTests
    from confobjects.management.context import ManagementContext
    from confobjects.objects.changes import ChangeReport
    from confobjects.savetests import Choice
    from confobjects.web.api.answers import Query
    from confobjects.web.endpoints import Call

SOURCE: Final = "rest"
"""What the history records as the command of a change."""
PARAMETERS: Final = ("dry-run", "test")
"""The parameters that each change understands."""
_CHOICES: Final = ("policy", "always", "never")


class Manner(Record):
    """How a change is made: whether it is only planned, and whether what it saves is tested before."""

    dry_run: bool = False
    test: Choice = "policy"


def read_manner(query: Query) -> Manner:
    """Return how a request wants its change to be made. Raises :class:`~confobjects.web.problems.BadQueryError`."""
    return Manner(query.flag("dry-run"), cast("Choice", query.choice("test", _CHOICES, "policy")))


async def make_change(
    call: Call,
    manner: Manner,
    ask: Callable[[Transaction], None],
    *,
    expected: Sequence[InstalledText] = (),
    accept_losses: bool = False,
) -> ChangeReport:
    """Make a change in the name of the caller. ``ask`` requests it; it is called again when it is planned again.
    ``expected`` are definitions that the change installs, and ``accept_losses`` lets them give something up.

    Raises what a transaction raises.
    """
    tests = open_tests(call, manner)

    def work(context: ManagementContext) -> ChangeReport:
        made = context.change(dry_run=manner.dry_run, tests=tests, expected=expected, accept_losses=accept_losses)
        with made as transaction:
            transaction.consider(lambda: ask(transaction))
        return transaction.report

    return await call.web.served.change(call.caller, SOURCE, work)


def open_tests(call: Call, manner: Manner) -> OpenTests | None:
    """Return what tests what is saved; None where nothing is connected to."""
    if manner.dry_run and manner.test != "always":
        return None
    from confobjects.savetests import SaveTests
    from confobjects.service.tokens import find_tokens

    sources, networks = call.web.sources, call.networks
    tokens = partial(find_tokens, network=networks.tokens)
    directory = sources.instance_directory
    return lambda _: SaveTests(
        manner.test, sources.make_evaluator, directory, tokens, network=networks.mail, permit=call.begin_test
    )


def describe_change(report: ChangeReport, manner: Manner) -> dict[str, Any]:
    """Return what a change did, or would do."""
    return report_as_json(report, dry_run=manner.dry_run, say=say)


def link_change(report: ChangeReport) -> dict[str, str]:
    """Return the header that leads to a change in the history, if it is there."""
    return {} if report.number is None else {"Link": f'<{API}/history/{report.number}>; rel="describedby"'}
