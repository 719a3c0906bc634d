"""The reasons for which a mail is not accepted, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from confobjects.actions import Remedy, RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.service.rules.accepting import Reason, Refusal
from confobjects.service.rules.wording import format_moment
from confobjects.texts.visible import make_visible

_SERVICE: Final = "/mail-service"

_WORDS: Final[dict[Reason, tuple[str, str, Remedy]]] = {
    Reason.DISABLED: (
        "enabled",
        "the mail service is disabled",
        ("Set ", RemedyAction("assign", "enabled", "true"), "."),
    ),
    Reason.NO_SENDER: (
        "",
        "mail has no sender: neither sender nor default-sender counts",
        "Set sender, or default-sender. While use-custom-sender is false, only default-sender counts.",
    ),
    Reason.SUPPRESSED: (
        "",
        "{address} is suppressed: mail servers refused it again and again",
        ("Correct the address, or lift the suppression: ", RemedyAction("lift-suppression", "{address}")),
    ),
    Reason.OVER_QUOTA: (
        "",
        "{address} has got as many mails as its quota allows; the next one may be sent from {until} on",
        ("Wait, or reset the quota: ", RemedyAction("reset-quota", "{address}")),
    ),
}
"""For each reason the property that is at fault, what is said, and what helps."""

_OF_SERVICE: Final = frozenset({Reason.DISABLED, Reason.NO_SENDER})


def word_refusal(refusal: Refusal) -> Diagnostic:
    """Return the diagnostic of a refusal."""
    name, summary, remedy = _WORDS[refusal.reason]
    facts = {"address": make_visible(refusal.address), "until": format_moment(refusal.until)}
    path = _SERVICE if refusal.reason in _OF_SERVICE else ""
    return Diagnostic("not-accepted", summary.format_map(facts), path=path, property=name, remedy=_fill(remedy, facts))


def _fill(remedy: Remedy, facts: Mapping[str, str]) -> Remedy:
    """Return a remedy with facts in place of the names in its actions."""
    return tuple(
        RemedyAction(one.verb, *(text.format_map(facts) for text in one.arguments))
        if isinstance(one, RemedyAction)
        else one
        for one in ((remedy,) if isinstance(remedy, str) else remedy)
    )


__all__ = ["word_refusal"]
