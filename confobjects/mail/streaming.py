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
from confobjects.mail.replies import Reply
from confobjects.mail.smtp import Answer, SmtpClient, State
from confobjects.mail.transaction import Outcome, Ready, Results, deliver, ended, fitted, judge, pour, prepare
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
    ready: Ready
    transcript: Transcript


class _Stream:
    """One connection's work: ``next`` is made ready while the server is busy with what was sent."""

    __slots__ = ("client", "exhausted", "next", "note", "parcels", "plan", "tell")

    def __init__(self, client: SmtpClient, plan: DeliveryPlan, parcels: Iterator[Parcel], note: Note) -> None:
        self.client = client
        self.plan = plan
        self.parcels = parcels
        self.note = note
        self.next: _InHand | None = None
        self.exhausted = False
        self.tell: tuple[_InHand, Results, Reply] | None = None

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
        try:
            current = self._begin()
            while current is not None:
                answers = yield from self._envelope(current)
                while current is not None:
                    results = yield from self._judged(current, answers)
                    if results is None:
                        break
                    current, answers = yield from self._content(current, results)
                current = self._begin() if self.client.state is State.SESSION else None
        finally:
            self._tell()
            if self.next is not None:
                self.note(self.next.parcel, Trouble("mail", "closed"), self.next.transcript)

    def _meanwhile(self) -> None:
        """What needs no answer: tell how the last message ended, make the next one ready."""
        self._tell()
        self._look_ahead()

    def _tell(self) -> None:
        if self.tell is not None:
            (in_hand, results, final), self.tell = self.tell, None
            end: Outcome | Trouble
            try:
                end = ended(results, final, in_hand.ready.content.size)
            except Trouble as trouble:
                end = trouble
            self.note(in_hand.parcel, end, in_hand.transcript)

    def _look_ahead(self) -> None:
        """Make the next message ready; those that cannot be sent are noted on the way."""
        client, plan = self.client, self.plan
        while self.next is None and not self.exhausted:
            parcel = next(self.parcels, None)
            if parcel is None:
                self.exhausted = True
                break
            transcript = client.transcript.fresh()
            try:
                content = fitted(client, plan, parcel.envelope, parcel.message)
                ready = prepare(client, plan, parcel.envelope, content)
            except Trouble as trouble:
                self.note(parcel, trouble, transcript)
            else:
                self.next = _InHand(parcel, ready, transcript)

    def _begin(self) -> _InHand | None:
        """Hand the next envelope to the engine."""
        if self.next is None:
            self._look_ahead()
        following, self.next = self.next, None
        if following is not None:
            self.client.transcript = following.transcript
            self.client.envelope(following.ready.group)
        return following

    def _envelope(self, current: _InHand) -> Dialogue[Sequence[Answer]]:
        try:
            return (yield Step("mail", current.ready.answers, self._meanwhile))
        except Trouble as trouble:
            self.note(current.parcel, trouble, current.transcript)
            raise

    def _judged(self, current: _InHand, answers: Sequence[Answer]) -> Dialogue[Results | None]:
        """Return the recipients' answers; None, with the reason noted, when the message is not sent."""
        judged = yield from judge(self.client, self.plan, current.ready, [answer.reply for answer in answers])
        if isinstance(judged, Trouble):
            self._tell()
            self.note(current.parcel, judged, current.transcript)
            return None
        return judged

    def _content(self, current: _InHand, results: Results) -> Dialogue[tuple[_InHand | None, Sequence[Answer]]]:
        """Send a content and the next envelope; return the next, if there is one, and the answers to its envelope."""
        following, client, ready = None, self.client, current.ready
        try:
            client.transcript = current.transcript
            if ready.wire is not None:
                client.message(ready.content.size, ready.wire)
            else:
                yield from pour(client, self.plan, ready.content, results, chunked=ready.chunked)
            following = self._begin()
            wanted = 1 + (following.ready.answers if following else 0)
            answers = yield Step("data", wanted, self._meanwhile)
        except Trouble as trouble:
            self._tell()
            self._broken(current, results, following, trouble)
            if client.state is State.SESSION:
                return None, ()
            raise
        self.tell = (current, results, answers[0].reply)
        if following is not None and len(answers) == 1:  # the server closes behind its answer
            self._tell()
            closed = Trouble("mail", "closed")
            self.note(following.parcel, closed, following.transcript)
            raise closed
        return following, answers[1:]

    def _broken(self, current: _InHand, results: Results, following: _InHand | None, trouble: Trouble) -> None:
        if trouble.answers:  # the connection failed, but this message had its answer before
            self.tell = (current, results, trouble.answers[0].reply)
            self._tell()
        else:
            self.note(current.parcel, trouble, current.transcript)
        if following is not None:
            self.note(following.parcel, Trouble("mail", "closed"), following.transcript)


__all__ = ["Note", "Parcel", "deliver_many"]
