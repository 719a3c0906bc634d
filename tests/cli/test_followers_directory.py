"""Followers of a configuration in a directory, for the operator: who has a change in effect, and ``--wait``."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest

from confobjects import startup
from tests.cli.dialogue import dialogue
from tests.cli.documents import server, tell
from tests.cli.sessions import run
from tests.servers import slapd as openldap
from tests.servers.slapd import Slapd

NUMBERS = count()
SET = ("set-mail-server-prop", "--server-name", "one", "--set", "enabled:false")
ALWAYS = "2999-01-01T00:00:00Z"
"""A time in the future counts as now."""


@pytest.fixture
def base(slapd: Slapd, monkeypatch: pytest.MonkeyPatch) -> str:
    """A configuration of one change in a directory."""
    monkeypatch.delenv(startup.STATE_URL_VARIABLE, raising=False)
    name = f"ou=followed {next(NUMBERS)},{openldap.SUFFIX}"
    monkeypatch.setenv(startup.URL_VARIABLE, str(slapd.socket_url) + quote(name))
    server("one")
    return name


def test_a_command_waits_for_who_reports_in_the_directory(base: str) -> None:
    assert base
    tell("web-1", 1, time=ALWAYS)
    found = run(*SET, "--wait", "1")
    assert found.status == 23
    assert found.err.startswith(
        "error: change 2 is saved; after 1 s it is in effect on 0 of 1\n  web-1 is at change 1\n"
    )
    tell("web-1", 3, time=ALWAYS)
    assert run("delete-mail-server", "--server-name", "one", "--wait", "9").err == "change 3 in effect on 1 of 1\n"


def test_followers_are_shown_and_forgotten(base: str) -> None:
    assert base
    tell("web-1", 1, time=ALWAYS)
    tell("web-2", 1, time="2026-01-01T00:00:00Z")
    assert "change 1 in effect on 1 of 1; web-2 not heard of for " in run("followers").out
    assert run("followers", "--forget", "web-1").status == 14
    assert run("followers", "--forget", "web-2").status == 0
    assert [line.split("\t")[0] for line in run("followers", "-s").out.splitlines()] == ["web-1"]
    assert run("check").out == "2 objects: 0 errors, 0 warnings\n"  # the other one is the mail service


def test_the_configuration_is_in_a_directory_and_reports_in_a_file_and_the_other_way(
    base: str, slapd: Slapd, tmp_path: Path
) -> None:
    state, directory = f"ldif:{tmp_path / 'state.ldif'}", str(slapd.socket_url) + quote(base)
    tell("web-1", 2, url=state, time=ALWAYS)
    assert run(*SET, "--wait", "9", "--state-url", state).err == "change 2 in effect on 1 of 1\n"
    tell("web-2", 1, url=directory, time=ALWAYS)
    there = ("--url", f"ldif:{tmp_path / 'config.ldif'}", "--state-url", directory, "--allowClearPassword")
    values = ("--set", "enabled:true", "--set", "smtp-server:mx.example.com")
    assert run("create-mail-server", "--server-name", "one", *values, "--wait", "9", "--no-test", *there).err == (
        f"new file {tmp_path / 'config.ldif'}\nchange 1 in effect on 1 of 1\n"
    )


def test_the_password_is_asked_for_once(base: str, slapd: Slapd) -> None:
    tell("web-1", 2, time=ALWAYS)
    with dialogue(*SET, "--wait", "9", "--url", f"{slapd.url}{quote(base)}", "-D", openldap.ROOT_DN) as person:
        person.answer("Password of", openldap.PASSWORD)
        person.until("change 2 in effect on 1 of 1")
        assert person.ends() == 0
    assert person.shown.count("Password of") == 1
