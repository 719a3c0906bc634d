"""Broken definitions: each file (or folder) of ``tests/bad/definitions`` holds one mistake, with its exact message.

The files may build on the second family of definitions. ``several-…`` hold more than one mistake: all are told.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from confobjects.definitions import checking, family, meaning, schema_errors
from confobjects.definitions.checking import check, parse_documents
from confobjects.diagnostics import Diagnostic
from tests.definitions.documents import FAMILY, HERE, documents

BAD = HERE.parent / "bad" / "definitions"
CASES = sorted(path.stem for path in BAD.iterdir() if path.suffix != ".txt")


def problems(name: str) -> list[Diagnostic]:
    path = BAD / name
    files = sorted(path.glob("*.json")) if path.is_dir() else [path.with_suffix(".json")]
    found, broken = parse_documents([(file.name, file.read_text("utf-8")) for file in files])
    return [*broken, *check(found, documents(FAMILY), incomplete=bool(broken))]


@pytest.mark.parametrize("name", CASES)
def test_the_mistake_is_told_exactly(name: str) -> None:
    said = "\n".join(problem.render() for problem in problems(name)) + "\n"
    assert said == (BAD / f"{name}.txt").read_text("utf-8")


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("several")])
def test_one_mistake_is_told_once(name: str) -> None:
    assert len(problems(name)) == 1


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_has_its_place_and_a_short_line(name: str) -> None:
    for problem in problems(name):
        assert problem.code == "broken-definition"
        assert problem.origin
        assert problem.severity == "error"
        assert max(map(len, problem.render().splitlines())) < 400


def test_every_message_has_its_message_file() -> None:
    assert {path.stem for path in BAD.glob("*.txt")} == set(CASES)


def templates() -> Iterator[tuple[str, str]]:
    """Yield the summary of every finding in the modules of the check, as (place, regular expression)."""
    for module in (checking, family, meaning, schema_errors):
        file = Path(str(module.__file__))
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            for summary in _summaries(node):
                yield f"{file.name}:{node.lineno}", _pattern(summary)  # type: ignore[attr-defined]


def _summaries(node: ast.AST) -> Iterator[ast.expr]:
    """The texts a node says: of a yielded finding, of a diagnostic, and those assigned to be said later."""
    match node:
        case ast.Yield(value=ast.Tuple(elts=[_, said, _])) | ast.Yield(value=ast.Tuple(elts=[said, _])):
            yield said
        case ast.Call(func=ast.Name(id="Diagnostic"), args=[_, said, *_]):
            yield said
        case ast.Call(func=ast.Attribute(attr="unknown"), args=[_, said, *_]):
            yield said
        case ast.Assign(targets=[ast.Name(id="summary")], value=said):
            yield said


def _pattern(said: ast.expr) -> str:
    if isinstance(said, ast.Constant):
        return re.escape(str(said.value))
    if isinstance(said, ast.JoinedStr):
        return "".join(".*" if isinstance(part, ast.FormattedValue) else _pattern(part) for part in said.values)
    return ""  # said elsewhere


def test_every_rule_has_its_bad_file() -> None:
    summaries = [problem.summary for name in CASES for problem in problems(name)]
    rules = [(place, pattern) for place, pattern in templates() if pattern.strip(".*")]
    assert len(rules) > 60
    untried = [f"{place} {pattern}" for place, pattern in rules if not any(re.fullmatch(pattern, s) for s in summaries)]
    assert untried == []


def test_what_was_broken_elsewhere_is_not_told_again() -> None:
    """Two files, the second broken: the first, which extends it, hears nothing of it."""
    assert [problem.origin for problem in problems("extends-left-out")] == ["two.json"]
    assert [problem.origin for problem in problems("extends-unreadable")] == ["two.json"]
