"""The last test of an object: which commands keep it, and which show it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.sessions import Outcome, fresh, run
from tests.servers.fake_smtp import FakeSmtp

NAME = ("--server-name", "one")
SENDER = ("--sender-name", "news")
TO = ("--to", "a@b.example")
TEST = ("test-mail-server", *NAME)
EMAIL = ("send-test-email", *NAME, *TO)
NOT_YOU = b"550 5.7.1 not you\r\n"
SILENT_DOMAIN = "--no-domain"


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


@pytest.fixture
def fake() -> Iterator[FakeSmtp]:
    """Yield a mail server that accepts one mail, and two objects that stand for it."""
    with FakeSmtp({"MAIL": [b"250 2.1.0 ok\r\n", NOT_YOU]}) as server:
        done("create-mail-server", *NAME, "--set", "enabled:true", "--set", "use-start-tls:false",
             "--set", f"smtp-server:localhost:{server.port}")  # fmt: skip
        done("create-mail-sender", *SENDER, "--set", "enabled:true", "--set", "from-address:news@example.com",
             "--set", "mail-server:one")  # fmt: skip
        yield server


def done(*command: str, status: int = 0) -> Outcome:
    outcome = run(*command)
    assert outcome.status == status, outcome
    return outcome


def shown(kind: str = "mail-server", name: tuple[str, str] = NAME) -> dict[str, Any]:
    found = json.loads(done(f"get-{kind}-prop", *name, "--output", "json").out)["verification"]
    assert isinstance(found, dict)
    return found


def state(kind: str = "mail-server", name: tuple[str, str] = NAME) -> str:
    return str(shown(kind, name)["state"])


def close(fake: FakeSmtp) -> None:
    done("set-mail-server-prop", *NAME, "--set", "smtp-server:127.0.0.1:1")
    assert fake.port != 1


def test_a_test_that_passes_is_shown_by_get_list_and_check(fake: FakeSmtp) -> None:
    plain = [done("get-mail-server-prop", *NAME).out, done("list-mail-servers").out]
    assert not any("Last test" in out for out in plain)
    assert shown() == {"state": "never"}
    assert "never tested: /mail-sender/news, /mail-server/one" in done("check").err
    done(*TEST)
    found = shown()
    assert (found["state"], found["ok"], found["depth"], found["code"]) == ("passed", True, "auth", "passed")
    assert found["who"]
    assert found["machine"]
    text = done("get-mail-server-prop", *NAME).out
    assert f"Last test: passed (depth auth) on {found['time']}, tested by {found['who']} on {found['machine']}." in text
    assert text.startswith(plain[0])
    [heading, _, row] = done("list-mail-servers").out.splitlines()
    assert (heading.split(" : ")[-1].strip(), row.split(" : ")[-1].strip()) == ("Last test", "passed")
    [item] = json.loads(done("list-mail-servers", "--output", "json").out)["items"]
    assert item["verification"] == found
    assert "/mail-server/one" not in done("check").err
    assert fake.verbs[-1] == "QUIT"


def test_what_scripts_read_stays_as_it_is(fake: FakeSmtp) -> None:
    commands = (
        ("get-mail-server-prop", *NAME, "-s"),
        ("list-mail-servers", "-s"),
        ("list-mail-servers", "--property", "enabled"),
        ("get-mail-server-prop", *NAME, "--property", "enabled"),
        ("export", "--format", "json"),
        ("history",),
    )
    before = [done(*command).out for command in commands]
    done(*TEST)
    assert state() == "passed"
    assert [done(*command).out for command in commands] == before
    assert fake.verbs


def test_a_change_ends_what_a_test_says_and_check_tells(fake: FakeSmtp) -> None:
    done(*TEST)
    done("set-mail-server-prop", *NAME, "--set", "smtp-property:mail.smtp.timeout=7000")
    found = shown()
    assert (found["state"], found["ok"], found["code"]) == ("changed", True, "passed")
    assert "something has changed since" in done("get-mail-server-prop", *NAME).out
    assert done("list-mail-servers").out.splitlines()[-1].endswith("changed")
    told = done("check")
    assert "not tested since something has changed: /mail-server/one" in told.err
    untested = json.loads(done("check", "--output", "json").out)["untested"]
    assert {one["path"]: one["verification"]["state"] for one in untested} == {
        "/mail-server/one": "changed",
        "/mail-sender/news": "never",
    }
    done(*TEST)
    assert state() == "passed"
    assert fake.verbs


def test_a_disabled_object_is_not_expected_to_be_tested(fake: FakeSmtp) -> None:
    done("set-mail-sender-prop", *SENDER, "--set", "enabled:false")
    done("set-mail-server-prop", *NAME, "--set", "enabled:false")
    assert "tested" not in done("check").err
    assert "untested" not in json.loads(done("check", "--output", "json").out)
    assert not fake.verbs


def test_a_test_that_fails_is_kept_too(fake: FakeSmtp) -> None:
    close(fake)
    done(*TEST, status=41)
    found = shown()
    assert (found["state"], found["ok"], found["stage"]) == ("failed", False, "connect")
    assert found["code"] == "connection-refused"
    assert "Last test: failed at connect (connection-refused) on " in done("get-mail-server-prop", *NAME).out
    assert done("list-mail-servers").out.splitlines()[-1].endswith("failed")
    told = done("check")
    assert told.out.endswith(": 0 errors, 0 warnings\n")
    assert "failed when it was last tested: /mail-server/one" in told.err


def test_a_test_mail_is_a_test(fake: FakeSmtp) -> None:
    done(*EMAIL)
    assert (shown()["state"], shown()["depth"]) == ("passed", "send")
    close(fake)
    done(*EMAIL, status=41)
    assert (shown()["state"], shown()["stage"]) == ("failed", "connect")


@pytest.mark.parametrize("command", [("test-mail-server", SILENT_DOMAIN), ("send-test-email", *TO)])
def test_a_test_of_a_sender_is_one_of_its_mail_server_up_to_the_login(fake: FakeSmtp, command: tuple[str, ...]) -> None:
    done(*command, *SENDER)
    assert state("mail-sender", SENDER) == "passed"
    assert (shown()["state"], shown()["depth"]) == ("passed", "auth")
    done("set-mail-server-prop", *NAME, "--set", "smtp-property:mail.smtp.timeout=7000")
    assert [state(), state("mail-sender", SENDER)] == ["changed", "changed"]
    done("set-mail-sender-prop", *SENDER, "--set", "from-address:nobody@example.com")
    if command[0] == "send-test-email":
        done(*command, *SENDER, status=47)
        assert (shown("mail-sender", SENDER)["state"], shown("mail-sender", SENDER)["stage"]) == ("failed", "mail")
        assert state() == "passed"
    close(fake)
    done(*command, *SENDER, status=41)
    assert [state(), state("mail-sender", SENDER)] == ["failed", "failed"]


LEAVE_NOTHING = {
    "unsaved values": ((*TEST, "--set", "smtp-property:mail.smtp.timeout=7000"), 0),
    "unsaved values that fail": ((*TEST, "--set", "smtp-server:127.0.0.1:1"), 41),
    "a dry run": ((*TEST, "--dry-run"), 0),
    "a dry run of a mail": ((*EMAIL, "--dry-run"), 0),
    "a wrong recipient": (("send-test-email", *NAME, "--to", "no address"), 48),
    "a wrong recipient of a test": ((*TEST, "--depth", "envelope", "--to", "no address"), 48),
    "a wrong sender": ((*TEST, "--depth", "envelope", *TO, "--from", "no address"), 47),
    "values that could not be saved": ((*TEST, "--set", "use-ssl:maybe"), 10),
    "another object": (("test-mail-server", "--server-name", "two"), 6),
}


@pytest.mark.parametrize("what", LEAVE_NOTHING)
def test_what_is_no_test_of_the_saved_object_leaves_nothing(fake: FakeSmtp, tmp_path: Path, what: str) -> None:
    command, status = LEAVE_NOTHING[what]
    outcome = run(*command)
    assert "Traceback" not in outcome.err
    assert (outcome.status == 0) is (status == 0)
    assert state() == "never"
    assert not list(tmp_path.glob("*.verifications"))
    assert fake.port


def test_changes_that_are_not_saved_yet_end_a_test_where_a_batch_shows_it(fake: FakeSmtp, tmp_path: Path) -> None:
    done(
        "set-mail-server-prop",
        *NAME,
        "--set",
        "auth-username:ann",
        "--set",
        "auth-password:one",
        "--set",
        "smtp-property:confobjects.allow-insecure=login-in-clear",
    )
    done(*TEST)
    lines = tmp_path / "batch"
    lines.write_text(
        "get-mail-server-prop --server-name one\n"
        "set-mail-server-prop --server-name one --set auth-password:two\n"
        "get-mail-server-prop --server-name one\n"
        "list-mail-servers\n"
    )
    shown = done("-F", str(lines), "--no-prompt", "--dry-run").out
    assert shown.count("Last test: passed") == 2
    assert shown.count("something has changed since") == 1
    assert shown.count(": changed") == 1
    assert state() == "passed"
    assert fake.verbs


def test_a_record_goes_with_its_object(fake: FakeSmtp, tmp_path: Path) -> None:
    done(*TEST)
    done("test-mail-server", SILENT_DOMAIN, *SENDER)
    done("delete-mail-sender", *SENDER)
    done("rename", "mail-server", *NAME, "--to", "two")
    assert state(name=("--server-name", "two")) == "never"
    [records] = tmp_path.glob("*.verifications/records")
    assert records.read_bytes() == b""
    assert fake.verbs


def test_a_copy_has_no_records(fake: FakeSmtp, tmp_path: Path) -> None:
    done(*TEST)
    done("copy", f"ldif:{tmp_path / 'config.ldif'}", f"ldif:{tmp_path / 'other.ldif'}")
    assert [path.name for path in tmp_path.glob("*.verifications")] == ["config.ldif.verifications"]
    assert fake.verbs


def test_who_may_not_keep_a_record_is_told_and_the_test_passes(fake: FakeSmtp, tmp_path: Path) -> None:
    (tmp_path / "config.ldif.verifications").symlink_to(tmp_path)
    told = done(*TEST)
    assert told.out.endswith("The test passed; no mail was sent.\n")
    assert "warning: " in told.err
    assert "the result of the test was not kept: this is not a file of ours" in told.err
    assert state() == "never"
    (tmp_path / "records").write_text("")  # where the link leads
    (tmp_path / "records").chmod(0o600)
    assert state() == "unreadable"
    assert "warning: " in (listed := done("list-mail-servers")).err
    assert "the tests cannot be read: this is not a file of ours" in listed.err
    assert fake.verbs


def test_a_record_that_lies_is_not_used_and_shows_nothing_of_its_own(fake: FakeSmtp, tmp_path: Path) -> None:
    done(*TEST)
    [records] = tmp_path.glob("*.verifications/records")
    key, _, text = records.read_text().partition(" ")
    for who, used in (("\x1b[2Jroot", True), ("x" * 5000, False)):
        records.write_text(f"{key} {json.dumps({**json.loads(text), 'who': who})}\n")
        got = done("get-mail-server-prop", *NAME)
        assert "\x1b" not in got.out + got.err
        assert ("what is kept of its last test is damaged or false" in got.err) is not used
        assert state() == ("passed" if used else "unreadable")
        listed = done("list-mail-servers")
        assert listed.out.splitlines()[-1].endswith("passed" if used else "unreadable")
    assert "damaged or false" in done("check").err
    assert fake.verbs
