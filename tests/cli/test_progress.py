"""Progress: at a terminal only, gone when the work is over, and never in the way of other output."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from confobjects.cli.main import main
from tests.cli.dialogue import dialogue
from tests.cli.sessions import fresh, run

CREATE = ("create-mail-server", "--server-name", "one", "--set", "enabled:true", "--set", "smtp-server:h", "--no-test")


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def run_at_terminal(*arguments: str) -> tuple[str, str]:
    """Return what a command writes to standard error at a terminal, and what is left of it on the screen."""
    err = Terminal()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
        main([*arguments, "--color", "never"])
    shown = ""
    for piece in re.split(r"(\r\x1b\[K)", err.getvalue()):
        shown = shown[: shown.rfind("\n") + 1] if piece == "\r\x1b[K" else shown + piece
    return err.getvalue(), shown


def test_check_and_apply_count_and_a_wait_says_for_whom(tmp_path: Path) -> None:
    with fresh(tmp_path):
        for number in range(3):
            made = run(*(f"s{number}" if word == "one" else word for word in CREATE))
            assert made.status == 0
        document = tmp_path / "document.json"
        document.write_text(run("export").out.replace('"h"', '"i"'), encoding="utf-8")
        steps = {
            ("check",): "checking the configuration: {} of 4",
            ("apply", str(document), "--no-test"): f"applying {document}: {{}} of 3",
        }
        for command, shown in steps.items():
            with dialogue(*command, environment={"TERM": "xterm", "COLUMNS": "300"}) as person:
                for number in (1, 2, 3):  # the mail service is one more to check
                    person.until(shown.format(number))
                assert person.ends() == 0
        words = (*CREATE, "--wait", "1")
        with dialogue(*words, environment={"TERM": "xterm", "COLUMNS": "300"}) as person:
            person.until("waiting for the followers")
            person.until("waiting: in effect on 0 of 0 followers")
            assert person.ends() == 0
        with dialogue(*("two" if word == "one" else word for word in words)) as person:
            assert person.ends() == 0
            assert "waiting" not in person.shown


def commands(tmp_path: Path) -> list[tuple[str, ...]]:
    document = tmp_path / "document.json"
    document.write_text(run("export").out, encoding="utf-8")
    batch = tmp_path / "batch"
    batch.write_text("list-mail-servers\ncreate-mail-server --server-name two --set enabled:true --set smtp-server:h\n")
    return [
        ("check",),
        ("apply", str(document), "--dry-run"),
        ("-F", str(batch), "--dry-run"),
    ]


def test_progress_is_shown_at_a_terminal_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TERM", raising=False)
    with fresh(tmp_path):
        assert run(*CREATE).status == 0
        for command in commands(tmp_path):
            plain = run(*command)
            written, left = run_at_terminal(*command)
            assert "\r" not in plain.err + plain.out
            assert written.count("\r\x1b[K") >= 2, command
            assert left == plain.err
            for quiet in (("-Q",), ("--output", "json"), ("-s",)):
                assert "\r" not in run_at_terminal(*command, *quiet)[0]
            monkeypatch.setenv("TERM", "dumb")
            assert run_at_terminal(*command)[0] == plain.err
            monkeypatch.delenv("TERM")
