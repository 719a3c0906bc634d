"""A message as bytes: from an ``EmailMessage``, from bytes, or from an open binary file.

Laws: the caller's message is not changed; Bcc is never sent, whatever the message is made of; what is signed is not
changed; a header that could become two is refused; a message that needs more than the server offers (8-bit text,
UTF-8 headers) is refused before anything is sent.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Container, Iterable, Iterator
from email.message import Message
from email.utils import getaddresses
from typing import BinaryIO, Final

from confobjects.mail.diagnosis import Trouble
from confobjects.mail.envelope import with_ascii_domain
from confobjects.mail.rendering import ADDRESSES, flatten_message
from confobjects.mail.wire import LineEnds, WireError, WireText, with_crlf
from confobjects.records import Record

Sendable = Message | bytes | BinaryIO
PIECE: Final = 1 << 16
_RECIPIENTS: Final = ("to", "cc", "bcc")


class Content(Record):
    """A message ready to be sent.

    ``pieces()`` returns its bytes from the start. ``whole`` is all of them at once if the message is small and in
    memory. ``size`` is the number of bytes with CRLF line ends; the pieces of a file get these only when they are sent.
    """

    pieces: Callable[[], Iterable[bytes]]
    size: int
    eight_bit: bool
    utf8_headers: bool = False
    whole: WireText | None = None


def recipients_of(message: Message) -> tuple[str, ...]:
    """Return the addresses in To, Cc and Bcc, each once; if it was resent, those of the last Resent- headers."""
    prefix = "resent-" if "resent-to" in message else ""
    values = [str(value) for name in _RECIPIENTS for value in message.get_all(prefix + name, [])]
    return tuple(dict.fromkeys(address for _, address in getaddresses(values) if address))


def find_utf8_address(message: Message) -> str:
    """Return an address in the headers that only SMTPUTF8 can carry, or an empty text."""
    values = [str(value) for name in ADDRESSES for value in message.get_all(name, [])]
    for _, address in getaddresses(values):
        if not address.rpartition("@")[0].isascii():
            return address
    return ""


def make_content(message: Sendable, *, utf8: bool, keep_8bit: bool) -> Content:
    """Return a message's content: with UTF-8 headers if ``utf8``, with unchanged 8-bit parts if ``keep_8bit``.

    Raises :class:`~confobjects.mail.wire.WireError` for a header that contains a line break, and for NUL anywhere.
    """
    if isinstance(message, Message):
        data = with_crlf(_flatten_message(message, utf8=utf8, keep_8bit=keep_8bit))
        return content_from_bytes(data, utf8=utf8)
    if isinstance(message, bytes | bytearray | memoryview):
        return content_from_bytes(_without_bcc(with_crlf(bytes(message))))
    return _content_from_file(message)


def content_from_bytes(data: WireText, *, utf8: bool = False) -> Content:
    """Return the content of a message in memory. ``data`` has the form in which it goes on the wire."""
    size = len(data)
    return Content(lambda: _cut_pieces(data), size, not data.isascii(), utf8, data if size <= PIECE else None)


def _cut_pieces(data: bytes) -> Iterable[bytes]:
    view = memoryview(data)
    return (data,) if len(data) <= PIECE else (bytes(view[at : at + PIECE]) for at in range(0, len(data), PIECE))


def _content_from_file(file: BinaryIO) -> Content:
    """Read a file twice: for its size, and when it is sent. Its position is restored: it may be sent a second time."""
    try:
        start = file.tell()
    except (OSError, AttributeError):
        message = "the message is not bytes, not a message object and not a file that can be read twice"
        raise WireError("the message", message) from None
    size, eight_bit, dropping = 0, False, BccFilter()
    for piece in _without_bcc_in(_read_from(file, start), dropping):
        size += len(piece)
        eight_bit = eight_bit or not piece.isascii()
    if not dropping.dropped:
        return Content(lambda: _read_from(file, start), size, eight_bit)
    return Content(lambda: _without_bcc_in(_read_from(file, start), BccFilter()), size, eight_bit)


_BCC: Final = re.compile(rb"(?i)(?:resent-)?bcc[ \t]*:")
_BCC_FIELDS: Final = re.compile(_BCC.pattern.replace(b"(?i)", b"(?im)^") + rb".*(?:\r\n[ \t].*)*\r\n")
_BCC_BEGUN: Final = re.compile(rb"(?i)(?:r(?:e(?:s(?:e(?:n(?:t-?)?)?)?)?)?|(?:resent-)?b(?:c(?:c[ \t]*)?)?)\Z")


def _without_bcc(data: WireText) -> WireText:
    """Return a message without the header fields Bcc and Resent-Bcc. Its header ends at the first empty line."""
    if data.startswith(b"\r\n"):
        return data
    end = data.find(b"\r\n\r\n")
    header = data if end < 0 else data[: end + 2]
    kept = _BCC_FIELDS.sub(b"", header)
    return data if len(kept) == len(header) else WireText(kept + data[len(header) :])


def _without_bcc_in(pieces: Iterable[bytes], dropping: BccFilter) -> Iterator[bytes]:
    ends = LineEnds()
    for piece in pieces:
        if kept := dropping.feed(ends.feed(piece)):
            yield kept
    if kept := dropping.feed(ends.finish()) + dropping.finish():
        yield kept


class BccFilter:
    """Drops the header fields Bcc and Resent-Bcc from a message with CRLF line ends, piece by piece.

    ``dropped`` tells whether there was one.
    """

    MOST_HELD = 1000

    def __init__(self) -> None:
        self.dropped = False
        self._held = b""  # the beginning of a line that may become such a field
        self._in_header, self._in_line, self._dropping = True, False, False

    def feed(self, data: bytes) -> bytes:
        """Return what may be sent of a piece."""
        if not self._in_header:
            return data
        data, self._held = self._held + data, b""
        kept, at = [], 0
        while at < len(data):
            if not self._in_line and not self._begin_line(data, at):
                self._held = data[at:]
                break
            end = self._find_end(data, at)
            if not self._dropping:
                kept.append(data[at:end])
            self._in_line = data[end - 2 : end] != b"\r\n"
            at = end
        return b"".join(kept)

    def _begin_line(self, data: bytes, at: int) -> bool:
        """Find out what a line is: the end of the header, the rest of a field, a field to drop, or another one.

        Return False if more of the line is needed for that.
        """
        if data.startswith(b"\r\n", at):
            self._in_header = self._dropping = False
        elif data[at : at + 1] not in (b" ", b"\t"):
            begun = _BCC_BEGUN.match(data, at) is not None
            if begun and len(data) - at < self.MOST_HELD:
                return False
            self._dropping = begun or _BCC.match(data, at) is not None
            self.dropped = self.dropped or self._dropping
        return True

    def _find_end(self, data: bytes, at: int) -> int:
        """Return where the line that begins at a place ends in these bytes; the body is never cut."""
        end = data.find(b"\r\n", at) if self._in_header else -1
        return len(data) if end < 0 else end + 2

    def finish(self) -> bytes:
        """Return what was held back to the end."""
        held, self._held = self._held, b""
        return held


def _read_from(file: BinaryIO, start: int) -> Iterator[bytes]:
    file.seek(start)
    try:
        while piece := file.read(PIECE):
            if not isinstance(piece, bytes):
                raise WireError("the message", "the file is open in text mode; open it in binary mode")
            yield piece
    finally:
        file.seek(start)


def _flatten_message(message: Message, *, utf8: bool, keep_8bit: bool) -> bytes:
    for name, value in message.raw_items():
        _check_header(name, str(value))
    clone = copy.copy(message)
    # Deleting gives the copy its own list of headers: the original keeps its headers.
    del clone["bcc"]
    del clone["resent-bcc"]
    return flatten_message(clone, utf8=utf8, keep_8bit=keep_8bit)


def _check_header(name: str, value: str) -> None:
    """Refuse a header that would end early: a line break with no blank after it begins another header or the body."""
    if not name.isascii() or not name.isprintable() or ":" in name or " " in name:
        raise WireError("a header", "the name of a header contains a character that is not allowed in it")
    lines = value.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if any(line[:1] not in (" ", "\t") for line in lines[1:]) or "\0" in value:
        raise WireError(f"the header {name}", f"the header {name} contains a line break or a NUL character")


def fit_to_extensions(
    message: Sendable, *, extensions: Container[str], utf8_wanted: bool, keep_8bit: bool, utf8_needed: str
) -> Content:
    """Return the content in the form that a server with these extensions accepts.

    ``utf8_needed`` is an address of the envelope that needs SMTPUTF8. Raises
    :class:`~confobjects.mail.diagnosis.Trouble` of stage mail if the server cannot accept the message.
    """
    needed = utf8_needed or (find_utf8_address(message) if isinstance(message, Message) else "")
    if needed and "SMTPUTF8" not in extensions:
        raise Trouble("mail", "utf8-not-offered", address=needed)
    utf8 = bool(needed) or (utf8_wanted and "SMTPUTF8" in extensions)
    content = make_content(message, utf8=utf8, keep_8bit=keep_8bit and "8BITMIME" in extensions)
    if content.eight_bit and not utf8 and "8BITMIME" not in extensions:
        raise Trouble("mail", "8bit-not-offered")
    return content


__all__ = [
    "Content",
    "Sendable",
    "find_utf8_address",
    "fit_to_extensions",
    "make_content",
    "recipients_of",
    "with_ascii_domain",
]
