"""Help fits a terminal of 80 columns, whatever it is about."""

from __future__ import annotations

import pytest

from confobjects.cli.commands import SPECIAL, command_names
from confobjects.cli.words.names import verbs_of
from tests.cli.sessions import FAMILY, definitions_read_once, run
from tests.definitions.documents import builtin, depot

COLUMNS = 80


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.setenv("CONFOBJECTS_DEFINITIONS", str(FAMILY))


def wide(*words: str) -> list[str]:
    """Return the lines of a help that are too wide."""
    shown = run(*words)
    assert (shown.status, shown.err) == (0, ""), words
    assert len(shown.out.splitlines()) > 5, words
    return [line for line in shown.out.splitlines() if len(line) > COLUMNS]


def test_the_help_of_every_command_fits() -> None:
    commands = sorted({*command_names(builtin(), hidden=True), *command_names(depot(), hidden=True)})
    assert len(commands) > len(SPECIAL) + 90
    with definitions_read_once():
        assert {name: lines for name in commands if (lines := wide(name, "--help"))} == {}


@pytest.mark.parametrize("page", ["--help", "--help-all", "--help-mail", "--help-security"])
def test_every_page_of_the_overview_fits(page: str) -> None:
    assert wide(page) == []


def test_the_overview_uses_a_wider_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = run("--help").out.splitlines()
    monkeypatch.setenv("COLUMNS", "100")
    wider = run("--help").out.splitlines()
    assert len(wider) < len(narrow)
    assert COLUMNS < max(map(len, wider)) <= 100


def test_the_help_of_a_command_names_its_kind_with_the_right_article() -> None:
    with definitions_read_once():
        for registry in (builtin(), depot()):
            for relation in registry.relations().values():
                name = relation.indefinite if relation.named else f"the {relation.friendly}"
                verbs = [command for verb, command in verbs_of(relation).items() if verb != "list"]
                for command in verbs:
                    assert f" {name}" in " ".join(run(command, "--help").out.split()), command
