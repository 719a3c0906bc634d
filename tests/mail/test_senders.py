"""From a mail sender to headers: whatever name it has, one From and one Reply-To with exactly its addresses."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.errors import MailError
from confobjects.mail.message import make_content
from confobjects.mail.senders import MailSender, format_mailbox, read_sender
from tests.servers import Given, mail_server

NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=60).filter(str.strip)


def sender(**values: object) -> MailSender:
    given = {"enabled": True, "from-name": None, "reply-to-address": None, "reply-to-name": None, "mail-server": "one"}
    facts = {**given, "from-address": "news@example.com", **{name.replace("_", "-"): v for name, v in values.items()}}
    return read_sender(Given("mail-sender", "mail-sender", "news", facts, targets={"mail-server": mail_server()}))


def sent(one: MailSender) -> EmailMessage:
    message = EmailMessage()
    message["To"] = "b@example.com"
    message.set_content("hello\n")
    one.add_headers(message)
    content = make_content(message, utf8=False, keep_8bit=False)
    read = message_from_bytes(b"".join(bytes(piece) for piece in content.pieces()), policy=policy.SMTP)
    assert isinstance(read, EmailMessage)
    return read


@given(NAMES)
def test_any_name_is_shown_and_changes_no_address(name: str) -> None:
    message = sent(sender(from_name=name, reply_to_address="bob@example.com", reply_to_name=name))
    for header, address in (("From", "news@example.com"), ("Reply-To", "bob@example.com")):
        [text] = [value for key, value in message.raw_items() if key == header]
        assert max(map(len, f"{header}: {text}".splitlines())) <= 78
        shown, found = parseaddr(text)
        assert found == address
        # The parser of policies puts blanks between encoded words (RFC 2047, section 6.2 forbids that).
        assert str(make_header(decode_header(shown))) == name if "=?" in shown else shown == name


def test_without_names_the_addresses_stand_alone() -> None:
    message = sent(sender(reply_to_address="bob@example.com"))
    assert (message["From"], message["Reply-To"]) == ("news@example.com", "bob@example.com")
    assert "Reply-To" not in sent(sender())


def test_a_message_has_one_sender() -> None:
    message = EmailMessage()
    message["From"], message["Reply-To"] = "eve@example.com", "eve@example.com"
    sender().add_headers(message)
    assert (message.get_all("From"), message.get_all("Reply-To")) == (["news@example.com"], None)


def test_a_disabled_sender_sends_nothing() -> None:
    with pytest.raises(MailError) as caught:
        sender(enabled=False)
    assert (caught.value.stage, caught.value.exit_code) == ("plan", 51)


def test_the_note_names_the_domain_whose_policy_applies() -> None:
    note = sender(from_address='"a@b"@mail.example.com').as_note("relay.example")
    assert "DMARC policy of mail.example.com" in note
    assert "relay.example has to be allowed" in note


def test_a_quote_in_a_name_is_escaped() -> None:
    assert format_mailbox('A "b" \\c', "a@b.example") == '"A \\"b\\" \\\\c" <a@b.example>'


def test_an_address_in_utf8_keeps_its_name_in_utf8() -> None:
    message = EmailMessage()
    sender(from_address="änn@bücher.example", from_name="Änn").add_headers(message)
    content = b"".join(make_content(message, utf8=True, keep_8bit=True).pieces())
    assert (
        'From: "Änn" <änn@bücher.example>'.encode() in content or "From: Änn <änn@bücher.example>".encode() in content
    )
