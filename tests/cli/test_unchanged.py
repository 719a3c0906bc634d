"""A command with nothing to change says so to a person, with -v to everybody, and to nobody who wants quiet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.dialogue import dialogue
from tests.cli.sessions import fresh, run

SAID = "Nothing changed.\n"
CREATE = ("create-mail-server", "--server-name", "one", "--set", "enabled:true", "--set", "smtp-server:h", "--no-test")
SET = ("set-mail-server-prop", "--server-name", "one")
BATCH = " ".join(SET) + " --set enabled:true\n"


@pytest.fixture(name="commands")
def make_commands(tmp_path: Path) -> dict[str, tuple[str, ...]]:
    """Return commands that have nothing to change, by what they ask for."""
    with fresh(tmp_path):
        assert run(*CREATE).status == 0
        document, batch = tmp_path / "document.json", tmp_path / "batch"
        document.write_text(run("export").out, encoding="utf-8")
        batch.write_text(BATCH, encoding="utf-8")
    return {
        "a value that is there": (*SET, "--set", "enabled:true"),
        "no change": (*SET, "-n"),
        "a default": (*SET, "--reset", "auth-username"),
        "an object that is there": (*CREATE, "--if-absent"),
        "an object that is not there": ("delete-mail-server", "--server-name", "two", "-f"),
        "a document": ("apply", str(document)),
        "a batch": ("-F", str(batch)),
        "nothing to take back": ("undo", "--to", "1"),
    }


def test_a_command_with_nothing_to_change_says_so(tmp_path: Path, commands: dict[str, tuple[str, ...]]) -> None:
    with fresh(tmp_path):
        before = (tmp_path / "config.ldif").read_bytes()
        for what, command in commands.items():
            told = run(*command, "-v")
            assert (told.status, SAID in told.out) == (0, True), (what, told)
            planned = run(*command, "-v", "--dry-run")
            assert (planned.status, "Nothing would change.\n" in planned.out) == (0, True), (what, planned)
            for quiet in ((), ("-Q",), ("-s",), ("--output", "json")):
                assert "Nothing" not in run(*command, *quiet).out, (what, quiet)
        assert (tmp_path / "config.ldif").read_bytes() == before


def test_a_person_at_a_terminal_is_told_without_asking(tmp_path: Path, commands: dict[str, tuple[str, ...]]) -> None:
    with fresh(tmp_path):
        for what in ("a value that is there", "a document", "a batch"):
            with dialogue(*commands[what]) as person:
                assert person.ends() == 0
                assert SAID in person.shown, what
            with dialogue(*commands[what], "-Q") as person:
                assert person.ends() == 0
                assert person.shown == "", what
