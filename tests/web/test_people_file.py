"""The file of accounts and tokens, and the commands that change it."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import confobjects
from confobjects.errors import InvalidValueError, StorageError, UsageError
from confobjects.expressions.seals import PEOPLE_FILE_VARIABLE
from confobjects.web.identity.credentials import Account, Credentials, CredentialsError, Token, digest_token, is_name
from confobjects.web.identity.passwords import is_password
from confobjects.web.identity.people_file import PeopleFile, find_people_file
from tests.cli.sessions import fresh, run
from tests.opening import open_any
from tests.web.people import PASSWORD, TIME


@pytest.fixture(autouse=True)
def place(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    with fresh(tmp_path):
        yield tmp_path


def people_of(place: Path) -> PeopleFile:
    return PeopleFile(str(place / "config.ldif.people"))


def add(place: Path, name: str = "alice", *more: str) -> int:
    return run("account", "add", name, "--role", "operator", "--password:file", str(place / "password"), *more).status


def test_an_account_lives(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert add(place) == 0
    assert run("account", "list", "-s").out == "alice\toperator\t2027-01-01T12:00:00Z\n"
    first = people_of(place).read().accounts["alice"].password
    assert is_password(PASSWORD, first)
    monkeypatch.setenv("NEW", "another long password")
    assert run("account", "password", "ALICE", "--password:env", "NEW").status == 0
    second = people_of(place).read().accounts["alice"].password
    assert is_password("another long password", second)
    assert not is_password(PASSWORD, second)
    assert run("account", "remove", "alice").status == 0
    assert run("account", "list").out == "There are no accounts.\n"


def test_a_token_is_shown_once_and_kept_as_a_digest(place: Path) -> None:
    made = run("token", "add", "backup", "--role", "reader", "--expires", "1 d")
    text = made.out.strip()
    assert text.startswith("cfo_")
    assert "never shown again" in made.err
    content = (place / "config.ldif.people").read_text()
    assert text not in content
    assert digest_token(text) in content
    shown = run("token", "list", "-s").out
    assert shown == "backup\treader\t2027-01-01T12:00:00Z\t2027-01-02T12:00:00Z\t\n"
    assert text not in run("token", "list", "--output", "json").out
    assert run("token", "revoke", "backup").status == 0
    assert not people_of(place).read().tokens


def test_no_secret_is_in_the_file_and_nobody_else_reads_it(place: Path) -> None:
    add(place)
    file = place / "config.ldif.people"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PASSWORD not in file.read_text()
    file.chmod(0o640)
    found = run("account", "list")
    assert found.status == 31
    assert "chmod 600" in found.err


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 2}', '{"version": 1, "accounts": [], "tokens": [{}]}', "[" * 99_999]
)
def test_a_damaged_file_recognises_nobody(place: Path, content: str) -> None:
    file = place / "config.ldif.people"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(StorageError):
        people_of(place).read()
    assert run("token", "add", "t", "--role", "reader").status == 31
    assert file.read_text() == content


def test_a_link_in_its_place_is_refused(place: Path) -> None:
    (place / "elsewhere").write_text(Credentials().as_text())
    (place / "config.ldif.people").symlink_to(place / "elsewhere")
    assert run("account", "list").status == 31


def test_a_change_by_a_command_counts_at_once(place: Path) -> None:
    people = people_of(place)
    assert not people.read().accounts
    add(place)
    assert "alice" in people.read().accounts
    run("account", "remove", "alice")
    assert not people.read().accounts


def test_changes_at_the_same_time_are_all_made(place: Path) -> None:
    def make(number: int) -> None:
        token = Token(f"t{number}", "reader", digest_token(str(number)), TIME)
        people_of(place).change(lambda now: now.with_token(token))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(20)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(people_of(place).read().tokens) == 20


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["account", "add", "alice"], 2, "--role is missing"),
        (["account", "add", "--role", "reader"], 2, "name the account"),
        (["account", "add", "a b", "--role", "reader"], 2, "cannot be the name"),
        (["account", "add", "alice", "--role", "readr"], 2, 'did you mean "reader"'),
        (["account", "add", "alice", "--role", "reader", "-n"], 2, "--password:file PATH"),
        (["account", "add", "alice", "--role", "reader", "--password:env", "NOPE"], 2, "NOPE"),
        (
            ["account", "add", "alice", "--role", "reader", "--password:env", "pass word!"],
            2,
            "--password:env takes the name",
        ),
        (["account", "list", "alice"], 2, "list takes no name"),
        (["account", "list", "--role", "reader"], 2, "--role goes with add only"),
        (["account", "remove", "nobody"], 12, 'there is no account "nobody"'),
        (["token", "revoke", "nobody"], 12, 'there is no token "nobody"'),
        (["token", "list", "--expires", "1 d"], 2, "--expires goes with add only"),
        (["token", "add", "t", "--role", "reader", "--expires", "soon"], 2, "--expires"),
        (["token", "add", "t", "--role", "reader", "--expires", "1 s"], 2, "--expires"),
    ],
)
def test_a_mistake_is_told(words: list[str], status: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(*words)
    assert found.status == status
    assert said in found.err
    assert "pass word!" not in found.err


@pytest.mark.parametrize("password", ["Xq7!pass", "aaaaaaaaaaaaaaaa", "alice-and-more", "x" * 1025 + "yz"])
def test_a_weak_password_is_refused(place: Path, password: str) -> None:
    (place / "password").write_text(password)
    found = run("account", "add", "alice", "--role", "operator", "--password:file", str(place / "password"))
    assert found.status == 10
    assert password not in found.err


def test_an_account_that_exists_is_kept(place: Path) -> None:
    assert add(place) == 0
    before = (place / "config.ldif.people").read_text()
    assert add(place, "Alice") == 13
    assert (place / "config.ldif.people").read_text() == before


def test_a_dry_run_changes_nothing(place: Path) -> None:
    assert add(place, "alice", "--dry-run") == 0
    assert run("token", "add", "t", "--role", "reader", "--dry-run").status == 0
    assert not (place / "config.ldif.people").exists()


def test_where_the_file_is(place: Path) -> None:
    home = {"HOME": str(place)}
    assert find_people_file(None, "ldif:/etc/c.ldif", home) == "/etc/c.ldif.people"
    assert find_people_file(None, "ldap://h/o=x", home).startswith(f"{place}/.local/state/confobjects/people/")
    assert find_people_file("/a", "ldap://h/o=x", {PEOPLE_FILE_VARIABLE: "/b"}) == "/a"
    assert find_people_file(None, "memory:", {PEOPLE_FILE_VARIABLE: "/b"}) == "/b"
    with pytest.raises(UsageError):
        find_people_file(None, "memory:", home)


def test_the_file_reads_what_it_writes() -> None:
    one = Credentials().with_account(Account("a", "reader", "$argon2id$x", TIME))
    one = one.with_token(Token("t", "sender", "00", TIME, TIME, TIME))
    assert Credentials.parse(one.as_text().encode()) == one
    wrong = json.loads(one.as_text())
    wrong["tokens"][0]["role"] = "king"
    with pytest.raises(CredentialsError):
        Credentials.parse(json.dumps(wrong).encode())


@pytest.mark.parametrize("name", ["", " a", "a ", ".a", "a\n", "a/b", "é", "a" * 65, "a\u202eb"])
def test_what_is_no_name(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize("by", ["name", "link", "beside", "leftover"])
def test_no_expression_reads_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """It holds hashes and digests: whoever may write an expression would otherwise have them sent to a mail server."""
    url = f"ldif:{tmp_path / 'config.ldif'}"
    (tmp_path / "secrets").mkdir()
    kept = tmp_path / {"beside": "config.ldif.people", "leftover": "secrets/.staff.new"}.get(by, "secrets/staff")
    kept.write_text("a digest")
    (tmp_path / "secrets/link").symlink_to(kept)
    if by != "beside":
        monkeypatch.setenv("CONFOBJECTS_PEOPLE_FILE", str(tmp_path / "secrets/staff"))
    named = "secrets/link" if by == "link" else kept.relative_to(tmp_path)
    with open_any(url) as ctx:
        values = {"enabled": True, "smtp-server": "h", "auth-username": "u", "auth-password": f"&{{file:{named}}}"}
        ctx.create("mail-server", "one", values)
    with pytest.raises(InvalidValueError) as caught:
        confobjects.load(url)
    assert "a digest" not in str(caught.value)
    monkeypatch.delenv("CONFOBJECTS_PEOPLE_FILE", raising=False)
    if by != "beside":
        assert confobjects.load(url)["mail-server", "one"]["auth-password"] == "a digest"
