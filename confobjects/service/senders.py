"""Senders: what sends mails, as runners use it."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from confobjects.mail.plan import DeliveryPlan
from confobjects.transport.mailer import Mailer
from confobjects.transport.outgoing import Outgoing, SendResult


class MailerSender:
    """A mailer as a sender. A mailer that is used as a context manager keeps its connections from one batch to the next."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    @property
    def description(self) -> str:
        """Where each mail server is, and how the mailer logs in there, with the secrets."""
        return "\n".join(map(_describe_login, self._mailer.plans))

    def send_many(
        self, messages: Iterable[Outgoing], *, connections: int, stop: threading.Event
    ) -> Iterable[SendResult]:
        """Send messages, as the mailer does."""
        return self._mailer.send_many(messages, connections=connections, stop=stop)


def _describe_login(plan: DeliveryPlan) -> str:
    """Return what the login depends on. Whatever corrects a refused one has to change it."""
    login = plan.login
    if login is None:
        return repr((plan.server, plan.host, plan.port, plan.security))
    provider = "" if login.tokens is None else login.tokens.fingerprint
    return repr((plan.server, plan.host, plan.port, plan.security, login, login.password, login.token, provider))


__all__ = ["MailerSender"]
