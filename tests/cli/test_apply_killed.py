"""``apply --prune`` killed at any moment: the configuration is the old one or the new one, and the history is true."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import confobjects
from tests.cli.documents import exported, write
from tests.cli.sessions import fresh, run
from tests.effort import times
from tests.servers import ds389
from tests.servers.fixtures import GUARDED

NUMBERS = count()
LAST = "/mail-server/last"
USERS = [f"user-{number}" for number in range(12)]
State = dict[str, dict[str, list[str]]]


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


@pytest.fixture(params=["389-ds", "slapd"])
def _directory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command line work on a new configuration on a server."""
    if request.param == "slapd":
        url, above = request.getfixturevalue("slapd").socket_url, GUARDED
    else:
        url, above = request.getfixturevalue("ds389_server").socket_url, ds389.SUFFIX
    monkeypatch.setenv("CONFOBJECTS_URL", str(url) + quote(f"cn=killed {next(NUMBERS)},{above}"))
    assert run("init").status == 0


def document(mine: str, other: str, **servers: str) -> dict[str, Any]:
    """Two providers, servers that refer to one of them each, and many that all refer to the first."""
    made: dict[str, Any] = {
        f"/trust-manager-provider/{name}": {"type": "blind", "properties": {"enabled": True}} for name in (mine, other)
    }
    for name, target in {"last": other, **servers, **dict.fromkeys(USERS, mine)}.items():
        values = {"enabled": True, "smtp-server": f"{mine}.example.com", "trust-manager-provider": target}
        made[f"/mail-server/{name}"] = {"properties": values}
    return {"confobjects-format": 1, "objects": made}


ONE = document("p", "q", a="p", b="q")
OTHER = document("r", "q", a="q", c="r")
"""After ONE: ``p`` is called ``r``, ``c`` is created, ``b`` deleted, and nearly all others refer to another provider."""


def killed(file: str, patience: float) -> bool:
    """Apply a document in a process that is killed after so many seconds; tell whether it was still at it."""
    process = get_context("fork").Process(target=lambda: os._exit(run("apply", file, "--prune").status))
    process.start()
    process.join(patience)
    process.kill()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


def stored() -> dict[str, Any]:
    """The objects but for the one that the next command changes."""
    return {path: item for path, item in exported()["objects"].items() if path != LAST}


def told() -> State:
    """What the history says that there is: every change begins where those before it have ended."""
    there: State = {}
    for record in json.loads(run("history", "--output", "json").out)["changes"]:
        assert record["state"] == "done"
        for change in record["changes"]:
            path, properties = change["path"], change["properties"]
            assert (change["action"] == "create") == (path not in there)
            if change["action"] == "rename":
                there[change["new_path"]] = there.pop(path)
                path = change["new_path"]
            before = there.get(path, {})
            assert {name: values["before"] for name, values in properties.items()} == {
                name: before.get(name, []) for name in properties
            }
            after = {**before, **{name: values["after"] for name, values in properties.items()}}
            there[path] = {name: values for name, values in after.items() if values}
            if change["action"] == "delete":
                assert there.pop(path) == {}
    return there


def shown() -> State:
    """What there is, in the form of the history."""
    with confobjects.open() as context:
        return {
            str(obj.path): {name: list(texts) for name, texts in obj.values.items() if texts}
            for obj in context.all()
            if obj.values
        }


def survives(directory: Path, rounds: int) -> None:
    files = [write(directory / f"{number}.json", wanted) for number, wanted in enumerate((ONE, OTHER))]
    states, took = [], 0.0
    for file in files:
        begin = time.monotonic()
        assert not killed(file, 60)
        took = time.monotonic() - begin
        states.append(stored())
    dice, now = random.Random(7), 1
    for number in range(rounds):
        goal = 1 - now
        was_killed = killed(files[goal], dice.uniform(0.2, 1.2) * took)
        # The next command that changes something finishes what one on a directory has left, or takes it back.
        words = ["--server-name", "last", "--set", f"smtp-server:mx{number}.example.com"]
        assert run("set-mail-server-prop", *words).status == 0
        found = stored()
        assert found in (states if was_killed else states[goal:][:1])
        assert run("check", "-Q").status == 0
        assert told() == shown()
        now = states.index(found)
    assert run("apply", files[1 - now], "--prune").status == 0
    assert stored() == states[1 - now]
    assert told() == shown()


def test_on_a_file(tmp_path: Path) -> None:
    survives(tmp_path, times(20))


@pytest.mark.usefixtures("_directory")
def test_on_a_directory(tmp_path: Path) -> None:
    survives(tmp_path, times(12))
