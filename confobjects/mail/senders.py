"""From a mail sender object to the headers and the envelope of its mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.errors import MailError
from confobjects.records import Record

if TYPE_CHECKING:
    from email.message import Message

    from confobjects.mail.plan import EffectiveObjectLike


class MailSender(Record):
    """Who mail comes from: the envelope sender, the values of From and of Reply-To (empty: none), the mail server."""

    path: str
    address: str
    from_header: str
    reply_to_header: str
    server: Any

    def add_headers(self, message: Message) -> None:
        """Add From and Reply-To to a message; what it has of them is replaced."""
        for name, value in (("From", self.from_header), ("Reply-To", self.reply_to_header)):
            del message[name]
            if not value:
                continue
            if value.isascii():
                message.set_raw(name, value)  # as it is: a name that Python's email package folds again may change
            else:
                message[name] = value

    def as_note(self, host: str) -> str:
        """Return what applies to the mail of this sender, whatever a test of the mail server says."""
        domain = self.address.rpartition("@")[2]
        return (
            f"the DMARC policy of {domain} applies to mail from {self.address}: {host} has to be allowed to send for it, by "
            "SPF or with a DKIM signature of the domain"
        )


def find_server(obj: EffectiveObjectLike) -> tuple[Any, MailSender | None]:
    """Return the mail server that an object is, or that the mail sender that it is goes through, and that sender.

    Raises as :func:`read_sender`.
    """
    if "mail-server" not in obj:
        return obj, None
    sender = read_sender(obj)
    return sender.server, sender


def read_sender(sender: EffectiveObjectLike) -> MailSender:
    """Return who mail comes from by a mail sender object.

    Raises :class:`~confobjects.errors.MailError` of stage plan if the object is disabled.
    """
    if sender["enabled"] is False:
        remedy = ("Set ", RemedyAction("assign", "enabled", "true"), ".")
        summary = "the mail sender is disabled"
        raise MailError(Diagnostic("mail-plan", summary, path=sender.path, property="enabled", remedy=remedy))
    address: str = sender["from-address"]
    reply_to: str | None = sender["reply-to-address"]
    return MailSender(
        path=sender.path,
        address=address,
        from_header=format_mailbox(sender["from-name"], address),
        reply_to_header=format_mailbox(sender["reply-to-name"], reply_to) if reply_to else "",
        server=sender.reference("mail-server"),
    )


def format_mailbox(name: str | None, address: str) -> str:
    """Return an address with the name that is shown for it (RFC 5322, section 3.4), as a header has it.

    A name that is not plain becomes encoded words (RFC 2047) on lines of at most 76 characters, unless the address needs a
    header in UTF-8 anyway.
    """
    if not name:
        return address
    if not address.isascii() or (name.isascii() and "=?" not in name and len(name) <= _PLAIN):
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    words = "\n ".join(_encode_words(name))
    return f"{words}\n <{address}>"


_PLAIN: Final = 50
"""The characters of a name that stay as they are; longer ones do not fit into a line with their header."""
_OCTETS: Final = 39
"""The octets of an encoded word before their encoding; 39 become 52 characters."""


def _encode_words(text: str) -> Iterator[str]:
    """Yield a text as encoded words, each of which has whole characters."""
    from base64 import b64encode

    word = b""
    for octets in (character.encode() for character in text):
        if len(word) + len(octets) > _OCTETS:
            yield f"=?utf-8?b?{b64encode(word).decode()}?="
            word = b""
        word += octets
    yield f"=?utf-8?b?{b64encode(word).decode()}?="
