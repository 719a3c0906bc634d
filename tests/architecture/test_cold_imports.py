"""A cold command imports nothing that it does not use.

Each command runs in a child interpreter that starts without site hooks (``-I -S``), so that what is found loaded was
loaded by the command.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.servers import slapd as openldap
from tests.servers.slapd import Slapd

NOT_FOR_READING = {
    "aiosmtpd",
    "asyncio",
    "certifi",
    "concurrent.futures",
    "cryptography",
    "difflib",
    "dns",
    "email",
    "h11",
    "hypothesis",
    "idna",
    "importlib.metadata",
    "joserfc",
    "jsonschema",
    "ldap3",
    "logging",
    "multiprocessing",
    "pydoc",
    "readline",
    "smtplib",
    "sqlalchemy",
    "sqlite3",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "trustme",
    "unittest",
    "urllib.request",
    "wcwidth",
    "confobjects.cli.output.equivalents",
    "confobjects.cli.output.followers",
    "confobjects.cli.waiting",
    "confobjects.management.followers",
    "confobjects.storage.watching",
    "confobjects.cli.interactive",
    "confobjects.cli.words.properties_file",
    "confobjects.definitions.checking",
    "confobjects.definitions.installed",
    "confobjects.definitions.outlines",
    "confobjects.definitions.reviewing",
    "confobjects.mapping.held",
    "confobjects.mapping.installed",
    "confobjects.mapping.ldif.holding",
    "confobjects.definitions.metaschema",
    "confobjects.oauth",
    "confobjects.service",
    "confobjects.testing",
    "confobjects.tls",
    "confobjects.transport",
}
"""What reading and changing a configuration in a file never needs. The last rows are rooms of ours: checking the shipped definitions is what
the tests are for, and a read sends no mail."""

NOT_FOR_A_VALUE = {
    *NOT_FOR_READING,
    "binascii",
    "hashlib",
    "confobjects.mapping.protocol",
    "confobjects.objects.protocols",
}
"""What the shortest command, a read of one object, never needs either."""

RUN = """
import sys
sys.path[:0] = {paths!r}
from confobjects.cli.main import main
sys.argv = ["confobjects", *{arguments!r}]
status = 0
try:
    status = main() or 0
except SystemExit as end:
    status = end.code or 0
modules = sorted(sys.modules)
import json
print(json.dumps([status, modules]))
"""


def _run(arguments: list[str]) -> tuple[int, set[str]]:
    paths = [str(ROOT), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    code = RUN.format(paths=paths, arguments=arguments)
    child = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert child.stdout, child.stderr
    status, modules = json.loads(child.stdout.splitlines()[-1])
    assert status == 0, child.stdout + child.stderr
    return status, set(modules)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URL of a small configuration, made by the command line itself."""
    file = tmp_path_factory.mktemp("cold") / "config.ldif"
    place = f"ldif:{file}"
    values = ["--set", "enabled:true", "--set", "smtp-server:mail.example.com:587"]
    _run(["create-mail-server", "--url", place, "--server-name", "one", *values, "--no-prompt"])
    return place


@pytest.mark.parametrize(
    "command",
    [
        ["get-mail-server-prop", "--server-name", "one"],
        ["get-mail-server-prop", "--server-name", "one", "--output", "json"],
        ["list-mail-servers"],
        ["list-properties"],
        ["describe", "mail-server"],
        ["check"],
        ["explain", "a"],
        ["export"],
        ["history"],
        ["graph"],
        ["json-schema", "mail-server"],
        ["ldap-schema", "--format", "openldap"],
        ["--version"],
        ["--help"],
    ],
    ids=" ".join,
)
def test_a_reading_command_loads_only_what_it_uses(command: list[str], url: str) -> None:
    own = [] if command[0].startswith("--") else ["--url", url]
    _, modules = _run([*command, *own])
    assert sorted(modules & NOT_FOR_READING) == []


def test_a_read_of_one_object_loads_less(url: str) -> None:
    _, modules = _run(["get-mail-server-prop", "--server-name", "one", "--url", url])
    assert sorted(modules & NOT_FOR_A_VALUE) == []


def test_a_changing_command_loads_only_what_it_uses(tmp_path: Path) -> None:
    place = ["--url", f"ldif:{tmp_path / 'config.ldif'}", "--no-prompt"]
    server = ["--server-name", "one"]
    for command in (
        ["create-mail-server", *server, "--set", "enabled:true", "--set", "smtp-server:mail.example.com:587"],
        ["set-mail-server-prop", *server, "--set", "enabled:false"],
        ["rename", "mail-server", *server, "--to", "two"],
        ["delete-mail-server", "--server-name", "two"],
    ):
        _, modules = _run([*command, *place])
        assert sorted(modules & NOT_FOR_READING) == [], command


def test_reading_a_directory_without_tls_loads_no_tls(slapd: Slapd) -> None:
    login = ["--url", f"{slapd.url}{openldap.BASE}", "--bindDN", openldap.ROOT_DN, "--bindPassword", openldap.PASSWORD]
    _, modules = _run(["list-mail-servers", *login])
    assert sorted(modules & ({*NOT_FOR_READING, "encodings.idna", "urllib.parse"} - {"socket"})) == []


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import confobjects; print(*sys.modules)"
    child = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert sorted(set(child.stdout.split()) & NOT_FOR_READING) == []


def test_the_guard_sees_what_a_child_loads(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import sys, ssl; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert {"ssl", "socket"} <= set(child.stdout.split()) & NOT_FOR_READING
