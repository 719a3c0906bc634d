"""What an attempt found out, recipient by recipient: from the report or the error of a delivery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError
from confobjects.mail.report import DeliveryReport, RecipientResult
from confobjects.service.rules.states import Answer, Verdict, Words

_OF_MAIL: Final = frozenset({"mail", "rcpt", "data"})
"""Stages in which a permanent refusal is about the mail itself. Elsewhere the configuration is at fault: it may be
corrected while the mail waits."""

REFUSED: Final = "recipient-refused"


def read_report(report: DeliveryReport, places: Sequence[int]) -> Mapping[int, Answer]:
    """Return the answers of a mail that the server accepted, by the places of the recipients it was sent to."""
    known = zip(places, report.recipients, strict=False)
    return {place: _read_result(one, Verdict.DELIVERED, "", report.reply) for place, one in known}


def read_error(error: MailError, places: Sequence[int]) -> Mapping[int, Answer]:
    """Return the answers of a mail that was not sent, or whose outcome is unknown."""
    code = error.diagnosis.code if isinstance(error, DeliveryError) else error.diagnostics[0].code
    reply = error.diagnosis.reply if isinstance(error, DeliveryError) else ""
    words = _read_words(error)
    if isinstance(error, DeliveryError) and error.unknown:
        return {place: Answer(Verdict.UNKNOWN, code, reply, words=words) for place in places}
    asked = _find_results(error)
    if any(one.accepted is False for one in asked):
        answers = {place: Answer(Verdict.HELD_UP) for place in places}
        return answers | {
            place: _read_result(one, Verdict.HELD_UP, code, words=words)
            for place, one in zip(places, asked, strict=False)
        }
    verdict = Verdict.REFUSED if error.stage in _OF_MAIL and not _may_succeed_later(error) else Verdict.LATER
    return {place: Answer(verdict, code, reply, words=words) for place in places}


def _read_words(error: MailError) -> Words:
    if isinstance(error, DeliveryError):
        return Words(error.diagnosis.summary, error.diagnosis.remedy)
    return Words(error.diagnostics[0].summary, error.diagnostics[0].remedy)


def _find_results(error: MailError) -> Sequence[RecipientResult]:
    """Return the answers to the recipients, in their order, if one of them is why the mail was not sent."""
    if isinstance(error, DeliveryError) and error.stage == "rcpt" and isinstance(error.report, DeliveryReport):
        return error.report.recipients
    return ()


def _may_succeed_later(error: MailError) -> bool:
    return isinstance(error, DeliveryError) and error.retryable


def _read_result(
    one: RecipientResult, accepted: Verdict, code: str, reply: str = "", *, words: Words | None = None
) -> Answer:
    if one.accepted is not False:
        return Answer(accepted, "", reply)
    verdict = Verdict.LATER if one.retry else Verdict.REFUSED
    return Answer(verdict, code or REFUSED, one.reply, of_address=not one.retry, words=words)


def is_refused_login(error: MailError) -> bool:
    """Tell whether the server refused the login for good: a wrong password, not a server that is busy."""
    return error.stage == "auth" and not _may_succeed_later(error)


__all__ = ["REFUSED", "is_refused_login", "read_error", "read_report"]
