"""``apply --prune`` at a terminal shows what goes, and goes on only when somebody has typed so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.dialogue import dialogue
from tests.cli.sessions import FAMILY, fresh, run

QUESTION = 'To go on, type "delete": '


@pytest.fixture(autouse=True)
def document(tmp_path: Path) -> Iterator[Path]:
    """A document of one mail server, and a configuration with two more and a mail service that has values."""
    with fresh(tmp_path):
        make("one")
        path = tmp_path / "wanted.json"
        path.write_text(run("export").out)
        make("two")
        make("three")
        assert run("set-mail-service-prop", "--set", "save-policy:save").status == 0
        yield path


def make(name: str) -> None:
    words = ["--set", "enabled:true", "--set", "smtp-server:h:587"]
    assert run("create-mail-server", "--server-name", name, *words).status == 0


def names() -> list[str]:
    return run("list-mail-servers", "-s").out.split()


def test_what_goes_is_shown_and_goes_when_that_is_typed(document: Path) -> None:
    with dialogue("apply", str(document), "--prune") as person:
        shown = person.answer(QUESTION, "delete")
        assert "/mail-server/two is deleted" in shown
        assert "/mail-server/three is deleted" in shown
        assert "/mail-service goes back to its defaults" in shown
        assert "/mail-server/one" not in shown
        assert person.ends() == 0
    assert names() == ["one"]


@pytest.mark.parametrize("answer", ["", "yes", "y", "\x04"])
def test_any_other_answer_changes_nothing(document: Path, answer: str) -> None:
    with dialogue("apply", str(document), "--prune") as person:
        person.answer(QUESTION, answer)
        person.until("nothing was done")
        assert person.ends() == 1
    assert sorted(names()) == ["one", "three", "two"]


@pytest.mark.parametrize("option", ["-n", "-s", "-Q", "--output json"])
def test_whoever_wants_no_questions_gets_what_the_options_say(document: Path, option: str) -> None:
    with dialogue("apply", str(document), "--prune", *option.split()) as person:
        assert person.ends() == 0
        assert "To go on" not in person.shown
    assert names() == ["one"]


def test_without_a_terminal_nothing_is_asked(document: Path) -> None:
    assert run("apply", str(document), "--prune").status == 0
    assert names() == ["one"]


def test_where_nothing_goes_nothing_is_asked(document: Path) -> None:
    document.write_text(run("export").out)
    with dialogue("apply", str(document), "--prune") as person:
        assert person.ends() == 0
        assert "To go on" not in person.shown


def test_a_dry_run_asks_nothing(document: Path) -> None:
    with dialogue("apply", str(document), "--prune", "--dry-run") as person:
        assert person.ends() == 1
        assert "would delete /mail-server/two" in person.shown
        assert "To go on" not in person.shown


def test_what_comes_while_somebody_thinks_does_not_go(document: Path) -> None:
    with dialogue("apply", str(document), "--prune") as person:
        person.until(QUESTION)
        make("four")
        person.type("delete\n")
        assert person.ends() == 22
        assert "another object would be deleted than those that were shown" in person.shown
    assert sorted(names()) == ["four", "one", "three", "two"]


def test_objects_below_others_are_shown_too(document: Path) -> None:
    family = ["--definitions", str(FAMILY)]
    values = ("enabled:true", "store:s")
    assert run("create-store", "--store-name", "s", "--set", "enabled:true", "--set", "location:x", *family).status == 0
    words = [word for one in values for word in ("--set", one)]
    assert run("create-queue", "--queue-name", "q", "--type", "disk", *words, *family).status == 0
    assert run("create-consumer", "--queue-name", "q", "--channel", "c", *family).status == 0
    with dialogue("apply", str(document), "--prune", *family) as person:
        shown = person.answer(QUESTION, "delete")
        for path in ("/store/s", "/queue/q", "/queue/q/consumer/c"):
            assert f"{path} is deleted" in shown
        assert person.ends() == 0
