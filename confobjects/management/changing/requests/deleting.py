"""The request to delete an object and all below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.errors import NoSuchObjectError
from confobjects.management.world import describe_absence

if TYPE_CHECKING:
    from confobjects.management.changing.requests.draft import Draft
    from confobjects.mapping.entry import Entry
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import Name


def delete(draft: Draft, kind: str, name: Name = (), *, force: bool = False, exact: bool = False) -> None:
    """Delete an object and everything below it; with ``force`` an absent one is no error.

    With ``exact`` also the entry of a singleton is deleted, which then has its defaults.
    """
    path = draft.registry.path_of(kind, name)
    if draft.registry.unwritten_type(draft.registry.relation(kind)) is not None and not exact:
        draft.problems.error("usage", f"{kind} cannot be deleted: there is always one", path=str(path))
        return
    obj = draft.world.find(path)
    if obj is None:
        if not force:
            raise NoSuchObjectError(describe_absence(draft.registry, draft.world, path))
        return
    children = list(draft.descendants(obj))
    if (stored := draft.below.entries.get(obj.path)) is not None and obj.path not in draft.world.pending:
        _check_deletion(draft, obj, stored)
    for child in children:
        draft.world.remove(child.path)
    draft.world.remove(obj.path)


def _check_deletion(draft: Draft, obj: ManagedObject, stored: Entry) -> None:
    """Refuse to delete an entry of another class, and one with entries below it that undo cannot put back."""
    from confobjects.management.strays import find_strays_below

    relation = draft.registry.relation(obj.path.relation)
    top = draft.registry.definition(relation.target)
    if not stored.has_object_class(top.object_classes[-1]):
        draft.problems.extend(obj.problems)
        return
    for stray in find_strays_below(draft.site, draft.below, obj):
        summary = f"the {relation.friendly} cannot be deleted: {stray.summary}"
        remedy = "remove that entry first, with a tool of the directory or in the file"
        draft.problems.error("object-in-use", summary, path=str(obj.path), remedy=remedy)
