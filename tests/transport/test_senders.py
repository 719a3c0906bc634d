"""Mail of a sender on the wire: its address in the envelope, its names in the headers, and what a test says of it."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest

from confobjects.mail.senders import MailSender, format_mailbox
from confobjects.transport.check import check_server
from confobjects.transport.mailer import send_test
from tests.servers import mail_server
from tests.servers.fake_smtp import FakeSmtp

SENDER = MailSender(
    "/mail-sender/news", "news@example.com", format_mailbox("Grüße", "news@example.com"), "bob@example.com", None
)
CLEAR = {"use_start_tls": False}


def test_a_test_mail_comes_from_the_sender() -> None:
    with FakeSmtp() as fake:
        report = send_test(mail_server(fake.port, **CLEAR), "a@example.com", sender=SENDER)
    assert report.sender == "news@example.com"
    [text] = fake.messages
    message = message_from_bytes(text, policy=policy.SMTP)
    assert str(message["From"]) == "Grüße <news@example.com>"
    assert message["Reply-To"] == "bob@example.com"


@pytest.mark.parametrize("depth", ["envelope", "send"])
def test_a_test_of_a_sender_names_its_address_and_what_applies_to_it(depth: str) -> None:
    with FakeSmtp() as fake:
        result = check_server(mail_server(fake.port, **CLEAR), depth=depth, to=["a@example.com"], sender=SENDER)
    assert result.ok
    assert "MAIL FROM:<news@example.com>" in "\n".join(result.transcript)
    facts = result.as_json()
    assert facts["sender"] == "/mail-sender/news"
    assert ["DMARC policy of example.com" in note for note in facts["notes"]] == [True]


def test_a_test_of_a_server_alone_says_nothing_of_a_sender() -> None:
    with FakeSmtp() as fake:
        facts = check_server(mail_server(fake.port, **CLEAR), depth="ehlo").as_json()
    assert not {"sender", "notes"} & facts.keys()
