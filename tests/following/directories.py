"""A configuration in a directory, and whoever changes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import confobjects
from confobjects.definitions_loading import load_registry
from confobjects.following import Live
from tests.following.services import FIRST, ONE

REGISTRY = load_registry()


class Directory:
    """A configuration in a directory, with the mail server "one", which is change 1."""

    def __init__(self, url: str) -> None:
        self.url = url
        with self.change() as tx:
            tx.create(*ONE, FIRST)

    @contextmanager
    def change(self) -> Iterator[Any]:
        with confobjects.open(self.url, definitions=REGISTRY) as context, context.change() as tx:
            yield tx

    def set(self, **values: Any) -> None:
        with self.change() as tx:
            tx.set(*ONE, {name.replace("_", "-"): value for name, value in values.items()})

    def live(self) -> Live:
        return confobjects.live(self.url, definitions=REGISTRY, environment={})
