"""Listeners: who hears of which objects, and what becomes of one that fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from typing import Any, Final

from confobjects.diagnostics import Diagnostic
from confobjects.following.events import LiveEvent
from confobjects.paths import ManagedObjectPath

LOG = logging.getLogger("confobjects.following")

_MOST_FAILURES: Final = 100

Place = str | ManagedObjectPath | None
"""What a listener hears of: the objects of a kind, those at a path and below it, or all."""


class Listener:
    """A function that is called with each event of a place. Calling the listener calls the function."""

    def __init__(self, function: Callable[[LiveEvent], Any], place: Place, leave: Callable[[Listener], None]) -> None:
        self.function = function
        self.place = place
        self._leave = leave
        self.name = getattr(function, "__qualname__", type(function).__name__)

    def __repr__(self) -> str:
        return f"<listener {self.name} for {self.place or 'all objects'}>"

    def hears(self, path: ManagedObjectPath) -> bool:
        """Tell whether the listener hears of an object."""
        if self.place is None:
            return True
        if isinstance(self.place, str):
            return path.relation == self.place
        return path == self.place or path.is_below(self.place)

    def remove(self) -> None:
        """Hear of nothing any more. Removing twice is no error."""
        self._leave(self)

    def __call__(self, event: LiveEvent) -> Any:
        """Call the function."""
        return self.function(event)


class Listeners:
    """The listeners in the order in which they were added, and the failures of those that failed last time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._all: tuple[Listener, ...] = ()
        self._failures: dict[tuple[Listener, ManagedObjectPath], Diagnostic] = {}

    @property
    def problems(self) -> tuple[Diagnostic, ...]:
        """What is wrong with listeners. A failure goes when the listener has heard of the object without one."""
        with self._lock:
            return tuple(self._failures.values())

    def add(self, function: Callable[[LiveEvent], Any], place: Place) -> Listener:
        """Add a function as the last listener."""
        listener = self.make(function, place)
        self.join(listener)
        return listener

    def make(self, function: Callable[[LiveEvent], Any], place: Place) -> Listener:
        """Return a listener that hears nothing before it joins."""
        return Listener(function, place, self._remove)

    def join(self, listener: Listener) -> None:
        """Let a listener hear, after all others."""
        with self._lock:
            self._all = (*self._all, listener)

    def _remove(self, listener: Listener) -> None:
        with self._lock:
            self._all = tuple(one for one in self._all if one is not listener)
            self._failures = {key: problem for key, problem in self._failures.items() if key[0] is not listener}

    def tell(self, event: LiveEvent) -> None:
        """Call the listeners with an event. One that is removed meanwhile is called no more."""
        for listener in self._all:
            if listener in self._all and listener.hears(event.path):
                self.call(listener, event)

    def call(self, listener: Listener, event: LiveEvent) -> None:
        """Call one listener with an event. What it raises is logged and kept."""
        key = (listener, event.path)
        try:
            listener(event)
        except Exception as error:  # whatever a program raises must not keep others from hearing
            LOG.exception("the listener %s failed for %s", listener.name, event.path)
            summary = f"the listener {listener.name} failed: {type(error).__name__}"
            problem = Diagnostic("internal-error", summary, path=str(event.path), remedy="see the log")
            with self._lock:
                self._failures.pop(key, None)
                if listener in self._all:
                    self._failures[key] = problem
                for oldest in list(self._failures)[:-_MOST_FAILURES]:
                    del self._failures[oldest]
        else:
            with self._lock:
                self._failures.pop(key, None)
