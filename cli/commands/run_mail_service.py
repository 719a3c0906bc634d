"""``run-mail-service``: deliver what the mail service has accepted, until somebody ends it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from confobjects.service.places import KIND

from ..command import make_command
from ..effective_objects import load_some
from ..invocation import Invocation
from ..long_runs import collect_garbage, log_format_option, timeout_option
from ..mail_service import ServiceOptions, ServiceSession, unsealed_option
from ..words.numbers import NumberType

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.service.serving import Attendant

    from ..words.splitting import Words

_HELP = """Deliver what the mail service has accepted. It runs in the foreground, and ends in order at SIGTERM, SIGINT or SIGHUP.

Changes of the configuration count from the next mail on. Any number of such processes may share a ledger. It tells systemd when
it is ready (Type=notify). If CONFOBJECTS_FOLLOWER gives it a name, the command followers shows what it has in effect. With
--dry-run it says what it would run with.
"""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Option(
            ["--runners"],
            metavar="COUNT",
            type=NumberType(1, 64),
            default=4,
            show_default=True,
            help="How many mails are delivered at the same time, 64 at most.",
        ),
        timeout_option(),
        click.Option(
            ["--metrics-file"],
            metavar="PATH",
            type=click.Path(),
            help="Write metrics to this file every 15 seconds, in the text format of Prometheus.",
        ),
        log_format_option(),
        unsealed_option(),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(  # noqa: PLR0913 - its options
    invocation: Invocation,
    *,
    runners: int,
    timeout: float | None,
    metrics_file: str | None,
    log_format: str,
    unsealed_ledger: bool,
) -> int:
    from confobjects.service.installed import require_installed

    require_installed()
    options = ServiceOptions(runners, unsealed_ledger, timeout, log_format == "json")
    if invocation.dry_run:
        return _describe(invocation, options)
    with collect_garbage():
        return ServiceSession(invocation, options, _make_metrics(metrics_file)).run()


def _make_metrics(path: str | None) -> Sequence[Attendant]:
    """Return what writes the metrics, if they are wanted."""
    if path is None:
        return ()
    from confobjects.service.metrics_file import MetricsFile

    return (MetricsFile(path),)


def _describe(invocation: Invocation, options: ServiceOptions) -> int:
    """Say what the service would run with. No ledger is opened."""
    from confobjects.service.databases import Database
    from confobjects.service.opening import choose_sender, find_ledger_url

    service = load_some(invocation, (KIND, ()))[KIND]
    sender = choose_sender(service)
    ledger = Database(find_ledger_url(service, os.environ)).name
    name = None if sender is None else sender.name
    if invocation.form == "json":
        from ..output.json import dumps

        facts = {"accepts": service["enabled"], "sender": name, "ledger": ledger, "runners": options.runners}
        invocation.say(dumps(facts))
        return 0
    takes = "accepts mail" if service["enabled"] else "accepts no mail"
    invocation.say(f"would run with {ledger}, {options.runners} runners; {takes}; sender {name or 'none'}")
    return 0
