"""``mail-service``: how the mail service is, and what starts a stopped sender again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from confobjects.errors import ConfobjectsError, UnhealthyError
from confobjects.texts.visible import make_visible

from ..command import make_command
from ..effective_objects import load_object
from ..invocation import Invocation
from ..mail_ledgers import load_service, open_ledger, parse_duration

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.objects.effective import EffectiveObject
    from confobjects.service.ledger import Ledger
    from confobjects.service.operating import Overview
    from confobjects.service.status import Status

    from ..words.splitting import Words

_HELP = """Show how the mail service is, or start a stopped sender again.

\b
mail-service status       show service, ledger and runners, and what is wrong
mail-service resume NAME  let a stopped mail sender log in again

The exit status of status is 0 if all is well, 28 if something is wrong: mail has no sender, no runner is alive, a sender is
stopped because its login was refused three times in a row, or a mail has waited for longer than --stuck-after. It is 25 if the
ledger cannot be used: it is tried whether it can be written, unless --dry-run is given.

With --format prometheus it prints metrics in the text format of Prometheus.

\b
Examples:
  mail-service status --stuck-after "30 m"
  mail-service status --format prometheus"""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(["what"], metavar="status|resume", type=click.Choice(["resume", "status"])),
        click.Argument(["name"], metavar="[NAME]", required=False),
        click.Option(["--stuck-after"], metavar="DURATION", help="The age at which a mail is too old, 1 h by default."),
        click.Option(["--format"], type=click.Choice(["prometheus"]), help="Print metrics."),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, what: str, name: str | None, **given: str | None) -> int:
    if (name is None) != (what == "status"):
        raise click.UsageError("mail-service status takes no name" if name else "mail-service resume takes a name")
    if what == "resume" and any(given.values()):
        raise click.UsageError("mail-service resume takes a name, and no option of status")
    stuck_after = parse_duration(given["stuck_after"], "--stuck-after")
    service = load_service(invocation)
    if name is not None:
        return _resume(invocation, service, name)
    status = _find_status(invocation, service, stuck_after)
    _print(invocation, service, status, given["format"])
    return UnhealthyError.exit_code if status.findings else 0


# -- resume ------------------------------------------------------------------------------------------------------------


def _resume(invocation: Invocation, service: EffectiveObject, name: str) -> int:
    with open_ledger(service) as ledger:
        if invocation.dry_run:
            from confobjects.service.operating import read_overview

            has_changed = name in read_overview(ledger).logins
        else:
            has_changed = ledger.forget_refused_logins(name)
    if not has_changed:
        with invocation.open() as context:
            context.get("mail-sender", name)  # raises an error if the name is mistyped
    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps({"sender": name, "changed": has_changed, "dry_run": invocation.dry_run}))
    elif invocation.tells_people:
        words = f'The sender "{make_visible(name)}" goes on.' if has_changed else "No login of it was refused."
        invocation.say_sentences(f"{words} (--dry-run: nothing was done)" if invocation.dry_run else words)
    return 0


# -- status ------------------------------------------------------------------------------------------------------------


def _find_status(invocation: Invocation, service: EffectiveObject, stuck_after: int | None) -> Status:
    from confobjects.service.opening import has_ledger, read_settings
    from confobjects.service.operating import read_overview, try_writing
    from confobjects.service.rules.health import STUCK_AFTER
    from confobjects.service.status import make_status

    settings, limit = read_settings(service), STUCK_AFTER if stuck_after is None else stuck_after
    if not has_ledger(service, os.environ):
        return make_status(make_empty(service), settings, {}, limit)
    with open_ledger(service) as ledger:
        if not invocation.dry_run:
            try_writing(ledger)
        overview = read_overview(ledger)
        return make_status(overview, settings, _find_fingerprints(invocation, ledger, overview), limit)


def make_empty(service: EffectiveObject) -> Overview:
    """Return the overview of a ledger that is not there yet."""
    from confobjects.service.opening import find_ledger_url
    from confobjects.service.operating import Overview
    from confobjects.service.rules.states import State

    url = find_ledger_url(service, os.environ)
    return Overview(time.time_ns() // 1_000_000, url, 0, is_sealed=False, states=dict.fromkeys(State, 0))


def _find_fingerprints(invocation: Invocation, ledger: Ledger, overview: Overview) -> Mapping[str, str]:
    """Return the fingerprints of the senders whose logins were refused. One that cannot be used is not stopped, but gone."""
    from confobjects.service.rules.pacing import WRONG_PASSWORDS

    refused = [name for name, login in overview.logins.items() if login.refused >= WRONG_PASSWORDS]
    found: dict[str, str] = {}
    for name in refused:
        from confobjects.service.current import find_fingerprint

        try:
            found[name] = find_fingerprint(load_object(invocation, "mail-sender", name), ledger)
        except ConfobjectsError as error:
            invocation.warn(one.replace(severity="warning") for one in error.diagnostics)
    return found


def _print(invocation: Invocation, service: EffectiveObject, status: Status, form: str | None) -> None:
    if form == "prometheus":
        from confobjects.service.rules.exposition import format_metrics
        from confobjects.service.status import make_metrics

        invocation.say(format_metrics(make_metrics(status)), exact=True)
        return
    from confobjects.service.opening import explain_sender

    from ..output import mail_service as output

    why = explain_sender(service)
    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps(output.status_as_json(status, why)))
    elif invocation.form == "script":
        from ..output.script import format_lines

        invocation.say(format_lines(output.status_rows(status)))
    else:
        _print_for_people(invocation, output.describe_status, status, why)


def _print_for_people(invocation: Invocation, describe: Callable[[Status, str], Any], status: Status, why: str) -> None:
    from confobjects.service.complaining import word_finding

    from ..output.messages import tell_problem

    if not invocation.quiet:
        invocation.say_sentences("\n".join(describe(status, why)))
    for finding in status.findings:
        tell_problem(word_finding(finding))
