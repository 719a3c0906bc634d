"""A client, or OpenDJ itself, that is killed or restarted in the middle of a batch: nothing is lost, and a word says what is so.

Real processes are killed at a moment when some entries of the batch are there, and others are not.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import confobjects
from confobjects.management import ManagementContext
from tests.cli.sessions import Outcome, run
from tests.management.foreign import run_child
from tests.servers.opendj import PASSWORD, ROOT_DN, OpenDj

COUNT = 100
FEW = Path(__file__).parent / "few"
BRANCH = "cn=Identity Mappers,cn=config"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of this user for the state of servers."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """A batch that changes one entry and creates many."""
    lines = [
        f"create-identity-mapper --mapper-name m{n} --type exact-match --set enabled:false" for n in range(1, COUNT)
    ]
    file = tmp_path / "batch"
    file.write_text("\n".join(["set-global-configuration-prop --set size-limit:77", *lines]) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def reader(opendj: OpenDj) -> Iterator[ManagementContext]:
    with confobjects.open(opendj.url, definitions=[str(FEW)], bind_dn=ROOT_DN, bind_password=PASSWORD) as ctx:
        yield ctx


def words(opendj: OpenDj, *command: str) -> list[str]:
    login = ("-D", ROOT_DN, "-j", str(opendj.password_file), "--definitions", str(FEW), "-n")
    return [*command, "--url", opendj.url, *login]


def ask(opendj: OpenDj, *command: str) -> Outcome:
    return run(*words(opendj, *command))


def start_batch(opendj: OpenDj, reader: ManagementContext, batch: Path, state: Path) -> subprocess.Popen[str]:
    """Start a batch in a process of its own, and return when a part of it is on the server."""
    code = f"import sys; from confobjects.cli.main import main; sys.exit(main({words(opendj, '-F', str(batch))!r}))"
    line, environment = run_child(code, state)
    process = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert len(reader.list("identity-mapper")) == 2
    while process.poll() is None and len(reader.list("identity-mapper")) < 5:
        pass
    assert process.poll() is None, process.communicate()
    return process


def configuration(server: OpenDj) -> list[str]:
    """Return all entries but those of running tasks, in an order of their own."""
    text = server.ldapsearch("-b", "cn=config", "(!(objectClass=ds-task))", "*")
    return sorted("\n".join(sorted(entry.splitlines())) for entry in text.split("\n\n"))


def count_mappers(opendj: OpenDj) -> int:
    return opendj.ldapsearch("-b", BRANCH, "-s", "one", "(cn=m*)", "1.1").count("dn: ")


def test_a_killed_client_leaves_a_part_that_is_taken_back(
    opendj: OpenDj, reader: ManagementContext, batch: Path, state: Path
) -> None:
    before = configuration(opendj)
    process = start_batch(opendj, reader, batch, state)
    process.kill()
    process.communicate()
    made = 1 + count_mappers(opendj)
    assert 1 < made < COUNT
    assert "is being made, or was interrupted" in " ".join(ask(opendj, "history", "-s").out.split())
    told = ask(opendj, "set-global-configuration-prop", "--set", "lookthrough-limit:5001")
    assert told.status == 0
    assert f"change 1 was interrupted: {made} of {COUNT} entries were changed, and were put back" in told.err
    assert numbers(opendj) == ["2"]
    ask(opendj, "undo", "2")
    assert configuration(opendj) == before
    made_whole_and_taken_back(opendj, batch, before)


def test_a_killed_server_leaves_a_part_that_is_taken_back(
    opendj: OpenDj, reader: ManagementContext, batch: Path, state: Path
) -> None:
    """It stays away for longer than the batch waits for it."""
    before = configuration(opendj)
    process = start_batch(opendj, reader, batch, state)
    opendj.kill()
    told = process.communicate()[1]
    assert process.returncode == 20, told
    assert "the server went away, and a part may have been changed" in told
    assert "nothing was changed" not in told
    assert "change 1 is not finished: the next command that changes something looks at the server" in told
    opendj.start()
    made = 1 + count_mappers(opendj)
    assert 1 < made < COUNT
    told = ask(opendj, "set-global-configuration-prop", "--set", "lookthrough-limit:5001").err
    assert f"change 1 was interrupted: {made} of {COUNT} entries were changed, and were put back" in told
    assert numbers(opendj) == ["2"]
    ask(opendj, "undo", "2")
    assert configuration(opendj) == before
    made_whole_and_taken_back(opendj, batch, before)


def test_a_server_that_restarts_loses_nothing_of_a_batch(
    opendj: OpenDj, reader: ManagementContext, batch: Path, state: Path
) -> None:
    """The batch waits for it, and goes on; if the server takes too long, it says so, and the next command takes it back."""
    before = configuration(opendj)
    process = start_batch(opendj, reader, batch, state)
    opendj.stop()
    opendj.start()
    told = process.communicate()[1]
    if process.returncode:
        assert "change 1 is not finished" in told
        ask(opendj, "set-global-configuration-prop", "--set", "lookthrough-limit:5001")
        ask(opendj, "undo", "2")
    else:
        assert count_mappers(opendj) == COUNT - 1
        assert numbers(opendj) == ["1"]
        ask(opendj, "undo", "1")
    assert configuration(opendj) == before


def numbers(opendj: OpenDj) -> list[str]:
    """Return the numbers of the changes in the history."""
    return [line.split("\t")[0] for line in ask(opendj, "history", "-s").out.splitlines()]


def made_whole_and_taken_back(opendj: OpenDj, batch: Path, before: list[str]) -> None:
    """Expect that the same batch can be made now, and be taken back as one change."""
    assert ask(opendj, "-F", str(batch)).status == 0
    assert count_mappers(opendj) == COUNT - 1
    ask(opendj, "undo", max(numbers(opendj), key=int))
    assert configuration(opendj) == before
