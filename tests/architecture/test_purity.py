"""Pure rooms take the world as arguments: no file, no environment, no clock, no chance.

import-linter keeps whole modules out (pyproject.toml, "Pure rooms do no IO"); this looks at what import-linter cannot
see: single functions of modules that are otherwise harmless.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.tree import Source, pure_rooms, sources

WORLDLY_CALLS = {"open", "input", "print", "breakpoint"}
WORLDLY_MODULES = {
    "glob",
    "pathlib",
    "platform",
    "random",
    "secrets",
    "signal",
    "time",
    "urllib.request",
    "zoneinfo",
}
HARMLESS_OF_OS = {"PathLike", "fspath", "fsdecode", "fsencode", "path", "sep", "linesep", "pathsep"}
HARMLESS_OF_OS_PATH = {"basename", "commonpath", "dirname", "isabs", "join", "normpath", "relpath", "split", "splitext"}
WORLDLY_ATTRIBUTES = {
    "datetime": {"now", "today", "utcnow"},
    "date": {"today"},
    "email.utils": {"formatdate", "localtime", "make_msgid"},
    "io": {"FileIO", "open", "open_code"},
    "uuid": {"getnode", "uuid1", "uuid4"},
    "sys": {"argv", "exit", "stdin", "stdout", "stderr"},
}


def worldly(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of each touch of the world below ``tree``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in WORLDLY_CALLS:
            yield node.lineno, node.func.id
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name in WORLDLY_MODULES)
        elif isinstance(node, ast.ImportFrom):
            yield from _from_import(node)
        elif isinstance(node, ast.Attribute):
            yield from _attribute(node)


def _from_import(node: ast.ImportFrom) -> Iterator[tuple[int, str]]:
    module = node.module or ""
    for alias in node.names:
        name = f"{module}.{alias.name}"
        if module in WORLDLY_MODULES or name in WORLDLY_MODULES or _is_worldly(module, alias.name):
            yield node.lineno, name


def _attribute(node: ast.Attribute) -> Iterator[tuple[int, str]]:
    owner = node.value
    if isinstance(owner, ast.Name):
        owner_name = owner.id
    elif isinstance(owner, ast.Attribute) and isinstance(owner.value, ast.Name):
        owner_name = f"{owner.value.id}.{owner.attr}" if owner.value.id == "os" else owner.attr
    else:
        return
    if _is_worldly(owner_name, node.attr):
        yield node.lineno, f"{owner_name}.{node.attr}"


def _is_worldly(owner: str, name: str) -> bool:
    if owner == "os":
        return name not in HARMLESS_OF_OS
    if owner == "os.path":
        return name not in HARMLESS_OF_OS_PATH
    return name in WORLDLY_ATTRIBUTES.get(owner, ())


def _as_imported(tree: ast.Module) -> ast.Module:
    """Leave out ``if __name__ == "__main__"``: a module that is run is a program, whatever room it stands in."""
    kept = [node for node in tree.body if not (isinstance(node, ast.If) and "__main__" in ast.unparse(node.test))]
    return ast.Module(kept, tree.type_ignores)


def _is_pure(source: Source) -> bool:
    return any(source.module == room or source.module.startswith(f"{room}.") for room in pure_rooms())


@pytest.mark.parametrize("source", [source for source in sources() if _is_pure(source)], ids=lambda source: source.path)
def test_a_pure_room_does_not_touch_the_world(source: Source) -> None:
    assert list(worldly(_as_imported(source.tree))) == []


def test_every_pure_room_has_a_module() -> None:
    modules = {source.module for source in sources()}
    assert [room for room in pure_rooms() if room not in modules] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("open('x')", "open"),
        ("print('x')", "print"),
        ("import time", "time"),
        ("import urllib.request", "urllib.request"),
        ("from urllib import request", "urllib.request"),
        ("from random import choice", "random.choice"),
        ("import os\nos.environ['X']", "os.environ"),
        ("from os import getenv", "os.getenv"),
        ("import os\nos.path.exists('x')", "os.path.exists"),
        ("from os.path import isfile", "os.path.isfile"),
        ("import io\nio.open('x')", "io.open"),
        ("from email.utils import make_msgid", "email.utils.make_msgid"),
        ("import datetime\ndatetime.datetime.now()", "datetime.now"),
        ("from datetime import date\ndate.today()", "date.today"),
        ("import uuid\nuuid.uuid4()", "uuid.uuid4"),
        ("import sys\nsys.stdout.write('x')", "sys.stdout"),
    ],
)
def test_each_touch_of_the_world_is_seen(text: str, found: str) -> None:
    assert found in [name for _, name in worldly(ast.parse(text))]


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.path.join('a', 'b')",
        "from io import BytesIO",
        "import uuid\nuuid.uuid5(x, y)",
        "from datetime import timedelta",
        "self.open()",
    ],
)
def test_what_is_harmless_is_left_alone(text: str) -> None:
    assert list(worldly(ast.parse(text))) == []
