"""The request to create an object, with the objects that come with it by default."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from confobjects.management.changing.requests.draft import as_values, describe_existing, gives_another_name
from confobjects.objects.changes import Changer, PropertyChanges, add_written_defaults
from confobjects.objects.model import ManagedObject

if TYPE_CHECKING:
    from confobjects.management.changing.requests.draft import Draft, Given
    from confobjects.mapping.entry import Values
    from confobjects.paths import ManagedObjectPath, Name


def create(  # noqa: PLR0913 - the options of a creation
    draft: Draft,
    kind: str,
    name: Name,
    values: Given,
    *,
    type: str | None = None,  # noqa: A002 - the word of the option
    if_absent: bool = False,
    bare: bool = False,
    exact: bool = False,
    unstated: Collection[str] = (),
    others: Mapping[str, Values] | None = None,
) -> None:
    """Create an object of a kind (or one of its types, by short or full name), with values by property.

    A value may be text, the syntax's Python value, or a sequence of them. With ``if_absent`` an existing
    object is left as it is; with ``bare`` the default objects below it are not created; with ``exact`` no
    default of a mandatory property is written. ``unstated`` are secrets among the values that are only kept from
    an object that this one replaces. ``others`` are values of attributes that belong to no property.
    """
    relation = draft.registry.relation(kind)
    path = draft.make_path(kind, name, relation)
    if path is None:
        return
    if relation.kind == "set":
        type = _read_type_of_name(draft, path, type)  # noqa: A001 - the argument's name is the word of the option
    definition = draft.find_type(relation, type)
    if relation.kind == "set":  # its objects are named by their type
        path = path.parent.child(path.relation, draft.registry.short_type_of(definition, relation))
    path = draft.follow_parent(path)
    existing = draft.world.find(path)
    if existing is not None and draft.world.is_written(path):
        if not if_absent:
            draft.problems.add(describe_existing(relation, existing))
        return
    naming = relation.naming_property
    if gives_another_name(definition, naming, path, values):
        summary = f"{naming} is the name of the {relation.friendly}: it cannot be set to another value"
        draft.problems.error("usage", summary, path=str(path), property=naming)
        return
    values = {given: value for given, value in values.items() if given.lower() != naming}
    named = {naming: (path.name or "",)} if naming else {}
    changer = Changer(ManagedObject(path, definition, named), draft.reader, draft.problems, creating=True)
    obj = changer.apply(PropertyChanges(set={key: as_values(value) for key, value in values.items()}))
    obj = obj if exact else add_written_defaults(obj)
    if exact or not draft.world.has_only_defaults(obj):  # a singleton without values is there anyway
        names = [changer.key_of(key) for key in values]
        draft.put(obj.replace(others=others or {}), names)
        draft.note_given(obj, names, unstated)
    if not bare:
        _create_default_objects(draft, obj)


def _create_default_objects(draft: Draft, obj: ManagedObject) -> None:
    for relation in draft.registry.children(obj.definition.name):
        for item in relation.default_objects:
            names = (*obj.path.names, item.name) if relation.named else obj.path.names
            create(draft, relation.name, names, dict(item.values), type=item.type)


def _read_type_of_name(draft: Draft, path: ManagedObjectPath, type_: str | None) -> str:
    name = path.name or ""
    if type_ is not None and type_.lower() != name.lower():
        draft.problems.error(
            "usage",
            f'an object of {path.relation} is named by its type: "{name}" cannot be of type "{type_}"',
            path=str(path),
            remedy=f'name it "{type_}"',
        )
    return name
