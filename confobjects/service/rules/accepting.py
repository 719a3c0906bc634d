"""Whether a mail is accepted: decided by the settings and by what is known of its recipients."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from confobjects.records import Record
from confobjects.service.rules.quotas import Standing, count_use, free_again, has_room
from confobjects.service.rules.settings import Settings


class Reason(StrEnum):
    """Why a mail is not accepted."""

    DISABLED = "disabled"
    NO_SENDER = "no-sender"
    SUPPRESSED = "suppressed"
    OVER_QUOTA = "over-quota"


class Refusal(Record):
    """A reason; for a recipient its address and the moment from which on it does not hold any more, 0 if unknown."""

    reason: Reason
    address: str = ""
    until: int = 0


def is_limited(category: str, settings: Settings) -> bool:
    """Tell whether mails of a category count for the quota."""
    return category in settings.limited_categories and settings.recipient_limit is not None


def judge_service(settings: Settings) -> tuple[Refusal, ...]:
    """Return why no mail at all is accepted; nothing if mail is."""
    if not settings.enabled:
        return (Refusal(Reason.DISABLED),)
    return (Refusal(Reason.NO_SENDER),) if settings.sender is None else ()


def judge_recipients(
    standings: Mapping[str, Standing], category: str, now: int, settings: Settings
) -> tuple[Refusal, ...]:
    """Return why a mail to some addresses is not accepted: one reason for each address that has one."""
    limited, found = is_limited(category, settings), list[Refusal]()
    for address, standing in standings.items():
        if standing.suppressed:
            found.append(Refusal(Reason.SUPPRESSED, address))
        elif limited and not has_room(standing, now, settings):
            found.append(Refusal(Reason.OVER_QUOTA, address, free_again(standing, now, settings)))
    return tuple(found)


def count_mail(standing: Standing, category: str, now: int, settings: Settings) -> Standing:
    """Return the standing of a recipient after a mail for it was accepted."""
    return count_use(standing, now, settings) if is_limited(category, settings) else standing


__all__ = ["Reason", "Refusal", "count_mail", "is_limited", "judge_recipients", "judge_service"]
