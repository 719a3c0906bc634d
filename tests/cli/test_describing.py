"""``list-properties`` and ``describe``: as dsconfig lists properties, and explained for people, examples included."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from confobjects.definitions_loading import load_registry
from tests.cli.sessions import FAMILY, fresh, run

DEFINITIONS = ["--definitions", str(FAMILY)]
ALL = load_registry([str(FAMILY)])


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


def listed(*options: str) -> list[list[str]]:
    done = run("list-properties", "-s", *DEFINITIONS, *options)
    assert done.status == 0, done.err
    return [line.split("\t") for line in done.out.splitlines()]


def test_the_columns_are_those_of_dsconfig() -> None:
    head = run("list-properties", "--category", "mail-server").out.splitlines()[3]
    assert head.split() == ["Component", "Type", "Property", "Options", "Syntax"]
    assert ["queue", "disk", "sync-interval", "rw-s-", "DURATION (ms) <= 1 h"] in listed("--category", "queue")


def test_a_category_is_an_object_a_type_or_a_group() -> None:
    assert {row[0] for row in listed("--category", "mail-server")} == {"mail-server"}
    assert {row[1] for row in listed("--category", "pem-trust-manager-provider")} == {"pem"}
    assert {row[0] for row in listed("--category", "MAIL")} >= {"mail-server"}


def test_a_type_shows_what_it_adds_and_with_inherited_everything() -> None:
    own = {row[2] for row in listed("--type", "pem")}
    assert own == {"pem-directory", "excluded-filename-pattern"}
    assert {row[2] for row in listed("--type", "pem", "--inherited")} == own | {"enabled"}


def test_a_property_is_found_wherever_it_is_advanced_or_not() -> None:
    rows = listed("--property", "smtp-property", "--property", "enabled")
    assert {row[2] for row in rows} == {"smtp-property", "enabled"}
    assert len({(row[0], row[1]) for row in rows}) > 4


def test_the_rows_as_json_are_the_same() -> None:
    rows = json.loads(run("list-properties", *DEFINITIONS, "--output", "json").out)["properties"]
    assert [list(row.values()) for row in rows] == listed()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--category", "quue"], 'there is no category "quue"\n  remedy: did you mean "queue"?\n'),
        (["--type", "blnd"], 'there is no type "blnd"\n  remedy: did you mean "blind"?\n'),
        (["--property", "enabld"], 'there is no property "enabld"\n  remedy: did you mean "enabled"?\n'),
        (
            ["--category", "mail-server", "--type", "pem"],
            "no property matches all of the options\n  remedy: ask for less at a time; --inherited and --advanced show more\n",
        ),
    ],
)
def test_what_there_is_not_is_said_with_the_nearest(options: list[str], words: str) -> None:
    done = run("list-properties", *DEFINITIONS, *options)
    assert (done.status, done.out, done.err) == (2, "", f"error: {words}")


@pytest.mark.parametrize("relation", sorted(ALL.relations()))
def test_every_object_and_every_property_is_described(relation: str) -> None:
    done = run("describe", relation, "--advanced", *DEFINITIONS)
    assert (done.status, done.err) == (0, "")
    found = json.loads(run("describe", relation, "--output", "json", "--advanced", *DEFINITIONS).out)
    assert list(found["types"]) == list(ALL.types_of(ALL.relation(relation)))
    for kind in found["types"].values():
        for prop in kind["properties"]:
            shown = run("describe", relation, prop["property"], *DEFINITIONS)
            assert shown.status == 0
            assert prop["synopsis"].split()[0] in shown.out
            assert ("Examples:" in shown.out) is bool(prop["examples"])


def examples(*words: str) -> list[list[str]]:
    text = run("describe", *words).out
    whole = text.replace("\\\n", "")  # a line that goes on
    return [shlex.split(line.strip())[1:] for line in whole.splitlines() if line.startswith("  confobjects ")]


def test_the_examples_of_an_object_work_as_they_stand() -> None:
    for command in (*examples("mail-server"), *examples("trust-manager-provider")):
        assert run(*command).status == 0, command
        name = command[1:3]
        assert run(command[0].replace("create", "delete"), *name).status == 0


def test_the_example_of_a_property_works_where_the_object_is() -> None:
    assert run(*examples("mail-server")[0]).status == 0
    text = run("describe", "mail-server", "auth-username").out
    line = next(line for line in text.splitlines() if line.startswith("Set it with:"))
    assert run(*shlex.split(line)[4:]).status == 0


def test_a_property_that_is_fixed_at_creation_is_shown_without_a_command() -> None:
    text = run("describe", "queue", "serial", *DEFINITIONS).out
    assert "Read-only:             Yes" in text
    assert "Set it with" not in text
