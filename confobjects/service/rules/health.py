"""Whether the mail service works: what is wrong with it, decided from the state of its ledger and its settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from confobjects.records import Record
from confobjects.service.rules.pacing import Login, is_stopped
from confobjects.service.rules.settings import HOUR, MINUTE, Settings
from confobjects.service.rules.states import LEASE

STUCK_AFTER: Final = HOUR
"""The age of a mail that waits at which it counts as stuck, unless somebody says otherwise."""

_LATE: Final = 2 * MINUTE
"""Milliseconds after which a mail that is due should have been taken."""


class Complaint(StrEnum):
    """What can be wrong."""

    NO_SENDER = "no-sender"
    NO_RUNNER = "no-runner"
    STOPPED = "sender-stopped"
    STUCK = "mail-stuck"


class Finding(Record):
    """Something that is wrong: for a sender its name, for mail the moment since when it waits."""

    complaint: Complaint
    sender: str = ""
    since: int = 0


class Seen(Record):
    """What the ledger shows: see the overview of the same fields. ``fingerprints`` are those of the configurations of senders."""

    now: int
    waiting: int
    oldest: int
    overdue: int
    heard: tuple[int, ...]
    logins: Mapping[str, Login]
    fingerprints: Mapping[str, str]


def is_alive(heard: int, now: int) -> bool:
    """Tell whether a runner that was last heard of at some moment still runs."""
    return abs(now - heard) <= LEASE


def find_stopped(logins: Mapping[str, Login], fingerprints: Mapping[str, str]) -> tuple[str, ...]:
    """Return the senders that are stopped, with the configurations that they have now."""
    return tuple(name for name, one in logins.items() if is_stopped(one, fingerprints.get(name, "")))


def judge_health(seen: Seen, settings: Settings, stuck_after: int = STUCK_AFTER) -> tuple[Finding, ...]:
    """Return what is wrong; nothing if mail is accepted and delivered as it should be."""
    return tuple(_judge(seen, settings, stuck_after))


def _judge(seen: Seen, settings: Settings, stuck_after: int) -> Iterable[Finding]:
    if settings.enabled and settings.sender is None:
        yield Finding(Complaint.NO_SENDER)
    is_served = any(is_alive(one, seen.now) for one in seen.heard)
    if not is_served and (settings.enabled or (seen.waiting and seen.now - seen.overdue > _LATE)):
        yield Finding(Complaint.NO_RUNNER)
    for name in find_stopped(seen.logins, seen.fingerprints):
        yield Finding(Complaint.STOPPED, name)
    if seen.oldest and seen.now - seen.oldest > stuck_after:
        yield Finding(Complaint.STUCK, since=seen.oldest)


__all__ = ["STUCK_AFTER", "Complaint", "Finding", "Seen", "find_stopped", "is_alive", "judge_health"]
