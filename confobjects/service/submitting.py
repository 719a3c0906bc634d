"""From a message that is handed in to a mail of the ledger: its text, its envelope, and who it comes from.

Laws: From, Reply-To and the envelope sender are those of the mail sender, whatever the message says; of Sender, Return-Path
and Bcc nothing is left. Date and Message-ID are added if they are missing. The text is not changed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.headerregistry import Group
from email.message import EmailMessage, Message
from email.utils import format_datetime, make_msgid
from typing import TYPE_CHECKING, Any, Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import MailError, NotAcceptedError, UsageError
from confobjects.mail.addresses import split_addresses
from confobjects.mail.envelope import make_envelope, with_ascii_domain
from confobjects.mail.message import recipients_of
from confobjects.mail.rendering import flatten_message
from confobjects.mail.senders import MailSender, read_sender
from confobjects.mail.wire import WireError, WireText, with_crlf
from confobjects.service.ledger import MOST_BYTES, Mail
from confobjects.service.opening import KIND, SENDERS, read_settings
from confobjects.service.refusing import word_refusal
from confobjects.service.rules.accepting import judge_service
from confobjects.service.rules.settings import Settings

if TYPE_CHECKING:
    from confobjects.objects.effective import EffectiveConfiguration

_FIELD: Final = re.compile(rb"([!-9;-~]+)[ \t]*(:.*\r\n(?:[ \t].*\r\n)*)")
"""One field of a header with all its lines (RFC 5322, section 2.2); blanks before the colon are obsolete (section 4.5)."""

_REPLACED: Final = frozenset({b"from", b"sender", b"reply-to", b"return-path", b"bcc", b"resent-bcc"})
MOST_NAMED: Final = 50
"""Recipients of a text that learn of each other."""
_UNDISCLOSED: Final = Group("undisclosed-recipients", ())

MOST_IN_HEADERS: Final = 4 << 20
"""Bytes of the headers of a message that name its recipients."""

_CATEGORY: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_CATEGORY: Final = 100


def choose_settings(configuration: EffectiveConfiguration, sender: str | None) -> Settings:
    """Return the settings of the mail service, with a mail sender by its name in place of the active one.

    Raises NotAcceptedError if no mail is accepted, and NoSuchObjectError for an unknown sender.
    """
    settings = read_settings(configuration[KIND])
    if sender is not None:
        settings = settings.replace(sender=configuration[SENDERS, sender].name)
    if refusals := judge_service(settings):
        raise NotAcceptedError([word_refusal(one) for one in refusals])
    return settings


def make_mail(
    configuration: EffectiveConfiguration,
    settings: Settings,
    message: Message | bytes,
    to: Iterable[str] | None,
    category: str,
) -> Mail:
    """Return a message as a mail that comes from the sender of some settings. Without ``to`` its headers say who gets it.

    Raises NotAcceptedError for a message that cannot be sent, and UsageError for what is no category.
    """
    found: Any = configuration[SENDERS, settings.sender or ""]
    try:
        sender = read_sender(found)
    except MailError as error:
        raise _as_refusal(error) from None
    return with_sender(message, to, sender, found.name, category)


def with_sender(
    message: Message | bytes, to: Iterable[str] | None, sender: MailSender, name: str, category: str
) -> Mail:
    """Return a message as a mail that comes from a mail sender. Raises as :func:`make_mail` does."""
    check_category(category)
    if isinstance(message, bytes) and len(message) > MOST_BYTES:
        raise NotAcceptedError(f"the mail has {len(message)} bytes, more than {MOST_BYTES}")
    try:
        recipients = read_recipients(message) if to is None else tuple(dict.fromkeys(to))
        utf8 = make_envelope(sender.address, recipients).utf8
        content = _as_bytes(message, utf8=utf8)
        return Mail(_replace_headers(content, sender, utf8=utf8), sender.address, recipients, category, name)
    except MailError as error:
        raise _as_refusal(error) from None
    except WireError as error:
        raise NotAcceptedError(str(error)) from None


def _as_refusal(error: MailError) -> NotAcceptedError:
    return NotAcceptedError([one.replace(code=NotAcceptedError.code) for one in error.diagnostics])


def check_category(category: str) -> None:
    """Refuse what cannot be the name of a category: mail of a category that is misspelt would not be limited."""
    if category and (len(category) > _LONGEST_CATEGORY or not _CATEGORY.fullmatch(category)):
        summary = 'a category is words of a-z and 0-9, joined by "-"'
        raise UsageError(Diagnostic("usage", summary, value=category[:_LONGEST_CATEGORY]))


def make_text_message(to: Iterable[str], subject: str, body: str) -> EmailMessage:
    """Return a message of plain text, whose header names the recipients if they are at most :data:`MOST_NAMED`.

    Raises NotAcceptedError for what is no address, and for a subject of several lines.
    """
    try:
        recipients = make_envelope("", tuple(to)).recipients
    except MailError as error:
        raise _as_refusal(error) from None
    message = EmailMessage()
    message["To"] = ", ".join(recipients) if len(recipients) <= MOST_NAMED else _UNDISCLOSED
    if len(subject.splitlines()) > 1 or subject.endswith(("\r", "\n")):
        raise NotAcceptedError(Diagnostic("not-accepted", "the subject is more than one line"))
    message["Subject"] = subject
    message.set_content(body)
    return message


def read_recipients(message: Message | bytes) -> tuple[str, ...]:
    """Return the addresses in To, Cc and Bcc of a message; if it was resent, those of the Resent- headers.

    Raises NotAcceptedError if these headers are too long.
    """
    if isinstance(message, Message):
        return recipients_of(message)
    fields, _ = _split_header(with_crlf(message))
    prefix = b"resent-" if any(name == b"resent-to" for name, _ in fields) else b""
    wanted = [prefix + name for name in (b"to", b"cc", b"bcc")]
    texts = [raw.partition(b":")[2].replace(b"\r\n", b"") for name in wanted for one, raw in fields if one == name]
    if sum(map(len, texts)) > MOST_IN_HEADERS:
        raise NotAcceptedError(f"the recipients in the header have more than {MOST_IN_HEADERS} bytes")
    found = (split_addresses(text.decode("utf-8", "backslashreplace")) for text in texts)
    return tuple(dict.fromkeys(itertools.chain.from_iterable(found)))


def _as_bytes(message: Message | bytes, *, utf8: bool) -> WireText:
    if isinstance(message, Message):
        return with_crlf(flatten_message(message, utf8=utf8, keep_8bit=False))
    return with_crlf(message)


def _split_header(data: bytes) -> tuple[list[tuple[bytes, bytes]], int]:
    """Return the fields of a header, each with its name in lower case before it, and where the text begins.

    The text begins after an empty line, or with the first line that is no field. The line ``From `` of a mailbox file is
    left out.
    """
    at = data.find(b"\r\n") + 2 if data.startswith(b"From ") else 0
    fields = list[tuple[bytes, bytes]]()
    while (found := _FIELD.match(data, at)) is not None:
        fields.append((found[1].lower(), found[1] + found[2]))
        at = found.end()
    return fields, at + 2 if data.startswith(b"\r\n", at) else at


def _replace_headers(data: bytes, sender: MailSender, *, utf8: bool) -> bytes:
    fields, at = _split_header(data)
    there = {name for name, _ in fields}
    head = EmailMessage()
    sender.add_headers(head)
    for name, value in _find_missing(there, sender):
        head[name] = value
    kept = [raw for name, raw in fields if name not in _REPLACED]
    return b"".join(
        [flatten_message(head, utf8=utf8, keep_8bit=False).removesuffix(b"\r\n"), *kept, b"\r\n", data[at:]]
    )


def _find_missing(there: set[bytes], sender: MailSender) -> Iterator[tuple[str, str]]:
    if b"date" not in there:
        yield "Date", format_datetime(datetime.now(UTC))
    if b"message-id" not in there:
        domain = with_ascii_domain(sender.address).rpartition("@")[2]
        yield "Message-ID", make_msgid(domain="localhost" if "[" in domain else domain)


__all__ = [
    "MOST_NAMED",
    "check_category",
    "choose_settings",
    "make_mail",
    "make_text_message",
    "read_recipients",
    "with_sender",
]
