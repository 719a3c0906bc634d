"""Patches of JSON documents: JSON Merge Patch (RFC 7396) and JSON Patch (RFC 6902). Pure.

Laws of this module:

1. A value that is :class:`Hidden` can be left, replaced and removed. It is neither compared nor copied, nor moved.
2. What a patch makes is no larger than the limit of a body, whatever it copies.
3. A patch is applied as a whole, to a copy, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from copy import deepcopy
from typing import Any, Final

from confobjects.texts.visible import make_visible
from confobjects.web.api.bodies import MOST_VALUES, check_size
from confobjects.web.problems import BadBodyError, PatchTestError, UnsuitableBodyError

MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
MOST_OPERATIONS: Final = 1000
_LONGEST_INDEX: Final = 6
Pointer = tuple[str, ...]


class Hidden:
    """A value that stays where it is: a secret, or the text of a pair that has one in it."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __deepcopy__(self, memo: object) -> Hidden:
        return self


def merge_patch(target: Any, patch: Any) -> Any:
    """Return a document changed by a JSON Merge Patch."""
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = merge_patch(made.get(name), value)
    return made


def json_patch(target: Any, patch: Any, secret: Callable[[Pointer], bool]) -> Any:
    """Return a document changed by a JSON Patch. ``secret`` tells which pointers lead to a secret, or to what holds one.

    Raises :class:`~confobjects.web.problems.BadBodyError` for what is no patch, :class:`~confobjects.web.problems.PatchTestError`
    where a test fails, and :class:`~confobjects.web.problems.UnsuitableBodyError` for one that does not fit the document.
    """
    if not isinstance(patch, list):
        raise BadBodyError("a JSON Patch is a list of operations")
    if len(patch) > MOST_OPERATIONS:
        raise BadBodyError(f"a JSON Patch has at most {MOST_OPERATIONS:,} operations here")
    patching = _Patching(deepcopy(target), secret)
    try:
        for number, operation in enumerate(patch, 1):
            patching.apply(number, operation)
    except RecursionError:
        raise UnsuitableBodyError("the patch makes a document that is nested too deeply") from None
    check_size(patching.document)
    return patching.document


class _Patching:
    """A document while the operations of one patch are applied."""

    def __init__(self, document: Any, secret: Callable[[Pointer], bool]) -> None:
        self.document = document
        self._secret = secret
        self._left = MOST_VALUES
        self._where = ""

    def apply(self, number: int, operation: Any) -> None:
        """Apply one operation."""
        self._where = f"operation {number}"
        if not isinstance(operation, dict) or not isinstance(operation.get("op"), str):
            raise BadBodyError(f'{self._where} is not an object with an "op"')
        verb = _VERBS.get(operation["op"])
        if verb is None:
            known = ", ".join(_VERBS)
            raise BadBodyError(f'{self._where}: there is no op "{make_visible(operation["op"][:60])}", only {known}')
        verb(self, operation)

    # -- operations --------------------------------------------------------------------------------------------------

    def add(self, operation: dict[str, Any]) -> None:
        self._put(self._read_pointer(operation, "path"), self._value_of(operation))

    def remove(self, operation: dict[str, Any]) -> None:
        self._take(self._read_pointer(operation, "path"))

    def replace(self, operation: dict[str, Any]) -> None:
        at, value = self._read_pointer(operation, "path"), self._value_of(operation)
        self._find(at)
        if at:
            self._take(at)
        self._put(at, value)

    def move(self, operation: dict[str, Any]) -> None:
        source, at = self._read_source(operation), self._read_pointer(operation, "path")
        if at[: len(source)] == source and at != source:
            raise UnsuitableBodyError(f"{self._where} moves a value into itself")
        value = self._find(source)
        self._refuse_secret(at)
        self._take(source)
        self._put(at, value)

    def copy(self, operation: dict[str, Any]) -> None:
        source, at = self._read_source(operation), self._read_pointer(operation, "path")
        value = self._find(source)
        self._left -= _count(value)
        if self._left < 0:
            raise UnsuitableBodyError(f"{self._where}: the document would hold more than {MOST_VALUES:,} values")
        self._put(at, deepcopy(value))

    def test(self, operation: dict[str, Any]) -> None:
        at, value = self._read_pointer(operation, "path"), self._value_of(operation)
        self._refuse_secret(at)
        if not is_equal(self._find(at), value):
            raise PatchTestError(f"{self._where}: the value is another one")

    # -- pointers ----------------------------------------------------------------------------------------------------

    def _read_pointer(self, operation: dict[str, Any], name: str) -> Pointer:
        text = operation.get(name)
        if not isinstance(text, str) or (text and not text.startswith("/")):
            raise BadBodyError(f'{self._where}: its "{name}" is no JSON Pointer')
        if any(part[:1] not in ("0", "1") for part in text.split("~")[1:]):
            raise BadBodyError(f'{self._where}: in its "{name}", "~" stands before neither 0 nor 1')
        return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])

    def _read_source(self, operation: dict[str, Any]) -> Pointer:
        source = self._read_pointer(operation, "from")
        self._refuse_secret(source)
        return source

    def _refuse_secret(self, at: Pointer) -> None:
        if self._secret(at):
            summary = f"{self._where}: what is or holds a secret is neither tested, copied nor moved"
            raise UnsuitableBodyError(summary)

    def _value_of(self, operation: dict[str, Any]) -> Any:
        if "value" not in operation:
            raise BadBodyError(f"{self._where} has no value")
        return deepcopy(operation["value"])

    def _find(self, at: Pointer) -> Any:
        found = self.document
        for part in at:
            found = self._step(found, part)
        return found

    def _step(self, above: Any, part: str) -> Any:
        if isinstance(above, dict) and part in above:
            return above[part]
        if isinstance(above, list):
            return above[self._read_index(above, part, len(above) - 1)]
        raise self._describe_absence()

    def _read_index(self, above: list[Any], part: str, last: int) -> int:
        is_number = part.isascii() and part.isdecimal() and len(part) <= _LONGEST_INDEX
        if part == "-" and last == len(above):
            return last
        if not is_number or (part[0] == "0" and part != "0") or int(part) > last:
            raise self._describe_absence()
        return int(part)

    def _describe_absence(self) -> UnsuitableBodyError:
        return UnsuitableBodyError(f"{self._where} points to what is not there")

    def _put(self, at: Pointer, value: Any) -> None:
        if not at:
            self.document = value
            return
        above = self._find(at[:-1])
        if isinstance(above, dict):
            above[at[-1]] = value
        elif isinstance(above, list):
            above.insert(self._read_index(above, at[-1], len(above)), value)
        else:
            raise self._describe_absence()

    def _take(self, at: Pointer) -> None:
        self._find(at)
        if not at:
            raise UnsuitableBodyError(f"{self._where} takes the whole document away")
        above = self._find(at[:-1])
        del above[at[-1] if isinstance(above, dict) else int(at[-1])]


_VERBS: Final[dict[str, Callable[[_Patching, dict[str, Any]], None]]] = {
    "add": _Patching.add,
    "remove": _Patching.remove,
    "replace": _Patching.replace,
    "move": _Patching.move,
    "copy": _Patching.copy,
    "test": _Patching.test,
}


def is_equal(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are equal (RFC 6902, 4.6): true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_equal(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_equal, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def _count(value: Any) -> int:
    """Return how many values a value is, those inside it included."""
    inside: Collection[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_count, inside))
