"""What version 0.1 wrote is read, changed and taken back by this one, and means the same.

The files in ``data`` were written by 0.1, when ``mail-server`` had one type: a configuration with its history and archive,
its exports, and the LDAP schema for OpenLDAP.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import confobjects
from confobjects.objects.changes import PropertyChanges
from tests.cli.sessions import run
from tests.servers import slapd as openldap
from tests.servers.slapd import SUFFIX, Slapd

DATA = Path(__file__).parent / "data"
PIN = "pin of 0.1"
SERVERS = {"login": "mx.example.com:465", "spare": "mx.example.com:2525"}
CHANGES = 7
"""How many changes the history of the data has."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration of 0.1, with what it refers to, and with the rights that 0.1 gave to its files."""
    shutil.copytree(DATA, tmp_path, dirs_exist_ok=True)
    for path in tmp_path.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "smtp.pin").write_text(f"{PIN}\n", encoding="utf-8")
    return tmp_path / "config.ldif"


def read_servers(url: str, **options: Any) -> dict[str, str]:
    with confobjects.open(url, **options) as context:
        found = context.list("mail-server")
        assert {one.definition.name for one in found} == {"mail-server"}
        return {one.name: one.values["smtp-server"][0] for one in found}


def test_it_is_read_as_it_was(file: Path) -> None:
    before = file.read_bytes()
    assert read_servers(f"ldif:{file}") == SERVERS
    loaded = confobjects.load(f"ldif:{file}", environment={})
    assert loaded["mail-server", "login"]["auth-password"] == PIN
    assert loaded["mail-server", "spare"]["use-start-tls"] is True
    assert file.read_bytes() == before


def test_its_servers_are_of_the_type_that_a_creation_without_one_makes(file: Path) -> None:
    place = ("--url", f"ldif:{file}", "--output", "json")
    made = run("create-mail-server", "--server-name", "new", "--set", "enabled:true", "--set", "smtp-server:h", *place)
    assert made.status == 0, made.err
    listed = json.loads(run("list-mail-servers", *place).out)
    assert {one["name"]: one["type"] for one in listed["items"]} == {
        "login": "generic",
        "new": "generic",
        "spare": "generic",
    }


def test_each_of_its_changes_is_told_and_can_be_taken_back(file: Path) -> None:
    with confobjects.open(f"ldif:{file}") as context:
        assert [record.number for record in context.history()] == list(range(1, CHANGES + 1))
        for number in range(CHANGES - 1, -1, -1):
            context.undo_to(number)
            assert {path.name for path in context.as_of(number)} == {one.name for one in context.all() if one.name}
        assert context.list("mail-server") == []


def test_a_change_goes_on_with_its_history(file: Path) -> None:
    with confobjects.open(f"ldif:{file}") as context:
        report = context.modify("mail-server", "login", PropertyChanges(set={"smtp-server": "mx.example.org:465"}))
        assert report.number == CHANGES + 1
        context.undo(CHANGES + 1)
    assert read_servers(f"ldif:{file}") == SERVERS


def test_its_documents_show_no_difference(file: Path) -> None:
    for name in ("export.json", "export.ldif"):
        compared = run("diff", str(file.parent / name), "--url", f"ldif:{file}")
        assert compared.status == 0, compared.out


def test_its_export_makes_the_same_configuration(file: Path, tmp_path: Path) -> None:
    empty = f"ldif:{tmp_path / 'empty.ldif'}"
    applied = run("apply", str(file.parent / "export.ldif"), "--url", empty)
    assert applied.status == 0, applied.err
    assert read_servers(empty) == SERVERS


def test_a_document_without_a_type_means_the_type_of_0_1(tmp_path: Path) -> None:
    document = tmp_path / "wanted.json"
    properties = {"enabled": True, "smtp-server": "mx.example.com:25"}
    wanted = {"confobjects-format": 1, "objects": {"/mail-server/one": {"properties": properties}}}
    document.write_text(json.dumps(wanted), encoding="utf-8")
    place = f"ldif:{tmp_path / 'empty.ldif'}"
    applied = run("apply", str(document), "--url", place)
    assert applied.status == 0, applied.err
    assert read_servers(place) == {"one": "mx.example.com:25"}


# -- a directory whose schema is that of 0.1 ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Slapd]:
    with Slapd(schema=((DATA / "confobjects-openldap.ldif").read_text(encoding="utf-8"),)) as running:
        yield running


def test_a_directory_of_0_1_serves_until_something_new_is_stored(server: Slapd, file: Path) -> None:
    """What 0.1 knew goes on as it was; a new type is refused with the line that loads its schema, and then made."""
    url = f"{server.url}cn=upgraded,{SUFFIX}"
    password_file = file.parent / "password"
    password_file.write_text(openldap.PASSWORD, encoding="utf-8")
    login = ("-D", openldap.ROOT_DN, "-j", str(password_file))
    place = ("--url", url, *login)
    copied = run("copy", f"ldif:{file}", url, *login)
    assert copied.status == 0, copied.err
    options = {"bind_dn": openldap.ROOT_DN, "bind_password": openldap.PASSWORD}
    assert read_servers(url, **options) == SERVERS
    renamed = run("rename", "mail-server", "--server-name", "spare", "--to", "second", *place)
    assert renamed.status == 0, renamed.err

    new = ("--set", "enabled:true", "--set", "smtp-server:mx.example.com", "--set", "auth-username:mailer")
    password = ("--set-file", f"auth-password:{file.parent / 'secrets' / 'smtp.pin'}")
    create = ("create-mail-server", "--server-name", "custom", "--type", "custom-server", *new, *password, *place)
    refused = run(*create)
    assert refused.status != 0
    assert "confobjects ldap-schema" in refused.err
    closed = ("test-mail-server", "--server-name", "second", "--depth", "resolve", *place)
    tested = run(*closed)
    assert "the result of the test was not kept: " in tested.err
    assert "Last test" not in run("list-mail-servers", *place).out

    installed = file.parent / "installed.ldif"
    installed.write_text(server.installed_schema(), encoding="utf-8")
    upgrade = run("ldap-schema", "--format", "openldap", "--upgrade", str(installed))
    assert upgrade.status == 0, upgrade.err
    server.change_configuration(upgrade.out)
    created = run(*create)
    assert created.status == 0, created.err
    assert "not kept" not in run(*closed).err
    assert "Last test" in run("list-mail-servers", *place).out
