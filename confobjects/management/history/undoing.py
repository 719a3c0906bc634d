"""Undo: the operations that take back changes of the history, and the checks before them.

Laws of this module:

1. An undo is a change like any other: it is judged as a whole, it is recorded, and it can be undone.
2. An undo never overwrites what later changes, or edits by hand, have made of the same values: it is refused, and the
   error names them. Values that nobody has changed since are restored, whatever else has happened.
3. An old secret comes from the protected place or not at all.
4. It comes back with the target that it had: not if a later change says where it goes, as whom or how protected. Who undoes a
   change need not know the secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from confobjects.actions import Remedy, RemedyAction
from confobjects.definitions.model import HOLDER_KIND
from confobjects.diagnostics import MASK, Diagnostic
from confobjects.errors import AccessError, ConstraintError
from confobjects.management.changing.operations import Operation, invert_change, operation_for
from confobjects.management.changing.reentry import select_pairs
from confobjects.management.history import records
from confobjects.objects.changes import ObjectChange, find_property, is_same_value
from confobjects.objects.model import Texts
from confobjects.objects.reading import mask_secret

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Registry
    from confobjects.definitions.installed import InstalledText
    from confobjects.definitions.model import Travel
    from confobjects.management.changing.transaction import Transaction
    from confobjects.management.history.records import HistoryRecord, RecordedChange
    from confobjects.objects.protocols import World
    from confobjects.paths import ManagedObjectPath

_SHOWN = 20


def undo(transaction: Transaction, number: int) -> None:
    """Have a transaction take one change back.

    Raises :class:`~confobjects.errors.NoSuchObjectError` (no such change), :class:`~confobjects.errors.ConstraintError`
    (later changes touch the same values, or the change cannot be taken back),
    :class:`~confobjects.errors.AccessError` (an old secret is missing) and what any change raises.
    """
    transaction.consider(lambda: _undo_one(transaction, number))


def _undo_one(transaction: Transaction, number: int) -> None:
    found = records.read_records(transaction.site)
    one = records.find_record(found, number)
    _check_state(one)
    by = records.find_undone(found)
    if number in by:
        remedy = (RemedyAction("undo", str(by[number])), " makes it again")
        _refuse(f"change {number} was already taken back by change {by[number]}", remedy)
    if later := [other.number for other in find_effective(found, number) if _overlap(other, one)]:
        _refuse(
            f"change {number} cannot be taken back alone: {_format_numbers(later)} touch{'es' * (len(later) == 1)} "
            "the same values",
            _advise_order(found, number),
        )
    registry = transaction.registry
    if later := [other.number for other in find_effective(found, number) if _redirects(other, one, registry)]:
        _refuse(
            f"change {number} cannot be taken back alone: it would bring back a secret, and {_format_numbers(later)} "
            f"change{'s' * (len(later) == 1)} where that goes, as whom or how protected",
            _advise_order(found, number),
        )
    _take_back(transaction, [one])


def undo_to(transaction: Transaction, number: int) -> None:
    """Have a transaction take back every change after one, the last first; 0 takes back all that are kept. Raises as :func:`undo`."""
    transaction.consider(lambda: _undo_after(transaction, number))


def _undo_after(transaction: Transaction, number: int) -> None:
    found = records.read_records(transaction.site)
    if number:
        records.find_record(found, number)
    later = [one for one in reversed(found) if one.number > number and one.state != "edited"]
    for one in later:
        _check_state(one)
    _take_back(transaction, later)


def plan_undo(one: HistoryRecord, registry: Registry) -> Iterator[Operation]:
    """Yield the operations that take a change back; a missing secret is masked in them."""
    for index in reversed(range(len(one.changes))):
        change = _bind_change(one, index, registry)
        if (
            change.action != "modify" or change.names()
        ):  # an object that was only restarted has nothing to be taken back
            yield _find_inverse(one, index, registry)


def _find_inverse(one: HistoryRecord, index: int, registry: Registry) -> Operation:
    """Return the operation that takes back what a change did to one object. A deleted object gets all of its entry back."""
    inverse = operation_for(invert_change(_bind_change(one, index, registry)), registry)
    return inverse.replace(others=one.old_others(index)) if inverse.action == "create" else inverse


def find_effective(found: Sequence[HistoryRecord], number: int) -> Iterator[HistoryRecord]:
    """Yield the changes after one that are in effect: not those that were taken back, nor what took them back."""
    by = records.find_undone(found)
    for one in found:
        neutral = one.number in by or (one.undoes and min(one.undoes) > number)
        if one.number > number and one.state != "edited" and not neutral:
            yield one


# -- checks ----------------------------------------------------------------------------------------------------------


def _refuse(summary: str, remedy: Remedy) -> None:
    raise ConstraintError(Diagnostic("constraint-violated", summary, remedy=remedy))


def _check_state(one: HistoryRecord) -> None:
    if one.state == "done":
        return
    reasons = {
        "edited": (
            "is an edit by hand: what it changed is not known",
            "take the old version from the archive beside the file",
        ),
        "pending": ("is being made, or was interrupted", "the next change finishes it; repeat the undo then"),
    }
    unknown = ("was interrupted: it is not known whether it was made", "look at the objects, and change what is wrong")
    reason, remedy = reasons.get(one.state, unknown)
    _refuse(f"change {one.number} {reason}", remedy)


def _overlap(later: HistoryRecord, one: HistoryRecord) -> bool:
    return any(_touches(new, old) for new in later.changes for old in one.changes)


def _redirects(later: HistoryRecord, one: HistoryRecord, registry: Registry) -> bool:
    """Whether a later change gives another target to a secret that taking back a change would restore."""
    moved = {change.path: change.new_path for change in later.changes if change.new_path is not None}
    return any(
        new.path in old.paths and _moves_any(new, _find_travels(one, index, registry), registry, moved)
        for index, old in enumerate(one.changes)
        if old.action == "modify"
        for new in later.changes
    )


def _find_travels(one: HistoryRecord, index: int, registry: Registry) -> Iterator[tuple[PropertyDefinition, Travel]]:
    """Yield with what the literal secrets travel that an object had before a change."""
    change = one.changes[index]
    if change.type not in registry:
        return
    definition = registry.definition(change.type)
    for name, texts in one.old_texts(index):
        prop = find_property(definition, name)
        if prop is None or prop.re_entry is None or not texts:
            continue
        if any(mask_secret(prop, text) != text for text in texts):
            yield from ((definition.properties[travel.property], travel) for travel in prop.re_entry.travels)


def _moves_any(
    new: RecordedChange,
    travels: Iterable[tuple[PropertyDefinition, Travel]],
    registry: Registry,
    moved: Mapping[ManagedObjectPath, ManagedObjectPath],
) -> bool:
    """Whether a change may change any value that a secret travels with, also by a default that follows.

    A reference that follows the new name of an object, by ``moved``, leads where it did. Masked pairs may be such values.
    """
    followers = registry.followers_of(new.type, frozenset(new.names)) if new.type in registry else frozenset()
    for prop, travel in travels:
        if prop.name in followers or prop.name in new.secrets:
            return True
        was, now = (select_pairs(travel, prop, side.get(prop.name, ())) for side in (new.before, new.after))
        if {_follow(prop, text, registry, moved) for text in was} != set(now):
            return True
    return False


def _follow(
    prop: PropertyDefinition, text: str, registry: Registry, moved: Mapping[ManagedObjectPath, ManagedObjectPath]
) -> str:
    """Return a value with the new name of the object that it refers to."""
    for reference in prop.references if moved else ():
        name = reference.select_name(text)
        if name is None:
            continue
        new = moved.get(registry.parse_path(reference.parent).child(reference.relation, name))
        if new is not None:
            return reference.write_name(new.name or "")
    return text


def _touches(new: RecordedChange, old: RecordedChange) -> bool:
    """Whether taking back an old change would overwrite a new one."""
    for here in new.paths:
        for there in old.paths:
            if new.action != "modify" and (here == there or there.is_below(here)):
                return True
            if old.action == "create" and (here == there or here.is_below(there)):
                return True
            if here == there and set(new.names) & set(old.names):
                return True
    return False


def _advise_order(found: Sequence[HistoryRecord], number: int) -> Remedy:
    previous = str(_find_previous(found, number))
    return (
        RemedyAction("undo-to", previous),
        " takes them back as well, or undo them one by one, the last first",
    )


def _find_previous(found: Sequence[HistoryRecord], number: int) -> int:
    return max((one.number for one in found if one.number < number and one.state == "done"), default=0)


def _format_numbers(numbers: Sequence[int]) -> str:
    *front, last = map(str, numbers[:_SHOWN])
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return f"changes {', '.join(front)} and {last}{more}" if front else f"change {last}"


# -- execution -------------------------------------------------------------------------------------------------------


def _take_back(transaction: Transaction, several: Sequence[HistoryRecord]) -> None:
    """Request the inverse of some changes in a transaction; each step is checked on the result of those before it."""
    transaction.take_sealed()
    if needed := list(_find_needed_definitions(several, transaction)):
        transaction.expect_definitions(needed)
    registry = transaction.registry
    changed = dict.fromkeys(change.new_path or change.path for one in several for change in one.changes)
    transaction.expect(changed)
    for one in several:
        if problems := list(_find_missing_secrets(one)):
            raise AccessError(problems)
        for index in reversed(range(len(one.changes))):
            change = one.changes[index]
            filled = transaction.site.storage.is_foreign
            if problems := list(_find_edits(one.number, change, transaction.world, filled=filled)):
                raise ConstraintError(problems)
            _find_inverse(one, index, registry).ask(transaction)
    transaction.undoes = tuple(sorted(one.number for one in several))


def _find_needed_definitions(several: Iterable[HistoryRecord], transaction: Transaction) -> Iterator[InstalledText]:
    """Yield the removed definitions among the changes, if a change is about an object that no present one defines."""
    changes = [change for one in several for change in one.changes]
    if all(change.type in transaction.registry for change in changes):
        return
    from confobjects.definitions.installed import DIGEST, TEXT, InstalledText

    for change in reversed(changes):
        if change.path.relation == HOLDER_KIND:
            text, digest = (next(iter(change.before.get(name, ())), "") for name in (TEXT, DIGEST))
            if text and change.path.name not in transaction.registry:
                yield InstalledText(change.path.name or "", str(change.path), text, digest)


def _find_missing_secrets(one: HistoryRecord) -> Iterator[Diagnostic]:
    for index, change in enumerate(one.changes):
        if change.action == "create":
            continue
        for name, texts in one.old_texts(index):
            if texts is None:
                yield Diagnostic(
                    "access-refused",
                    f"change {one.number} cannot be taken back: the old value of {name} is not in the history, or this "
                    "user may not read it there",
                    path=str(change.path),
                    property=name,
                    remedy="undo it as a user who may read secrets, or set a new value",
                )


def _find_edits(number: int, change: RecordedChange, world: World, *, filled: bool) -> Iterator[Diagnostic]:
    """Yield a problem for each value that was changed outside the history since a change.

    Where defaults are ``filled`` in by the server, one in the place of no value is none.
    """
    obj = world.find(change.new_path or change.path)
    if change.action == "delete":
        if obj is not None and world.find(change.path) is not None and change.before and obj.values:
            yield _describe_edit(number, change, "", "exists again")
        return
    if obj is None:
        yield _describe_edit(number, change, "", "no longer exists")
        return
    for name in change.names:
        prop = find_property(obj.definition, name)  # it may have been renamed since
        now = obj.values.get(name if prop is None else prop.name, ())
        after = change.after.get(name, ())
        if filled and not after and prop is not None and now == prop.default.values:
            continue
        is_same = now == after if prop is None else is_same_value(prop, now, after)  # a server may spell it otherwise
        if name not in change.secrets and not is_same:
            yield _describe_edit(number, change, name, f"has another value of {name}")


def _describe_edit(number: int, change: RecordedChange, name: str, how: str) -> Diagnostic:
    return Diagnostic(
        "constraint-violated",
        f"change {number} cannot be taken back: the object {how}, because of a change that is not in the history",
        path=str(change.new_path or change.path),
        property=name,
        remedy="the storage was edited by other means: look at the object, and correct it",
    )


def _bind_change(one: HistoryRecord, index: int, registry: Registry) -> ObjectChange:
    """Return a recorded change with its definition and the old secrets; a missing secret stays masked."""
    change = one.changes[index]
    definition = registry.definition(change.type)
    before: dict[str, Texts] = {}
    after: dict[str, Texts] = {}
    for recorded, texts in one.old_texts(index):
        prop = find_property(definition, recorded)  # it may have been renamed since
        if prop is None:
            summary = f"change {one.number} cannot be taken back: {definition.friendly} has no property {recorded}"
            remedy = "take back the later changes one by one, the last first"
            raise ConstraintError(Diagnostic("constraint-violated", summary, path=str(change.path), remedy=remedy))
        name = prop.name
        before[name] = (MASK,) if texts is None else texts
        after[name] = change.after.get(recorded, ())
        if recorded in change.secrets:  # show only that the new secret differs from the old one
            after[name] = () if before[name] else (MASK,)
    return ObjectChange(change.path, change.action, definition, before, after, change.new_path)
