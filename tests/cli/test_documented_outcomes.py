"""What PingOne and SAP Identity Authentication document as the outcome of a step: what happened, and what next, is told here as well.

The messages of Zuora are in test_documented_messages.py. The words of each text are those that the product documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.cli.sessions import Outcome, fresh, run
from tests.servers.fake_smtp import FakeSmtp
from tests.service.places import change_service, make_place

TO: Final = "some.body@example.com"
REFUSED: Final = {"AUTH": b"535 5.7.8 no\r\n"}
LOGIN: Final = ("--set", "auth-username:joe", "--set", "auth-password:&{p|wrong}")
CLEAR: Final = ("--set", "smtp-property:confobjects.allow-insecure=login-in-clear")
SEND: Final = ("send-test-email", "--sender-name", "own", "--to", TO)
MAIL: Final = ("send-mail", "--to", TO, "--subject", "s", "--body", "b", "--unsealed-ledger")


class Told(NamedTuple):
    """A documented text, the step here, its status, and what is told: what happened, and what to do next."""

    text: str
    step: Callable[[str, FakeSmtp], Outcome]
    status: int
    happened: tuple[str, ...]
    after: tuple[str, ...]


def send_test_mail(*change: str) -> Callable[[str, FakeSmtp], Outcome]:
    def step(_url: str, _fake: FakeSmtp) -> Outcome:
        if change:
            changed = run("set-mail-server-prop", "--server-name", "relay", *change, *CLEAR)
            assert changed.status == 0, changed
        return run(*SEND)

    return step


def save(*more: str) -> Callable[[str, FakeSmtp], Outcome]:
    def step(_url: str, fake: FakeSmtp) -> Outcome:
        values = (
            "--set",
            "enabled:true",
            "--set",
            f"smtp-server:127.0.0.1:{fake.port}",
            "--set",
            "use-start-tls:false",
        )
        return run("create-mail-server", "--server-name", "two", *values, *more)

    return step


def reach_the_limit(url: str, _fake: FakeSmtp) -> Outcome:
    change_service(url, recipient_limit=1)
    assert run(*MAIL, "--category", "account").status == 0
    return run(*MAIL, "--category", "account")


def save_what_does_not_work(url: str, fake: FakeSmtp) -> Outcome:
    return save("--test", *LOGIN, *CLEAR)(url, fake)


def delete_the_sender(_url: str, _fake: FakeSmtp) -> Outcome:
    return run("delete-mail-sender", "--sender-name", "own", "--no-prompt")


OUTCOMES: Final = (
    Told(
        "A test message was successfully sent to some.body at acme.com.",
        send_test_mail(),
        0,
        (TO, "accepted"),
        ("own@example.com",),
    ),
    Told(
        "Using the credentials you provided, we couldn't authenticate with your email server.",
        send_test_mail(*LOGIN),
        46,
        ("auth-password: the server does not accept the user name or the password", "535 5.7.8 no"),
        ("remedy: Check auth-username and auth-password.",),
    ),
    Told(
        "saving SMTP settings without validating credentials using the test email button can cause problems sending emails",
        save(),
        0,
        ("saved without a test", "sending mail may fail"),
        ("remedy: test-mail-server --server-name",),
    ),
    Told(
        "Configuration saved",
        save("--verbose"),
        0,
        ('Configuration saved. The Mail Server "two" was created.',),
        ("test-mail-server --server-name",),
    ),
    Told(
        "If the configuration is not correct, no e-mail is sent.",
        save_what_does_not_work,
        46,
        ("the test failed: nothing was saved",),
        ("remedy: Check auth-username and auth-password.",),
    ),
    Told(
        "If you have already reached the limit, the system will not send an e-mail. If necessary, choose Reset Counter.",
        reach_the_limit,
        24,
        (f"{TO} has got as many mails as its quota allows",),
        ("mail-quota reset some.body@example.com",),
    ),
    Told(
        "To return to the default settings, remove the configuration.",
        delete_the_sender,
        14,
        ('the Mail Sender "own" cannot be deleted',),
        ("set-mail-service-prop --reset sender",),
    ),
)


@pytest.fixture
def place(tmp_path: Path, fake: FakeSmtp) -> Iterator[str]:
    with fresh(tmp_path):
        yield make_place(tmp_path, fake.port, sender="own")


@pytest.fixture
def fake() -> Iterator[FakeSmtp]:
    with FakeSmtp(REFUSED) as server:
        yield server


@pytest.mark.parametrize("told", OUTCOMES, ids=lambda told: told.text)
def test_what_a_documented_text_says_is_told_here(told: Told, place: str, fake: FakeSmtp) -> None:
    done = told.step(place, fake)
    said = done.out + done.err
    assert done.status == told.status, said
    assert [words for words in (*told.happened, *told.after) if words not in said] == [], said
