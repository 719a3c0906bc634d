"""``mail-quota``: how many mails addresses have got, and which get none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from confobjects.texts.visible import make_visible

from ..command import make_command
from ..invocation import Invocation
from ..mail_ledgers import load_service, open_ledger

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.service.ledger import Ledger
    from confobjects.service.rules.settings import Settings

    from ..words.splitting import Words

_HELP = """Show how many mails of limited categories addresses have got, and which addresses are suppressed.

\b
mail-quota list            show every address that counts for something
mail-quota show ADDRESS    show one: its mails, when there is room again
mail-quota reset ADDRESS   let its quota begin again
mail-quota lift ADDRESS    send to a suppressed address again

The quota, its window and the categories that it counts are properties of the mail service. Capital letters of an address do
not count. An address is suppressed after some permanent refusals in a row; until that is lifted it gets no mail, and its quota
cannot be reset."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(["what"], metavar="list|show|reset|lift", type=click.Choice(sorted(_ACTIONS))),
        click.Argument(["address"], metavar="[ADDRESS]", required=False),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, what: str, address: str | None) -> int:
    if (address is None) != (what == "list"):
        raise click.UsageError("mail-quota list takes no address" if address else f"mail-quota {what} takes an address")
    service = load_service(invocation)
    from confobjects.service.opening import read_settings

    with open_ledger(service) as ledger:
        return _ACTIONS[what](invocation, ledger, read_settings(service), address or "")


def _list(invocation: Invocation, ledger: Ledger, settings: Settings, _address: str) -> int:
    from ..output.mails import format_quotas, quota_as_json, quota_row

    found, now = ledger.list_standings(), ledger.database.now()
    if invocation.form == "json":
        from ..output.json import dumps

        shown = [quota_as_json(one.address, one.standing, now, settings) for one in found]
        invocation.say(dumps({"addresses": shown}))
        return 0
    rows = [quota_row(one.address, one.standing, now, settings) for one in found]
    if invocation.form == "script":
        from ..output.script import format_lines

        invocation.say(format_lines(rows))
    elif rows:
        invocation.say(format_quotas(rows))
    elif not invocation.quiet:
        invocation.say("No addresses.")
    return 0


def _show(invocation: Invocation, ledger: Ledger, settings: Settings, address: str) -> int:
    from confobjects.service.operating import find_standing

    from ..output.mails import describe_quota, quota_as_json, quota_row

    standing, now = find_standing(ledger, address), ledger.database.now()
    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps(quota_as_json(address, standing, now, settings)))
    elif invocation.form == "script":
        from ..output.script import format_lines

        invocation.say(format_lines([quota_row(address, standing, now, settings)]))
    else:
        invocation.say_sentences("\n".join(describe_quota(address, standing, now, settings)))
    return 0


def _reset(invocation: Invocation, ledger: Ledger, _settings: Settings, address: str) -> int:
    from confobjects.service.ledger import judge_reset
    from confobjects.service.operating import find_standing

    if invocation.dry_run:
        standing = find_standing(ledger, address)
        has_changed = judge_reset(address, standing) != standing
    else:
        has_changed = ledger.reset_quota(address)
    words = f"The quota of {make_visible(address)} begins again." if has_changed else "It was not used."
    return _tell(invocation, "reset", address, words, has_changed=has_changed)


def _lift(invocation: Invocation, ledger: Ledger, _settings: Settings, address: str) -> int:
    from confobjects.service.operating import find_standing

    standing = find_standing(ledger, address)
    has_changed = bool(standing.refusals or standing.suppressed)
    if not invocation.dry_run:
        has_changed = ledger.lift_suppression(address)
    words = f"{make_visible(address)} gets mail again." if standing.suppressed else "It was not suppressed."
    return _tell(invocation, "lift", address, words, has_changed=has_changed)


def _tell(invocation: Invocation, action: str, address: str, words: str, *, has_changed: bool) -> int:
    if invocation.form == "json":
        from ..output.json import dumps

        document = {"action": action, "address": address, "changed": has_changed, "dry_run": invocation.dry_run}
        invocation.say(dumps(document))
    elif invocation.tells_people:
        invocation.say_sentences(f"{words} (--dry-run: nothing was done)" if invocation.dry_run else words)
    return 0


_ACTIONS: dict[str, Callable[[Invocation, Ledger, Settings, str], int]] = {
    "list": _list,
    "show": _show,
    "reset": _reset,
    "lift": _lift,
}
