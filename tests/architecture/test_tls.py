"""One room makes TLS contexts of clients and wraps sockets; whoever did it elsewhere would have rules of its own.

What calls OpenSSL without the interpreter's lock does it in the gate that a fork waits for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.tree import Source, sources

MAKERS = {"SSLContext", "create_default_context", "wrap_socket", "wrap_bio", "_create_unverified_context"}


def made(tree: ast.Module) -> Iterator[str]:
    """Yield what makes a client's context or wraps a socket; a server (of the demonstration) has no trust."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            server = [ast.unparse(argument) for argument in node.args] == ["ssl.PROTOCOL_TLS_SERVER"]
            server = server or "server_side=True" in [ast.unparse(keyword) for keyword in node.keywords]
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


UNLOCKED = {"SSLContext", "load_default_certs", "load_cert_chain", "set_default_verify_paths", "pbkdf2_hmac", "scrypt"}
"""Functions of ssl and hashlib that call OpenSSL without the interpreter's lock; with them ``hmac.digest``."""

GATED_BY_CALLER = {"confobjects.mail.mechanisms": "its driver is in the gate: tests/transport/test_forks.py"}


def ungated(node: ast.AST, gated: bool = False) -> Iterator[str]:
    """Yield the calls below a node that call OpenSSL without the interpreter's lock, outside of the gate."""
    if isinstance(node, ast.With):
        gated = gated or "OPENSSL" in {ast.unparse(item.context_expr) for item in node.items}
    elif isinstance(node, ast.Call) and not gated:
        called, given = ast.unparse(node.func), [ast.unparse(argument) for argument in node.args]
        is_unlocked = called.rpartition(".")[2] in UNLOCKED or called == "hmac.digest"
        if is_unlocked and given != ["ssl.PROTOCOL_TLS_SERVER"]:
            yield f"line {node.lineno}: {called}"
    for child in ast.iter_child_nodes(node):
        yield from ungated(child, gated)


@pytest.mark.parametrize("source", sources(), ids=lambda one: one.module)
def test_nobody_is_in_openssl_while_the_process_forks(source: Source) -> None:
    assert bool(list(ungated(source.tree))) == (source.module in GATED_BY_CALLER), list(ungated(source.tree))


def test_the_guard_sees_who_is_outside_of_the_gate() -> None:
    text = "with OPENSSL:\n    hashlib.scrypt(x)\nhmac.digest(x)\nwith other:\n    context.load_cert_chain(x)\n"
    assert list(ungated(ast.parse(text))) == ["line 3: hmac.digest", "line 5: context.load_cert_chain"]
