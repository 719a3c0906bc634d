"""The states of a mail, and how one follows from another.

A mail to many recipients has several *parts*, of at most :data:`MOST_RECIPIENTS` each (every mail server accepts that
many: RFC 5321, section 4.5.3.1.8). Each part is taken, sent and settled by itself::

    queued ──take──> taken ──begin_sending──> sending ──settle──> delivered, failed, unknown, or queued again
       ^               │                        │
       └──give_back────┴────────────────────────┤
                                                └──lapse──> unknown (the lease has ended, and the answer is not known)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from confobjects.actions import Remedy
from confobjects.records import Record
from confobjects.service.rules.settings import MINUTE, Settings

MOST_RECIPIENTS: Final = 100

LEASE: Final = MINUTE
"""Milliseconds for which a part is taken, unless whoever has it renews the lease."""


class State(StrEnum):
    """The state of a part or of a recipient. A recipient is never taken or sending: its part is."""

    QUEUED = "queued"
    TAKEN = "taken"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"


HELD: Final = frozenset({State.TAKEN, State.SENDING})
ENDED: Final = frozenset({State.DELIVERED, State.FAILED, State.UNKNOWN})
OPEN: Final = frozenset({State.QUEUED, *HELD})

EXPIRED: Final = "expired"
CANCELLED: Final = "cancelled"
LEASE_ENDED: Final = "lease-ended"
RESTORED: Final = "ledger-restored"
"""What is told of a mail that was open in a backup of the ledger."""
NO_SENDER: Final = "no-sender"


class Verdict(StrEnum):
    """What an attempt found out about a recipient.

    HELD_UP says that nothing is wrong with the recipient: the mail was not sent because others were refused.
    """

    DELIVERED = "delivered"
    LATER = "later"
    REFUSED = "refused"
    HELD_UP = "held-up"
    UNKNOWN = "unknown"


class Words(Record):
    """What an attempt found out, in words: a sentence, and what to do."""

    summary: str
    remedy: Remedy = ""


class Answer(Record):
    """The outcome of an attempt for one recipient: the code of the diagnosis, what the server said, and the words of the diagnosis.

    ``of_address`` says that the server refused this address, and not the mail or its sender.
    """

    verdict: Verdict
    code: str = ""
    reply: str = ""
    of_address: bool = False
    words: Words | None = None


class Recipient(Record):
    """One recipient: its state, when it is due (0: from the start), how many attempts have failed, and what the last one found out."""

    address: str
    state: State = State.QUEUED
    due: int = 0
    tries: int = 0
    code: str = ""
    reply: str = ""
    words: Words | None = None


class Part(Record):
    """A mail for some of its recipients.

    ``since`` is from when on its age counts, ``due`` when the first of them is due. ``began`` is when it was last taken: those who were due by then are in the
    attempt. ``fence`` is the number of whoever holds it. ``ended`` is 0 while it is open.
    """

    mail: str
    number: int
    recipients: tuple[Recipient, ...]
    accepted: int
    since: int
    state: State = State.QUEUED
    fence: int = 0
    due: int = 0
    began: int = 0
    lease: int = 0
    runner: str = ""
    ended: int = 0

    @property
    def in_attempt(self) -> tuple[int, ...]:
        """The places of the recipients for whom it was taken."""
        return tuple(n for n, one in enumerate(self.recipients) if one.state is State.QUEUED and one.due <= self.began)


def split_recipients(addresses: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the recipients of each part of a mail."""
    return tuple(addresses[at : at + MOST_RECIPIENTS] for at in range(0, len(addresses), MOST_RECIPIENTS))


def make_part(mail: str, number: int, addresses: tuple[str, ...], now: int) -> Part:
    """Return a new part, which is due now."""
    return Part(mail, number, tuple(map(Recipient, addresses)), now, now, due=now)


# -- who may take it ---------------------------------------------------------------------------------------------------


def is_due(due: int, now: int, horizon: int) -> bool:
    """Tell whether the moment has come, or is so far ahead that it was planned by a clock that was put back."""
    return due <= now or due > now + horizon


def is_over(lease: int, now: int) -> bool:
    """Tell whether a lease has ended, or ends so late that it was taken by a clock that was put back."""
    return is_due(lease, now, 2 * LEASE)


def can_be_taken(part: Part, now: int, settings: Settings) -> bool:
    """Tell whether a part may be taken: it is due, or whoever took it was lost before it was sent."""
    if part.state is State.QUEUED:
        return is_due(part.due, now, settings.horizon)
    return part.state is State.TAKEN and is_over(part.lease, now)


def take(part: Part, runner: str, now: int, settings: Settings) -> Part:
    """Return the part as taken by a runner, with a new fencing number. Its recipients that are due are in the attempt.

    So are those of an attempt that was lost, whatever the clock says now.
    """
    lost = part.in_attempt if part.state is State.TAKEN else ()
    recipients = tuple(
        one.replace(due=now) if one.due > now and (place in lost or is_due(one.due, now, settings.horizon)) else one
        for place, one in enumerate(part.recipients)
    )
    return part.replace(
        state=State.TAKEN, fence=part.fence + 1, runner=runner, began=now, lease=now + LEASE, recipients=recipients
    )


# -- what its holder does ----------------------------------------------------------------------------------------------


def is_held_by(part: Part, fence: int) -> bool:
    """Tell whether whoever has a fencing number may go on towards sending."""
    return part.fence == fence and part.state in HELD


def may_be_settled_by(part: Part, fence: int) -> bool:
    """Tell whether the outcome that whoever has a fencing number reports counts, however late it comes."""
    return part.fence == fence


def begin_sending(part: Part, now: int) -> Part:
    """Return the part as it must be on disk before the mail server can have the whole mail."""
    return part.replace(state=State.SENDING, lease=now + LEASE)


def give_back(part: Part, now: int) -> Part:
    """Return the part as queued: its holder knows that the mail server does not have it."""
    return _conclude(part, now)


def settle(part: Part, answers: Mapping[int, Answer], now: int, settings: Settings) -> Part:
    """Return the part after an attempt. ``answers`` are those for recipients, by their places.

    Those without an answer are as before. Whoever is refused only for now is due again later, or has failed if the
    mail is too old. Whoever was held up by others is due at once.
    """
    stopped = any(one.verdict in (Verdict.LATER, Verdict.REFUSED) for one in answers.values())
    old = now - part.since >= settings.expire
    recipients = list(part.recipients)
    for place, answer in answers.items():
        one = recipients[place]
        if one.state in (State.QUEUED, State.UNKNOWN):
            held_up = answer.verdict is Verdict.HELD_UP and stopped
            recipients[place] = one.replace(due=now) if held_up else _judge(one, answer, now, old, settings)
    return _conclude(part.replace(recipients=tuple(recipients)), now)


_FINAL: Final = {
    Verdict.DELIVERED: State.DELIVERED,
    Verdict.REFUSED: State.FAILED,
    Verdict.UNKNOWN: State.UNKNOWN,
}


def _judge(one: Recipient, answer: Answer, now: int, old: bool, settings: Settings) -> Recipient:
    tries = one.tries + (answer.verdict is not Verdict.DELIVERED)
    found = one.replace(tries=tries, code=answer.code, reply=answer.reply, words=answer.words)
    if answer.verdict in _FINAL:
        return found.replace(state=_FINAL[answer.verdict])
    if old:
        return found.replace(state=State.FAILED, code=EXPIRED)
    return found.replace(state=State.QUEUED, due=now + settings.delay_after(tries))


def _conclude(part: Part, now: int) -> Part:
    """Return the part with the state that follows from its recipients, held by nobody."""
    start = min(part.since, now)  # a clock that was put back makes nobody wait for a moment that was
    waiting = [one.due or start for one in part.recipients if one.state is State.QUEUED]
    state = State.QUEUED if waiting else worst_of(one.state for one in part.recipients)
    due = min(waiting, default=part.due)
    return part.replace(state=state, due=due, lease=0, runner="", ended=0 if waiting else now)


_ORDER: Final = (
    State.SENDING,
    State.TAKEN,
    State.QUEUED,
    State.UNKNOWN,
    State.FAILED,
    State.DELIVERED,
)


def worst_of(states: Iterable[State]) -> State:
    """Return the state of a whole: what is still open comes first, then what went wrong."""
    return min(states, key=_ORDER.index)


# -- what others do ----------------------------------------------------------------------------------------------------


def lapse(part: Part, now: int) -> Part:
    """Return the part that was *sending* when its lease ended: for those in the attempt the outcome is unknown."""
    within = set(part.in_attempt)
    recipients = tuple(
        one.replace(state=State.UNKNOWN, code=LEASE_ENDED, reply="", words=None) if place in within else one
        for place, one in enumerate(part.recipients)
    )
    return _conclude(part.replace(recipients=recipients), now)


def can_lapse(part: Part, now: int) -> bool:
    """Tell whether a part was *sending* when its lease ended."""
    return part.state is State.SENDING and is_over(part.lease, now)


def can_be_retried(part: Part) -> bool:
    """Tell whether an operator may send a part again: nobody has it, and somebody did not get it."""
    return part.state in (State.QUEUED, State.FAILED, State.UNKNOWN)


def retry(part: Part, now: int) -> Part:
    """Return the part with every recipient that did not get the mail due at once. Its age is counted from now on."""
    recipients = tuple(
        one if one.state is State.DELIVERED else one.replace(state=State.QUEUED, due=now, tries=0)
        for one in part.recipients
    )
    return _conclude(part.replace(recipients=recipients, fence=part.fence + 1, since=now), now)


def doubt(part: Part, now: int) -> Part:
    """Return an open part of a ledger that was put back: nobody knows what has become of it since the backup."""
    recipients = tuple(
        one.replace(state=State.UNKNOWN, code=RESTORED, reply="", words=None) if one.state is State.QUEUED else one
        for one in part.recipients
    )
    return _conclude(part.replace(recipients=recipients, fence=part.fence + 1), now)


def can_be_cancelled(part: Part, now: int) -> bool:
    """Tell whether an operator may cancel a part: it waits, whoever took it is lost, or its state is one that nobody knows."""
    if part.state is State.UNKNOWN:
        return not part.ended
    return part.state is State.QUEUED or (part.state is State.TAKEN and is_over(part.lease, now))


def cancel(part: Part, now: int) -> Part:
    """Return the part with every recipient that waits as failed."""
    recipients = tuple(
        one.replace(state=State.FAILED, code=CANCELLED, reply="", words=None) if one.state is State.QUEUED else one
        for one in part.recipients
    )
    return _conclude(part.replace(recipients=recipients, fence=part.fence + 1), now)


__all__ = [
    "CANCELLED",
    "ENDED",
    "EXPIRED",
    "HELD",
    "LEASE",
    "LEASE_ENDED",
    "MOST_RECIPIENTS",
    "NO_SENDER",
    "OPEN",
    "RESTORED",
    "Answer",
    "Part",
    "Recipient",
    "State",
    "Verdict",
    "Words",
    "begin_sending",
    "can_be_cancelled",
    "can_be_retried",
    "can_be_taken",
    "can_lapse",
    "cancel",
    "doubt",
    "give_back",
    "is_due",
    "is_held_by",
    "is_over",
    "lapse",
    "make_part",
    "may_be_settled_by",
    "retry",
    "settle",
    "split_recipients",
    "take",
    "worst_of",
]
