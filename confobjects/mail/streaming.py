"""Many messages back to back: the envelope of the next message is sent together with the content of the last.

If the server offers PIPELINING, a message costs one round trip, however many recipients it has: the answer to a
message and the answers to the next envelope come together. Laws: the result of each parcel that was taken is noted
once. The outcome of a parcel is unknown if its content was sent and not answered, and only then. Other parcels of a
connection that fails are noted as not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from confobjects.mail.diagnosis import Trouble
from confobjects.mail.dialogue import Dialogue, DialogueStep
from confobjects.mail.envelope import Envelope
from confobjects.mail.message import Sendable
from confobjects.mail.plan import DeliveryPlan
from confobjects.mail.replies import Reply
from confobjects.mail.smtp import Misuse, SmtpClient
from confobjects.mail.states import State
from confobjects.mail.transaction import (
    DeliveryOutcome,
    Leave,
    ReadyMessage,
    RenderedMessage,
    Results,
    ask_leave,
    blame_pipelining,
    check_mastered,
    deliver,
    find_refusal,
    judge_answers,
    judge_quickly,
    outcome_of,
    pour_content,
    prepare_message,
    render_message,
)
from confobjects.mail.transcript import Transcript
from confobjects.records import Record


class Parcel(Record):
    """A message with its envelope, and a mark by which the caller recognises it.

    ``leave`` is asked before the server gets the end of the message. How the message before it ended is noted by then.
    """

    mark: Any
    envelope: Envelope
    message: Sendable
    leave: Leave | None = None


Note = Callable[[Parcel, DeliveryOutcome | Trouble, Transcript], None]
"""Takes a parcel, its end (an outcome or a trouble), and the transcript of its delivery."""


def deliver_many(client: SmtpClient, plan: DeliveryPlan, parcels: Iterator[Parcel], note: Note) -> Dialogue[None]:
    """Send parcels until there are no more or the session is over, and note how each ended.

    A parcel that fails does not stop the others. Raises Trouble if the connection fails, after the notes are made.
    """
    stream = _Stream(client, plan, parcels, note)
    yield from stream.send_back_to_back() if client.pipelining else stream.send_one_by_one()


class _MessageInHand:
    """A message that is ready, on its way, or sent and not noted yet."""

    __slots__ = ("final", "parcel", "ready", "results", "transcript")

    def __init__(self, parcel: Parcel, ready: ReadyMessage, transcript: Transcript) -> None:
        self.parcel = parcel
        self.ready = ready
        self.transcript = transcript
        self.results: Results = ()
        self.final: Reply | None = None


class _Stream:
    """The work of one connection. While the server is busy, ``next`` is prepared and the end of ``last`` is noted."""

    __slots__ = ("client", "last", "message", "next", "note", "parcels", "plan", "rendered")

    def __init__(self, client: SmtpClient, plan: DeliveryPlan, parcels: Iterator[Parcel], note: Note) -> None:
        self.client = client
        self.plan = plan
        self.parcels = parcels
        self.note = note
        self.next: _MessageInHand | None = None
        self.last: _MessageInHand | None = None
        self.message: bytes | None = None  # the last one, which may also go to other recipients
        self.rendered: RenderedMessage | None = None

    def send_one_by_one(self) -> Dialogue[None]:
        client = self.client
        while client.state is State.SESSION and (parcel := next(self.parcels, None)):
            client.transcript = transcript = client.transcript.make_empty()
            try:
                outcome = yield from deliver(client, self.plan, parcel.envelope, parcel.message, parcel.leave)
            except (Trouble, Misuse) as problem:
                self.note(parcel, _as_trouble(problem, client), transcript)
                if client.state is not State.SESSION:
                    raise
            else:
                self.note(parcel, outcome, transcript)

    def send_back_to_back(self) -> Dialogue[None]:
        try:
            while self.client.state is State.SESSION and (current := self._begin_next()):
                yield from self._send_chain(current)
        finally:
            self._tell_last()
            if self.next is not None:
                self.note(self.next.parcel, Trouble("mail", "closed"), self.next.transcript)

    def _send_chain(self, first: _MessageInHand) -> Dialogue[None]:
        """Send a message and the messages after it, until the server refuses one or there are no more."""
        client, current = self.client, first
        try:
            replies = yield DialogueStep("mail", current.ready.answers, self._work_meanwhile)
        except Trouble as trouble:
            blame_pipelining(trouble)
            end = find_refusal(trouble, self.plan, current.parcel.envelope)
            self.note(current.parcel, end, current.transcript)
            raise
        while True:
            ready = current.ready
            judged: Results | Trouble | None = judge_quickly(client, ready, replies)
            if judged is None:
                judged = yield from judge_answers(client, self.plan, ready, replies)
            if isinstance(judged, Trouble):
                self._tell_last()
                self.note(current.parcel, judged, current.transcript)
                return
            current.results, following = judged, None
            try:
                client.transcript = current.transcript
                yield from self._send_content(current, judged)
                following = self._begin_next()
                wanted = 1 + (following.ready.answers if following else 0)
                replies = yield DialogueStep("data", wanted, self._work_meanwhile)
                check_mastered(client, replies[0], judged, chunked=ready.chunked)
            except (Trouble, Misuse) as problem:
                self._note_failure(current, following, _as_trouble(problem, client))
                if client.state is State.SESSION:
                    return
                raise
            self._tell_last()  # the driver may have skipped the work of the step
            current.final, self.last = replies[0], current
            if following is None:
                return
            if len(replies) == 1:  # the server closes the connection after its answer
                raise self._note_unsent(following)
            current, replies = following, replies[1:]

    def _send_content(self, current: _MessageInHand, results: Results) -> Dialogue[None]:
        """Send a content. Whoever has to give leave for it knows how the message before ended."""
        client, ready, leave = self.client, current.ready, current.parcel.leave
        if leave is not None:
            self._tell_last()
        if ready.wire is not None:
            ask_leave(client, leave, results)
            client.send_message(ready.content.size, ready.wire)
        else:
            yield from pour_content(client, self.plan, ready.content, results, chunked=ready.chunked, leave=leave)

    def _begin_next(self) -> _MessageInHand | None:
        """Give the next envelope to the engine."""
        following = self.next or self._make_next_ready()
        self.next = None
        if following is not None:
            self.client.transcript = following.transcript
            self.client.send_envelope(following.ready.group)
        return following

    def _work_meanwhile(self) -> None:
        """Do what needs no answer: note how the last message ended, and prepare the next one."""
        self._tell_last()
        if self.next is None:
            self.next = self._make_next_ready()

    def _make_next_ready(self) -> _MessageInHand | None:
        """Return the next message that can be sent. Messages before it that cannot be sent are noted."""
        client, plan = self.client, self.plan
        for parcel in self.parcels:
            transcript = client.transcript.make_empty()
            try:
                return _MessageInHand(
                    parcel, prepare_message(client, plan, parcel.envelope, self._render_once(parcel)), transcript
                )
            except Trouble as trouble:
                self.note(parcel, trouble, transcript)
        return None

    def _render_once(self, parcel: Parcel) -> RenderedMessage:
        """Render a message; only once if the same bytes go to many recipients."""
        envelope, message = parcel.envelope, parcel.message
        if self.rendered is not None and message is self.message and not envelope.utf8:
            return self.rendered
        rendered = render_message(self.client, self.plan, envelope, message)
        if isinstance(message, bytes) and not envelope.utf8:
            self.message, self.rendered = message, rendered
        return rendered

    def _tell_last(self) -> None:
        """Note how the last message ended."""
        last, self.last = self.last, None
        if last is not None and last.final is not None:
            end: DeliveryOutcome | Trouble
            try:
                end = outcome_of(last.results, last.final, last.ready.content.size)
            except Trouble as trouble:
                end = trouble
            self.note(last.parcel, end, last.transcript)

    def _note_failure(self, current: _MessageInHand, following: _MessageInHand | None, trouble: Trouble) -> None:
        self._tell_last()
        if trouble.answers:  # the connection failed after this message had its answer
            current.final, self.last = trouble.answers[0], current
            self._tell_last()
        else:
            self.note(current.parcel, trouble, current.transcript)
        if following is not None:
            self._note_unsent(following, trouble.answers[1:])

    def _note_unsent(self, following: _MessageInHand, answers: Sequence[Reply] = ()) -> Trouble:
        """Note that no part of a message was sent. ``answers`` are those to its envelope that came nevertheless."""
        self._tell_last()
        closed = Trouble("mail", "closed")
        closed.answers = answers
        self.note(following.parcel, find_refusal(closed, self.plan, following.parcel.envelope), following.transcript)
        return closed


def _as_trouble(problem: Trouble | Misuse, client: SmtpClient) -> Trouble:
    """Return the trouble. A misuse after the server has said that it is closing is that; any other is a bug of ours."""
    if isinstance(problem, Trouble):
        return problem
    if not client.closed:
        raise problem
    return Trouble("mail", "closing")


__all__ = ["Note", "Parcel", "deliver_many"]
