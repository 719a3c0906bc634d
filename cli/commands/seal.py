"""``seal``: the keys that secrets are sealed with: make them, show what they have sealed, replace them."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from confobjects import startup
from confobjects.diagnostics import Diagnostic
from confobjects.errors import ExpressionError, UsageError, error_for
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.management.resealing import (
    count_copies,
    describe_remedy,
    find_stored_secrets,
    find_used_keys,
    join_keys,
)
from confobjects.records import Record
from confobjects.sealing.ring import Ring
from confobjects.sealing.ring_file import KeyFile, change_ring, create_ring, find_key_file, make_key, read_ring
from confobjects.service.places import KIND
from confobjects.service.resealing import LEDGER, TOKENS, find_places

from ..command import make_command
from ..effective_objects import evaluate_object
from ..invocation import Invocation

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.management import ManagementContext
    from confobjects.management.resealing import CopiesFound, ResealReport, SecretsFound
    from confobjects.objects.protocols import Sealer
    from confobjects.sealing.ring_file import RingChange
    from confobjects.service.resealing import SealedPlace, UsedKeys

    from ..words.splitting import Words

_HELP = """Manage the keys that secrets are sealed with. CONFOBJECTS_SEAL_KEY_FILE names their file, which is not part of the configuration.

\b
seal init    make keys if there are none; seal secrets stored in the clear
seal status  show the keys, and what each has sealed
seal rotate  make a new key and seal every secret with it; old keys stay

Access tokens and the ledger of the mail service are sealed again, too. Both init and rotate remove old copies of secrets that are not
sealed with the newest key: from the history, and archived versions of an LDIF file. Interrupted, they go on where they were when
they are called again. With --drop-old-keys the old keys that nothing here uses any more are removed; other configurations, backups
and services with the same file may still need them.

If something here is sealed with keys that are not in the file, init changes nothing: the file may only be named wrongly. If those keys
are lost for good, --abandon-sealed removes the old copies that need them; all else that needs them stays, and is named."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(["what"], metavar="init|status|rotate", type=click.Choice(sorted(_ACTIONS))),
        click.Option(["--drop-old-keys"], is_flag=True, help="Remove old keys that nothing here uses."),
        click.Option(["--abandon-sealed"], is_flag=True, help="Go on without keys that are missing."),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


class _Wish(Record):
    """What the options ask for: to remove old keys, and to go on without keys that are missing."""

    drops: bool = False
    abandons: bool = False


def _run(invocation: Invocation, what: str, drop_old_keys: bool, abandon_sealed: bool) -> int:
    if drop_old_keys and what != "rotate":
        raise click.UsageError("--drop-old-keys goes with rotate only")
    if abandon_sealed and what != "init":
        raise click.UsageError("--abandon-sealed goes with init only")
    file = find_key_file(os.environ)
    if file is None:
        remedy = f"name one: {KEY_FILE_VARIABLE}=/etc/confobjects/seal-keys"
        raise UsageError(Diagnostic("usage", "no file of keys is named", remedy=remedy))
    return _ACTIONS[what](invocation, file, _Wish(drop_old_keys, abandon_sealed))


_PLACES: Final = ("configuration", "history", "archives", TOKENS, LEDGER)
_COUNTED: Final = {
    "configuration": ("secret", "secrets"),
    "history": ("record of the history", "records of the history"),
    "archives": ("archived version", "archived versions"),
    TOKENS: ("file of access tokens", "files of access tokens"),
    LEDGER: ("value of the ledger", "values of the ledger"),
}


class Outcome(Record):
    """What a rotation did: the key that seals, what was sealed in the configuration and elsewhere, and the keys that are gone.

    ``sealed`` counts by place; ``unknown`` says that old keys stay, because not all that uses them could be counted.
    """

    key: str
    report: ResealReport
    sealed: Mapping[str, int]
    problems: tuple[Diagnostic, ...] = ()
    dropped: tuple[str, ...] = ()
    unknown: bool = False


def _find_places(invocation: Invocation, context: ManagementContext) -> Sequence[SealedPlace]:
    """Return the places besides the configuration: tokens, and the ledger of the mail service."""
    service = None
    if KIND in context.registry and (found := context.world().find(context.registry.path_of(KIND))) is not None:
        service, _ = evaluate_object(invocation, context, found)
    return find_places(context.storage.url, service, os.environ)


# -- init, rotate ----------------------------------------------------------------------------------------------------


def _init(invocation: Invocation, file: KeyFile, wish: _Wish) -> int:
    is_new = not os.path.lexists(file.path)
    if not wish.abandons:
        _require_keys(invocation, file, () if is_new else read_ring(file).keys)
    if is_new and invocation.dry_run:
        with invocation.open() as context:
            found = find_stored_secrets(context.site, None)
            others = [place.count() for place in _find_places(invocation, context)]
        more = [_name_count(one.place, sum(one.keys.values())) for one in others if one.keys]
        counted = " and ".join([_count(len(found.clear), "secret"), *more])
        invocation.say(f"A file of keys would be made, and {counted} sealed.")
        return 0
    if is_new:
        create_ring(file, Ring.of(make_key(_today()), rotating=True))
        if invocation.form == "table":
            invocation.note(f"new file {file.path}: keep a copy of it, apart from the configuration and its backups")
    return _seal_all(invocation, file, wish, is_new=False)


def _require_keys(invocation: Invocation, file: KeyFile, keys: Collection[str]) -> None:
    """Raise ExpressionError if something is sealed with other keys than those that are here."""
    with invocation.open() as context:
        uses = _find_uses(invocation, context)
    missing = sorted(uses.keys().difference(keys))
    if missing:
        counted = {place: sum(found.get(key, 0) for key in missing) for place, found in uses.by_place().items()}
        raise ExpressionError(
            Diagnostic(
                "unresolved-expression",
                f"keys that are not here have sealed {_describe_uses(counted)}: {join_keys(missing)}",
                origin=file.path,
                detail="nothing was changed",
                remedy=describe_remedy(),
            )
        )


def _rotate(invocation: Invocation, file: KeyFile, wish: _Wish) -> int:
    return _seal_all(invocation, file, wish, is_new=True)


def _seal_all(invocation: Invocation, file: KeyFile, wish: _Wish, *, is_new: bool) -> int:
    """Seal every secret, with a new key unless an interrupted rotation has made one."""
    if invocation.dry_run:
        return _tell(invocation, _try(invocation, file, wish, is_new=is_new))
    with invocation.open_for_change() as context, change_ring(file) as change:
        if is_new and not change.ring.rotating:
            change.replace(change.ring.with_first(make_key(_today())).replace(rotating=True))
        report = context.reseal(abandon=wish.abandons)
        sealer = context.site.open_sealer()
        assert sealer is not None  # noqa: S101 - it has just sealed the configuration
        places = _find_places(invocation, context)
        done = [place.reseal(sealer) for place in places]
        problems = tuple(problem for one in done for problem in one.problems)
        outcome = Outcome(change.ring.first.id, report, {one.place: one.count for one in done}, problems)
        if wish.drops:
            outcome = _drop_keys(context, change, places, outcome)
        change.replace(change.ring.without(*outcome.dropped).replace(rotating=bool(problems)))
        invocation.remember_change()
    return _tell(invocation, outcome)


def _try(invocation: Invocation, file: KeyFile, wish: _Wish, *, is_new: bool) -> Outcome:
    """Return what would be done."""
    ring = read_ring(file)
    with invocation.open() as context:
        needs_key = is_new and not ring.rotating
        report = context.reseal(dry_run=True, all_stale=needs_key, abandon=wish.abandons)
        counts = [place.count() for place in _find_places(invocation, context)]
    newest = "" if needs_key else ring.first.id
    sealed = {one.place: sum(n for key, n in one.keys.items() if not key or key != newest) for one in counts}
    return Outcome(ring.first.id, report, sealed, tuple(problem for one in counts for problem in one.problems))


def _drop_keys(
    context: ManagementContext, change: RingChange, places: Sequence[SealedPlace], outcome: Outcome
) -> Outcome:
    """Find the old keys that nothing uses, unless it is not known what does."""
    counts, copies = [place.count() for place in places], count_copies(context.site)
    problems = (*outcome.problems, *(problem for one in counts for problem in one.problems))
    if problems or copies.unfinished:
        return outcome.replace(problems=tuple(dict.fromkeys(problems)), unknown=True)
    used = find_used_keys(context.site) | copies.keys | {key for one in counts for key in one.keys}
    return outcome.replace(
        dropped=tuple(key.id for key in change.ring if key.id not in used and key != change.ring.first)
    )


def _today() -> str:
    return startup.current_time()[:10]


def _tell(invocation: Invocation, outcome: Outcome) -> int:
    report = outcome.report
    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps(_report_as_json(outcome, dry_run=invocation.dry_run)))
    else:
        invocation.warn(report.warnings)
        for line in _describe_outcome(outcome, dry_run=invocation.dry_run) if invocation.tells_people else ():
            invocation.say(line)
    if problems := (*report.problems, *outcome.problems):
        raise error_for(problems)
    return 0


def _report_as_json(outcome: Outcome, *, dry_run: bool) -> dict[str, Any]:
    report = outcome.report
    return {
        "key": outcome.key,
        "dry_run": dry_run,
        "secrets": report.secrets,
        "tokens": outcome.sealed.get(TOKENS, 0),
        "ledger": outcome.sealed.get(LEDGER, 0),
        "forgotten": {"records": report.records, "archives": list(report.archives)},
        "unreadable": list(report.unreadable),
        "dropped_keys": list(outcome.dropped),
    }


def _describe_outcome(outcome: Outcome, *, dry_run: bool) -> list[str]:
    will, report = "would be" if dry_run else "were", outcome.report
    lines = [
        f"{_count(report.secrets, 'secret')} {_be(report.secrets, will)} sealed; the key that seals is {outcome.key}."
    ]
    lines.extend(
        f"{_name_count(place, number)} {_be(number, will)} sealed."
        for place, number in outcome.sealed.items()
        if number
    )
    if report.records:
        records = _count(report.records, "record")
        lines.append(f"The old secrets of {records} of the history {will} removed: undo cannot bring them back.")
    if report.archives:
        lines.append(f"{_count(len(report.archives), 'archived version')} {_be(len(report.archives), will)} removed:")
        lines.extend(f"  {path}" for path in report.archives)
    if report.unreadable:
        lines.append("These archived versions could not be read, and stay:")
        lines.extend(f"  {path}" for path in report.unreadable)
    if outcome.dropped:
        lines.append(f"Old keys removed: {', '.join(outcome.dropped)}")
    if outcome.unknown:
        lines.append("Old keys stay: it is not known whether something still uses them.")
    return lines


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _name_count(place: str, number: int) -> str:
    return f"{number} {_COUNTED[place][number != 1]}"


def _be(number: int, will: str) -> str:
    return "was" if will == "were" and number == 1 else will


# -- status ----------------------------------------------------------------------------------------------------------


class Uses(Record):
    """What uses keys: the secrets of the configuration, their old copies, and the other places."""

    found: SecretsFound
    copies: CopiesFound
    others: tuple[UsedKeys, ...]

    def by_place(self) -> Mapping[str, Mapping[str, int]]:
        """Return how many each key has sealed in each place, under the empty name those in the clear."""
        places: dict[str, Mapping[str, int]] = {
            "configuration": {"": len(self.found.clear), **self.found.sealed},
            "history": self.copies.records,
            "archives": self.copies.archives,
            **{one.place: one.keys for one in self.others},
        }
        return {place: places.get(place, {}) for place in _PLACES}

    def used_by(self, key: str) -> dict[str, int]:
        """Return how many a key has sealed in each place."""
        return {place: keys.get(key, 0) for place, keys in self.by_place().items()}

    def keys(self) -> frozenset[str]:
        """Return the keys that are used."""
        return frozenset(key for keys in self.by_place().values() for key in keys if key)

    def problems(self) -> tuple[Diagnostic, ...]:
        """Return what is wrong with what is sealed, and what could not be counted."""
        return (*self.found.problems, *(problem for one in self.others for problem in one.problems))


def _find_uses(invocation: Invocation, context: ManagementContext, sealer: Sealer | None = None) -> Uses:
    found = find_stored_secrets(context.site, sealer)
    others = tuple(place.count() for place in _find_places(invocation, context))
    return Uses(found, count_copies(context.site), others)


class Status(Record):
    """The keys, what uses them, and what a rotation would do."""

    file: KeyFile
    ring: Ring
    uses: Uses
    stale: ResealReport

    def missing(self) -> Sequence[str]:
        """Return the keys that are used and not in the ring."""
        return sorted(self.uses.keys() - self.ring.keys.keys())


def _status(invocation: Invocation, file: KeyFile, _wish: _Wish) -> int:
    ring = read_ring(file)
    with invocation.open() as context:
        uses = _find_uses(invocation, context, context.site.open_sealer())
        status = Status(file, ring, uses, context.reseal(dry_run=True))
        invocation.warn(context.storage.warnings)
    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps(_status_as_json(status)))
    elif invocation.form == "script":
        from ..output.script import format_lines

        rows = [(key.id, key.made, *(str(n) for n in status.uses.used_by(key.id).values())) for key in ring]
        invocation.say(format_lines(rows))
    else:
        for line in _describe_status(status):
            invocation.say(line)
    if problems := status.uses.problems():
        raise error_for(problems)
    return 0


def _status_as_json(status: Status) -> dict[str, Any]:
    found, stale = status.uses.found, status.stale
    return {
        "file": status.file.path,
        "rotating": status.ring.rotating,
        "keys": [
            {
                "id": key.id,
                "made": key.made,
                "seals": key == status.ring.first,
                "secrets": found.sealed.get(key.id, 0),
                "used": status.uses.used_by(key.id),
            }
            for key in status.ring
        ],
        "missing_keys": [{"id": key, "used": status.uses.used_by(key)} for key in status.missing()],
        "in_clear": status.uses.used_by(""),
        "unfinished": status.uses.copies.unfinished,
        "clear": [{"path": str(path), "property": name} for path, name in found.clear],
        "mixed": [{"path": str(path), "property": name} for path, name in found.mixed],
        "copies": {"records": stale.records, "archives": list(stale.archives)},
    }


def _describe_status(status: Status) -> list[str]:
    from ..output.table import format_table

    found, stale, ring = status.uses.found, status.stale, status.ring
    rows = [
        (
            key.id,
            key.made,
            "yes" if key == ring.first else "no",
            *(str(n) for n in status.uses.used_by(key.id).values()),
        )
        for key in ring
    ]
    lines = [f"Keys in {status.file.path}", format_table(("key", "made", "seals", *_PLACES), rows)]
    if ring.rotating:
        lines.append("A rotation was interrupted: seal rotate finishes it.")
    missing = status.missing()
    lines.extend(f"Sealed with {key}, which is not here: {_describe_uses(status.uses.used_by(key))}" for key in missing)
    if found.clear:
        lines.append("In the clear: " + ", ".join(f"{name} of {path}" for path, name in found.clear))
    clear = {place: n for place, n in status.uses.used_by("").items() if place in (TOKENS, LEDGER)}
    if any(clear.values()):
        lines.append(f"In the clear: {_describe_uses(clear)}")
    if found.mixed:
        lines.append("In the clear beside an expression: " + ", ".join(f"{n} of {path}" for path, n in found.mixed))
    if stale.records or stale.archives:
        lines.append(
            f"Old copies that are not sealed with the newest key: {_count(stale.records, 'record')} of the history, "
            f"{_count(len(stale.archives), 'archived version')}"
        )
    if status.uses.copies.unfinished:
        lines.append(
            f"{_count(status.uses.copies.unfinished, 'change')} not finished: what is kept of it may need an old key."
        )
    return lines


def _describe_uses(uses: Mapping[str, int]) -> str:
    return ", ".join(_name_count(place, number) for place, number in uses.items() if number)


_ACTIONS = {"init": _init, "rotate": _rotate, "status": _status}
