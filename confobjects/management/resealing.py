"""Seal every secret with the key that seals now, and forget old copies of secrets that are not sealed with it.

Laws of this module:

1. Each step can be repeated: what an interrupted run has done is done, and the next run does the rest.
2. A secret that cannot be opened stays as it is, and is named.
3. No old copy is kept that holds a secret in the clear, or sealed with another key: the old secrets in the history of changes, and
   archived versions of a file. The changes themselves stay in the history.
4. A copy that holds a secret whose key is not among the keys here stays, and is told: the key may only be missing, and nothing
   else may hold the secret. Only who abandons such copies removes them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, ExpressionError
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.management.history.interrupted import finish_interrupted
from confobjects.management.history.records import record_of
from confobjects.objects.changes import find_property
from confobjects.objects.sealed import parse_sealed
from confobjects.objects.sealing import (
    bring_up_to_date,
    find_literal,
    find_secrets,
    has_secrets,
    is_clear,
    unseal_text,
)
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Registry
    from confobjects.management.changing.transaction import Transaction
    from confobjects.management.site import Site
    from confobjects.mapping.entry import Entry
    from confobjects.mapping.journal import NotedChange
    from confobjects.objects.model import ManagedObject
    from confobjects.objects.protocols import Sealer
    from confobjects.paths import ManagedObjectPath

_CHUNK: Final = 100
_NAMED: Final = 10


class SecretsFound(Record):
    """The secrets of a configuration: how many each key has sealed, how many are literals, and what is wrong.

    ``clear`` are the places of literals, ``mixed`` those of values with a secret in the clear beside expressions, which cannot
    be sealed. ``problems`` are those of sealed secrets that cannot be opened.
    """

    sealed: Mapping[str, int]
    clear: tuple[tuple[ManagedObjectPath, str], ...]
    mixed: tuple[tuple[ManagedObjectPath, str], ...]
    problems: tuple[Diagnostic, ...]


class ResealReport(Record):
    """What was sealed and forgotten, or would be: secrets, records of the history, and archived versions by name.

    ``unreadable`` are archived versions that could not be read, and stay. ``problems`` say which secrets stay as they are.
    """

    secrets: int
    records: int
    archives: tuple[str, ...]
    unreadable: tuple[str, ...]
    problems: tuple[Diagnostic, ...]
    warnings: tuple[Diagnostic, ...] = ()


def find_stored_secrets(site: Site, sealer: Sealer | None) -> SecretsFound:
    """Return what a site holds of secrets. Without a sealer no sealed secret is opened."""
    sealed: Counter[str] = Counter()
    clear, mixed = list[tuple["ManagedObjectPath", str]](), list[tuple["ManagedObjectPath", str]]()
    problems: list[Diagnostic] = []
    for obj in _find_holders(site):
        for prop, texts in find_secrets(obj):
            for text in texts:
                if (found := parse_sealed(prop, text)) is not None:
                    sealed[found.key_id] += 1
                    problems.extend(() if sealer is None else _check_sealed(sealer, obj, prop, text))
                elif is_clear(prop, text):
                    (mixed if find_literal(prop, text) is None else clear).append((obj.path, prop.name))
    return SecretsFound(dict(sealed), tuple(clear), tuple(mixed), tuple(problems))


def _find_holders(site: Site) -> Iterator[ManagedObject]:
    return (obj for obj in site.all_objects() if has_secrets(obj.definition))


def _check_sealed(sealer: Sealer, obj: ManagedObject, prop: PropertyDefinition, text: str) -> Iterator[Diagnostic]:
    try:
        unseal_text(sealer, obj, prop, text)
    except ExpressionError as error:
        for problem in error.diagnostics:
            yield problem.replace(path=str(obj.path), property=prop.name)


def warn_of_clear(site: Site) -> Iterator[Diagnostic]:
    """Yield a warning for each secret that is stored in the clear although there are keys."""
    found = find_stored_secrets(site, None)
    for path, name in found.clear:
        yield Diagnostic(
            "constraint-violated",
            f"{name} is stored in the clear, although there are keys to seal it",
            path=str(path),
            property=name,
            remedy=(RemedyAction("seal-all"), " seals every secret"),
            severity="warning",
        )
    for path, name in found.mixed:
        yield Diagnostic(
            "constraint-violated",
            f"{name} holds a secret in the clear beside an expression, which cannot be sealed",
            path=str(path),
            property=name,
            remedy="give the whole secret, or an expression without a default",
            severity="warning",
        )


# -- sealing all -----------------------------------------------------------------------------------------------------


def reseal(
    site: Site,
    change: Callable[[], Transaction],
    *,
    dry_run: bool = False,
    all_stale: bool = False,
    abandon: bool = False,
) -> ResealReport:
    """Seal every secret with the key that seals now, and forget old copies.

    ``change`` returns a transaction of the site. With ``all_stale``, which goes with ``dry_run``, each secret counts as one that has to be sealed. With ``abandon``
    old copies go whose keys are not here, too. Raises ConfobjectsError if there are no keys or they cannot be used, and the errors of the storage.
    """
    sealer = _require_sealer(site)
    interrupted = [] if dry_run else finish_interrupted(site.storage)
    stale = list(_find_stale(site, sealer, all_stale=all_stale))
    problems = [problem for obj, _ in stale for problem in _explain_stale(sealer, obj)]
    secrets = sum(number for _, number in stale)
    if not dry_run:
        for start in range(0, len(stale), _CHUNK):
            problems.extend(_seal_chunk(change, [obj for obj, number in stale[start : start + _CHUNK] if number]))
        _seal_missed(site, change, sealer)
    copies = _Copies("" if all_stale else sealer.key_id, frozenset(sealer.key_ids), abandon=abandon)
    records = _forget_records(site, copies, dry_run=dry_run)
    archives, unreadable = _remove_archives(site, copies, dry_run=dry_run)
    problems.extend(copies.explain_kept())
    return ResealReport(secrets, records, archives, unreadable, tuple(dict.fromkeys(problems)), tuple(interrupted))


def _require_sealer(site: Site) -> Sealer:
    sealer = site.open_sealer()
    if sealer is None:
        summary = "there are no keys to seal with"
        raise ExpressionError(
            Diagnostic("unresolved-expression", summary, remedy=f"let {KEY_FILE_VARIABLE} name the file of the keys")
        )
    return sealer


def _find_stale(site: Site, sealer: Sealer, *, all_stale: bool) -> Iterator[tuple[ManagedObject, int]]:
    """Yield the objects with secrets that are not sealed as they would be now, and the number of those that can be."""
    for obj in _find_holders(site):
        if all_stale:
            texts = ((prop, text) for prop, several in find_secrets(obj) for text in several)
            number = sum(
                bool(parse_sealed(p, t)) or (is_clear(p, t) and find_literal(p, t) is not None) for p, t in texts
            )
            if number:
                yield obj, number
            continue
        values, problems = bring_up_to_date(sealer, obj)
        changed = sum(text not in obj.values[name] for name, texts in values.items() for text in texts)
        if changed or problems:
            yield obj, changed


def _explain_stale(sealer: Sealer, obj: ManagedObject) -> Sequence[Diagnostic]:
    return bring_up_to_date(sealer, obj)[1]


def _seal_chunk(change: Callable[[], Transaction], objects: Sequence[ManagedObject]) -> Iterator[Diagnostic]:
    """Seal the secrets of some objects in one change; if that is refused, those of each by itself. Yield what is refused."""
    if not objects:
        return
    try:
        with change() as tx:
            for obj in objects:
                tx.reseal(obj.path)
    except ConfobjectsError as error:
        if len(objects) == 1:
            yield from error.diagnostics
            return
        for obj in objects:
            yield from _seal_chunk(change, [obj])


def _seal_missed(site: Site, change: Callable[[], Transaction], sealer: Sealer) -> None:
    """Seal once more what a writer with the old keys has stored meanwhile."""
    missed = [obj for obj, number in _find_stale(site, sealer, all_stale=False) if number]
    for obj in missed:
        list(_seal_chunk(change, [obj]))


# -- old copies ------------------------------------------------------------------------------------------------------


class _Copies:
    """Tells which copies are old, and which of them stay because a key is not here."""

    def __init__(self, key: str, keys: frozenset[str], *, abandon: bool) -> None:
        """``key`` is the one that a copy may be sealed with, empty for none; ``keys`` are all that are here."""
        self._key = key
        self._keys = keys
        self._abandon = abandon
        self._missing = set[str]()

    def is_old(self, found: Collection[str]) -> bool:
        """Tell whether a copy goes whose secrets are sealed with some keys; the empty one is that of a literal."""
        missing = {key for key in found if key} - self._keys
        if missing and not self._abandon:
            self._missing |= missing
            return False
        return any(not key or key != self._key for key in found)

    def explain_kept(self) -> Iterator[Diagnostic]:
        """Yield what is wrong if a copy stays."""
        if self._missing:
            yield Diagnostic(
                "unresolved-expression",
                f"old copies stay that are sealed with keys that are not here: {join_keys(self._missing)}",
                remedy=describe_remedy(),
            )


def join_keys(keys: Collection[str]) -> str:
    """Return the identifiers of keys for a message: the first ten, and how many more there are."""
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return ", ".join(sorted(keys)[:_NAMED]) + more


def describe_remedy() -> tuple[str | RemedyAction, ...]:
    """Return what to do where keys are missing that something is sealed with."""
    named = f"let {KEY_FILE_VARIABLE} name the file with them, or put back a copy of it; if they are lost for good, "
    return named, RemedyAction("abandon-sealed"), " removes old copies that need them"


def _forget_records(site: Site, copies: _Copies, *, dry_run: bool) -> int:
    forget: Callable[..., int] | None = getattr(site.storage, "forget_secrets", None)
    if forget is None:
        return 0
    return forget(lambda noted: not copies.is_old(find_noted_keys(site.registry, noted)), dry_run=dry_run)


def find_noted_keys(registry: Registry, noted: NotedChange) -> frozenset[str]:
    """Return the keys that the old secrets of a noted change are sealed with; empty for one in the clear, or that is not known."""
    record = record_of(noted)
    if not noted.secret:
        return frozenset()
    found = set[str | None]()
    if record.state == "unclear" or len(record.kept) != len(record.changes):
        found.add("")
    for change, kept in zip(record.changes, record.kept, strict=False):
        definition = registry.definition(change.type) if change.type in registry else None
        for name, texts in kept.items():
            prop = None if definition is None else find_property(definition, name)
            found.update({""} if prop is None else (_find_key(prop, text) for text in texts))
    return frozenset(key for key in found if key is not None)


def _find_key(prop: PropertyDefinition, text: str | bytes) -> str | None:
    """Return the key that a value is sealed with; empty for a literal secret, None for what is no secret."""
    if not isinstance(text, str):
        return ""
    if (sealed := parse_sealed(prop, text)) is not None:
        return sealed.key_id
    return "" if is_clear(prop, text) and find_literal(prop, text) is not None else None


def _remove_archives(site: Site, copies: _Copies, *, dry_run: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    remove = getattr(site.storage, "remove_archives", None)
    if remove is None:
        return (), ()
    holders = _find_secret_attributes(site.registry)
    removed, unreadable = remove(
        lambda entries: copies.is_old(set(_find_entry_keys(holders, entries))), dry_run=dry_run
    )
    return tuple(removed), tuple(unreadable)


def _find_secret_attributes(registry: Registry) -> Mapping[str, Sequence[PropertyDefinition]]:
    """Return the properties that can hold a secret, by the lower-case names of the attributes that they have, or had."""
    found: dict[str, list[PropertyDefinition]] = {}
    for definition in registry:
        for prop in definition.properties.values():
            if prop.can_hold_secret:
                for name in (prop.attribute, *(n for n, one in definition.former_attributes.items() if one is prop)):
                    found.setdefault(name.lower(), []).append(prop)
    return found


def _find_entry_keys(holders: Mapping[str, Sequence[PropertyDefinition]], entries: Iterable[Entry]) -> Iterator[str]:
    """Yield the key of each secret in entries; empty for a literal."""
    for entry in entries:
        for name, values in entry.attributes.items():
            for prop in holders.get(name.lower(), ()):
                yield from (key for value in values if (key := _find_key(prop, value)) is not None)


class CopiesFound(Record):
    """How many records of the history, and archived versions, hold secrets that a key has sealed; those in the clear have none.

    ``unreadable`` are archived versions that could not be read, ``unfinished`` counts changes whose intents are kept.
    """

    records: Mapping[str, int]
    archives: Mapping[str, int]
    unreadable: tuple[str, ...] = ()
    unfinished: int = 0

    @property
    def keys(self) -> frozenset[str]:
        """The keys that are used."""
        return frozenset(key for key in (*self.records, *self.archives) if key)


def count_copies(site: Site) -> CopiesFound:
    """Return what the old copies of secrets in a storage are sealed with."""
    records, archives = Counter[str](), Counter[str]()
    holders = _find_secret_attributes(site.registry)

    def count_record(noted: NotedChange) -> bool:
        records.update(find_noted_keys(site.registry, noted))
        return True

    def count_version(entries: Iterable[Entry]) -> bool:
        archives.update(set(_find_entry_keys(holders, entries)))
        return False

    storage: Any = site.storage
    if hasattr(storage, "forget_secrets"):
        storage.forget_secrets(count_record, dry_run=True)
    unreadable = storage.remove_archives(count_version, dry_run=True)[1] if hasattr(storage, "remove_archives") else ()
    return CopiesFound(records, archives, tuple(unreadable), len(storage.moment().unfinished))


def find_used_keys(site: Site) -> frozenset[str]:
    """Return the identifiers of the keys that secrets in a configuration are sealed with."""
    return frozenset(find_stored_secrets(site, None).sealed)
