"""Unsaved values over the stored ones, to show the effect of a change before it is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from confobjects.diagnostics import Collector
from confobjects.errors import NoSuchObjectError, raise_if_errors
from confobjects.expressions.openers import SEALED
from confobjects.management.approving import ProposedChange
from confobjects.management.changing.reentry import ReentryRule
from confobjects.management.world import Overlay, describe_absence
from confobjects.objects.changes import Changer, ObjectChange, PropertyChanges
from confobjects.objects.reading import PropertyReader
from confobjects.paths import Name

if TYPE_CHECKING:
    from confobjects.management.changing.operations import Operation
    from confobjects.management.site import Site
    from confobjects.objects.model import ManagedObject


def try_changes(site: Site, kind: str, name: Name, changes: PropertyChanges) -> Overlay:
    """Return the world as it would be with changes to one object. Nothing is written, and nothing is judged as a whole.

    Raises :class:`~confobjects.errors.NoSuchObjectError`, and one error with every change that cannot be made. A stored
    secret is never tried with another target, also where a change is only warned of.
    """
    world = Overlay(site.open_world())
    path = site.registry.path_of(kind, name)
    obj = world.find(path)
    if obj is None:
        raise NoSuchObjectError(describe_absence(site.registry, world, path))
    problems = Collector()
    creating = world.has_only_defaults(obj)
    changer = Changer(obj, PropertyReader(site.registry, world, site.evaluator), problems, creating=creating)
    changed = changer.apply(changes)
    given = {path: {changer.key_of(name) for name, several in changes.set.items() if several}}
    rule = ReentryRule(site.make_judge(world.below), site.make_judge(world), given, {})
    reused = (*rule.find_reused(obj, changed), *rule.find_reused_pairs(obj, changed))
    problems.extend(problem.replace(severity="error") for problem in reused)
    raise_if_errors(problems)
    if site.approve is not None:
        close_rule = ReentryRule(rule.before, rule.after, given, {}, closely=True)
        change = ObjectChange(obj.path, "modify", obj.definition, obj.values, changed.values)
        kept = tuple(rule.find_all(obj, changed))
        expected = tuple(one for one in close_rule.find_all(obj, changed) if one not in kept)
        site.approve(ProposedChange((change,), kept, expected))
    changed = _seal_again(site, obj, changed)
    replaced = {changer.key_of(one) for one in (*changes.set, *changes.reset)}
    world.put(changed.replace(problems=tuple(one for one in obj.problems if one.property not in replaced)))
    return world


def try_operations(site: Site, operations: Sequence[Operation]) -> Overlay:
    """Return the world as it would be after several operations together. Nothing is written; everything is judged as if it were.

    Raises what making the changes would raise. A stored secret is never tried with another target, as in
    :func:`try_changes`.
    """
    from confobjects.management.changing.transaction import Transaction

    for operation in operations:
        if operation.action == "modify":
            try_changes(site, operation.kind, operation.names, operation.changes)
    with Transaction(site, dry_run=True) as transaction:
        for operation in operations:
            operation.ask(transaction)
    return transaction.world


def _seal_again(site: Site, obj: ManagedObject, changed: ManagedObject) -> ManagedObject:
    """Return a changed object with the sealed secrets that it keeps sealed for it, so that they can be read."""
    if not any(SEALED in text for texts in changed.values.values() for text in texts):
        return changed
    from confobjects.management.changing.sealing import ObjectSealer

    return ObjectSealer(site.open_sealer(), obj, changed).seal_again()
