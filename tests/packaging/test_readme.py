"""A newcomer with the README alone: in a new virtual environment, its commands lead to a mail that has arrived, and to an own object.

The commands are read out of README, and out of the page that it leads to. The servers that it starts in another shell are started here as
it says, and found by the line that they print.
"""

from __future__ import annotations

import mailbox
import re
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs import pages
from tests.docs.pages import Command
from tests.packaging.conftest import copy_sources, installing
from tests.servers.processes import free_port

README = pages.ROOT / "README.md"
MAIL, OWN = "A mail in ten minutes", "An object of your own in thirty"
LEADS_ON = pages.ROOT / "docs" / "guide" / "own-objects.md"
GOES_ON = LEADS_ON.with_name("own-program.md")
TYPED_IN_TEN_MINUTES = 12
"""Commands that a person can type in ten minutes, with time to read what they print."""


class Newcomer(NamedTuple):
    """What somebody has after the first section that is typed: a place with an environment, and its shell."""

    home: Path
    shell: Mapping[str, str]


def typed_under(heading: str) -> list[Command]:
    """Return what README says to type under one heading."""
    text = README.read_text(encoding="utf-8")
    first = text.count("\n", 0, text.index(f"## {heading}\n"))
    last = text.count("\n", 0, text.index("\n## ", text.index(f"## {heading}\n")))
    return [one for one in pages.commands(pages.blocks(README)) if first < one.line <= last]


def follow(wanted: list[Command], newcomer: Newcomer, more: Mapping[str, str] | None = None) -> list[str]:
    """Type commands, the last of which only looks; return what is not as the page says."""
    printed = pages.session([one.typed for one in wanted], newcomer.home, {**newcomer.shell, **(more or {})})
    found = zip(wanted, printed, strict=True)
    return [f"{one.line}: {one.typed}: {now}" for one, now in found if not pages.agrees(now, one.printed)]


@pytest.fixture(scope="module")
def newcomer(checkout: Path, dependencies: Path, tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    """Install as README says."""
    home = tmp_path_factory.mktemp("newcomer")
    copy_sources(checkout, home / "confobjects")
    new = Newcomer(home, {**pages.environment(home), **installing(dependencies)})
    assert follow(typed_under("Install"), new) == []
    programs = f"{home / 'app' / 'bin'}:/usr/bin:/bin"
    return Newcomer(home, {**new.shell, "PATH": programs})


@contextmanager
def serving(newcomer: Newcomer) -> Iterator[dict[str, str]]:
    """Run the command that README leaves running in another shell; yield what the line that it prints sets."""
    text = README.read_text(encoding="utf-8")
    (command,) = re.findall(r"^```sh\n(confobjects demo .*)\n```", text, re.MULTILINE)
    start = ["bash", "-c", f"exec {command}"]
    with subprocess.Popen(start, stdout=subprocess.PIPE, cwd=newcomer.home, env=newcomer.shell, text=True) as servers:
        said = servers.stdout
        assert said is not None
        try:
            (line,) = take_until(said, "# In another shell:")
            source = line.partition(":")[2].partition("    ")[0]
            told = subprocess.run(
                ["bash", "-c", f"{source} && env"], capture_output=True, text=True, check=True, env={}
            )
            yield dict(one.split("=", 1) for one in told.stdout.splitlines())
        finally:
            servers.send_signal(signal.SIGTERM)
            said.read()


def take_until(lines: Iterable[str], beginning: str) -> Iterator[str]:
    """Yield the first line that begins so."""
    for line in lines:
        if line.startswith(beginning):
            yield line
            return


def test_a_mail_is_sent_in_ten_minutes(newcomer: Newcomer) -> None:
    wanted = typed_under(MAIL)
    assert len(typed_under("Install") + wanted) <= TYPED_IN_TEN_MINUTES
    with serving(newcomer) as variables:
        assert follow(wanted, newcomer, variables) == []
        (mail,) = mailbox.Maildir(variables["MAILBOX"])
        assert mail["To"] == "you@example.com"
        assert "FAILED" in "".join(one.printed for one in wanted), "README shows a test that fails"


def test_an_object_of_ones_own_is_there_in_thirty(newcomer: Newcomer) -> None:
    assert follow([typed_under(MAIL)[0], *typed_under(OWN)], newcomer) == []
    assert f"({LEADS_ON.relative_to(pages.ROOT)})" in README.read_text(encoding="utf-8")
    place = newcomer.home / "own"
    place.mkdir()
    ports = {name: str(free_port()) for name in ("PORT", "OTHER_PORT")}
    assert pages.pages_before(GOES_ON) == [LEADS_ON]
    page = [one for part in (LEADS_ON, GOES_ON) for one in pages.commands(pages.blocks(part))]
    assert follow(page, newcomer._replace(home=place), ports) == []
    read = "import confobjects; print(confobjects.load('ldif:config.ldif')['page', 'home', 'index']['text'])"
    env = {**newcomer.shell, "ANN_PASSWORD": "sesame"}
    program = newcomer.home / "app" / "bin" / "python"
    done = subprocess.run([program, "-c", read], cwd=place, env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "Closed today.\n", done.stderr
