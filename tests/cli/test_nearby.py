"""What people type for a command, and are told to type."""

from __future__ import annotations

from pathlib import Path

import pytest

from confobjects.cli.commands import GROUPS, SPECIAL, command_names
from confobjects.cli.words.names import verbs_of
from confobjects.cli.words.nearby import suggest_commands
from confobjects.definitions import Registry
from tests.cli.sessions import FAMILY, definitions_read_once, run
from tests.definitions.documents import builtin, depot

WORDS = {"create": "add", "list": "ls", "get": "show", "set": "modify", "delete": "rm"}


@pytest.mark.parametrize("registry", [builtin(), depot()], ids=["builtin", "depot"])
def test_a_verb_and_an_object_lead_to_the_command(registry: Registry) -> None:
    for relation in registry.relations().values():
        for verb, command in () if relation.hidden else verbs_of(relation).items():
            wanted = f'did you mean "{command}"?'
            for word in (verb, WORDS[verb]):
                for kind in (relation.name, relation.plural):
                    assert suggest_commands(word, [kind], registry) == wanted
                    assert suggest_commands(kind, [word], registry) == wanted
                    assert suggest_commands(f"{word}-{kind}", [], registry) == wanted


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("list", "the command is list-Xs, with an object in place of X; confobjects help names the objects"),
        ("get --server-name one", "the command is get-X-prop, with an object in place of X; confobjects help names"),
        ("create mail-service", "Mail Service has the commands get-mail-service-prop and set-mail-service-prop"),
        ("mail-server", "Mail Server has the commands create-mail-server, list-mail-servers, get-mail-server-prop, "),
        ("show-mail-server", 'did you mean "get-mail-server-prop"?'),
        ("lst", "confobjects help lists them"),
        ("frobnicate mail-server", "confobjects help lists them"),
    ],
)
def test_a_command_that_does_not_exist(line: str, told: str) -> None:
    shown = run(*line.split())
    assert (shown.status, shown.out) == (2, "")
    assert shown.err.startswith(f'error: there is no command "{line.split(maxsplit=1)[0]}"; {told}')


def test_what_follows_a_wrong_command_is_not_repeated() -> None:
    assert "hunter2" not in run("list", "hunter2").err
    assert "hunter2" not in run("mail-server", "hunter2").err


def test_help_and_a_command_is_the_help_of_the_command() -> None:
    with definitions_read_once():
        for command in command_names(builtin()):
            assert run("help", command) == run(command, "--help"), command
    assert run("help") == run("--help")


def test_the_help_without_a_command_is_one_screen_that_names_everything() -> None:
    lines = run("help").out.splitlines()
    assert len(lines) < 24
    words = {word.strip(",") for line in lines for word in line.split()}
    assert {row.group for row in SPECIAL.values()} == set(GROUPS)
    assert words > set(SPECIAL)
    assert words > {one.name for one in builtin().relations().values() if not one.hidden}


def test_a_missing_name_tells_which_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFOBJECTS_URL", f"ldif:{tmp_path / 'config.ldif'}")
    assert "remedy: --server-name NAME\n" in run("get-mail-server-prop").err  # there is no file yet
    for name in ("one", "the second"):
        made = run("create-mail-server", "--server-name", name, "--set", "enabled:true", "--set", "smtp-server:h")
        assert made.status == 0
    for command in ("get-mail-server-prop", "set-mail-server-prop", "delete-mail-server"):
        shown = run(command)
        assert (shown.status, "remedy: --server-name NAME, one of: one, 'the second'\n" in shown.err) == (2, True)
    assert "remedy: --server-name NAME\n" in run("create-mail-server").err
    assert 'remedy: did you mean "--server-name"?' in run("get-mail-server-prop", "--name", "one").err


def test_a_change_is_shown_by_its_number_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFOBJECTS_URL", f"ldif:{tmp_path / 'config.ldif'}")
    run("create-mail-server", "--server-name", "one", "--set", "enabled:true", "--set", "smtp-server:h")
    assert run("history", "1") == run("history", "show", "1")
    assert run("history", "0").err.startswith("error: NUMBER takes a whole number from 1 to")


@pytest.mark.parametrize("registry", [builtin(), depot()], ids=["builtin", "depot"])
def test_the_help_of_a_creation_names_what_is_mandatory(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFOBJECTS_DEFINITIONS", str(FAMILY))
    with definitions_read_once():
        for relation in registry.relations().values():
            if relation.hidden or "create" not in verbs_of(relation):
                continue
            for short, definition in registry.types_of(relation).items():
                type_ = () if relation.kind == "set" else ("--type", short)
                text = run(verbs_of(relation)["create"], *type_, "--help").out
                needed = [p.name for p in definition.properties.values() if p.mandatory and not p.is_fixed]
                asked = [n for n in needed if not definition.properties[n].default.always_gives_value()]
                missing = [name for name in asked if type_ and name not in text]
                assert missing == [], (relation.name, short)
                assert "Example:" in text
