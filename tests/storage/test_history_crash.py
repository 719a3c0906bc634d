"""Writers that are killed at random moments: afterwards the storage is valid and its history is true.

True means: every change that a writer said it had made is there; the values before each change are those that the one
before it left; and the last ones are what is stored. On a directory a change of several entries is whole or not there,
once the next writer has come by.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from time import sleep
from typing import Any

import pytest

import confobjects
from confobjects.diagnostics import MASK
from confobjects.dn import DN
from confobjects.errors import ChangedMeanwhileError
from confobjects.management import ManagementContext
from confobjects.mapping.entry import DeleteEntry
from confobjects.objects.changes import PropertyChanges
from tests.servers import slapd as openldap

BASE = DN.parse("cn=crash,dc=example,dc=com")
NAMES = ("one", "two", "three")
SERVER: dict[str, Any] = {
    "enabled": True,
    "smtp-server": "mx.example.com",
    "use-start-tls": False,
    "auth-username": "0",
}
CANARY = "Kanarienvogel-7!x"

Opener = Callable[[], ManagementContext]


def _file(path: Path) -> Opener:
    return lambda: confobjects.open(f"ldif:{path}")


def _directory(url: str) -> Opener:
    options: dict[str, Any] = {"bind_dn": openldap.ROOT_DN, "bind_password": openldap.PASSWORD, "history": 100_000}
    return lambda: confobjects.open(url, base=BASE, **options)


@pytest.fixture(params=["ldif", "slapd"])
def reach(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """How to open a configuration of three mail servers."""
    made = _file(tmp_path / "config.ldif")
    if request.param == "slapd":
        made = _directory(request.getfixturevalue("slapd").url)
        with made() as ctx, ctx.storage.writing():
            for entry in sorted(ctx.storage.search(BASE, "sub"), key=lambda entry: -len(entry.dn)):
                ctx.storage.commit([DeleteEntry(entry.dn)])
    with made() as ctx, ctx.change() as tx:
        for name in NAMES:
            tx.create("mail-server", name, SERVER)
    return made


def together(ctx: ManagementContext, text: str) -> None:
    """One change of three objects, a secret among the values."""
    with ctx.change() as tx:
        for name in NAMES:
            tx.set("mail-server", name, {"auth-username": text, "auth-password": f"{CANARY} {text}"})


def alone(ctx: ManagementContext, text: str) -> None:
    ctx.modify("mail-server", "one", PropertyChanges(set={"smtp-property": f"mail.smtp.from={text}@example.com"}))


def renamed(ctx: ManagementContext, text: str) -> None:
    """A name that goes and comes back, which is no change of values."""
    ctx.create("mail-server", f"own {text}", SERVER)
    ctx.rename("mail-server", f"own {text}", f"new {text}")
    ctx.delete("mail-server", f"new {text}")


def _write(reach: Opener, told: Connection, writer: str) -> None:
    """What a writer does until it is killed; it tells what it has made."""
    with reach() as ctx:
        for number in range(1, 10_000):
            text = f"{writer}.{number}"
            for step in (together, alone, renamed):
                try:
                    step(ctx, text)
                except ChangedMeanwhileError:
                    continue
                told.send((step.__name__, text))


def killed(reach: Opener, writers: int, turn: int, chance: random.Random) -> list[tuple[str, str]]:
    """Let some writers write and kill each at a moment of its own; return what they told."""
    fork = get_context("fork")
    running = []
    for writer in range(writers):
        ours, theirs = fork.Pipe(duplex=False)
        process = fork.Process(target=_write, args=(reach, theirs, f"{turn}.{writer}"))
        process.start()
        theirs.close()
        running.append((process, ours))
    told: list[tuple[str, str]] = []
    for process, ours in running:
        told.append(ours.recv())  # it is at it
        sleep(chance.random() * 0.03)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        while ours.poll():
            try:
                told.append(ours.recv())
            except EOFError:
                break
    return told


def stored(ctx: ManagementContext) -> dict[Any, dict[str, Any]]:
    return {obj.path: dict(obj.values) for obj in ctx.list("mail-server")}


def masked(values: dict[str, Any]) -> dict[str, Any]:
    return {name: (MASK,) if name == "auth-password" else texts for name, texts in values.items()}


def check_true(ctx: ManagementContext) -> list[dict[str, Any]]:
    """Follow the history from its beginning to what is stored; return the new values of each change."""
    known: dict[Any, dict[str, Any]] = {}
    seen = []
    for record in ctx.history():
        assert record.state == "done", record
        for change in record.changes:
            if change.action == "rename":
                known[change.new_path] = known.pop(change.path)
                continue
            here = known.pop(change.path, {})
            assert {name: here[name] for name in change.names if name in here} == dict(change.before), record
            after = {**{name: texts for name, texts in here.items() if name not in change.names}, **change.after}
            if change.action != "delete":
                known[change.path] = after
            seen.append(dict(change.after))
    assert {path: masked(values) for path, values in stored(ctx).items()} == known
    return seen


@pytest.mark.parametrize("writers", [1, 3])
def test_after_writers_were_killed_the_storage_is_valid_and_the_history_true(reach: Opener, writers: int) -> None:
    chance = random.Random(7)
    for turn in range(20 // writers):
        told = killed(reach, writers, turn, chance)
        with reach() as ctx:
            alone(ctx, f"next.{turn}")  # the next writer finishes what was begun
            seen = check_true(ctx)
            values = {obj.name: obj.values for obj in ctx.list("mail-server")}
            assert len({(values[name]["auth-username"], values[name].get("auth-password")) for name in NAMES}) == 1
            judge = ctx.site.make_judge()
            assert not any(judge.judge(obj).errors for obj in ctx.all())
        for step, text in told:
            if step == "together":
                assert {"auth-username": (text,), "auth-password": (MASK,)} in seen
            elif step == "alone":
                assert {"smtp-property": (f"mail.smtp.from={text}@example.com",)} in seen
    with reach() as ctx:
        beginning = ctx.history()[0].number
        ctx.undo_to(beginning)
        assert stored(ctx) == {path: dict(obj.values) for path, obj in ctx.as_of(beginning).items()}
        assert {obj.name: obj.values["auth-username"] for obj in ctx.list("mail-server")} == dict.fromkeys(
            NAMES, ("0",)
        )
