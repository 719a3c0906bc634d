"""Account status notification handlers at work: a program says what has become of an account, and mails are accepted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import UsageError
from confobjects.mail.notifications import (
    EVENTS,
    NotificationHandler,
    make_notifications,
    read_notification_handler,
)
from confobjects.service.several import Notified, accept_each

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message

    from confobjects.objects.effective import EffectiveConfiguration, EffectiveObject

KIND: Final = "account-status-notification-handler"

READERS: Final[Mapping[str, Callable[[Any], NotificationHandler]]] = {
    "smtp-account-status-notification-handler": read_notification_handler
}
"""What reads the handlers of a type, and of those that extend it."""


class Accepting(Protocol):
    """What is needed of a mail service: its configuration in effect, and that it accepts mail."""

    @property
    def configuration(self) -> EffectiveConfiguration:
        """The configuration in effect."""
        ...

    def send(self, message: Message, /, *, to: Iterable[str], category: str, sender: str | None) -> str:
        """Accept a mail; return its id. Raises NotAcceptedError."""
        ...


def notify_account(
    service: Accepting, event: str, address: str | None, values: Mapping[str, str] | None = None
) -> Notified:
    """Have the enabled handlers tell what has become of an account.

    ``address`` is the mail address of its user, None if it is not known; ``values`` are put into the templates by their
    names. Each mail is accepted or refused by itself. Raises UsageError for an unknown event; if there were mails and none was
    accepted NotAcceptedError, or LedgerError.
    """
    if event not in EVENTS:
        remedy = suggest_name(event, EVENTS) or f"One of: {', '.join(EVENTS)}."
        raise UsageError(Diagnostic("usage", f'there is no event "{event}" of accounts', remedy=remedy))
    return accept_each(
        partial(service.send, mail.message, to=mail.recipients, category=mail.category, sender=handler.sender)
        for handler in filter(None, map(_read_handler, service.configuration.of(KIND)))
        for mail in make_notifications(handler, event, address, values or {})
    )


def _read_handler(obj: EffectiveObject) -> NotificationHandler | None:
    """Return a handler, None if it is disabled, or of a type that something else serves."""
    read = next((READERS[one] for one in obj.types if one in READERS), None)
    return None if read is None or obj.is_enabled is False else read(obj)


__all__ = ["KIND", "READERS", "Accepting", "notify_account"]
