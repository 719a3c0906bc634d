"""Replies of an SMTP server: bytes in, replies out, within bounds (RFC 5321, section 4.2).

Laws: a reply has at most :data:`MAX_LINES` lines of at most :data:`MAX_LINE` bytes each; a server that sends more is
disconnected. A line that is not a reply line ends the conversation: nothing is guessed. Unprintable characters in a
server's text are escaped, so that it cannot harm a terminal or forge a log line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from confobjects.texts.visible import make_visible

MAX_LINE: Final = 2048
"""Bytes. RFC 5321 allows 512, but some servers send longer lines."""

MAX_LINES: Final = 128

_EXCERPT: Final = 120
"""Characters of a line that is not a reply, for messages."""

_WHOLE: Final = re.compile(rb"[2-5][0-9][0-9](?: [^\r\n]{0,2000})?")
"""A reply of one line, as nearly all are. Other input goes through the full parser."""

_KNOWN: Final = 32
"""Number of parsed replies that are kept, because servers repeat most of them."""


class ProtocolViolation(Exception):  # noqa: N818 - it names what the server did
    """The server sent something that SMTP does not allow. ``kind`` is a stable word, ``line`` what it sent (escaped).

    ``raw`` is the received line if it is not part of a reply, None if a reply came at the wrong time.
    """

    def __init__(self, kind: str, message: str, line: str = "", raw: bytes | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.line = line
        self.raw = raw
        self.answers: Sequence[Any] = ()
        """Answers that came before the violation in the same bytes."""

    def mask_line(self, mask: Callable[[str], str]) -> None:
        """Mask secrets in the excerpt of the line, before it is cut: half a secret could not be found later."""
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
        """Whether the server waits for more input (3xx)."""
        return 300 <= self.code < 400

    @property
    def temporary(self) -> bool:
        """Whether the same command may succeed later (4xx)."""
        return 400 <= self.code < 500

    @property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 3463: ``5.7.8``), empty if the reply has none."""
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
        """The whole text on one line, escaped, without the code."""
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

    Feed it the bytes that arrive, in pieces of any size; it returns the complete replies. Lines end with CRLF or LF
    alone: some servers send LF alone, and that is harmless in this direction.
    """

    __slots__ = ("_at", "_buffer", "_code", "_known", "_lines")

    def __init__(self) -> None:
        self._buffer = b""
        self._at = 0  # the place in the buffer behind the last line that was read
        self._known: dict[bytes, Reply] = {}
        self._code = b""
        self._lines: list[bytes] = []

    @property
    def pending(self) -> bytes:
        """The bytes that have arrived and do not belong to a complete reply."""
        return b"\r\n".join([*self._lines, self._buffer[self._at :]])

    @property
    def empty(self) -> bool:
        """Whether everything that arrived was returned."""
        return self._at == len(self._buffer) and not self._lines

    def feed(self, data: bytes) -> Iterable[Reply]:
        """Take bytes and return the replies that they complete. The result is a list if the bytes are whole replies.

        The iteration raises :class:`ProtocolViolation`, after it has yielded the replies before the violation.
        """
        if self.empty and (known := self._known_replies(data)) is not None:
            return known
        self._buffer, self._at = self._buffer[self._at :] + data, 0
        return self._replies()

    def _known_replies(self, data: bytes) -> list[Reply] | None:
        """Return the replies if all are complete and of one line, as nearly always; else None."""
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
        while (end := self._buffer.find(b"\n", self._at)) >= 0:
            line, self._at = self._buffer[self._at : end], end + 1
            reply = self._parse_line(line[:-1] if line.endswith(b"\r") else line)
            if reply is not None:
                yield reply
        if len(self._buffer) - self._at > MAX_LINE:
            raise self._length_violation(self._buffer[self._at :])

    def _parse_line(self, line: bytes) -> Reply | None:
        if len(line) > MAX_LINE:
            raise self._length_violation(line)
        code, mark, text = line[:3], line[3:4], line[4:]
        if not (len(code) == 3 and code.isdigit() and b"200" <= code < b"600" and mark in (b" ", b"-", b"")):
            raise ProtocolViolation(
                "not-smtp",
                f'the server sent a line that is not an SMTP reply: "{_excerpt(line)}"',
                _excerpt(line),
                line,
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
