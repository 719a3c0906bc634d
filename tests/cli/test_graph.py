"""``graph``: objects, references, what is disabled and what leads nowhere; no text becomes part of the drawing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.cli.commands.graph import _FORMATS
from confobjects.management import ManagementContext
from confobjects.management.graphing import build_graph, build_graph_around
from confobjects.paths import ManagedObjectPath
from confobjects.reference.graph import Edge, Graph, Node, as_dot, as_mermaid
from confobjects.reference.graph_svg import as_svg
from tests.cli.documents import provider, server
from tests.cli.sessions import FAMILY, fresh, run
from tests.definitions.documents import depot
from tests.opening import open_any

EVIL = '</title><script>alert(1)</script>"]; x -> y [label="&amp;'
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


def some(tmp_path: Path) -> None:
    provider("blind")
    provider("unused")
    server("one", "trust-manager-provider:blind")
    server("two", "trust-manager-provider:&{the.provider}")
    server("three", "trust-manager-provider:blind")
    assert run("set-mail-server-prop", "--server-name", "three", "--set", "enabled:false").status == 0
    file = tmp_path / "config.ldif"
    server("four", "trust-manager-provider:unused")
    text = re.sub(r"(?m)^(ds-cfg-trust-manager-provider: cn=)unused", r"\1gone", file.read_text())
    file.write_text(text)


def test_the_graph_around_an_object_is_its_part_of_the_graph(tmp_path: Path) -> None:
    some(tmp_path)
    with open_any(f"ldif:{tmp_path / 'config.ldif'}") as context:
        paths = [obj.path for obj in context.all()]
        _compare(context, [*paths, context.registry.path_of("mail-server", "absent")])
    assert {path.relation for path in paths} > {"mail-server", "trust-manager-provider"}
    with open_any(f"ldif:{tmp_path / 'depot.ldif'}", definitions=depot()) as context:
        context.create("queue", "jobs", {"enabled": True}, type="custom-memory")
        for name in ("mail", "print"):
            context.create("consumer", ("jobs", name), {})
        _compare(context, [obj.path for obj in context.all()])


def _compare(context: ManagementContext, paths: list[ManagedObjectPath]) -> None:
    for path in paths:
        part, around = build_graph(context.site, (), [path]), build_graph_around(context.site, path)
        assert list(around.nodes) == sorted(part.nodes, key=lambda one: one.key)
        assert set(around.edges) == set(part.edges)


def test_dot_shows_objects_and_references(tmp_path: Path) -> None:
    some(tmp_path)
    text = run("graph").out
    nodes = dict(re.findall(r'(?m)^  (n\d+) \[label="([^"]*)"', text))
    assert set(nodes.values()) == {
        "one\\nmail-server, generic",
        "two\\nmail-server, generic",
        "three\\nmail-server, generic, disabled",
        "four\\nmail-server, generic",
        "blind\\ntrust-manager-provider, blind",
        "unused\\ntrust-manager-provider, blind",
        "gone\\ntrust-manager-provider, missing",
        "&{the.provider}\\ntrust-manager-provider, known at startup",
    }
    edges = {
        (nodes[a].partition("\\n")[0], nodes[b].partition("\\n")[0]) for a, b in re.findall(r"(n\d+) -> (n\d+)", text)
    }
    assert edges == {("one", "blind"), ("three", "blind"), ("two", "&{the.provider}"), ("four", "gone")}
    assert len(re.findall(r"color=\"#c62828\", style=dashed", text)) == 1


@pytest.mark.parametrize("form", _FORMATS)
def test_every_form_shows_every_object(form: str, tmp_path: Path) -> None:
    some(tmp_path)
    done = run("graph", "--format", form)
    assert done.status == 0
    assert {
        name for name in ("one", "two", "three", "four", "blind", "gone", "unused") if name not in done.out
    } == set()


def test_mermaid_and_svg_show_the_same(tmp_path: Path) -> None:
    some(tmp_path)
    text = run("graph", "--format", "mermaid").out
    assert text.startswith("flowchart LR\n")
    assert len(re.findall(r":::", text)) == 8
    assert len(re.findall(r"-->", text)) == 3
    assert len(re.findall(r"-\.-x", text)) == 1
    image = ET.fromstring(run("graph", "--format", "svg").out)
    assert len(image.findall(f"{SVG}g")) == 8
    assert len(image.findall(f"{SVG}path")) == 4
    assert {title.text for title in image.iter(f"{SVG}title")} >= {"/mail-server/one", "/trust-manager-provider/gone"}


@pytest.mark.parametrize(
    ("chosen", "there"),
    [
        (["/mail-server/one"], {"one", "blind"}),
        (["/trust-manager-provider/blind"], {"blind", "one", "three"}),
        (["trust-manager-provider"], {"blind", "unused", "one", "three"}),
        (["/mail-server/ONE", "/mail-server/four"], {"one", "blind", "four", "gone"}),
    ],
)
def test_a_part_of_it(chosen: list[str], there: set[str], tmp_path: Path) -> None:
    some(tmp_path)
    assert set(re.findall(r'(?m)^  n\d+ \[label="([^"\\]+)\\n', run("graph", *chosen).out)) == there


def test_what_is_not_there_cannot_be_drawn() -> None:
    assert run("graph", "mail-servr").status == 2
    assert run("graph", "/mail-server/x").status == 12
    assert run("graph", "/mail-server").status == 2


def test_objects_below_others(tmp_path: Path) -> None:
    known = ["--definitions", str(FAMILY)]
    assert run("create-store", "--store-name", "s", "--set", "enabled:true", "--set", "location:/s", *known).status == 0
    words = ["--queue-name", "q", "--type", "disk", "--set", "enabled:true", "--set", "store:s", "--set", "watch:q"]
    assert run("create-queue", *words, *known).status == 0
    text = run("graph", *known).out
    nodes = dict(re.findall(r'(?m)^  (n\d+) \[label="([^"\\]*)', text))
    edges = {(nodes[a], nodes[b], label) for a, b, label in re.findall(r'(n\d+) -> (n\d+) \[label="([^"]*)"', text)}
    assert edges == {("q", "s", "store"), ("q", "q", "watch"), ("q", "Journal", "")}
    ET.fromstring(run("graph", "--format", "svg", *known).out)


def test_no_name_becomes_part_of_the_drawing() -> None:
    graph = Graph([Node(EVIL, EVIL, "kind"), Node("b", "back\\slash\x07", "k\nind")], [Edge(EVIL, "b", EVIL)])
    image = ET.fromstring(as_svg(graph))
    assert [element.tag for element in image.iter() if "script" in element.tag] == []
    assert next(image.iter(f"{SVG}title")).text == "Objects and their references"
    assert EVIL in [title.text for title in image.iter(f"{SVG}title")]
    for line in as_dot(graph).splitlines():
        assert re.sub(r'"(?:[^"\\]|\\.)*"', "", line).count('"') == 0
        assert "->" not in re.sub(r'"(?:[^"\\]|\\.)*"', "", line) or re.match(r"  n0 -> n1 \[", line)
    labels = re.findall(r'"([^"]*)"', as_mermaid(graph))
    assert len(labels) == 3
    assert all("<" not in label.replace("<br>", "") and "`" not in label for label in labels)


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), max_size=6))
def test_any_texts_give_an_image(texts: list[tuple[str, str, str]]) -> None:
    names = {name for pair in texts for name in pair[:2]}
    graph = Graph([Node(name, name, name) for name in sorted(names)], [Edge(*three) for three in texts])
    image = ET.fromstring(as_svg(graph))
    assert len(list(image.iter(f"{SVG}rect"))) == len(names)
    assert len(as_dot(graph).splitlines()) == 5 + len(names) + len(texts)
    assert "\r" not in as_dot(graph) + as_mermaid(graph)


def test_circles_long_ways_and_many_objects_have_a_layout() -> None:
    names = [f"o{number}" for number in range(400)]
    edges = [Edge(a, b, "next") for a, b in zip(names, [*names[1:], names[0]], strict=True)]
    edges += [Edge(names[0], name, "far") for name in names[::7]] + [Edge("alone", "alone", "me")]
    image = ET.fromstring(as_svg(Graph([Node(name, name, "k") for name in [*names, "alone"]], edges)))
    boxes = [(float(r.attrib["x"]), float(r.attrib["y"]), float(r.attrib["width"])) for r in image.iter(f"{SVG}rect")]
    assert len(boxes) == 401
    assert len({(x, y) for x, y, _ in boxes}) == 401
    width, height = float(image.attrib["width"]), float(image.attrib["height"])
    assert all(x >= 0 and x + w <= width and 0 <= y <= height - 44 for x, y, w in boxes)


def test_nothing_gives_an_empty_picture() -> None:
    assert run("graph").out.startswith("digraph")
    ET.fromstring(run("graph", "--format", "svg").out)
