"""A person at a terminal who types a command without what it needs is asked for it; a script never is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.dialogue import dialogue
from tests.cli.sessions import fresh, run

DO_IT = "Do it? (yes / no) [yes]: "


@pytest.fixture(autouse=True)
def file(tmp_path: Path) -> Iterator[Path]:
    with fresh(tmp_path):
        yield tmp_path / "config.ldif"


def make(name: str) -> None:
    made = run("create-mail-server", "--server-name", name, "--set", "enabled:true", "--set", "smtp-server:h:587")
    assert made.status == 0


def test_a_name_is_chosen_among_those_there_are() -> None:
    make("one")
    make("two")
    with dialogue("get-mail-server-prop", "--property", "smtp-server") as person:
        shown = person.answer("Choice: ", "two")
        assert "--server-name: The name of the Mail Server." in shown
        assert person.ends() == 0
        assert "smtp-server : h:587" in person.shown


def test_whoever_quits_the_question_has_done_nothing() -> None:
    make("one")
    with dialogue("delete-mail-server") as person:
        person.answer("Choice: ", "q")
        assert person.ends() == 130
    assert run("list-mail-servers", "-s").out == "one\n"


def test_a_creation_asks_for_its_name_its_type_and_its_mandatory_values() -> None:
    with dialogue("create-trust-manager-provider", "--set", "enabled:true") as person:
        person.answer("NAME: ", "corporate")
        person.answer("Choice: ", "file-based")
        person.answer("trust-store-file (? for help, empty to go back): ", "store.p12")
        person.answer(DO_IT, "yes")
        assert person.ends() == 0
    shown = run("get-trust-manager-provider-prop", "--provider-name", "corporate", "-s").out.splitlines()
    assert {"enabled\ttrue", "trust-store-file\tstore.p12"} <= set(shown)


def test_a_creation_that_is_given_up_makes_nothing(file: Path) -> None:
    with dialogue("create-mail-server", "--server-name", "one", "--set", "enabled:true") as person:
        person.answer("smtp-server (? for help, empty to go back): ", "")
        person.until("nothing was done")
        assert person.ends() == 0
    assert not file.exists()


def test_a_creation_that_lacks_nothing_asks_nothing() -> None:
    words = ["--server-name", "one", "--set", "enabled:true", "--set", "smtp-server:h"]
    with dialogue("create-mail-server", *words) as person:
        assert person.ends() == 0
        assert '"one" was created' in person.shown


def test_a_set_without_changes_opens_the_editor() -> None:
    make("one")
    with dialogue("set-mail-server-prop", "--server-name", "one") as person:
        person.until('Mail Server "one"')
        person.answer("Choice [f]: ", "c")
        assert person.ends() == 0


@pytest.mark.parametrize("option", ["-n", "--no-prompt", "-s", "--output json"])
def test_whoever_wants_no_questions_is_told_what_is_missing(option: str) -> None:
    make("one")
    with dialogue("get-mail-server-prop", *option.split()) as person:
        assert person.ends() == 2
        assert "the option --server-name is missing" in person.shown
    with dialogue("create-mail-server", "--server-name", "two", *option.split()) as person:
        assert person.ends() == 11
    with dialogue("set-mail-server-prop", "--server-name", "one", *option.split()) as person:
        assert person.ends() == 0
