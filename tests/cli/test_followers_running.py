"""The operator's commands and real services in processes of their own: one change, from being saved to being in effect."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import quote

import pytest

from confobjects import startup
from confobjects.cli import waiting
from confobjects.mapping.protocol import Timing
from tests.cli.documents import server
from tests.cli.sessions import INSTALLABLE, Outcome, run
from tests.docs import pages
from tests.docs_check import ROOT
from tests.servers import slapd as openldap
from tests.servers.slapd import Slapd

NUMBERS = count()
SERVICE = """
import sys, confobjects

with confobjects.live(sys.argv[1], follower=sys.argv[2]) as live:
    print("runs", flush=True)
    sys.stdin.read()
"""
PATIENCE = 120.0
"""Seconds after which a service that reports nothing is taken for broken."""
BETWEEN = 0.05
"""Seconds between two looks: without a pause they would take the processor from the services that are waited for."""
LONG = "300"
"""Seconds that no test waits for: what is waited for comes."""
Passing = Callable[[Callable[[], bool]], None]
TLS = ("--set", "use-ssl:true", "--set", "use-start-tls:false")


@pytest.fixture(params=["a file", "slapd"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A configuration of one change."""
    monkeypatch.delenv(startup.STATE_URL_VARIABLE, raising=False)
    place = f"ldif:{tmp_path / 'config.ldif'}"
    if request.param == "slapd":
        slapd: Slapd = request.getfixturevalue("slapd")
        place = str(slapd.socket_url) + quote(f"ou=running {next(NUMBERS)},{openldap.SUFFIX}")
    monkeypatch.setenv(startup.URL_VARIABLE, place)
    server("one")
    return place


@contextmanager
def follower(url: str, name: str) -> Iterator[subprocess.Popen[str]]:
    """A service that follows a configuration, in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE, url, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "runs\n"
            yield process
        finally:
            if process.poll() is None:
                process.communicate("")


@pytest.fixture
def services(url: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Two services, which have reported."""
    with ExitStack() as stack:
        yield [stack.enter_context(follower(url, name)) for name in ("web-1", "web-2")]


def change(*values: str) -> Outcome:
    return run("set-mail-server-prop", "--server-name", "one", *values, "--wait", LONG, "--no-test")


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Passing:
    """Let no time pass for a command that waits until something holds, and then all of it."""

    def use(holds: Callable[[], bool]) -> None:
        passed = 0.0

        def wait(descriptors: Sequence[int], seconds: float | None) -> None:
            nonlocal passed
            if holds():
                passed += seconds or 0
            else:
                sleep(BETWEEN)

        monkeypatch.setattr(waiting, "REAL", Timing(lambda: passed, wait, lambda low, _: low))

    return use


def listed() -> dict[str, str]:
    """The state of each follower by name."""
    return {line.split("\t")[0]: line.split("\t")[1] for line in run("followers", "-s").out.splitlines()}


def until_listed(wanted: dict[str, str]) -> None:
    end = monotonic() + PATIENCE
    while (found := listed()) != wanted and monotonic() < end:
        sleep(BETWEEN)
    assert found == wanted


def test_a_change_that_counts_at_once(services: list[subprocess.Popen[str]]) -> None:
    assert len(services) == 2
    until_listed({"web-1": "in-effect", "web-2": "in-effect"})
    found = change("--set", "smtp-server:other.example.com:25")
    assert (found.status, found.err) == (0, "change 2 in effect on 2 of 2\n")


def test_a_change_that_waits_until_the_object_is_disabled_and_enabled(
    services: list[subprocess.Popen[str]], passing: Passing
) -> None:
    until_listed({"web-1": "in-effect", "web-2": "in-effect"})
    passing(lambda: listed() == {"web-1": "waiting", "web-2": "waiting"})
    found = change(*TLS)
    assert found.status == 23
    assert found.err.splitlines()[1:] == [
        "error: change 2 is saved; after 300 s it is in effect on 0 of 2",
        "  web-1 waits for the object to be disabled and enabled again (use-ssl, use-start-tls of /mail-server/one)",
        "  web-2 waits for the object to be disabled and enabled again (use-ssl, use-start-tls of /mail-server/one)",
        "  remedy: look again: confobjects followers",
    ]
    passing(lambda: False)
    assert change("--set", "smtp-server:other.example.com:25").err == "change 3 in effect on 2 of 2\n"
    assert change("--set", "enabled:false").err == "change 4 in effect on 2 of 2\n"
    assert change("--set", "enabled:true").err == "change 5 in effect on 2 of 2\n"
    assert listed() == {"web-1": "in-effect", "web-2": "in-effect"}
    assert len(services) == 2


def test_who_ends_no_longer_counts(services: list[subprocess.Popen[str]]) -> None:
    until_listed({"web-1": "in-effect", "web-2": "in-effect"})
    services[0].communicate("")
    until_listed({"web-2": "in-effect"})
    assert change("--set", "enabled:false").err == "change 2 in effect on 1 of 1\n"


def test_services_report_elsewhere(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(startup.STATE_URL_VARIABLE, f"ldif:{tmp_path / 'state.ldif'}")
    with follower(url, "web-1"):
        until_listed({"web-1": "in-effect"})
        assert change("--set", "enabled:false").err == "change 2 in effect on 1 of 1\n"
        assert run("followers", "-s", "--state-url", url).out == ""
    assert listed() == {}


@pytest.mark.parametrize("url", ["a file"], indirect=True)  # a directory needs the schema of the definition first
def test_definitions_wait_for_the_next_process(url: str, passing: Passing) -> None:
    with follower(url, "web-1"):
        until_listed({"web-1": "in-effect"})
        passing(lambda: listed() == {"web-1": "waiting"})
        found = run("definitions", "install", str(INSTALLABLE / "service.json"), "--wait", LONG)
        assert found.status == 23
        assert "  web-1 waits for a restart (creation of /installed-definition/service)\n" in found.err
        passing(lambda: False)
        assert change("--set", "enabled:false").err == "change 3 in effect on 1 of 1\n"
        assert run("definitions", "remove", "service", "--wait", LONG).err == "change 4 in effect on 1 of 1\n"
        assert run("undo", "4").status == 0
    with follower(url, "web-1"):
        until_listed({"web-1": "in-effect"})
        assert change("--set", "enabled:true").err == "change 6 in effect on 1 of 1\n"
        passing(lambda: listed() == {"web-1": "waiting"})
        found = run("definitions", "remove", "service", "--wait", LONG)
        assert found.status == 23
        assert "  web-1 waits for a restart (deletion of /installed-definition/service)\n" in found.err


def test_what_a_service_cannot_use_is_not_in_effect(services: list[subprocess.Popen[str]], passing: Passing) -> None:
    until_listed({"web-1": "in-effect", "web-2": "in-effect"})
    passing(lambda: run("followers", "-s").out.count("no.such.token") == len(services))
    found = change("--set", "auth-username:&{no.such.token}")
    assert found.status == 23
    assert "  web-2 is at change 1: /mail-server/one, auth-username: " in found.err
    passing(lambda: False)
    assert change("--reset", "auth-username").err == "change 3 in effect on 2 of 2\n"


def test_who_hangs_is_named(services: list[subprocess.Popen[str]], passing: Passing) -> None:
    until_listed({"web-1": "in-effect", "web-2": "in-effect"})
    services[1].send_signal(signal.SIGSTOP)
    try:
        passing(lambda: listed() == {"web-1": "in-effect", "web-2": "behind"})
        found = change("--set", "enabled:false")
    finally:
        services[1].send_signal(signal.SIGCONT)
    assert found.status == 23
    assert found.err.splitlines()[:2] == [
        "error: change 2 is saved; after 300 s it is in effect on 1 of 2",
        "  web-2 is at change 1",
    ]


def test_the_page_says_what_happens(tmp_path: Path) -> None:
    page = ROOT / "docs" / "guide" / "followers.md"
    assert "\n".join(pages.differences(page, tmp_path)) == ""
