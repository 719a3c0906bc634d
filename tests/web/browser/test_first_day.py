"""The first day of somebody who has seen none of this, and the second, with a colleague."""

from __future__ import annotations

import json

from playwright.sync_api import Browser

import confobjects
from confobjects.definitions.installed import InstalledText, digest_of
from confobjects.management.installing import install
from tests.servers.postfix import PASSWORD, REALM, USER, Postfix
from tests.web.browser.person import Visitor
from tests.web.kinds import LIGHTHOUSE
from tests.web.people import bearer
from tests.web.serving import ServeProcess

LOGIN = f"{USER}@{REALM}"
INBOX = "first-day@mailbox.test"


def test_somebody_adds_a_sender_is_told_what_is_wrong_mends_it_sends_a_mail_and_undoes_it(
    visitor: Visitor, relay: Postfix
) -> None:
    visitor.sign_in()
    add_a_sender(visitor, relay.ports["smtps"])
    send_the_test_mail(visitor)
    visitor.sees("which is not trusted")
    visitor.sees("What may mend it")
    mend_it_by_the_offered_button(visitor)
    send_the_test_mail(visitor)
    visitor.sees(f"A test message was successfully sent to {INBOX}.")
    assert relay.wait_for_mail(INBOX)["From"] == "news@acme.example"
    undo_it(visitor)
    visitor.open("Senders")
    visitor.sees("There are no senders yet.")


def add_a_sender(visitor: Visitor, port: int) -> None:
    visitor.open("Senders")
    visitor.open("Add a sender")
    visitor.choose("Sender Type", "Email")
    visitor.choose("Provider Type", "Custom Server")
    visitor.press("Next")
    visitor.type_in("Name", "acme")
    visitor.type_in("Username", LOGIN)
    visitor.type_in("Password", PASSWORD)
    visitor.type_in("Server Name", "localhost")
    visitor.type_in("Port", str(port))
    visitor.type_in("From Address", "news@acme.example")
    visitor.press("Save")
    visitor.sees("Configuration saved.")
    visitor.sees("It was saved without a test.")


def send_the_test_mail(visitor: Visitor) -> None:
    visitor.open("Senders")
    visitor.open("Send Test Email from acme")
    visitor.type_in("Send to", INBOX)
    visitor.press("Send")


def mend_it_by_the_offered_button(visitor: Visitor) -> None:
    visitor.open("Trust whom “Our CA” trusts")
    visitor.sees("needs auth-password to be given again")
    visitor.type_in("auth-password", PASSWORD)
    visitor.press("Save")
    visitor.sees("Configuration saved.")


def undo_it(visitor: Visitor) -> None:
    visitor.open("History")
    visitor.open("1")
    visitor.open("Undo all that came after it")
    visitor.press("Go back to change 1")
    visitor.sees("Configuration saved.")


def test_two_people_see_what_the_other_one_does(browser: Browser, console: ServeProcess) -> None:
    base = f"http://127.0.0.1:{console.port}"
    with Visitor(browser, base) as ann, Visitor(browser, base) as bob:
        ann.sign_in("administrator")
        bob.sign_in("operator")
        ann.go_to("/objects/mail-servers")
        ann.sees("There are no Mail Servers yet.")
        bob.go_to("/new/mail-servers?type=generic")
        bob.type_in("Name", "shared")
        bob.choose("enabled", "false")
        bob.type_in("smtp-server", "mail.example.com")
        bob.press("Save")
        ann.sees("mail.example.com")

        ann.open("shared")
        bob.type_in("auth-username", "bob")
        bob.press("Save")
        bob.sees("Configuration saved.")
        ann.hears("The configuration has changed since this page was made.")
        ann.type_in("smtp-server", "other.example.com")
        ann.press("Save")
        ann.sees("Somebody has changed this object since you opened it.")
        ann.press("Save")
        ann.sees("Configuration saved.")


def test_a_kind_that_is_installed_while_the_console_runs_has_its_pages_and_routes_at_once(
    visitor: Visitor, console: ServeProcess, url: str
) -> None:
    visitor.sign_in()
    with confobjects.open(url) as context, context.change() as tx:
        text = json.dumps(LIGHTHOUSE)
        install(tx, [InstalledText("lighthouse", "here", text, digest_of(text))])
    visitor.go_to("/")
    visitor.hears_of_link("Lighthouses")
    visitor.open("Lighthouses")
    visitor.sees("There are no Lighthouses yet.")
    visitor.open("New Lighthouse")
    visitor.type_in("Name", "north")
    visitor.sees_beside("height", "Default: 10")
    visitor.choose_value("colour", "red")
    visitor.press("Save")
    visitor.sees("Configuration saved.")
    visitor.open("Lighthouses")
    visitor.sees_row("north")
    visitor.open_in_menu("Definitions")
    visitor.open("Lighthouse")
    visitor.sees("A light for ships.")

    answer = console.ask("/api/v1/objects/lighthouses/north", headers=bearer("reader"))
    assert (answer.status, json.loads(answer.body)["properties"]["colour"]) == (200, "red")
    described = json.loads(console.ask("/api/v1/openapi.json", headers=bearer("reader")).body)
    assert any("/objects/lighthouses" in path for path in described["paths"])
