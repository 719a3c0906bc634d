"""Who hears of changes: subscriptions, each with a limited number of events that wait. Everything here is in the event loop.

Laws:

1. Nobody who is slow keeps others from hearing, nor costs more than :data:`MOST_WAITING` events: they are told to start again.
2. Who names the last state that they know is told every round after it, or told to start again; none is left out.
3. Only who may read hears anything.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, Self

from confobjects.records import Record
from confobjects.web.people import Person
from confobjects.web.problems import NotPermittedError, WebError
from confobjects.web.serving.events import Document, Reason, Round, StreamEvent, make_reset, make_status

MOST_WAITING: Final = 64
"""Events that wait for one subscriber."""

LARGEST: Final = 64 * 1024
"""Bytes of the events of one round."""

_KEPT: Final = 64
"""Rounds that are kept for those who come back."""


class TooManyStreamsError(WebError):
    """There are as many event streams as there may be."""

    code: ClassVar[str] = "too-many-streams"
    http_status: ClassVar[int] = 503
    headers = {"Retry-After": "30"}


class StreamLimits(Record):
    """Event streams at the same time: of all, and of one person."""

    all: int = 256
    of_one: int = 128


class Hub:
    """The event streams of a process. ``round`` is the newest one; before the first it says that nothing is followed yet."""

    def __init__(self, limits: StreamLimits | None = None) -> None:
        self._limits = limits or StreamLimits()
        self._kept: deque[Round] = deque(maxlen=_KEPT)
        self._subscriptions: dict[Subscription, None] = {}
        self._people: Counter[str] = Counter()
        self._listeners: list[Callable[[], object]] = []
        self.is_closed = False
        """Whether all streams have been ended, because the process ends."""
        self.round = Round((), make_status("", number=None, is_followed=False))
        self.resets = 0
        """How often a subscriber was too slow."""

    @property
    def id(self) -> str:
        """The id of the state in effect; a page that has been made from it, or from a newer one, subscribes since then."""
        return self.round.status.id

    @property
    def status(self) -> Document:
        """What the newest ``status`` event says."""
        return self.round.status.document

    @property
    def number(self) -> int:
        """How many streams there are."""
        return len(self._subscriptions)

    def listen(self, listener: Callable[[], object]) -> None:
        """Have a function called after each round."""
        self._listeners.append(listener)

    def publish(self, round_: Round) -> None:
        """Tell everybody of a round; of one that is too large, that they start again."""
        if round_.size > LARGEST:
            self.restart("late", round_)
            return
        self.round = round_
        self._kept.append(round_)
        self._tell((*round_.changes, round_.status))

    def restart(self, reason: Reason, round_: Round) -> None:
        """Tell everybody to start again, from the state of a round."""
        self.round = round_
        self._kept.clear()
        self._kept.append(round_.replace(changes=()))
        self._tell((make_reset(reason, self.id), round_.status))

    def _tell(self, events: Sequence[StreamEvent]) -> None:
        for one in self._subscriptions:
            one.put(events)
        for listener in self._listeners:
            listener()

    def subscribe(self, person: Person, since: str = "") -> Subscription:
        """Return the events from now on, or from a state on, whose id is that of the last ``status`` or ``reset`` event.

        Raises NotPermittedError for who may not read, and TooManyStreamsError.
        """
        if not person.may("read"):
            raise NotPermittedError(f"the role {person.role} does not permit this")
        if self.number >= self._limits.all or self._people[person.name] >= self._limits.of_one:
            raise TooManyStreamsError("there are as many event streams as there may be")
        made = Subscription(self, person)
        made.put(self._find_missed(since))
        if self.is_closed:
            made.end()
        else:
            self._subscriptions[made] = None
            self._people[person.name] += 1
        return made

    def _find_missed(self, since: str) -> Sequence[StreamEvent]:
        """Return what somebody has to be told first who knows a state. Of rounds with the same id the first is meant."""
        status, rounds = self.round.status, tuple(self._kept)
        at = next((at for at in reversed(range(len(rounds))) if rounds[at].status.id == since), None)
        if not since or (at is None and since == status.id):
            return (status,)
        if at is None:
            return (make_reset("unknown", self.id), status)
        while at and rounds[at - 1].status.id == since:
            at -= 1
        return (*(change for one in rounds[at + 1 :] for change in one.changes), status)

    def leave(self, subscription: Subscription) -> None:
        """Tell a subscription nothing more. Leaving twice is no error."""
        if subscription in self._subscriptions:
            del self._subscriptions[subscription]
            self._people -= Counter([subscription.person.name])

    def close(self) -> None:
        """End all streams, and those to come."""
        self.is_closed = True
        for one in tuple(self._subscriptions):
            one.end()


class Subscription:
    """The events for one person, for ``async for``. Whoever takes no more of them closes it, or uses it in ``with``."""

    def __init__(self, hub: Hub, person: Person) -> None:
        self._hub = hub
        self.person = person
        """Who hears."""
        self._waiting: deque[StreamEvent] = deque()
        self._changed = asyncio.Event()
        self._is_ended = False

    def put(self, events: Sequence[StreamEvent]) -> None:
        """Add events."""
        self._waiting.extend(events)
        if len(self._waiting) > MOST_WAITING:
            self._hub.resets += 1
            self._waiting.clear()
            self._waiting.extend((make_reset("late", self._hub.id), self._hub.round.status))
        self._changed.set()

    def end(self) -> None:
        """End it after the events that wait."""
        self._is_ended = True
        self._hub.leave(self)
        self._changed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        """Wait for the next event."""
        while not self._waiting:
            if self._is_ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()

    def take_events(self) -> list[StreamEvent]:
        """Return what waits, and let it wait no longer."""
        told = list(self._waiting)
        self._waiting.clear()
        return told

    def take_all(self) -> bytes:
        """Return what waits as bytes, and let it wait no longer."""
        return b"".join(one.data for one in self.take_events())

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self._is_ended and not self._waiting

    async def wait(self, seconds: float) -> None:
        """Return when something waits, it has ended, or some seconds are over."""
        if self._waiting or self._is_ended:
            return
        self._changed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
