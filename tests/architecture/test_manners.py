"""Small promises kept everywhere: documented, short, finished."""

from __future__ import annotations

import ast
import importlib
import inspect
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.architecture.tree import ROOT, Source, sources

FOLDERS = (".ci", "benchmarks", "cli", "confobjects", "docs", "schemas", "tests")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
LONGEST_BUT_FEW = 30
"""Lines; all but one function in twenty are shorter. The median says nothing about a code base, the tail does."""


def _texts() -> Iterator[Path]:
    yield from (ROOT / name for name in ("Makefile", "README.md", "CHANGELOG.md", "pyproject.toml", ".ci/run"))
    for folder in FOLDERS:
        for place, below, files in os.walk(ROOT / folder):
            below[:] = [name for name in below if not name.startswith((".", "__pycache__"))]
            yield from (Path(place, name) for name in files if name.endswith((".py", ".pyi", ".json", ".md", ".toml")))


def test_nothing_is_left_for_later_in_a_comment() -> None:
    found = []
    for path in set(_texts()) - {Path(__file__)}:  # this file names the words
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if UNFINISHED.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found == []


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.path)
def test_every_module_begins_with_what_it_is(source: Source) -> None:
    assert ast.get_docstring(source.tree), source.path


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.path)
def test_whatever_is_public_is_documented(source: Source) -> None:
    if source.module.endswith("__main__"):
        return  # importing it runs it
    module = importlib.import_module(source.module)
    assert [name for name, thing in _public(module) if not inspect.getdoc(thing)] == []


def _public(module: ModuleType) -> Iterator[tuple[str, object]]:
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(thing):
            yield name, thing
        elif inspect.isclass(thing):
            yield name, thing
            # An overriding method says what its base says: inspect.getdoc asks the base through the class.
            for member, value in vars(thing).items():
                if not member.startswith("_") and inspect.isroutine(value):
                    yield f"{name}.{member}", getattr(thing, member)


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_functions_are_short() -> None:
    lengths = sorted(
        (_length(node), f"{source.path}:{node.lineno} {node.name}")
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )
    longest_but_few, _ = lengths[math.ceil(len(lengths) * 0.95) - 1]
    assert longest_but_few < LONGEST_BUT_FEW, lengths[-10:]
