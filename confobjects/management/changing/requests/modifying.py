"""The requests to change properties of an object, its type included, and to seal its secrets anew."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from confobjects.management.changing.requests.draft import as_values, gives_another_name
from confobjects.mapping.objects import BRANCH_CLASS
from confobjects.objects.changes import Changer, PropertyChanges, add_written_defaults
from confobjects.objects.model import ManagedObject

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition
    from confobjects.management.changing.requests.draft import Draft
    from confobjects.paths import ManagedObjectPath, Name


def modify(  # noqa: PLR0913 - the options of a modification
    draft: Draft,
    kind: str,
    name: Name,
    changes: PropertyChanges,
    *,
    type: str | None = None,  # noqa: A002 - the word of the option
    exact: bool = False,
    unstated: Collection[str] = (),
) -> None:
    """Change properties of an object: reset, set, remove, add, in that order.

    ``type`` is the type that a singleton is to have: another one than now keeps the values of the properties that
    both types have. With ``exact`` no default of a mandatory property is written. ``unstated`` are secrets among the
    values that are only kept.
    """
    obj = _find_of_type(draft, kind, name, type)
    naming = draft.registry.relation(obj.path.relation).naming_property
    stated = {} if gives_another_name(obj.definition, naming, obj.path, changes.set) else {naming}
    given = PropertyChanges(
        {key: as_values(value) for key, value in changes.set.items() if key.lower() not in stated},
        {key: as_values(value) for key, value in changes.add.items()},
        {key: as_values(value) for key, value in changes.remove.items()},
        changes.reset,
    )
    if _touches_name(draft, obj, given):
        return
    is_new = draft.world.find(obj.path) is not obj
    # What is taken back may have replaced an object with another read-only value.
    creating = is_new or exact or draft.world.has_only_defaults(obj)
    changer = Changer(obj, draft.reader, draft.problems, creating=creating, exact=exact)
    changed = changer.apply(given)
    is_first = is_new or not draft.world.is_written(obj.path)
    if not exact and not is_new and is_first and changed.values == obj.values:
        return
    if not exact and is_first:
        changed = add_written_defaults(changed)  # the entry of a singleton is created by its first change
    # A broken value that is replaced is no longer a problem.
    replaced = {changer.key_of(name) for name in (*given.set, *given.reset)}
    remaining = tuple(problem for problem in obj.problems if problem.property not in replaced)
    names = {changer.key_of(name) for name in (*given.set, *given.add, *given.remove, *given.reset)}
    draft.put(changed.replace(problems=remaining), names)
    draft.note_given(changed, [changer.key_of(name) for name, several in given.set.items() if several], unstated)


def reseal(draft: Draft, path: ManagedObjectPath) -> None:
    """Seal the secrets of an object with the key that seals now; those that cannot be opened stay."""
    from confobjects.objects.sealing import bring_up_to_date

    obj, sealer = draft.world.find(path), draft.site.open_sealer()
    if obj is not None and sealer is not None:
        values, _ = bring_up_to_date(sealer, obj)
        if values:
            draft.put(obj.replace(values={**obj.values, **values}), ())


def _touches_name(draft: Draft, obj: ManagedObject, given: PropertyChanges) -> bool:
    """Whether a change touches the property that names the object; if so, report it."""
    naming = draft.registry.relation(obj.path.relation).naming_property
    found = bool(naming) and naming in {key.lower() for key in (*given.set, *given.add, *given.remove, *given.reset)}
    if found:
        draft.problems.error(
            "usage",
            f"{naming} is the name of {obj.path}: it can be changed only by renaming",
            path=str(obj.path),
            property=naming,
            remedy="rename the object",
        )
    return found


def _find_of_type(draft: Draft, kind: str, name: Name, type_: str | None) -> ManagedObject:
    """Return the object to change; a new one for a singleton that is to have another type, or its first one."""
    relation = draft.registry.relation(kind)
    path = draft.registry.path_of(kind, name)
    present = draft.world.find(path)
    if present is not None and not draft.world.is_written(path):
        draft.follow_parent(path)
    if type_ is None and present is not None:
        return present
    if relation.kind != "singleton":
        obj = draft.find_existing(kind, name)
        if type_ is not None and draft.find_type(relation, type_) is not obj.definition:
            summary = f"the type of {relation.indefinite} is chosen when it is created"
            draft.problems.error("usage", summary, path=str(path), remedy="delete it, and create it with that type")
        return obj
    draft.follow_parent(path)
    definition = draft.find_type(relation, type_)
    if present is None or not draft.world.is_written(path):
        fits = present is not None and present.definition is definition
        return present if present is not None and fits else ManagedObject(path, definition, {})
    return present if present.definition is definition else _change_type(draft, present, definition)


def _change_type(draft: Draft, obj: ManagedObject, definition: ManagedObjectDefinition) -> ManagedObject:
    """Return a stored singleton as one of another type. Its entry is replaced, so those of the objects below it are too."""
    below = list(draft.descendants(obj))
    relations = {relation.name for relation in draft.registry.children(definition.name)}
    strange = [child for child in below if child.path.parent == obj.path and child.path.relation not in relations]
    for child in strange:
        summary = f"{obj.path} cannot be {definition.indefinite} while {child.path} is below it"
        draft.problems.error("constraint-violated", summary, path=str(obj.path), remedy=f"delete {child.path} first")
    if not strange and _holds_others(draft, obj):
        summary = f"the type of {obj.path} cannot be changed: its entry holds others, which would be lost with it"
        draft.problems.error("constraint-violated", summary, path=str(obj.path))
    for child in reversed(below):
        draft.world.put(child)
    before, after = obj.definition.properties, definition.properties
    shared = {
        name: texts
        for name, texts in obj.values.items()
        if name in after and not after[name].is_fixed and _is_same_property(before[name], after[name])
    }
    return ManagedObject(obj.path, definition, shared)


def _holds_others(draft: Draft, obj: ManagedObject) -> bool:
    """Whether the entry of an object is one of others too, or has entries below it that are no objects below this one."""
    mapper = draft.site.mapper
    dn = mapper.dn_of(obj.path)
    stored = draft.below.entries.get(obj.path)
    if stored is None:
        return False
    if dn == mapper.base or stored.has_object_class(BRANCH_CLASS):
        return True
    known = {dn, *(mapper.dn_of(child.path) for child in _stored_below(draft, obj))}
    found = draft.site.storage.search(dn, "sub")
    return any(entry.dn not in known and not entry.has_object_class(BRANCH_CLASS) for entry in found)


def _stored_below(draft: Draft, obj: ManagedObject) -> Iterator[ManagedObject]:
    """Yield what is below an object in the storage now."""
    for relation in draft.registry.children(obj.definition.name):
        for child in draft.below.members(relation, obj.path):
            yield from (child, *_stored_below(draft, child))


def _is_same_property(one: PropertyDefinition, other: PropertyDefinition) -> bool:
    """Tell whether properties of two types, of the same name, are one: a type may have narrowed what both inherit."""
    return one.declared_by == other.declared_by or one.syntax.name == other.syntax.name
