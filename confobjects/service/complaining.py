"""What is wrong with the mail service, in words."""

from __future__ import annotations

from confobjects.actions import Remedy, RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.service.refusing import word_refusal
from confobjects.service.rules.accepting import Reason, Refusal
from confobjects.service.rules.health import Complaint, Finding
from confobjects.service.rules.pacing import WRONG_PASSWORDS
from confobjects.service.rules.wording import format_moment
from confobjects.texts.visible import make_visible


def word_finding(finding: Finding) -> Diagnostic:
    """Return the diagnostic of something that is wrong."""
    if finding.complaint is Complaint.NO_SENDER:
        return word_refusal(Refusal(Reason.NO_SENDER)).replace(code="unhealthy")
    summary, remedy = _WORDS[finding.complaint](finding)
    return Diagnostic("unhealthy", summary, remedy=remedy)


def _word_absence(_finding: Finding) -> tuple[str, Remedy]:
    return "no runner is alive: no mail is delivered", "Start the program that delivers mail, or see why it has ended."


def _word_stop(finding: Finding) -> tuple[str, Remedy]:
    sender = make_visible(finding.sender)
    summary = f'the sender "{sender}" is stopped: the mail server refused its login {WRONG_PASSWORDS} times in a row'
    begin = (
        "Correct the login of its mail server: the sender goes on by itself once that has changed. If only the mail "
    )
    return summary, (f"{begin}server was at fault: ", RemedyAction("resume-sender", sender))


def _word_delay(finding: Finding) -> tuple[str, Remedy]:
    summary = f"mail waits that was accepted, or sent again, at {format_moment(finding.since)}"
    return summary, ("See what its last attempt found: ", RemedyAction("see-waiting"))


_WORDS = {Complaint.NO_RUNNER: _word_absence, Complaint.STOPPED: _word_stop, Complaint.STUCK: _word_delay}


__all__ = ["word_finding"]
