"""``mail-queue``: the mails that the mail service has accepted, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from confobjects.errors import LedgerError
from confobjects.records import Record
from confobjects.texts.visible import make_visible

from ..command import make_command
from ..invocation import Invocation
from ..mail_ledgers import load_service, may_destroy, open_ledger, parse_duration
from ..words.numbers import NumberType

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.diagnostics import Diagnostic
    from confobjects.service.ledger import Entry, Ledger
    from confobjects.service.rules.states import State

    from ..words.splitting import Words

_STATES = ("queued", "taken", "sending", "delivered", "failed", "unknown")
_ENDED = ("delivered", "failed", "unknown")

_HELP = """Show the mails that the mail service has accepted, and what became of them.

\b
mail-queue list          show mails, the oldest first
mail-queue show ID       show one: recipients, last attempt, next attempt
mail-queue retry ID      send mails again at once to those who missed them
mail-queue cancel ID     give up mails that wait
mail-queue purge         remove what is known of mails that have ended
mail-queue mark-unknown  mark open mails unknown when a backup was put back

A mail waits (queued), is with a runner (taken, sending), or has come to its end: delivered, failed, or unknown, if nobody knows
whether the mail server has taken it. Such a mail is not sent again by itself: it might arrive twice.

\b
Examples:
  mail-queue list --state queued --state failed
  mail-queue list --to ann@example.com --limit 10
  mail-queue retry --all-failed --sender-name news
  mail-queue purge --state delivered --older-than "7 d\""""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(
            ["what"], metavar="list|show|retry|cancel|purge|mark-unknown", type=click.Choice(sorted(_ACTIONS))
        ),
        click.Argument(["mails"], metavar="[ID]...", nargs=-1),
        click.Option(["--state"], multiple=True, type=click.Choice(_STATES), help="Only mails in this state."),
        click.Option(["--sender-name"], metavar="NAME", help="Only mails that this mail sender sends."),
        click.Option(["--to"], metavar="ADDRESS", help="Only mails to this address."),
        click.Option(["--limit"], metavar="COUNT", type=NumberType(1), help="At most this many, 100 by default."),
        click.Option(["--all-failed"], is_flag=True, help="Every mail that has failed."),
        click.Option(["--older-than"], metavar="DURATION", help="Only mails that ended this long ago or earlier."),
        click.Option(["-f", "--force"], is_flag=True, help="Do not ask."),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


_TAKES = {
    "list": {"state", "sender_name", "to", "limit"},
    "show": {"mails"},
    "retry": {"mails", "all_failed", "sender_name"},
    "cancel": {"mails"},
    "purge": {"state", "older_than", "force"},
    "mark-unknown": {"force"},
}
"""What each of the actions takes."""


def _run(invocation: Invocation, what: str, **given: Any) -> int:
    for name, value in given.items():
        if value and name not in _TAKES[what]:
            spelling = "an ID" if name == "mails" else f"--{name.replace('_', '-')}"
            raise click.UsageError(f"mail-queue {what} does not take {spelling}")
    if what == "show" and len(given["mails"]) != 1:
        raise click.UsageError("mail-queue show takes the ID of one mail")
    if what in {"retry", "cancel"} and bool(given["mails"]) == given["all_failed"]:
        raise click.UsageError(
            f"mail-queue {what} takes the IDs of mails{', or --all-failed' if what == 'retry' else ''}"
        )
    if given["sender_name"] and what == "retry" and not given["all_failed"]:
        raise click.UsageError("mail-queue retry takes --sender-name together with --all-failed")
    with open_ledger(load_service(invocation)) as ledger:
        return _ACTIONS[what](invocation, ledger, given)


# -- list, show --------------------------------------------------------------------------------------------------------

_USUAL = 100
"""Mails that the list shows, unless it is told otherwise."""


def _list(invocation: Invocation, ledger: Ledger, given: dict[str, Any]) -> int:
    from confobjects.service.operating import Wanted, find_mails

    limit = given["limit"] or _USUAL
    wanted = Wanted(_as_states(given["state"]), given["sender_name"] or "", given["to"] or "")
    found = list(find_mails(ledger, wanted, limit + 1))
    shown, has_more = found[:limit], len(found) > limit
    from ..output.mails import format_mails, mail_as_json, mail_rows

    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps({"mails": [mail_as_json(one) for one in shown], "more": has_more}))
    elif invocation.form == "script":
        from ..output.script import format_lines

        invocation.say(format_lines(mail_rows(shown)))
    elif shown:
        invocation.say(format_mails(shown, ledger.database.now()))
    elif not invocation.quiet:
        invocation.say("No mails.")
    if has_more:
        invocation.note(f"there are more than {limit}; --limit shows more of them")
    return 0


def _show(invocation: Invocation, ledger: Ledger, given: dict[str, Any]) -> int:
    [entry] = (ledger.find(one) for one in given["mails"])
    from ..output.mails import describe_mail, mail_as_json, mail_rows

    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps(mail_as_json(entry)))
    elif invocation.form == "script":
        from ..output.script import format_lines

        invocation.say(format_lines(mail_rows([entry])))
    else:
        invocation.say("\n".join(describe_mail(entry, ledger.database.now())))
    return 0


def _as_states(names: Sequence[str]) -> tuple[State, ...]:
    from confobjects.service.rules.states import State

    return tuple(map(State, names))


# -- retry, cancel -----------------------------------------------------------------------------------------------------


def _retry(invocation: Invocation, ledger: Ledger, given: dict[str, Any]) -> int:
    from confobjects.service.ledger import judge_retry
    from confobjects.service.rules.states import State

    if given["all_failed"]:
        from confobjects.service.operating import Wanted, find_mails

        chosen: Iterator[Entry] = find_mails(ledger, Wanted((State.FAILED,), given["sender_name"] or ""))
    else:
        chosen = iter([ledger.find(one) for one in given["mails"]])

    def change(entry: Entry) -> int:
        parts = judge_retry(entry)
        if any(part.state is State.UNKNOWN for part in parts):
            invocation.warn_of(f"mail {entry.id} may have arrived; it may arrive twice")
        if parts:
            invocation.warn(one.replace(severity="warning") for one in entry.problems)
        return len(parts) if invocation.dry_run or not parts else ledger.retry(entry.id)

    return _change(invocation, "retry", chosen, change)


def _cancel(invocation: Invocation, ledger: Ledger, given: dict[str, Any]) -> int:
    from confobjects.service.rules.states import can_be_cancelled

    now = ledger.database.now()
    chosen = iter([ledger.find(one) for one in given["mails"]])

    def change(entry: Entry) -> int:
        parts = sum(can_be_cancelled(part, now) for part in entry.parts)
        return parts if invocation.dry_run or not parts else ledger.cancel(entry.id)

    return _change(invocation, "cancel", chosen, change)


_SENTENCES = {
    ("retry", True): "Mail {} is sent again.",
    ("retry", False): "Mail {} stays as it is: everybody has it, or it is being sent.",
    ("cancel", True): "Mail {} is cancelled.",
    ("cancel", False): "Mail {} stays as it is: it is being sent, or has come to its end.",
}


def _change(invocation: Invocation, action: str, chosen: Iterator[Entry], change: Callable[[Entry], int]) -> int:
    """Change mails, and tell of each; without any, tell that. What goes wrong with one is told after the others."""
    done: list[tuple[str, int]] = []
    problems: list[Diagnostic] = []
    for entry in chosen:
        try:
            parts = change(entry)
        except LedgerError as error:
            problems += error.diagnostics
            continue
        done.append((entry.id, parts))
        if invocation.tells_people:
            words = _SENTENCES[action, bool(parts)].format(make_visible(entry.id))
            invocation.say(words if not invocation.dry_run else f"{words} (--dry-run: nothing was done)")
    _tell_changed(invocation, action, done, is_all=not problems)
    if problems:
        raise LedgerError(dict.fromkeys(problems))
    return 0


def _tell_changed(invocation: Invocation, action: str, done: Sequence[tuple[str, int]], *, is_all: bool) -> None:
    if invocation.form == "json":
        from ..output.json import dumps

        mails = [{"id": one, "parts": parts} for one, parts in done]
        invocation.say(dumps({"action": action, "dry_run": invocation.dry_run, "mails": mails}))
    elif invocation.form == "script":
        from ..output.script import format_lines

        invocation.say(format_lines((one, str(parts)) for one, parts in done))
    elif is_all and not done and invocation.tells_people:
        invocation.say("No mails.")


# -- purge -------------------------------------------------------------------------------------------------------------


def _purge(invocation: Invocation, ledger: Ledger, given: dict[str, Any]) -> int:
    if open_ones := sorted(set(given["state"]) - set(_ENDED)):
        raise click.UsageError(
            f"mails that are {open_ones[0]} are not purged; mail-queue cancel gives up those that wait"
        )
    from confobjects.service.operating import count_ended, purge_ended

    from ..output.mails import count

    states, age = _as_states(given["state"]), parse_duration(given["older_than"], "--older-than")
    before = None if age is None else ledger.database.now() - age
    number = count_ended(ledger, states, before)
    change = _ChangeOfMany(
        f"What is known of {count(number, 'mail')} is removed",
        "nothing was removed",
        "removed",
        lambda some, verb: f"{count(some, 'mail')} {verb or ('was' if some == 1 else 'were')} removed.",
    )
    return _change_many(invocation, number, change, lambda: purge_ended(ledger, states, before), force=given["force"])


# -- mark-unknown ------------------------------------------------------------------------------------------------------


def _mark_unknown(invocation: Invocation, ledger: Ledger, given: dict[str, Any]) -> int:
    from confobjects.service.operating import count_open, mark_unknown

    from ..output.mails import count

    number = count_open(ledger)
    change = _ChangeOfMany(
        f"{count(number, 'unfinished mail')} {_be(number)} not sent automatically any more",
        "nothing was changed",
        "marked",
        lambda some, verb: (
            f"{count(some, 'mail')} {verb or _be(some)} unknown now: mail-queue list --state unknown shows them."
        ),
    )
    return _change_many(invocation, number, change, lambda: mark_unknown(ledger), force=given["force"])


def _be(number: int) -> str:
    return "is" if number == 1 else "are"


# -- many at once ------------------------------------------------------------------------------------------------------


class _ChangeOfMany(Record):
    """How a change of many mails is worded: what it does, what is said if it is not wanted, the name of the number in JSON,
    and a sentence with the number; its verb is given where nothing was done.
    """

    effect: str
    declined: str
    name: str
    tell: Callable[[int, str], str]


def _change_many(
    invocation: Invocation, number: int, words: _ChangeOfMany, change: Callable[[], int], *, force: bool
) -> int:
    """Change many mails in a way that cannot be undone, once somebody agrees, and say how many it were."""
    if number and not invocation.dry_run:
        if not may_destroy(invocation, words.effect, force=force):
            invocation.note(words.declined)
            return 0
        number = change()
    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps({words.name: number, "dry_run": invocation.dry_run}))
    elif invocation.form == "script":
        invocation.say(str(number))
    elif invocation.tells_people:
        invocation.say(words.tell(number, "would be" if invocation.dry_run else ""))
    return 0


_ACTIONS: dict[str, Callable[[Invocation, Ledger, dict[str, Any]], int]] = {
    "list": _list,
    "show": _show,
    "retry": _retry,
    "cancel": _cancel,
    "purge": _purge,
    "mark-unknown": _mark_unknown,
}
