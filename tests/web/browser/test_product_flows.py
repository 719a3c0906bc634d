"""The flows of the products that people come from, from the first click to the mail that arrives at a Postfix."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email.utils import parseaddr
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.opening import open_any
from tests.servers.postfix import PASSWORD, REALM, USER, Postfix
from tests.service.processes import UNSEALED
from tests.web.browser.person import Visitor
from tests.web.people import bearer
from tests.web.serving import ServeProcess

LOGIN = f"{USER}@{REALM}"


@pytest.fixture
def console(url: str, relay: Postfix) -> Iterator[ServeProcess]:
    """The console with the mail service in its process, which may send to the Postfix of the tests."""
    targets = [word for port in relay.ports.values() for word in ("--allow-target", f"localhost:{port}")]
    targets += ["--allow-target", "localhost:1"]  # where nobody listens
    with ServeProcess(url, "--mail-service", UNSEALED, *targets) as running:
        yield running.wait_for_start()
        assert running.end() == 0


@pytest.fixture(params=["wide", "phone-without-scripts"])
def visitor(request: pytest.FixtureRequest, browser: Browser, console: ServeProcess) -> Iterator[Visitor]:
    """Somebody who has just opened the console, and looks carefully at each page."""
    base = f"http://127.0.0.1:{console.port}"
    is_wide = request.param == "wide"
    with Visitor(browser, base, 1200 if is_wide else 360, scripts=is_wide, careful=True) as found:
        yield found


class Program:
    """A program that sends mail through the mail service, with a token."""

    def __init__(self, console: ServeProcess) -> None:
        self._console = console

    def send(self, to: str, category: str = "") -> tuple[int, str]:
        """Ask for a mail, and return the status of the answer and its text."""
        mail: dict[str, Any] = {"to": [to], "subject": "Your password", "body": "Follow this link."}
        body = json.dumps({**mail, **({"category": category} if category else {})}).encode()
        answer = self._console.ask(
            "/api/v1/mails", "POST", body, {**bearer("sender"), "Content-Type": "application/json"}
        )
        return answer.status, answer.body.decode()


@pytest.fixture
def program(console: ServeProcess) -> Program:
    return Program(console)


def fill_in_custom_server(visitor: Visitor, name: str, relay: Postfix, mail: str, password: str = PASSWORD) -> None:
    visitor.type_in("Name", name)
    visitor.type_in("Username", LOGIN)
    visitor.type_in("Password", password)
    visitor.type_in("Server Name", "localhost")
    visitor.type_in("Port", str(relay.ports["smtps"]))
    visitor.choose("Trusted Certificates", "Our CA")
    visitor.type_in("From Address", mail)


def save(visitor: Visitor) -> None:
    visitor.press("Save")
    visitor.sees("Configuration saved.")


def send_test_email(visitor: Visitor, to: str) -> None:
    visitor.open("Send Test Email")
    visitor.type_in("Send to", to)
    visitor.press("Send")


def test_a_custom_server_as_in_pingone(visitor: Visitor, relay: Postfix, request: pytest.FixtureRequest) -> None:
    inbox = f"{request.node.callspec.id}.pingone@mailbox.test"
    visitor.sign_in()

    # Go to Settings > Senders. Click +, choose Email and Custom Server, and click Next.
    visitor.open_in_menu("Senders")
    visitor.sees("There are no senders yet.")
    visitor.open("Add a sender")
    visitor.choose("Sender Type", "Email")
    visitor.choose("Provider Type", "Custom Server")
    visitor.press("Next")

    # Enter the details. Five fields are mandatory; the port is 465 unless another one is given.
    visitor.sees("Custom SMTP Server")
    for label in ("Username", "Password", "Server Name", "From Address"):
        visitor.sees_beside(label, "required")
    visitor.sees_suggested("Port", "465")
    visitor.sees_beside("Port", "On port 25, 587 and 2525 the connection is secured with STARTTLS")
    fill_in_custom_server(visitor, "acme", relay, "")
    visitor.type_in("From Name", "Acme News")
    visitor.type_in("Reply-To Name", "Acme Help")
    visitor.type_in("Reply-To Address", "help@acme.example")
    visitor.press("Save")
    visitor.sees_beside("From Address", "mandatory")
    visitor.sees_in("From Name", "Acme News")
    visitor.type_in("From Address", "news@acme.example")

    # Click Save. You are warned that nothing was tested.
    save(visitor)
    visitor.sees("It was saved without a test.")
    visitor.open_in_menu("Senders")
    visitor.sees_row("acme", "news@acme.example", "never tested")

    # Edit the entry in the list, click Send Test Email, enter an address in Send to, and click Send.
    visitor.open("acme")
    visitor.sees_in("Server Name", "localhost")
    visitor.sees_in("Password", "")
    send_test_email(visitor, inbox)
    visitor.sees(f"A test message was successfully sent to {inbox}.")

    # Check the destination email box.
    mail = relay.wait_for_mail(inbox)
    assert parseaddr(mail["From"]) == ("Acme News", "news@acme.example")
    assert parseaddr(mail["Reply-To"]) == ("Acme Help", "help@acme.example")
    visitor.open_in_menu("Senders")
    visitor.sees_row("acme", "passed")

    # An edit of where the password goes demands the password; a wrong one cannot log in, and that is said.
    visitor.open("acme")
    visitor.type_in("Server Name", "127.0.0.1")
    visitor.press("Save")
    visitor.sees_beside("Password", "needs auth-password to be given again")
    visitor.type_in("Server Name", "localhost")
    visitor.type_in("Password", "mistyped")
    save(visitor)
    send_test_email(visitor, inbox)
    visitor.sees("the server does not accept the user name or the password")
    visitor.open_in_menu("Senders")
    visitor.sees_row("acme", "failed")
    assert len(relay.open_mailbox(inbox)) == 1


@pytest.fixture
def default_sender(url: str, relay: Postfix) -> None:
    """What mail comes from before anybody configures anything."""
    with open_any(url) as context, context.change() as tx:
        server = {
            "enabled": True,
            "smtp-server": f"localhost:{relay.ports['smtps']}",
            "auth-username": LOGIN,
            "auth-password": PASSWORD,
            "trust-manager-provider": "Our CA",
        }
        tx.create("mail-server", "built-in", server, type="custom-server")
        sender = {"enabled": True, "from-address": "noreply@service.example", "mail-server": "built-in"}
        tx.create("mail-sender", "built-in", sender)
        tx.set("mail-service", (), {"enabled": "true", "default-sender": "built-in"})


@pytest.mark.usefixtures("default_sender")
def test_a_custom_mail_server_as_in_sap(
    visitor: Visitor, relay: Postfix, program: Program, request: pytest.FixtureRequest
) -> None:
    user, other = (f"{request.node.callspec.id}.{name}@mailbox.test" for name in ("user", "other"))
    visitor.sign_in("operator")

    # Mail comes from the default mail server. Choose Mail Server Configuration, and Custom Mail Server.
    visitor.open_in_menu("Mail service")
    visitor.sees("Mail comes from built-in")
    visitor.open("Add a sender")
    visitor.choose("Provider Type", "Custom Server")
    visitor.press("Next")

    # Enter the required information in all the fields, and save.
    fill_in_custom_server(visitor, "tenant", relay, "accounts@acme.example")
    save(visitor)
    visitor.open_in_menu("Mail service")
    visitor.pick("Custom Mail Server")
    visitor.choose("The Mail Sender that all mail comes from.", "tenant")
    save(visitor)
    visitor.sees("Mail comes from tenant")

    # Choose "Forgot password?". The mail has the configured address as its sender.
    assert program.send(user, "account")[0] == 202
    assert parseaddr(relay.wait_for_mail(user)["From"])[1] == "accounts@acme.example"

    # Only three of these mails are sent within 24 hours. Reset Counter lets more be sent.
    assert [program.send(user, "account")[0] for _ in range(2)] == [202, 202]
    status, answer = program.send(user, "account")
    assert (status, "as many mails as its quota allows" in answer) == (422, True)
    visitor.open_in_menu("Recipients")
    visitor.sees("at most 3 mails of account within 24")
    visitor.sees_row(user, "3 of 3")
    visitor.press("Reset Counter")
    visitor.sees_row(user, "0 of 3")
    assert program.send(user, "account")[0] == 202
    relay.wait_for_mail(user, 4)

    # If the configuration is not correct, no mail is sent; the queue says why.
    visitor.open_in_menu("Senders")
    visitor.open("tenant")
    visitor.type_in("Password", "mistyped")
    save(visitor)
    assert program.send(other)[0] == 202
    visitor.open_in_menu("Mail service")
    visitor.press("Test Connection And Save")
    visitor.sees("the server does not accept the user name or the password")
    visitor.open_in_menu("Queue")
    visitor.looks_again_until(other, "auth-rejected")
    visitor.open_row(other)
    visitor.sees("the server does not accept the user name or the password")
    assert relay.open_mailbox(other) == []

    # To return to the default settings, remove the configuration.
    return_to_the_default(visitor)
    assert program.send(other)[0] == 202
    assert parseaddr(relay.wait_for_mail(other)["From"])[1] == "noreply@service.example"


def return_to_the_default(visitor: Visitor) -> None:
    visitor.open_in_menu("Mail service")
    visitor.pick("Default Mail Server")
    save(visitor)
    visitor.sees("Mail comes from built-in")
    visitor.choose("The Mail Sender that all mail comes from.", "none")
    save(visitor)
    visitor.open_in_menu("Mail Senders")
    visitor.open("tenant")
    visitor.open("Delete")
    visitor.press("Delete tenant")
    visitor.sees_no_row("tenant")


def read_what_external_smtp_asks_for(visitor: Visitor) -> None:
    for label in ("Name", "smtp-server", "authentication", "auth-username"):
        visitor.sees_beside(label, "required")
    visitor.sees_beside("auth-password", "Required when authentication is username-password")
    visitor.sees_beside("oauth2-provider", "Required when authentication is oauth2")
    visitor.sees_beside("socket-factory-port", "Required when socket-factory-class is set")
    visitor.sees_beside("use-start-tls", "Default: false")
    visitor.sees_beside("socket-factory-fallback", "Default: true")


@pytest.mark.usefixtures("default_sender")
def test_an_external_server_as_in_zuora(
    visitor: Visitor, relay: Postfix, program: Program, request: pytest.FixtureRequest
) -> None:
    inbox = f"{request.node.callspec.id}.zuora@mailbox.test"
    visitor.sign_in("operator")

    # Go to the e-mail settings, and click External SMTP. Configure the required fields.
    visitor.open_in_menu("Mail service")
    visitor.open("External SMTP")
    read_what_external_smtp_asks_for(visitor)
    visitor.type_in("Name", "billing")
    visitor.choose_value("enabled", "true")
    visitor.type_in("smtp-server", f"localhost:{relay.ports['submission']}")
    visitor.choose_value("authentication", "oauth2")
    visitor.type_in("auth-username", LOGIN)
    visitor.choose_value("trust-manager-provider", "Our CA")

    # Test Connection And Save tells what is missing, and what does not work; nothing is saved.
    visitor.press("Test connection and save")
    visitor.sees_beside("oauth2-provider", "oauth2-provider is required when authentication is oauth2.")
    visitor.choose_value("authentication", "username-password")
    visitor.press("Test connection and save")
    visitor.sees_beside("auth-password", "auth-password is required when authentication is username-password.")
    visitor.type_in("auth-password", "mistyped")
    visitor.press("Test connection and save")
    visitor.sees("the connection does not use TLS")
    visitor.choose_value("use-start-tls", "true")
    visitor.press("Test connection and save")
    visitor.sees("the server does not accept the user name or the password")
    visitor.type_in("auth-password", PASSWORD)
    visitor.type_in("smtp-server", "localhost:1")
    visitor.press("Test connection and save")
    visitor.sees_beside("smtp-server", "nothing accepts connections at 127.0.0.1:1.")
    visitor.type_in("socket-factory-class", "javax.net.ssl.SSLSocketFactory")
    visitor.press("Test connection and save")
    visitor.sees_beside("socket-factory-port", "socket-factory-port is required when socket-factory-class is set.")

    # The data is saved if the connection is successful.
    visitor.type_in("socket-factory-port", str(relay.ports["smtps"]))
    visitor.press("Test connection and save")
    visitor.sees("only one of them can be used")
    visitor.press("Set use-start-tls to false")
    visitor.press("Test connection and save")
    visitor.sees("Configuration saved.")
    visitor.does_not_see("It was saved without a test.")

    # Select the External SMTP Server.
    visitor.open_in_menu("Mail Senders")
    visitor.open("New Mail Sender")
    visitor.type_in("Name", "billing")
    visitor.choose_value("enabled", "true")
    visitor.type_in("from-address", LOGIN)
    visitor.choose_value("mail-server", "billing")
    save(visitor)
    visitor.open_in_menu("Mail service")
    visitor.pick("Custom Mail Server")
    visitor.choose("The Mail Sender that all mail comes from.", "billing")
    visitor.press("Test Connection And Save")
    visitor.sees("Configuration saved.")
    assert program.send(inbox)[0] == 202
    assert parseaddr(relay.wait_for_mail(inbox)["From"])[1] == LOGIN
