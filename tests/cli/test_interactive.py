"""Interactive mode, played on a pseudo-terminal from the first question to the last."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.dialogue import Dialogue, dialogue
from tests.cli.sessions import FAMILY, fresh, run
from tests.docs_check import ROOT

CREATE = ["create-mail-server", "--server-name", "one", "--set", "enabled:true", "--set", "smtp-server:127.0.0.1:9"]
PROVIDER = ["create-trust-manager-provider", "--provider-name", "tests only", "--type", "blind", "--set"]
CANARY = "Kanarienvogel-7!x"
CLEAR = "\x15"
"""Ctrl-U, which empties the line that is offered for editing."""

MAIN, KIND, EDITOR, PROPERTY, PICK = "Choice: ", "Choice [b]: ", "Choice [f]: ", "Choice [1]: ", "Choice [b]: "
NAME = "(empty to go back): "
DO_IT = "Do it? (yes / no) [yes]: "


@pytest.fixture(autouse=True)
def file(tmp_path: Path) -> Iterator[Path]:
    with fresh(tmp_path):
        yield tmp_path / "config.ldif"


def leave(person: Dialogue) -> int:
    """Quit from a menu of a kind."""
    person.answer(KIND, "q")
    return person.ends()


def value(prop: str) -> str:
    """Return what the mail server "one" has stored for a property."""
    return run("get-mail-server-prop", "-s", "--server-name", "one", "--property", prop).out.strip().partition("\t")[2]


def edit_one(person: Dialogue) -> None:
    """Open the only mail server in the editor."""
    person.answer(MAIN, "mail server")
    person.answer(KIND, "view")
    person.answer(PICK, "1")


# -- creating ----------------------------------------------------------------------------------------------------------


def test_an_object_is_made_with_what_it_refers_to_in_one_change(file: Path) -> None:
    with dialogue() as person:
        person.answer(MAIN, "mail server")
        person.answer(KIND, "create")
        person.answer(PICK, "generic")
        person.answer(NAME, "one")
        person.until("Mandatory values of a Mail Server:")
        person.answer(PICK, "true")
        person.answer("smtp-server (", "mail.example.com:x")
        assert "is not a port" in person.answer("smtp-server (", f"{CLEAR}mail.example.com:587")
        person.answer(EDITOR, "trust-manager-provider")
        person.answer(PROPERTY, "2")
        person.answer(PICK, "create")
        person.answer(PICK, "blind")
        person.answer(NAME, "My Provider")
        person.answer(PICK, "true")
        person.answer(EDITOR, "f")
        assert '* trust-manager-provider  "My Provider"' in person.answer(EDITOR, "f")
        plan = person.answer(DO_IT, "")
        assert "would create /trust-manager-provider/My Provider" in plan
        assert "would create /mail-server/one" in plan
        assert not file.exists()
        after = person.until("Mail Server menu")
        assert 'The Mail Server "one" was created.' in after
        assert f"new file {file}" in after
        assert "--set 'trust-manager-provider:My Provider'" in after
        assert leave(person) == 0
    assert value("trust-manager-provider") == "My Provider"
    assert run("check").status == 0
    history = run("history", "--output", "json").out
    assert history.count('"number"') == 1
    assert "create-trust-manager-provider --provider-name 'My Provider'" in history


def test_a_new_object_that_is_not_used_after_all_is_not_made(file: Path) -> None:
    run(*CREATE)
    with dialogue() as person:
        edit_one(person)
        person.answer(EDITOR, "trust")
        person.answer(PROPERTY, "2")
        person.answer(PICK, "create")
        person.answer(PICK, "blind")
        person.answer(NAME, "unused")
        person.answer(PICK, "true")
        person.answer(EDITOR, "f")
        person.answer(EDITOR, "trust")
        person.answer(PROPERTY, "revert")
        person.answer(EDITOR, "f")
        person.until("There is nothing to change.")
        assert leave(person) == 0
    assert "There are no" in run("list-trust-manager-providers").err


def test_a_disabled_object_can_be_enabled_on_the_way() -> None:
    run(*CREATE)
    run(*PROVIDER, "enabled:false")
    with dialogue() as person:
        edit_one(person)
        person.answer(EDITOR, "trust")
        person.answer(PROPERTY, "2")
        assert "tests only  (disabled)" in person.answer(PICK, "1")
        person.answer('"tests only" is disabled. Enable it as well? (yes / no) [yes]: ', "perhaps")
        person.answer('Please answer "yes" or "no".', "y")
        person.answer(EDITOR, "f")
        plan = person.answer(DO_IT, "")
        assert "enabled: false -> true" in plan
        person.until("The equivalent commands:")
        assert leave(person) == 0
    assert value("trust-manager-provider") == "tests only"


def test_what_a_reference_needs_is_enabled_before_it_is_made() -> None:
    run(*CREATE)
    with dialogue() as person:
        edit_one(person)
        person.answer(EDITOR, "trust")
        person.answer(PROPERTY, "2")
        person.answer(PICK, "create")
        person.answer(PICK, "blind")
        person.answer(NAME, "new")
        person.answer(PICK, "false")
        person.answer(EDITOR, "f")
        person.answer('"new" is disabled. Enable it? (yes / no) [yes]: ', "")
        person.answer(EDITOR, "f")
        person.answer(DO_IT, "")
        assert leave(person) == 0
    assert "enabled\ttrue" in run("get-trust-manager-provider-prop", "-s", "--provider-name", "new").out


def test_who_gives_a_new_object_up_chooses_again() -> None:
    run(*CREATE)
    with dialogue() as person:
        edit_one(person)
        person.answer(EDITOR, "trust")
        person.answer(PROPERTY, "2")
        person.answer(PICK, "create")
        person.answer(PICK, "blind")
        person.answer(NAME, "given up")
        person.answer(PICK, "true")
        person.answer(EDITOR, "c")
        person.until('The changes to the Blind Trust Manager Provider "given up" were not applied.')
        person.until("trust-manager-provider: which Trust Manager Provider?")
        person.answer(PICK, "give an expression")
        person.answer("trust-manager-provider (", "&{provider}")
        person.answer(EDITOR, "f")
        plan = person.answer(DO_IT, "")
        assert "given up" not in plan
        assert leave(person) == 0
    assert value("trust-manager-provider") == "&{provider}"


def test_a_new_object_can_be_chosen_again_before_it_is_there() -> None:
    with dialogue("--definitions", str(FAMILY)) as person:
        person.answer(MAIN, "queue")
        person.answer(KIND, "create")
        person.answer(PICK, "disk")
        person.answer(NAME, "jobs")
        person.answer(PICK, "true")
        person.answer(PICK, "create")
        person.answer(NAME, "main")
        person.answer(PICK, "true")
        person.answer("location (", "data")
        person.answer(EDITOR, "f")
        person.answer(EDITOR, "spill-store")
        person.answer(PROPERTY, "2")
        person.answer("main  (new)", "1")
        person.answer(EDITOR, "f")
        plan = person.answer(DO_IT, "")
        assert plan.count("would create /store/main") == 1
        assert "spill-store: - -> main" in plan
        assert leave(person) == 0
    assert run("list-stores", "-s", "--definitions", str(FAMILY)).out == "main\n"


def test_a_type_that_is_there_is_not_offered_again_in_a_set() -> None:
    run("create-depot-codec", "--codec-type", "gzip", "--definitions", str(FAMILY))
    run("create-depot-codec", "--codec-type", "plain", "--definitions", str(FAMILY))
    with dialogue("--definitions", str(FAMILY)) as person:
        person.answer(MAIN, "depot codec")
        person.answer(KIND, "create")
        person.until("There is a Depot Codec of every type already.")
        assert leave(person) == 0


def test_a_name_follows_the_syntax_of_the_property_that_it_is() -> None:
    family = ["--definitions", str(FAMILY)]
    run("create-store", "--store-name", "s", "--set", "enabled:true", "--set", "location:x", *family)
    run("create-queue", "--queue-name", "q", "--type", "disk", "--set", "enabled:true", "--set", "store:s", *family)
    with dialogue(*family) as person:
        person.answer(MAIN, "consumer")
        person.answer(KIND, "create")
        person.answer(PICK, "1")
        person.answer(NAME, "?")
        person.until("The channel it listens to.")
        person.answer(NAME, "not a name")
        person.until("expected")
        person.answer(NAME, "")
        assert leave(person) == 0


def test_a_default_follows_what_is_edited() -> None:
    """It is mandatory and has cases: it is not asked for, and shows the case of the values so far."""
    with dialogue("--definitions", str(FAMILY)) as person:
        person.answer(MAIN, "courier")
        person.answer(KIND, "create")
        person.answer(NAME, "mule")
        person.until("lamps       rear  (default)")
        for road, gate, lamps in (
            ("tunnel", "9  (default)", "front, rear  (default)"),
            ("&{road.name}", "(default, decided at startup)", "(default, decided at startup)"),
        ):
            person.answer(EDITOR, "road")
            person.answer(PROPERTY, "change")
            person.answer(PICK, "tunnel" if road == "tunnel" else "give an expression")
            if road != "tunnel":
                person.answer("road (? for help, empty to go back): ", road)
            shown = person.until(f"gate        {gate}")
            assert f"lamps       {lamps}" in shown
        person.answer(EDITOR, "f")
        person.answer(DO_IT, "")
        person.until("The Courier")
        assert leave(person) == 0


def test_what_another_value_requires_is_asked_for() -> None:
    with dialogue("--definitions", str(FAMILY)) as person:
        person.answer(MAIN, "messenger")
        person.answer(KIND, "create")
        person.answer(PICK, "generic")
        person.answer(NAME, "fox")
        person.answer("destination (? for help, empty to go back): ", "far.example.com")
        person.answer(EDITOR, "bearer")
        person.answer(PROPERTY, "give it a value")
        person.answer("bearer (? for help, empty to go back): ", "Ann")
        person.answer(EDITOR, "f")
        person.until("watchword: The word at the door. It is required when bearer is set.")
        person.answer(PICK, "b")
        person.answer(EDITOR, "f")
        person.answer(PICK, "give an expression")
        person.answer("watchword (? for help, empty to go back): ", "&{watchword}")
        person.answer(DO_IT, "")
        person.until('The Messenger "fox" was created.')
        assert leave(person) == 0


def test_a_name_that_is_taken_is_asked_for_again() -> None:
    run(*CREATE)
    with dialogue() as person:
        person.answer(MAIN, "mail server")
        person.answer(KIND, "2")
        person.answer(PICK, "generic")
        person.answer(NAME, " ONE ")
        person.until('error: there is a Mail Server "ONE" already')
        person.answer(NAME, "")
        assert leave(person) == 0


# -- editing -----------------------------------------------------------------------------------------------------------


def test_a_value_is_offered_for_editing() -> None:
    run(*CREATE)
    with dialogue() as person:
        edit_one(person)
        person.answer(EDITOR, "smtp-server")
        person.answer(PROPERTY, "change")
        person.answer("127.0.0.1:9", "25")
        person.answer(EDITOR, "f")
        assert "smtp-server: 127.0.0.1:9 -> 127.0.0.1:925" in person.answer(DO_IT, "")
        person.until("--server-name one \\\n          --set smtp-server:127.0.0.1:925 \\\n          --no-prompt\n")
        assert leave(person) == 0
    assert value("smtp-server") == "127.0.0.1:925"


def test_values_are_added_changed_and_removed() -> None:
    run(*CREATE)
    with dialogue("--advanced") as person:
        edit_one(person)
        for text in ("mail.smtp.timeout=1000", "mail.smtp.connectiontimeout=2000", "mail.smtp.writetimeout=3000"):
            person.answer(EDITOR, "smtp-property")
            person.answer(PROPERTY, "add")
            person.answer("smtp-property (", text)
        person.answer(EDITOR, "smtp-property")
        person.answer(PROPERTY, "add")
        person.answer("smtp-property (", "mail.smtp.timeout=1000")
        person.until('"mail.smtp.timeout=1000" is there already')
        person.answer("smtp-property (", CLEAR)
        person.answer(EDITOR, "smtp-property")
        person.answer(PROPERTY, "remove")
        person.answer(PICK, "1, 3")
        person.answer(EDITOR, "smtp-property")
        person.answer(PROPERTY, "change")
        person.answer("smtp-property (", f"{CLEAR}mail.smtp.connectiontimeout=5000")
        person.answer(EDITOR, "f")
        assert "smtp-property: - -> mail.smtp.connectiontimeout=5000" in person.answer(DO_IT, "")
        assert leave(person) == 0
    assert value("smtp-property") == "mail.smtp.connectiontimeout=5000"


def test_a_property_is_kept_reset_and_reverted() -> None:
    run(*CREATE, "--set", "auth-username:ann", "--set", "auth-password:x")
    with dialogue() as person:
        edit_one(person)
        person.answer(EDITOR, "auth-username")
        person.answer(PROPERTY, "")
        assert "* auth" not in person.answer(EDITOR, "auth-username")
        person.answer(PROPERTY, "leave it")
        assert "* auth-username           -" in person.answer(EDITOR, "auth-username")
        person.answer(PROPERTY, "revert")
        assert "auth-username           ann" in person.answer(EDITOR, "f")
        person.until("There is nothing to change.")
        assert leave(person) == 0


def test_a_refusal_offers_what_would_mend_it_and_another_try() -> None:
    run(*CREATE)
    with dialogue() as person:
        edit_one(person)
        person.answer(EDITOR, "use-ssl")
        person.answer(PROPERTY, "2")
        person.answer(PICK, "true")
        person.answer(EDITOR, "f")
        person.until("use-ssl and use-start-tls exclude each other, and both are true")
        person.answer("Set use-start-tls to false as well? (yes / no) [yes]: ", "no")
        person.answer(EDITOR, "f")
        person.answer("Set use-start-tls to false as well? (yes / no) [yes]: ", "")
        person.answer(EDITOR, "f")
        assert "must be disabled and re-enabled" in person.answer(DO_IT, "no")
        assert value("use-ssl") == "false"
        person.answer(EDITOR, "f")
        person.answer(DO_IT, "yes")
        assert leave(person) == 0
    assert (value("use-ssl"), value("use-start-tls")) == ("true", "false")


def test_a_secret_is_asked_for_twice_and_never_shown(tmp_path: Path) -> None:
    run(*CREATE, "--set", "auth-username:ann", "--set", "auth-password:old")
    record = tmp_path / "record"
    with dialogue("--commandFilePath", str(record)) as person:
        edit_one(person)
        person.answer(EDITOR, "auth-password")
        person.answer(PROPERTY, "2")
        person.answer(PICK, "type it")
        person.answer("auth-password (not shown): ", CANARY)
        person.answer("auth-password again: ", f"{CANARY}?")
        person.until("The two entries differ. Please type both again.")
        person.answer("auth-password (not shown): ", CANARY)
        person.answer("auth-password again: ", CANARY)
        person.answer(EDITOR, "d")
        person.until("confobjects set-mail-server-prop --server-name one --set-prompt auth-password")
        person.answer(EDITOR, "f")
        assert "auth-password: ******** -> ********" in person.answer(DO_IT, "")
        assert leave(person) == 0
        assert CANARY not in person.shown
    assert CANARY not in record.read_text()
    assert CANARY in (tmp_path / "config.ldif").read_text()


def test_an_empty_secret_and_going_back_keep_what_is_there() -> None:
    run(*CREATE, "--set", "auth-username:ann", "--set", "auth-password:old")
    with dialogue() as person:
        edit_one(person)
        person.answer(EDITOR, "auth-password")
        person.answer(PROPERTY, "2")
        person.answer(PICK, "1")
        person.answer("auth-password (not shown): ", "")
        person.answer(EDITOR, "enabled")
        person.answer(PROPERTY, "2")
        person.answer(PICK, "b")
        person.answer(EDITOR, "f")
        person.until("There is nothing to change.")
        assert leave(person) == 0


def test_values_that_would_move_the_cursor_do_not() -> None:
    run(*CREATE, "--set", "auth-username:\x1b[2Jann", "--set", "auth-password:x")
    with dialogue() as person:
        edit_one(person)
        assert "\\x1b[2Jann" in person.answer(EDITOR, "c")
        assert leave(person) == 0


def test_a_value_may_be_an_expression() -> None:
    run(*CREATE, "--set", "auth-username:ann", "--set", "auth-password:old")
    with dialogue() as person:
        edit_one(person)
        person.answer(EDITOR, "auth-password")
        person.answer(PROPERTY, "2")
        person.answer(PICK, "give an expression")
        person.answer("auth-password (", "&{smtp.password}")
        person.answer(EDITOR, "enabled")
        person.answer(PROPERTY, "2")
        person.answer(PICK, "3")
        person.answer("enabled (", "&{mail.on|false}")
        person.answer(EDITOR, "f")
        person.answer(DO_IT, "")
        person.until("to be checked at startup: /mail-server/one: auth-password = &{smtp.password}")
        assert leave(person) == 0
    assert (value("auth-password"), value("enabled")) == ("&{smtp.password}", "&{mail.on|false}")


STOP = "-- Enter goes on, q leaves the rest out: "


def test_help_that_would_scroll_away_waits_to_be_read() -> None:
    run(*CREATE)
    with dialogue(environment={"LINES": "24"}) as person:
        person.answer(MAIN, "mail server")
        person.answer(KIND, "?")
        first = person.answer(STOP, "")
        assert "Mail Server" in first
        assert ">>>> Mail Server menu" not in first.partition("Choice [b]: ")[2]
        assert len(person.answer(STOP, "q").splitlines()) <= 24
        assert len(person.answer(KIND, "view").splitlines()) <= 24
        person.answer(PICK, "1")
        person.answer(EDITOR, "c")
        assert leave(person) == 0


def test_help_that_fits_above_its_menu_waits_for_nothing() -> None:
    run(*CREATE)
    with dialogue(environment={"LINES": "60"}) as person:
        edit_one(person)
        person.answer(EDITOR, "2")
        person.answer(PROPERTY, "?")
        assert STOP not in person.answer(PROPERTY, "1")
        person.answer(EDITOR, "c")
        assert leave(person) == 0


def test_a_refused_value_begins_with_its_label() -> None:
    run(*CREATE)
    with dialogue(environment={"COLUMNS": "60"}) as person:
        edit_one(person)
        person.answer(EDITOR, "2")
        person.answer(PROPERTY, "2")
        shown = person.answer("smtp-server (", f"{CLEAR}h:99999") + person.until("smtp-server (")
        assert "\nerror: " in shown
        person.type("\x15\n")
        person.answer(EDITOR, "c")
        assert leave(person) == 0


def test_help_comes_from_the_definitions() -> None:
    run(*CREATE)
    with dialogue(environment={"LINES": "200"}) as person:
        person.answer(MAIN, "?")
        person.until("Trust Manager Provider: ")
        person.answer(MAIN, "mail server")
        person.answer(KIND, "?")
        person.until("Properties of Mail Server:")
        person.answer(KIND, "3")
        person.answer(PICK, "1")
        person.answer(EDITOR, "?")
        person.until("A star marks a change that is not applied yet.")
        person.answer(EDITOR, "?2")
        person.until("Admin action required: None.")
        person.answer(EDITOR, "2")
        person.answer(PROPERTY, "?")
        person.until("A host name or address")
        person.answer(PROPERTY, "2")
        person.answer("smtp-server (", f"{CLEAR}?")
        person.until("Examples:")
        person.answer("smtp-server (", CLEAR)
        person.answer(EDITOR, "7")
        person.answer(PROPERTY, "9")
        person.until('"9" is not one of the choices.')
        person.answer(PROPERTY, "1")
        person.answer(EDITOR, "q")
        assert person.ends() == 0
        assert "is dropped" not in person.shown


def test_advanced_properties_are_shown_on_demand() -> None:
    run(*CREATE)
    with dialogue() as person:
        edit_one(person)
        assert "smtp-property" not in person.answer(EDITOR, "a")
        assert "smtp-property" in person.answer(EDITOR, "a")
        assert "smtp-property" not in person.answer(EDITOR, "c")
        assert leave(person) == 0


def test_a_broken_object_says_so_and_can_be_mended(file: Path) -> None:
    run(*CREATE)
    file.write_text(file.read_text().replace("ds-cfg-enabled: true", "ds-cfg-enabled: perhaps"))
    with dialogue() as person:
        edit_one(person)
        person.answer(EDITOR, "enabled")
        person.answer(PROPERTY, "2")
        person.answer(PICK, "true")
        person.answer(EDITOR, "f")
        assert "enabled: perhaps -> true" in person.answer(DO_IT, "")
        assert leave(person) == 0
    assert run("check").status == 0


# -- listing, deleting, renaming ---------------------------------------------------------------------------------------


def test_objects_are_listed_renamed_and_deleted() -> None:
    run(*PROVIDER, "enabled:true")
    run(*CREATE, "--set", "trust-manager-provider:tests only")
    with dialogue() as person:
        person.answer(MAIN, "trust")
        person.answer(KIND, "list")
        person.until("tests only             : blind : true")
        person.answer(KIND, "delete")
        person.answer(PICK, "1")
        person.until("deleted: /mail-server/one uses it (trust-manager-provider)")
        person.answer(KIND, "rename")
        person.answer(PICK, "1")
        person.answer("New name: ", f"{CLEAR}for tests")
        assert "trust-manager-provider: tests only -> for tests" in person.answer(DO_IT, "")
        person.until("confobjects rename trust-manager-provider \\\n          --provider-name 'tests only' \\\n")
        person.answer(KIND, "b")
        person.answer(MAIN, "mail server")
        person.answer(KIND, "delete")
        person.answer(PICK, "1")
        person.answer("Do it? (yes / no) [no]: ", "")
        person.answer(KIND, "delete")
        person.answer(PICK, "1")
        person.answer("Do it? (yes / no) [no]: ", "y")
        person.until('The Mail Server "one" was deleted.')
        person.answer(KIND, "delete")
        person.until("There are no Mail Servers.")
        assert leave(person) == 0
    assert run("list-trust-manager-providers", "-s").out == "for tests\n"


def test_objects_below_others_sets_and_single_ones_are_reached() -> None:
    with dialogue("--definitions", str(FAMILY)) as person:
        person.answer(MAIN, "store")
        person.answer(KIND, "create")
        person.answer(NAME, "main")
        person.answer(PICK, "true")
        person.answer("location (", "data")
        person.answer(EDITOR, "f")
        person.answer(DO_IT, "")
        person.answer(KIND, "b")
        person.answer(MAIN, "queue")
        person.answer(KIND, "create")
        person.answer(PICK, "disk")
        person.answer(NAME, "jobs")
        person.answer(PICK, "true")
        person.answer(PICK, "main")
        person.answer(EDITOR, "f")
        person.answer(DO_IT, "")
        person.answer(KIND, "b")
        person.answer(MAIN, "consumer")
        person.answer(KIND, "create")
        person.until("Of which Queue?")
        person.answer(PICK, "jobs")
        person.answer(NAME, "x")
        person.answer(EDITOR, "f")
        person.answer(DO_IT, "")
        person.answer(KIND, "list")
        person.until("Of which Queue?")
        person.answer(PICK, "1")
        person.answer(KIND, "b")
        person.answer(MAIN, "depot codec")
        person.answer(KIND, "create")
        person.answer(PICK, "gzip")
        person.answer(EDITOR, "f")
        person.answer(DO_IT, "")
        person.answer(KIND, "b")
        person.answer(MAIN, "depot settings")
        person.answer(EDITOR, "c")
        person.answer(MAIN, "q")
        assert person.ends() == 0
    assert run("list-queues", "-s", "--definitions", str(FAMILY)).out == "jobs\n"


# -- long lists --------------------------------------------------------------------------------------------------------


def many(file: Path, count: int) -> None:
    """Make many mail servers, as copies of one."""
    run(*CREATE, "--set", "auth-username:x", "--set", "auth-password:y")
    text = file.read_text()
    head, _, entry = text.partition("dn: cn=one,")
    entries = [f"dn: cn=one,{entry}"]
    entries += [entries[0].replace("one", f"server {n:03}") for n in range(count)]
    file.write_text(head + "\n\n".join(entry.strip() for entry in entries) + "\n")


def test_a_long_list_is_searched_while_one_types(file: Path) -> None:
    many(file, 60)
    with dialogue(environment={"TERM": "xterm"}) as person:
        person.answer(MAIN, "mail server")
        person.answer(KIND, "3")
        person.until("61 of 61; type to search")
        person.type("47")
        person.until("> server 047")
        person.type("\x7f\x7f04")
        person.until("Search: 04")
        person.type("\x1b[B\x1b[B\x1b[A\n")
        person.until('>>>> Mail Server "server 040"')
        person.answer(EDITOR, "c")
        person.answer(KIND, "3")
        person.until("61 of 61; type to search")
        person.type("\x1b")
        person.answer(KIND, "3")
        person.until("61 of 61; type to search")
        person.type("\x04")
        assert person.ends() == 0
        assert person.shown.endswith("Goodbye.\n")


def test_on_a_dumb_terminal_a_long_list_is_narrowed(file: Path) -> None:
    many(file, 60)
    with dialogue() as person:
        person.answer(MAIN, "mail server")
        person.answer(KIND, "4")
        person.until("… and 41 more")
        person.answer("empty to go back: ", "no such thing")
        person.until('Nothing matches "no such thing".')
        person.answer("empty to go back: ", "server 04")
        person.until("server 049")
        person.answer("empty to go back: ", "server 047")
        person.answer("Do it? (yes / no) [no]: ", "yes")
        person.until('The Mail Server "server 047" was deleted.')
        person.answer(KIND, "4")
        person.answer("empty to go back: ", "")
        assert leave(person) == 0


# -- leaving -----------------------------------------------------------------------------------------------------------


def to_name(person: Dialogue) -> None:
    person.answer(MAIN, "mail server")
    person.answer(KIND, "2")
    person.answer(PICK, "generic")
    person.until(NAME)


def to_choice(person: Dialogue) -> None:
    to_name(person)
    person.type("one\n")
    person.until(PICK)


def to_line(person: Dialogue) -> None:
    to_choice(person)
    person.type("1\n")
    person.until("smtp-server (")


def to_editor(person: Dialogue) -> None:
    to_line(person)
    person.type("h\n")
    person.until(EDITOR)


def to_secret(person: Dialogue) -> None:
    to_editor(person)
    person.type("auth-password\n")
    person.answer(PROPERTY, "2")
    person.answer(PICK, "1")
    person.until("(not shown): ")


def to_plan(person: Dialogue) -> None:
    to_editor(person)
    person.type("f\n")
    person.until(DO_IT)


STEPS = [lambda person: person.until(MAIN), to_name, to_choice, to_line, to_editor, to_secret, to_plan]
NAMES = ["menu", "name", "choice", "line", "editor", "secret", "plan"]


@pytest.mark.parametrize("step", STEPS, ids=NAMES)
def test_ctrl_c_at_any_moment_writes_nothing(step: Callable[[Dialogue], object], file: Path) -> None:
    with dialogue() as person:
        step(person)
        assert person.interrupted() == 130
        assert person.shown.splitlines()[-1] == "interrupted"
        assert "Traceback" not in person.shown
    assert not file.exists()


@pytest.mark.parametrize("step", STEPS, ids=NAMES)
def test_ctrl_d_at_any_moment_writes_nothing(step: Callable[[Dialogue], object], file: Path) -> None:
    with dialogue() as person:
        step(person)
        person.type("\x04")
        assert person.ends() == 0
        assert person.shown.splitlines()[-1] == "Goodbye."
        assert "Traceback" not in person.shown
    assert not file.exists()


def test_the_terminal_is_as_it_was_after_a_search_that_was_interrupted(file: Path) -> None:
    import termios

    many(file, 20)
    with dialogue(environment={"TERM": "xterm"}) as person:
        before = termios.tcgetattr(person.terminal)
        person.answer(MAIN, "mail server")
        person.answer(KIND, "3")
        person.until("type to search")
        assert person.interrupted() == 130
        assert termios.tcgetattr(person.terminal) == before


def test_what_was_not_applied_is_said_to_be_dropped() -> None:
    with dialogue() as person:
        to_editor(person)
        person.type("q\n")
        person.until('The changes to the Mail Server "one" were not applied.')
        assert person.ends() == 0


def test_a_dry_run_shows_the_plan_and_writes_nothing(file: Path) -> None:
    with dialogue("--dry-run") as person:
        to_editor(person)
        person.type("f\n")
        person.until("This is a dry run: nothing is written.")
        assert leave(person) == 0
    assert not file.exists()


# -- when it starts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [["-n"], ["--no-prompt"], ["-s"], ["-Q"], ["--output", "json"], ["-h"], ["-nv"]], ids=" ".join
)
def test_whoever_wants_no_questions_gets_the_overview(options: list[str]) -> None:
    with dialogue(*options) as person:
        assert person.ends() == 2
        assert "confobjects COMMAND [OPTIONS]" in person.shown
        assert "Main menu" not in person.shown


def test_a_properties_file_can_forbid_questions(tmp_path: Path) -> None:
    properties = tmp_path / "t.properties"
    properties.write_text("no-prompt=true\n")
    with dialogue("--propertiesFilePath", str(properties)) as person:
        assert person.ends() == 2


def test_without_a_terminal_nothing_is_asked() -> None:
    command = [sys.executable, "-m", "confobjects.cli"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "confobjects COMMAND [OPTIONS]" in done.stderr


def test_output_that_is_no_terminal_is_not_asked_at(tmp_path: Path) -> None:
    import pty

    parent, child = pty.openpty()
    command = [sys.executable, "-m", "confobjects.cli"]
    done = subprocess.run(command, stdin=child, capture_output=True, text=True, cwd=ROOT, check=False)
    os.close(parent)
    os.close(child)
    assert done.returncode == 2
    assert "Main menu" not in done.stdout


def test_a_storage_that_is_not_there_is_said_before_anything_is_asked() -> None:
    with dialogue("--url", "ftp://x") as person:
        assert person.ends() == 2
        assert "are not supported" in person.shown


# -- the password to log in with ---------------------------------------------------------------------------------------


def test_a_bind_password_is_asked_for_and_not_shown() -> None:
    with dialogue("list-mail-servers", "-h", "127.0.0.1", "-p", "1", "-D", "cn=admin", "--baseDN", "cn=x") as person:
        person.answer("Password of cn=admin: ", CANARY)
        assert person.ends() == 20
        assert CANARY not in person.shown


def test_whoever_gives_no_value_is_told(file: Path) -> None:
    with dialogue(*CREATE, "--set", "auth-username:u", "--set-prompt", "auth-password") as person:
        person.until("auth-password: ")
        person.type("\x04")
        assert person.ends() == 2
        assert "auth-password: no value was given" in person.shown
    assert not file.exists()


def test_whoever_gives_no_bind_password_is_told() -> None:
    with dialogue("list-mail-servers", "-h", "127.0.0.1", "-p", "1", "-D", "cn=admin", "--baseDN", "cn=x") as person:
        person.until("Password of cn=admin: ")
        person.type("\x04")
        assert person.ends() == 2
        assert "no password was given" in person.shown
