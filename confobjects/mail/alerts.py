"""Alerts: what goes wrong, as it is told, and the mail that tells it.

A mail of an alert tells several alerts of one type if they are found together.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from confobjects.mail.templates import (
    Find,
    Template,
    fill_body,
    fill_subject,
    find_among,
    parse_body,
    parse_subject,
)
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.mail.plan import EffectiveObjectLike

CATEGORY: Final = "alert"
"""The category of mails that tell alerts. Nothing that becomes of such a mail is an alert."""

_SECOND: Final = 1000


class AlertType(StrEnum):
    """What an alert is about."""

    CERTIFICATE_ENDING = "certificate-ending"
    CHANGE_WAITING = "change-waiting"
    CONFIGURATION_CHANGED = "configuration-changed"
    CONFIGURATION_PROBLEM = "configuration-problem"
    FOLLOWER_GONE = "follower-gone"
    MAIL_STUCK = "mail-stuck"
    SENDER_STOPPED = "sender-stopped"


class Alert(Record):
    """One alert: its type, what makes it the same as another one of its type, a sentence, and further lines.

    ``object`` is the path of the object that it is about, empty without one.
    """

    type: AlertType
    key: str
    message: str
    details: tuple[str, ...] = ()
    object: str = ""

    @property
    def id(self) -> str:
        """A short name of what makes it the same: for filters, and for whoever compares mails."""
        return sha256(f"{self.type}\0{self.key}".encode("utf-8", "surrogatepass")).hexdigest()[:12]


class AlertHandler(Record):
    """What an SMTP alert handler says; durations in milliseconds. ``sender`` is a name, None for that of the service."""

    path: str
    types: frozenset[AlertType]
    repeat_after: int
    stuck_after: int
    recipients: tuple[str, ...]
    sender: str | None
    subject: Template
    body: Template


def read_alert_handler(obj: EffectiveObjectLike) -> AlertHandler:
    """Return what an SMTP alert handler says."""
    types = set(obj["enabled-alert-type"]) - set(obj["disabled-alert-type"])
    sender = obj.reference("sender")
    return AlertHandler(
        path=obj.path,
        types=frozenset(map(AlertType, types)),
        repeat_after=obj["repeat-after"] * _SECOND,
        stuck_after=obj["stuck-after"] * _SECOND,
        recipients=tuple(obj["recipient-address"]),
        sender=None if sender is None else sender.name,
        subject=parse_subject(obj["message-subject"]),
        body=parse_body(obj["message-body"]),
    )


def make_alert_mail(handler: AlertHandler, alerts: Sequence[Alert], host: str, moment: str) -> EmailMessage:
    """Return the mail that tells some alerts of one type, without From. ``moment`` is the time as text."""
    find = _make_find(alerts, host, moment)
    subject = fill_subject(handler.subject, find)
    message = make_notice(subject or alerts[0].type, fill_body(handler.body, find))
    message["To"] = ", ".join(handler.recipients)
    return message


def _make_find(alerts: Sequence[Alert], host: str, moment: str) -> Find:
    first, more = alerts[0], len(alerts) - 1
    message = f"{first.message} (and {more} more)" if more else first.message
    values: dict[str, Any] = {
        "alert-type": first.type,
        "alert-id": first.id,
        "alert-message": message,
        "alert-object": first.object,
        "alert-host": host,
        "alert-time": moment,
    }
    lines = tuple(line for one in alerts for line in (one.message, *(f"  {detail}" for detail in one.details)))
    return find_among({name: (value,) for name, value in values.items()} | {"alert-details": lines})


def make_notice(subject: str, body: str, subtype: str = "plain") -> EmailMessage:
    """Return a mail that a program makes by itself: nobody's autoresponder answers it (RFC 3834, section 5)."""
    message = EmailMessage()
    message["Subject"] = subject
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body, subtype=subtype, charset="utf-8")
    return message


__all__ = [
    "CATEGORY",
    "Alert",
    "AlertHandler",
    "AlertType",
    "make_alert_mail",
    "make_notice",
    "read_alert_handler",
]
