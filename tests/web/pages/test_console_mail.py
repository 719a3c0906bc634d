"""The mail service in the console: who mail comes from, the queue, the counts of recipients."""

from __future__ import annotations

from pathlib import Path

import pytest

import confobjects
from confobjects.service.ledger import Ledger, Mail
from confobjects.service.opening import open_ledger_of, read_settings
from confobjects.service.rules.states import State
from tests.web.console import Console, make_console, url_of

HOSTILE = '"<script>alert(1)</script>"@x.test'
"""An address that is valid, and would be a script."""


@pytest.fixture
def console(tmp_path: Path) -> Console:
    found = make_console(tmp_path)
    with confobjects.open(url_of(tmp_path)) as context, context.change() as tx:
        tx.create("mail-sender", "other", {"enabled": True, "from-address": "x@example.com", "mail-server": "one"})
        tx.set("mail-service", (), {"enabled": "true", "default-sender": "news"})
    return found


def open_ledger(directory: Path) -> Ledger:
    return open_ledger_of(confobjects.load(url_of(directory))["mail-service"], unsealed=True)


def accept(directory: Path, *to: str, category: str = "account") -> str:
    settings = read_settings(confobjects.load(url_of(directory))["mail-service"])
    with open_ledger(directory) as ledger:
        return ledger.accept(Mail(b"Subject: x\r\n\r\nx\r\n", "me@example.com", to, category, "news"), settings)


# -- who mail comes from -----------------------------------------------------------------------------------------------


def test_a_custom_sender_is_chosen_and_put_out_of_use_again(console: Console, tmp_path: Path) -> None:
    page = console.visit("/mail-service")
    assert "Mail comes from news" in page.text
    page = console.press("Save", {"value:sender": "other"})
    assert "Mail comes from other" in page.text
    form = page.form("Save")
    fields = [(name, "false" if name == "value:use-custom-sender" else value) for name, value in form.fields]
    page = console.send(form, [*fields, form.buttons["Save"]])
    assert "Mail comes from news" in page.text
    with confobjects.open(url_of(tmp_path)) as context:
        assert context.get("mail-service").values["sender"] == ("other",)


def test_what_does_not_work_is_not_saved_after_a_test(console: Console, tmp_path: Path) -> None:
    with confobjects.open(url_of(tmp_path)) as context, context.change() as tx:
        tx.create("mail-server", "dead", {"enabled": True, "smtp-server": "127.0.0.1:1"})
        tx.set("mail-sender", "other", {"mail-server": "dead"})
    with console.client:  # one event loop, in which the test goes on
        console.visit("/mail-service")
        console.press("Test Connection And Save", {"value:sender": "other"})
        page = console.wait_for_end()
    assert page.status == 422
    assert "127.0.0.1" in page.text
    assert ("value:sender", "other") in page.form("Save").fields
    with confobjects.open(url_of(tmp_path)) as context:
        assert "sender" not in context.get("mail-service").values


def test_a_wrong_limit_is_explained_beside_its_field(console: Console) -> None:
    console.visit("/mail-service")
    page = console.press("Save", {"value:recipient-limit": "many"})
    assert page.status == 422
    assert any(found.get("name") == "value:recipient-limit" and "aria-invalid" in found for _, found in page.attributes)


def test_whether_mail_is_accepted_is_no_limit(console: Console) -> None:
    page = console.visit("/mail-service")
    assert page.source.index('id="field:enabled"') < page.source.index("<h2>Limits</h2>")


def test_the_service_says_what_is_wrong_with_it(console: Console) -> None:
    assert "no runner is alive" in console.visit("/mail-service").text


# -- the queue ---------------------------------------------------------------------------------------------------------


def test_without_a_ledger_there_are_no_mails(console: Console, tmp_path: Path) -> None:
    assert "No mails." in console.visit("/queue").text
    assert console.visit("/queue/x").status == 404
    assert "No address" in console.visit("/recipients").text
    assert not list(tmp_path.glob("*.ledger*"))


def test_a_mail_is_found_and_given_up(console: Console, tmp_path: Path) -> None:
    mail = accept(tmp_path, "ann@example.com", HOSTILE)
    page = console.visit("/queue?state=queued&to=ann@example.com")
    assert mail in page.links
    page = console.follow(mail)
    assert HOSTILE in page.text
    assert "<script>alert" not in page.source
    page = console.press("Give it up")
    assert "failed" in page.text
    with open_ledger(tmp_path) as ledger:
        assert ledger.find(mail).state is State.FAILED
    console.press("Send again")
    with open_ledger(tmp_path) as ledger:
        assert ledger.find(mail).state is State.QUEUED
    assert mail not in console.visit("/queue?state=failed").links
    assert console.visit("/queue?state=lost").status == 400


def test_a_count_begins_again(console: Console, tmp_path: Path) -> None:
    accept(tmp_path, "ann@example.com")
    page = console.visit("/recipients")
    assert "1 of 3" in page.text
    page = console.press("Reset Counter")
    assert "0 of 3" in page.text


def test_a_reader_looks_and_changes_nothing(console: Console, tmp_path: Path) -> None:
    mail = accept(tmp_path, "ann@example.com")
    console.sign_in("reader")
    for address in ("/mail-service", "/queue", f"/queue/{mail}", "/recipients"):
        page = console.visit(address)
        assert page.status == 200
        buttons = {button for form in page.forms for button in form.buttons}
        assert buttons <= {"Sign out", "Search"}
    token = dict(console.visit("/").form("Sign out").fields)["csrf_token"]
    for address in ("/mail-service", f"/queue/{mail}", "/recipients"):
        answer = console.client.post(address, data={"csrf_token": token, "do": "cancel", "address": "ann@example.com"})
        assert answer.status_code == 403
