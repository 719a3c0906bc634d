"""The reasons for which a mail is not accepted, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from confobjects.diagnostics import Diagnostic
from confobjects.service.rules.accepting import Reason, Refusal
from confobjects.texts.visible import make_visible

_WORDS: Final = {
    Reason.DISABLED: ("the mail service is disabled", "Enable it."),
    Reason.NO_SENDER: ("the mail service has no sender", "Name one, or a default one."),
    Reason.SUPPRESSED: (
        "{address} is suppressed: mail servers refused it again and again",
        "Correct the address, or lift the suppression.",
    ),
    Reason.OVER_QUOTA: (
        "{address} has got as many mails as its quota allows; the next one may be sent from {until} on",
        "Wait, or reset the quota.",
    ),
}


def word_refusal(refusal: Refusal) -> Diagnostic:
    """Return the diagnostic of a refusal."""
    summary, remedy = _WORDS[refusal.reason]
    facts = {"address": make_visible(refusal.address), "until": format_moment(refusal.until)}
    return Diagnostic("not-accepted", summary.format_map(facts), remedy=remedy)


def format_moment(milliseconds: int) -> str:
    """Return a moment as a text of ISO 8601, in UTC and to the second."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).isoformat().replace("+00:00", "Z")


__all__ = ["format_moment", "word_refusal"]
