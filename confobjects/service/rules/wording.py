"""What became of a recipient, in words: a sentence, and what to do. Moments as texts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from confobjects.mail.diagnosis import describe_code
from confobjects.service.rules.states import CANCELLED, EXPIRED, LEASE_ENDED, NO_SENDER, RESTORED, Recipient, Words

_OWN: Final = {
    CANCELLED: Words("it was cancelled"),
    EXPIRED: Words(
        "it could not be delivered before it expired", "Correct what the last attempt found, and send it again."
    ),
    LEASE_ENDED: Words(
        "the program that sent it was lost before it wrote down the answer of the mail server",
        "Look into the log of the mail server, or ask the recipient; if it has not arrived, send it again.",
    ),
    RESTORED: Words(
        "it was not finished in a backup of the ledger that was put back; it may have been sent since",
        "Look into the log of the mail server, or ask the recipient; if it has not arrived, send it again.",
    ),
    NO_SENDER: Words(
        "the sender that it was accepted for cannot be used",
        "Create it, enable it, or correct its configuration, or cancel the mail.",
    ),
}


def word_outcome(one: Recipient) -> Words | None:
    """Return what the last attempt found out about a recipient, None if there is nothing to say."""
    own = _OWN.get(one.code)
    if own is not None:
        if one.words is None:
            return own
        return Words(f"{own.summary}; the last attempt: {one.words.summary}", one.words.remedy or own.remedy)
    if one.words is not None or not one.code:
        return one.words
    described = describe_code(one.code, recipients=one.address)
    return None if described is None else Words(*described)


def format_moment(milliseconds: int) -> str:
    """Return a moment, in milliseconds since 1970, as a text of RFC 3339, in UTC and to the second."""
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


__all__ = ["format_moment", "word_outcome"]
