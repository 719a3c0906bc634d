"""What applies to mail whatever a test says: relaying, app passwords, and the limits of large providers."""

from __future__ import annotations

import pytest

from confobjects.mail.notes import list_notes
from confobjects.mail.plan import DeliveryPlan
from confobjects.mail.planning import plan_delivery
from confobjects.mail.senders import MailSender
from tests.servers import mail_server

LOGIN = {"auth_username": "ann@example.com", "auth_password": "secret"}
APP_PASSWORD = "password of Gmail and Google Workspace: an app password, which needs 2-Step Verification"
GMAIL = "limits of Gmail and Google Workspace: 2,000 mails a day with Google Workspace, 500 with a personal account"
MAILBOX = "password of Microsoft 365: the password of the mailbox, as long as your organization still allows it"
MICROSOFT = "limits of Microsoft 365: 30 mails a minute, 10,000 recipients a day, 3 connections at once"
SES = "limits of Amazon Simple Email Service: In the sandbox 200 mails in 24 hours, 1 a second, to verified addresses only"


def planned(host: str, **more: object) -> DeliveryPlan:
    return plan_delivery(mail_server(587, host=host, **more))


def sender(address: str) -> MailSender:
    return MailSender("/mail-sender/news", address, address, "", None)


@pytest.mark.parametrize(
    ("host", "login", "notes"),
    [
        ("smtp.example.com", LOGIN, ()),
        ("smtp.gmail.com", LOGIN, (APP_PASSWORD, GMAIL)),
        ("SMTP.Gmail.com.", LOGIN, (APP_PASSWORD, GMAIL)),
        ("smtp.gmail.com", {}, (GMAIL,)),
        ("smtp.gmail.com.example.com", LOGIN, ()),
        ("smtp.office365.com", LOGIN, (MAILBOX, MICROSOFT)),
        ("email-smtp.eu-west-1.amazonaws.com", {}, (SES,)),
        ("email-smtp..amazonaws.com", {}, ()),
    ],
)
def test_what_applies_to_mail_whatever_a_test_says(host: str, login: dict[str, str], notes: tuple[str, ...]) -> None:
    assert list_notes(planned(host, **login), None) == notes


def test_an_address_that_does_not_log_in_has_to_be_allowed() -> None:
    plan = planned("smtp.example.com", **LOGIN)
    dmarc, relay = list_notes(plan, sender("news@example.com"))
    assert "DMARC" in dmarc
    assert relay == (
        "smtp.example.com has to allow ann@example.com to send as news@example.com (relaying), which is not the login"
    )
    assert len(list_notes(plan, sender("Ann@example.com"))) == 1
    assert len(list_notes(planned("smtp.example.com"), sender("news@example.com"))) == 1


def test_an_access_token_is_no_password() -> None:
    plan = plan_delivery(mail_server(587, host="smtp.gmail.com", **LOGIN), token="t")
    assert list_notes(plan, None) == (GMAIL,)
