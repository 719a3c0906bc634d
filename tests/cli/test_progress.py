"""Progress: at a terminal only, gone when the work is over, and never in the way of other output."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from confobjects.cli.main import main
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
