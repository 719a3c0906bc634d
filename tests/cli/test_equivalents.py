"""``--displayCommand`` and ``--commandFilePath`` with commands, and the commands themselves: they do it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from confobjects.cli.output.equivalents import equivalent_command
from confobjects.definitions_loading import load_registry
from confobjects.management.changing.operations import Operation
from confobjects.objects.changes import PropertyChanges
from tests.cli.sessions import fresh, run

CREATE = ["create-mail-server", "--server-name", "one", "--set", "enabled:true", "--set", "smtp-server:127.0.0.1:9"]
CANARY = "Kanarienvogel-7!x"
OWN = load_registry()


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


def test_a_short_command_is_one_line_and_a_long_one_a_line_for_each_option() -> None:
    short = Operation("delete", "mail-server", ("one",))
    assert equivalent_command(short, OWN) == "confobjects delete-mail-server --server-name one --no-prompt"
    long = Operation(
        "modify", "mail-server", ("SMTP server",), changes=PropertyChanges(set={"auth-username": ["o'x y"]})
    )
    assert equivalent_command(long, OWN) == (
        "confobjects set-mail-server-prop \\\n"
        "          --server-name 'SMTP server' \\\n"
        "          --set 'auth-username:o'\"'\"'x y' \\\n"
        "          --no-prompt"
    )


def test_a_secret_is_asked_for_and_an_expression_is_not() -> None:
    secret = Operation("modify", "mail-server", ("one",), changes=PropertyChanges(set={"auth-password": [CANARY]}))
    assert shlex.split(equivalent_command(secret, OWN))[4:] == ["--set-prompt", "auth-password"]
    changes = PropertyChanges(set={"auth-password": ["&{smtp.password}"]})
    expression = Operation("modify", "mail-server", ("one",), changes=changes)
    assert "--set 'auth-password:&{smtp.password}'" in equivalent_command(expression, OWN)
    assert "--no-prompt" in equivalent_command(expression, OWN)


def test_a_command_shows_its_equivalent_when_asked() -> None:
    done = run(*CREATE, "--displayCommand", "-n")
    assert done.status == 0
    assert "The equivalent command:\nconfobjects create-mail-server \\\n          --server-name one \\\n" in done.err
    assert run(*CREATE[:3], "--if-absent", *CREATE[3:], "--displayCommand").err == ""  # nothing was changed


def test_the_file_of_commands_is_a_batch_that_does_it_all_again(tmp_path: Path) -> None:
    record = tmp_path / "record"
    option = ["--commandFilePath", str(record)]
    assert run(*CREATE, *option).status == 0
    assert run("set-mail-server-prop", "--server-name", "one", "--set", "auth-username:a'b \\c", *option).status == 0
    assert run("set-mail-server-prop", "--server-name", "one", "--set", "use-ssl:x", *option).status == 10
    assert (
        run("set-mail-server-prop", "--server-name", "one", "--reset", "auth-username", *option, "--dry-run").status
        == 0
    )
    assert run("rename", "mail-server", "--server-name", "one", "--to", "two words", *option).status == 0
    text = record.read_text()
    assert text.count("# Session of ") == text.count("# Operation 1, ") == 3
    assert record.stat().st_mode & 0o777 == 0o600
    before = run("get-mail-server-prop", "--server-name", "two words", "-s").out
    other = f"ldif:{tmp_path / 'other.ldif'}"
    assert run("-F", str(record), "--url", other).status == 0
    assert run("get-mail-server-prop", "--server-name", "two words", "-s", "--url", other).out == before


def test_no_secret_gets_into_the_file(tmp_path: Path) -> None:
    record = tmp_path / "record"
    values = ["--set", "auth-username:u", "--set", f"auth-password:{CANARY}"]
    done = run(*CREATE, *values, "--commandFilePath", str(record), "--displayCommand")
    assert done.status == 0
    assert CANARY not in record.read_text() + done.out + done.err
    assert "--set-prompt auth-password" in record.read_text()


def test_a_file_that_cannot_be_written_is_said_before_anything_is_changed(tmp_path: Path) -> None:
    done = run(*CREATE, "--commandFilePath", str(tmp_path / "no" / "such" / "place"))
    assert (done.status, done.err.splitlines()[0]) == (
        2,
        f"error: {tmp_path}/no/such/place: commands cannot be recorded: cannot open the file: No such file or directory",
    )
    assert not (tmp_path / "config.ldif").exists()
