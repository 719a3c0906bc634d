"""The web evaluates with the sources that its process serves with: no module of it makes an evaluator, or asks for one, otherwise.

Only ``confobjects/web/sources.py`` makes evaluators. So an option of ``serve`` that says where values come from counts for the API
and for every page.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.tree import Source, sources

SOURCES = "confobjects.web.sources"
MAKERS = {
    "confobjects.startup": {"make_startup_sources", "find_place", "load"},
    "confobjects.objects.evaluating": {"make_evaluator"},
    "confobjects.resolvers": {"Resolvers", "read_env_file"},
    "confobjects": {"load", "live"},
}
"""What makes an evaluator, or finds where relative paths begin, from the environment of a process."""


def find_makers(tree: ast.AST) -> Iterator[str]:
    """Yield what a module uses to evaluate on its own account; annotations apart."""
    modules = {}
    for node in _walk_running(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                if alias.name in MAKERS.get(node.module or "", ()):
                    yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            modules.update({alias.asname or alias.name: alias.name for alias in node.names})
    for node in _walk_running(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found = modules.get(node.value.id, "")
            if node.attr in MAKERS.get(found, ()):
                yield f"{found}.{node.attr}"


def _walk_running(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a module, without what only type checkers see."""
    waiting = [tree]
    while waiting:
        node = waiting.pop(0)
        yield node
        if not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            waiting.extend(ast.iter_child_nodes(node))


WEB = [one for one in sources() if one.room == "web" and one.module != SOURCES]


@pytest.mark.parametrize("source", WEB, ids=lambda source: source.path)
def test_no_module_of_the_web_evaluates_on_its_own_account(source: Source) -> None:
    assert list(find_makers(source.tree)) == []


@pytest.mark.parametrize(
    "text",
    [
        "from confobjects.startup import make_startup_sources",
        "from confobjects import startup\nstartup.find_place(url, None, os.environ)",
        "def f():\n    from confobjects.objects.evaluating import make_evaluator as make",
        "import confobjects\nconfobjects.load(url)",
    ],
)
def test_whoever_does_is_found(text: str) -> None:
    assert list(find_makers(ast.parse(text)))


def test_whoever_uses_the_sources_is_not() -> None:
    harmless = "from confobjects import startup\nstartup.file_of(url)\ncall.web.sources.make_evaluator()"
    assert list(find_makers(ast.parse(harmless))) == []
