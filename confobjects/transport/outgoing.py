"""What is handed to a mailer, and what becomes of it: the message with its envelope, and the result."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.utils import format_datetime, make_msgid

from confobjects.diagnostics import Diagnostic
from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError
from confobjects.mail.envelope import Envelope, make_envelope
from confobjects.mail.message import Sendable, recipients_of
from confobjects.mail.plan import DeliveryPlan
from confobjects.mail.report import DeliveryReport
from confobjects.records import Record


class Outgoing(Record):
    """A message to send, and its envelope where the headers do not say it."""

    message: Sendable
    from_: str | None = None
    to: str | Iterable[str] | None = None


class SendResult:
    """What became of one message of many: ``report``, or the ``error``.

    ``outgoing`` is what was to be sent. The report is made when it is looked at.
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
        """The account of the delivery, None when it failed."""
        if callable(self._report):
            self._report = self._report()
        return self._report

    def __repr__(self) -> str:
        return f"Result({self.report or self.error!r})"

    @property
    def delivered(self) -> bool:
        """Whether a server took the message, for one recipient at least."""
        return self._report is not None

    @property
    def unknown(self) -> bool:
        """Whether a server may have taken it: then it must not be sent again blindly."""
        return isinstance(self.error, DeliveryError) and self.error.unknown

    @property
    def retryable(self) -> bool:
        """Whether the same may succeed later with nothing changed."""
        return isinstance(self.error, DeliveryError) and self.error.retryable and not self.error.unknown


def find_recipients(outgoing: Outgoing, server: str) -> Sequence[str]:
    """Return whom a message goes to. Raises :class:`~confobjects.errors.MailError`; ``server`` is for its words."""
    message, to = outgoing.message, outgoing.to
    if to is not None:
        return (to,) if isinstance(to, str) else tuple(to)
    if isinstance(message, Message):
        return recipients_of(message)
    raise MailError(
        Diagnostic(
            "mail-rcpt",
            "a message of bytes names no recipient by itself",
            path=server,
            remedy="Name the recipients with to=….",
        )
    )


def check_addresses(outgoing: Outgoing, plan: DeliveryPlan) -> None:
    """See that sender and recipients are addresses, and that there is a recipient: else there is nothing to connect for.

    Raises :class:`~confobjects.errors.MailError` (stage mail or rcpt) with every address that is none.
    """
    make_envelope(outgoing.from_ or plan.sender or "", find_recipients(outgoing, plan.server), path=plan.server)


def prepare_outgoing(outgoing: Outgoing, plan: DeliveryPlan, ehlo_name: str) -> tuple[Envelope, Sendable, str]:
    """Return the envelope, the message with what it lacked, and its Message-ID.

    Raises :class:`~confobjects.errors.MailError` for what is no address, and when there is no recipient.
    """
    sender = plan.sender_for(ehlo_name) if outgoing.from_ is None else outgoing.from_
    envelope = make_envelope(sender, find_recipients(outgoing, plan.server), path=plan.server)
    if isinstance(outgoing.message, Message):
        return (envelope, *_add_missing_headers(outgoing.message, sender))
    return envelope, outgoing.message, ""


def _add_missing_headers(message: Message, sender: str) -> tuple[Message, str]:
    """Return a message that has Date, Message-ID and From, and its Message-ID; the original is not changed."""
    missing = [name for name in ("Date", "Message-ID", "From") if name not in message]
    if not missing:
        return message, str(message["message-id"]).strip()
    clone = copy.copy(message)
    for name in missing:
        del clone[name]  # gives the copy a header list of its own
    domain = sender.rpartition("@")[2]
    values = {
        "Date": format_datetime(datetime.now(UTC)),
        "Message-ID": make_msgid(domain=domain if domain.isascii() and domain and "[" not in domain else "localhost"),
        "From": sender or "postmaster@localhost",
    }
    for name in missing:
        clone[name] = values[name]
    return clone, str(clone["message-id"]).strip()


def make_trial_message(plan: DeliveryPlan, to: Iterable[str]) -> EmailMessage:
    """Return a short mail that says which configuration it tests."""
    message = EmailMessage()
    message["Subject"] = f"Test of {plan.server}"
    message["To"] = ", ".join(to)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"This mail was sent to test the mail server configuration {plan.server}.\n"
        f"It went through {plan.host}, port {plan.port} ({plan.security}).\n"
    )
    return message


__all__ = ["Outgoing", "SendResult", "check_addresses", "find_recipients", "make_trial_message", "prepare_outgoing"]
