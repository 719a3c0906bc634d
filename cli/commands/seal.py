"""``seal``: the keys that secrets are sealed with: make them, show what they have sealed, replace them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from confobjects import startup
from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError, error_for
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.management.resealing import find_stored_secrets, find_used_keys
from confobjects.sealing.ring import Ring
from confobjects.sealing.ring_file import KeyFile, change_ring, create_ring, find_key_file, make_key, read_ring

from ..command import make_command
from ..invocation import Invocation

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.management import ManagementContext
    from confobjects.management.resealing import ResealReport, SecretsFound
    from confobjects.sealing.ring_file import RingChange

    from ..words.splitting import Words

_HELP = """Manage the keys that secrets are sealed with. CONFOBJECTS_SEAL_KEY_FILE names their file, which is not part of the configuration.

\b
seal init    make the file of keys if there is none, and seal every secret that is stored in the clear
seal status  show the keys, and what each has sealed
seal rotate  make a new key and seal every secret with it; old keys stay in the file

Both init and rotate remove old copies of secrets that are not sealed with the newest key: from the history, and archived versions of
an LDIF file. Interrupted, they go on where they were when they are called again. With --drop-old-keys the old keys that this
configuration no longer uses are removed; other configurations, backups and services with the same file may still need them."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(["what"], metavar="init|status|rotate", type=click.Choice(sorted(_ACTIONS))),
        click.Option(["--drop-old-keys"], is_flag=True, help="Remove old keys that this configuration does not use."),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, what: str, drop_old_keys: bool) -> int:
    if drop_old_keys and what != "rotate":
        raise click.UsageError("--drop-old-keys goes with rotate only")
    file = find_key_file(os.environ)
    if file is None:
        remedy = f"name one: {KEY_FILE_VARIABLE}=/etc/confobjects/seal-keys"
        raise UsageError(Diagnostic("usage", "no file of keys is named", remedy=remedy))
    return _ACTIONS[what](invocation, file, drop_old_keys)


# -- init, rotate ----------------------------------------------------------------------------------------------------


def _init(invocation: Invocation, file: KeyFile, _drop: bool) -> int:
    is_new = not os.path.lexists(file.path)
    if is_new and invocation.dry_run:
        with invocation.open() as context:
            found = find_stored_secrets(context.site, None)
        count = len(found.clear)
        invocation.say(f"A file of keys would be made, and {_count(count, 'secret')} sealed.")
        return 0
    if is_new:
        create_ring(file, Ring.of(make_key(_today()), rotating=True))
        if invocation.form == "table":
            invocation.note(f"new file {file.path}: keep a copy of it, apart from the configuration and its backups")
    return _seal_all(invocation, file, is_new=False, drop=False)


def _rotate(invocation: Invocation, file: KeyFile, drop: bool) -> int:
    return _seal_all(invocation, file, is_new=True, drop=drop)


def _seal_all(invocation: Invocation, file: KeyFile, *, is_new: bool, drop: bool) -> int:
    """Seal every secret, with a new key unless an interrupted rotation has made one."""
    if invocation.dry_run:
        with invocation.open() as context:
            needs_key = is_new and not read_ring(file).rotating
            report = context.reseal(dry_run=True, all_stale=needs_key)
        return _tell(invocation, report, read_ring(file).first.id, ())
    with invocation.open_for_change() as context, change_ring(file) as change:
        if is_new and not change.ring.rotating:
            change.replace(change.ring.with_first(make_key(_today())).replace(rotating=True))
        report = context.reseal()
        dropped = _drop_keys(context, change) if drop else ()
        change.replace(change.ring.without(*dropped).replace(rotating=False))
        invocation.remember_change()
    return _tell(invocation, report, change.ring.first.id, dropped)


def _drop_keys(context: ManagementContext, change: RingChange) -> tuple[str, ...]:
    """Return the old keys that nothing of the configuration uses."""
    used = find_used_keys(context.site)
    return tuple(key.id for key in change.ring if key.id not in used and key != change.ring.first)


def _today() -> str:
    return startup.current_time()[:10]


def _tell(invocation: Invocation, report: ResealReport, key: str, dropped: tuple[str, ...]) -> int:
    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps(_report_as_json(report, key, dropped, dry_run=invocation.dry_run)))
    else:
        invocation.warn(report.warnings)
        for line in (
            _describe_report(report, key, dropped, dry_run=invocation.dry_run) if invocation.tells_people else ()
        ):
            invocation.say(line)
    if report.problems:
        raise error_for(report.problems)
    return 0


def _report_as_json(report: ResealReport, key: str, dropped: tuple[str, ...], *, dry_run: bool) -> dict[str, Any]:
    return {
        "key": key,
        "dry_run": dry_run,
        "secrets": report.secrets,
        "forgotten": {"records": report.records, "archives": list(report.archives)},
        "unreadable": list(report.unreadable),
        "dropped_keys": list(dropped),
    }


def _describe_report(report: ResealReport, key: str, dropped: tuple[str, ...], *, dry_run: bool) -> list[str]:
    will = "would be" if dry_run else "were"
    lines = [f"{_count(report.secrets, 'secret')} {_be(report.secrets, will)} sealed; the key that seals is {key}."]
    if report.records:
        records = _count(report.records, "record")
        lines.append(f"The old secrets of {records} of the history {will} removed: undo cannot bring them back.")
    if report.archives:
        lines.append(f"{_count(len(report.archives), 'archived version')} {_be(len(report.archives), will)} removed:")
        lines.extend(f"  {path}" for path in report.archives)
    if report.unreadable:
        lines.append("These archived versions could not be read, and stay:")
        lines.extend(f"  {path}" for path in report.unreadable)
    if dropped:
        lines.append(f"Old keys removed: {', '.join(dropped)}")
    return lines


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _be(number: int, will: str) -> str:
    return "was" if will == "were" and number == 1 else will


# -- status ----------------------------------------------------------------------------------------------------------


def _status(invocation: Invocation, file: KeyFile, _drop: bool) -> int:
    ring = read_ring(file)
    with invocation.open() as context:
        found = find_stored_secrets(context.site, context.site.open_sealer())
        copies = context.reseal(dry_run=True)
        invocation.warn(context.storage.warnings)
    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps(_status_as_json(file, ring, found, copies)))
    elif invocation.form == "script":
        from ..output.script import format_lines

        invocation.say(format_lines([(key.id, key.made, str(found.sealed.get(key.id, 0))) for key in ring]))
    else:
        for line in _describe_status(file, ring, found, copies):
            invocation.say(line)
    if found.problems:
        raise error_for(found.problems)
    return 0


def _status_as_json(file: KeyFile, ring: Ring, found: SecretsFound, copies: ResealReport) -> dict[str, Any]:
    return {
        "file": file.path,
        "rotating": ring.rotating,
        "keys": [
            {"id": key.id, "made": key.made, "seals": key == ring.first, "secrets": found.sealed.get(key.id, 0)}
            for key in ring
        ],
        "clear": [{"path": str(path), "property": name} for path, name in found.clear],
        "mixed": [{"path": str(path), "property": name} for path, name in found.mixed],
        "copies": {"records": copies.records, "archives": list(copies.archives)},
    }


def _describe_status(file: KeyFile, ring: Ring, found: SecretsFound, copies: ResealReport) -> list[str]:
    from ..output.table import format_table

    rows = [(key.id, key.made, "yes" if key == ring.first else "no", str(found.sealed.get(key.id, 0))) for key in ring]
    lines = [f"Keys in {file.path}", format_table(("key", "made", "seals", "secrets"), rows)]
    if ring.rotating:
        lines.append("A rotation was interrupted: seal rotate finishes it.")
    if found.clear:
        lines.append("In the clear: " + ", ".join(f"{name} of {path}" for path, name in found.clear))
    if found.mixed:
        lines.append("In the clear beside an expression: " + ", ".join(f"{n} of {path}" for path, n in found.mixed))
    if copies.records or copies.archives:
        lines.append(
            f"Old copies that are not sealed with the newest key: {_count(copies.records, 'record')} of the history, "
            f"{_count(len(copies.archives), 'archived version')}"
        )
    return lines


_ACTIONS = {"init": _init, "rotate": _rotate, "status": _status}
