"""How fast mails are sent: the rate limit of all runners together, and senders that are stopped."""

from __future__ import annotations

from typing import Final

from confobjects.records import Record
from confobjects.service.rules.settings import MINUTE

WRONG_PASSWORDS: Final = 3
"""How many refused logins in a row stop a sender, so that its account is not locked."""


class Grant(Record):
    """How many mails may be sent now, and when the next one may be."""

    number: int
    next: int


def grant(free: int, now: int, per_minute: int, wanted: int) -> Grant:
    """Return how many mails may be sent now, at most ``wanted``. ``free`` is when the next one may be sent.

    Mails are spaced evenly: from one to the next is at least a minute divided by the limit. Time that nobody used is
    not saved up. A moment further ahead than a minute was noted by a clock that was put back, and does not count.
    """
    space = -(-MINUTE // per_minute)
    if free > now + MINUTE:
        free = now
    if free > now or wanted <= 0:
        return Grant(0, free)
    return Grant(1, now + space)


class Login(Record):
    """How the logins of a sender went: refusals in a row, with the configuration of this fingerprint."""

    fingerprint: str
    refused: int = 0


def is_stopped(login: Login | None, fingerprint: str) -> bool:
    """Tell whether a sender is stopped: as long as its configuration is the one that was refused."""
    return login is not None and login.fingerprint == fingerprint and login.refused >= WRONG_PASSWORDS


def count_refused_login(login: Login | None, fingerprint: str) -> Login:
    """Return how the logins went after one more refusal."""
    before = login.refused if login is not None and login.fingerprint == fingerprint else 0
    return Login(fingerprint, before + 1)


__all__ = ["WRONG_PASSWORDS", "Grant", "Login", "count_refused_login", "grant", "is_stopped"]
