"""One room makes TLS contexts of clients and wraps sockets; whoever did it elsewhere would have rules of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.tree import Source, sources

MAKERS = {"SSLContext", "create_default_context", "wrap_socket", "wrap_bio", "_create_unverified_context"}


def made(tree: ast.Module) -> Iterator[str]:
    """Yield what makes a client's context or wraps a socket; a context of a server (the demonstration) has no trust."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            server = [ast.unparse(argument) for argument in node.args] == ["ssl.PROTOCOL_TLS_SERVER"]
            if name in MAKERS and not server:
                yield f"line {node.lineno}: {name}"


@pytest.mark.parametrize("source", [one for one in sources() if one.room != "tls"], ids=lambda one: one.module)
def test_only_one_room_makes_contexts_and_wraps_sockets(source: Source) -> None:
    assert list(made(source.tree)) == []


def test_the_guard_sees_them() -> None:
    text = "import ssl\nssl.SSLContext(x)\nssl.create_default_context().wrap_socket(y)\n"
    assert len(list(made(ast.parse(text)))) == 3
    [wrapping] = [one for one in sources() if one.module == "confobjects.tls.wrapping"]
    assert len(list(made(wrapping.tree))) == 1
