"""Many messages back to back: the envelope of the next goes along with the content of the last.

Where the server offers PIPELINING a message costs one round trip, however many recipients it has: the answer to a
message and the answers to the next envelope come together. Laws: each parcel that was taken is noted once; one whose
content was handed over and not answered is noted as of unknown fate, and no other is; what a failing connection
leaves behind is noted as not handed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from confobjects.mail.diagnosis import Trouble
from confobjects.mail.dialogue import Dialogue, Step
from confobjects.mail.envelope import Envelope
from confobjects.mail.message import Sendable
from confobjects.mail.plan import DeliveryPlan
from confobjects.mail.smtp import Answer, SmtpClient, State
from confobjects.mail.transaction import Begun, Outcome, Results, begin, deliver, ended, judge, pour
from confobjects.mail.transcript import Transcript


class Parcel(NamedTuple):
    """A message with its envelope, and whatever its sender wants to know it by again."""

    mark: Any
    envelope: Envelope
    message: Sendable


Note = Callable[[Parcel, Outcome | Trouble, Transcript], None]
"""Takes how a parcel ended, and what was said about it."""


def deliver_many(client: SmtpClient, plan: DeliveryPlan, parcels: Iterator[Parcel], note: Note) -> Dialogue[None]:
    """Send parcels until there are no more or the session is over, noting how each ended.

    A parcel that fails does not stop the others. A connection that fails raises Trouble after the noting.
    """
    stream = _Stream(client, plan, parcels, note)
    yield from stream.back_to_back() if client.pipelining else stream.one_by_one()


class _InHand(NamedTuple):
    parcel: Parcel
    begun: Begun
    transcript: Transcript


class _Stream:
    __slots__ = ("client", "note", "parcels", "plan")

    def __init__(self, client: SmtpClient, plan: DeliveryPlan, parcels: Iterator[Parcel], note: Note) -> None:
        self.client = client
        self.plan = plan
        self.parcels = parcels
        self.note = note

    def one_by_one(self) -> Dialogue[None]:
        client = self.client
        while client.state is State.SESSION and (parcel := next(self.parcels, None)):
            client.transcript = transcript = client.transcript.fresh()
            try:
                outcome = yield from deliver(client, self.plan, parcel.envelope, parcel.message)
            except Trouble as trouble:
                self.note(parcel, trouble, transcript)
                if client.state is not State.SESSION:
                    raise
            else:
                self.note(parcel, outcome, transcript)

    def back_to_back(self) -> Dialogue[None]:
        current = self._next()
        while current is not None:
            answers = yield from self._envelope(current)
            while current is not None:
                results = yield from self._judged(current, answers)
                if results is None:
                    break
                current, answers = yield from self._content(current, results)
            current = self._next() if self.client.state is State.SESSION else None

    def _next(self) -> _InHand | None:
        """Hand the next envelope to the engine; those that cannot be sent are noted on the way."""
        client = self.client
        for parcel in self.parcels:
            client.transcript = transcript = client.transcript.fresh()
            try:
                begun = begin(client, self.plan, parcel.envelope, parcel.message)
            except Trouble as trouble:
                self.note(parcel, trouble, transcript)
            else:
                return _InHand(parcel, begun, transcript)
        return None

    def _envelope(self, current: _InHand) -> Dialogue[Sequence[Answer]]:
        try:
            return (yield Step("mail", current.begun.answers))
        except Trouble as trouble:
            self.note(current.parcel, trouble, current.transcript)
            raise

    def _judged(self, current: _InHand, answers: Sequence[Answer]) -> Dialogue[Results | None]:
        """Return the recipients' answers; None, with the reason noted, when the message is not sent."""
        judged = yield from judge(self.client, self.plan, current.begun, [answer.reply for answer in answers])
        if isinstance(judged, Trouble):
            self.note(current.parcel, judged, current.transcript)
            return None
        return judged

    def _content(self, current: _InHand, results: Results) -> Dialogue[tuple[_InHand | None, Sequence[Answer]]]:
        """Send a content and the next envelope; return the next, if there is one, and the answers to its envelope."""
        following = None
        try:
            yield from pour(self.client, self.plan, current.begun, results)
            following = self._next()
            wanted = 1 + (following.begun.answers if following else 0)
            answers = yield Step("data", wanted)
        except Trouble as trouble:
            self._broken(current, results, following, trouble)
            if self.client.state is State.SESSION:
                return None, ()
            raise
        self._end(current, results, answers[0])
        if following is not None and len(answers) == 1:  # the server closes behind its answer
            closed = Trouble("mail", "closed")
            self.note(following.parcel, closed, following.transcript)
            raise closed
        return following, answers[1:]

    def _broken(self, current: _InHand, results: Results, following: _InHand | None, trouble: Trouble) -> None:
        if trouble.answers:  # the connection failed, but this message had its answer before
            self._end(current, results, trouble.answers[0])
        else:
            self.note(current.parcel, trouble, current.transcript)
        if following is not None:
            self.note(following.parcel, Trouble("mail", "closed"), following.transcript)

    def _end(self, current: _InHand, results: Results, answer: Answer) -> None:
        end: Outcome | Trouble
        try:
            end = ended(current.begun, results, answer.reply)
        except Trouble as trouble:
            end = trouble
        self.note(current.parcel, end, current.transcript)


__all__ = ["Note", "Parcel", "deliver_many"]
