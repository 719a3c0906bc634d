"""The graph of a configuration: its objects, their references, and which object is below which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from confobjects.paths import ROOT, ManagedObjectPath
from confobjects.reference.graph import Edge, Graph, Node, State

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.management.site import Site
    from confobjects.objects.judging import Judge, Judgement
    from confobjects.objects.model import ManagedObject


def build_graph(site: Site, kinds: Iterable[str] = (), paths: Iterable[ManagedObjectPath] = ()) -> Graph:
    """Return the objects of some kinds and at some paths, all that they need, and those that use them directly.

    Without kinds and paths, return everything that is stored. An expression is followed only where its own defaults
    give it a value.
    """
    world = site.open_world()
    judge = site.make_judge(world)
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    stored = [obj for obj in site.all_objects(world) if obj.path in world.entries]
    for obj in stored:
        judged = judge.judge(obj)
        nodes[str(obj.path)] = _make_node(judge, judged, site.registry)
        edges.extend(_find_edges(judge, judged, nodes))
    keys = {obj.path: str(obj.path) for obj in stored}
    edges = [_resolve_edge(edge, nodes, keys, site.registry) for edge in edges]
    chosen = _choose_keys(stored, set(kinds), set(paths))
    if chosen is not None:
        return _select_part(nodes, edges, chosen)
    return Graph(list(nodes.values()), edges)


def _make_node(judge: Judge, judged: Judgement, registry: Registry) -> Node:
    obj = judged.object
    relation = registry.relation(obj.path.relation)
    type_ = registry.short_type_of(obj.definition, relation)
    kind = relation.name if len(registry.types_of(relation)) == 1 else f"{relation.name}, {type_}"
    state: State = "disabled" if judge.is_enabled(judged) is False else "enabled"
    return Node(str(obj.path), obj.name or relation.friendly, kind, state)


def _find_edges(judge: Judge, judged: Judgement, nodes: dict[str, Node]) -> Iterator[Edge]:
    """Yield the references of an object; what an expression names only at startup becomes a node of its own."""
    here = str(judged.object.path)
    if judged.object.path.parent != ROOT:
        yield Edge(str(judged.object.path.parent), here)
    for name, prop in judged.object.definition.properties.items():
        for reference in prop.references:
            label = reference.as_words(name)
            for target in judge.find_targets(judged, prop, reference):
                yield Edge(here, str(target), label)
            for text in filter(reference.may_name, judged.readings[name].deferred):
                key = reference.select_name(text) or text
                nodes.setdefault(key, Node(key, key, f"{reference.relation}, known at startup", "unknown"))
                yield Edge(here, key, label)


def _resolve_edge(
    edge: Edge, nodes: dict[str, Node], keys: Mapping[ManagedObjectPath, str], registry: Registry
) -> Edge:
    """Return the edge with its target as it is stored; a target that does not exist becomes a missing node."""
    if edge.target in nodes:
        return edge.replace(broken=nodes[edge.target].state == "missing")
    path = registry.parse_path(edge.target)
    if path in keys:  # names ignore case
        return edge.replace(target=keys[path])
    nodes[edge.target] = Node(edge.target, path.name or "", path.relation, "missing")
    return edge.replace(broken=True)


def _choose_keys(stored: Iterable[ManagedObject], kinds: set[str], paths: set[ManagedObjectPath]) -> set[str] | None:
    if not kinds and not paths:
        return None
    return {str(obj.path) for obj in stored if obj.path.relation in kinds or obj.path in paths}


def _select_part(nodes: dict[str, Node], edges: Sequence[Edge], chosen: set[str]) -> Graph:
    following: dict[str, list[str]] = {}
    for edge in edges:
        following.setdefault(edge.source, []).append(edge.target)
    needed = set(chosen)
    waiting = list(chosen)
    while waiting:
        for target in following.get(waiting.pop(), ()):
            if target not in needed:
                needed.add(target)
                waiting.append(target)
    users = {edge.source for edge in edges if edge.target in chosen}
    shown = needed | users
    kept = [
        e for e in edges if (e.source in needed and e.target in needed) or (e.source in users and e.target in chosen)
    ]
    return Graph([node for key, node in nodes.items() if key in shown], kept)
