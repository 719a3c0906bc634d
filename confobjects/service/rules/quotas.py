"""How many mails a recipient gets: a quota within a rolling window, and suppression after refusals."""

from __future__ import annotations

from confobjects.records import Record
from confobjects.service.rules.settings import Settings


class Standing(Record):
    """What is known of an address: when mails for it were counted, its permanent refusals in a row, and since when it
    is suppressed (0: it is not).
    """

    uses: tuple[int, ...] = ()
    refusals: int = 0
    suppressed: int = 0


def uses_in_window(standing: Standing, now: int, settings: Settings) -> tuple[int, ...]:
    """Return the uses that count now. One that lies ahead, by a clock that was put back, counts as long as any other."""
    return tuple(one for one in standing.uses if abs(now - one) < settings.recipient_window)


def has_room(standing: Standing, now: int, settings: Settings) -> bool:
    """Tell whether one more mail is within the quota."""
    limit = settings.recipient_limit
    return limit is None or len(uses_in_window(standing, now, settings)) < limit


def free_again(standing: Standing, now: int, settings: Settings) -> int:
    """Return when the quota has room again: now, if it has."""
    if has_room(standing, now, settings):
        return now
    limit = settings.recipient_limit or 0
    uses = sorted(uses_in_window(standing, now, settings))
    return uses[len(uses) - limit] + settings.recipient_window if limit else now + settings.recipient_window


def count_use(standing: Standing, now: int, settings: Settings) -> Standing:
    """Return the standing after one more mail. Uses that count no longer are forgotten."""
    return standing.replace(uses=(*uses_in_window(standing, now, settings), now))


def reset_uses(standing: Standing) -> Standing:
    """Return the standing with a quota that was not used."""
    return standing.replace(uses=())


def count_refusal(standing: Standing, now: int, settings: Settings) -> Standing:
    """Return the standing after a permanent refusal of the address."""
    refusals, limit = standing.refusals + 1, settings.suppress_after
    since = standing.suppressed or (now if limit is not None and refusals >= limit else 0)
    return standing.replace(refusals=refusals, suppressed=since)


def forget_refusals(standing: Standing) -> Standing:
    """Return the standing of an address that a mail reached, or that an operator no longer suppresses."""
    return standing.replace(refusals=0, suppressed=0)


__all__ = [
    "Standing",
    "count_refusal",
    "count_use",
    "forget_refusals",
    "free_again",
    "has_room",
    "reset_uses",
    "uses_in_window",
]
