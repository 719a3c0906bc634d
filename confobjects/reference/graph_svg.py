"""The graph as an SVG image with a layered layout: users on the left, the objects they use on the right.

The layout has four steps. References that close a circle are reversed. Each object gets the layer after its users. A
long reference gets a place in each layer that it passes. Each layer is ordered by the middle of the neighbours. The
time is linear except for sorting, and nothing is recursive, because a configuration may contain thousands of objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from confobjects.records import Record
from confobjects.reference.graph import STYLES, Edge, Graph, Node

_HEIGHT: Final = 44
_GAP: Final = 18
_ROOM: Final = 130
"""Space between two layers, for the labels of references."""
_MARGIN: Final = 20
_LETTER: Final = 7.5
"""The usual width of a letter. Wide letters of East Asian scripts count twice."""
_LONGEST: Final = 40
_SWEEPS: Final = 6
_COLOURS: Final = {"arrow": "#546e7a", "broken": "#c62828"}
_PASSING: Final = 20_000
"""The number of passing places for all references together. The remaining references are straight lines."""


class _BoxPlace(Record):
    """The place of a box: its upper left corner and its width."""

    x: float
    y: float
    width: float

    @property
    def middle(self) -> float:
        return self.y + _HEIGHT / 2


class _EdgeRoute(Record):
    """An edge through the layers: the edge, and the keys it passes from the left to the right."""

    edge: Edge
    keys: tuple[str, ...]
    turned: bool


def as_svg(graph: Graph, links: Mapping[str, str] | None = None) -> str:
    """Return the graph as an SVG document. ``links`` are the addresses that boxes lead to, by the keys of their objects."""
    graph = _merge_edges(graph)
    layers, ways = _arrange_layers(graph)
    places = _place_boxes(layers, {node.key: node for node in graph.nodes})
    loops = any(edge.source == edge.target for edge in graph.edges)
    right = max((place.x + place.width for place in places.values()), default=0.0) + _MARGIN + 60 * loops
    bottom = max((place.y + _HEIGHT for place in places.values()), default=0.0) + _MARGIN
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{right:.0f}" height="{bottom:.0f}" viewBox="0 0 {right:.0f} {bottom:.0f}"'
    role = "group" if links else "img"
    style = f' font-family="sans-serif" font-size="13" role="{role}">'
    markers = "".join(_draw_marker(name, colour) for name, colour in _COLOURS.items())
    return "\n".join(
        [
            head + style,
            "<title>Objects and their references</title>",
            f"<defs>{markers}</defs>",
            *(line for way in ways for line in _draw_route(way, places)),
            *(line for node in graph.nodes for line in _draw_linked(node, places[node.key], links or {})),
            "</svg>",
        ]
    )


def _merge_edges(graph: Graph) -> Graph:
    """Merge several references from one object to another into one edge, because their lines would overlap."""
    between: dict[tuple[str, str], Edge] = {}
    for edge in graph.edges:
        known = between.get((edge.source, edge.target))
        labels = [label for label in (known.label if known else "", edge.label) if label]
        between[edge.source, edge.target] = edge.replace(label=", ".join(labels))
    return Graph(graph.nodes, list(between.values()))


def _draw_marker(name: str, colour: str) -> str:
    place = 'viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"'
    return f'<marker id="{name}" {place}><path d="M0 0 8 4 0 8z" fill="{colour}"/></marker>'


# -- the layout --------------------------------------------------------------------------------------------------


def _arrange_layers(graph: Graph) -> tuple[list[list[str]], list[_EdgeRoute]]:
    """Return the keys of each layer in order, and the ways of the edges through them."""
    turned = _find_back_edges(graph)
    pairs = [(e.target, e.source) if t else (e.source, e.target) for e, t in zip(graph.edges, turned, strict=True)]
    depth = _assign_depths([node.key for node in graph.nodes], pairs)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for key, layer in depth.items():
        layers[layer].append(key)
    ways = []
    room = _PASSING
    for number, (edge, back, (left, right)) in enumerate(zip(graph.edges, turned, pairs, strict=True)):
        between = range(depth[left] + 1, depth[right])
        passed = [f"\0{number}.{layer}" for layer in between] if len(between) <= room else []
        room -= len(passed)
        for layer, key in enumerate(passed, depth[left] + 1):
            layers[layer].append(key)
        keys = (left,) if left == right else (left, *passed, right)
        ways.append(_EdgeRoute(edge, keys, back))
    _sort_layers(layers, ways)
    return layers, ways


def _find_back_edges(graph: Graph) -> list[bool]:
    """Return for each edge whether it closes a circle."""
    following: dict[str, list[tuple[int, str]]] = {}
    for number, edge in enumerate(graph.edges):
        following.setdefault(edge.source, []).append((number, edge.target))
    turned = [False] * len(graph.edges)
    done: set[str] = set()
    for node in graph.nodes:
        open_: set[str] = set()
        waiting = [] if node.key in done else [(node.key, iter(following.get(node.key, ())))]
        while waiting:
            key, rest = waiting[-1]
            open_.add(key)
            step = next(rest, None)
            if step is None:
                waiting.pop()
                open_.discard(key)
                done.add(key)
            elif step[1] in open_:
                turned[step[0]] = True
            elif step[1] not in done:
                waiting.append((step[1], iter(following.get(step[1], ()))))
    return turned


def _assign_depths(keys: Sequence[str], pairs: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return the layer of each node: one more than the last of those that point at it."""
    following: dict[str, list[str]] = {}
    waits = dict.fromkeys(keys, 0)
    for source, target in pairs:
        if source != target:
            following.setdefault(source, []).append(target)
            waits[target] += 1
    depth = dict.fromkeys(keys, 0)
    ready = [key for key in keys if not waits[key]]
    for key in ready:
        for target in following.get(key, ()):
            depth[target] = max(depth[target], depth[key] + 1)
            waits[target] -= 1
            if not waits[target]:
                ready.append(target)
    pointed = {target for source, target in pairs if source != target}
    for key in keys:  # an object without users is placed close to the objects it uses
        if key not in pointed and (targets := following.get(key)):
            depth[key] = min(depth[target] for target in targets) - 1
    return depth


def _sort_layers(layers: list[list[str]], ways: Sequence[_EdgeRoute]) -> None:
    """Order each layer by the middle of its neighbours, to the right and back again."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for way in ways:
        for left, right in pairwise(way.keys):
            after.setdefault(left, []).append(right)
            before.setdefault(right, []).append(left)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        order = range(1, len(layers)) if forward else range(len(layers) - 2, -1, -1)
        for number in order:
            rank = {key: index for index, key in enumerate(layers[number - 1 if forward else number + 1])}
            neighbours = before if forward else after
            middles = {
                key: _mean_rank(neighbours.get(key, ()), rank, index) for index, key in enumerate(layers[number])
            }
            layers[number].sort(key=middles.__getitem__)


def _mean_rank(keys: Sequence[str], rank: dict[str, int], otherwise: float) -> float:
    return sum(rank[key] for key in keys) / len(keys) if keys else otherwise


def _place_boxes(layers: Sequence[Sequence[str]], nodes: dict[str, Node]) -> dict[str, _BoxPlace]:
    tallest = max(map(len, layers), default=0)
    places: dict[str, _BoxPlace] = {}
    x = float(_MARGIN)
    for layer in layers:
        width = max((_box_width(nodes[key]) for key in layer if key in nodes), default=0.0)
        y = _MARGIN + (tallest - len(layer)) * (_HEIGHT + _GAP) / 2
        for index, key in enumerate(layer):
            places[key] = _BoxPlace(x, y + index * (_HEIGHT + _GAP), width)
        x += width + _ROOM
    return places


def _box_width(node: Node) -> float:
    longest = max(_count_letters(_shorten_label(node.name)), _count_letters(_shorten_label(node.describe())))
    return max(90.0, longest * _LETTER + 24)


def _count_letters(text: str) -> int:
    return sum(2 if character > "\u1100" else 1 for character in text)


# -- the drawing -------------------------------------------------------------------------------------------------


def _draw_linked(node: Node, place: _BoxPlace, links: Mapping[str, str]) -> Iterator[str]:
    address = links.get(node.key)
    if address is None:
        return _draw_node(node, place)
    return iter((f'<a href="{escape_xml(address)}">', *_draw_node(node, place), "</a>"))


def _draw_node(node: Node, place: _BoxPlace) -> Iterator[str]:
    fill, line, broken = STYLES[node.state]
    dash = ' stroke-dasharray="5 3"' if broken else ""
    box = f'x="{place.x:.1f}" y="{place.y:.1f}" width="{place.width:.1f}" height="{_HEIGHT}" rx="7"'
    middle = place.x + place.width / 2
    yield f"<g><title>{escape_xml(node.key)}</title>"
    yield f'<rect {box} fill="{fill}" stroke="{line}"{dash}/>'
    yield f'<text x="{middle:.1f}" y="{place.y + 19:.1f}" text-anchor="middle">{escape_xml(_shorten_label(node.name))}</text>'
    small = f'y="{place.y + 35:.1f}" text-anchor="middle" font-size="11" fill="{line}"'
    yield f'<text x="{middle:.1f}" {small}>{escape_xml(_shorten_label(node.describe()))}</text></g>'


def _draw_route(way: _EdgeRoute, places: dict[str, _BoxPlace]) -> Iterator[str]:
    first, last = places[way.keys[0]], places[way.keys[-1]]
    if len(way.keys) == 1:  # an object that refers to itself
        x, y = first.x + first.width, first.middle
        line = f"M{x:.1f} {y - 8:.1f}C{x + 50:.1f} {y - 30:.1f} {x + 50:.1f} {y + 30:.1f} {x:.1f} {y + 8:.1f}"
        at = (x + 44, y)
    else:
        points = [(first.x + first.width, first.middle)]
        for key in way.keys[1:-1]:
            place = places[key]
            points += [(place.x, place.middle), (place.x + place.width, place.middle)]
        points.append((last.x, last.middle))
        line = _draw_curve(points[::-1] if way.turned else points)
        at = ((points[0][0] + points[1][0]) / 2, (points[0][1] + points[1][1]) / 2)
    end = "broken" if way.edge.broken else "arrow"
    colour = _COLOURS[end]
    dash = ' stroke-dasharray="5 3"' if way.edge.broken else "" if way.edge.label else ' stroke-dasharray="2 3"'
    look = f'fill="none" stroke="{colour}"{dash} marker-end="url(#{end})"'
    yield f'<path d="{line}" {look}/>'
    if way.edge.label:
        text = escape_xml(_shorten_label(way.edge.label))
        yield f'<text x="{at[0]:.1f}" y="{at[1] - 4:.1f}" text-anchor="middle" font-size="11" fill="{colour}">{text}</text>'


def _draw_curve(points: Sequence[tuple[float, float]]) -> str:
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x, y), (to_x, to_y) in pairwise(points):
        bend = (to_x - x) / 2
        parts.append(f"C{x + bend:.1f} {y:.1f} {to_x - bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}")
    return "".join(parts)


def _shorten_label(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def escape_xml(text: str) -> str:
    """Return a text for the content of an XML element; what XML cannot hold becomes a blank."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    return clean.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
