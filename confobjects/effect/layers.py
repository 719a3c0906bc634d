"""A mapping that is never changed: each change returns another one, which shares nearly everything with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

_GONE: Final = object()


class Layers(Mapping[Key, Value]):
    """A large mapping below, and a small one of changes above it.

    ``with_changes`` copies only the small one. That one is merged into the large one when it has about the square root
    of its size, so that a change among n keys costs about that root. None is no value: it removes a key.
    """

    __slots__ = ("_above", "_below", "_size")

    def __init__(self, below: Mapping[Key, Value] | None = None) -> None:
        self._below: dict[Key, Value] = {} if below is None else dict(below)
        self._above: dict[Key, Any] = {}
        self._size = len(self._below)

    def with_changes(self, changes: Mapping[Key, Value | None]) -> Layers[Key, Value]:
        """Return the mapping with some keys set, and those whose value is None removed."""
        if not changes:
            return self
        made: Layers[Key, Value] = Layers.__new__(Layers)
        made._below = self._below
        made._above = dict(self._above)
        made._size = self._size
        for key, value in changes.items():
            made._size += (value is not None) - (key in self)
            made._above[key] = _GONE if value is None else value
        return made._merge() if len(made._above) ** 2 > 4 * len(made._below) + 64 else made

    def _merge(self) -> Layers[Key, Value]:
        return Layers(dict(self.items()))

    def get(self, key: Key, default: Any = None) -> Any:
        """Return the value of a key, or a default."""
        found = self._above.get(key) if self._above else None
        if found is None:
            return self._below.get(key, default)
        return default if found is _GONE else found

    def __getitem__(self, key: Key) -> Value:
        found = self._above.get(key)
        if found is None:
            return self._below[key]
        if found is _GONE:
            raise KeyError(key)
        value: Value = found
        return value

    def __iter__(self) -> Iterator[Key]:
        yield from (key for key in self._below if self._above.get(key) is not _GONE)
        yield from (key for key, value in self._above.items() if value is not _GONE and key not in self._below)

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return f"<{self._size} keys>"
