"""Sources of values that are read again when they change, and which files each object takes its values from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from confobjects.objects.evaluating import make_evaluator

if TYPE_CHECKING:
    from confobjects.expressions import Failed, Found, Need, NotFound
    from confobjects.objects.model import Evaluation
    from confobjects.resolvers import Resolvers
    from confobjects.startup import SealingKeys


class LiveSources:
    """An evaluator whose sources can be read again. ``make`` returns them anew.

    A path of ``file:`` is relative to ``instance_directory``. ``keys`` open sealed secrets.
    """

    def __init__(self, make: Callable[[], Resolvers], instance_directory: str, keys: SealingKeys | None = None) -> None:
        self._make = make
        self._resolvers = make()
        self._instance_directory = instance_directory
        self._paths: set[str] = set()
        self._evaluate = make_evaluator(self._provide, None if keys is None else keys.unseal)
        self._keys = keys

    def renew(self) -> None:
        """Read every source again when it is next needed, and begin with the whole time for that."""
        self._resolvers = self._make()

    def __call__(self, text: str, *, multi_valued: bool, secret: bool, contexts: Sequence[bytes] = ()) -> Evaluation:
        """Return the values of an expression."""
        if contexts and self._keys is not None and self._keys.path:
            self._paths.add(self._keys.path)
        return self._evaluate(text, multi_valued=multi_valued, secret=secret, contexts=contexts)

    @contextmanager
    def track(self) -> Iterator[set[str]]:
        """Collect the paths of the files and directories that are looked at meanwhile, present or not."""
        before, self._paths = self._paths, set()
        try:
            yield self._paths
        finally:
            self._paths = before

    def _provide(self, need: Need) -> Found | NotFound | Failed:
        if need.function is None:
            self._paths.update(self._resolvers.files.directories)
        elif need.function == "file" and "\0" not in need.argument:
            self._paths.add(os.path.join(self._instance_directory, need.argument))
        return self._resolvers(need)
