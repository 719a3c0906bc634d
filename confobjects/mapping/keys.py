"""Keys of entries in a document or a tree: the normal form of their DN, unless entries have equal names.

Two entries of equal names below one entry, such as ``cn=straße`` and ``cn=strasse``, can stand in a file although they
should not. Each keeps a key of its own, and so do the entries below it.

Laws of this module:

1. Without equal names the key of an entry is the normal form of its DN.
2. The key of the parent follows the first comma of a key.
3. A DN that is spelled like one of the entries finds that one; any other spelling finds the first of them.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Final

from confobjects.dn import DN, RDN
from confobjects.mapping.entry import Entry

_MARK: Final = ";"
"""It precedes the spelling in a key; the normal form of a DN has it only in hexadecimal."""


def find_key(keys: Container[str], dn: DN) -> str:
    """Return the key of the entry with a DN, or the key that it would have."""
    key = ""
    for rdn in reversed(dn.rdns):
        apart = _key_apart(rdn, key)
        key = apart if apart in keys else _key_of(rdn, key)
    return key


def key_entries(entries: Sequence[Entry]) -> tuple[dict[str, Entry], dict[int, int]]:
    """Return entries by key, in their order, and the index of each that is there twice with the index of the first one.

    The entry that is there twice is left out.
    """
    found: dict[str, int] = {}
    twice: dict[int, int] = {}
    for index in sorted(range(len(entries)), key=lambda index: len(entries[index].dn)):
        dn = entries[index].dn
        rdn = dn.rdns[0] if dn else ()
        above = find_key(found, dn.parent)
        key, apart = _key_of(rdn, above), _key_apart(rdn, above)
        first = found.get(key)
        if first is not None and (apart in found or _spell(entries[first].dn.rdns[0]) == _spell(rdn)):
            twice[index] = found.get(apart, first)
        else:
            found[key if first is None else apart] = index
    return {key: entries[index] for key, index in sorted(found.items(), key=lambda item: item[1])}, twice


def _key_of(rdn: RDN, above: str) -> str:
    own = DN.of(rdn).normal if rdn else ""
    return f"{own},{above}" if above else own


def _key_apart(rdn: RDN, above: str) -> str:
    """Return the key of an entry whose name equals that of another one."""
    own = f"{DN.of(rdn).normal if rdn else ''}{_MARK}{_spell(rdn).encode().hex()}"
    return f"{own},{above}" if above else own


def _spell(rdn: RDN) -> str:
    """Return an RDN as it is spelled, but for its attribute types and the order of its pairs."""
    return str(DN.of(tuple(sorted((kind.lower(), value) for kind, value in rdn)))) if rdn else ""
