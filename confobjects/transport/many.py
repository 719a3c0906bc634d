"""Many messages over one or several kept connections, in one thread.

Each connection is a lane with its own conversation (:mod:`confobjects.mail.streaming`); all lanes take messages from
the same group. A lane that has an answer goes on; the thread waits only if no lane has one. Laws: a message is in one
lane at a time. When a connection fails, messages that were not sent are kept apart from those it may have delivered.
"""

from __future__ import annotations

import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError, Trouble
from confobjects.mail.dialogue import DialogueStep
from confobjects.mail.replies import ProtocolViolation, Reply
from confobjects.mail.report import DeliveryReport, Route, StageTime
from confobjects.mail.smtp import Misuse
from confobjects.mail.states import State
from confobjects.mail.streaming import Parcel, deliver_many
from confobjects.mail.transaction import DeliveryOutcome
from confobjects.mail.transcript import Transcript
from confobjects.records import Record
from confobjects.transport import deadline
from confobjects.transport.channel import SmtpChannel
from confobjects.transport.outgoing import Outgoing, prepare_outgoing
from confobjects.transport.pool import Outdated, Pool, is_end_of_connection
from confobjects.transport.smtp import Connection, recipient_results

_TRIES: Final = 3
"""How often in a row a server is asked for a connection."""

_LOOK: Final = 1000
"""Milliseconds after which lanes without an answer are checked for a timeout."""


class DeliveryAccount(Record):
    """Everything that the report of a delivery is made from, if the caller asks for it."""

    route: Route
    outcome: DeliveryOutcome
    transcript: Transcript
    spans: tuple[float, float]
    sender: str
    message_id: str

    def make_report(self) -> DeliveryReport:
        """Return the report."""
        outcome, transcript = self.outcome, self.transcript
        return DeliveryReport(
            self.route,
            self.sender,
            recipient_results(outcome.recipients, transcript),
            transcript.mask(str(outcome.final)),
            outcome.size,
            self.message_id,
            (),
            _stage_times(self.spans, "data", ok=True),
            transcript,
        )


class MessageGroup:
    """Messages on their way through one mail server.

    After :meth:`send`, ``accounts`` and ``errors`` have the results by the number of the message. ``returned`` are the
    messages whose connection failed twice before they were sent, ``waiting`` those for which no connection could be
    opened, ``retried`` those that were sent over a second connection. ``stop`` says that no further message is to be
    begun. When ``still`` returns False, no further message is begun in the present state of the mail servers.
    """

    def __init__(self, messages: Sequence[Outgoing], stop: threading.Event | None = None) -> None:
        self.messages = messages
        self.stop = threading.Event() if stop is None else stop
        self.still: Callable[[], bool] = lambda: True
        self.waiting = deque(range(len(messages)))
        self.returned: list[int] = []
        self.retried: set[int] = set()
        self.accounts: dict[int, DeliveryAccount] = {}
        self.errors: dict[int, MailError] = {}

    @property
    def settled(self) -> set[int]:
        """The messages that are no longer on their way: accepted, failed, or returned."""
        return {*self.accounts, *self.errors, *self.returned}

    def send(self, pool: Pool, connections: int, *, last: bool = True) -> None:
        """Send the waiting messages over that number of connections.

        Raises MailError if none can be opened, :class:`~confobjects.transport.pool.Outdated` if the mail servers have
        changed before all messages were begun.

        One failure to open a connection does not fail all messages: if the server has taken messages before, or if it
        is the ``last`` one and asks to come again later, it is tried again, at most three times in a row.
        """
        before, failures = len(self.settled), 0
        while self.waiting and not self.stop.is_set():
            done = self._count_moves()
            try:
                self._send_over(pool, connections)
            except MailError as error:
                worked = len(self.settled) > before
                failures += 1
                if failures == _TRIES or not (worked or (last and _is_answered(error))) or not _is_temporary(error):
                    raise
            else:
                failures = 0 if self._count_moves() > done else failures + 1
                if failures == _TRIES:
                    raise Connection(pool.plan).error_for(Trouble("mail", "closing"))
            self._try_again()

    def _count_moves(self) -> int:
        return len(self.settled) + len(self.retried)

    def _send_over(self, pool: Pool, connections: int) -> None:
        """Send waiting messages until none is left or the connections have ended. Raises MailError if none opens."""
        lanes = [_Lane(self, pool.take(still=self.still))]
        try:
            while len(lanes) < min(connections, len(self.waiting)):
                connection = self._take_another(pool)
                if connection is None:
                    break
                lanes.append(_Lane(self, connection))
            _run_lanes(lanes)
        finally:
            for lane in lanes:
                lane.end()
                pool.give_back(lane.connection, self.still)

    def _try_again(self) -> None:
        """Put returned messages first in the queue for the next connection, once each."""
        again = sorted(number for number in self.returned if number not in self.retried)
        self.retried.update(again)
        self.returned = [number for number in self.returned if number not in again]
        self.waiting.extendleft(reversed(again))

    def _take_another(self, pool: Pool) -> Connection | None:
        try:
            return pool.take(wait=False, still=self.still)
        except (MailError, Outdated):  # one connection is enough to go on; if that fails too, its error is reported
            return None

    def parcels(self, connection: Connection) -> Iterator[Parcel]:
        """Yield waiting messages for a connection. Errors in a message itself go to ``errors``."""
        waiting, messages = self.waiting, self.messages
        while waiting and not self.stop.is_set() and self.still():
            number = waiting.popleft()
            try:
                envelope, message, message_id = prepare_outgoing(
                    messages[number], connection.plan, connection.ehlo_name
                )
            except MailError as error:
                self.errors[number] = error
            else:
                yield Parcel((number, message_id), envelope, message, messages[number].leave)


class _Lane:
    """A connection and its conversation."""

    def __init__(self, group: MessageGroup, connection: Connection) -> None:
        assert connection.channel is not None  # noqa: S101 - it is open
        self.connection = connection
        self.channel: SmtpChannel = connection.channel
        self.done = False
        self.together = False
        """Whether one poll waits for several lanes."""
        self._step = DialogueStep("mail", 0)
        self._answers: list[Reply] = []
        self._group = group
        self._sent = 0.0
        self._since = 0.0  # when its wait began
        self._spans = (0.0, 0.0)  # milliseconds of the last two exchanges
        parcels = islice(group.parcels(connection), connection.plan.pool.messages - connection.messages)
        self._dialogue = deliver_many(connection.client, connection.plan, parcels, self._note_end)

    def start(self) -> None:
        """Send the first envelope."""
        self._advance(self._dialogue.send, None)

    def wait_together(self) -> None:
        """Leave the waiting to the poll for all lanes."""
        self.together, self._since = True, self.channel.deadline.now()

    def end(self) -> None:
        """Give the connection a new transcript: those of the reports must not change any more."""
        client = self.connection.client
        client.transcript = client.transcript.make_empty()

    @property
    def limit(self) -> deadline.StepLimit | None:
        """The limit of the wait that has begun, if one poll waits for several lanes."""
        return self.channel.begin_reply_wait(self._since) if self.together else None

    def receive(self) -> None:
        """Take the bytes that have arrived, or wait for some; go on if all answers of the step are there."""
        try:
            self._collect()
        except Trouble as trouble:
            self._advance(self._dialogue.throw, trouble)
            return
        if len(self._answers) >= self._step.answers or self.connection.client.state is State.CLOSED:
            self._spans = (self._spans[1], (time.perf_counter() - self._sent) * 1000)
            self._advance(self._dialogue.send, self._answers)
        elif self.together:
            self._since = self.channel.deadline.now()
            self.channel.acknowledge_now()

    def _collect(self) -> None:
        connection, step = self.connection, self._step
        if self._answers:
            connection.collect(step, self._answers, self.limit)
            return
        try:
            data = self.channel.read_arrived(step.stage) if self.together else None
            if data is None:
                data = self.channel.receive(self.limit, step.stage)
            self._answers = connection.client.receive(data)
        except (ProtocolViolation, Trouble) as problem:
            raise connection.end_with(problem, step, self._answers) from None
        if not self._answers and connection.client.state is not State.CLOSED:
            connection.collect(step, self._answers, self.limit or self.channel.begin_reply_wait())

    def _advance(self, resume: Callable[[Any], DialogueStep], value: Any) -> None:
        """Go on to the next step that waits for answers."""
        connection = self.connection
        while True:
            try:
                step = resume(value)
            except StopIteration:
                self.done = True
                return
            except (Trouble, Misuse) as problem:  # the results of the messages are already noted
                connection.close_with_error(problem)
                self.done = True
                return
            try:
                early = connection.transmit(step)
            except Trouble as trouble:
                resume, value = self._dialogue.throw, trouble
                continue
            if step.answers and not early:
                self._step, self._answers, self._sent = step, [], time.perf_counter()
                if self.together:
                    self._since = self.channel.deadline.now()
                if step.meanwhile is not None:
                    step.meanwhile()
                return
            resume, value = self._dialogue.send, early

    def _note_end(self, parcel: Parcel, end: DeliveryOutcome | Trouble, transcript: Transcript) -> None:
        connection = self.connection
        connection.messages += 1
        connection.restart()
        number, message_id = parcel.mark
        if isinstance(end, DeliveryOutcome):
            sender = parcel.envelope.sender
            account = DeliveryAccount(connection.route, end, transcript, self._spans, sender, message_id)
            self._group.accounts[number] = account
            if (witness := self._group.messages[number].witness) is not None:
                witness.accept(account.make_report)
        elif is_end_of_connection(end) or connection.leave_out_mishandled(end):
            self._group.returned.append(number)
        else:
            connection.stages = list(_stage_times(self._spans, end.stage, ok=False))
            self._group.errors[number] = connection.error_for(end, transcript, sender=parcel.envelope.sender or "<>")


def _stage_times(spans: tuple[float, float], last: str, *, ok: bool) -> tuple[StageTime, ...]:
    before, spent = spans
    if last != "data":
        return (StageTime(last, spent, ok),)
    return (StageTime("mail", before, ok=True), StageTime("data", spent, ok))


def _run_lanes(lanes: Sequence[_Lane]) -> None:
    """Run all lanes until they are done."""
    for lane in lanes:
        lane.start()
    active = [lane for lane in lanes if not lane.done]
    if len(active) > 1:
        _run_together(active)
    elif active:
        while not active[0].done:
            active[0].receive()


def _run_together(lanes: Sequence[_Lane]) -> None:
    """Run each lane that has an answer; wait only if none has."""
    poll, by_descriptor = select.poll(), {}
    for lane in lanes:
        lane.wait_together()
        descriptor = lane.channel.fileno()
        by_descriptor[descriptor] = lane
        poll.register(descriptor, select.POLLIN)
    secured = any(lane.channel.secured for lane in lanes)
    while by_descriptor:
        found = [descriptor for descriptor, lane in by_descriptor.items() if lane.channel.pending] if secured else []
        found = found or [descriptor for descriptor, _ in poll.poll(_LOOK)]
        found = found or [descriptor for descriptor, lane in by_descriptor.items() if lane.limit and lane.limit.expired]
        for descriptor in found:
            lane = by_descriptor[descriptor]
            lane.receive()
            if lane.done:
                poll.unregister(descriptor)
                del by_descriptor[descriptor]


def _is_temporary(error: MailError) -> bool:
    return isinstance(error, DeliveryError) and error.retryable


def _is_answered(error: MailError) -> bool:
    """Tell whether a server gave the answer that an error reports."""
    return isinstance(error, DeliveryError) and error.trouble is not None and error.trouble.reply is not None


def is_curable(error: MailError) -> bool:
    """Tell whether another mail server may succeed where this one failed."""
    if isinstance(error, DeliveryError):
        return error.diagnosis.elsewhere and not error.unknown
    return error.stage == "trust"


__all__ = ["MessageGroup", "is_curable"]
