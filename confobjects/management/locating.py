"""Which objects an entry may hold, by its name: the way from the base down to it, over the objects that are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from confobjects.dn import DN
from confobjects.paths import ROOT, ManagedObjectPath
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import Relation
    from confobjects.mapping.objects import Mapper
    from confobjects.objects.model import ManagedObject

FindObject = Callable[[ManagedObjectPath], "ManagedObject | None"]


class Place(Record):
    """Where an object may be: its path, and its relation."""

    path: ManagedObjectPath
    relation: Relation


class Location(Record):
    """What an entry may be by its name: the objects that it may hold, and whether it is a branch, or on the way to one.

    The entry of a single object counts as a branch. Where there is neither, an entry is a stray.
    """

    places: tuple[Place, ...]
    is_branch: bool


class Locator:
    """Locates entries below the base of a mapper. ``find`` returns the object at a path, None if there is none."""

    def __init__(self, mapper: Mapper, find: FindObject) -> None:
        self._mapper = mapper
        self._find = find

    def locate(self, dn: DN) -> Location:
        """Return what the entry of a DN may be, which is the base or below it."""
        rdns = dn.rdns[: len(dn) - len(self._mapper.base)][::-1]
        normals = [DN.of(rdn).normal for rdn in rdns]
        places: list[Place] = []
        is_branch = not rdns
        waiting: list[tuple[ManagedObjectPath, str, int]] = [(ROOT, "root", 0)]
        for above, kind, start in waiting:
            for relation in self._mapper.registry.children(kind):
                branch = self._mapper.branch_steps(relation)
                at = start + len(branch)
                shared = normals[start:at]
                if shared != [DN.of(step).normal for step in branch][: len(shared)]:
                    continue
                if at > len(rdns):
                    is_branch = is_branch or bool(shared)
                    continue
                is_branch = is_branch or at == len(rdns)
                name = None
                if relation.named:
                    name = DN.of(rdns[at]).name_by(relation.naming_attribute) if at < len(rdns) else None
                    if not name:
                        continue
                    at += 1
                path = above.child(relation.name, name)
                if at == len(rdns):
                    places.append(Place(path, relation))
                if (found := self._find(path)) is not None:
                    waiting.append((path, found.definition.name, at))
        return Location(tuple(places), is_branch)
