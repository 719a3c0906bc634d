"""What an operator does in the menus besides editing: test, look back, take back, check; and what Ctrl-C asks before."""

from __future__ import annotations

import json
import select
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from confobjects.cli.interactive.checking import TESTS
from confobjects.definitions_loading import load_registry
from tests.cli.dialogue import Dialogue, dialogue
from tests.cli.sessions import FAMILY, fresh, run
from tests.servers.fake_smtp import FakeSmtp, hang

MAIN, KIND, EDITOR, PROPERTY, PICK = "Choice: ", "Choice [b]: ", "Choice [f]: ", "Choice [1]: ", "Choice [b]: "
DO_IT, TAKE_BACK = "Do it? (yes / no) [yes]: ", "Do it? (yes / no) [no]: "
CANARY = "Kanarienvogel-7!x"
LOST = "What you have changed is not applied. Ctrl-C again leaves and loses it; Enter goes on."


@pytest.fixture(autouse=True)
def file(tmp_path: Path) -> Iterator[Path]:
    with fresh(tmp_path):
        yield tmp_path / "config.ldif"


def make(name: str = "one", port: int = 9, *more: str, tls: bool = False) -> None:
    words = [
        "--set",
        "enabled:true",
        "--set",
        f"smtp-server:127.0.0.1:{port}",
        "--set",
        f"use-start-tls:{str(tls).lower()}",
        *more,
    ]
    made = run("create-mail-server", "--server-name", name, *words)
    assert made.status == 0, made.err


def value(prop: str, name: str = "one") -> str:
    return run("get-mail-server-prop", "-s", "--server-name", name, "--property", prop).out.strip().partition("\t")[2]


def leave(person: Dialogue, question: str = MAIN) -> None:
    person.answer(question, "q")
    assert person.ends() == 0


# -- tests -------------------------------------------------------------------------------------------------------------


def test_every_check_that_a_definition_names_is_made_from_the_menus() -> None:
    registry = load_registry([])
    named = {d.verification.check for d in map(registry.definition, registry.names()) if d.verification is not None}
    assert named == TESTS.keys()


def test_a_mail_server_is_tested_and_that_is_kept() -> None:
    with FakeSmtp() as server:
        make("one", server.port)
        with dialogue() as person:
            person.answer(MAIN, "mail server")
            person.answer(KIND, "test")
            person.answer(PICK, "1")
            shown = person.answer(KIND, "b")
            assert "Testing /mail-server/one as saved, up to the login" in shown
            assert "The test passed; no mail was sent." in shown
            leave(person)
    found = json.loads(run("get-mail-server-prop", "--server-name", "one", "--output", "json").out)
    assert found["verification"]["state"] == "passed"


def test_a_failed_test_says_why_and_the_menu_goes_on() -> None:
    make()
    run("create-mail-sender", "--sender-name", "s", "--set", "enabled:true", "--set", "mail-server:one", *FROM)
    with dialogue() as person:
        person.answer(MAIN, "mail sender")
        person.answer(KIND, "test")
        person.answer(PICK, "1")
        shown = person.answer(KIND, "b")
        assert "nothing accepts connections at 127.0.0.1:9" in shown
        leave(person)


FROM = ["--set", "from-address:a@example.com"]


def test_a_provider_of_tokens_is_tested() -> None:
    values = ["enabled:true", "grant-type:client-credentials", "token-endpoint:http://127.0.0.1:9/", "client-id:c"]
    words = [word for one in [*values, "client-secret:&{s|x}"] for word in ("--set", one)]
    assert run("create-oauth2-provider", "--provider-name", "p", *words).status == 0
    with dialogue() as person:
        person.answer(MAIN, "oauth")
        person.answer(KIND, "test")
        person.answer(PICK, "1")
        assert "Fetching a token from /oauth2-provider/p, as saved." in person.answer(KIND, "b")
        leave(person)


def test_what_has_no_test_offers_none() -> None:
    with dialogue() as person:
        person.answer(MAIN, "trust")
        assert "Test an existing" not in person.answer(KIND, "b")
        leave(person)


# -- looking back, and taking back -------------------------------------------------------------------------------------


def test_the_history_shows_a_change_and_takes_it_back() -> None:
    make()
    run("set-mail-server-prop", "--server-name", "one", "--set", "smtp-server:other.example.com")
    with dialogue() as person:
        person.answer(MAIN, "h")
        listed = person.answer(PICK, "1")
        assert "Number : Time" in listed
        assert listed.index("set-mail-server-prop") < listed.index("create-mail-server"), "the last one first"
        assert "smtp-server: 127.0.0.1:9 -> other.example.com" in person.answer(PICK, "take it back")
        plan = person.answer(TAKE_BACK, "yes")
        assert "smtp-server: other.example.com" in plan
        after = person.until("Main menu")
        assert "Change 2 was taken back." in after
        assert "--set smtp-server:127.0.0.1:9" in after
        leave(person)
    assert value("smtp-server") == "127.0.0.1:9"
    last = json.loads(run("history", "--output", "json").out)["changes"][-1]
    assert (last["command"], last["undoes"]) == ("undo 2", [2])


def test_an_undo_has_to_be_accepted_and_offers_what_stands() -> None:
    make("one")
    make("two")
    assert run("undo", "2").status == 0
    with dialogue() as person:
        person.answer(MAIN, "u")
        listed = person.until(PICK)
        assert "undo 2" in listed
        assert "--server-name two" not in listed, "it was taken back already"
        person.type("2\n")
        assert "would delete /mail-server/one" in person.answer(TAKE_BACK, "")
        leave(person)
    assert run("list-mail-servers", "-s").out == "one\n"


def test_the_history_of_one_object_has_its_changes_only() -> None:
    make("one")
    make("two")
    with dialogue() as person:
        person.answer(MAIN, "mail server")
        person.answer(KIND, "history")
        person.answer(PICK, "two")
        listed = person.answer(PICK, "b")
        assert "--server-name two" in listed
        assert "--server-name one" not in listed
        leave(person, KIND)


def test_an_undo_that_is_refused_says_why() -> None:
    make()
    run("set-mail-server-prop", "--server-name", "one", "--set", "smtp-server:a.example.com")
    run("set-mail-server-prop", "--server-name", "one", "--set", "smtp-server:b.example.com")
    with dialogue() as person:
        person.answer(MAIN, "u")
        person.answer(PICK, "2")
        assert "change 2 cannot be taken back alone: change 3 touches the same values" in person.until("Main menu")
        leave(person)
    assert value("smtp-server") == "b.example.com"


def test_without_a_change_there_is_no_history() -> None:
    with dialogue() as person:
        for letter in "hu":
            person.answer(MAIN, letter)
            person.until("There are no changes.")
        leave(person)


def test_a_long_history_is_searched_below_its_headings() -> None:
    make()
    for number in range(14):
        run("set-mail-server-prop", "--server-name", "one", "--set", f"smtp-server:h{number}.example.com")
    with dialogue(environment={"TERM": "xterm"}) as person:
        person.answer(MAIN, "h")
        assert "Number : Time" in person.until("15 of 15")
        person.type("h3.example")
        person.until("1 of 15")
        person.type("\n")
        person.answer(PICK, "b")
        leave(person)


def test_an_undo_is_recorded_as_what_it_did(tmp_path: Path) -> None:
    make()
    with dialogue("--commandFilePath", str(tmp_path / "record")) as person:
        person.answer(MAIN, "u")
        person.answer(PICK, "1")
        person.answer(TAKE_BACK, "yes")
        leave(person)
    assert "delete-mail-server --server-name one" in (tmp_path / "record").read_text()


# -- checking ----------------------------------------------------------------------------------------------------------


def test_everything_is_checked_as_a_start_would() -> None:
    make("one", 9, "--set", "auth-username:&{nobody.knows}", "--set", "auth-password:&{s|x}")
    with dialogue() as person:
        person.answer(MAIN, "c")
        shown = person.until("Main menu")
        assert "nobody.knows" in shown
        assert ": 1 error" in shown
        leave(person)


# -- lists and secrets -------------------------------------------------------------------------------------------------


def test_a_list_says_what_its_columns_are() -> None:
    make("one")
    make("a longer name")
    with dialogue() as person:
        person.answer(MAIN, "mail server")
        person.answer(KIND, "view")
        lines = person.answer(PICK, "b").splitlines()
        head = next(line for line in lines if "Mail Server   : Type" in line)
        first = next(line for line in lines if "a longer name : generic" in line)
        assert head.index(":") == first.index(":")
        leave(person, KIND)


def test_on_a_dumb_terminal_a_long_list_has_its_headings_too() -> None:
    for number in range(13):
        make(f"server {number}")
    with dialogue() as person:
        person.answer(MAIN, "mail server")
        person.answer(KIND, "view")
        assert "Mail Server : Type" in person.answer("or empty to go back: ", "")
        leave(person, KIND)


@pytest.mark.parametrize("secret", [CANARY, "two words", "12 & more"])
def test_a_secret_that_is_typed_where_a_choice_was_expected_is_not_shown(secret: str, file: Path) -> None:
    make("one", 9, "--set", "auth-username:ann", "--set", "auth-password:old", tls=True)
    with dialogue() as person:
        person.answer(MAIN, "mail server")
        person.answer(KIND, "view")
        person.answer(PICK, "1")
        person.answer(EDITOR, "auth-password")
        person.answer(PROPERTY, "2")
        assert "type it, which is not shown, or choose:" in person.answer(PICK, "")
        person.answer(EDITOR, "auth-password")
        person.answer(PROPERTY, "2")
        person.answer(PICK, secret)
        person.answer("auth-password again: ", secret)
        person.answer(EDITOR, "f")
        person.answer(DO_IT, "yes")
        leave(person, KIND)
        assert secret not in person.shown
    assert f"auth-password: {secret}" in file.read_text()


def test_a_secret_that_was_mistyped_there_is_asked_for_again() -> None:
    make("one", 9, "--set", "auth-username:ann", "--set", "auth-password:old", tls=True)
    with dialogue("set-mail-server-prop", "--server-name", "one") as person:
        person.answer(EDITOR, "auth-password")
        person.answer(PROPERTY, "2")
        person.answer(PICK, CANARY)
        person.answer("auth-password again: ", f"{CANARY}?")
        person.until("The two entries differ. Please type both again.")
        person.answer("auth-password (not shown): ", "")
        person.answer(EDITOR, "c")
        assert person.ends() == 0
        assert CANARY not in person.shown


# -- Ctrl-C ------------------------------------------------------------------------------------------------------------


def press(person: Dialogue, words: str = LOST) -> None:
    """Press Ctrl-C until some words come of it: a signal just before the interpreter waits for input may be missed."""
    while words not in person.shown:
        person.type("\x03")
        while words not in person.shown and select.select([person.terminal], [], [], 0.5)[0]:
            assert person._more(), f"it ended without {words!r}:\n{person.shown[-2000:]}"
    person.until(words)


def to_editor(person: Dialogue) -> None:
    person.answer(MAIN, "mail server")
    person.answer(KIND, "view")
    person.answer(PICK, "1")
    person.answer(EDITOR, "use-ssl")
    person.answer(PROPERTY, "2")
    person.answer(PICK, "true")
    person.until(EDITOR)


def to_value(person: Dialogue) -> None:
    to_editor(person)
    person.type("smtp-server\n")
    person.answer(PROPERTY, "2")
    person.until("smtp-server (")


def to_secret(person: Dialogue) -> None:
    to_editor(person)
    person.type("auth-password\n")
    person.answer(PROPERTY, "2")
    person.until(PICK)


def to_plan(person: Dialogue) -> None:
    to_editor(person)
    person.type("f\n")
    person.until(DO_IT)


@pytest.mark.parametrize("step", [to_editor, to_value, to_secret, to_plan])
def test_ctrl_c_asks_before_changes_are_lost(step: Callable[[Dialogue], None], file: Path) -> None:
    """Enter goes on with the same question, and nothing of what was changed is lost."""
    make()
    with dialogue() as person:
        step(person)
        press(person)
        person.type("\n")
        if step is to_value:
            person.answer("smtp-server (", "\x15h")
        elif step is to_secret:
            person.answer(PICK, "b")
        elif step is to_plan:
            person.answer(DO_IT, "no")
        person.answer(EDITOR, "d")
        assert "--set use-ssl:true" in person.until("--no-prompt")
        person.answer(EDITOR, "c")
        leave(person, KIND)
    assert value("use-ssl") == "false"


@pytest.mark.parametrize("step", [to_editor, to_value, to_secret, to_plan])
def test_the_second_ctrl_c_leaves(step: Callable[[Dialogue], None]) -> None:
    make()
    with dialogue() as person:
        step(person)
        press(person)
        assert person.interrupted() == 130
        assert "Traceback" not in person.shown
    assert value("use-ssl") == "false"


def test_ctrl_c_leaves_at_once_where_nothing_is_lost() -> None:
    make()
    with dialogue() as person:
        person.answer(MAIN, "mail server")
        person.answer(KIND, "view")
        person.answer(PICK, "1")
        person.until(EDITOR)
        assert person.interrupted() == 130
        assert LOST not in person.shown


def test_ctrl_c_asks_in_a_search_and_in_an_object_made_on_the_way() -> None:
    make()
    for number in range(13):
        run(
            "create-trust-manager-provider",
            "--provider-name",
            f"p{number}",
            "--type",
            "system",
            "--set",
            "enabled:true",
        )
    with dialogue(environment={"TERM": "xterm"}) as person:
        to_editor(person)
        person.type("trust-manager-provider\n")
        person.answer(PROPERTY, "2")
        person.until("type to search")
        press(person)
        person.type("\n")
        person.until("type to search")
        person.type("p3\n")
        person.answer(EDITOR, "d")
        assert "trust-manager-provider:p3" in person.until("--no-prompt")
        person.answer(EDITOR, "c")
        leave(person, KIND)


def test_a_set_up_of_mail_asks_before_its_answers_are_lost(file: Path) -> None:
    with dialogue("configure-mail") as person:
        person.answer("or empty to go back: ", "another")
        person.answer("Name of the Mail Server and its sender [mail]: ", "post")
        person.until(PICK)
        press(person)
        person.type("\n")
        person.answer(PICK, "b")
        assert person.ends() == 0
        assert "Nothing is saved." in person.shown
    assert not file.exists()


def test_a_test_that_takes_long_is_stopped_and_the_set_up_goes_on(tmp_path: Path) -> None:
    with FakeSmtp({"banner": hang}) as server:
        words = ["--no-login", "--set", f"smtp-server:127.0.0.1:{server.port}", "--set", "use-start-tls:true"]
        more = ["--server-name", "s", "--set", "from-address:a@example.com", "--set", "from-name:N"]
        with dialogue("configure-mail", *words, *more) as person:
            person.answer("come from this sender? (yes / no) [no]: ", "")
            person.until("connect ")
            press(person, "The test was stopped.")
            offered = person.answer(PICK, "give up")
            assert "test again, with the same values" in offered
            assert person.ends() == 130


def test_a_family_of_another_service_has_the_same_menus() -> None:
    with dialogue("--definitions", str(FAMILY)) as person:
        person.answer(MAIN, "store")
        assert "History of an existing Store" in person.answer(KIND, "b")
        leave(person)
