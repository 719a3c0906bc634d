"""What a programmer sees of the library: its names, its help, what objects print, and errors in the words of Python."""

from __future__ import annotations

import ast
import importlib
import pydoc
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import confobjects
from confobjects import actions, testing
from confobjects.syntaxes import HostPort
from tests.docs import api
from tests.opening import load_any, open_any
from tests.servers.fake_smtp import FakeSmtp

ROOT = Path(__file__).resolve().parents[2]
SECRET = "canary-9f1c"
MAIL_SERVER: tuple[str, ...] = ("mail-server", "one")
SERVER = {"enabled": True, "smtp-server": "127.0.0.1:1", "auth-username": "app", "auth-password": SECRET}


def test_dir_lists_the_public_names_and_nothing_else() -> None:
    """In a process of its own: nothing has been loaded there."""
    code = "import sys, confobjects; print(dir(confobjects)); print('ldap3' in sys.modules, 'ssl' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines() == [str(sorted(confobjects.__all__)), "False False"]


def test_every_public_name_has_a_home() -> None:
    for name in confobjects.__all__:
        assert getattr(confobjects, name) is not None
    assert set(confobjects._HOMES) | {"__version__"} == set(confobjects.__all__)


def test_help_leads_on() -> None:
    text = pydoc.plain(pydoc.render_doc(confobjects))
    for word in ("with confobjects.open(", "help(confobjects.open)", "confobjects.testing", "confobjects.errors"):
        assert word in text
    assert "Open the configuration at a URL" in text  # names that are loaded late are explained, too


def list_shown() -> Iterator[tuple[str, type]]:
    """Yield the classes of the reference that programs hold objects of."""
    for part in api.list_parts():
        for name in part.names:
            described = getattr(importlib.import_module(part.module), name)
            if isinstance(described, type) and not issubclass(described, Exception):
                yield name, described


@pytest.mark.parametrize(("name", "described"), list(list_shown()))
def test_every_object_prints_what_it_is(name: str, described: type) -> None:
    assert "__repr__" in {name for cls in described.__mro__[:-1] for name in vars(cls)}, name


def test_what_is_printed_has_no_secret(tmp_path: Path) -> None:
    url = f"ldif:{tmp_path / 'config.ldif'}"
    printed = []
    with open_any(url) as context, context.change() as tx:
        tx.create("mail-server", "one", {**SERVER, "use-start-tls": False, "use-ssl": True})
        printed += [repr(context), repr(tx)]
    printed += [repr(tx.report), repr(tx.report.changes), repr(context.get("mail-server", "one"))]
    config = confobjects.load(url)
    server = config["mail-server", "one"]
    printed += [repr(config), repr(server), repr(confobjects.Mailer(server)), repr(confobjects.mailer(config))]
    printed += [repr(testing.DictResolver({"smtp.password": SECRET})), repr(testing.MemoryStorage())]
    followed = confobjects.live(url)
    printed.append(repr(followed))
    with followed as live:
        printed += [repr(live), repr(live.listen("mail-server")(print)), repr(live.configuration)]
    assert [text for text in printed if SECRET in text or " at 0x" in text or "…" in text] == []
    assert printed[0] == f"<the objects of {url}>"
    assert f"<the configuration of {url}: 2 objects>" in printed
    assert "<mail through /mail-server/one>" in printed
    assert repr(server).startswith("</mail-server/one auth-password='********'")


# -- errors ------------------------------------------------------------------------------------------------------------

OPTION = re.compile(
    r"(?<![\w-])--[a-zA-Z]|(?<![\w'\"-])-[a-zA-Z](?![\w-])|\b(?:set|get|create|delete|list)-[a-z-]+-?(?:prop)?\b"
)


def fail_to_open_a_scheme(url: str) -> None:
    confobjects.open("ldaq:x")


def fail_to_open_with_an_option(url: str) -> None:
    open_any(url, bind_dn="cn=x")


def fail_to_open_a_directory(url: str) -> None:
    with confobjects.open("ldap://127.0.0.1:1/dc=example,dc=com") as context:
        context.list("mail-server")


def fail_to_log_in_in_clear(url: str) -> None:
    with confobjects.open("ldap://192.0.2.1/dc=example,dc=com", bind_dn="cn=x", bind_password="y") as context:
        context.list("mail-server")


def fail_to_find_definitions(url: str) -> None:
    confobjects.open(url, definitions=["/nowhere"])


def fail_to_find_a_family(url: str) -> None:
    confobjects.open(url, family="opendq-1")


def fail_to_load_a_missing_file(url: str) -> None:
    confobjects.load(f"{url}.gone")


def fail_to_load_a_missing_value(url: str) -> None:
    with open_any(url) as context:
        context.create("mail-server", "two", {"enabled": True, "smtp-server": "&{no.such.value}"})
    confobjects.load(url)


def fail_to_follow(url: str) -> None:
    _ = confobjects.live(url).configuration


def fail_to_read_a_key(url: str) -> None:
    _ = load_any(url)[MAIL_SERVER]["use-sll"]


def fail_to_read_a_kind(url: str) -> None:
    _ = load_any(url)["mail-servr", "one"]


def fail_to_send(url: str) -> None:
    confobjects.mailer(confobjects.load(url)).send(b"\r\n", "a@example.com", "b@example.com")


def fail_to_send_to_nobody(url: str) -> None:
    confobjects.mailer(confobjects.load(url)).send(b"\r\n", "a@example.com")


def fail_to_log_in(url: str) -> None:
    with FakeSmtp({"EHLO": b"250-fake\r\n250 AUTH PLAIN\r\n"}) as server:
        with confobjects.open(url) as context, context.change() as tx:
            tx.set("mail-server", "one", {"smtp-server": HostPort("127.0.0.1", server.port)})
        fail_to_send(url)


def fail_to_find_a_mail_server(url: str) -> None:
    confobjects.mailer(confobjects.load(url), "gone")


def fail_to_run_the_mail_service(url: str) -> None:
    with confobjects.mail_service(url):
        pass


def fail_to_use_the_mail_service(url: str) -> None:
    confobjects.mail_service(url).start()


def change_with(ask: Callable[[Any], object]) -> Callable[[str], None]:
    def fail(url: str) -> None:
        with open_any(url) as context, context.change() as tx:
            ask(tx)

    return fail


CHANGES: dict[str, Callable[[Any], object]] = {
    "kind": lambda tx: tx.create("mail-servr", "x", {}),
    "type": lambda tx: tx.create("trust-manager-provider", "x", {"enabled": True}),
    "unknown type": lambda tx: tx.create("trust-manager-provider", "x", {"enabled": True}, type="sistem"),
    "property": lambda tx: tx.set("mail-server", "one", {"use-sll": True}),
    "value": lambda tx: tx.set("mail-server", "one", {"use-ssl": "perhaps"}),
    "values": lambda tx: tx.set("mail-server", "one", {"use-ssl": ["true", "false"]}),
    "mandatory": lambda tx: tx.create("mail-server", "x", {}),
    "reset": lambda tx: tx.reset("mail-server", "one", ["smtp-server"]),
    "exists": lambda tx: tx.create("mail-server", "one", SERVER),
    "together": lambda tx: tx.set("mail-server", "one", {"use-ssl": True}),
    "reference": lambda tx: tx.set("mail-server", "one", {"trust-manager-provider": "gone"}),
    "name": lambda tx: tx.create("mail-server", "", SERVER),
    "gone": lambda tx: tx.delete("mail-server", "gone"),
    "singleton": lambda tx: tx.delete("mail-service", "x"),
    "rename": lambda tx: tx.rename("mail-server", "gone", "new"),
    "smtp property": lambda tx: tx.set("mail-server", "one", {"smtp-property": ["mail.smtp.nothing=x"]}),
    "sealed": lambda tx: tx.set("mail-server", "one", {"auth-password": "&{sealed:abc}"}),
    "definition": lambda tx: tx.create("installed-definition", "x", {"definition": "{}"}),
    "undo": lambda tx: confobjects.open(tx.site.storage.url).undo(99),
}
FAILURES: dict[str, Callable[[str], None]] = {
    **{
        name.removeprefix("fail_").replace("_", " "): one for name, one in globals().items() if name.startswith("fail_")
    },
    **{f"change: {name}": change_with(ask) for name, ask in CHANGES.items()},
}


@pytest.mark.parametrize("name", FAILURES)
def test_an_error_speaks_of_parameters_and_not_of_options(name: str, tmp_path: Path) -> None:
    url = f"ldif:{tmp_path / 'config.ldif'}"
    with open_any(url) as context:
        context.create("mail-server", "one", SERVER)
    with pytest.raises(confobjects.ConfobjectsError) as raised:
        FAILURES[name](url)
    text = str(raised.value)
    assert OPTION.search(text) is None, text
    assert SECRET not in text


def test_the_calls_that_remedies_name_are_there() -> None:
    """What a remedy writes as a call is a function, a method, or a class of the library."""
    named = {word for text in actions.PLAIN.values() for word in re.findall(r"\b([a-z_]+)\(", text)}
    sources = [ast.parse(path.read_bytes()) for path in (ROOT / "confobjects").rglob("*.py")]
    defined = {node.name for tree in sources for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert {"reseal", "undo", "list"} <= named
    assert named - defined == set()


def test_the_parameters_that_remedies_name_are_there() -> None:
    """What stands for a parameter of the storage is one: a word with an underscore, alone."""
    from tests.docs.test_python_page import list_options, list_storages

    known = {name for _, options in list_storages() for name in options}
    known |= {name for one in (confobjects.open, confobjects.load, confobjects.live) for name in list_options(one)}
    named = {text for text in actions.PLAIN.values() if re.fullmatch(r"[a-z]+_[a-z_]+", text)}
    assert len(named) > 3
    assert named - known == set()
