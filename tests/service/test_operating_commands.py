"""What an operator types: ``mail-queue``, ``mail-quota`` and ``mail-service``, on a ledger in a file and on a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import confobjects
from confobjects.errors import NotAcceptedError
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.sealing.ring import Ring
from confobjects.sealing.ring_file import KeyFile, create_ring, make_key
from confobjects.service.current import CurrentSetting
from confobjects.service.ledger import Ledger, Mail
from confobjects.service.opening import open_ledger_of, read_settings
from confobjects.service.rules.pacing import WRONG_PASSWORDS
from confobjects.service.rules.settings import Settings
from confobjects.service.runner import Runner
from confobjects.service.work import Work
from tests.cli.dialogue import dialogue
from tests.cli.sessions import Outcome, run
from tests.servers.fake_smtp import FakeSmtp, close
from tests.servers.postgresql import PASSWORD, PostgreSQL
from tests.service.conftest import KINDS
from tests.service.places import change, change_service, make_place
from tests.service.test_status import read_metrics

HOSTILE = '"$(id)`x`\'; rm"@x.test'
"""An address that is valid, and would be a command."""


class Place:
    """A configuration with its ledger and a mail server."""

    def __init__(self, directory: Path, fake: FakeSmtp, ledger: str | None) -> None:
        self.url = make_place(directory, fake.port, sender="news", ledger=ledger)
        self.fake = fake
        change(self.url, "mail-server", "relay", {"smtp-property": ["confobjects.allow-insecure=login-in-clear"]})

    def open(self) -> Ledger:
        return open_ledger_of(confobjects.load(self.url)["mail-service"], unsealed=True)

    @property
    def settings(self) -> Settings:
        return read_settings(confobjects.load(self.url)["mail-service"])

    def accept(self, *to: str, category: str = "", sender: str = "news") -> str:
        mail = Mail(b"Subject: x\r\n\r\nx\r\n", "me@example.com", to or ("ann@example.com",), category, sender)
        with self.open() as ledger:
            return ledger.accept(mail, self.settings)

    def deliver(self, rounds: int = 1) -> None:
        """Take and send what is due."""
        configuration = confobjects.load(self.url)
        with self.open() as ledger, CurrentSetting(lambda: configuration) as current:
            runner = Runner(ledger, current.read)
            for _ in range(rounds):
                runner.run_once()

    def deliver_login(self, number: int) -> None:
        """Send until the server was asked for so many logins. A mail is due at once, by a clock that may be put back meanwhile."""
        for _ in range(50):
            self.deliver()
            if self.fake.verbs.count("AUTH") >= number:
                return
        raise AssertionError(f"there is no login {number}")

    def live(self) -> None:
        """Let a runner give a sign of life."""
        with self.open() as ledger:
            Work(ledger, "host-1-aa").renew_leases()


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    ledger = None
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        ledger = server.make_database()
    monkeypatch.delenv(KEY_FILE_VARIABLE, raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    with FakeSmtp() as fake:
        made = Place(tmp_path, fake, ledger)
        monkeypatch.setenv("CONFOBJECTS_URL", made.url)
        yield made


def json_of(*words: str) -> Any:
    return json.loads(run(*words, "--output", "json").out)


def told(outcome: Outcome) -> tuple[int, str]:
    return outcome.status, outcome.out + outcome.err


# -- mail-queue ------------------------------------------------------------------------------------------------------


def test_the_queue_is_listed_and_a_mail_is_shown(place: Place) -> None:
    place.fake.script["RCPT"] = [b"250 ok\r\n", b"550 5.1.1 <bob@example.com>\x1b[31m \xe2\x80\xae unknown\r\n"]
    change(place.url, "mail-server", "relay", {"smtp-property": ["mail.smtp.sendpartial=true"]})
    first = place.accept("ann@example.com", "bob@example.com", category="news")
    place.deliver()
    second = place.accept(HOSTILE, "b@x.test", "c@x.test", "d@x.test", "e@x.test")
    listed = json_of("mail-queue", "list")
    assert [one["id"] for one in listed["mails"]] == [first, second]
    assert not listed["more"]
    shown = json_of("mail-queue", "show", first)
    assert shown == listed["mails"][0]
    assert (shown["state"], shown["sender"], shown["category"], shown["from"]) == (
        "failed",
        "news",
        "news",
        "me@example.com",
    )
    assert [(one["state"], one["tries"], one["due"]) for one in shown["recipients"]] == [
        ("delivered", 0, None),
        ("failed", 1, None),
    ]
    refused = shown["recipients"][1]
    assert "\x1b[31m" in refused["reply"] or "\\x1b[31m" in refused["reply"]
    assert refused["remedy"] == "Check the address."
    for words in (["list"], ["show", first], ["list", "-s"], ["list", "--output", "json"]):
        found = run("mail-queue", *words)
        assert found.status == 0
        assert "\x1b" not in found.out + found.err
        assert "\u202e" not in found.out + found.err
    text = run("mail-queue", "show", first).out
    assert "To ann@example.com: delivered\n" in text
    assert "To bob@example.com: failed, after 1 attempt\n" in text
    assert "  remedy: Check the address.\n" in text
    assert "2 more" in run("mail-queue", "list").out
    assert [line.split("\t")[1:3] for line in run("mail-queue", "list", "-s").out.splitlines()] == [
        ["delivered", "ann@example.com"],
        ["failed", "bob@example.com"],
        *(["queued", address] for address in (HOSTILE, "b@x.test", "c@x.test", "d@x.test", "e@x.test")),
    ]


def test_a_mail_that_waits_says_why_and_until_when(place: Place) -> None:
    place.fake.script["banner"] = b"421 4.7.0 busy\r\n"
    message = place.accept()
    place.deliver()
    [one] = json_of("mail-queue", "show", message)["recipients"]
    assert (one["state"], one["tries"], one["code"]) == ("queued", 1, "banner-busy")
    text = run("mail-queue", "show", message).out
    assert "waits, after 1 attempt, next attempt in " in text
    assert f"({one['due']})\n" in text
    assert f"  {one['summary']} (banner-busy)\n" in text
    assert f"  remedy: {one['remedy']}\n" in text
    assert "  the server said: 421 4.7.0 busy\n" in text


def test_the_list_is_narrowed_and_limited(place: Place) -> None:
    ids = [place.accept("ann@example.com"), place.accept("bob@example.com", sender="own"), place.accept("cid@x.test")]

    def listed(*words: str) -> list[str]:
        return [one["id"] for one in json_of("mail-queue", "list", *words)["mails"]]

    assert listed("--to", "BOB@example.com") == [ids[1]]
    assert listed("--sender-name", "news") == [ids[0], ids[2]]
    assert listed("--state", "failed", "--state", "unknown") == []
    assert listed("--state", "queued") == ids
    assert listed("--limit", "2") == ids[:2]
    found = run("mail-queue", "list", "--limit", "2", "--output", "json")
    assert json.loads(found.out)["more"]
    assert found.err == "there are more than 2; --limit shows more of them\n"
    assert run("mail-queue", "list", "--state", "failed") == (0, "No mails.\n", "")


def test_mails_are_sent_again_and_given_up(place: Place) -> None:
    place.fake.script["RCPT"] = [b"550 5.1.1 no\r\n", b"550 5.1.1 no\r\n", b"250 ok\r\n"]
    failed = place.accept(), place.accept()
    place.deliver()
    other = place.accept(sender="own")
    assert run("mail-queue", "retry", failed[0], other, "--dry-run").out == (
        f"Mail {failed[0]} is sent again. (--dry-run: nothing was done)\n"
        f"Mail {other} is sent again. (--dry-run: nothing was done)\n"
    )
    assert json_of("mail-queue", "show", failed[0])["state"] == "failed"
    assert json_of("mail-queue", "retry", "--all-failed", "--sender-name", "own")["mails"] == []
    assert json_of("mail-queue", "retry", "--all-failed")["mails"] == [{"id": one, "parts": 1} for one in failed]
    assert run("mail-queue", "cancel", other).out == f"Mail {other} is cancelled.\n"
    assert "it was cancelled (cancelled)\n" in run("mail-queue", "show", other).out
    place.deliver(2)
    assert [json_of("mail-queue", "show", one)["state"] for one in failed] == ["delivered"] * 2
    assert run("mail-queue", "cancel", failed[0]).out == (
        f"Mail {failed[0]} stays as it is: it is being sent, or has come to its end.\n"
    )
    assert run("mail-queue", "retry", failed[0], "-s").out == f"{failed[0]}\t0\n"
    assert run("mail-queue", "retry", "--all-failed").out == f"Mail {other} is sent again.\n"


@pytest.mark.parametrize(("table", "column"), [("parts", "envelope"), ("contents", "content")])
def test_a_mail_that_cannot_be_read_is_listed_shown_and_given_up(place: Place, table: str, column: str) -> None:
    bad, good = place.accept(), place.accept()
    with place.open() as ledger:
        spoil = text(f"UPDATE ledger_{table} SET {column} = :damage WHERE mail = :mail")
        ledger.perform(lambda connection: connection.execute(spoil, {"damage": b"\0[", "mail": bad}))
        if table == "contents":  # what stands in clear may be anything: it is damaged where it is missing
            ledger.perform(
                lambda connection: connection.execute(
                    text("DELETE FROM ledger_contents WHERE mail = :mail"), {"mail": bad}
                )
            )
    address = "(cannot be read)" if table == "parts" else "ann@example.com"
    assert f"{bad} : queued" in run("mail-queue", "list").out
    assert f" : {address} " in run("mail-queue", "list").out.splitlines()[2]
    assert [line.split("\t")[:2] for line in run("mail-queue", "list", "-s").out.splitlines()] == [
        [bad, "queued"],
        [good, "queued"],
    ]
    shown = run("mail-queue", "show", bad)
    assert shown.status == 0
    assert f"To {address}: waits, next attempt now" in shown.out
    assert "  remedy: Give it up, and have it sent again" in shown.out
    document = json_of("mail-queue", "show", bad)
    assert [one["code"] for one in document["problems"]] == ["ledger-unavailable"]
    for more in ([], ["--dry-run"]):
        again = run("mail-queue", "retry", bad, good, *more)
        assert again.status == 25
        assert again.out.startswith(f"Mail {good} is sent again.")
        assert again.err.startswith(f"error: mail {bad} cannot be sent again: the ")
    assert run("mail-queue", "retry", bad, good, "-s")[:2] == (25, f"{good}\t1\n")
    assert run("mail-queue", "cancel", bad).out == f"Mail {bad} is cancelled.\n"
    assert "it was cancelled (cancelled)\n" in run("mail-queue", "show", bad).out


def test_a_mail_with_an_unknown_outcome_may_arrive_twice_and_that_is_said(place: Place) -> None:
    place.fake.script["."] = [close, b"250 ok\r\n"]
    message = place.accept()
    place.deliver()
    assert json_of("mail-queue", "show", message)["state"] == "unknown"
    assert run("mail-queue", "retry", "--all-failed").out == "No mails.\n"
    found = run("mail-queue", "retry", message)
    assert found.err == f"warning: mail {message} may have arrived; it may arrive twice\n"
    place.deliver()
    assert json_of("mail-queue", "show", message)["state"] == "delivered"


def test_an_unknown_id_changes_nothing(place: Place) -> None:
    message = place.accept()
    found = run("mail-queue", "cancel", message, "no\x1bthing")
    assert (found.status, "no\\x1bthing" in found.err) == (12, True)
    assert json_of("mail-queue", "show", message)["state"] == "queued"


def test_what_has_ended_is_purged_and_only_if_that_is_wanted(place: Place) -> None:
    kept, gone = place.accept(), place.accept()
    run("mail-queue", "cancel", gone)
    refused = run("mail-queue", "purge")
    assert refused.status == 2
    assert "--force does it without a question" in refused.err
    assert run("mail-queue", "purge", "--state", "queued", "--force").status == 2
    assert run("mail-queue", "purge", "--older-than", "1 h") == (0, "0 mails were removed.\n", "")
    assert run("mail-queue", "purge", "--dry-run") == (0, "1 mail would be removed.\n", "")
    assert run("mail-queue", "purge", "--state", "failed", "--force") == (0, "1 mail was removed.\n", "")
    assert run("mail-queue", "purge") == (0, "0 mails were removed.\n", "")
    assert [one["id"] for one in json_of("mail-queue", "list")["mails"]] == [kept]


def test_a_purge_asks_at_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = make_place(tmp_path, sender="news")
    monkeypatch.setenv("CONFOBJECTS_URL", url)
    with open_ledger_of(confobjects.load(url)["mail-service"], {}, unsealed=True) as ledger:
        ledger.cancel(
            ledger.accept(Mail(b"Subject: x\r\n\r\n", "me@example.com", ("a@x.test",)), Settings(sender="news"))
        )
    for answer, left in (("n", 1), ("y", 0)):
        with dialogue("mail-queue", "purge", "--url", url) as person:
            person.answer("Do it? [y/N]: ", answer)
            assert person.ends() == 0
        assert len(json_of("mail-queue", "list")["mails"]) == left


WRONG = [
    ("mail-queue", "show"),
    ("mail-queue", "show", "a", "b"),
    ("mail-queue", "list", "a"),
    ("mail-queue", "list", "--force"),
    ("mail-queue", "retry"),
    ("mail-queue", "retry", "a", "--all-failed"),
    ("mail-queue", "retry", "a", "--sender-name", "x"),
    ("mail-queue", "cancel"),
    ("mail-queue", "cancel", "--all-failed"),
    ("mail-queue", "purge", "--older-than", "unlimited"),
    ("mail-queue", "purge", "--older-than", "5"),
    ("mail-queue", "burn"),
    ("mail-quota", "show"),
    ("mail-quota", "list", "a"),
    ("mail-service", "resume"),
    ("mail-service", "status", "x"),
    ("mail-service", "resume", "x", "--format", "prometheus"),
    ("mail-service", "status", "--stuck-after", "long"),
]


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_command_is_refused(place: Place, words: tuple[str, ...]) -> None:
    place.accept()
    found = run(*words)
    assert (found.status, found.out) == (2, "")
    assert found.err


# -- mail-quota --------------------------------------------------------------------------------------------------------


def test_the_quota_of_an_address_is_shown_and_reset(place: Place) -> None:
    for _ in range(3):
        place.accept(category="account")
    with pytest.raises(NotAcceptedError):
        place.accept(category="account")
    [shown] = json_of("mail-quota", "list")["addresses"]
    assert shown == json_of("mail-quota", "show", "ann@example.com")
    assert (shown["used"], shown["limit"], shown["window"], shown["suppressed"]) == (3, 3, 24 * 3600, None)
    assert shown["free"] is not None
    assert run("mail-quota", "show", "ann@example.com").out == (
        "ann@example.com: 3 mails of 3 in the last 24 h (categories: account)\n"
        f"  room for the next one: from {shown['free']} on\n"
    )
    assert run("mail-quota", "list", "-s").out == f"ann@example.com\t3\t3\t{shown['free']}\t0\t\n"
    assert "begins again. (--dry-run" in run("mail-quota", "reset", "Ann@example.com", "--dry-run").out
    assert json_of("mail-quota", "show", "ann@example.com")["used"] == 3
    assert run("mail-quota", "reset", "Ann@example.com").out == "The quota of Ann@example.com begins again.\n"
    assert run("mail-quota", "reset", "Ann@example.com").out == "It was not used.\n"
    assert json_of("mail-quota", "show", "ann@example.com")["used"] == 0
    place.accept(category="account")


def test_the_quota_is_as_long_and_as_wide_as_the_configuration_says(place: Place) -> None:
    change_service(place.url, recipient_limit=50, recipient_window="24 h", limited_category=["account", "news"])
    for n in range(50):
        place.accept(category="account" if n % 2 else "news")
    with pytest.raises(NotAcceptedError, match="as many mails as its quota allows"):
        place.accept(category="news")
    assert json_of("mail-quota", "show", "ann@example.com")["used"] == 50
    change_service(place.url, recipient_limit="unlimited")
    place.accept(category="news")
    assert "50 mails without a limit in the last 24 h" in run("mail-quota", "show", "ann@example.com").out


def test_without_a_setting_a_user_gets_three_mails_about_the_account_in_24_hours(place: Place) -> None:
    for _ in range(5):
        place.accept(category="news")
    for _ in range(3):
        place.accept(category="account")
    with pytest.raises(NotAcceptedError, match="as many mails as its quota allows"):
        place.accept(category="account")
    told = run("mail-quota", "show", "ann@example.com").out
    assert "3 mails of 3 in the last 24 h (categories: account)" in told


def test_the_quota_of_a_suppressed_address_is_not_reset_until_that_is_lifted(place: Place) -> None:
    place.fake.script["RCPT"] = b"550 5.1.1 no such user\r\n"
    for _ in range(3):
        place.accept(HOSTILE, category="account")
        place.deliver()
    for dry_run in ([], ["--dry-run"]):
        refused = run("mail-quota", "reset", HOSTILE, *dry_run)
        assert refused.status == 11
        assert "is suppressed, and gets no mail whatever its quota is" in refused.err
        quoted = HOSTILE.replace("'", "'\"'\"'")
        assert f"lift the suppression: mail-quota lift '{quoted}'\n" in refused.err
    with pytest.raises(NotAcceptedError, match="suppressed"):
        place.accept(HOSTILE)
    text = run("mail-quota", "show", HOSTILE).out
    assert "suppressed since" in text
    assert "mail-quota lift" in text
    assert json_of("mail-service", "status")["suppressed"] == 1
    assert json_of("mail-quota", "lift", HOSTILE, "--dry-run")["changed"]
    assert run("mail-quota", "lift", HOSTILE).out == f"{HOSTILE} gets mail again.\n"
    assert run("mail-quota", "lift", HOSTILE).out == "It was not suppressed.\n"
    assert run("mail-quota", "reset", HOSTILE).status == 0
    place.accept(HOSTILE)


# -- mail-service --------------------------------------------------------------------------------------------------------


def test_a_service_that_works_is_well(place: Place) -> None:
    place.accept()
    place.deliver()
    place.live()
    status = json_of("mail-service", "status")
    assert (status["ok"], status["problems"], status["enabled"]) == (True, [], True)
    assert (status["sender"], status["sender_reason"]) == ("news", "sender names it")
    assert status["states"]["delivered"] == 1
    assert status["totals"]["accepted"] == {"": 1}
    assert [one["alive"] for one in status["runners"]] == [True]
    found = run("mail-service", "status")
    assert (found.status, found.err) == (0, "")
    assert "runners    1 runner alive" in found.out
    assert "no limit" in found.out
    assert run("mail-service", "status", "-s").out.startswith("ok\ttrue\n")
    assert run("mail-service", "status", "--quiet") == (0, "", "")


def test_what_is_wrong_has_an_exit_status_and_words(place: Place) -> None:
    place.accept()
    found = run("mail-service", "status")
    assert found.status == 28
    assert found.err.startswith("error: no runner is alive: no mail is delivered\n  remedy: ")
    place.live()
    assert run("mail-service", "status").status == 0
    stuck = run("mail-service", "status", "--stuck-after", "0 s")
    assert stuck.status == 28
    assert "See what its last attempt found: mail-queue list --state queued\n" in stuck.err
    assert json_of("mail-service", "status", "--stuck-after", "0 s")["problems"][0]["code"] == "unhealthy"
    change_service(place.url, sender=None)
    missing = run("mail-service", "status")
    assert missing.status == 28
    assert "mail has no sender" in missing.err
    assert "sender     none (sender is not set, and default-sender is not set)\n" in missing.out
    change_service(place.url, enabled=False)
    assert run("mail-service", "status").status == 0


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_the_rate_limit_is_from_30_to_600_a_minute_or_none(place: Place) -> None:
    place.accept()
    for value, is_valid in (("29", False), ("30", True), ("600", True), ("601", False), ("unlimited", False)):
        found = run("set-mail-service-prop", "--set", f"rate-limit:{value}", "-n")
        assert (found.status == 0) is is_valid
        if is_valid:
            assert json_of("mail-service", "status")["rate_limit"] == int(value)
            assert f"at most {value} mails a minute" in run("mail-service", "status").out
    assert run("set-mail-service-prop", "--reset", "rate-limit", "-n").status == 0
    assert json_of("mail-service", "status")["rate_limit"] is None


def test_which_sender_is_active_and_why(place: Place) -> None:
    place.accept()
    change_service(place.url, default_sender="own")
    assert json_of("mail-service", "status")["sender_reason"] == "sender names it"
    change_service(place.url, use_custom_sender=False)
    status = json_of("mail-service", "status")
    assert (status["sender"], status["sender_reason"]) == (
        "own",
        "default-sender names it, and use-custom-sender is false",
    )
    change_service(place.url, use_custom_sender=None, sender=None)
    status = json_of("mail-service", "status")
    assert (status["sender"], status["sender_reason"]) == ("own", "default-sender names it, and sender is not set")


def test_a_stopped_sender_is_told_until_its_login_changes_or_it_is_let_go_on(place: Place) -> None:
    place.fake.script |= {"AUTH": b"535 5.7.8 no\r\n", "auth": b"535 5.7.8 no\r\n"}
    change(place.url, "mail-server", "relay", {"auth-username": "me", "auth-password": "swordfish"})
    for number in range(1, WRONG_PASSWORDS + 1):
        place.accept()
        place.deliver_login(number)
    place.live()
    stopped = run("mail-service", "status")
    assert stopped.status == 28
    assert 'the sender "news" is stopped: the mail server refused its login 3 times in a row\n' in stopped.err
    assert "mail-service resume news" in stopped.err
    assert json_of("mail-service", "status")["senders"] == [{"name": "news", "refused": 3, "stopped": True}]
    change(place.url, "mail-server", "relay", {"auth-password": "swordfish2"})
    assert json_of("mail-service", "status")["senders"] == [{"name": "news", "refused": 3, "stopped": False}]
    change(place.url, "mail-server", "relay", {"auth-password": "swordfish"})
    assert run("mail-service", "status").status == 28
    assert json_of("mail-service", "resume", "news", "--dry-run")["changed"]
    assert run("mail-service", "status").status == 28
    assert run("mail-service", "resume", "news").out == 'The sender "news" goes on.\n'
    assert run("mail-service", "resume", "news").out == "No login of it was refused.\n"
    for words in ([], ["--dry-run"]):
        unknown = run("mail-service", "resume", "newz", *words)
        assert (unknown.status, unknown.out) == (12, "")
        assert 'there is no Mail Sender "newz"' in unknown.err
    assert run("mail-service", "status").status == 0
    assert "swordfish" not in stopped.out + stopped.err


def test_metrics_are_printed(place: Place) -> None:
    place.accept()
    found = run("mail-service", "status", "--format", "prometheus")
    assert found.status == 28
    metrics = {(name, *labels.values()): value for name, labels, value in read_metrics(found.out)}
    assert metrics["confobjects_mail_parts", "queued"] == 1
    assert metrics["confobjects_mail_service_problem", "no-runner"] == 1


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_without_a_ledger_nothing_is_made(place: Place, tmp_path: Path) -> None:
    status = json_of("mail-service", "status")
    assert status["ledger"]["version"] == 0
    assert "there is none yet" in run("mail-service", "status").out
    for words in (["mail-queue", "list"], ["mail-quota", "list"], ["mail-service", "resume", "news"]):
        assert run(*words).status == 25
    assert not list(tmp_path.glob("*.ledger*"))


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_of_a_ledger_that_was_removed_nobody_is_told_that_it_accepted_no_mail(place: Place, tmp_path: Path) -> None:
    place.accept()
    for file in tmp_path.glob("*.ledger*"):
        file.unlink()
    said = run("mail-queue", "list")
    assert said.status == 25
    assert "none was made yet, or it was removed" in said.err
    assert "accepted" not in said.err


def test_a_sealed_ledger_needs_its_keys(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = str(tmp_path / "keys")
    create_ring(KeyFile(keys), Ring.of(make_key("2026-11-28")))
    monkeypatch.setenv(KEY_FILE_VARIABLE, keys)
    message = place.accept(category="account")
    assert json_of("mail-service", "status")["ledger"]["sealed"]
    assert json_of("mail-queue", "show", message)["recipients"][0]["address"] == "ann@example.com"
    assert json_of("mail-queue", "list", "--to", "ann@example.com")["mails"]
    monkeypatch.delenv(KEY_FILE_VARIABLE)
    for words in (["mail-queue", "list"], ["mail-quota", "list"], ["mail-service", "status"]):
        found = run(*words)
        assert (found.status, found.out) == (25, "")
        assert KEY_FILE_VARIABLE in found.err


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_no_output_has_the_password_of_the_database(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.accept()
    url = str(confobjects.load(place.url)["mail-service"]["ledger"])
    assert "@" in url
    monkeypatch.setenv("LEDGER_PIN", PASSWORD.replace(" ", "%20"))
    change_service(place.url, ledger=url.replace("@", ":&{env:LEDGER_PIN}@", 1))
    for words in (["mail-service", "status"], ["mail-service", "status", "--output", "json"]):
        found = run(*words)
        assert found.status == 28
        assert PASSWORD.split()[1] not in found.out + found.err
        assert "***" in found.out
