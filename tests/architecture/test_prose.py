"""No behaviour hangs on the wording of a message: what code has to know is a field, a code or a class of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.tree import Source, sources

PROSE = {"summary", "detail", "remedy", "message", "msg", "strerror", "verify_message", "format_message"}
"""Attributes and methods that hold or return sentences, ours and those of libraries."""
CHANGES = {"casefold", "lower", "upper", "strip", "lstrip", "rstrip", "removeprefix", "removesuffix", "replace"}
QUESTIONS = {"count", "endswith", "find", "index", "partition", "rfind", "rindex", "rpartition", "split", "startswith"}
PATTERNS = {"findall", "finditer", "fullmatch", "match", "search"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def questions(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and text of each expression that asks what a message says."""
    for scope in (tree, *(node for node in ast.walk(tree) if isinstance(node, FUNCTIONS))):
        names = _messages(scope)
        for node in _inside(scope):
            if _asks(node, names):
                yield node.lineno, ast.unparse(node)  # type: ignore[attr-defined]


def _inside(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield what belongs to a scope itself, functions within it left out."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, FUNCTIONS):
            yield child
            yield from _inside(child)


def _messages(scope: ast.AST) -> set[str]:
    """Return the local names that stand for an error, in ``str(error)``, or for a message."""
    names = {f"str({node.name})" for node in _inside(scope) if isinstance(node, ast.ExceptHandler) and node.name}
    for node in _inside(scope):
        if isinstance(node, ast.Assign) and _is_prose(node.value, names):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return names


def _is_prose(node: ast.AST, names: set[str]) -> bool:
    match node:
        case ast.Name(id=name):
            return name in names
        case ast.Attribute(attr=name):
            return name in PROSE
        case ast.Subscript(value=value):
            return _is_prose(value, names)
        case ast.Call(func=ast.Name(id="str" | "repr"), args=[ast.Name(id=name)]):
            return f"str({name})" in names
        case ast.Call(func=ast.Attribute(value=value, attr=name)):
            return name in PROSE or (name in CHANGES and _is_prose(value, names))
    return False


def _asks(node: ast.AST, names: set[str]) -> bool:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=others):
            looks = not all(isinstance(op, (ast.Is, ast.IsNot)) for op in ops)
            return looks and any(_is_prose(operand, names) for operand in (left, *others))
        case ast.Call(func=ast.Attribute(value=value, attr=name), args=arguments):
            if name in PATTERNS:
                return any(_is_prose(argument, names) for argument in arguments)
            return name in QUESTIONS and _is_prose(value, names)
    return False


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.path)
def test_nothing_asks_what_a_message_says(source: Source) -> None:
    assert list(questions(source.tree)) == []


@pytest.mark.parametrize(
    "code",
    [
        "if 'allow-insecure' in problem.summary: pass",
        "fixes = [c for c in constraints if c.synopsis == problem.summary]",
        "word = problem.summary.partition(' ')[0].lower()",
        "key = error.message.startswith(f\"'{key}'\")",
        "wrong = 'mismatch' in failure.verify_message.lower()",
        "wrong = failure.strerror != 'Success'",
        "found = PATTERN.search(error.msg)",
        "try: f()\nexcept ValueError as error: plain = str(error).startswith('expected')",
        "def f(error):\n    text = error.format_message().rstrip('.')\n    return text.startswith('Got')",
        "def f():\n    try: g()\n    except OSError as error:\n        text = str(error)\n        return 'refused' in text",
    ],
)
def test_a_question_is_noticed(code: str) -> None:
    assert len(list(questions(ast.parse(code)))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "print(problem.summary.lower())",
        "if problem.code == 'usage' and problem.remedy: pass",
        "if message is self.message: pass",
        "if str(number) == '1': pass",
        "def f():\n    text = error.msg\ndef g(text):\n    return 'x' in text",
    ],
)
def test_what_only_shows_a_message_is_not(code: str) -> None:
    assert list(questions(ast.parse(code))) == []
