"""Find the base of a configuration from its entries: the DN that its objects and branches are below."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from confobjects.dn import DN
from confobjects.mapping.objects import BRANCH_CLASS

if TYPE_CHECKING:
    from confobjects.definitions import Registry, Relation
    from confobjects.mapping.entry import Entry


class BaseFinder:
    """Finds the bases that entries imply by their object classes and their DNs."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    @cached_property
    def relations(self) -> dict[str, Relation]:
        """The relations by the object class of their objects, in lower case."""
        return {
            self.registry.object_classes_of(relation.target)[-1].lower(): relation
            for relation in self.registry.relations().values()
        }

    def find(self, entries: Iterable[Entry]) -> DN | None:
        """Return the base of some entries in order: the first of them that others imply, or else the first entry.

        A first entry that is a base alone is not doubted, so that the others need not be looked at.
        """
        first: DN | None = None
        there: dict[DN, None] = {}
        implied: dict[DN, None] = {}
        for entry in entries:
            if first is None:
                first = entry.dn
                if is_base(entry, self.registry):
                    return first
            there[entry.dn] = None
            if base := self.find_implied(entry):
                implied[base] = None
        return next((dn for dn in there if dn in implied), first)

    def find_implied(self, entry: Entry) -> DN | None:
        """Return the base that an object or a branch belongs to, by its object class and its DN."""
        for name in entry.object_classes:
            relation = self.relations.get(name.lower())
            if relation is not None and (base := self._find_above(entry.dn, relation)):
                return base
        return find_branch_base(entry, self.registry)

    def _find_above(self, dn: DN, relation: Relation) -> DN | None:
        for step in reversed(self.registry.lineage(relation)):
            dn = dn.parent if step.named else dn
            above = _strip_steps(dn, _branch_steps(step))
            if above is None:
                return None
            dn = above
        return dn


def is_base(entry: Entry, registry: Registry) -> bool:
    """Tell whether an entry alone is an empty configuration: its base, and not a branch of one."""
    return entry.has_object_class(BRANCH_CLASS) and find_branch_base(entry, registry) is None


def find_branch_base(entry: Entry, registry: Registry) -> DN | None:
    """Return the base of an entry that is a branch, or is between the base and a branch."""
    if entry.has_object_class(BRANCH_CLASS):
        for relation in registry.children("root"):
            steps = _branch_steps(relation)
            for start in range(len(steps)):
                if base := _strip_steps(entry.dn, steps[start:]):
                    return base
    return None


def _branch_steps(relation: Relation) -> tuple[str, ...]:
    """Return the normal forms of the RDNs of a relation's branch, leaf first."""
    return tuple(DN.of(rdn).normal for rdn in DN.parse(relation.branch).rdns) if relation.branch else ()


def _strip_steps(dn: DN, steps: Iterable[str]) -> DN | None:
    """Return a DN without some RDNs at its start; None if it does not start with them."""
    for step in steps:
        if dn.normal.partition(",")[0] != step:
            return None
        dn = dn.parent
    return dn
