"""A message as bytes: from an ``EmailMessage``, from bytes, or from an open binary file.

Laws: the caller's message is not changed; Bcc is never sent; a header that could become two is refused; a message that
needs more than the server offers (8-bit text, UTF-8 headers) is refused before anything is sent.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Container, Iterable, Iterator
from email.generator import BytesGenerator
from email.headerregistry import Address
from email.message import EmailMessage, Message
from email.policy import Compat32, EmailPolicy
from email.utils import getaddresses
from io import BytesIO
from typing import Any, BinaryIO, Final

from confobjects.mail.diagnosis import Trouble
from confobjects.mail.envelope import ascii_host, with_ascii_domain
from confobjects.mail.wire import LineEnds, WireError, WireText, with_crlf
from confobjects.records import Record

Sendable = Message | bytes | BinaryIO
PIECE: Final = 1 << 16
_RECIPIENTS: Final = ("to", "cc", "bcc")
_ADDRESSES: Final = ("from", "sender", "reply-to", "to", "cc")


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
    values = [str(value) for name in _ADDRESSES for value in message.get_all(name, [])]
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
        return content_from_bytes(with_crlf(bytes(message)))
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
    size, eight_bit, ends = 0, False, LineEnds()
    for piece in _read_from(file, start):
        size += len(ends.feed(piece))
        eight_bit = eight_bit or not piece.isascii()
    size += len(ends.finish())
    return Content(lambda: _read_from(file, start), size, eight_bit)


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
    if isinstance(clone, EmailMessage) and not utf8:
        _use_ascii_domains(clone)
    buffer = BytesIO()
    BytesGenerator(
        buffer, mangle_from_=False, policy=_adapt_policy(clone.policy, utf8=utf8, keep_8bit=keep_8bit)
    ).flatten(clone)
    return buffer.getvalue()


def _adapt_policy(policy: Any, *, utf8: bool, keep_8bit: bool) -> EmailPolicy | Compat32:
    changes: dict[str, Any] = {"linesep": "\r\n", "cte_type": "8bit" if keep_8bit else "7bit"}
    if isinstance(policy, EmailPolicy):
        changes["utf8"] = utf8
    result: EmailPolicy | Compat32 = policy.clone(**changes)
    return result


def _check_header(name: str, value: str) -> None:
    """Refuse a header that would end early: a line break with no blank after it begins another header or the body."""
    if not name.isascii() or not name.isprintable() or ":" in name or " " in name:
        raise WireError("a header", "the name of a header contains a character that is not allowed in it")
    lines = value.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if any(line[:1] not in (" ", "\t") for line in lines[1:]) or "\0" in value:
        raise WireError(f"the header {name}", f"the header {name} contains a line break or a NUL character")


def _use_ascii_domains(message: EmailMessage) -> None:
    """Write internationalised domains in address headers in ASCII. Only an EmailMessage has parsed addresses."""
    for name in _ADDRESSES:
        header = message[name]
        if header is None or all(address.domain.isascii() for address in header.addresses):
            continue
        message.replace_header(
            name,
            [Address(a.display_name, a.username, ascii_host(a.domain)) for a in header.addresses],
        )


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
