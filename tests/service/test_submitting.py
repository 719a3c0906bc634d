"""Whatever is handed in comes from the mail sender, keeps its text, and tells nobody of blind copies."""

from __future__ import annotations

from base64 import b64encode
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.policy import default

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from confobjects.errors import NotAcceptedError, UsageError
from confobjects.mail.senders import MailSender, format_mailbox
from confobjects.service.ledger import Mail
from confobjects.service.submitting import MOST_NAMED, make_text_message, read_recipients, with_sender


def sender(address: str = "own@example.com", name: str = "", reply_to: str = "") -> MailSender:
    return MailSender("/mail-sender/own", address, format_mailbox(name, address), reply_to, None)


def made(message: Message | bytes, *to: str, by: MailSender | None = None) -> Mail:
    return with_sender(message, to or None, by or sender(), "own", "")


def header(mail: Mail) -> Message:
    return message_from_bytes(mail.content, policy=default)


HANDED_IN = [
    b"From: root (Cron)\nTo: ann@x.test\nSubject: s\n\ntext\n",
    b"From: a@x.test\nFrom: b@x.test\nSender: c@x.test\nReply-To: d@x.test\nTo: ann@x.test\n\ntext\n",
    b"Return-Path: <root@h>\r\nto: ann@x.test\r\nbcc: bob@x.test,\r\n  cid@x.test\r\nResent-Bcc: dan@x.test\r\n\r\ntext\r\n",
    b"From root Mon Nov 28 00:00:00 2026\nTo: ann@x.test\n\ntext\n",
    b"from : x@x.test\nTo : ann@x.test\n\ntext\n",
]


@pytest.mark.parametrize("data", HANDED_IN)
def test_a_message_comes_from_the_sender_and_keeps_its_text(data: bytes) -> None:
    mail = made(data, by=sender(name="Our Shop", reply_to="help@example.com"))
    found = header(mail)
    assert (mail.from_, mail.sender) == ("own@example.com", "own")
    assert found.get_all("From") == ["Our Shop <own@example.com>"]
    assert found.get_all("Reply-To") == ["help@example.com"]
    assert [name for name in ("Sender", "Bcc", "Resent-Bcc", "Return-Path") if name in found] == []
    assert len(found.get_all("Date", [])) == len(found.get_all("Message-ID", [])) == 1
    assert found["To"] == "ann@x.test"
    assert mail.content.endswith(b"\r\n\r\ntext\r\n")
    for one in (b"bob@", b"cid@", b"dan@", b"root"):
        assert one not in mail.content


def test_blind_copies_get_the_mail() -> None:
    assert made(HANDED_IN[2]).recipients == ("ann@x.test", "bob@x.test", "cid@x.test")


@pytest.mark.parametrize("text", [b"hello\n", b"\nTo: a@x.test\n", b"two words: no field\n", b""])
def test_what_has_no_header_is_a_text(text: bytes) -> None:
    mail = made(text, "ann@x.test")
    assert header(mail)["From"] == "own@example.com"
    assert mail.content.partition(b"\r\n\r\n")[2] == text.removeprefix(b"\n").replace(b"\n", b"\r\n")


@given(st.binary(max_size=300).filter(lambda data: b"\0" not in data))
def test_whatever_is_handed_in_has_one_sender_and_no_blind_copy(data: bytes) -> None:
    content = made(data, "ann@x.test").content
    head = content.partition(b"\r\n\r\n")[0] + b"\r\n"
    assert head.startswith(b"From: own@example.com\r\n")
    assert head.lower().count(b"\r\nfrom:") == head.lower().count(b"\r\nbcc:") == 0
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_a_date_and_an_identifier_that_are_there_stay() -> None:
    found = header(made(b"Date: Sat, 28 Nov 2026 10:00:00 +0000\nMessage-ID: <1@x.test>\nTo: ann@x.test\n\nx\n"))
    assert (found["Message-ID"], str(found["Date"])) == ("<1@x.test>", "Sat, 28 Nov 2026 10:00:00 +0000")


def test_a_message_object_is_left_as_it_is() -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Bcc"] = "x@x.test", '"Doe, Ann" <ann@x.test>', "bob@x.test"
    message.set_content("Grüße\n")
    before = message.as_bytes()
    mail = made(message)
    assert message.as_bytes() == before
    assert mail.recipients == ("ann@x.test", "bob@x.test")
    assert mail.content.isascii()
    found = message_from_bytes(mail.content, policy=default)
    assert isinstance(found, EmailMessage)
    assert found.get_content() == "Grüße\n"
    assert b"bob@" not in mail.content


@pytest.mark.parametrize(
    ("by", "shown", "envelope"),
    [
        (sender(name="Größe & Söhne"), "Größe & Söhne <own@example.com>", "own@example.com"),
        (sender("own@bücher.example"), "own@xn--bcher-kva.example", "own@bücher.example"),
        (sender("größe@example.com"), "größe@example.com", "größe@example.com"),
    ],
)
def test_names_and_addresses_in_other_letters(by: MailSender, shown: str, envelope: str) -> None:
    mail = made(b"To: ann@x.test\n\nx\n", by=by)
    found = message_from_bytes(mail.content, policy=default)
    assert str(found["From"]) == shown
    assert mail.from_ == envelope
    assert str(found["Message-ID"]).isascii()


def test_recipients_of_a_header_in_utf_8() -> None:
    data = (
        'To: "Müller, A" <a@x.test>, =?utf-8?q?Doe=2C_B?= <b@x.test>, Gruppe: c@x.test;\nCc: größe@x.test\n\n'.encode()
    )
    assert read_recipients(data) == ("a@x.test", "b@x.test", "c@x.test", "größe@x.test")


def test_a_text_to_several() -> None:
    message = make_text_message(["a@x.test", "b@x.test"], "Grüße", "one\ntwo\n")
    mail = made(message)
    assert mail.recipients == ("a@x.test", "b@x.test")
    assert str(header(mail)["Subject"]) == "Grüße"


def test_many_recipients_of_a_text_do_not_learn_of_each_other() -> None:
    to = [f"u{n}@x.test" for n in range(MOST_NAMED + 1)]
    mail = made(make_text_message(to, "s", "text"), *to)
    assert mail.recipients == tuple(to)
    assert b"@x.test" not in mail.content
    assert b"u1@x.test" in made(make_text_message(to[1:], "s", "text"), *to[1:]).content


@pytest.mark.parametrize(
    ("message", "to", "said"),
    [
        (b"Subject: x\n\nx\n", (), "no recipient"),
        (b"To: ann@x.test\n\n\0\n", (), "NUL"),
        (b"x", ("not an address",), "not a mail address"),
        (b"x" * ((64 << 20) + 1), ("ann@x.test",), "bytes"),
    ],
    ids=["nobody", "nul", "address", "size"],
)
def test_what_cannot_be_sent_is_not_accepted(message: bytes, to: tuple[str, ...], said: str) -> None:
    with pytest.raises(NotAcceptedError, match=said):
        made(message, *to)


@pytest.mark.parametrize("subject", ["two\nlines", "two\r\nBcc: x@x.test", "end\n", "line\u2028separator"])
def test_a_subject_is_one_line(subject: str) -> None:
    with pytest.raises(NotAcceptedError, match="subject"):
        make_text_message(["a@x.test"], subject, "")


def _encode(text: str) -> str:
    return f"=?utf-8?b?{b64encode(text.encode()).decode()}?="


@given(
    st.sampled_from(["Subject", "Comments", "X-Name", "Keywords"]),
    st.text(alphabet="\r\n\t :aB", min_size=1, max_size=30),
    st.sampled_from(["", "Hi ", "x" * 90 + " "]),
)
@example("Subject", "\r\nBcc: e@x.test\r\n\r\nevil", "Hi ")
@example("X-Name", "a\rBcc: e", "")
def test_an_encoded_word_makes_no_header(name: str, text: str, before: str) -> None:
    message = EmailMessage()
    message[name] = before + _encode(text)
    message.set_content("body")
    parsed = message_from_bytes(with_sender(message, ("a@x.test",), sender(), "own", "").content)
    expected = [name, "Content-Type", "Content-Transfer-Encoding", "MIME-Version", "From", "Date", "Message-ID"]
    assert sorted(parsed.keys()) == sorted(expected)
    assert parsed.get_payload() == "body\r\n"


@pytest.mark.parametrize("name", ["To", "Reply-To", "Content-Type"])
def test_an_encoded_word_in_a_header_with_a_form_makes_none_or_is_refused(name: str) -> None:
    source = f"{name}: {_encode(chr(13) + chr(10) + 'Bcc: e@x.test')} <a@x.test>, {'b' * 70}@x.test\r\n\r\nbody\r\n"
    for chosen in (policy.default, policy.SMTP, policy.compat32):
        message = message_from_bytes(source.encode(), policy=chosen)
        try:
            content = with_sender(message, ("a@x.test",), sender(), "own", "").content
        except NotAcceptedError:
            continue
        parsed = message_from_bytes(content)
        assert "Bcc" not in parsed
        assert parsed.get_payload() == "body\r\n"


@pytest.mark.parametrize("category", ["Account", "account ", "a--b", "-", "ä", "x" * 101])
def test_a_category_has_a_form(category: str) -> None:
    with pytest.raises(UsageError, match="category"):
        with_sender(b"x", ("a@x.test",), sender(), "own", category)


def test_of_a_message_that_was_resent_the_new_recipients_count() -> None:
    data = b"To: a@x.test\nResent-To: b@x.test\nResent-Cc: c@x.test,\n d@x.test\nResent-Bcc: e@x.test\n\n"
    assert read_recipients(data) == ("b@x.test", "c@x.test", "d@x.test", "e@x.test")


def test_a_header_with_too_many_recipients_is_not_read() -> None:
    with pytest.raises(NotAcceptedError, match="header"):
        read_recipients(b"To: " + b"a@x.test, " * 500_000 + b"\n\n")
