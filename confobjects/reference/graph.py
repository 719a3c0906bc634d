"""Objects and their references as a graph, and its text for Graphviz and Mermaid.

No text of an object can become part of the drawing language: every label is escaped, and every node has a generated
name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from confobjects.records import Record

State = Literal["enabled", "disabled", "missing", "unknown"]
"""``missing``: only references name the object. ``unknown``: an expression may name it."""


class Node(Record):
    """One object: its key in the graph, its name, its kind and type in words, and its state."""

    key: str
    name: str
    kind: str
    state: State = "enabled"

    def describe(self) -> str:
        """Return the second line of its box: the kind, and the state if it is not the usual one."""
        return f"{self.kind}, {self.state}" if self.state in {"disabled", "missing"} else self.kind


class Edge(Record):
    """A reference by a property, or, without a label, the line from an object to its parent. ``broken``: no target."""

    source: str
    target: str
    label: str = ""
    broken: bool = False


class Graph(Record):
    """Nodes in the order of their paths, and the edges between them."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]


STYLES: Final[dict[State, tuple[str, str, bool]]] = {
    "enabled": ("#e8f3ea", "#2e7d32", False),
    "disabled": ("#eeeeee", "#757575", True),
    "missing": ("#fdecea", "#c62828", True),
    "unknown": ("#fff8e1", "#b26a00", True),
}
"""How a node of each state looks: fill, border and text colour, whether the border is broken."""


def _assign_names(graph: Graph) -> dict[str, str]:
    return {node.key: f"n{number}" for number, node in enumerate(graph.nodes)}


def as_dot(graph: Graph) -> str:
    """Return the graph in the language of Graphviz."""
    return "\n".join(["digraph configuration {", *(f"  {line}" for line in _dot_lines(graph)), "}"])


def _dot_lines(graph: Graph) -> Iterator[str]:
    names = _assign_names(graph)
    yield "rankdir=LR;"
    yield 'node [shape=box, style="filled,rounded", fontname="sans-serif"];'
    yield 'edge [fontname="sans-serif", fontsize=10];'
    for node in graph.nodes:
        fill, line, broken = STYLES[node.state]
        style = ', style="filled,rounded,dashed"' if broken else ""
        label = f"{_escape_dot(node.name)}\\n{_escape_dot(node.describe())}"
        yield f'{names[node.key]} [label="{label}", fillcolor="{fill}", color="{line}"{style}];'
    for edge in graph.edges:
        style = ', color="#c62828", style=dashed' if edge.broken else "" if edge.label else ", style=dotted"
        yield f'{names[edge.source]} -> {names[edge.target]} [label="{_escape_dot(edge.label)}"{style}];'


def _escape_dot(text: str) -> str:
    flat = "".join(character if character.isprintable() else " " for character in text)
    return flat.replace("\\", "\\\\").replace('"', '\\"')


def as_mermaid(graph: Graph) -> str:
    """Return the graph in the language of Mermaid."""
    return "\n".join(["flowchart LR", *(f"  {line}" for line in _mermaid_lines(graph))])


def _mermaid_lines(graph: Graph) -> Iterator[str]:
    names = _assign_names(graph)
    for node in graph.nodes:
        yield f'{names[node.key]}["{_escape_mermaid(node.name)}<br>{_escape_mermaid(node.describe())}"]:::{node.state}'
    for edge in graph.edges:
        label = f'|"{_escape_mermaid(edge.label)}"|' if edge.label else ""
        arrow = "-.-x" if edge.broken else "-->" if edge.label else "-.->"
        yield f"{names[edge.source]} {arrow}{label} {names[edge.target]}"
    states = {node.state for node in graph.nodes}
    for state, (fill, line, broken) in sorted(STYLES.items()):
        if state not in states:
            continue
        yield f"classDef {state} fill:{fill},stroke:{line}{',stroke-dasharray:4 3' if broken else ''}"


def _escape_mermaid(text: str) -> str:
    """Return a text in which everything except letters, digits and harmless signs is escaped."""
    return "".join(c if c.isalnum() or c in " -_./:,@=()" else f"#{ord(c)};" if c.isprintable() else " " for c in text)
