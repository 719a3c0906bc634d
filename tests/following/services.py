"""A service that follows a configuration in a file, and whoever changes it. Nothing waits by the clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Condition
from typing import Any, Final

import confobjects
from confobjects.definitions import Registry
from confobjects.definitions_loading import load_registry
from confobjects.following import Live, LiveEvent

LONG = 60.0
"""Seconds after which a test fails that waits for what does not come."""
ONE: Final = ("mail-server", "one")
FIRST = {"enabled": True, "smtp-server": "first.example.com"}


class Told:
    """A listener that keeps what it is told, for tests to wait for."""

    def __init__(self) -> None:
        self.events: list[LiveEvent] = []
        self._condition = Condition()

    def __call__(self, event: LiveEvent) -> None:
        with self._condition:
            self.events.append(event)
            self._condition.notify_all()

    def wait(self, number: int) -> list[LiveEvent]:
        """Return the events when there are so many."""
        with self._condition:
            assert self._condition.wait_for(lambda: len(self.events) >= number, LONG), self.events
            return list(self.events)

    def wait_until(self, holds: Callable[[], object]) -> None:
        """Return when something holds, which is asked after each event."""
        with self._condition:
            assert self._condition.wait_for(lambda: bool(holds()), LONG), self.events


class File:
    """A configuration in a file, with the mail server "one", which is change 1."""

    def __init__(self, directory: Path, **values: Any) -> None:
        self.path = directory / "config.ldif"
        self.url = f"ldif:{self.path}"
        self.registry: Registry = load_registry()
        with self.change() as tx:
            tx.create(*ONE, {**FIRST, **values})

    def change(self) -> Any:
        return confobjects.open(self.url, definitions=self.registry).change()

    def set(self, **values: Any) -> None:
        """Set properties of "one" in one change; names with underscores."""
        with self.change() as tx:
            tx.set(*ONE, {name.replace("_", "-"): () if value is None else value for name, value in values.items()})

    def edit(self, old: str, new: str) -> None:
        """Edit the text by hand: write another file and put it in the place of the first."""
        text = self.path.read_text(encoding="utf-8")
        assert old in text
        self.replace(text.replace(old, new))

    def replace(self, text: str) -> None:
        other = self.path.with_name("edited")
        other.write_text(text, encoding="utf-8")
        other.rename(self.path)

    def live(self, **options: Any) -> Live:
        return confobjects.live(self.url, **{"definitions": self.registry, "environment": {}, **options})


def shorten(events: list[LiveEvent]) -> list[tuple[str, str, tuple[str, ...], int | None]]:
    """Events as kind, path, properties and number."""
    return [(one.kind, str(one.path), one.properties, one.number) for one in events]
