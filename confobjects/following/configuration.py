"""The live configuration as programs see it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from time import time
from typing import TYPE_CHECKING, Any, Self

from confobjects.diagnostics import Diagnostic
from confobjects.effect import Waiting
from confobjects.errors import UsageError
from confobjects.following.audience import Audience, Observer
from confobjects.following.components import Component, Components
from confobjects.following.current import Current
from confobjects.following.events import LiveEvent
from confobjects.following.hearing import Hearing
from confobjects.following.listeners import Listener, Place
from confobjects.following.loop import LiveLoop
from confobjects.following.sources import LiveSources
from confobjects.following.starting import open_patiently
from confobjects.following.streams import EventStream
from confobjects.following.systemd import ServiceManager, ServiceNotices, describe_service
from confobjects.management.site import Site
from confobjects.objects.typed import Lookups
from confobjects.storage.watching import REAL

if TYPE_CHECKING:
    from confobjects.following.telling import Facts, Teller
    from confobjects.mapping.protocol import Storage, Timing
    from confobjects.objects.effective import EffectiveConfiguration, EffectiveObject

Opening = Callable[[], tuple[Site, LiveSources, str]]
"""Opens a configuration: its site, the sources of its values, and the base directory of relative paths."""
Telling = Callable[[Callable[[], "Facts"], Callable[[], None], "Timing"], "Teller"]
"""Makes what tells the facts of a service, which it asks for. It calls the second function when it has other problems."""


class Live(Lookups):
    """A configuration that is kept true. Use it in a ``with`` or ``async with`` statement.

    Entering it raises what :func:`confobjects.load` raises. From then on nothing that happens to the stored
    configuration raises anything here.
    """

    def __init__(  # noqa: PLR0913 - what it works with; the opening is all that it needs
        self,
        opening: Opening,
        timing: Timing | None = None,
        telling: Callable[[], Telling | None] = lambda: None,
        clock: Callable[[], float] = time,
        wait: float = 0.0,
        *,
        open_reports: Callable[[], Storage] | None = None,
    ) -> None:
        self._opening = opening
        self._open_reports = open_reports
        self._telling = telling
        self._clock = clock
        self._wait = wait
        self._timing = timing or REAL
        self._audience = Audience()
        self._loop: LiveLoop | None = None
        self._open = ExitStack()
        self._is_closed = False

    # -- what is in effect ---------------------------------------------------------------------------------------------

    @property
    def configuration(self) -> EffectiveConfiguration:
        """The configuration in effect: one consistent state, which later changes leave alone."""
        return self._current.configuration

    if not TYPE_CHECKING:  # type checkers have the generated overloads of Lookups instead

        def __getitem__(self, key: tuple[str, ...] | str) -> EffectiveObject:
            """Return an object in effect, as :class:`~confobjects.EffectiveConfiguration` does."""
            return self.configuration[key]

        def of(self, kind: str) -> tuple[EffectiveObject, ...]:
            """Return the objects in effect of a kind, sorted by path."""
            return self.configuration.of(kind)

    def get(self, kind: str, *names: str) -> EffectiveObject | None:
        """Return the object in effect of a kind and names that a program finds out while it runs; None if there is none."""
        return self.configuration.get(kind, *names)

    def __contains__(self, key: object) -> bool:
        return key in self.configuration

    def __repr__(self) -> str:
        if self._loop is None:
            return "<a live configuration that is not entered yet>"
        return f"<live: {self.configuration!r}, {self._describe()}>"

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """What is stored and not in effect yet, with the actions that it waits for; sorted by path."""
        return self._current.waiting

    @property
    def problems(self) -> tuple[Diagnostic, ...]:
        """What is wrong now: with what is stored, reading it, hearing of it, listeners, and telling what this service runs.

        Certificates and tokens that have ended, end within 14 days, or cannot be read are problems too.
        """
        teller = self._audience.teller
        return (*self._find_problems(), *(() if teller is None else teller.problems))

    @property
    def ending(self) -> tuple[Diagnostic, ...]:
        """Those of the :attr:`problems` that are about certificates and tokens."""
        return self._current.expiring.problems

    def _find_problems(self) -> tuple[Diagnostic, ...]:
        return (*self._entered.problems, *self._audience.listeners.problems)

    @property
    def stale(self) -> float | None:
        """Since when nothing can be heard, in seconds of ``time.monotonic``; None while changes are heard."""
        return None if self._loop is None else self._loop.hearing.watch.stale

    @property
    def number(self) -> int | None:
        """The number of the last change that was looked at, None without a history."""
        return self._current.state.number

    @property
    def epoch(self) -> str:
        """The name of the life of the storage: another one after it was made anew. Empty where it is not known."""
        return self._current.state.epoch

    @property
    def digest(self) -> str:
        """The digest of the stored state of :attr:`number`, equal in all processes. Secrets have no part in it.

        It is empty while a newer state does not hold.
        """
        return self._current.state.digest

    @property
    def _entered(self) -> LiveLoop:
        if self._loop is None:
            raise UsageError('enter the live configuration first: "with confobjects.live(url) as live:"')
        return self._loop

    @property
    def _current(self) -> Current:
        return self._entered.current

    def wait_for(self, number: int, timeout: float | None = None) -> bool:
        """Wait until the change of a number was looked at, and all listeners were told. Return False if it was not.

        It is in effect then, or it waits. Waiting ends with the timeout (seconds) and when the configuration is closed.
        """
        loop = self._entered
        return self.wait_until(lambda: loop.told is not None and loop.told >= number, timeout)

    def wait_until(self, holds: Callable[[], object], timeout: float | None = None) -> bool:
        """Wait until something holds, and return whether it does. It is asked now and after each look at the storage.

        Waiting ends with the timeout (seconds) and when the configuration is closed.
        """
        return self._entered.wait_until(holds, timeout)

    # -- who is told ---------------------------------------------------------------------------------------------------

    def listen(self, place: Place = None) -> Callable[[Callable[[LiveEvent], Any]], Listener]:
        """Return a decorator for a function that is called with each event of a kind, at a path and below, or of all.

        The decorated function is a :class:`~confobjects.following.Listener`, which can be removed.
        Raises :class:`~confobjects.errors.UnknownNameError` for an unknown kind.
        """
        found = self._find_place(place)
        return lambda function: self._audience.listeners.add(function, found)

    def _find_place(self, place: Place) -> Place:
        if not isinstance(place, str):
            return place
        registry = self.configuration.registry
        return registry.parse_path(place) if place.startswith("/") else registry.relation(place).name

    def component(self, kind: str, make: Callable[[], Component]) -> Listener:
        """Run a component for each enabled object of a kind, and return the listener that does so.

        The components of the objects in effect have been started when this returns. They are stopped when the live
        configuration is closed.
        """
        loop, listeners = self._entered, self._audience.listeners
        registry = self.configuration.registry
        components = Components(make, registry, loop.ask_restart)
        listener = listeners.make(components, self._find_place(registry.relation(kind).name))

        def begin() -> None:
            listeners.join(listener)
            self._audience.join_components(components)
            for obj in self.configuration.of(kind):
                path = registry.parse_path(obj.path)
                listeners.call(listener, LiveEvent("added", path, None, obj, tuple(obj), (), self.number))

        loop.perform(begin)
        return listener

    def restart(self, kind: str, *names: str) -> None:
        """Let what waits for the restart of an object's component count, because the program restarts it now."""
        loop = self._entered
        path = self.configuration.registry.path_of(kind, names)
        loop.perform(lambda: loop.ask_restart(path))

    def events(self) -> EventStream:
        """Return the events from now on, for ``for`` and ``async for``."""
        stream = self._audience.make_stream()
        if self._loop is None or not self._loop.is_running:
            stream.close()
        return stream

    def observe(self, observer: Observer) -> None:
        """Have a function called whenever listeners have been told of all that was heard, with these events.

        It is called without events where only :attr:`problems`, :attr:`waiting` or :attr:`stale` may have changed. It is
        called in the thread that tells listeners, which waits for it; it may be added before the configuration is entered.
        """
        self._audience.join_observer(observer)

    def notify_systemd(self, environment: Mapping[str, str] | None = None) -> None:
        """Tell systemd that the service is ready, and from now on what becomes of it, for a unit of ``Type=notify``.

        Told are each change while listeners hear of it, the number in effect and what waits as the status, the end, and
        signs of life for the watchdog as long as the thread that tells listeners works. Without ``NOTIFY_SOCKET`` in the
        environment (by default that of the process) nothing happens, and neither if it is called again.
        """
        manager = ServiceManager(os.environ if environment is None else environment)
        if not manager.is_there:
            return
        loop = self._entered

        def begin() -> None:
            if self._audience.notices is not None:
                return
            notices = ServiceNotices(manager, self._describe)
            notices.begin()
            self._audience.join_notices(notices)
            if manager.beat is not None:
                loop.hearing.beat(manager.beat, notices.live_on)

        loop.perform(begin)

    def _describe(self) -> str:
        return describe_service(self.number, self.waiting, self.problems, is_deaf=self.stale is not None)

    def open_reports(self) -> Storage | None:
        """Open the storage that services tell what they have in effect; None without one. The caller closes it."""
        return None if self._open_reports is None else self._open_reports()

    def _find_facts(self) -> Facts:
        """Return what is told of this service."""
        from confobjects.following.telling import Facts

        return Facts(self._entered.told, self.waiting, self._find_problems())

    # -- beginning and end ---------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Open the configuration, and begin to follow it."""
        if self._loop is not None or self._is_closed:
            raise UsageError("a live configuration is entered once")
        telling = self._telling()
        open_patiently(lambda: self._begin(telling), self._wait, self._timing, lambda: self._is_closed)
        return self

    def _begin(self, telling: Telling | None) -> None:
        with ExitStack() as opened:
            site, sources, instance_directory = self._opening()
            opened.callback(site.storage.close)
            hearing = Hearing(site.storage.watch(self._timing), self._timing)
            opened.callback(hearing.close)
            current = Current(site, sources, instance_directory, self._clock)
            loop = LiveLoop(hearing, current, self._audience, self._timing)
            teller = None if telling is None else telling(self._find_facts, hearing.wake, self._timing)
            if teller is not None:
                opened.callback(teller.close)
                self._audience.join_teller(teller)
            self._loop = loop
            loop.start()
            if teller is not None:
                teller.start()
            self._open = opened.pop_all()

    def __exit__(self, *exc: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        """Open the configuration in another thread, and begin to follow it."""
        from asyncio import to_thread

        return await to_thread(self.__enter__)

    async def __aexit__(self, *exc: object) -> None:
        from asyncio import to_thread

        await to_thread(self.close)

    def close(self) -> None:
        """Stop following, after all listeners were told of what they are being told. Closing twice is no error.

        The last configuration in effect can still be read. A listener that closes it is told no more changes.
        """
        self._is_closed = True
        if self._loop is None:
            return
        if not self._loop.is_own_process:
            self._close_copies(self._loop)
            return
        if self._audience.notices is not None:
            self._audience.notices.stop()
        self._loop.stop()
        if not self._loop.is_telling:
            self._open.close()

    def _close_copies(self, loop: LiveLoop) -> None:
        """Close what a fork has copied: the thread is in the other process."""
        loop.hearing.close_copies()
        if self._audience.teller is not None:
            self._audience.teller.close_copies()
