"""Sending mail through a mail server object: the one public class, and the test mail."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.utils import format_datetime, make_msgid
from typing import Any

from confobjects.diagnostics import Diagnostic
from confobjects.errors import MailError
from confobjects.mail.envelope import make_envelope
from confobjects.mail.message import Sendable, recipients_of
from confobjects.mail.plan import DeliveryPlan, plan_delivery
from confobjects.mail.report import DeliveryReport
from confobjects.transport.network import Network
from confobjects.transport.smtp import Connection, open_connection


class Mailer:
    """Sends mail through one mail server, an object of the effective configuration.

    ``token`` is an OAuth 2.0 access token to log in with instead of the password. ``network`` replaces resolving and
    connecting. Raises :class:`~confobjects.errors.MailError` of stage plan when the object cannot be used.
    """

    def __init__(self, server: Any, *, token: str = "", network: Network | None = None) -> None:
        self.plan: DeliveryPlan = plan_delivery(server, token=token, local_host=socket.gethostname())
        self._network = network or Network()

    def send(
        self, message: Sendable, from_: str | None = None, to: str | Iterable[str] | None = None
    ) -> DeliveryReport:
        """Send one message and return the report.

        ``message`` is an :class:`email.message.EmailMessage`, bytes, or an open binary file. Without ``to`` the
        recipients are those in its To, Cc and Bcc headers; without ``from_`` the envelope sender is the plan's. A
        missing Date and Message-ID are added to what is sent. Raises :class:`~confobjects.errors.MailError`.
        """
        recipients = self._recipients(message, to)
        connection = open_connection(self.plan, self._network)
        try:
            return self._deliver(connection, message, from_, recipients)
        finally:
            connection.quit()

    def _deliver(
        self, connection: Connection, message: Sendable, from_: str | None, recipients: Sequence[str]
    ) -> DeliveryReport:
        sender = self.plan.sender_for(connection.ehlo_name) if from_ is None else from_
        envelope = make_envelope(sender, recipients, path=self.plan.server)
        prepared, message_id = _stamped(message, sender)
        outcome = connection.deliver(envelope, prepared)
        return connection.report(
            outcome.recipients,
            outcome.final,
            sender=envelope.sender,
            size=outcome.size,
            message_id=message_id,
        )

    def _recipients(self, message: Sendable, to: str | Iterable[str] | None) -> Sequence[str]:
        if isinstance(to, str):
            return (to,)
        if to is not None:
            return tuple(to)
        if isinstance(message, Message):
            return recipients_of(message)
        raise MailError(
            Diagnostic(
                "mail-rcpt",
                "a message of bytes names no recipient by itself",
                path=self.plan.server,
                remedy="Name the recipients with to=….",
            )
        )


def _stamped(message: Sendable, sender: str) -> tuple[Sendable, str]:
    """Return a message that has Date, Message-ID and From, and its Message-ID; the original is not changed."""
    if not isinstance(message, Message):
        return message, ""
    if all(name in message for name in ("date", "message-id", "from")):
        return message, str(message["message-id"])
    import copy  # noqa: PLC0415 - beside its only use

    clone = copy.copy(message)
    missing = [name for name in ("Date", "Message-ID", "From") if name not in message]
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


def send_test(
    server: Any, to: str | Iterable[str], from_: str | None = None, *, network: Network | None = None
) -> DeliveryReport:
    """Send a short test mail through a mail server object and return the report.

    Raises :class:`~confobjects.errors.MailError`.
    """
    mailer = Mailer(server, network=network)
    recipients = [to] if isinstance(to, str) else list(to)
    message = EmailMessage()
    message["Subject"] = f"Test of {mailer.plan.server}"
    message["To"] = ", ".join(recipients)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"This mail was sent to test the mail server configuration {mailer.plan.server}.\n"
        f"It went through {mailer.plan.host}, port {mailer.plan.port} ({mailer.plan.security}).\n"
    )
    return mailer.send(message, from_, recipients)
