"""``copy`` between storages of every kind: whole, judged, resumable after a kill."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest

import confobjects
from confobjects.paths import ManagedObjectPath
from tests.cli.sessions import run
from tests.servers import ds389
from tests.servers import slapd as openldap

NUMBERS = count()
MANY = 700
KINDS = ("389-ds", "ldif", "slapd")
Contents = dict[ManagedObjectPath, tuple[str, dict[str, list[str]]]]
Place = Callable[[str], str]


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return a maker of URLs where there is nothing yet, by the kind of storage."""

    def made(kind: str) -> str:
        number = next(NUMBERS)
        if kind == "ldif":
            return f"ldif:{tmp_path / f'{number}.ldif'}"
        if kind == "slapd":
            return str(request.getfixturevalue("slapd").socket_url + quote(f"cn=copy {number},{openldap.SUFFIX}"))
        return str(request.getfixturevalue("ds389_server").socket_url + quote(f"cn=copy {number},{ds389.SUFFIX}"))

    return made


def contents(url: str) -> Contents:
    """Everything that a storage holds, secrets too."""
    with confobjects.open(url) as context:
        world = context.world()
        return {
            obj.path: (obj.definition.name, {name: sorted(texts) for name, texts in obj.values.items()})
            for obj in context.all(world)
            if obj.path in world.entries
        }


def fill(url: str) -> None:
    """Make objects that refer to each other, one of them with secrets, expressions and several values."""
    with confobjects.open(url) as context, context.change() as tx:
        tx.create("trust-manager-provider", "Z last", {"enabled": True}, type="system")
        tx.create("trust-manager-provider", "store, of (others)", {"enabled": False}, type="blind")
        tx.create(
            "mail-server",
            "first",
            {
                "enabled": True,
                "smtp-server": "mx.example.com",
                "auth-username": "ünïcode",
                "auth-password": " canary\n&{a.b|c} ",
                "smtp-property": ["mail.smtp.timeout=5000", "mail.smtp.from=x@example.com"],
                "trust-manager-provider": "Z last",
            },
        )


def fill_with_many(url: str) -> None:
    with confobjects.open(url) as context, context.change() as tx:
        for number in range(MANY):
            tx.create("mail-server", f"server {number}", {"enabled": True, "smtp-server": f"h{number}.example.com"})


@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_everything_arrives(place: Place, source: str, target: str) -> None:
    one, other = place(source), place(target)
    fill(one)
    outcome = run("copy", one, other, "--no-test")
    assert (outcome.status, outcome.out, outcome.err) == (0, "3 objects copied\n", "")
    assert contents(other) == contents(one)
    assert run("check", "--url", other, "--define", "a.b=c").status == 0
    again = run("copy", one, other)
    assert (again.status, again.out) == (0, "0 objects copied, 3 there already\n")


def test_what_differs_is_replaced_only_when_asked(place: Place) -> None:
    one, other = place("ldif"), place("slapd")
    fill(one)
    assert run("copy", one, other).status == 0
    name = ("--server-name", "first")
    assert run("--url", other, "set-mail-server-prop", *name, "--set", "smtp-server:elsewhere").status == 0
    before = contents(other)
    outcome = run("copy", one, other)
    assert outcome.status == 13
    assert outcome.err == (
        "error: /mail-server/first: the target holds another object of that name\n"
        "  remedy: let the copy replace it (--force), or delete one of the two\n"
    )
    assert contents(other) == before
    assert (
        run("copy", one, other, "--force", "--dry-run").out
        == "0 objects would be copied, 1 replaced, 2 there already\n"
    )
    assert contents(other) == before
    assert run("copy", one, other, "--force").out == "0 objects copied, 1 replaced, 2 there already\n"
    assert contents(other) == contents(one)


@pytest.mark.parametrize("target", ["ldif", "slapd"])
def test_nothing_is_written_of_a_broken_configuration(place: Place, target: str) -> None:
    one, other = place("ldif"), place(target)
    fill(one)
    file = Path(one.partition(":")[2])
    file.write_text(file.read_text().replace("ds-cfg-enabled: true", "ds-cfg-enabled: perhaps"))
    outcome = run("copy", one, other)
    assert outcome.status == 10
    assert '/mail-server/first, enabled: "perhaps" is neither true nor false' in outcome.err
    assert contents(other) == {}


def test_a_source_that_is_not_there(place: Place) -> None:
    for kind in ("ldif", "slapd"):
        outcome = run("copy", place(kind), place("ldif"))
        assert outcome.status == 31
        assert "there is no" in outcome.err


@pytest.mark.parametrize(("source", "target"), [("ldif", "slapd"), ("slapd", "ldif"), ("ldif", "389-ds")])
def test_a_copy_that_was_killed_goes_on(place: Place, source: str, target: str) -> None:
    one, other = place(source), place(target)
    fill_with_many(one)
    child = subprocess.Popen([sys.executable, "-W", "ignore", "-m", "confobjects.cli", "copy", one, other])
    while not (begun := len(contents(other))):
        assert child.poll() is None, "the copy ended before it was seen"
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert 0 < begun < MANY
    outcome = run("copy", one, other)
    assert outcome.status == 0
    copied, there = (int(word) for word in outcome.out.split() if word.isdigit())
    assert copied + there == MANY
    assert there >= begun
    assert contents(other) == contents(one)


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


def test_a_person_at_a_terminal_sees_how_far_it_is(place: Place, terminal: tuple[int, int]) -> None:
    one, other = place("ldif"), place("ldif")
    fill(one)
    ours, theirs = terminal
    command = [sys.executable, "-m", "confobjects.cli", "copy", one, other, "--no-test"]
    subprocess.run(command, stderr=theirs, stdout=subprocess.DEVNULL, check=True)
    shown = os.read(ours, 10_000).decode()
    assert "\r\x1b[Kcopying objects: 0 of 3" in shown
    assert shown.endswith("\r\x1b[Kcopying objects: 3 of 3\r\x1b[K")
