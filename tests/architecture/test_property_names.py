"""A property is named in one file, its definition: no Python repeats the name.

Rooms that know what a property means to mail or to its logins (``mail``, ``oauth``, ``service``, ``transport``) are the exception, and two modules: the one that knows
what holds a definition, and the table that leads from the words of other products to ours. Single words (``enabled``)
are left out: they are English before they are properties; so are names of object types that serve as a property name
too. Docstrings may give examples.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator

import pytest

from tests.architecture.tree import ROOT, Source, sources

MAY_NAME_PROPERTIES = {"mail", "oauth", "service", "transport"}
ALLOWED = {"confobjects/definitions/installed.py", "cli/words/elsewhere.py"}


def _property_names() -> set[str]:
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "schemas").glob("*.json")]
    names = {name for document in documents for name in document.get("properties", {})}
    return {name for name in names if "-" in name} - {document.get("name") for document in documents}


def named(tree: ast.AST, names: set[str]) -> Iterator[tuple[int, str]]:
    """Line and name of each property named in a text below ``tree``, docstrings apart."""
    word = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(names)))})(?![\w-])")
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield from ((node.lineno, name) for name in word.findall(node.value))


@pytest.mark.parametrize(
    "source",
    [source for source in sources() if source.room not in MAY_NAME_PROPERTIES and source.path not in ALLOWED],
    ids=lambda source: source.path,
)
def test_no_property_is_named_outside_its_definition(source: Source) -> None:
    assert list(named(source.tree, _property_names())) == []


def test_the_official_properties_are_looked_for() -> None:
    assert {"smtp-server", "use-ssl", "use-start-tls", "auth-password", "trust-store-file"} <= _property_names()


def test_a_name_is_found_in_a_text_and_not_in_a_docstring_or_a_longer_word() -> None:
    tree = ast.parse('"""use-ssl"""\nx = f"set use-ssl:{v}"\ny = "reuse-ssl use-ssl-now"\n')
    assert list(named(tree, {"use-ssl"})) == [(2, "use-ssl")]
