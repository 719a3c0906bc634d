"""Questions on a terminal: a secret is asked for where that is allowed, and nothing is asked where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.dialogue import dialogue
from tests.cli.sessions import fresh, run

CREATE = ["create-mail-server", "--server-name", "one", "--set", "enabled:true", "--set", "smtp-server:127.0.0.1:9"]
ASK = ["set-mail-server-prop", "--server-name", "one", "--set", "auth-username:joe", "--set-prompt", "auth-password"]
CANARY = "Kanarienvogel-7!x"
REFUSED = (
    "error: --set-prompt auth-password needs a terminal, and there is none or --no-prompt forbids it\n"
    "  remedy: --set-file auth-password:PATH or --set-env auth-password:VARIABLE"
)


@pytest.fixture(autouse=True)
def file(tmp_path: Path) -> Iterator[Path]:
    with fresh(tmp_path):
        assert run(*CREATE).status == 0
        yield tmp_path / "config.ldif"


def test_what_is_typed_at_a_prompt_is_not_shown_and_stored(file: Path) -> None:
    with dialogue(*ASK) as person:
        person.answer("auth-password: ", CANARY)
        assert person.ends() == 0
        assert CANARY not in person.shown
    assert f"ds-cfg-auth-password: {CANARY}\n" in file.read_text()


@pytest.mark.parametrize("typed", [[*ASK, "-n"], ["--no-prompt", *ASK], ["-vn", *ASK]], ids=["-n", "before", "-vn"])
def test_nothing_is_asked_where_that_was_forbidden(typed: list[str], file: Path) -> None:
    before = file.read_bytes()
    with dialogue(*typed) as person:
        person.until("auth-password")
        person.type("\x04")  # ends a question, where there is one after all
        assert person.ends() == 2
        assert REFUSED in person.shown
    assert file.read_bytes() == before


def test_nothing_is_asked_where_a_properties_file_forbids_it(file: Path, tmp_path: Path) -> None:
    properties = tmp_path / "tools.properties"
    properties.write_text("no-prompt=true\n")
    with dialogue(*ASK, "--propertiesFilePath", str(properties)) as person:
        person.until(REFUSED)
        assert person.ends() == 2


def test_nothing_is_asked_in_a_batch(tmp_path: Path) -> None:
    batch = tmp_path / "a.batch"
    batch.write_text(" ".join(ASK))
    with dialogue("-F", str(batch), environment={"COLUMNS": "300"}) as person:
        person.until("auth-password")
        person.type("\x04")
        assert person.ends() == 2
        assert "--set-prompt auth-password needs a terminal" in person.shown


def test_the_end_of_the_input_is_no_value(file: Path) -> None:
    before = file.read_bytes()
    with dialogue(*ASK) as person:
        person.until("auth-password: ")
        person.type("\x04")
        person.until("no value was given")
        assert person.ends() == 2
    assert file.read_bytes() == before


def test_without_a_terminal_nothing_is_asked_and_every_question_is_refused_at_once() -> None:
    done = run(*ASK)
    assert (done.status, done.out, done.err) == (2, "", f"{REFUSED}\n")
