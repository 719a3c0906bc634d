"""Command lines at the same time: each storage keeps every update, and no two changes that do not go together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import quote

import pytest

from confobjects.mapping.entry import Change
from confobjects.mapping.journal import Note
from confobjects.storage.ldap import LdapStorage
from tests.cli.sessions import Outcome, run
from tests.servers import ds389
from tests.servers.fixtures import GUARDED

NUMBERS = count()
ROUNDS = 3
PROCESSES = 16
SERVER = ("--set", "enabled:true", "--set", "smtp-server:mx.example.com")
NAME = ("--server-name", "one")


@pytest.fixture(params=["389-ds", "ldif", "slapd"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty configuration is; the user who runs the tests is the administrator of both servers."""
    if request.param == "ldif":
        return f"ldif:{tmp_path / 'config.ldif'}"
    name = f"cn=commands {next(NUMBERS)}"
    if request.param == "slapd":
        return str(request.getfixturevalue("slapd").socket_url + quote(f"{name},{GUARDED}"))
    return str(request.getfixturevalue("ds389_server").socket_url + quote(f"{name},{ds389.SUFFIX}"))


def done(url: str, *command: str) -> Outcome:
    outcome = run("--url", url, *command)
    assert outcome.status == 0, outcome.err
    return outcome


def at_once(url: str, *commands: Sequence[str]) -> list[int]:
    """Run command lines in processes of their own; return their exit codes."""
    line = (sys.executable, "-W", "ignore", "-m", "confobjects.cli", "--url", url)
    children = [subprocess.Popen([*line, *command], stderr=subprocess.PIPE) for command in commands]
    told = [child.communicate()[1] for child in children]
    assert not any(b"Traceback" in text for text in told)
    return [child.returncode for child in children]


def one_wins(codes: Sequence[int]) -> bool:
    """One is done; the other came too late (11), or at the same moment (22)."""
    first, second = sorted(codes)
    return first == 0 and second in {11, 22}


def test_two_commands_that_together_break_a_constraint(url: str) -> None:
    done(url, "create-mail-server", *NAME, *SERVER)
    for _ in range(ROUNDS):
        done(url, "set-mail-server-prop", *NAME, "--set", "use-ssl:false", "--set", "use-start-tls:false")
        codes = at_once(
            url,
            ("set-mail-server-prop", *NAME, "--set", "use-ssl:true"),
            ("set-mail-server-prop", *NAME, "--set", "use-start-tls:true"),
        )
        assert one_wins(codes)
        done(url, "check")


def test_a_command_disables_what_another_begins_to_need(url: str) -> None:
    provider = ("--provider-name", "trust")
    done(url, "create-trust-manager-provider", *provider, "--type", "system", "--set", "enabled:true")
    done(url, "create-mail-server", *NAME, *SERVER)
    for _ in range(ROUNDS):
        done(url, "set-mail-server-prop", *NAME, "--reset", "trust-manager-provider")
        done(url, "set-trust-manager-provider-prop", *provider, "--set", "enabled:true")
        codes = at_once(
            url,
            ("set-trust-manager-provider-prop", *provider, "--set", "enabled:false"),
            ("set-mail-server-prop", *NAME, "--set", "trust-manager-provider:trust"),
        )
        assert one_wins(codes)
        done(url, "check")


SETTINGS = tuple(f"mail.smtp.{name}" for name in ("port", "connectiontimeout", "timeout", "writetimeout"))


def _write(url: str, number: int) -> None:
    setting = f"smtp-property:{SETTINGS[number % len(SETTINGS)]}=5000"
    steps = (
        ("create-mail-server", "--server-name", f"own {number}", *SERVER),
        ("set-mail-server-prop", "--server-name", f"own {number}", "--set", f"auth-username:{number}"),
        ("set-mail-server-prop", "--server-name", f"shared {number // len(SETTINGS)}", "--add", setting),
    )
    for step in steps:
        codes = [run("--url", url, *step).status]
        while codes[-1] == 22 and len(codes) < 20:  # whoever is told that someone was faster tries again
            codes.append(run("--url", url, *step).status)
        assert codes[-1] == 0


def test_sixteen_processes_at_once_lose_no_update(url: str) -> None:
    shared = [f"shared {number}" for number in range(PROCESSES // len(SETTINGS))]
    for name in shared:
        done(url, "create-mail-server", "--server-name", name, *SERVER)
    children = [get_context("fork").Process(target=_write, args=(url, number)) for number in range(PROCESSES)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * PROCESSES
    listed = done(url, "list-mail-servers", "-s", "--advanced", "--property", "auth-username").out
    own = dict(line.split("\t") for line in listed.splitlines() if line.startswith("own"))
    assert own == {f"own {number}": str(number) for number in range(PROCESSES)}
    for name in shared:
        found = done(url, "get-mail-server-prop", "--server-name", name, "--property", "smtp-property", "-s").out
        assert sorted(found.strip().split("\t")[1:]) == sorted(f"{setting}=5000" for setting in SETTINGS)
    done(url, "check")


@pytest.fixture
def before_the_next_commit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], object]], None]]:
    """Let something happen between the plan of the next change and its writing."""
    waiting: list[Callable[[], object]] = []
    commit = LdapStorage.commit

    def interrupted(storage: LdapStorage, changes: Sequence[Change], record: Note | None = None) -> int | None:
        if waiting:
            waiting.pop()()
        return commit(storage, changes, record)

    monkeypatch.setattr(LdapStorage, "commit", interrupted)
    yield waiting.append
    assert not waiting


@pytest.mark.parametrize("url", ["389-ds", "slapd"], indirect=True)
def test_the_command_that_was_overtaken_says_so(
    url: str, before_the_next_commit: Callable[[Callable[[], object]], None]
) -> None:
    done(url, "create-mail-server", *NAME, *SERVER, "--set", "use-start-tls:false")
    before_the_next_commit(lambda: done(url, "set-mail-server-prop", *NAME, "--set", "use-ssl:true"))
    outcome = run("--url", url, "set-mail-server-prop", *NAME, "--set", "use-start-tls:true")
    assert outcome.status == 22
    assert outcome.err.partition("  try: ")[0] == (
        "error: /mail-server/one: the object, or one it depends on, was changed by someone else meanwhile\n"
        "  remedy: look at the objects as they are now, and repeat the change if it is still wanted\n"
        "error: /mail-server/one: use-ssl and use-start-tls exclude each other, and both are true\n"
        "  use-ssl is true; use-start-tls is true\n"
        "  remedy: Keep one of the two: for TLS from the first byte (usually port 465) set use-start-tls to false, "
        "for STARTTLS (usually port 587) set use-ssl to false.\n"
    )
    done(url, "check")


@pytest.mark.parametrize("url", ["389-ds", "slapd"], indirect=True)
def test_a_command_that_was_overtaken_by_one_it_goes_with_is_done(
    url: str, before_the_next_commit: Callable[[Callable[[], object]], None]
) -> None:
    done(url, "create-mail-server", *NAME, *SERVER)
    before_the_next_commit(lambda: done(url, "set-mail-server-prop", *NAME, "--set", "smtp-server:other.example.com"))
    done(url, "set-mail-server-prop", *NAME, "--set", "auth-username:u")
    shown = done(url, "get-mail-server-prop", *NAME, "-s", "--property", "smtp-server", "--property", "auth-username")
    assert shown.out == "smtp-server\tother.example.com\nauth-username\tu\n"
