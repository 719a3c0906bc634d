"""The live configuration as programs see it, and the thread that keeps it true."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from threading import Condition, Event, Thread, current_thread
from time import time
from typing import TYPE_CHECKING, Any, Self

from confobjects.diagnostics import Diagnostic
from confobjects.effect import Waiting
from confobjects.errors import ConfobjectsError, UsageError
from confobjects.following.components import Component, Components
from confobjects.following.current import Current
from confobjects.following.events import LiveEvent
from confobjects.following.hearing import Heard, Hearing
from confobjects.following.listeners import Listener, Listeners, Place
from confobjects.following.sources import LiveSources
from confobjects.following.streams import EventStream
from confobjects.following.systemd import ServiceManager, ServiceNotices, describe_service
from confobjects.following.unfinished import BeingWrittenError
from confobjects.management.site import Site
from confobjects.objects.typed import Lookups
from confobjects.paths import ManagedObjectPath
from confobjects.startup import (
    FOLLOWER_VARIABLE,
    STATE_URL_VARIABLE,
    choose_definitions,
    find_place,
    make_startup_sources,
    read_configuration,
)
from confobjects.storage.watching import REAL, Pauses

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.following.telling import Facts, Teller
    from confobjects.mapping.protocol import Timing
    from confobjects.objects.effective import EffectiveConfiguration, EffectiveObject

LOG = logging.getLogger("confobjects.following")

Opening = Callable[[], tuple[Site, LiveSources, str]]
"""Opens a configuration: its site, the sources of its values, and the base directory of relative paths."""
Observer = Callable[[Sequence[LiveEvent]], Any]
"""Is called after each look at the storage, with all that listeners were told of it."""
Telling = Callable[[Callable[[], "Facts"], "Timing"], "Teller"]
"""Makes what tells the facts of a service, which it asks for."""

_FORKED = Diagnostic(
    "usage",
    "this process was made by a fork: it hears of no change",
    remedy="open a live configuration of its own in each process",
)


class Live(Lookups):
    """A configuration that is kept true. Use it in a ``with`` or ``async with`` statement.

    Entering it raises what :func:`confobjects.load` raises. From then on nothing that happens to the stored
    configuration raises anything here.
    """

    def __init__(
        self,
        opening: Opening,
        timing: Timing | None = None,
        telling: Callable[[], Telling | None] = lambda: None,
        clock: Callable[[], float] = time,
    ) -> None:
        self._opening = opening
        self._telling = telling
        self._teller: Teller | None = None
        self._clock = clock
        self._timing = timing or REAL
        self._pauses = Pauses(self._timing)
        self._listeners = Listeners()
        self._components: tuple[Components, ...] = ()
        self._streams: tuple[EventStream, ...] = ()
        self._observers: tuple[Observer, ...] = ()
        self._round: list[LiveEvent] = []
        self._requests: deque[Callable[[], None]] = deque()
        self._restarts: dict[ManagedObjectPath, None] = {}
        self._unread: tuple[Diagnostic, ...] = ()
        self._looks_again = False
        self._changed = Condition()
        self._told: int | None = None
        self._is_closing = False
        self._process = os.getpid()
        self._current: Current | None = None
        self._site: Site | None = None
        self._hearing: Hearing | None = None
        self._thread: Thread | None = None
        self._notices: ServiceNotices | None = None

    # -- what is in effect ---------------------------------------------------------------------------------------------

    @property
    def configuration(self) -> EffectiveConfiguration:
        """The configuration in effect: one consistent state, which later changes leave alone."""
        return self._entered.configuration

    if not TYPE_CHECKING:  # type checkers have the generated overloads of Lookups instead

        def __getitem__(self, key: tuple[str, ...] | str) -> EffectiveObject:
            """Return an object in effect, as :class:`~confobjects.EffectiveConfiguration` does."""
            return self.configuration[key]

        def of(self, kind: str) -> tuple[EffectiveObject, ...]:
            """Return the objects in effect of a kind, sorted by path."""
            return self.configuration.of(kind)

    def __contains__(self, key: object) -> bool:
        return key in self.configuration

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """What is stored and not in effect yet, with the actions that it waits for; sorted by path."""
        return self._entered.waiting

    @property
    def problems(self) -> tuple[Diagnostic, ...]:
        """What is wrong now: with what is stored, reading it, hearing of it, listeners, and telling what this service runs.

        Certificates and tokens that have ended, end within 14 days, or cannot be read are problems too.
        """
        return (*self._find_problems(), *(() if self._teller is None else self._teller.problems))

    def _find_problems(self) -> tuple[Diagnostic, ...]:
        heard = () if self._hearing is None else tuple(self._hearing.watch.problems)
        forked = () if self._is_own_process() else (_FORKED,)
        return (*forked, *self._unread, *self._entered.problems, *heard, *self._listeners.problems)

    @property
    def stale(self) -> float | None:
        """Since when nothing can be heard, in seconds of ``time.monotonic``; None while changes are heard."""
        return None if self._hearing is None else self._hearing.watch.stale

    @property
    def number(self) -> int | None:
        """The number of the last change that was looked at, None without a history."""
        return self._entered.state.number

    @property
    def epoch(self) -> str:
        """The name of the life of the storage: another one after it was made anew. Empty where it is not known."""
        return self._entered.state.epoch

    @property
    def digest(self) -> str:
        """The digest of the stored state of :attr:`number`, equal in all processes. Secrets have no part in it.

        It is empty while a newer state does not hold.
        """
        return self._entered.state.digest

    @property
    def _entered(self) -> Current:
        if self._current is None:
            raise UsageError('enter the live configuration first: "with confobjects.live(url) as live:"')
        return self._current

    def wait_for(self, number: int, timeout: float | None = None) -> bool:
        """Wait until the change of a number was looked at, and all listeners were told. Return False if it was not.

        It is in effect then, or it waits. Waiting ends with the timeout (seconds) and when the configuration is closed.
        """
        return self.wait_until(lambda: self._is_told(number), timeout)

    def wait_until(self, holds: Callable[[], object], timeout: float | None = None) -> bool:
        """Wait until something holds, and return whether it does. It is asked now and after each look at the storage.

        Waiting ends with the timeout (seconds) and when the configuration is closed.
        """
        if self._is_telling():
            raise UsageError("a listener cannot wait for what happens after it has returned")
        with self._changed:
            self._changed.wait_for(lambda: holds() or not self._is_running(), timeout)
            return bool(holds())

    def _find_facts(self) -> Facts:
        """Return what is told of this service."""
        from confobjects.following.telling import Facts

        return Facts(self._told, self.waiting, self._find_problems())

    def _is_told(self, number: int) -> bool:
        return self._told is not None and self._told >= number

    def _is_running(self) -> bool:
        return self._is_own_process() and self._thread is not None and not self._is_closing

    def _is_own_process(self) -> bool:
        return self._process == os.getpid()

    def _is_telling(self) -> bool:
        return current_thread() is self._thread

    # -- who is told ---------------------------------------------------------------------------------------------------

    def listen(self, place: Place = None) -> Callable[[Callable[[LiveEvent], Any]], Listener]:
        """Return a decorator for a function that is called with each event of a kind, at a path and below, or of all.

        The decorated function is a :class:`~confobjects.following.Listener`, which can be removed.
        Raises :class:`~confobjects.errors.UnknownNameError` for an unknown kind.
        """
        found = self._find_place(place)
        return lambda function: self._listeners.add(function, found)

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
        registry = self.configuration.registry
        components = Components(make, registry, self._ask_restart)
        listener = self._listeners.make(components, self._find_place(registry.relation(kind).name))

        def begin() -> None:
            self._listeners.join(listener)
            self._components = (*self._components, components)
            for obj in self.configuration.of(kind):
                path = registry.parse_path(obj.path)
                self._listeners.call(listener, LiveEvent("added", path, None, obj, tuple(obj), (), self.number))

        self._perform(begin)
        return listener

    def restart(self, kind: str, *names: str) -> None:
        """Let what waits for the restart of an object's component count, because the program restarts it now."""
        path = self.configuration.registry.path_of(kind, names)
        self._perform(lambda: self._ask_restart(path))

    def _ask_restart(self, path: ManagedObjectPath) -> None:
        self._restarts[path] = None

    def notify_systemd(self, environment: Mapping[str, str] | None = None) -> None:
        """Tell systemd that the service is ready, and from now on what becomes of it, for a unit of ``Type=notify``.

        Told are each change while listeners hear of it, the number in effect and what waits as the status, the end, and
        signs of life for the watchdog as long as the thread that tells listeners works. Without ``NOTIFY_SOCKET`` in the
        environment (by default that of the process) nothing happens, and neither if it is called again.
        """
        manager = ServiceManager(os.environ if environment is None else environment)
        if not manager.is_there:
            return

        def begin() -> None:
            if self._notices is not None:
                return
            self._notices = notices = ServiceNotices(manager, self._describe)
            notices.begin()
            self.observe(lambda _: notices.go_on())
            if manager.beat is not None and self._hearing is not None:
                self._hearing.beat(manager.beat, notices.live_on)

        self._perform(begin)

    def _describe(self) -> str:
        return describe_service(self.number, self.waiting, self.problems, is_deaf=self.stale is not None)

    def events(self) -> EventStream:
        """Return the events from now on, for ``for`` and ``async for``."""
        stream = EventStream(self._leave)
        with self._changed:
            self._streams = (*self._streams, stream)
            is_running = self._is_running()
        if not is_running:
            stream.close()
        return stream

    def observe(self, observer: Observer) -> None:
        """Have a function called whenever listeners have been told of all that was heard, with these events.

        It is called without events where only :attr:`problems`, :attr:`waiting` or :attr:`stale` may have changed. It is
        called in the thread that tells listeners, which waits for it; it may be added before the configuration is entered.
        """
        with self._changed:
            self._observers = (*self._observers, observer)

    def _leave(self, stream: EventStream) -> None:
        with self._changed:
            self._streams = tuple(one for one in self._streams if one is not stream)

    # -- the thread ----------------------------------------------------------------------------------------------------

    def _perform(self, action: Callable[[], None]) -> None:
        """Do something in the thread that tells listeners, and wait until it is done."""
        if self._is_telling():
            action()
            return
        done = Event()

        def perform() -> None:
            try:
                action()
            finally:
                done.set()

        with self._changed:
            if not self._is_running() or self._hearing is None:
                raise UsageError("the live configuration is closed")
            self._requests.append(perform)
        self._hearing.wake()
        done.wait()

    def _run(self, hearing: Hearing, current: Current) -> None:
        try:
            while not self._is_closing:
                try:
                    self._act(hearing.wait(current.expiring.due()), hearing, current)
                    self._tell_observers()
                except Exception:  # a mistake of ours must not end the service; what was heard is looked at again
                    LOG.exception("the live configuration could not follow a change")
                    summary = "the live configuration could not follow a change"
                    self._unread = (Diagnostic("internal-error", summary, remedy="see the log"),)
                    self._looks_again = True
                    hearing.come_back(self._pauses.next())
                with self._changed:
                    self._told = current.state.number
                    self._changed.notify_all()
                if self._teller is not None:
                    self._teller.wake()
        finally:
            self._end()

    def _act(self, heard: Heard, hearing: Hearing, current: Current) -> None:
        """Do what is to be done: what other threads ask for, and a look at the storage."""
        current.reader.note(heard.notice)
        current.reader.forget(heard.files)
        while self._requests:
            self._requests.popleft()()
        if self._is_closing:
            return
        current.expiring.renew()
        if heard.notice is not None or heard.files or self._looks_again:
            self._look(hearing, current)
        self._tell(current.find_replaced(heard.files))
        while self._restarts:
            paths, self._restarts = tuple(self._restarts), {}
            self._tell(current.restart(paths))

    def _look(self, hearing: Hearing, current: Current) -> None:
        try:
            events = current.look()
        except ConfobjectsError as error:
            self._unread = () if isinstance(error, BeingWrittenError) else error.diagnostics
            self._looks_again = True
            hearing.come_back(self._pauses.next())
            return
        finally:
            hearing.watch_files(current.files)
        self._unread, self._looks_again = (), False
        self._pauses.reset()
        self._tell(events)

    def _tell(self, events: Sequence[LiveEvent]) -> None:
        with nullcontext() if self._notices is None else self._notices.reload(events):
            for event in events:
                self._listeners.tell(event)
                for stream in self._streams:
                    stream.put(event)
        self._round.extend(events)

    def _tell_observers(self) -> None:
        told, self._round = tuple(self._round), []
        for observer in self._observers:
            observer(told)

    def _end(self) -> None:
        """Stop the components and end the streams."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        while self._requests:
            self._requests.popleft()()
        for components in reversed(self._components):
            for path in reversed(components.paths):
                self._stop(components, path)
        for stream in self._streams:
            stream.close()
        if self._teller is not None:
            self._teller.close()

    @staticmethod
    def _stop(components: Components, path: ManagedObjectPath) -> None:
        try:
            components.stop(path)
        except Exception:  # the others are stopped too
            LOG.exception("the component of %s could not be stopped", path)

    # -- beginning and end ---------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Open the configuration, and begin to follow it."""
        if self._thread is not None or self._is_closing:
            raise UsageError("a live configuration is entered once")
        telling = self._telling()
        site, sources, instance_directory = self._opening()
        self._site = site
        try:
            self._hearing = Hearing(site.storage.watch(self._timing), self._timing)
            self._current = Current(site, sources, instance_directory, self._clock)
            self._told = self._current.state.number
            self._hearing.watch_files(self._current.files)
            self._teller = None if telling is None else telling(self._find_facts, self._timing)
            self._thread = Thread(
                target=self._run, args=(self._hearing, self._current), name="confobjects-live", daemon=True
            )
            self._thread.start()
            if self._teller is not None:
                self._teller.start()
        except BaseException:
            self._release()
            raise
        return self

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
        if (
            not self._is_own_process()
        ):  # after a fork the thread is in the other process, and copies of its descriptors here
            for one in (self._hearing, self._teller):
                if one is not None:
                    one.close_copies()
            return
        if self._notices is not None:
            self._notices.stop()
        self._is_closing = True
        if self._hearing is not None:
            self._hearing.wake()
        if self._thread is not None and not self._is_telling():
            self._thread.join()
            self._release()

    def _release(self) -> None:
        if self._teller is not None:
            self._teller.close()
        if self._hearing is not None:
            self._hearing.close()
        if self._site is not None:
            self._site.storage.close()


def live(  # noqa: PLR0913 - each is a source or a place, all by keyword
    url: str | None = None,
    *,
    definitions: Sequence[str] | Registry = (),
    define: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    expression_directories: Sequence[str] | None = None,
    instance: str | None = None,
    missing_ok: bool = False,
    follower: str | None = None,
    state_url: str | None = None,
    timing: Timing | None = None,
    clock: Callable[[], float] = time,
    **options: Any,
) -> Live:
    """Return the effective configuration, kept true from when it is entered until it is closed.

    The arguments are those of :func:`confobjects.load`. With a name as ``follower`` (or in ``CONFOBJECTS_FOLLOWER``) the
    service tells which change it has in effect, what waits and what is wrong: in a place beside the configuration, or
    beside ``state_url`` (or ``CONFOBJECTS_STATE_URL``). ``timing`` and ``clock``, which returns the time of day in seconds
    since 1970, are for tests.
    """
    variables = os.environ if environment is None else environment

    def open_site() -> tuple[Site, LiveSources, str]:
        where = find_place(url, instance, variables)
        sources = LiveSources(
            lambda: make_startup_sources(
                where.instance_directory,
                define=define,
                environment=variables,
                expression_directories=expression_directories,
                url=where.url,
                own_files=(options.get("key_store"),),
            ),
            where.instance_directory,
        )
        chosen = choose_definitions(definitions, variables)
        opened = read_configuration(where.url, chosen, missing_ok=missing_ok, **options)
        return Site.of(opened.registry, opened.storage, sources), sources, where.instance_directory

    def find_telling() -> Telling | None:
        name = variables.get(FOLLOWER_VARIABLE) or None if follower is None else follower
        if name is None:
            return None
        from confobjects.following.telling import prepare_telling

        place = state_url or variables.get(STATE_URL_VARIABLE, "")
        return prepare_telling(name, find_place(url, instance, variables).url, place, options)

    return Live(open_site, timing, find_telling, clock)
