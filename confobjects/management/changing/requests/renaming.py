"""The request to give an object another name, which the objects that refer to it follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.management.changing.requests.draft import describe_existing
from confobjects.management.changing.verdict import Verdict
from confobjects.paths import ManagedObjectPath, Name
from confobjects.texts.names import normal_name

if TYPE_CHECKING:
    from confobjects.definitions import Relation
    from confobjects.management.changing.requests.draft import Draft
    from confobjects.objects.judging import User
    from confobjects.objects.model import ManagedObject


def rename(draft: Draft, kind: str, name: Name, new_name: str) -> None:
    """Give an object another name; objects that refer to it are changed with it."""
    obj = draft.find_existing(kind, name)
    relation = draft.registry.relation(kind)
    if relation.kind != "instantiable":
        summary = f"{kind} is named by its type" if relation.named else f"{kind} has no name to change"
        draft.problems.error("usage", summary, path=str(obj.path))
        return
    new_path = draft.make_path(kind, (*obj.path.names[:-1], new_name), relation)
    if new_path is None or new_path.elements == obj.path.elements:
        return
    if new_path != obj.path and (existing := draft.world.find(new_path)) is not None:
        draft.problems.add(describe_existing(relation, existing))
        return
    users = list(draft.site.make_judge(draft.world).users(obj.path))
    for moved in (obj, *draft.descendants(obj)):
        _move(draft, moved, obj.path, new_path, relation)
    for user in users:
        _follow(draft, user, obj.path, new_path)


def _move(draft: Draft, obj: ManagedObject, old: ManagedObjectPath, new: ManagedObjectPath, relation: Relation) -> None:
    path = ManagedObjectPath((*new.elements, *obj.path.elements[len(old.elements) :]))
    values = dict(obj.values)
    if obj.path == old and relation.naming_property:
        values[relation.naming_property] = (new.name or "",)
    renamed = obj if obj.path != old or new == old else draft.below.leave_out_name(obj)
    draft.world.move(obj.path, renamed.replace(path=path, values=values))
    draft.touched[path] = draft.touched.pop(obj.path, set())
    draft.given[path] = draft.given.pop(obj.path, set())


def _follow(draft: Draft, user: User, old: ManagedObjectPath, new: ManagedObjectPath) -> None:
    """Update a reference to a renamed object; a reference in an expression cannot be updated."""
    path, prop = user.object.path, user.property
    if path == old or path.is_below(old):  # it was moved itself
        path = ManagedObjectPath((*new.elements, *path.elements[len(old.elements) :]))
    obj = draft.world.find(path)
    if not user.sure or obj is None:
        draft.problems.add(Verdict.describe_possible_use(user, old))
        return
    name, written = normal_name(old.name or ""), user.reference.write_name(new.name or "")
    texts = obj.values.get(prop.name, ())
    meant = [normal_name(user.reference.select_name(text) or "") == name for text in texts]
    if any(meant):
        after = tuple(written if names_it else text for text, names_it in zip(texts, meant, strict=True))
        draft.put(obj.replace(values={**obj.values, prop.name: after}), [prop.name])
        draft.followed.setdefault(obj.path, set()).add(prop.name)
        return
    draft.problems.error(
        "object-in-use",
        f"{old} cannot be renamed: {path} names it in an expression ({user.as_words()})",
        path=str(old),
        remedy=f"change {user.as_words()} of {path} in the same change",
    )
