"""Who is told of changes: listeners and components, streams, observers, the service manager, and who asks what runs here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from threading import Lock
from typing import TYPE_CHECKING, Any

from confobjects.following.components import Components
from confobjects.following.events import LiveEvent
from confobjects.following.listeners import Listeners
from confobjects.following.streams import EventStream

if TYPE_CHECKING:
    from confobjects.following.systemd import ServiceNotices
    from confobjects.following.telling import Teller
    from confobjects.paths import ManagedObjectPath

LOG = logging.getLogger("confobjects.following")

Observer = Callable[[Sequence[LiveEvent]], Any]
"""Is called after each look at the storage, with all that listeners were told of it."""


class Audience:
    """Everybody who is told. Any thread may join; only the thread of the live configuration tells.

    ``teller`` tells other processes what this one runs, if it is to; ``notices`` go to the service manager.
    """

    def __init__(self) -> None:
        self.listeners = Listeners()
        self._lock = Lock()
        self._components: tuple[Components, ...] = ()
        self._streams: tuple[EventStream, ...] = ()
        self._observers: tuple[Observer, ...] = ()
        self._round: list[LiveEvent] = []
        self._is_finished = False
        self._notices: ServiceNotices | None = None
        self._teller: Teller | None = None

    @property
    def notices(self) -> ServiceNotices | None:
        """What the service manager is told, if it is told anything."""
        return self._notices

    @property
    def teller(self) -> Teller | None:
        """What tells other processes what this one runs, if anything does."""
        return self._teller

    def join_components(self, components: Components) -> None:
        """Stop these components at the end."""
        self._components = (*self._components, components)

    def join_observer(self, observer: Observer) -> None:
        """Call an observer after each look."""
        with self._lock:
            self._observers = (*self._observers, observer)

    def join_notices(self, notices: ServiceNotices) -> None:
        """Tell the service manager, too."""
        self._notices = notices
        self.join_observer(lambda _: notices.go_on())

    def join_teller(self, teller: Teller) -> None:
        """Tell other processes, too."""
        self._teller = teller

    def make_stream(self) -> EventStream:
        """Return a stream of the events from now on; it has ended if everything has."""
        stream = EventStream(self._leave_stream)
        with self._lock:
            self._streams = (*self._streams, stream)
            is_finished = self._is_finished
        if is_finished:
            stream.close()
        return stream

    def _leave_stream(self, stream: EventStream) -> None:
        with self._lock:
            self._streams = tuple(one for one in self._streams if one is not stream)

    def tell(self, events: Sequence[LiveEvent]) -> None:
        """Tell listeners and streams of events, one after the other."""
        with nullcontext() if self._notices is None else self._notices.reload(events):
            for event in events:
                self.listeners.tell(event)
                for stream in self._streams:
                    stream.put(event)
        self._round.extend(events)

    def tell_observers(self) -> None:
        """Tell observers of all that was told since the last time."""
        told, self._round = tuple(self._round), []
        for observer in self._observers:
            observer(told)

    def wake_teller(self) -> None:
        """Have other processes told what is new."""
        if self._teller is not None:
            self._teller.wake()

    def finish(self) -> None:
        """Stop the components, end the streams, and tell other processes nothing more."""
        for components in reversed(self._components):
            for path in reversed(components.paths):
                _stop_component(components, path)
        with self._lock:
            self._is_finished = True
        for stream in self._streams:
            stream.close()
        if self._teller is not None:
            self._teller.close()


def _stop_component(components: Components, path: ManagedObjectPath) -> None:
    try:
        components.stop(path)
    except Exception:  # the others are stopped too
        LOG.exception("the component of %s could not be stopped", path)
