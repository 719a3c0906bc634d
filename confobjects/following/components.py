"""Components: what a program runs for each object of a kind, started, changed and stopped as the definitions say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.following.events import LiveEvent
    from confobjects.objects.effective import EffectiveObject
    from confobjects.paths import ManagedObjectPath


class Component(Protocol):
    """What runs for one enabled object. All methods are called in the thread that tells listeners."""

    def start(self, obj: EffectiveObject) -> object:
        """Begin to work with the values of an object."""
        ...

    def change(self, event: LiveEvent) -> object:
        """Take other values, or hear that some wait. Return True to be stopped and started with those that wait."""
        ...

    def stop(self) -> object:
        """Stop working. It is not started again: another component takes its place."""
        ...


class Components:
    """The components of one kind: one for each object that is enabled. It is called with each event, as a listener.

    A component is stopped, and a new one started, when its object has been disabled and enabled, when the object was made
    anew, and when a value counts that needs such a restart. ``restart`` lets what waits for the restart of an object
    count.
    """

    def __init__(
        self, make: Callable[[], Component], registry: Registry, restart: Callable[[ManagedObjectPath], Any]
    ) -> None:
        self._make = make
        self._registry = registry
        self._restart = restart
        self._running: dict[ManagedObjectPath, Component] = {}

    def __call__(self, event: LiveEvent) -> None:
        """Do for an event what the definitions say."""
        path, obj = event.path, event.after
        running = self._running.get(path)
        is_wanted = obj is not None and obj.is_enabled is not False
        if running is None or not is_wanted or event.kind == "added" or event.restarted or self._needs_restart(event):
            try:
                self.stop(path)
            finally:
                if obj is not None and is_wanted:
                    self._start(path, obj)
        elif running.change(event) is True:
            self._restart(path)

    def _start(self, path: ManagedObjectPath, obj: EffectiveObject) -> None:
        component = self._make()
        component.start(obj)
        self._running[path] = component

    def stop(self, path: ManagedObjectPath) -> None:
        """Stop the component of an object, if there is one."""
        component = self._running.pop(path, None)
        if component is not None:
            component.stop()

    @property
    def paths(self) -> tuple[ManagedObjectPath, ...]:
        """The objects whose components run, in the order in which these were started."""
        return tuple(self._running)

    def _needs_restart(self, event: LiveEvent) -> bool:
        """Tell whether a changed value counts because the component is restarted."""
        if event.before is None or event.after is None:
            return False
        properties = self._registry.definition(event.after.type).properties
        return any(
            name in properties and properties[name].admin_action.kind == "component-restart"
            for name in event.properties
        )
