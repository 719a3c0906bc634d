"""The input and the output of a mailer: the message with its envelope, and the result."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.utils import format_datetime, make_msgid
from typing import Protocol

from confobjects.diagnostics import Diagnostic
from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError
from confobjects.mail.envelope import Envelope, make_envelope
from confobjects.mail.message import Sendable, recipients_of
from confobjects.mail.plan import DeliveryPlan
from confobjects.mail.report import DeliveryReport
from confobjects.mail.senders import MailSender
from confobjects.records import Record


class Witness(Protocol):
    """Whoever has to know at once how far a message is: it may not be lost, nor sent twice, whatever ends this process."""

    def may_send(self) -> bool:
        """Tell whether the message may be sent. It is asked just before the server gets the end of the message.

        If the message goes to another mail server, or over another connection, it is asked again.
        """
        ...

    def accept(self, make_report: Callable[[], DeliveryReport]) -> None:
        """Take note that a server has accepted the message: its answer has just arrived."""
        ...


class Outgoing(Record):
    """A message to send, and its envelope if the headers do not give it."""

    message: Sendable
    from_: str | None = None
    to: str | Iterable[str] | None = None
    witness: Witness | None = None

    @property
    def leave(self) -> Callable[[], bool] | None:
        """What is asked before the server gets the end of the message."""
        return None if self.witness is None else self.witness.may_send


class SendResult:
    """The result of one message of many: the ``report``, or the ``error``.

    ``outgoing`` is the message. The report is made when it is first read.
    """

    __slots__ = ("_report", "error", "outgoing")

    def __init__(
        self,
        outgoing: Outgoing,
        report: DeliveryReport | Callable[[], DeliveryReport] | None = None,
        error: MailError | None = None,
    ) -> None:
        self.outgoing = outgoing
        self.error = error
        self._report = report

    @property
    def report(self) -> DeliveryReport | None:
        """The report of the delivery, None if it failed."""
        if callable(self._report):
            self._report = self._report()
        return self._report

    def __repr__(self) -> str:
        return f"Result({self.report or self.error!r})"

    @property
    def delivered(self) -> bool:
        """Whether a server accepted the message for at least one recipient."""
        return self._report is not None

    @property
    def unknown(self) -> bool:
        """Whether a server may have accepted the message: then it must not be sent again without a check."""
        return isinstance(self.error, DeliveryError) and self.error.unknown

    @property
    def retryable(self) -> bool:
        """Whether the same message may succeed later with no change."""
        return isinstance(self.error, DeliveryError) and self.error.retryable and not self.error.unknown


def find_recipients(outgoing: Outgoing, server: str) -> Sequence[str]:
    """Return the recipients of a message. Raises :class:`~confobjects.errors.MailError`, which names ``server``."""
    message, to = outgoing.message, outgoing.to
    if to is not None:
        return (to,) if isinstance(to, str) else tuple(to)
    if isinstance(message, Message):
        return recipients_of(message)
    raise MailError(
        Diagnostic(
            "mail-rcpt",
            "a message of bytes has no recipients of its own",
            path=server,
            remedy="Name the recipients with to=….",
        )
    )


def check_addresses(outgoing: Outgoing, plan: DeliveryPlan) -> None:
    """Check sender and recipients before any connection is made: all are addresses, and there is a recipient.

    Raises :class:`~confobjects.errors.MailError` (stage mail or rcpt) with every text that is not an address.
    """
    make_envelope(outgoing.from_ or plan.sender or "", find_recipients(outgoing, plan.server), path=plan.server)


def prepare_outgoing(outgoing: Outgoing, plan: DeliveryPlan, ehlo_name: str) -> tuple[Envelope, Sendable, str]:
    """Return the envelope, the message with its missing headers added, and its Message-ID.

    Raises :class:`~confobjects.errors.MailError` for a text that is not an address, and if there is no recipient.
    """
    sender = plan.sender_for(ehlo_name) if outgoing.from_ is None else outgoing.from_
    envelope = make_envelope(sender, find_recipients(outgoing, plan.server), path=plan.server)
    if isinstance(outgoing.message, Message):
        return (envelope, *_add_missing_headers(outgoing.message, sender))
    return envelope, outgoing.message, ""


def _add_missing_headers(message: Message, sender: str) -> tuple[Message, str]:
    """Return a message with Date, Message-ID and From, and its Message-ID. The original is not changed."""
    missing = [name for name in ("Date", "Message-ID", "From") if name not in message]
    if not missing:
        return message, str(message["message-id"]).strip()
    clone = copy.copy(message)
    for name in missing:
        del clone[name]  # gives the copy its own list of headers
    domain = sender.rpartition("@")[2]
    values = {
        "Date": format_datetime(datetime.now(UTC)),
        "Message-ID": make_msgid(domain=domain if domain.isascii() and domain and "[" not in domain else "localhost"),
        "From": sender or "postmaster@localhost",
    }
    for name in missing:
        clone[name] = values[name]
    return clone, str(clone["message-id"]).strip()


def make_trial_message(plan: DeliveryPlan, to: Iterable[str], sender: MailSender | None = None) -> EmailMessage:
    """Return a short mail that says which configuration it tests, from a mail sender if there is one."""
    message = EmailMessage()
    if sender is not None:
        sender.add_headers(message)
    message["Subject"] = f"Test of {plan.server}"
    message["To"] = ", ".join(to)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"This mail was sent to test the mail server configuration {plan.server}.\n"
        f"It went through {plan.host}, port {plan.port} ({plan.security}).\n"
    )
    return message


__all__ = [
    "Outgoing",
    "SendResult",
    "Witness",
    "check_addresses",
    "find_recipients",
    "make_trial_message",
    "prepare_outgoing",
]
