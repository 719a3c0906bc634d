"""The page of the guide on directories: its servers are made from nothing, and it says what happens."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import confobjects
from confobjects.dn import DN
from confobjects.mapping.ldap_schema import as_ldif, build_schema
from tests.definitions.documents import builtin
from tests.docs import pages
from tests.docs.pages import ROOT
from tests.servers import ds389, processes
from tests.servers.certificates import Authority
from tests.servers.ds389 import Ds389
from tests.servers.packages import require

PAGE = ROOT / "docs" / "guide" / "ldap-servers.md"
DS389_PAGE = ROOT / "docs" / "guide" / "389-ds.md"


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that the server's own user may enter; a server that a failing page left behind is stopped."""
    require("slapd")
    made = processes.memory_directory("guide")
    made.chmod(0o755)
    yield made
    for file in made.glob("**/pid"):
        with suppress(ProcessLookupError, ValueError):
            os.kill(int(file.read_text()), signal.SIGKILL)
    processes.remove(made)


def test_the_page_on_directories(place: Path, ldap_authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(ldap_authority.pem)
    ldap_authority.issue("localhost", "127.0.0.1").write(tmp_path, "server")
    known = {"SLAPD_PORT": str(processes.free_port()), "CA": str(tmp_path / "ca.pem")}
    assert pages.differences(PAGE, place, known) == []


def test_the_page_on_389_directory_server(place: Path) -> None:
    require("389-ds")
    ports = {name: str(processes.free_port()) for name in ("DS389_PORT", "DS389_TLS_PORT")}
    login = {"USER": "root", "LOGNAME": "root"}  # which dscreate believes, more than who runs it
    assert pages.differences(DS389_PAGE, place, {**ports, **login}) == []


def test_the_indexes_of_the_page_find_the_newest_changes() -> None:
    page = DS389_PAGE.read_text(encoding="utf-8")
    named = re.findall(r"index add userRoot --index-type eq --attr (\S+)(?: --matching-rule (\S+))?", page)
    assert dict(named) == ds389.HISTORY_INDEXES
    with Ds389(schema=(as_ldif(build_schema(builtin()), "rfc4512"),)) as server:
        server.index_history()
        switch = "nsslapd-accesslog-logbuffering"
        server.change_configuration(f"dn: cn=config\nchangetype: modify\nreplace: {switch}\n{switch}: off\n")
        login: dict[str, Any] = {"bind_dn": ds389.ROOT_DN, "bind_password": ds389.PASSWORD}
        with confobjects.open(server.url, base=DN.parse(ds389.BASE), **login) as context:
            for name in ("one", "two", "three"):
                context.create("mail-server", name, {"enabled": False, "smtp-server": "mx.example.com"})
            context.storage.moment()
            assert [noted.number for noted in context.storage.history(1)] == [2, 3]
        log = server.access_log()
    asked = re.findall(r" (conn=\d+ op=\d+) SRCH .*history-number>=", log)
    assert len(asked) > 2
    told = [line for line in log.splitlines() if any(f" {one} RESULT " in line for one in asked)]
    assert told
    assert [line for line in told if "notes=U" in line] == []


def test_the_page_on_the_configuration_of_a_server(place: Path) -> None:
    known = {"SLAPD_PORT": str(processes.free_port()), "EXAMPLES": str(ROOT / "docs" / "examples")}
    assert pages.differences(ROOT / "docs" / "guide" / "server-configurations.md", place, known) == []
