"""``followers``: the running services that report what they have in effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from confobjects import startup
from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import NoSuchObjectError, ObjectInUseError
from confobjects.management.followers import (
    AskedChange,
    FollowersVerdict,
    judge_followers,
    recorded_places,
)
from confobjects.mapping.followers import check_follower_name, same_follower

from ..command import make_command
from ..invocation import Invocation
from ..output.followers import followers_as_json, format_duration, format_followers, script_rows, show_foreign

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.management import ManagementContext
    from confobjects.mapping.protocol import Storage

    from ..words.splitting import Words

_HELP = """Show the running services that report what they have in effect, and which of them have the newest change in effect.

A service counts while it is heard of at least once a minute. --forget removes the report of one that is gone for good.

\b
Examples:
  followers
  followers --forget web-4"""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Option(["--forget"], metavar="NAME", help="Remove the report of a service that is gone for good."),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, forget: str | None) -> int:
    elsewhere = invocation.open_state()
    try:
        with invocation.open(tolerant=True) as context:
            reports = context.storage if elsewhere is None else elsewhere
            if forget is not None:
                return _forget(invocation, reports, forget)
            found = judge_reports(context, reports)
    finally:
        if elsewhere is not None:
            elsewhere.close()
    _print(invocation, found)
    return 0


def judge_reports(context: ManagementContext, storage: Storage) -> FollowersVerdict:
    """Return how the followers stand to the newest change."""
    reports = storage.followers()  # read first: a follower may report a change as soon as it is made
    if context.storage.is_foreign:
        from confobjects.management.restarting import report_server

        reports = [*report_server(context.site), *reports]  # a server follows its own configuration
    try:
        history = context.history()
    except NoSuchObjectError:
        return judge_followers(reports, AskedChange(None), None, startup.current_time())
    if not history:
        return judge_followers(reports, AskedChange(0), 0, startup.current_time())
    newest = history[-1]
    places = recorded_places(newest.changes) if newest.state == "done" else None
    return judge_followers(reports, AskedChange(newest.number, places), newest.number, startup.current_time())


def _print(invocation: Invocation, found: FollowersVerdict) -> None:
    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps(followers_as_json(found)))
    elif invocation.form == "script":
        from ..output.script import format_lines

        invocation.say(format_lines(script_rows(found)))
    else:
        invocation.say(format_followers(found))


def forget_report(storage: Storage, name: str, *, dry_run: bool) -> str:
    """Remove the report of a follower; return its name as it stands there.

    Raises :class:`~confobjects.errors.NoSuchObjectError`, and :class:`~confobjects.errors.ObjectInUseError` for that of a service
    that is alive.
    """
    check_follower_name(name)
    everyone = storage.followers()
    report = next((one for one in everyone if same_follower(one.name, name)), None)
    if report is None:
        remedy = suggest_name(name, [one.name for one in everyone])
        summary = f'there is no follower "{name}"'
        raise NoSuchObjectError(Diagnostic("no-such-object", summary, argument=name, remedy=remedy))
    (one,) = judge_followers([report], AskedChange(None), None, startup.current_time()).followers
    if one.alive:
        summary = f'the follower "{report.name}" is alive: it was heard of {format_duration(one.silence or 0)} ago'
        detail = f"its last sign of life is from {report.time}, by its own clock"
        raise ObjectInUseError(
            Diagnostic("object-in-use", summary, argument=name, detail=detail, remedy="stop it first")
        )
    if not dry_run:
        storage.forget_follower(report.name)
    return report.name


def _forget(invocation: Invocation, storage: Storage, name: str) -> int:
    forgotten = forget_report(storage, name, dry_run=invocation.dry_run)
    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps({"forgotten": forgotten, "dry_run": invocation.dry_run}))
    elif invocation.tells_people:
        verb = "would be" if invocation.dry_run else "was"
        invocation.say_sentences(f'The report of "{show_foreign(forgotten)}" {verb} removed.')
    return 0
