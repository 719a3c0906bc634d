"""The reply parser: any bytes, any pieces, within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.mail.replies import MAX_LINE, MAX_LINES, ProtocolViolation, Reply, ReplyParser
from confobjects.texts.visible import make_visible

TEXT = st.binary(max_size=20).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b""))
REPLIES = st.lists(
    st.builds(
        lambda code, lines: Reply(code, tuple(lines)),
        st.integers(200, 599),
        st.lists(TEXT, min_size=1, max_size=4),
    ),
    max_size=5,
)


def written(reply: Reply) -> bytes:
    marks = [b"-"] * (len(reply.lines) - 1) + [b" "]
    return b"".join(b"%d%s%s\r\n" % (reply.code, m, line) for m, line in zip(marks, reply.lines, strict=True))


@given(REPLIES, st.data())
def test_replies_are_read_in_any_pieces(replies: list[Reply], data: st.DataObject) -> None:
    wire = b"".join(map(written, replies))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    parser = ReplyParser()
    found: list[Reply] = []
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        found.extend(parser.feed(wire[start:end]))
    assert found == replies
    assert parser.empty


def read(data: bytes) -> tuple[list[Reply], ProtocolViolation | None]:
    found: list[Reply] = []
    try:
        found.extend(ReplyParser().feed(data))
    except ProtocolViolation as violation:
        return found, violation
    return found, None


@given(st.binary(max_size=300))
def test_any_bytes_give_replies_or_a_violation(data: bytes) -> None:
    replies, violation = read(data)
    assert all(200 <= reply.code < 600 and str(reply).isprintable() for reply in replies)
    if violation is not None:
        assert violation.kind in ("not-smtp", "reply-too-long")
        assert violation.line.isprintable()


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.1 400 Bad Request",
        b"* OK IMAP4",
        b"+OK POP3",
        b"1",
        b"199 x",
        b"600 x",
        b"2x0 x",
        b"250=x",
        b"\xff\xfe",
    ],
)
def test_what_is_no_reply_is_said_to_be_none(line: bytes) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        list(ReplyParser().feed(line + b"\r\n"))
    assert caught.value.kind == "not-smtp"


def test_the_lines_of_a_reply_share_their_code() -> None:
    with pytest.raises(ProtocolViolation):
        list(ReplyParser().feed(b"250-a\r\n251 b\r\n"))


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_bare_line_feeds_are_forgiven(end: bytes) -> None:
    assert list(ReplyParser().feed(b"250 ok" + end)) == [Reply(250, (b"ok",))]


def test_a_line_without_end_is_cut_off() -> None:
    parser = ReplyParser()
    assert list(parser.feed(b"2" * MAX_LINE)) == []
    with pytest.raises(ProtocolViolation) as caught:
        list(parser.feed(b"2"))
    assert caught.value.kind == "reply-too-long"


def test_a_reply_without_end_is_cut_off() -> None:
    parser = ReplyParser()
    assert list(parser.feed(b"250-x\r\n" * MAX_LINES)) == []
    with pytest.raises(ProtocolViolation) as caught:
        list(parser.feed(b"250-x\r\n"))
    assert caught.value.kind == "reply-too-long"


@pytest.mark.parametrize(
    ("line", "enhanced"),
    [
        (b"5.7.8 no", "5.7.8"),
        (b"5.7.139 no", "5.7.139"),
        (b"no", ""),
        (b"1.2.3 x", ""),
        (b"5.7 x", ""),
        (b"5.7.x x", ""),
    ],
)
def test_the_enhanced_code(line: bytes, enhanced: str) -> None:
    assert Reply(550, (line,)).enhanced == enhanced


def test_what_a_server_says_cannot_harm_a_terminal() -> None:
    assert str(Reply(250, (b"\x1b[2J\xff\x07", "ü".encode()))) == "250 \\x1b[2J\\xff\\x07 ü"
    assert make_visible("a\u202eb") == "a\\u202eb"
