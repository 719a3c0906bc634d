"""Messages on standard error: what is wrong begins with ``error:``, what may be wrong with ``warning:``, and hints have one form.

The corpora are everything that the approved sessions, batches and bad documents print.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from confobjects.cli.output.messages import Message, format_hint, message_of
from confobjects.diagnostics import Diagnostic
from tests.architecture.tree import sources

TESTS = Path(__file__).parent.parent
PRINTED: Final = sorted(
    path for folder in ("golden/cli", "golden/batch", "bad/batch") for path in (TESTS / folder).glob("*.txt")
)
WRITERS: Final = {
    "confobjects.cli.output.messages": "the one place",
    "confobjects.cli.mail_ledgers": "a question",
    "confobjects.cli.main": "an interruption before anything is imported",
    "confobjects.cli.output.progress": "it asks whether a terminal is there",
    "confobjects.cli.sendmail": "it stands in for a program whose messages begin with its name",
    "confobjects.cli.watching.logs": "lines of a log, made by logging",
    "confobjects.cli.watching.program": "the descriptor for the program that is run",
    "confobjects.cli.commands.overview": "the page of all commands, which is no message",
}
"""The modules of the command line that may touch standard error, and why."""
_LABELLED_LATER: Final = re.compile(r"^(?!(?:error|warning): ).*(?<![\w-])(?:error|warning): ")


OTHERWISE: Final = ("{", "confobjects COMMAND [OPTIONS]; at a terminal, without COMMAND: menus", "2027-01-01T")
"""What else a command that fails may begin with: a JSON document, the page of all commands, a line of a log."""


def runs(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the status and the messages of each command of a session; a batch is one."""
    status, errors = 0, list[str]()
    for line in [*path.read_text(encoding="utf-8").splitlines(), "$ end"]:
        if line.startswith("$ "):
            yield status, errors
            status, errors = 0, []
        elif line.startswith("= "):
            status = int(line[2:])
        elif line.startswith("2>"):
            errors.append(line[3:])


@pytest.mark.parametrize("path", PRINTED, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_a_command_that_fails_says_error_first(path: Path) -> None:
    for status, errors in runs(path):
        if status > 1 and errors and not errors[0].startswith(OTHERWISE):
            assert any(line.startswith("error: ") for line in errors), (status, errors)
        if not status:
            assert not any(line.startswith("error: ") for line in errors), errors


@pytest.mark.parametrize("path", PRINTED, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_a_label_begins_its_line_and_a_hint_is_indented_by_two(path: Path) -> None:
    for _, errors in runs(path):
        if errors[:1] == ["{"]:
            continue
        assert [line for line in errors if _LABELLED_LATER.match(line)] == []
        hints = [line for line in errors if re.match(r"\s*(?:remedy|try|help): ", line)]
        assert [line for line in hints if not re.match(r"  \w", line)] == []


def test_the_corpora_hold_every_form() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in PRINTED)
    assert len(PRINTED) > 60
    assert all(f"2> {form}" in text for form in ("error: ", "warning: ", "  remedy: ", "  try: ", "  help: "))


def test_a_problem_is_labelled_by_its_severity_and_placed_behind_the_label() -> None:
    problem = Diagnostic("usage", "it is so", remedy="do so", attempt="confobjects check")
    assert str(message_of(problem)) == "error: it is so\n  remedy: do so\n  try: confobjects check"
    assert str(message_of(problem.replace(severity="warning")).place_at("f:1")).startswith("warning: f:1: it is so\n")
    assert (str(Message("new file")), str(Message("new file").place_at("f:1"))) == ("new file", "f:1: new file")
    assert format_hint("try", "a\nerror: b\x1b[31m") == "  try: a\\nerror: b\\x1b[31m"


def names_of_standard_error(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that name standard error, and those that let click write there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"stderr", "__stderr__"}:
            yield node.lineno
        elif isinstance(node, ast.keyword) and node.arg == "err":
            yield node.value.lineno


def test_messages_leave_in_one_place() -> None:
    found = {source.module for source in sources() if any(names_of_standard_error(source.tree))}
    ours = {name for name in found if name.startswith(("confobjects.cli", "confobjects.web.commands"))}
    assert ours == set(WRITERS)
