"""Replies of an SMTP server: bytes in, replies out, within bounds (RFC 5321, section 4.2).

Laws: a reply has at most :data:`MAX_LINES` lines of at most :data:`MAX_LINE` bytes each; a server that goes beyond is
cut off, whatever it may be sending. A line that is no reply line ends the conversation: nothing is guessed. What a
server says is shown with unprintable characters escaped, so that it can harm no terminal and forge no log line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from confobjects.texts.visible import make_visible

MAX_LINE: Final = 2048
"""Bytes; RFC 5321 promises 512, servers in the field are chattier."""

MAX_LINES: Final = 128

_EXCERPT: Final = 120
"""Characters that are told of a line that is no reply."""

_WHOLE: Final = re.compile(rb"[2-5][0-9][0-9](?: [^\r\n]{0,2000})?")
"""A reply of one line, as nearly all are; whatever does not match is looked at more closely."""

_KNOWN: Final = 32
"""Replies that are remembered for when the server says the same again."""


class ProtocolViolation(Exception):  # noqa: N818 - it names what the server did
    """The server said what SMTP does not allow. ``kind`` is a stable word, ``line`` what it said (escaped).

    ``raw`` is a line that is no part of a reply, as it came; None where a reply came at the wrong time.
    """

    def __init__(self, kind: str, message: str, line: str = "", raw: bytes | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.line = line
        self.raw = raw
        self.answers: Sequence[Any] = ()
        """Answers that came before it in the same bytes."""

    def mask_line(self, mask: Callable[[str], str]) -> None:
        """Mask secrets in what is told of the line, before it is cut: nothing can find half of one afterwards."""
        if self.raw:
            line = _shorten_text(mask(make_visible(self.raw)))
            self.args = (str(self).replace(self.line, line),)
            self.line = line


class Reply:
    """One reply: its code, and its lines without code and separator, as bytes."""

    __slots__ = ("_shown", "code", "lines")

    def __init__(self, code: int, lines: tuple[bytes, ...]) -> None:
        self.code = code
        self.lines = lines
        self._shown = ""

    @property
    def positive(self) -> bool:
        """Whether the command was carried out (2xx)."""
        return self.code < 300

    @property
    def intermediate(self) -> bool:
        """Whether the server waits for more (3xx)."""
        return 300 <= self.code < 400

    @property
    def temporary(self) -> bool:
        """Whether trying again later may help (4xx)."""
        return 400 <= self.code < 500

    @property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 3463: ``5.7.8``), empty when the reply has none."""
        first = self.lines[0].split(b" ", 1)[0]
        parts = first.split(b".")
        if (
            len(parts) == 3
            and all(part.isdigit() and len(part) <= 3 for part in parts)
            and parts[0] in (b"2", b"4", b"5")
        ):
            return first.decode("ascii")
        return ""

    @property
    def text(self) -> str:
        """The whole text on one line, for people, without the code."""
        return " ".join(make_visible(line) for line in self.lines)

    def __str__(self) -> str:
        if not self._shown:
            self._shown = f"{self.code} {self.text}".rstrip()
        return self._shown

    def __repr__(self) -> str:
        return f"Reply({self.code}, {self.lines!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reply) and (self.code, self.lines) == (other.code, other.lines)

    def __hash__(self) -> int:
        return hash((self.code, self.lines))


class ReplyParser:
    """Cuts a stream of bytes into replies.

    Feed it what arrives, in pieces of any size; it gives what is complete. Lines end with LF, before which a CR is
    taken away: servers are forgiven bare LF, as nothing rests on the difference in this direction.
    """

    __slots__ = ("_buffer", "_code", "_known", "_lines")

    def __init__(self) -> None:
        self._buffer = b""
        self._known: dict[bytes, Reply] = {}
        self._code = b""
        self._lines: list[bytes] = []

    @property
    def pending(self) -> bytes:
        """What has arrived and belongs to no complete reply."""
        return b"\r\n".join([*self._lines, self._buffer])

    @property
    def empty(self) -> bool:
        """Whether everything that arrived has been given out."""
        return not self._buffer and not self._lines

    def feed(self, data: bytes) -> Iterable[Reply]:
        """Take bytes, give the replies they complete: a list of them, if there is nothing else in what was fed.

        Iterating raises :class:`ProtocolViolation`, after the replies before it.
        """
        if self.empty and (known := self._known_replies(data)) is not None:
            return known
        self._buffer += data
        return self._replies()

    def _known_replies(self, data: bytes) -> list[Reply] | None:
        """Return the replies if all are whole and of one line, as nearly always; servers repeat most of them."""
        lines = data.split(b"\r\n")
        if lines.pop():
            return None
        replies, known = [], self._known
        for line in lines:
            reply = known.get(line)
            if reply is None:
                if not _WHOLE.fullmatch(line):
                    return None
                reply = Reply(int(line[:3]), (line[4:],))
                if len(known) < _KNOWN:
                    known[line] = reply
            replies.append(reply)
        return replies

    def _replies(self) -> Iterator[Reply]:
        while (end := self._buffer.find(b"\n")) >= 0:
            line = self._buffer[:end]
            self._buffer = self._buffer[end + 1 :]
            reply = self._parse_line(line[:-1] if line.endswith(b"\r") else line)
            if reply is not None:
                yield reply
        if len(self._buffer) > MAX_LINE:
            raise self._length_violation(self._buffer)

    def _parse_line(self, line: bytes) -> Reply | None:
        if len(line) > MAX_LINE:
            raise self._length_violation(line)
        code, mark, text = line[:3], line[3:4], line[4:]
        if not (len(code) == 3 and code.isdigit() and b"200" <= code < b"600" and mark in (b" ", b"-", b"")):
            raise ProtocolViolation(
                "not-smtp", f'the server sent what is no SMTP reply: "{_excerpt(line)}"', _excerpt(line), line
            )
        if self._lines and code != self._code:
            raise ProtocolViolation("not-smtp", "the lines of one reply have different codes", _excerpt(line), line)
        if len(self._lines) >= MAX_LINES:
            raise ProtocolViolation("reply-too-long", f"a reply has more than {MAX_LINES} lines", _excerpt(line), line)
        self._code = code
        self._lines.append(text)
        if mark == b"-":
            return None
        lines, self._lines = tuple(self._lines), []
        return Reply(int(code), lines)

    def _length_violation(self, line: bytes) -> ProtocolViolation:
        return ProtocolViolation(
            "reply-too-long", f"a reply line is longer than {MAX_LINE} bytes", _excerpt(line), line
        )


def _excerpt(line: bytes) -> str:
    return _shorten_text(make_visible(line))


def _shorten_text(text: str) -> str:
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"
