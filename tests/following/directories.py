"""A configuration in a directory, and whoever changes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import confobjects
from confobjects.definitions_loading import load_registry
from confobjects.following import Live
from tests.following.services import FIRST, ONE

REGISTRY = load_registry()


class Directory:
    """A configuration in a directory, filled if it is new; ``options`` say how to log in."""

    def __init__(self, url: str, *, is_new: bool = True, **options: Any) -> None:
        self.url = url
        self.options = options
        if is_new:
            self.fill()

    def fill(self) -> Self:
        """Create the mail server "one", which is change 1."""
        with self.change() as tx:
            tx.create(*ONE, FIRST)
        return self

    @contextmanager
    def change(self) -> Iterator[Any]:
        with confobjects.open(self.url, definitions=REGISTRY, **self.options) as context, context.change() as tx:
            yield tx

    def set(self, **values: Any) -> None:
        with self.change() as tx:
            tx.set(*ONE, {name.replace("_", "-"): value for name, value in values.items()})

    def live(self, **options: Any) -> Live:
        return confobjects.live(self.url, **{"definitions": REGISTRY, "environment": {}, **self.options, **options})
