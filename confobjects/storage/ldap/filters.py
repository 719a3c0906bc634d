"""Encoding of search filters from their text (RFC 4515 and RFC 4511 section 4.5.1.7).

It knows the forms that the storage uses: ``&``, ``|``, ``!``, equality, presence, ``>=`` and ``<=``.
"""

from __future__ import annotations

import re
from typing import Final

from confobjects.storage.ldap.ber import OCTETS, encode_tlv

_AND: Final = 0xA0
_OR: Final = 0xA1
_NOT: Final = 0xA2
_EQUAL: Final = 0xA3
_AT_LEAST: Final = 0xA5
_AT_MOST: Final = 0xA6
_PRESENT: Final = 0x87
_SETS: Final = {"&": _AND, "|": _OR, "!": _NOT}
_COMPARISONS: Final = {"=": _EQUAL, ">=": _AT_LEAST, "<=": _AT_MOST}
_ITEM: Final = re.compile(r"\(([A-Za-z][A-Za-z0-9.;-]*)(?:=(\*)|(=|>=|<=)((?:[^()*\\\0]|\\[0-9A-Fa-f]{2})*))\)")
_ESCAPE: Final = re.compile(rb"\\([0-9A-Fa-f]{2})")


def encode_filter(text: str) -> bytes:
    """Return the octets of a filter. Raises ValueError for a text that is none, or has a form that is not known here."""
    found, end = _encode_at(text, 0)
    if end != len(text):
        raise ValueError(f"something follows the filter: {text}")
    return found


def _encode_at(text: str, at: int) -> tuple[bytes, int]:
    """Return the octets of the filter at a place, and the place behind it."""
    if (tag := _SETS.get(text[at + 1 : at + 2])) is not None and text[at] == "(":
        return _encode_set(text, at + 2, tag)
    if (item := _ITEM.match(text, at)) is None:
        raise ValueError(f"not a filter: {text}")
    name, present, comparison, value = item.groups()
    if present:
        return encode_tlv(_PRESENT, name.encode()), item.end()
    octets = _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), value.encode())
    content = encode_tlv(OCTETS, name.encode()) + encode_tlv(OCTETS, octets)
    return encode_tlv(_COMPARISONS[comparison], content), item.end()


def _encode_set(text: str, at: int, tag: int) -> tuple[bytes, int]:
    parts: list[bytes] = []
    while text[at : at + 1] == "(":
        part, at = _encode_at(text, at)
        parts.append(part)
    if text[at : at + 1] != ")" or not parts or (tag == _NOT and len(parts) > 1):
        raise ValueError(f"not a filter: {text}")
    return encode_tlv(tag, b"".join(parts)), at + 1
