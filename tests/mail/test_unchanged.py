"""What is signed is not changed, Bcc is never sent, and addresses stay what they are, whatever a message is made of."""

from __future__ import annotations

import io
import re
from email import policy
from email.headerregistry import Address, Group, HeaderRegistry
from email.message import EmailMessage, Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.parser import BytesParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.mail.diagnosis import Trouble
from confobjects.mail.message import BccFilter, fit_to_extensions, make_content
from confobjects.mail.wire import WireError, with_crlf

POLICIES = [policy.default, policy.SMTP, policy.SMTPUTF8, policy.compat32]


def whole(message: Any, *, utf8: bool = False, keep_8bit: bool = False) -> bytes:
    return b"".join(make_content(message, utf8=utf8, keep_8bit=keep_8bit).pieces())


# -- signed ------------------------------------------------------------------------------------------------------------

SIGNED = (
    b"Content-Type: multipart/mixed; boundary=inner;\r\n"
    b'\tx-note="' + b"a long parameter that no policy may fold again, " * 3 + b'"\r\n'
    b"X-Raw: gr\xc3\xbc\xc3\x9fe und noch mehr Text, damit die Zeile lang genug ist, um gefaltet zu werden\r\n\r\n"
    b"preamble \r\n--inner\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    b"gr\xc3\xbc\xc3\x9fe  \r\n.\r\nFrom here\r\n\r\n--inner\r\n"
    b'Content-Type: message/rfc822\r\n\r\nSubject: nested =?utf-8?q?x?=\r\nTo: "a, b" <x@y.example>\r\n\r\n\xe4 body\r\n'
    b"\r\n--inner--\r\nepilogue\r\n"
)
"""A part as it is signed: odd folds, 8-bit text and headers, blanks at line ends."""


def container(kind: str, part: bytes, *, nested: bool = False) -> bytes:
    body = (
        b"Content-Type: multipart/" + kind.encode() + b'; boundary=outer; protocol="application/x"\r\n\r\n'
        b"--outer\r\n" + part + b"\r\n--outer\r\nContent-Type: application/x\r\n\r\nsignature\r\n\r\n--outer--\r\n"
    )
    head = b"Subject: gr\xc3\xbc\xc3\x9fe\r\nTo: a@b.example\r\nMIME-Version: 1.0\r\n"
    if not nested:
        return head + body
    text = b"--most\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\xa4\r\n"
    return (
        head + b"Content-Type: multipart/mixed; boundary=most\r\n\r\n" + text + b"--most\r\n" + body + b"--most--\r\n"
    )


@pytest.mark.parametrize("used", POLICIES)
@pytest.mark.parametrize("kind", ["signed", "encrypted"])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("keep_8bit", [False, True])
def test_what_is_signed_or_encrypted_is_sent_byte_for_byte(used: Any, kind: str, nested: bool, keep_8bit: bool) -> None:
    message = BytesParser(policy=used).parsebytes(container(kind, SIGNED, nested=nested))
    assert SIGNED in whole(message, keep_8bit=keep_8bit)
    if nested and not keep_8bit:
        assert b"8bit\r\n\r\n\xc3\xa4" not in whole(message), "what is not signed is recoded as always"


@pytest.mark.parametrize("header", ["DKIM-Signature", "ARC-Message-Signature"])
@pytest.mark.parametrize("used", POLICIES)
def test_a_message_that_is_signed_as_a_whole_is_not_changed(used: Any, header: str) -> None:
    data = (
        header.encode()
        + b": v=1; a=rsa-sha256;\r\n\th=from; b="
        + b"x" * 90
        + b"\r\nFrom: "
        + b'"A, B" <a@b.example>\r\n'
        b"To: ann@b\xc3\xbccher.example\r\n" + SIGNED
    )
    message = BytesParser(policy=used).parsebytes(data)
    assert whole(message) == data


def test_a_signed_message_that_a_server_cannot_take_is_refused_and_not_recoded() -> None:
    message = BytesParser(policy=policy.SMTP).parsebytes(container("signed", SIGNED))
    given_ = {"utf8_wanted": False, "keep_8bit": False, "utf8_needed": ""}
    with pytest.raises(Trouble) as caught:
        fit_to_extensions(message, extensions=[], **given_)  # type: ignore[arg-type]
    assert caught.value.kind == "8bit-not-offered"
    assert fit_to_extensions(message, extensions=["8BITMIME"], **given_).eight_bit  # type: ignore[arg-type]


def test_parts_that_were_built_are_sent_as_they_are_written() -> None:
    part = MIMEText("gr\u00fc\u00dfe\n", "plain", "utf-8")
    message = MIMEMultipart("signed", None, [part, MIMEText("signature")])
    assert part.as_bytes().replace(b"\n", b"\r\n") in whole(message)


# -- Bcc ---------------------------------------------------------------------------------------------------------------

BCC = [
    b"Bcc: secret@b.example\r\n",
    b"bCC:secret@b.example\n",
    b"BCC :\r\n secret@b.example,\r\n\tsecret@c.example\r\n",
    b"Resent-Bcc: secret@b.example\r\n",
    b"resent-bcc\t: secret@b.example\r",
]


@pytest.mark.parametrize("field", BCC)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_message_of_bytes_or_in_a_file_loses_its_bcc(field: bytes, place: int) -> None:
    fields = [b"Subject: x\r\n", b"To: a@b.example\r\n y\r\n"]
    fields.insert(place, field)
    data = b"".join(fields) + b"\r\nBcc: in the body\r\n"
    expected = b"Subject: x\r\nTo: a@b.example\r\n y\r\n\r\nBcc: in the body\r\n"
    assert whole(data) == whole(bytearray(data)) == whole(io.BytesIO(data)) == expected
    content = make_content(io.BytesIO(data), utf8=False, keep_8bit=False)
    assert content.size == len(expected)
    assert b"".join(content.pieces()) == expected, "a second time as well"


_LINES = st.sampled_from(
    [b"", b" more", b"\tmore", b"Bcc: x", b"bcc\t :y", b"Resent-Bcc:z", b"Bcc", b"r", b"resent-", b"To: a", b"Bccc: n"]
)


@given(st.lists(_LINES, max_size=8), st.sampled_from([b"\r\n", b"\n", b"\r"]), st.data())
def test_pieces_of_any_size_lose_the_same_as_the_whole(lines: list[bytes], end: bytes, data: st.DataObject) -> None:
    text = end.join(lines) + end
    at = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True)]

    class Pieces(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            del size
            return next(self.left, b"")

        def seek(self, offset: int, whence: int = 0) -> int:
            self.left = iter([piece for piece in pieces if piece])
            return super().seek(offset, whence)

    sent = whole(text)
    assert with_crlf(b"".join(make_content(Pieces(), utf8=False, keep_8bit=False).pieces())) == sent
    header = sent.partition(b"\r\n\r\n")[0] if not sent.startswith(b"\r\n") else b""
    assert not re.search(rb"(?im)^(resent-)?bcc[ \t]*:", header)
    kept = [line for line in sent.split(b"\r\n") if line[:3] not in (b"Bcc", b"bcc", b"Res") and line[:1].strip()]
    assert all(line in lines for line in kept)


def test_the_filter_holds_back_no_more_than_the_name_of_a_field() -> None:
    dropping = BccFilter()
    held = 0
    for _ in range(100_000):
        held = max(held, len(dropping._held))
        assert dropping.feed(b" " if held else b"Bcc") == b""
    assert held <= BccFilter.MOST_HELD


# -- addresses ---------------------------------------------------------------------------------------------------------

LONG = "Meyer, Ann Margarete Elisabeth, Head of the Department of Very Long Names and Titles (Berlin)"


def people(name: str, data: bytes) -> list[tuple[str | None, list[tuple[str, str]]]]:
    """Return the groups in a header of a message, as another program reads them."""
    text = BytesParser(policy=policy.SMTPUTF8).parsebytes(data)[name]
    header: Any = HeaderRegistry()(name, str(text))
    return [(g.display_name, [(a.display_name, a.addr_spec) for a in g.addresses]) for g in header.groups]


def built(address: Address, header: str, used: Any) -> Message:
    message = EmailMessage(policy=used)
    message[header] = address if used is not policy.compat32 else str(address)
    return message


@pytest.mark.parametrize("used", POLICIES)
@pytest.mark.parametrize("header", ["To", "From", "Cc", "Reply-To", "Resent-To"])
@pytest.mark.parametrize("utf8", [False, True])
@pytest.mark.parametrize("name", [LONG, LONG.replace("Ann", "Ännchen"), f'The "{LONG}"', "x," * 120, "Ännchen, kurz"])
def test_a_name_stays_what_it_is(used: Any, header: str, utf8: bool, name: str) -> None:
    data = whole(built(Address(name, "ann", "b.example"), header, used), utf8=utf8)
    assert people(header, data) == [(None, [(name, "ann@b.example")])]
    parsed = BytesParser(policy=used).parsebytes(data)
    assert people(header, whole(parsed, utf8=utf8)) == people(header, data)
    assert max(map(len, data.splitlines())) <= 998


_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" "), max_size=120).map(
    lambda text: " ".join(text.split())
)


@given(st.lists(st.tuples(_NAMES, st.booleans()), min_size=1, max_size=4), st.booleans())
def test_names_survive_the_fold(names: list[tuple[str, bool]], utf8: bool) -> None:
    wanted = [(name.replace("=?", "=") + (", x" * 20 if long else ""), "a@b.example") for name, long in names]
    message = EmailMessage()
    message["To"] = [Address(name, "a", "b.example") for name, _ in wanted]
    data = whole(message, utf8=utf8)
    if any('"' in str(Address(name)) for name, _ in wanted) and data.count(b"\r\n ") > 0:
        # Some versions of Python put a blank between the encoded words of a name when they read it.
        found = [(str(name).replace(" ", ""), spec) for _, [(name, spec)] in people("To", data)]
        assert found == [(name.replace(" ", ""), spec) for name, spec in wanted]
    assert all(line.strip() for line in data.split(b"\r\n\r\n")[0].split(b"\r\n"))


@pytest.mark.parametrize("used", POLICIES)
@pytest.mark.parametrize("header", ["To", "Cc", "From", "Resent-Cc"])
def test_a_domain_in_a_group_or_alone_becomes_ascii_and_the_group_keeps_its_name(used: Any, header: str) -> None:
    group = Group("friends, old", (Address("", "ann", "bücher.example"), Address("Bob", "bob", "c.example")))
    message = EmailMessage(policy=used)
    message[header] = (
        [group, Address("C", "c", "bücher.example")]
        if used is not policy.compat32
        else (f"{group}, C <c@bücher.example>")
    )
    data = whole(message)
    assert people(header, data) == [
        ("friends, old", [("", "ann@xn--bcher-kva.example"), ("Bob", "bob@c.example")]),
        (None, [("C", "c@xn--bcher-kva.example")]),
    ]
    assert data.isascii()
    assert "bücher".encode() in whole(message, utf8=True)


def test_a_message_inside_keeps_its_headers() -> None:
    inner = b"To: ann@b\xc3\xbccher.example\r\n\r\nx\r\n"
    data = b"To: a@b.example\r\nContent-Type: message/rfc822\r\n\r\n" + inner
    assert inner in whole(BytesParser(policy=policy.compat32).parsebytes(data), keep_8bit=True)


@pytest.mark.parametrize("kind", [EmailMessage, Message])
def test_a_message_of_the_old_policy_is_sent(kind: type[Message]) -> None:
    message = kind(policy=policy.compat32)
    message["To"] = "Ann <ann@bücher.example>"
    message["Bcc"] = "secret@b.example"
    message.set_payload("text")
    assert whole(message) == b"To: Ann <ann@xn--bcher-kva.example>\r\n\r\ntext\r\n"


def test_what_has_no_form_is_refused() -> None:
    message = Message()
    message.set_payload("grüße")  # without its charset
    with pytest.raises(WireError, match="charset"):
        whole(message)
    message = EmailMessage()
    message["To"] = "ann@" + "ü" * 80 + ".example"
    with pytest.raises(WireError, match="To"):
        whole(message)
