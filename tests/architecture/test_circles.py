"""No two files of the library or the command line need each other.

Every import counts: at the head of a module, inside a function, and for type checkers only. A circle that is hidden in
a function is a circle.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.architecture.tree import Source, sources

TYPED_STUB = frozenset({"confobjects.objects.effective", "confobjects.objects.typed"})
"""The one pair that may stay: a class and the generated stub of its types."""


def _imports(source: Source, known: Iterable[str]) -> Iterator[str]:
    """Yield the modules of ours that a file names in an import, wherever the import stands."""
    modules = set(known)
    package = source.module if source.path.endswith("__init__.py") else source.module.rpartition(".")[0]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in modules)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for name in node.names:
                # A module by its package is no use of the package's own names.
                found = f"{base}.{name.name}"
                yield from (one for one in (found if found in modules else base,) if one in modules)


def _arrows() -> dict[str, set[str]]:
    """Return what each file imports."""
    names = {source.module for source in sources()}
    return {source.module: set(_imports(source, names)) - {source.module} for source in sources()}


def circles(arrows: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return the groups of files that reach each other (Tarjan's strongly connected components of two or more)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        stack.append(node)
        for target in arrows.get(node, ()):
            if target not in order:
                visit(target)
                lowest[node] = min(lowest[node], lowest[target])
            elif target in stack:
                lowest[node] = min(lowest[node], order[target])
        if lowest[node] == order[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in arrows:
        if node not in order:
            visit(node)
    return sorted(found)


def test_no_files_import_each_other() -> None:
    assert [group for group in circles(_arrows()) if set(group) != TYPED_STUB] == []


@pytest.mark.parametrize(
    ("arrows", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}}, [["a", "b"]]),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, [["a", "b", "c"]]),
    ],
)
def test_the_count_finds_circles(arrows: dict[str, set[str]], expected: list[list[str]]) -> None:
    assert circles(arrows) == expected


def test_late_and_type_only_imports_count(tmp_path: Path) -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from a import b\ndef f():\n    from a.c import d\n"
    file = tmp_path / "x.py"
    file.write_text(text)
    assert set(_imports(Source("x", str(file)), ["a", "a.b", "a.c"])) == {"a.b", "a.c"}
