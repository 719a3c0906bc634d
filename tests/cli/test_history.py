"""History and undo on the command line: sessions, secrets, and commands that are killed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from confobjects import startup
from confobjects.cli.words.recorded import command_of
from confobjects.management import ChangeSignature, ManagementContext
from tests.cli.sessions import fresh, run
from tests.definitions.documents import builtin
from tests.docs_check import ROOT

CANARY = "Kanarienvogel-7!x"
CREATE = ["create-mail-server", "--server-name", "one", "--set", "enabled:true", "--set", "smtp-server:127.0.0.1:9"]
SET = ["set-mail-server-prop", "--server-name", "one"]


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


def made(*arguments: str) -> str:
    outcome = run(*arguments)
    assert outcome.status == 0, outcome.err
    return outcome.out


def history(*arguments: str) -> list[dict[str, Any]]:
    changes: list[dict[str, Any]] = json.loads(made("history", "--output", "json", *arguments))["changes"]
    return changes


# -- who, when, what -------------------------------------------------------------------------------------------------


def test_a_record_has_the_time_and_the_user() -> None:
    before = startup.current_time()
    made(*CREATE)
    (record,) = history()
    assert before <= record["time"] <= startup.current_time()
    assert record["actor"] == startup.current_user()
    assert record["command"] == " ".join(CREATE)
    assert record["undo"] == "delete-mail-server --server-name one"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["set-x", "--set", f"auth-password:{CANARY}"], "set-x --set auth-password:********"),
        (["set-x", f"--set=AUTH-PASSWORD:{CANARY}"], "set-x --set=AUTH-PASSWORD:********"),
        (["set-x", "--set-file", "auth-password:/run/p"], "set-x --set-file auth-password:********"),
        (["-w", CANARY, "set-x", "--bindPassword", CANARY, f"--bindpassword={CANARY}"], "set-x"),
        ([f"-w{CANARY}", "set-x", f"-nw{CANARY}", "-nw", CANARY, f"-T{CANARY}", "-W", CANARY], "set-x"),
        (["--url", "ldap://h/cn=config", "-D", "cn=x", "set-x", "-QX", "-f"], "set-x -f"),
        (["set-x", "--define", f"a={CANARY}", f"--define=a={CANARY}", "--add", "x:a b"], "set-x --add 'x:a b'"),
    ],
)
def test_a_command_is_named_without_its_secrets_and_without_how_it_was_reached(words: list[str], expected: str) -> None:
    assert command_of(words, builtin()) == expected


def test_no_output_shows_a_secret_and_undo_gives_it_back(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    made(*CREATE, "--set", "auth-username:u", "--set", f"auth-password:{CANARY} 1", "--no-prompt")
    secret.write_text(f"{CANARY} 2")
    made(*SET, "--set-file", f"auth-password:{secret}")
    made("delete-mail-server", "--server-name", "one")
    shown = [
        run("history", *more)
        for more in ([], ["-s"], ["--output", "json"], *(["show", str(n)] for n in (1, 2, 3)), ["show", "3", "-v"])
    ]
    shown += [run("undo", "3", "--dry-run"), run("undo", "--to", "1", "--output", "json", "--dry-run")]
    shown += [run("undo", "3"), run("undo", "2", "--output", "json"), run("undo", "9", "--debug")]
    for outcome in shown:
        assert CANARY not in outcome.out + outcome.err
    assert f"{CANARY} 1" in (tmp_path / "config.ldif").read_text()


# -- the words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["history", "show"], "show takes the number of a change"),
        (["history", "mail-server", "3", "--server-name", "one"], "only show takes a number: history show 3"),
        (["history", "nothing"], '"nothing"'),
        (["undo"], "undo takes the number of a change, or --to and the number of the last change to keep"),
        (["undo", "1", "--to", "1"], "undo takes the number of a change, or --to"),
        (["undo", "x"], "NUMBER takes a whole number from 1 to 1000000000"),
        (["history", "--limit", "0"], "--limit takes a whole number from 1 to 1000000000"),
    ],
)
def test_wrong_words(words: list[str], message: str) -> None:
    outcome = run(*words)
    assert outcome.status == 2
    assert message in outcome.err


def test_the_last_changes_and_those_of_an_object() -> None:
    made(*CREATE)
    made("create-trust-manager-provider", "--provider-name", "t", "--type", "blind", "--set", "enabled:true")
    made(*SET, "--set", "enabled:false")
    assert [record["number"] for record in history()] == [1, 2, 3]
    assert [record["number"] for record in history("--limit", "2")] == [2, 3]
    assert [record["number"] for record in history("mail-server", "--server-name", "ONE")] == [1, 3]
    assert history("mail-server", "--server-name", "two") == []
    assert made("history", "mail-server", "--server-name", "two") == "There are no changes.\n"
    assert made("history", "mail-server", "--server-name", "two", "-s") == ""


def test_an_empty_history() -> None:
    assert made("history") == "There are no changes.\n"
    assert history() == []


def test_an_edit_by_hand_is_shown_and_named_when_it_stays(tmp_path: Path) -> None:
    made(*CREATE)
    with (tmp_path / "config.ldif").open("a") as file:
        file.write("\n# a remark\n")
    assert history()[-1]["state"] == "edited"
    assert "edited by hand" in made("history", "show", "2")
    made(*SET, "--set", "enabled:false")
    outcome = run("undo", "--to", "1", "--no-test")
    assert (outcome.status, outcome.err) == (0, "change 2 is an edit by hand: its effect is unknown, and it stays\n")
    assert run("undo", "2").status == 11
    assert "# a remark" in (tmp_path / "config.ldif").read_text()


def test_a_change_of_a_program_is_told_by_what_it_did(tmp_path: Path) -> None:
    with startup.open(f"ldif:{tmp_path / 'config.ldif'}") as ctx:
        ctx.create("mail-server", "one", {"enabled": True, "smtp-server": "h"})
        robot = ctx.site.replace(sign=lambda: ChangeSignature("2027-01-01T00:00:00Z", "robot", "api"))
        ManagementContext(robot).delete("mail-server", "one")
    assert made("history", "-s", "--limit", "1") == "2\t2027-01-01T00:00:00Z\trobot\tapi: delete /mail-server/one\n"


# -- killed ----------------------------------------------------------------------------------------------------------


def test_commands_that_are_killed_leave_a_true_history(tmp_path: Path) -> None:
    made(*CREATE)
    chance = random.Random(5)
    command = [sys.executable, "-m", "confobjects.cli", *SET, "--set"]
    for number in range(12):
        child = subprocess.Popen(
            [*command, f"auth-username:user{number}"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        sleep(chance.uniform(0.05, 0.2))
        child.kill()
        child.wait()
        values = [
            change["properties"]["auth-username"]["after"]
            for record in history()
            for change in record["changes"]
            if "auth-username" in change["properties"]
        ]
        shown = json.loads(made("get-mail-server-prop", "--server-name", "one", "--output", "json"))
        assert shown["properties"]["auth-username"]["values"] == (values[-1] if values else [])
        assert {record["state"] for record in history()} == {"done"}
    made("undo", "--to", "1")
    assert json.loads(made("get-mail-server-prop", "--server-name", "one", "--output", "json"))["properties"][
        "auth-username"
    ] == {"values": [], "origin": "none"}
