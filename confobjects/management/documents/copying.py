"""Copy a configuration from any storage to another, and prepare an empty storage.

Laws of this module:

1. Nothing is written before everything that is to be copied has been read and judged.
2. An equal object in the target is left alone, so that an interrupted copy continues where it stopped. A different one
   is refused, unless it is to be replaced.
3. An object is written after those it is below or refers to: a copy that stops half-way leaves no dangling reference.
4. After writing, everything is read again and compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from confobjects.actions import RemedyAction
from confobjects.definitions.model import HOLDER_KIND, REVISION_ATTRIBUTE
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import (
    ChangedMeanwhileError,
    ConfobjectsError,
    ObjectExistsError,
    StorageError,
    UsageError,
    error_for,
)
from confobjects.management.judging import warn_of_unknown
from confobjects.management.progress import Progress
from confobjects.management.strays import find_strays
from confobjects.management.world import Overlay
from confobjects.mapping.entry import AddEntry, Change, Entry, Modification, ModifyEntry, diff
from confobjects.objects.changes import Action, ObjectChange, SaveTest
from confobjects.paths import ROOT, ManagedObjectPath
from confobjects.records import Record, field
from confobjects.texts.numbers import read_number

if TYPE_CHECKING:
    from confobjects.management.changing.trials import OpenTests, SaveTester, TestDecision
    from confobjects.management.site import Site
    from confobjects.mapping.journal import Note
    from confobjects.objects.model import ManagedObject

_CHUNK: Final = 100
_SHOWN: Final = 20
_ATTEMPTS: Final = 4


class CopyReport(Record):
    """What a copy did: how many objects it created, replaced, and found equal already.

    ``number`` is that of its last change in the history of the target, None where it has none.
    """

    created: int
    replaced: int
    same: int
    warnings: tuple[Diagnostic, ...]
    number: int | None = None


class _CopySource(Record):
    """What is copied: objects, their entries, and what to note of tests of them."""

    objects: dict[ManagedObjectPath, ManagedObject]
    entries: dict[ManagedObjectPath, Entry]
    tests: Mapping[ManagedObjectPath, SaveTest] = field(default_factory=dict)


class _CopyPlan(Record):
    """What the target holds, and what is to be written there, in order."""

    there: dict[ManagedObjectPath, ManagedObject]
    missing: list[ManagedObjectPath]


def copy(  # noqa: PLR0913 - the options of a copy, all but the two places by keyword
    source: Site,
    target: Site,
    *,
    replace: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
    tests: OpenTests | None = None,
) -> CopyReport:
    """Copy every object of one configuration to another, secrets included.

    ``tests`` makes what decides about tests of the objects that are copied, and tests them, before anything is written.

    Raises :class:`~confobjects.errors.ObjectExistsError` when objects of the same name differ and ``replace`` is
    false, the error of the first problem of an object that is broken, and the errors of the storages.
    :class:`~confobjects.errors.UsageError` for the configuration of a server: whole entries would take its own values away.
    """
    if target.storage.is_foreign:
        summary = "nothing is copied into the configuration of a server: its entries hold values of its own"
        raise UsageError(
            Diagnostic("usage", summary, remedy="export the objects, leave out what is its own, and apply them")
        )
    source, target = _share_definitions(source, target)
    found, warnings = _read_source(source)
    found = _seal_source(target, found)
    plan = _make_plan(source, target, found, replace=replace)
    done = {path: path in plan.there for path in plan.missing}
    number = None
    tester = None if tests is None else tests(target)
    decision = None if tester is None else _test(target, found, plan, tester)
    if decision is not None:
        found = found.replace(tests=decision.tests)
        warnings = [*warnings, *decision.warnings]
    if not dry_run:
        done, number = _carry_out(
            target, found, plan, lambda: _make_plan(source, target, found, replace=replace), progress
        )
        _verify(target, found)
        if tester is not None:
            tested = [path for path, test in found.tests.items() if test == "tested"]
            warnings = [*warnings, *tester.keep(target, tested)]
    replaced = sum(done.values())
    return CopyReport(len(done) - replaced, replaced, len(found.objects) - len(done), tuple(warnings), number)


def _test(target: Site, found: _CopySource, plan: _CopyPlan, tester: SaveTester) -> TestDecision | None:
    """Decide about tests of what will be written, and test it; None if nothing of it can be tested."""
    from confobjects.management.changing.trials import TestDecision, may_be_enabled

    world = Overlay(target.open_world())
    for obj in found.objects.values():
        world.put(obj)
    reader = target.make_reader(world)
    copied = [found.objects[path] for path in plan.missing if found.objects[path].definition.verification is not None]
    saved = [obj for obj in copied if may_be_enabled(reader, obj)]
    if not saved:
        return None
    decision = tester.decide(target, world, saved)
    if not decision.tested:
        return decision
    done = tester.test(target, world, decision.tested)
    return TestDecision({**decision.tests, **done.tests}, warnings=(*decision.warnings, *done.warnings))


def _share_definitions(source: Site, target: Site) -> tuple[Site, Site]:
    """Return both sites with the definitions of both. The target's objects are judged by those that are new to it.

    Raises :class:`~confobjects.errors.ObjectExistsError` if one is another version there: installing it judges the
    objects of the target, and a copy does not.
    """
    from confobjects.mapping.installed import read_installed

    here, there = read_installed(source.storage), read_installed(target.storage)
    if not here and not there:
        return source, target
    from confobjects.definitions.installed import merge_installed
    from confobjects.management.changing.redefining import Redefinition

    versions = {one.name: one.text for one in there}
    if different := [one for one in here if versions.get(one.name, one.text) != one.text]:
        remedy = "install there the version that both are to have"
        summary = "the target holds another version of the definition"
        paths = [str(ROOT.child(HOLDER_KIND, one.name)) for one in different]
        raise ObjectExistsError([Diagnostic("object-exists", summary, path=path, remedy=remedy) for path in paths])
    change = Redefinition(target, merge_installed(there, here))
    problems = [*change.judge(Overlay(change.site.open_world()), (), accept_losses=True), *change.check_schema()]
    if errors := [problem for problem in problems if problem.severity == "error"]:
        raise error_for(errors)
    return source.with_registry(change.target), change.site


def _carry_out(
    target: Site,
    found: _CopySource,
    plan: _CopyPlan,
    again: Callable[[], _CopyPlan],
    progress: Progress | None,
) -> tuple[dict[ManagedObjectPath, bool], int | None]:
    """Write what is missing; return what was written, and whether it was there before, and the number of the last change."""
    done: dict[ManagedObjectPath, bool] = {}
    number: int | None = None
    for attempt in range(_ATTEMPTS):
        try:
            for chunk in _chunks(plan, found, progress or (lambda *_: None)):
                number = _write(target, found, plan, chunk)
                done.update((path, path in plan.there) for path in chunk)
        except (ObjectExistsError, ChangedMeanwhileError):
            # Someone else writes there; or an earlier copy was killed, and its last change is finished only now.
            if attempt + 1 == _ATTEMPTS:
                raise
            target.storage.pause(attempt)
            plan = again()
        else:
            break
    return done, number


def _make_plan(source: Site, target: Site, found: _CopySource, *, replace: bool) -> _CopyPlan:
    there = _read_stored(target)
    different = [path for path, obj in found.objects.items() if path in there and not _is_equal(obj, there[path])]
    if different and not replace:
        raise ObjectExistsError([_describe_difference(path) for path in different[:_SHOWN]])
    changing = {path for path in found.objects if path not in there}.union(different)
    ordered = [path for path in _sort_by_need(source, found.objects) if path in changing]
    return _CopyPlan(there, sorted(ordered, key=lambda path: path.relation != HOLDER_KIND))  # definitions come first


def _chunks(plan: _CopyPlan, found: _CopySource, tell: Progress) -> Iterator[Sequence[ManagedObjectPath]]:
    total, missing = len(found.objects), plan.missing
    tell(total - len(missing), total)
    for start in range(0, len(missing), _CHUNK):
        chunk = missing[start : start + _CHUNK]
        yield chunk
        tell(total - len(missing) + start + len(chunk), total)


def _write(target: Site, found: _CopySource, plan: _CopyPlan, chunk: Sequence[ManagedObjectPath]) -> int | None:
    with target.storage.writing():
        note = _make_note(target, found, plan.there, chunk)
        return target.storage.commit(_build_changes(target, found, plan, chunk), note)


def _describe_difference(path: ManagedObjectPath) -> Diagnostic:
    remedy = (RemedyAction("replace"), ", or delete one of the two")
    return Diagnostic("object-exists", "the target holds another object of that name", path=str(path), remedy=remedy)


def _read_source(source: Site) -> tuple[_CopySource, list[Diagnostic]]:
    """Return everything that is stored, and warnings. Raises one error with every problem."""
    world = source.open_world()
    objects = {obj.path: obj for obj in source.all_objects(world) if obj.path in world.entries}
    judge = source.make_judge(world)
    problems: list[Diagnostic] = [*source.storage.warnings, *find_strays(source, world)]
    for obj in objects.values():
        judged = judge.judge(obj)
        problems.extend((*judged.problems, *judge.check_references(judged)))
    problems.extend(warn_of_unknown(objects.values(), "copied as it is"))
    if errors := [problem for problem in problems if problem.severity == "error"]:
        raise error_for(errors)
    return _CopySource(objects, world.entries), [
        p for p in problems if p.severity == "warning" and p.code in ("broken-data", "storage-failed")
    ]


def _seal_source(target: Site, found: _CopySource) -> _CopySource:
    """Return what is to be copied, with its secrets sealed as they will be stored. Raises one error with every problem."""
    from confobjects.objects.sealing import has_secrets

    concerned = {path: obj for path, obj in found.objects.items() if has_secrets(obj.definition)}
    if not concerned:
        return found
    from confobjects.management.changing.sealing import seal_copies

    sealed, problems = seal_copies(target, concerned, _read_stored(target))
    if problems:
        raise error_for(problems)
    return found.replace(objects={**found.objects, **sealed})


def _read_stored(site: Site) -> dict[ManagedObjectPath, ManagedObject]:
    world = site.open_world()
    return {obj.path: obj for obj in site.all_objects(world) if obj.path in world.entries}


def _is_equal(one: ManagedObject, other: ManagedObject) -> bool:
    """Whether two objects have the same type and values; the order of values and the revision do not count."""
    mine, others = ({name: sorted(texts) for name, texts in obj.values.items() if texts} for obj in (one, other))
    return one.definition is other.definition and mine == others


def _sort_by_need(site: Site, objects: dict[ManagedObjectPath, ManagedObject]) -> Iterator[ManagedObjectPath]:
    """Yield the paths so that each comes after those it needs."""
    done: set[ManagedObjectPath] = set()
    for start in objects:
        waiting = [(start, False)]
        while waiting:
            path, ready = waiting.pop()
            if path in done:
                continue
            if ready:
                done.add(path)
                yield path
                continue
            waiting.append((path, True))
            needed = [need for need in _find_needs(site, objects[path]) if need in objects and need not in done]
            open_ = {entry for entry, visited in waiting if visited}
            waiting.extend((need, False) for need in needed if need not in open_)  # a circle has no order


def _find_needs(site: Site, obj: ManagedObject) -> Iterator[ManagedObjectPath]:
    if obj.path.parent != ROOT:
        yield obj.path.parent
    for name, texts in obj.values.items():
        yield from site.registry.find_named(obj.definition.properties[name], texts)


def _make_note(
    target: Site,
    found: _CopySource,
    there: dict[ManagedObjectPath, ManagedObject],
    paths: Sequence[ManagedObjectPath],
) -> Note:
    """Return the note of some copied objects for the history of the target."""
    from confobjects.management.history.records import note_of, sign_change

    told: list[ObjectChange] = []
    for path in paths:
        obj, old = found.objects[path], there.get(path)
        if old is not None and old.definition is not obj.definition:
            told.append(ObjectChange(path, "delete", old.definition, old.values, {}))
            old = None
        before = {} if old is None else old.values
        action: Action = "create" if old is None else "modify"
        test = found.tests.get(path, "")
        told.append(ObjectChange(path, action, obj.definition, before, obj.values, test=test))
    if target.open_sealer() is not None:
        from confobjects.management.changing.sealing import seal_before

        told = seal_before(target.open_sealer, told, there.get)
    return note_of(told, sign_change(target))


def _build_changes(
    target: Site, found: _CopySource, plan: _CopyPlan, paths: Sequence[ManagedObjectPath]
) -> list[Change]:
    changes: list[Change] = []
    there: dict[DN, Entry | None] = {}
    """Entries that exist when a change is made. None stands for one that is in the storage and was not read."""
    for path in paths:
        for entry in target.mapper.scaffold(path):
            if entry.dn not in there and target.storage.read(entry.dn) is None:
                changes.append(AddEntry(entry))
                there[entry.dn] = entry
            there.setdefault(entry.dn, None)
        entry = _make_entry(target, found, path)
        single = path.name is None  # its entry may exist already, as the base or as a branch of other objects
        existing = target.storage.read(entry.dn) if path in plan.there else None
        bare = (there.get(entry.dn) or target.storage.read(entry.dn)) if single and existing is None else None
        if existing is not None:
            changes.append(_make_replacement(existing, entry))
        elif bare is not None and target.mapper.is_bare(bare, target.registry.relation(path.relation)):
            changes.append(ModifyEntry(bare.dn, diff(bare, target.mapper.adopt(bare, entry))))
        else:
            changes.append(AddEntry(entry))
        there[entry.dn] = entry
    return changes


def _make_entry(target: Site, found: _CopySource, path: ManagedObjectPath) -> Entry:
    """Return the entry of an object for the target, with the attributes that belong to no property."""
    obj = found.objects[path]
    made = target.mapper.encode(obj)
    unknown = {name: found.entries[path].get(name) for name in obj.unknown}
    return Entry(made.dn, {**made.attributes, **unknown})


def _make_replacement(existing: Entry, entry: Entry) -> ModifyEntry:
    """Return the modification that turns one entry into another, and replaces the revision."""
    attributes = {name: values for name, values in entry.attributes.items() if name.lower() != REVISION_ATTRIBUTE}
    old = existing.get(REVISION_ATTRIBUTE)
    before = Entry(existing.dn, {n: v for n, v in existing.attributes.items() if n.lower() != REVISION_ATTRIBUTE})
    steps = list(diff(before, Entry(existing.dn, attributes)))
    number = 1 + (read_number(old[0]) or 0 if old and isinstance(old[0], str) else 0)
    if old:
        steps.append(Modification("delete", REVISION_ATTRIBUTE, old))
    steps.append(Modification("add", REVISION_ATTRIBUTE, (str(number),)))
    return ModifyEntry(existing.dn, steps)


def _verify(target: Site, found: _CopySource) -> None:
    there = _read_stored(target)
    wrong = [path for path, obj in found.objects.items() if path not in there or not _is_equal(obj, there[path])]
    if wrong:
        summary = "the object was copied, but what was read back differs from what was written"
        remedy = "make sure that nobody else writes to the target, and copy again"
        raise StorageError([Diagnostic("storage-failed", summary, path=str(p), remedy=remedy) for p in wrong[:_SHOWN]])


# -- empty storages --------------------------------------------------------------------------------------------------


def initialise(site: Site, *, dry_run: bool = False) -> list[DN]:
    """Create the base and the branches that are missing; return the DNs of those that were created.

    In the configuration of a server nothing is created: what it has is what it needs.
    """
    made: list[DN] = []
    if site.storage.is_foreign:
        return made
    with site.storage.writing():
        changes: list[Change] = []
        for relation in site.registry.children("root"):
            if relation.name == HOLDER_KIND:
                continue  # made with the first definition that is installed
            path = ROOT.child(relation.name, "name" if relation.named else None)
            for entry in site.mapper.scaffold(path):
                if entry.dn not in made and site.storage.read(entry.dn) is None:
                    made.append(entry.dn)
                    changes.append(AddEntry(entry))
        if changes and not dry_run:
            site.storage.commit(changes)
        if not dry_run:
            for keep in ("keep_history", "keep_followers", "keep_verifications"):  # what only a directory has
                made.extend(getattr(site.storage, keep, list)())
    return made


def find_risks(site: Site) -> list[Diagnostic]:
    """Return warnings if the server may lose changes, or block itself."""
    find = getattr(site.storage, "find_risks", None)
    return [] if find is None else find()


def find_exposed(site: Site) -> list[Diagnostic]:
    """Return a warning for each secret attribute that can be read without logging in, or in a file by other users."""
    if getattr(site.storage, "others_can_read", lambda: False)():
        return list(_describe_readable(site))
    open_anonymously = getattr(site.storage, "anonymous", None)
    if open_anonymously is None:
        return []
    from confobjects.mapping.ldap_schema import find_secret_attributes

    secrets = find_secret_attributes(site.registry)
    with open_anonymously() as storage:
        try:
            entries = list(storage.search(site.storage.base, "sub", None, secrets))
        except ConfobjectsError:
            return []  # a user who is refused sees nothing
    shown = {name: [entry.dn for entry in entries if entry.get(name)] for name in secrets}
    return [_describe_exposure(name, dns) for name, dns in shown.items() if dns]


def _describe_readable(site: Site) -> Iterator[Diagnostic]:
    """Yield the warning about a file that other users can read, if it holds a secret that is no expression."""
    from confobjects.mapping.ldap_schema import is_secret
    from confobjects.objects.sealing import is_clear

    secrets = {p.attribute: p for d in site.registry for p in d.properties.values() if is_secret(p)}
    for entry in site.storage.search(site.storage.base, "sub"):
        values = [(prop, value) for name, prop in secrets.items() for value in entry.get(name) or ()]
        if any(not isinstance(value, str) or is_clear(prop, value) for prop, value in values):
            origin = site.storage.url.partition(":")[2]
            yield Diagnostic(
                "access-refused",
                f'other users of this machine may read this file, and the entry "{entry.dn}" holds a secret',
                origin=origin,
                remedy=f"take the right from them: chmod 600 {origin}",
                severity="warning",
            )
            return


def _describe_exposure(attribute: str, dns: Sequence[DN]) -> Diagnostic:
    others = f" and of {len(dns) - 1} other{'s' if len(dns) > 2 else ''}" if len(dns) > 1 else ""
    return Diagnostic(
        "access-refused",
        f'anybody can read {attribute} of the entry "{dns[0]}"{others} without logging in',
        remedy=(RemedyAction("load-access-rules"),),
        severity="warning",
    )
