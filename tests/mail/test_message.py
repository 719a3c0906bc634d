"""Messages as bytes: what leaves, what does not, and what is refused."""

from __future__ import annotations

import io
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage, Message
from email.mime.text import MIMEText

import pytest

from confobjects.errors import MailError
from confobjects.mail.diagnosis import Trouble
from confobjects.mail.envelope import make_envelope
from confobjects.mail.message import fit_to_extensions, make_content, recipients_of
from confobjects.mail.wire import WireError


def mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("grüße\n")
    return message


def whole(message: object, *, utf8: bool = False, keep_8bit: bool = False) -> bytes:
    content = make_content(message, utf8=utf8, keep_8bit=keep_8bit)  # type: ignore[arg-type]
    return b"".join(content.pieces())


def test_bcc_stays_here_and_the_original_is_not_changed() -> None:
    message = mail(To="a@b.example", Bcc="secret@b.example")
    before = message.as_bytes()
    assert b"secret" not in whole(message)
    assert message.as_bytes() == before
    assert recipients_of(message) == ("a@b.example", "secret@b.example")


def test_recipients_are_those_of_the_headers_each_once() -> None:
    message = mail(To="Ann <a@b.example>, c@d.example", Cc="a@b.example", Bcc="group: e@f.example;")
    assert recipients_of(message) == ("a@b.example", "c@d.example", "e@f.example")


def test_a_resent_message_goes_to_the_new_recipients() -> None:
    assert recipients_of(mail(To="old@b.example", Resent_To="new@b.example")) == ("new@b.example",)


def test_text_is_seven_bit_unless_eight_may_stay() -> None:
    assert whole(mail()).isascii()
    message = EmailMessage()
    message.set_content("grüße\n", cte="8bit")
    assert whole(message).isascii()
    assert "grüße".encode() in whole(message, keep_8bit=True)


def test_headers_are_encoded_or_utf8() -> None:
    message = mail(Subject="grüße")
    assert b"=?utf-8?" in whole(message)
    assert "grüße".encode() in whole(message, utf8=True)


def test_international_domains_become_ascii_in_headers() -> None:
    message = mail()
    message["To"] = Address("Ännchen", "ann", "bücher.example")
    assert b"ann@xn--bcher-kva.example" in whole(message)
    assert "bücher" in str(message["To"])


def test_every_line_ends_with_crlf() -> None:
    for message in (mail(To="a@b"), b"a: b\n\nc\rd\n", MIMEText("x\ny")):
        data = whole(message)
        assert data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r")
        assert data.endswith(b"\r\n")


@pytest.mark.parametrize("value", ["x\nBcc: evil@example.com", "x\n\nbody", "x\r\n\r\nbody", "x\rY: z", "x\0y"])
def test_a_header_cannot_become_two(value: str) -> None:
    message = Message()  # the old class checks nothing by itself
    message["Subject"] = value
    message.set_payload("text")
    with pytest.raises(WireError) as caught:
        whole(message)
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize("name", ["Sub ject", "Sub\nject", "Subject:x", "Sübject"])
def test_the_name_of_a_header_is_checked_too(name: str) -> None:
    message = Message()
    message._headers.append((name, "x"))  # type: ignore[attr-defined]
    with pytest.raises(WireError):
        whole(message)


def test_a_folded_header_may_pass() -> None:
    message = Message()
    message["Subject"] = "a\n b"
    message["To"] = Header("grüße", "utf-8")  # type: ignore[assignment]
    message.set_payload("text")
    assert b"Subject: a\r\n b\r\n" in whole(message)


def test_a_file_streams_and_can_be_sent_twice() -> None:
    file = io.BytesIO(b"skipped" + b"x: y\n\n" + b"line\n" * 40_000)
    file.seek(7)
    content = make_content(file, utf8=False, keep_8bit=False)
    assert content.size == 6 + 2 + 40_000 * 6
    assert b"".join(content.pieces()) == b"".join(content.pieces()) == file.getvalue()[7:]
    assert max(map(len, content.pieces())) <= 1 << 16


def test_a_large_message_of_bytes_is_cut() -> None:
    data = b"x" * 200_000
    content = make_content(data, utf8=False, keep_8bit=False)
    assert b"".join(content.pieces()) == data + b"\r\n"


def test_what_the_server_cannot_take_is_refused_at_stage_mail() -> None:
    with pytest.raises(Trouble) as caught:
        fit_to_extensions(
            mail(To="änn@b.example"), extensions=["8BITMIME"], utf8_wanted=False, keep_8bit=False, utf8_needed=""
        )
    assert (caught.value.stage, caught.value.kind) == ("mail", "utf8-not-offered")
    content = fit_to_extensions(
        mail(To="änn@b.example"), extensions=["SMTPUTF8"], utf8_wanted=False, keep_8bit=False, utf8_needed=""
    )
    assert content.utf8_headers


def test_utf8_headers_only_where_wanted_and_offered() -> None:
    message = mail(Subject="grüße")
    for offered, wanted, expected in ((["SMTPUTF8"], True, True), ([], True, False), (["SMTPUTF8"], False, False)):
        content = fit_to_extensions(message, extensions=offered, utf8_wanted=wanted, keep_8bit=False, utf8_needed="")
        assert content.utf8_headers is expected


# -- envelope ----------------------------------------------------------------------------------------------------------


def test_an_envelope_holds_each_recipient_once_in_ascii_domains() -> None:
    envelope = make_envelope("ann@bücher.example", ["b@c.example", " b@c.example", '"x y"@z.example'])
    assert envelope.sender == "ann@xn--bcher-kva.example"
    assert envelope.recipients == ("b@c.example", '"x y"@z.example')
    assert not envelope.utf8


@pytest.mark.parametrize(
    "address", ["a", "a@b\r\nRCPT TO:<x@y>", "a@b> NOTIFY=NEVER", "a\0@b", "a@b, c@d", "@b", "a@", "a\n@b"]
)
def test_an_address_that_is_none_is_refused_with_its_stage(address: str) -> None:
    with pytest.raises(MailError) as caught:
        make_envelope("ok@example.com", [address, "fine@example.com"], path="/mail-server/one")
    assert (caught.value.stage, caught.value.exit_code) == ("rcpt", 48)
    assert all(line.isprintable() for line in str(caught.value).splitlines())
    with pytest.raises(MailError) as caught:
        make_envelope(address, ["fine@example.com"])
    assert (caught.value.stage, caught.value.exit_code) == ("mail", 47)


def test_all_bad_addresses_are_told() -> None:
    with pytest.raises(MailError) as caught:
        make_envelope("x", ["y", "z"])
    assert len(caught.value.diagnostics) == 3


def test_nobody_to_send_to() -> None:
    with pytest.raises(MailError) as caught:
        make_envelope("a@b.example", [])
    assert caught.value.exit_code == 48


def test_a_bounce_has_an_empty_sender() -> None:
    assert make_envelope("", ["a@b.example"]).sender == ""
