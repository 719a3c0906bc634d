"""Fields and content: what may go on the wire, and in which form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.mail.smtp import SmtpClient
from confobjects.mail.wire import DotStuffer, WireError, check_field, check_path, with_crlf

PIECES = st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\0", b".")), max_size=8)
NASTY = st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"a", b"\r\n.\r\n", b"\n.\n", b"\r.\r"]), max_size=12)


def stuffed(pieces: list[bytes]) -> bytes:
    stuffer = DotStuffer()
    return b"".join([*map(stuffer.feed, pieces), stuffer.finish()])


def received(data: bytes) -> bytes:
    """Read content the way a server does, strictly: lines end with CRLF, a dot alone ends it."""
    lines = data.split(b"\r\n")
    end = lines.index(b".")
    assert lines[end + 1 :] == [b""], "content goes on after the final dot"
    return b"".join(line.removeprefix(b".") + b"\r\n" for line in lines[:end])


def normal(data: bytes) -> bytes:
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if lines and not lines.endswith(b"\n"):
        lines += b"\n"
    return lines.replace(b"\n", b"\r\n")


@given(PIECES | NASTY)
def test_content_arrives_as_it_was_but_for_its_line_ends(pieces: list[bytes]) -> None:
    wire = stuffed(pieces)
    assert wire.count(b"\r\n") == wire.count(b"\r") == wire.count(b"\n")
    assert received(wire) == normal(b"".join(pieces))


@given(PIECES | NASTY)
def test_content_is_the_same_in_any_pieces(pieces: list[bytes]) -> None:
    assert stuffed(pieces) == stuffed([b"".join(pieces)])


@given(PIECES | NASTY)
def test_a_whole_message_gets_its_line_ends(pieces: list[bytes]) -> None:
    assert with_crlf(b"".join(pieces)) == normal(b"".join(pieces))


@pytest.mark.parametrize(
    "end",
    [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n\0.\r\n", b"\n.\r"],
)
def test_no_end_of_data_can_be_smuggled(end: bytes) -> None:
    message = b"Subject: x\r\n\r\nbody" + end + b"MAIL FROM:<evil@example.com>\r\n"
    if b"\0" in end:
        with pytest.raises(WireError):
            stuffed([message])
        return
    assert b"MAIL FROM" in received(stuffed([message]))


FIELDS = [
    lambda client, text: client.greet(f"host{text}"),
    lambda client, text: ready(client).mail(f"a{text}@example.com"),
    lambda client, text: ready(client).mail("a@example.com", f" AUTH=a{text}"),
    lambda client, text: enveloped(client).rcpt(f"a{text}@example.com"),
    lambda client, text: enveloped(client).rcpt("a@example.com", f" NOTIFY={text}"),
    lambda client, text: ready(client).auth(f"PLAIN{text}", None),
]


def greeted() -> SmtpClient:
    client = SmtpClient()
    client.receive(b"220 hi\r\n")
    return client


def ready(client: SmtpClient) -> SmtpClient:
    client.greet("me.example")
    client.receive(b"250-hi\r\n250 PIPELINING\r\n")
    client.data_to_send()
    return client


def enveloped(client: SmtpClient) -> SmtpClient:
    ready(client).mail("a@example.com")
    client.data_to_send()
    return client


@pytest.mark.parametrize("character", ["\r", "\n", "\0", "\r\n", "\x01", "\x7f", "\x0b"])
@pytest.mark.parametrize("send", FIELDS)
def test_a_control_character_is_refused_in_every_field(send: object, character: str) -> None:
    client = greeted()
    with pytest.raises(WireError) as caught:
        send(client, character)  # type: ignore[operator]
    assert client.data_to_send() == b""
    assert character not in str(caught.value)


@pytest.mark.parametrize("address", ["a@b> SIZE=1", "a b@c", "<a@b>", '"a b"@c d', "a\u2028b@c"])
def test_an_address_cannot_leave_its_brackets(address: str) -> None:
    with pytest.raises(WireError):
        check_path(address, "an address")


@pytest.mark.parametrize("address", ["", "a@b", '"a > b"@c', "änn@bücher.example", "postmaster@[IPv6:::1]"])
def test_an_address_that_may_pass(address: str) -> None:
    assert check_path(address, "an address") == address


@given(st.text())
def test_checked_texts_hold_no_control_character(text: str) -> None:
    try:
        assert check_field(text, "x") == text
    except WireError:
        assert any(c < " " or c == "\x7f" for c in text)
    else:
        assert not any(c < " " or c == "\x7f" for c in text)
