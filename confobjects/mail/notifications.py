"""Account status notifications: what has become of an account, and the mails that tell it.

Laws: the mail to the user and the one to others are two: neither sees the addresses of the other, and only the first
counts for the quota. A value that the program does not give is empty. In HTML what is put in is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from html import escape as escape_html
from typing import TYPE_CHECKING, Final

from confobjects.mail.alerts import make_notice
from confobjects.mail.templates import (
    Find,
    Placeholder,
    Template,
    fill_body,
    fill_subject,
    parse_body,
    parse_subject,
)
from confobjects.records import Record
from confobjects.texts.visible import make_visible

if TYPE_CHECKING:
    from confobjects.mail.plan import EffectiveObjectLike

CATEGORY: Final = "account"
COPY_CATEGORY: Final = "account-copy"

EVENTS: Final[Mapping[str, str]] = {
    "account-disabled": "the account was disabled",
    "account-enabled": "the account was enabled",
    "account-expired": "the account has expired",
    "account-idle-locked": "the account was locked because it was not used for a long time",
    "account-permanently-locked": "the account was locked until an administrator unlocks it",
    "account-reset-locked": "the account was locked because the password was not changed in time after a reset",
    "account-temporarily-locked": "the account was locked for some time",
    "account-unlocked": "the account was unlocked",
    "password-changed": "the password was changed",
    "password-expired": "the password has expired",
    "password-expiring": "the password expires soon",
    "password-reset": "the password was reset by an administrator",
}
"""What can become of an account, and how it is told in general words."""


class NotificationMail(Record):
    """A mail that is to be accepted, its recipients and its category."""

    message: EmailMessage
    recipients: tuple[str, ...]
    category: str


class NotificationHandler(Record):
    """What an SMTP account status notification handler says. ``sender`` is a name, None for that of the service."""

    path: str
    recipients: tuple[str, ...]
    always_tells: bool
    is_html: bool
    sender: str | None
    subjects: Mapping[str, Template]
    bodies: Mapping[str, Template]


def read_notification_handler(obj: EffectiveObjectLike) -> NotificationHandler:
    """Return what an SMTP account status notification handler says."""
    sender = obj.reference("sender")
    return NotificationHandler(
        path=obj.path,
        recipients=tuple(obj["recipient-address"]),
        always_tells=obj["send-message-without-end-user-address"],
        is_html=obj["send-email-as-html"],
        sender=None if sender is None else sender.name,
        subjects={event: parse_subject(text) for event, text in map(split_event, obj["message-subject"])},
        bodies={event: parse_body(text) for event, text in map(split_event, obj["message-template"])},
    )


def split_event(value: str) -> tuple[str, str]:
    """Return the event and the text of a value ``EVENT:TEXT``."""
    event, _, text = value.partition(":")
    return event, text


def make_notifications(
    handler: NotificationHandler, event: str, address: str | None, values: Mapping[str, str]
) -> Iterator[NotificationMail]:
    """Yield the mails about an event, without From. ``address`` is that of the user, None if it is not known."""
    if event not in handler.bodies:
        return
    if address is not None:
        yield _make_mail(handler, event, values, (address,), CATEGORY)
    if handler.recipients and (address is not None or handler.always_tells):
        yield _make_mail(handler, event, values, handler.recipients, COPY_CATEGORY)


def _make_mail(
    handler: NotificationHandler, event: str, values: Mapping[str, str], recipients: tuple[str, ...], category: str
) -> NotificationMail:
    find = _make_find(event, values)
    subject = fill_subject(handler.subjects[event], find) if event in handler.subjects else ""
    escape = escape_html if handler.is_html else str
    body = fill_body(handler.bodies[event], find, escape)
    general = EVENTS[event]
    message = make_notice(subject or general[0].upper() + general[1:], body, "html" if handler.is_html else "plain")
    message["To"] = make_visible(", ".join(recipients))  # whoever accepts the mail refuses what is no address
    return NotificationMail(message, recipients, category)


def _make_find(event: str, values: Mapping[str, str]) -> Find:
    known = {
        "notification-type": event,
        "notification-message": EVENTS[event],
        "notification-user-dn": values.get("user-dn", ""),
    }

    def find(placeholder: Placeholder) -> tuple[str, ...]:
        if placeholder.argument:
            return (values.get(placeholder.argument, ""),)
        return (known.get(placeholder.name, ""),)

    return find


__all__ = [
    "CATEGORY",
    "COPY_CATEGORY",
    "EVENTS",
    "NotificationHandler",
    "NotificationMail",
    "make_notifications",
    "read_notification_handler",
    "split_event",
]
