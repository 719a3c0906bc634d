"""Senders in the console: as PingOne's administrators walk through it, against a mail server that answers."""

from __future__ import annotations

from pathlib import Path

import pytest

import confobjects
from tests.servers.fake_smtp import FakeSmtp
from tests.web.console import SECRET, Console, make_console, url_of

FIELDS = {
    "name": "acme",
    "auth-username": "news@acme.example",
    "auth-password": "a new canary",
    "server-name": "mail.acme.example",
    "port": "587",
    "from-name": "Acme News",
    "from-address": "news@acme.example",
    "reply-to-name": "Acme Help",
    "reply-to-address": "help@acme.example",
}


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return make_console(tmp_path)


def add_sender(console: Console, **other: str) -> None:
    console.visit("/senders")
    console.follow("+")
    console.press("Next")
    console.press("Save", {**FIELDS, **other})


def test_a_sender_is_added_as_the_seed_walks(console: Console, tmp_path: Path) -> None:
    add_sender(console)
    assert console.page.address.path == "/senders/acme"
    assert "It was saved without a test." in console.page.text
    with confobjects.open(url_of(tmp_path)) as context:
        server, sender = context.get("mail-server", "acme"), context.get("mail-sender", "acme")
    assert server.definition.name == "custom-server"
    assert server.values["smtp-server"] == ("mail.acme.example:587",)
    assert server.values["auth-password"] == ("a new canary",)
    assert sender.values["reply-to-address"] == ("help@acme.example",)
    assert "a new canary" not in console.page.source
    console.press("Undo")
    assert "acme" not in console.visit("/senders").links


def test_mandatory_fields_are_asked_for_beside_them_and_the_password_stays(console: Console, tmp_path: Path) -> None:
    add_sender(console, **{"from-address": "", "auth-username": ""})
    page = console.page
    assert page.status in {400, 422}
    wrong = {found["name"] for tag, found in page.attributes if tag == "input" and "aria-invalid" in found}
    assert wrong == {"from-address", "auth-username"}
    assert "a new canary" not in page.source
    console.press("Save", {"from-address": "news@acme.example", "auth-username": "news"})
    with confobjects.open(url_of(tmp_path)) as context:
        assert context.get("mail-server", "acme").values["auth-password"] == ("a new canary",)


def test_the_password_is_asked_again_when_it_would_go_elsewhere(console: Console, tmp_path: Path) -> None:
    add_sender(console)
    console.visit("/senders/acme")
    page = console.press("Save", {"server-name": "other.acme.example"})
    assert page.status == 422
    assert "needs auth-password to be given again" in page.text
    page = console.press("Save", {"auth-password": "a new canary"})
    assert page.status == 200
    with confobjects.open(url_of(tmp_path)) as context:
        assert context.get("mail-server", "acme").values["smtp-server"] == ("other.acme.example:587",)


def test_the_same_password_again_is_given_again(console: Console) -> None:
    add_sender(console)
    page = console.visit('/objects/mail-servers/acme?fix=[["trust-manager-provider","System"]]')
    assert page.status == 422
    page = console.press("Save", {"value:auth-password": FIELDS["auth-password"]})
    assert "Configuration saved." in page.text


def test_a_provider_fills_in_what_it_documents(console: Console) -> None:
    console.visit("/new-sender")
    page = console.press("Next", {"provider": "google"})
    assert ("server-name", "smtp.gmail.com") in page.form("Save").fields


def test_a_sender_of_another_make_has_the_general_page(console: Console) -> None:
    page = console.visit("/senders")
    assert page.links["news"] == "/objects/mail-senders/news"
    assert console.visit("/senders/news").status == 404
    assert console.visit("/senders/nobody").status == 404


def test_somebody_else_was_faster(console: Console, tmp_path: Path) -> None:
    add_sender(console)
    console.visit("/senders/acme")
    with confobjects.open(url_of(tmp_path)) as context, context.change() as tx:
        tx.set("mail-sender", "acme", {"from-name": "Other"})
    page = console.press("Save", {"from-name": "Mine"})
    assert page.status == 412
    assert console.press("Save").status == 200


# -- tests -----------------------------------------------------------------------------------------------------------


def test_a_test_that_fails_says_why_and_offers_what_may_mend_it(console: Console, tmp_path: Path) -> None:
    with console.client:
        console.visit("/objects/mail-servers/one")
        console.press("Save", {"value:smtp-server": "127.0.0.1:1", "value:auth-password": "x"})
        console.visit("/senders")
        console.follow("Send Test Email from news")
        console.press("Send", {"to": "ann@example.com"})
        console.wait_for_end()
        assert "Use TLS from the first byte on this port" in console.page.links
        assert "failed" in console.page.text
        page = console.follow("Use port 465 (TLS from the first byte)")
        assert "127.0.0.1:465" in page.text
        console.press("Save", {"value:auth-password": "x"})
    with confobjects.open(url_of(tmp_path)) as context:
        values = context.get("mail-server", "one").values
        assert (values["smtp-server"], values["use-ssl"]) == (("127.0.0.1:465",), ("true",))
        assert context.verification("mail-sender", "news").state in {"failed", "changed"}


def test_the_stages_come_as_an_event_stream(console: Console) -> None:
    with console.client:
        console.visit("/objects/mail-servers/one")
        console.press("Save", {"value:smtp-server": "127.0.0.1:1", "value:auth-password": "x"})
        console.visit("/test/mail-servers/one")
        page = console.press("Test")
        answer = console.client.get(f"{page.address.path}/events")
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "<span>connect</span>" in answer.text
        assert answer.text.endswith("event: over\ndata: over\n\n")
        assert SECRET not in answer.text


def test_a_save_that_is_tested_first_tells_its_stages(console: Console, tmp_path: Path) -> None:
    changed = {"value:smtp-server": "127.0.0.1:1", "value:auth-password": "a new canary"}
    with console.client:
        console.visit("/objects/mail-servers/one")
        page = console.press("Test connection and save", changed)
        answer = console.client.get(f"{page.address.path}/events")
        assert "<span>connect</span>" in answer.text
        assert answer.text.endswith("event: over\ndata: over\n\n")
        page = console.visit(page.address.path)
        assert page.status == 422
        assert ("value:smtp-server", "127.0.0.1:1") in page.form("Save").fields
        assert "a new canary" not in answer.text + page.source
        assert console.press("Save").address.path == "/objects/mail-servers/one"
        console.sign_in("operator")
        assert console.visit(page.address.path).status == 404
    with confobjects.open(url_of(tmp_path)) as context:
        assert context.get("mail-server", "one").values["auth-password"] == ("a new canary",)


def test_a_save_that_was_tested_leads_to_what_was_saved(console: Console, tmp_path: Path) -> None:
    with confobjects.open(url_of(tmp_path)) as context, context.change() as tx:
        tx.create("mail-server", "plain", {"enabled": True, "smtp-server": "127.0.0.1:1", "use-start-tls": False})
    with FakeSmtp() as server, console.client:
        changed = {"value:smtp-server": f"127.0.0.1:{server.port}"}
        console.visit("/objects/mail-servers/plain")
        console.press("Test connection and save", changed)
        page = console.wait_for_end()
        assert page.address.path == "/objects/mail-servers/plain"
        assert "Configuration saved." in page.text
        assert "without a test" not in page.text
    with confobjects.open(url_of(tmp_path)) as context:
        assert context.verification("mail-server", "plain").state == "passed"


def test_nobody_sees_the_test_of_another_person(console: Console) -> None:
    with console.client:
        console.visit("/test/mail-servers/one")
        page = console.press("Test")
        address = page.address.path
        console.sign_in("operator")
        assert console.visit(address).status == 404
        assert console.visit(f"{address}/events").status == 404


def test_a_test_mail_needs_an_address(console: Console) -> None:
    with console.client:
        console.visit("/test/mail-senders/news")
        page = console.press("Send", {"to": " , "})
        assert page.status == 400
        assert "needs a mail address" in page.text


def test_a_reader_tests_nothing(tmp_path: Path) -> None:
    console = make_console(tmp_path, "reader")
    assert console.visit("/test/mail-servers/one").status == 403
    assert "Send Test Email from news" not in console.visit("/senders").links
