"""The promise of the typed API: both type checkers know every kind, property and value, and report what is wrong.

The same program is checked without the stubs of its own kind, then with them. A line that says "wrong" has an error in both
cases, one that says "own" only without the stubs, and no other line has one.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from confobjects.definitions_loading import load_registry
from confobjects.management import ManagementContext
from confobjects.management.changing.transaction import Transaction
from confobjects.reference.stubs import render_stub
from tests.cli.sessions import INSTALLABLE

ROOT = Path(__file__).resolve().parents[2]
STUB = ROOT / "confobjects" / "objects" / "typed.pyi"

PROGRAM = """\
import confobjects
from confobjects import EffectiveConfiguration, ManagementContext, PropertyChanges
from confobjects.management import ManagementContext as AnyContext
from confobjects.syntaxes import HostPort
from confobjects.testing import configuration


def read(config: EffectiveConfiguration, kind: str) -> None:
    address: HostPort = config["mail-server", "one"]["smtp-server"]
    enabled: bool = config["mail-server", "one"]["enabled"]
    login: str | None = config["mail-server", "one"]["auth-username"]
    hosts: list[str] = [server["smtp-server"].host for server in config.of("mail-server")]
    found = config.get(kind, "one")
    print(address, enabled, login, hosts, found["anything"] if found else None)
    print(config["mail-servr", "one"])  # wrong: kind
    print(config["mail-server"])  # wrong: no name
    print(config.of("mail-servers"))  # wrong: kind
    print(config["mail-server", "one"]["use-sll"])  # wrong: key
    no_text: str = config["mail-server", "one"]["use-ssl"]  # wrong: type
    no_host: HostPort = config["service", "one"]["host"]  # own
    no_number: int = config["service", "one"]["host"]  # wrong: type
    print(no_text, no_host, no_number, config["service", "one"]["hots"])  # wrong: key


def load() -> None:
    port: int = confobjects.load("ldif:x")["mail-server", "one"]["smtp-server"].port
    print(port, configuration({})["mail-service"]["retention"])
    print(confobjects.load("ldif:x")["mail-servr", "one"])  # wrong: kind
    print(configuration({})["mail-service"]["retentoin"])  # wrong: key
    with confobjects.live("ldif:x") as live:
        print(live["mail-server", "one"]["use-ssl"], live.configuration["mail-server", "one"], live.get("x", "y"))
        print(live["mail-servr", "one"])  # wrong: kind
        print(live["mail-server", "one"]["use-sll"])  # wrong: key
        print(live.configuration["mail-servr", "one"])  # wrong: kind


def change() -> None:
    with confobjects.open("ldif:x") as context, context.change() as tx:
        tx.create("mail-server", "one", {"enabled": True, "smtp-server": HostPort("h", 25), "use-ssl": "&{ssl}"})
        tx.create("trust-manager-provider", "two", {"enabled": True}, type="system")
        tx.set("mail-server", "one", {"use-ssl": None, "smtp-property": ["a=b", "c=d"]})
        tx.reset("mail-server", "one", ["use-ssl"])
        tx.create("mail-servr", "one", {"enabled": True})  # wrong: kind
        tx.create("mail-server", "one", {"enabled": True, "smtp-sever": "h"})  # wrong: key
        tx.create("mail-server", "one", {"enabled": 1.5})  # wrong: type
        tx.create("trust-manager-provider", "two", {"enabled": True}, type="sistem")  # wrong: type of object
        tx.set("mail-server", "one", {"use-ssl": ["true"]})  # wrong: one value
        tx.reset("mail-server", "one", ["use-sll"])  # wrong: key
        tx.rename("mail-servr", "one", "two")  # wrong: kind
        tx.delete("mail-servr", "one")  # wrong: kind
        tx.modify("mail-servr", "one", PropertyChanges())  # wrong: kind
        tx.create("service", "one", {"host": "h:25"})  # own
        tx.create("service", "one", {"hots": "h:25"})  # wrong: key


def manage(context: ManagementContext, anything: AnyContext, kind: str) -> None:
    context.create("mail-server", "one", {"enabled": True, "smtp-server": "h"}, dry_run=True)
    context.modify("mail-server", "one", PropertyChanges(add={"smtp-property": ["a=b"]}))
    context.create("mail-server", "one", {"enabeld": True})  # wrong: key
    context.get("mail-servr", "one")  # wrong: kind
    context.list("mail-servr")  # wrong: kind
    context.delete("service", "one")  # own
    anything.create(kind, "one", {"anything": 1})
    anything.delete("service", "one")
"""


def find_lines(*words: str) -> list[int]:
    """Return the lines of the program whose comment begins with one of these words."""
    return [n for n, line in enumerate(PROGRAM.splitlines(), 1) if re.search(f"# (?:{'|'.join(words)})", line)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A program beside a virtual environment that has confobjects installed."""
    place = tmp_path
    venv.create(place / "environment")
    (packages,) = (place / "environment").glob("lib/python*/site-packages")
    (packages / "confobjects.pth").write_text(str(ROOT), "utf-8")
    (place / "program.py").write_text(PROGRAM, "utf-8")
    return place


def write_stubs(project: Path) -> None:
    """Do what ``definitions stubs`` does; tests/cli/test_definitions.py compares the two."""
    (packages,) = (project / "environment").glob("lib/python*/site-packages")
    (packages / "confobjects-stubs" / "objects").mkdir(parents=True, exist_ok=True)
    (packages / "confobjects-stubs" / "py.typed").write_text("partial\n", "utf-8")
    (project / "definitions").mkdir(exist_ok=True)
    shutil.copy(INSTALLABLE / "service.json", project / "definitions")
    text = render_stub(load_registry([str(project / "definitions")]))
    (packages / "confobjects-stubs" / "objects" / "typed.pyi").write_text(text, "utf-8")


def check_with_mypy(project: Path) -> list[int]:
    python = ["--python-executable", str(project / "environment" / "bin" / "python")]
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(project / "cache"), *python, "program.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project, check=False)
    found = re.findall(r"^(\S+):(\d+): error:", done.stdout, re.MULTILINE)
    assert {file for file, _ in found} == {"program.py"}, done.stdout + done.stderr
    return sorted({int(line) for _, line in found})


def check_with_pyright(project: Path) -> list[int]:
    pytest.importorskip("basedpyright")  # make check installs it
    (project / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}', "utf-8")
    python = ["--pythonpath", str(project / "environment" / "bin" / "python")]
    command = [sys.executable, "-m", "basedpyright", "--outputjson", *python, "program.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project, check=False)
    found = [one for one in json.loads(done.stdout)["generalDiagnostics"] if one["severity"] == "error"]
    assert {Path(one["file"]).name for one in found} == {"program.py"}, done.stdout
    return sorted({one["range"]["start"]["line"] + 1 for one in found})


@pytest.mark.parametrize("check", [check_with_mypy, check_with_pyright], ids=["mypy", "pyright"])
def test_a_type_checker_finds_what_is_wrong(check, project: Path) -> None:  # type: ignore[no-untyped-def]
    assert check(project) == find_lines("wrong", "own")
    write_stubs(project)
    assert check(project) == find_lines("wrong")


INTERNAL = {"unstated", "others", "expected", "self"}
"""What only the library itself gives."""


@pytest.mark.parametrize(
    ("name", "described"), [("TypedContext", ManagementContext), ("TypedTransaction", Transaction)]
)
def test_the_stub_describes_the_methods_that_are_there(name: str, described: type) -> None:
    (found,) = (n for n in ast.parse(STUB.read_text("utf-8")).body if isinstance(n, ast.ClassDef) and n.name == name)
    methods = [node for node in found.body if isinstance(node, ast.FunctionDef)]
    assert {method.name for method in methods} >= {"create", "modify", "delete", "rename"}
    for method in methods:
        parameters = dict(inspect.signature(getattr(described, method.name)).parameters)
        positional = [one.arg for one in method.args.args]
        kinds = {one for one, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD}
        assert set(positional) == kinds, method.name
        named = {one.arg for one in method.args.kwonlyargs}
        assert named | set(positional) >= parameters.keys() - INTERNAL - {"exact"}, method.name
        assert named | set(positional) <= parameters.keys(), method.name
