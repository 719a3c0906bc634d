"""Interactive mode over a directory: one connection for the whole session, and what others change meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from urllib.parse import quote

import pytest

from tests.cli.dialogue import Dialogue, dialogue
from tests.cli.sessions import run
from tests.servers.fake_smtp import FakeSmtp
from tests.servers.fixtures import GUARDED
from tests.servers.slapd import Slapd

NUMBERS = count()
MAIN, KIND, EDITOR, PROPERTY, PICK = "Choice: ", "Choice [b]: ", "Choice [f]: ", "Choice [1]: ", "Choice [b]: "
NAME = "(empty to go back): "
DO_IT = "Do it? (yes / no) [yes]: "


@pytest.fixture
def person(slapd: Slapd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dialogue]:
    """Somebody at a terminal, with an empty configuration in a directory; they log in as who they are."""
    monkeypatch.setenv("CONFOBJECTS_URL", str(slapd.socket_url) + quote(f"cn=dialogue {next(NUMBERS)},{GUARDED}"))
    with dialogue() as started:
        yield started


def created(person: Dialogue) -> None:
    person.answer(MAIN, "mail server")
    person.answer(KIND, "create")
    person.answer(PICK, "generic")
    person.answer(NAME, "one")
    person.answer(PICK, "true")
    person.answer("smtp-server (", "mail.example.com:587")
    person.answer(EDITOR, "trust")
    person.answer(PROPERTY, "2")
    person.answer(PICK, "create")
    person.answer(PICK, "blind")
    person.answer(NAME, "tests")
    person.answer(PICK, "true")
    person.answer(EDITOR, "f")
    person.answer(EDITOR, "f")
    person.answer(DO_IT, "")
    person.until('The Mail Server "one" was created.')


def test_objects_are_made_edited_and_deleted_in_a_directory(person: Dialogue) -> None:
    created(person)
    person.answer(KIND, "view")
    person.answer(PICK, "1")
    person.answer(EDITOR, "enabled")
    person.answer(PROPERTY, "2")
    person.answer(PICK, "false")
    person.answer(EDITOR, "f")
    person.answer(DO_IT, "")
    person.until('The Mail Server "one" was changed.')
    assert "enabled\tfalse" in run("get-mail-server-prop", "--server-name", "one", "-s").out
    person.answer(KIND, "delete")
    person.answer(PICK, "1")
    person.answer("Do it? (yes / no) [no]: ", "yes")
    person.until('The Mail Server "one" was deleted.')
    person.answer(KIND, "q")
    assert person.ends() == 0
    assert run("list-mail-servers", "-s").out == ""
    assert run("history", "--output", "json").out.count('"number"') == 3


def test_what_others_do_meanwhile_is_kept_or_said(person: Dialogue) -> None:
    created(person)
    person.answer(KIND, "view")
    person.answer(PICK, "1")
    person.answer(EDITOR, "auth-username")
    person.answer(PROPERTY, "2")
    person.answer("auth-username (", "ann")
    assert run("set-mail-server-prop", "--server-name", "one", "--set", "enabled:false").status == 0
    person.answer(EDITOR, "f")
    person.answer(DO_IT, "")
    person.until('The Mail Server "one" was changed.')
    now = run("get-mail-server-prop", "--server-name", "one", "-s").out
    assert "auth-username\tann" in now
    assert "enabled\tfalse" in now
    person.answer(KIND, "view")
    person.answer(PICK, "1")
    person.answer(EDITOR, "auth-username")
    person.answer(PROPERTY, "leave")
    assert run("delete-mail-server", "--server-name", "one").status == 0
    person.answer(EDITOR, "f")
    person.until('there is no Mail Server "one"')
    person.answer(EDITOR, "c")
    person.answer(KIND, "q")
    assert person.ends() == 0


def test_mail_is_set_up_in_a_directory(slapd: Slapd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFOBJECTS_URL", str(slapd.socket_url) + quote(f"cn=dialogue {next(NUMBERS)},{GUARDED}"))
    clear = ["--no-login", "--set", "use-start-tls:false", "--set", "use-ssl:false"]
    sender = ["--set", "from-address:news@example.com", "--set", "from-name:News"]
    with FakeSmtp() as fake:
        words = [*clear, *sender, "--set", f"smtp-server:127.0.0.1:{fake.port}"]
        with dialogue("configure-mail", *words) as one:
            one.answer("Name of the Mail Server and its sender [mail]: ", "")
            one.answer("come from this sender? (yes / no) [no]: ", "yes")
            assert "The test passed; no mail was sent." in one.answer(DO_IT, "")
            assert one.ends() == 0
        assert run("configure-mail", "-n", *words, "--for-mail-service").status == 0
    assert "sender\tmail" in run("get-mail-service-prop", "--property", "sender", "-s").out
    assert run("check").status == 0
