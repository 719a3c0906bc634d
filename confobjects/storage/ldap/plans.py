"""The plan of a commit as bytes, from which another process can finish the commit or take it back."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from confobjects.definitions.model import REVISION_ATTRIBUTE as REVISION
from confobjects.dn import DN
from confobjects.mapping.entry import (
    AddEntry,
    Change,
    DeleteEntry,
    Entry,
    Modification,
    ModifyEntry,
    RenameEntry,
    Value,
    apply,
    rename_entry,
)
from confobjects.records import Record
from confobjects.texts.numbers import read_number

MOST_UNPACKED: Final = 1 << 28
"""Bytes of a text that was compressed, at most: whoever may write there may have written a small value that unpacks to a huge one."""
_CHUNK: Final = 500_000
"""Octets per value. A longer text is split into several values, because servers limit the size of a request."""
_PLAIN: Final = 4096
"""Octets up to which the text is stored readable in the directory. A longer text is compressed."""


class PlannedChange(Record):
    """One change, and the entry as it is before the change."""

    change: Change
    before: Entry | None


def forecast(changes: Sequence[Change], before: Callable[[Change], Entry | None]) -> list[PlannedChange]:
    """Return each change with its entry as it will be before the change. ``before`` reads an entry as it is now."""
    here: dict[str, Entry | None] = {}
    moves: list[tuple[DN, DN]] = []
    result = []
    for change in changes:
        old = None if isinstance(change, AddEntry) else _forecast_entry(change, here, moves, before)
        result.append(PlannedChange(change, old))
        if isinstance(change, AddEntry):
            here[change.entry.dn.normal] = change.entry
        elif isinstance(change, DeleteEntry):
            here[change.dn.normal] = None
        elif isinstance(change, RenameEntry):
            moves.append((change.dn, change.new_dn))
            here = {_move_key(key, change): entry for key, entry in here.items()}
        elif old is not None:
            here[change.dn.normal] = apply(old, change.modifications)
    return result


def guard_deletions(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield changes for a server that compares nothing in a deletion: the revision is replaced before.

    That fails if somebody was faster. Until the deletion is made, whoever has read the new revision waits for this commit.
    """
    for change in changes:
        if isinstance(change, DeleteEntry) and change.revision:
            new = str((read_number(change.revision) or 0) + 1)
            steps = (Modification("delete", REVISION, (change.revision,)), Modification("add", REVISION, (new,)))
            yield ModifyEntry(change.dn, steps)
            yield DeleteEntry(change.dn)
        else:
            yield change


def _forecast_entry(
    change: ModifyEntry | DeleteEntry | RenameEntry,
    here: Mapping[str, Entry | None],
    moves: Sequence[tuple[DN, DN]],
    before: Callable[[Change], Entry | None],
) -> Entry | None:
    if change.dn.normal in here:
        return here[change.dn.normal]
    place = change.dn
    for old, new in reversed(moves):
        if place == new or place.is_below(new):
            place = DN.of(*place.rdns[: len(place) - len(new)], *old.rdns)
    entry = before(change if place == change.dn else DeleteEntry(place))
    return entry if entry is None or place == change.dn else rename_entry(entry, change.dn)


def _move_key(key: str, change: RenameEntry) -> str:
    old = change.dn.normal
    return key[: -len(old)] + change.new_dn.normal if key == old or key.endswith(f",{old}") else key


# -- texts as values -------------------------------------------------------------------------------------------------


def pack_text(text: str) -> list[bytes]:
    """Return a text as values of an attribute, each with its position, because attribute values have no order."""
    data = text.encode()
    mark = b":"
    if len(data) > _PLAIN:
        data, mark = zlib.compress(data, 1), b"z"
    pieces = [data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)]
    return [b"%04d" % number + mark + piece for number, piece in enumerate(pieces)]


def unpack_text(values: Iterable[Value]) -> str:
    """Return the text of some values. Raises ValueError if a part is missing, or the text is too long."""
    pieces = sorted(value.encode() if isinstance(value, str) else value for value in values)
    data = b"".join(piece[5:] for piece in pieces)
    is_compressed = any(piece[4:5] == b"z" for piece in pieces)
    return (_decompress(data) if is_compressed else data).decode()


def _decompress(data: bytes) -> bytes:
    made = zlib.decompressobj()
    try:
        found = made.decompress(data, MOST_UNPACKED)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not made.eof:
        raise ValueError("a text that is cut short or too long")
    return found


# -- changes as text -------------------------------------------------------------------------------------------------


def as_text(plan: Iterable[PlannedChange]) -> str:
    """Return a plan as text. The text contains secrets."""
    return json.dumps(
        [[_change_as_json(step.change), _entry_as_json(step.before)] for step in plan], separators=(",", ":")
    )


def from_text(text: str) -> list[PlannedChange]:
    """Return the plan in a text. Raises ValueError for an invalid text."""
    try:
        steps = [(_change_from_json(change), _entry_from_json(before)) for change, before in json.loads(text)]
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no plan: {type(error).__name__}") from None
    return [PlannedChange(*step) for step in steps]


def _values_as_json(values: Sequence[Value]) -> list[Any]:
    return [value if isinstance(value, str) else {"base64": base64.b64encode(value).decode()} for value in values]


def _values_from_json(values: Iterable[Any]) -> list[Value]:
    return [value if isinstance(value, str) else base64.b64decode(value["base64"]) for value in values]


def _entry_as_json(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {
        "dn": str(entry.dn),
        "attributes": {name: _values_as_json(values) for name, values in entry.attributes.items()},
    }


def _entry_from_json(item: Mapping[str, Any] | None) -> Entry | None:
    if item is None:
        return None
    return Entry(DN.parse(item["dn"]), {name: _values_from_json(values) for name, values in item["attributes"].items()})


def _change_as_json(change: Change) -> dict[str, Any]:
    if isinstance(change, AddEntry):
        return {"add": _entry_as_json(change.entry)}
    if isinstance(change, DeleteEntry):
        return {"delete": str(change.dn), **({"revision": change.revision} if change.revision else {})}
    if isinstance(change, RenameEntry):
        return {"rename": str(change.dn), "to": str(change.new_dn)}
    steps = [[step.kind, step.attribute, _values_as_json(step.values)] for step in change.modifications]
    return {"modify": str(change.dn), "steps": steps}


def _change_from_json(item: Mapping[str, Any]) -> Change:
    if "add" in item:
        entry = _entry_from_json(item["add"])
        if entry is None:
            raise ValueError("an addition without an entry")
        return AddEntry(entry)
    if "delete" in item:
        return DeleteEntry(DN.parse(item["delete"]), str(item.get("revision", "")))
    if "rename" in item:
        return RenameEntry(DN.parse(item["rename"]), DN.parse(item["to"]))
    steps = [Modification(kind, attribute, _values_from_json(values)) for kind, attribute, values in item["steps"]]
    return ModifyEntry(DN.parse(item["modify"]), steps)
