"""Account status notifications: a program says what has become of an account, and its user gets a mail."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from confobjects.errors import LedgerError, NotAcceptedError, UsageError
from confobjects.mail.notifications import CATEGORY, COPY_CATEGORY, EVENTS, NotificationHandler, make_notifications
from confobjects.mail.rendering import flatten_message
from confobjects.mail.templates import parse_body, parse_subject
from confobjects.service.rules.states import State
from confobjects.service.serving import MailService
from tests.definitions.documents import builtin
from tests.opening import open_any
from tests.servers.fake_smtp import FakeSmtp
from tests.service.places import change, change_service, make_place
from tests.service.test_serving import open_service, wait_for_change, wait_until

KIND, TYPE = "account-status-notification-handler", "smtp-account-status-notification-handler"
USER, COPY = "ann@x.test", "help@x.test"


def make_handler(url: str, **values: Any) -> None:
    """Make a handler that tells every event; ``values`` with ``_`` for ``-``."""
    texts = [rf"{event}:%%notification-type%%\nHello %%notification-property:name%%" for event in EVENTS]
    every = {"enabled": True, "message-template": texts, **{k.replace("_", "-"): v for k, v in values.items()}}
    with open_any(url) as context:
        context.create(KIND, "users", every, type=TYPE)


@pytest.fixture
def fake() -> Iterator[FakeSmtp]:
    with FakeSmtp() as server:
        yield server


def deliver(service: MailService, ids: tuple[str, ...]) -> None:
    service.start()
    wait_until(lambda: all(service.ledger.find(one).state is State.DELIVERED for one in ids))


def test_the_events_of_the_definition_are_those_that_can_be_told() -> None:
    properties = builtin().definition(TYPE).properties
    for name in ("message-subject", "message-template"):
        syntax: Any = properties[name].syntax
        assert set(syntax.pattern["regex"].partition("(?s)(")[2].partition(")")[0].split("|")) == set(EVENTS)
        assert all(event in syntax.pattern["synopsis"] for event in EVENTS)


def test_every_event_reaches_the_user(tmp_path: Path, fake: FakeSmtp) -> None:
    url = make_place(tmp_path, fake.port, sender="own")
    make_handler(url)
    with open_service(url) as service:
        ids: list[str] = []
        for number, event in enumerate(EVENTS):
            ids += service.notify_account(event, f"u{number}@x.test", {"name": f"User {number}"}).accepted
        deliver(service, tuple(ids))
    found = {str(one["To"]): one for one in fake.parse_messages()}
    assert len(found) == len(fake.messages) == len(EVENTS)
    for number, (event, words) in enumerate(EVENTS.items()):
        message = found[f"u{number}@x.test"]
        assert message["Subject"] == words[0].upper() + words[1:]
        assert message.get_content().replace("\r", "") == f"{event}\nHello User {number}\n"
        assert (message["From"], message["Auto-Submitted"]) == ("own@example.com", "auto-generated")


@pytest.mark.parametrize("address", ["u@x.test\r\nBcc: e@x.test", '"a\n"@x.test', "u@x.test, e@x.test", ""])
def test_copies_are_sent_whatever_the_address_of_the_user_is(tmp_path: Path, address: str) -> None:
    url = make_place(tmp_path, sender="own")
    make_handler(url, recipient_address=[COPY])
    with open_service(url) as service:
        found = service.notify_account("password-reset", address)
        [entry] = service.ledger.list()
        assert [one.address for one in entry.parts[0].recipients] == [COPY]
    assert len(found.accepted) == 1
    assert "not a mail address" in found.refused[0].summary


def test_the_quota_of_the_user_counts_and_copies_have_none(tmp_path: Path) -> None:
    url = make_place(tmp_path, sender="own", recipient_limit="1")
    make_handler(url, recipient_address=[COPY])
    with open_service(url) as service:
        made = service.notify_account("password-reset", USER)
        entries = [service.ledger.find(one) for one in made.accepted]
        assert [one.category for one in entries] == [CATEGORY, COPY_CATEGORY]
        assert [[r.address for p in one.parts for r in p.recipients] for one in entries] == [[USER], [COPY]]
        again = service.notify_account("password-reset", USER)
        assert len(again.accepted) == 1
        assert USER in again.refused[0].summary
        change(url, KIND, "users", {"recipient-address": None})
        wait_for_change(service, url)
        with pytest.raises(NotAcceptedError, match="quota"):
            service.notify_account("password-reset", USER)


@pytest.mark.parametrize("takes", [(True, False), (False, True)], ids=["first", "second"])
def test_a_ledger_that_fails_in_between_hides_no_mail_that_was_accepted(
    tmp_path: Path, takes: tuple[bool, ...]
) -> None:
    url = make_place(tmp_path, sender="own")
    make_handler(url, recipient_address=[COPY], message_template=[f"password-reset:{'long ' * 3000}"])
    with open_service(url) as service:
        pages = {True: 100_000, False: 1}  # SQLite makes 1 the number of pages there are: the ledger is full
        limits = chain((pages[one] for one in takes), repeat(1))

        def limit(connection: Any, *_: object) -> None:
            connection.execute(f"PRAGMA max_page_count={next(limits)}")

        event.listen(service.ledger.database._engine, "checkout", limit)
        told = service.notify_account("password-reset", USER)
        assert told.accepted == tuple(one.id for one in service.ledger.list())
        assert len(told.accepted) == 1
        assert "Make room on the disk." in told.refused[0].render()
        with pytest.raises(LedgerError, match="Make room on the disk"):
            service.notify_account("password-reset", USER)


@pytest.mark.parametrize(("tells", "number"), [(True, 1), (False, 0)])
def test_without_an_address_others_are_told_if_that_is_wanted(tmp_path: Path, tells: bool, number: int) -> None:
    url = make_place(tmp_path, sender="own")
    make_handler(url, recipient_address=[COPY], send_message_without_end_user_address=tells)
    with open_service(url) as service:
        assert len(service.notify_account("account-disabled", None).accepted) == number


def test_what_is_changed_counts_for_the_next_event(tmp_path: Path) -> None:
    url = make_place(tmp_path, sender="own", recipient_limit="unlimited")
    make_handler(url)
    with open_service(url) as service:

        def tell() -> list[str]:
            wait_for_change(service, url)
            made = service.notify_account("password-changed", USER).accepted
            return [service.ledger.find(one).sender for one in made]

        assert tell() == ["own"]
        change(url, KIND, "users", {"sender": "news"})
        assert tell() == ["news"]
        change(url, KIND, "users", {"message-template": ["password-reset:x"]})
        assert tell() == []
        change(url, KIND, "users", {"message-template": ["password-changed:x"], "enabled": False})
        assert tell() == []
        change(url, KIND, "users", {"enabled": True})
        assert tell() == ["news"]
        change_service(url, enabled=False)
        wait_for_change(service, url)
        with pytest.raises(NotAcceptedError, match="the mail service is disabled"):
            service.notify_account("password-changed", USER)


def test_an_event_that_does_not_exist_is_a_mistake(tmp_path: Path) -> None:
    url = make_place(tmp_path, sender="own")
    with open_service(url) as service, pytest.raises(UsageError, match='did you mean "account-disabled"'):
        service.notify_account("account-disable", USER)


def handler(subject: str, body: str, *, html: bool = False) -> NotificationHandler:
    subjects, bodies = {"password-reset": parse_subject(subject)}, {"password-reset": parse_body(body)}
    return NotificationHandler("/x/users", (), True, html, None, subjects, bodies)


@given(st.text(max_size=300))
def test_whatever_a_program_puts_in_no_header_and_no_line_comes_of_it(value: str) -> None:
    one = handler("for %%notification-property:x%%", r"begin\n%%notification-property:x%%\nend")
    [mail] = make_notifications(one, "password-reset", USER, {"x": value})
    sent = message_from_bytes(flatten_message(mail.message, utf8=False, keep_8bit=False), policy=policy.SMTP)
    assert set(sent.keys()) == {
        "Subject",
        "Auto-Submitted",
        "Content-Type",
        "Content-Transfer-Encoding",
        "MIME-Version",
        "To",
    }
    lines = sent.get_content().replace("\r\n", "\n").split("\n")
    assert (len(lines), lines[0], lines[2], lines[3]) == (4, "begin", "end", "")


@given(st.text(max_size=300))
def test_in_html_what_is_put_in_is_no_markup(value: str) -> None:
    [mail] = make_notifications(
        handler("s", "<p>%%notification-user-attr:x%%</p>", html=True), "password-reset", USER, {"x": value}
    )
    assert mail.message.get_content_type() == "text/html"
    inner = mail.message.get_content().strip().removeprefix("<p>").removesuffix("</p>")
    assert not set("<>\"'") & set(inner)


def test_what_the_program_does_not_give_is_empty() -> None:
    one = handler("%%notification-property:x%%", "dn=%%notification-user-dn%% %%notification-user-attr:y%%")
    [mail] = make_notifications(one, "password-reset", USER, {"user-dn": "uid=ann"})
    assert mail.message["Subject"] == "The password was reset by an administrator"
    assert mail.message.get_content() == "dn=uid=ann \n"
