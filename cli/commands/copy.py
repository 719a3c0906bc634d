"""``copy FROM TO``: copy a configuration between two storages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from confobjects import startup
from confobjects.management.documents.copying import CopyReport, copy

from ..command import make_command
from ..invocation import Invocation, SavedChange
from ..output.changes import choose_warnings
from ..output.progress import show_progress
from ..save_tests import choose_tests

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.management import ManagementContext

    from ..words.splitting import Words

_HELP = """Copy every object of one configuration to another, secrets included.

FROM and TO are URLs (ldif:PATH, ldap://host:port/baseDN, …); the options of an LDAP connection apply to both. An
interrupted copy continues where it stopped when you start it again. --dry-run says what would be copied."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(["source"], metavar="FROM"),
        click.Argument(["target"], metavar="TO"),
        click.Option(["-f", "--force"], is_flag=True, help="Replace objects of the same name that differ."),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _open(invocation: Invocation, url: str, *, missing_ok: bool) -> ManagementContext:
    options = invocation.storage_options(url)
    return startup.open(
        url, definitions=invocation.registry, missing_ok=missing_ok, command=invocation.recorded_command, **options
    )


def _run(invocation: Invocation, source: str, target: str, force: bool) -> int:
    with (
        _open(invocation, source, missing_ok=False) as old,
        _open(invocation, target, missing_ok=True) as new,
        show_progress(invocation) as progress,
    ):
        report = copy(
            old.site,
            new.site,
            replace=force,
            dry_run=invocation.dry_run,
            progress=lambda done, total: progress.count("copying objects", done, total),
            tests=choose_tests(invocation, target),
        )
    if (report.created or report.replaced) and not invocation.dry_run:
        invocation.remember_change(SavedChange(target, report.number))
    if invocation.form == "json":
        from ..output.json import dumps
        from ..words.actions import as_json

        warnings = [as_json(warning) for warning in report.warnings]
        counts = {"created": report.created, "replaced": report.replaced, "same": report.same}
        invocation.say(dumps({"changed": bool(report.created or report.replaced), **counts, "warnings": warnings}))
        return 0
    invocation.warn(choose_warnings(invocation, report.warnings))
    if not invocation.quiet:
        invocation.say_sentences(_sentence(report, dry_run=invocation.dry_run))
    return 0


def _sentence(report: CopyReport, *, dry_run: bool) -> str:
    verb = "would be copied" if dry_run else "copied"
    parts = [f"{report.created} object{'' if report.created == 1 else 's'} {verb}"]
    if report.replaced:
        parts.append(f"{report.replaced} replaced")
    if report.same:
        parts.append(f"{report.same} there already")
    return ", ".join(parts)
