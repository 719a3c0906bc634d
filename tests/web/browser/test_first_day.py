"""The first day of somebody who has seen none of this."""

from __future__ import annotations

from tests.servers.postfix import PASSWORD, REALM, USER, Postfix
from tests.web.browser.person import Visitor

LOGIN = f"{USER}@{REALM}"


def test_somebody_adds_a_sender_mends_it_sends_a_mail_and_undoes_it(visitor: Visitor, relay: Postfix) -> None:
    visitor.sign_in()

    visitor.open("Senders")
    visitor.open("Add a sender")
    visitor.choose("Sender Type", "Email")
    visitor.choose("Provider Type", "Custom Server")
    visitor.press("Next")
    visitor.type_in("Name", "acme")
    visitor.type_in("Username", LOGIN)
    visitor.type_in("Password", PASSWORD)
    visitor.type_in("Server Name", "localhost")
    visitor.type_in("Port", str(relay.ports["smtps"]))
    visitor.type_in("From Address", "news@acme.example")
    visitor.press("Save")
    visitor.sees("Configuration saved.")
    visitor.sees("It was saved without a test.")

    visitor.open("Send Test Email")
    visitor.type_in("Send to", "first-day@acme.example")
    visitor.press("Send")
    visitor.sees("certificate")
    visitor.sees("What may mend it")

    visitor.open("Trust whom “Our CA” trusts")
    visitor.sees("needs auth-password to be given again")
    visitor.type_in("auth-password", PASSWORD)
    visitor.press("Save")
    visitor.sees("Configuration saved.")

    visitor.open("Senders")
    visitor.open("Send Test Email from acme")
    visitor.type_in("Send to", "first-day@acme.example")
    visitor.press("Send")
    visitor.sees("A test message was successfully sent to first-day@acme.example.")
    assert "to=<first-day@acme.example>" in relay.log

    visitor.open("History")
    visitor.open("1")
    visitor.open("Undo all that came after it")
    visitor.press("Go back to change 1")
    visitor.sees("Configuration saved.")
    visitor.open("Senders")
    visitor.sees("There are no senders yet.")
