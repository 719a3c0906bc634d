"""Connections: whatever the web connects to for somebody is judged, on every way there is to have it connect (SSRF, rebinding).

How an address is judged is tested in ``tests/transport/test_targets.py``; here, that nothing connects without that.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import sources
from tests.opening import open_any
from tests.servers.fake_smtp import FakeSmtp
from tests.web.console import Console, make_console, url_of

_NAMES = frozenset({"network", "networks"})


def find_connecting() -> dict[str, tuple[str, int]]:
    """Return the functions and classes that connect to anything unless they are told what may be connected to, by their names: the
    parameter for that, and where it stands.
    """
    found: dict[str, tuple[str, int]] = {}
    for source in sources():
        if source.room in {"mail", "oauth", "service", "transport", "savetests", "mailing", ""}:
            for name, one in vars(importlib.import_module(source.module)).items():
                if inspect.isroutine(one) or inspect.isclass(one):
                    found |= dict.fromkeys([name], at) if (at := _find_parameter(one)) else {}
    return found


def _find_parameter(one: Any) -> tuple[str, int] | None:
    try:
        parameters = inspect.signature(one).parameters.values()
    except (TypeError, ValueError):
        return None
    for at, found in enumerate(parameters):
        if found.name in _NAMES and found.default is not inspect.Parameter.empty:
            return found.name, at
    return None


def list_calls(tree: ast.Module) -> Iterator[tuple[str, int, ast.Call]]:
    """Yield each call with the name of what is called, and how many arguments stand without a name. ``partial`` calls what it is given."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called, number = node.func, len(node.args)
            if isinstance(called, ast.Name) and called.id == "partial" and node.args:
                called, number = node.args[0], number - 1
            yield (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")), number, node


def test_nothing_in_the_web_connects_without_being_judged() -> None:
    connecting = find_connecting()
    assert connecting.keys() >= {"find_tokens", "SaveTests", "MailService"}
    wrong, seen = [], set()
    for source in sources():
        if source.module.startswith("confobjects.web"):
            for name, number, call in list_calls(source.tree):
                if name in connecting:
                    seen.add(name)
                    parameter, at = connecting[name]
                    if parameter not in {word.arg for word in call.keywords} and number <= at:
                        wrong.append(f"{source.path}:{call.lineno}: {name} without {parameter}")
    assert wrong == []
    assert seen >= {"find_tokens", "SaveTests", "MailService"}


@pytest.fixture
def fake() -> Iterator[FakeSmtp]:
    with FakeSmtp({"banner": b"-ERR s3cret of a service of this machine\r\n"}) as running:
        yield running


def _test_server(console: Console) -> None:
    console.visit("/test/mail-servers/one")
    console.press("Test")


def _test_sender(console: Console) -> None:
    console.visit("/test/mail-senders/news")
    console.press("Test")


def _send_mail(console: Console) -> None:
    console.visit("/test/mail-senders/news")
    console.press("Send", {"to": "ann@example.com"})


def _save_where_all_is_tested(console: Console) -> None:
    console.visit("/objects/mail-servers/one")
    console.press("Save", {"value:use-ssl": "true", "value:use-start-tls": "false"})


def _save_with_test(console: Console) -> None:
    console.visit("/objects/mail-servers/one")
    console.press("Test connection and save", {"value:use-ssl": "true", "value:use-start-tls": "false"})


def _save_service(console: Console) -> None:
    console.visit("/mail-service")
    console.press("Test Connection And Save", {"value:sender": "news"})


@pytest.mark.parametrize(
    "way", [_test_server, _test_sender, _send_mail, _save_where_all_is_tested, _save_with_test, _save_service]
)
def test_no_page_lets_an_operator_reach_a_service_of_this_machine(
    tmp_path: Path, fake: FakeSmtp, way: Callable[[Console], None]
) -> None:
    console = make_console(tmp_path, "operator")
    with open_any(url_of(tmp_path)) as context, context.change() as tx:
        there = {"smtp-server": f"127.0.0.1:{fake.port}", "auth-password": None, "auth-username": None}
        tx.set("mail-server", "one", {**there, "use-start-tls": False})
        tx.set("mail-service", (), {"save-policy": "test"})
    with console.client:
        way(console)
        end = time.monotonic() + 30
        while 'class="running"' in console.page.source:
            assert time.monotonic() < end
            console.visit(console.page.address.path)
        assert "was not named as a target" in console.page.text
        assert "s3cret" not in console.page.source
        assert fake.connections == 0
