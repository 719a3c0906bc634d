"""What a definition says, read only as far as somebody asks for it.

Law: a document of an outline and its text is equal to the JSON that the text holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

_DETAILS: Final = frozenset({"description", "properties", "overrides"})
"""What the outline leaves out: nearly all of a definition, and asked for only if objects of its type are."""


def outline_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a definition says of itself, without its details."""
    return {key: value for key, value in data.items() if key not in _DETAILS}


class OutlinedData(Mapping[str, Any]):
    """The JSON of a definition whose outline is known; what ``read`` returns is parsed when something asks for a detail."""

    __slots__ = ("_known", "_read_text", "_whole")

    def __init__(self, outline: Mapping[str, Any], read: Callable[[], str]) -> None:
        self._known = outline
        self._read_text = read
        self._whole = False

    def _read(self) -> Mapping[str, Any]:
        if not self._whole:
            import json

            self._known = json.loads(self._read_text())
            self._whole = True
        return self._known

    def __getitem__(self, key: str) -> Any:
        known = self._read() if key in _DETAILS else self._known
        return known[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Return what the definition says of something, or a default."""
        known = self._read() if key in _DETAILS else self._known
        return known.get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in (self._read() if key in _DETAILS else self._known)

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return repr(self._read())
