"""Find defaults that would depend on themselves: by the conditions of their cases, and by inheritance between objects.

Defaults that inherit from each other within one object, and have no cases, are checked where they are declared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from confobjects.definitions.building import find_deciding
from confobjects.definitions.family import Finding
from confobjects.definitions.model import ROOT_NAME
from confobjects.definitions.registry import Registry
from confobjects.errors import UnknownNameError

_Node = tuple[str, str]
"""The name of a type and of one of its properties."""


def find_circles(registry: Registry, checked: Collection[str]) -> Iterator[tuple[str, Finding]]:
    """Yield each circle once, with the name of the definition, one of ``checked``, that states one of its defaults."""
    if not any(
        "cases" in str(document.data) for document in (*registry.documents.values(), *registry.packages.values())
    ):
        return
    sources = _Sources(registry)
    told: set[frozenset[tuple[str, str]]] = set()
    for start in sources.nodes_with_cases():
        circle = sources.find_circle(start)
        stated = {node: sources.state_of(node) for node in circle}
        key = frozenset((level, node[1]) for node, (level, _) in stated.items())
        here = sorted(
            ((level, pointer) for level, pointer in stated.values() if level in checked),
            key=lambda place: (-len(registry.parents(place[0])), place),  # first a subtype, which closes the circle
        )
        if not circle or key in told or not here:
            continue
        told.add(key)
        level, pointer = here[0]
        yield level, (pointer, f"the default would depend on itself: {_name_circle(circle)}", _REMEDY)


_REMEDY = "give one of them a default that does not look at the others"


def _name_circle(circle: tuple[_Node, ...]) -> str:
    alone = len({type_name for type_name, _ in circle}) == 1
    words = [prop if alone else f"{prop} of {type_name}" for type_name, prop in circle]
    return " → ".join([*words, words[0]])


class _Sources:
    """Which properties the default of each property of each type depends on."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._specs: dict[str, Mapping[str, Mapping[str, Any]]] = {}
        self._found: dict[_Node, tuple[_Node, ...]] = {}

    def _specs_of(self, name: str) -> Mapping[str, Mapping[str, Any]]:
        if name not in self._specs:
            self._specs[name] = {prop: spec for prop, (spec, _) in self.registry.collect_specs(name).items()}
        return self._specs[name]

    def nodes_with_cases(self) -> Iterator[_Node]:
        """Yield the properties whose default has cases, of every type; a type comes after those it extends."""
        for name in sorted(self.registry.documents, key=lambda one: (len(self.registry.parents(one)), one)):
            yield from (
                (name, prop) for prop, spec in self._specs_of(name).items() if "cases" in spec.get("default", {})
            )

    def find_circle(self, start: _Node) -> tuple[_Node, ...]:
        """Return the shortest way that leads from a property back to itself, without the end; empty if there is none."""
        ways: dict[_Node, tuple[_Node, ...]] = {start: (start,)}
        waiting = [start]
        for node in waiting:
            for source in self._sources_of(node):
                if source == start:
                    return ways[node]
                if source not in ways:
                    ways[source] = (*ways[node], source)
                    waiting.append(source)
        return ()

    def _sources_of(self, node: _Node) -> tuple[_Node, ...]:
        if node not in self._found:
            self._found[node] = tuple(self._find_sources(*node))
        return self._found[node]

    def _find_sources(self, name: str, prop: str) -> Iterator[_Node]:
        default = self._specs_of(name)[prop].get("default", {})
        owners, names = [name], find_deciding(default)
        if "inherited" in default:
            owners, names = self._find_owners(name, default["inherited"]), (default["inherited"]["property"],)
        yield from ((owner, one) for owner in owners for one in names if one in self._specs_of(owner))

    def _find_owners(self, name: str, inherited: Mapping[str, Any]) -> list[str]:
        """Return the types that the object can have from which a default is inherited."""
        if inherited.get("offset") == 0:
            return [name]
        try:
            if "path" in inherited:
                target = self.registry.relation(self.registry.parse_path(inherited["path"]).relation).target
            else:
                top = (*self.registry.parents(name), name)[0]
                lineage = self.registry.lineage(self.registry.relation_of(top))
                target = lineage[-1 - inherited["offset"]].target if inherited["offset"] < len(lineage) else ROOT_NAME
        except (UnknownNameError, ValueError):
            return []  # reported where it is declared
        return [] if target == ROOT_NAME else list(self.registry.subtypes(target))

    def state_of(self, node: _Node) -> tuple[str, str]:
        """Return the definition that states the default of a property, and the pointer to it."""
        name, prop = node
        found = (name, f"/properties/{prop}")
        for level in (*self.registry.parents(name), name):
            data = self.registry.documents[level].data
            if prop in data.get("properties", {}):
                own = data["properties"][prop]
                found = (level, f"/properties/{prop}{'/default' if 'default' in own else '/use'}")
            if "default" in data.get("overrides", {}).get(prop, {}):
                found = (level, f"/overrides/{prop}/default")
        return found
