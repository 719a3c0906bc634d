"""The graph of a configuration: its objects, their references, and which object is below which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from confobjects.paths import ROOT, ManagedObjectPath
from confobjects.reference.graph import Edge, Graph, Node, State

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.management.site import Site
    from confobjects.management.world import StorageWorld
    from confobjects.objects.judging import Judge, Judgement
    from confobjects.objects.model import ManagedObject


def build_graph(site: Site, kinds: Iterable[str] = (), paths: Iterable[ManagedObjectPath] = ()) -> Graph:
    """Return the objects of some kinds and at some paths, all that they need, and those that use them directly.

    Without kinds and paths, return everything that is stored. An expression is followed only where its own defaults
    give it a value.
    """
    world = site.open_world()
    judge = site.make_judge(world)
    drawing = _Drawing(judge, site.registry)
    stored = [obj for obj in site.all_objects(world) if obj.path in world.entries]
    for obj in stored:
        drawing.add(obj)
    edges = drawing.finish()
    chosen = _choose_keys(stored, set(kinds), set(paths))
    if chosen is not None:
        return _select_part(drawing.nodes, edges, chosen)
    return Graph(list(drawing.nodes.values()), edges)


def build_graph_around(site: Site, path: ManagedObjectPath) -> Graph:
    """Return the object at a path, all that it needs, and those that use it directly; no other object is judged.

    It is what :func:`build_graph` returns, in the order of paths.
    """
    world = site.open_world()
    judge = site.make_judge(world)
    drawing = _Drawing(judge, site.registry)
    waiting, chosen = [path], set[str]()
    while waiting:
        obj = world.find(waiting.pop())
        if obj is None or obj.path not in world.entries or obj.path in drawing.keys:
            continue
        chosen = chosen or {str(obj.path)}
        waiting.extend(drawing.add(obj))
        for relation in site.registry.children(obj.definition.name):
            waiting.extend(below.path for below in world.members(relation, obj.path))
    for user in _find_users(judge, world, path) if chosen else ():
        if user.path in world.entries and user.path not in drawing.keys:
            drawing.add(user)
    found = _select_part(drawing.nodes, drawing.finish(), chosen)
    nodes = sorted(found.nodes, key=lambda one: one.key)
    return Graph(nodes, sorted(found.edges, key=lambda one: (one.source, one.target, one.label)))


def _find_users(judge: Judge, world: StorageWorld, path: ManagedObjectPath) -> Iterator[ManagedObject]:
    """Yield the object above the one at a path, and those that refer to it."""
    above = None if path.parent == ROOT else world.find(path.parent)
    if above is not None:
        yield above
    yield from (one.object for one in judge.users(path) if one.sure)


class _Drawing:
    """A graph that grows object by object. ``keys`` are those of the nodes of the objects that were added."""

    def __init__(self, judge: Judge, registry: Registry) -> None:
        self._judge = judge
        self._registry = registry
        self.nodes: dict[str, Node] = {}
        self.keys: dict[ManagedObjectPath, str] = {}
        self._edges: list[Edge] = []

    def add(self, obj: ManagedObject) -> list[ManagedObjectPath]:
        """Add an object with its references, and return the paths of their targets."""
        judged = self._judge.judge(obj)
        key = self.keys[obj.path] = str(obj.path)
        self.nodes[key] = _make_node(self._judge, judged, self._registry)
        edges = list(_find_edges(self._judge, judged, self.nodes))
        self._edges.extend(edges)
        return [
            self._registry.parse_path(one.target) for one in edges if one.source == key and _is_path(one, self.nodes)
        ]

    def finish(self) -> list[Edge]:
        """Return the edges, each with its target as it is stored. What is not stored becomes a missing node."""
        return [_resolve_edge(edge, self.nodes, self.keys, self._registry) for edge in self._edges]


def _is_path(edge: Edge, nodes: Mapping[str, Node]) -> bool:
    """Tell whether an edge leads to an object, and not to what is known at startup."""
    return edge.target not in nodes or nodes[edge.target].state != "unknown"


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
