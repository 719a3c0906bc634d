"""The installed definitions of a storage, read as entries: no definition has to be known for that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from confobjects.definitions.installed import DIGEST, TEXT, InstalledText
from confobjects.diagnostics import Diagnostic
from confobjects.mapping.held import HeldEntry
from confobjects.mapping.objects import find_holders

if TYPE_CHECKING:
    from confobjects.mapping.entry import Entry
    from confobjects.mapping.protocol import Storage

_ATTRIBUTES: Final = (f"ds-cfg-{TEXT}", f"ds-cfg-{DIGEST}")


def read_installed(storage: Storage) -> tuple[InstalledText, ...]:
    """Return the definitions that a storage holds, sorted by name: one search, or none where entries are in memory."""
    return collect_installed(find_holders(storage))


def collect_installed(entries: Iterable[Entry]) -> tuple[InstalledText, ...]:
    """Return the definitions that some entries hold, sorted by name."""
    return tuple(sorted(map(as_installed, entries), key=lambda one: one.name))


def as_installed(entry: Entry) -> InstalledText:
    """Return the definition that an entry holds; one that cannot be read has a problem."""
    origin = str(entry.dn)
    if isinstance(entry, HeldEntry):
        return InstalledText(entry.dn.name, origin, lambda: _read_value(entry, _ATTRIBUTES[0]) or "", entry.digest)
    name = entry.dn.rdns[0][0][1]
    text, digest = (_read_value(entry, attribute) for attribute in _ATTRIBUTES)
    wrong = ""
    if len(entry.dn.rdns[0]) != 1 or entry.dn.rdns[0][0][0].lower() != "cn":
        wrong = "the entry is not named by cn"
    elif text is None or digest is None:
        wrong = f"{_ATTRIBUTES[0] if text is None else _ATTRIBUTES[1]} is missing, or is not one text"
    if wrong:
        summary = f'the definition "{name}" cannot be read: {wrong}'
        problem = Diagnostic("broken-definition", summary, origin=origin, remedy="install it again, or remove it")
        return InstalledText(name, origin, text or "", digest or "", problem)
    return InstalledText(name, origin, text or "", digest or "")


def _read_value(entry: Entry, attribute: str) -> str | None:
    values = entry.get(attribute)
    return values[0] if len(values) == 1 and isinstance(values[0], str) else None
