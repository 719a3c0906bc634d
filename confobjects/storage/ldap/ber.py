"""Encoding of frequent requests and decoding of their answers (RFC 4511; X.690, definite lengths).

The client library encodes a request with its ASN.1 compiler, which takes longer than the server's work. Requests that
are made for each object are encoded and decoded here; everything else is left to the library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, ParamSpec, TypeVar

from confobjects.records import Record

RawEntry = tuple[str, dict[str, list[bytes]]]
"""A DN as the server writes it, and the attributes' values as bytes."""
Raw = tuple[int, str, str, tuple[str, ...]]
"""A result: its code, the DN and the text that came with it, referral URLs."""

ENTRY: Final = 0x64
DONE: Final = 0x65
REFERENCE: Final = 0x73
INTERMEDIATE: Final = 0x79
_INTEGER: Final = 0x02
OCTETS: Final = 0x04
_ENUMERATED: Final = 0x0A
_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_SEARCH: Final = 0x63
_MODIFY: Final = 0x66
_ADD: Final = 0x68
_DELETE: Final = 0x4A
_PRESENT: Final = 0x87
_AND: Final = 0xA0
_OR: Final = 0xA1
_NOT: Final = 0xA2
_EQUAL: Final = 0xA3
_BIND: Final = 0x60
_SIMPLE: Final = 0x80
_INFO_NAME: Final = 0x80
_INFO_VALUE: Final = 0x81
_CONTROLS: Final = 0xA0
UNBIND: Final = b"\x42\x00"
ASSERTION: Final = "1.3.6.1.1.12"
PAGED: Final = "1.2.840.113556.1.4.319"
SYNC_REQUEST: Final = "1.3.6.1.4.1.4203.1.9.1.1"
SYNC_STATE: Final = "1.3.6.1.4.1.4203.1.9.1.2"
SYNC_INFO: Final = "1.3.6.1.4.1.4203.1.9.1.4"
_REFRESH_AND_PERSIST: Final = 3
PERSISTENT: Final = "2.16.840.1.113730.3.4.3"
PROXIED: Final = "2.16.840.1.113730.3.4.18"
ENTRY_CHANGE: Final = "2.16.840.1.113730.3.4.7"
_ALL_KINDS: Final = 15
"""Additions, deletions, modifications and renamings."""
_BOOLEAN: Final = 0x01
_REFERRAL: Final = 0xA3
_LONGEST_HEAD: Final = 6
"""A tag, and a length in the long form of at most four octets: no server sends longer messages."""
_LONGEST: Final = 1 << 28
_KINDS: Final = {"add": 0, "delete": 1, "replace": 2}
_BASE_OBJECT: Final = 0
ONE_LEVEL: Final = 1
SUBTREE: Final = 2
_NEVER_DEREFERENCE: Final = 0

P = ParamSpec("P")
T = TypeVar("T")


class MessageError(ValueError):
    """A message that is not one of LDAP: it is cut short, or contradicts itself."""


# -- writing -----------------------------------------------------------------------------------------------------------


def encode_tlv(tag: int, content: bytes) -> bytes:
    """Return a tag, a length and the content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    width = (size.bit_length() + 7) // 8
    return bytes((tag, 0x80 | width)) + size.to_bytes(width, "big") + content


def _encode_number(tag: int, value: int) -> bytes:
    return encode_tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _encode_strings(tag: int, values: Iterable[bytes]) -> bytes:
    return encode_tlv(tag, b"".join([encode_tlv(OCTETS, value) for value in values]))


def encode_message(number: int, operation: bytes) -> bytes:
    """Return a complete message."""
    return encode_tlv(_SEQUENCE, _encode_number(_INTEGER, number) + operation)


def encode_modify(dn: str, modifications: Sequence[tuple[str, str, Sequence[bytes]]]) -> bytes:
    """Return the request to change an entry; each modification is a kind, an attribute and values."""
    steps = [
        encode_tlv(
            _SEQUENCE,
            _encode_number(_ENUMERATED, _KINDS[kind])
            + encode_tlv(_SEQUENCE, encode_tlv(OCTETS, attribute.encode()) + _encode_strings(_SET, values)),
        )
        for kind, attribute, values in modifications
    ]
    return encode_tlv(_MODIFY, encode_tlv(OCTETS, dn.encode()) + encode_tlv(_SEQUENCE, b"".join(steps)))


def encode_bind(dn: str, password: str) -> bytes:
    """Return the request to log in with a password."""
    return encode_tlv(
        _BIND,
        _encode_number(_INTEGER, 3) + encode_tlv(OCTETS, dn.encode()) + encode_tlv(_SIMPLE, password.encode()),
    )


def encode_add(dn: str, attributes: Mapping[str, Sequence[bytes]]) -> bytes:
    """Return the request to add an entry."""
    parts = [
        encode_tlv(_SEQUENCE, encode_tlv(OCTETS, name.encode()) + _encode_strings(_SET, values))
        for name, values in attributes.items()
    ]
    return encode_tlv(_ADD, encode_tlv(OCTETS, dn.encode()) + encode_tlv(_SEQUENCE, b"".join(parts)))


def encode_delete(dn: str) -> bytes:
    """Return the request to delete an entry."""
    return encode_tlv(_DELETE, dn.encode())


def encode_read(dn: str, attributes: Sequence[str]) -> bytes:
    """Return the request to read one entry."""
    return encode_search(dn, attributes, _BASE_OBJECT, _encode_present("objectClass"))


def encode_search_any(base: str, attributes: Sequence[str], scope: int, pairs: Iterable[tuple[str, str]]) -> bytes:
    """Return the request to find the entries with one of some pairs of an attribute and its value, at least one."""
    either = encode_tlv(_OR, b"".join([_encode_equal(name, value.encode()) for name, value in pairs]))
    return encode_search(base, attributes, scope, either)


def _encode_equal(name: str, value: bytes) -> bytes:
    return encode_tlv(_EQUAL, encode_tlv(OCTETS, name.encode()) + encode_tlv(OCTETS, value))


def _encode_present(name: str) -> bytes:
    return encode_tlv(_PRESENT, name.encode())


def encode_search(base: str, attributes: Sequence[str], scope: int, condition: bytes) -> bytes:
    """Return the request to find the entries that an encoded filter selects."""
    return encode_tlv(
        _SEARCH,
        encode_tlv(OCTETS, base.encode())
        + _encode_number(_ENUMERATED, scope)
        + _encode_number(_ENUMERATED, _NEVER_DEREFERENCE)
        + _encode_number(_INTEGER, 0)  # no client-side limit on the number of entries
        + _encode_number(_INTEGER, 0)  # nor on the time: the channel has a deadline
        + encode_tlv(0x01, b"\x00")  # values as well
        + condition
        + _encode_strings(_SEQUENCE, [name.encode() for name in attributes]),
    )


def encode_page(size: int, cookie: bytes) -> bytes:
    """Return the controls that ask for one page of a search (RFC 2696)."""
    value = encode_tlv(_SEQUENCE, _encode_number(_INTEGER, size) + encode_tlv(OCTETS, cookie))
    control = encode_tlv(OCTETS, PAGED.encode()) + encode_tlv(OCTETS, value)
    return encode_tlv(_CONTROLS, encode_tlv(_SEQUENCE, control))


def encode_sync(cookie: bytes) -> bytes:
    """Return the controls that ask for all changes from a cookie on, and for those to come (RFC 4533 section 2.2).

    Without a cookie all entries come first. The control is critical: a server that does not know it refuses.
    """
    known = encode_tlv(OCTETS, cookie) if cookie else b""
    return _encode_critical(SYNC_REQUEST, _encode_number(_ENUMERATED, _REFRESH_AND_PERSIST) + known)


def encode_persistent() -> bytes:
    """Return the controls that ask for the changes to come, each with its kind (draft-ietf-ldapext-psearch-03)."""
    true = encode_tlv(_BOOLEAN, b"\xff")
    return _encode_critical(PERSISTENT, _encode_number(_INTEGER, _ALL_KINDS) + true + true)


def proxy_control(dn: str) -> bytes:
    """Return the control that has a request carried out with the rights of somebody else (RFC 4370)."""
    return _encode_control(PROXIED, authorization_id(dn))


def authorization_id(dn: str) -> bytes:
    """Return a DN as an authorization identity (RFC 4513 section 5.2.1.8)."""
    return b"dn:" + dn.encode()


def assertion_control(pairs: Iterable[tuple[str, bytes | None]]) -> bytes:
    """Return the control that has a request carried out only while its entry has some values (RFC 4528).

    Each is an attribute with a value that it must have, or with None if it may have none.
    """
    return _encode_control(ASSERTION, encode_tlv(_AND, b"".join(_encode_condition(*pair) for pair in pairs)))


def _encode_condition(name: str, value: bytes | None) -> bytes:
    if value is None:
        return encode_tlv(_NOT, _encode_present(name))
    return _encode_equal(name, value)


def encode_controls(controls: Iterable[bytes]) -> bytes:
    """Return controls as a part of a message; empty without any."""
    found = b"".join(controls)
    return encode_tlv(_CONTROLS, found) if found else b""


def _encode_critical(name: str, content: bytes) -> bytes:
    return encode_controls([_encode_control(name, encode_tlv(_SEQUENCE, content))])


def _encode_control(name: str, value: bytes) -> bytes:
    """Return a critical control: a server that does not know it refuses the request."""
    control = encode_tlv(OCTETS, name.encode()) + encode_tlv(_BOOLEAN, b"\xff") + encode_tlv(OCTETS, value)
    return encode_tlv(_SEQUENCE, control)


# -- reading -----------------------------------------------------------------------------------------------------------


def _refuse_short(decode: Callable[P, T]) -> Callable[P, T]:
    """Return a decoder that raises :class:`MessageError` for a place behind the end of its data, and for wrong text."""

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return decode(*args, **kwargs)
        except MessageError:
            raise
        except (IndexError, ValueError):
            raise MessageError("an LDAP message that is cut short or damaged") from None

    run.__doc__ = decode.__doc__
    return run


def size_of(data: bytes, at: int) -> int | None:
    """Return the length of the message that begins at a place, or None if too few octets are there.

    Raises MessageError for anything else than a message.
    """
    if len(data) < at + 2:
        return None
    if data[at] != _SEQUENCE:
        raise MessageError("not an LDAP message")
    first = data[at + 1]
    if first < 0x80:
        return 2 + first
    width = first & 0x7F
    if not 0 < width <= _LONGEST_HEAD - 2:
        raise MessageError("an invalid length of an LDAP message")
    if len(data) < at + 2 + width:
        return None
    size = int.from_bytes(data[at + 2 : at + 2 + width], "big")
    if size > _LONGEST:
        raise MessageError("an LDAP message that is too long")
    return 2 + width + size


def _require_within(at: int, end: int) -> None:
    """Raise MessageError for a place behind the end."""
    if at > end:
        raise MessageError("an LDAP message that is cut short")


def _decode_length(data: bytes, at: int) -> tuple[int, int]:
    """Return the length at a place, and the place where the content begins."""
    first = data[at]
    if first < 0x80:
        return first, at + 1
    end = at + 1 + (first & 0x7F)
    if not at + 1 < end <= min(len(data), at + _LONGEST_HEAD - 1):
        raise MessageError("an invalid length in an LDAP message")
    return int.from_bytes(data[at + 1 : end], "big"), end


@_refuse_short
def decode_head(data: bytes) -> tuple[int, int, int]:
    """Return the number of a message, the tag of its operation, and the place of the operation's length.

    Raises MessageError, as all that read do.
    """
    _, at = _decode_length(data, 1)
    size, at = _decode_length(data, at + 1)
    end = at + size
    return int.from_bytes(data[at:end], "big"), data[end], end + 1


@_refuse_short
def decode_entry(data: bytes, at: int) -> RawEntry:
    """Return the entry whose length is at a place. Lengths below 128, nearly all, are read inline."""
    _, at = _decode_length(data, at)
    size, at = _decode_length(data, at + 1)
    dn = data[at : at + size].decode("utf-8", "replace")
    size, at = _decode_length(data, at + size + 1)
    end = at + size
    attributes: dict[str, list[bytes]] = {}
    while at < end:
        at = at + 3 if data[at + 1] < 0x80 else _decode_length(data, at + 1)[1] + 1
        size = data[at]
        at += 1
        if size >= 0x80:
            size, at = _decode_length(data, at - 1)
        name_end = at + size
        name = data[at:name_end].decode("ascii")
        size, at = data[name_end + 1], name_end + 2
        if size >= 0x80:
            size, at = _decode_length(data, at - 1)
        stop = at + size
        values = attributes[name] = []
        while at < stop:
            size = data[at + 1]
            at += 2
            if size >= 0x80:
                size, at = _decode_length(data, at - 1)
            values.append(data[at : at + size])
            at += size
        if at != stop:
            raise MessageError("values whose length is wrong")
    if at != end or end > len(data):
        raise MessageError("an entry whose length is wrong")
    return dn, attributes


@_refuse_short
def decode_result(data: bytes, at: int) -> Raw:
    """Return the result whose length is at a place."""
    size, at = _decode_length(data, at)
    end = at + size
    _require_within(end, len(data))
    size, at = _decode_length(data, at + 1)
    code = int.from_bytes(data[at : at + size], "big", signed=True)
    size, at = _decode_length(data, at + size + 1)
    dn = data[at : at + size].decode("utf-8", "replace")
    size, at = _decode_length(data, at + size + 1)
    text = data[at : at + size].decode("utf-8", "replace")
    at += size
    _require_within(at, end)
    urls: list[str] = []
    if at < end and data[at] == _REFERRAL:
        size, at = _decode_length(data, at + 1)
        stop = at + size
        while at < stop:
            size, at = _decode_length(data, at + 1)
            urls.append(data[at : at + size].decode("utf-8", "replace"))
            at += size
        _require_within(at, end)
    return code, dn, text, tuple(urls)


@_refuse_short
def decode_cookie(data: bytes, at: int) -> bytes:
    """Return the cookie of the next page that stands behind the result whose length is at a place, if there is one."""
    size, at = _decode_length(data, at)
    at += size
    if at >= len(data) or data[at] != _CONTROLS:
        return b""
    size, at = _decode_length(data, at + 1)
    end = at + size
    _require_within(end, len(data))
    while at < end:
        size, at = _decode_length(data, at + 1)
        stop = at + size
        size, at = _decode_length(data, at + 1)
        name, at = data[at : at + size], at + size
        if name == PAGED.encode():
            if data[at] == 0x01:  # whether it is critical
                at += 3
            _, at = _decode_length(data, at + 1)
            _, at = _decode_length(data, at + 1)
            size, at = _decode_length(data, at + 1)
            size, at = _decode_length(data, at + size + 1)
            _require_within(at + size, stop)
            return data[at : at + size]
        at = stop
    return b""


# -- parts of answers that tell of changes -----------------------------------------------------------------------------


@_refuse_short
def decode_parts(data: bytes, at: int = 0) -> list[tuple[int, bytes]]:
    """Return the tag and the content of each element from a place on, to the end of the data."""
    parts = []
    while at < len(data):
        size, start = _decode_length(data, at + 1)
        _require_within(start + size, len(data))
        parts.append((data[at], data[start : start + size]))
        at = start + size
    return parts


@_refuse_short
def decode_controls(data: bytes, at: int) -> dict[str, bytes]:
    """Return the values of the controls that stand behind the operation whose length is at a place, by their names."""
    size, at = _decode_length(data, at)
    found: dict[str, bytes] = {}
    for tag, content in decode_parts(data, at + size):
        for _, control in decode_parts(content) if tag == _CONTROLS else ():
            (_, name), *rest = decode_parts(control)
            found[name.decode("ascii")] = next((value for kind, value in rest if kind == OCTETS), b"")
    return found


@_refuse_short
def decode_info(data: bytes, at: int) -> tuple[str, bytes]:
    """Return the name and the value of the intermediate response whose length is at a place (RFC 4511 section 4.13)."""
    size, at = _decode_length(data, at)
    _require_within(at + size, len(data))
    parts = dict(decode_parts(data[at : at + size]))
    return parts.get(_INFO_NAME, b"").decode("ascii"), parts.get(_INFO_VALUE, b"")


@_refuse_short
def decode_sync_state(value: bytes) -> tuple[int, bytes, bytes]:
    """Return the state of an entry, its entryUUID, and the cookie or nothing (RFC 4533 section 2.3)."""
    (_, content), *_ = decode_parts(value)
    (_, state), (_, unique), *rest = decode_parts(content)
    return int.from_bytes(state, "big"), unique, rest[0][1] if rest else b""


class SyncInfo(Record):
    """A message of RFC 4533 section 2.5: a cookie or nothing, whether it ends the refresh, and the entries it names.

    ``kind`` is one of :data:`NEW_COOKIE`, :data:`REFRESH_DELETE`, :data:`REFRESH_PRESENT`, :data:`ID_SET`. With the
    last, ``entries`` are present, or deleted if ``are_deleted``.
    """

    kind: int
    cookie: bytes = b""
    ends: bool = False
    are_deleted: bool = False
    entries: tuple[bytes, ...] = ()


NEW_COOKIE: Final = 0x80
REFRESH_DELETE: Final = 0xA1
REFRESH_PRESENT: Final = 0xA2
ID_SET: Final = 0xA3


@_refuse_short
def decode_sync_info(value: bytes) -> SyncInfo:
    """Return a message about the state of the synchronisation."""
    (kind, content), *_ = decode_parts(value)
    if kind == NEW_COOKIE:
        return SyncInfo(kind, content)
    parts = dict(decode_parts(content))
    cookie, flag = parts.get(OCTETS, b""), parts.get(_BOOLEAN)
    if kind in (REFRESH_DELETE, REFRESH_PRESENT):
        return SyncInfo(kind, cookie, ends=flag != b"\x00")  # done unless it is said that it is not
    if kind != ID_SET:
        raise MessageError("a synchronisation message of an unknown kind")
    entries = tuple(unique for _, unique in decode_parts(parts.get(_SET, b"")))
    return SyncInfo(kind, cookie, are_deleted=flag not in (None, b"\x00"), entries=entries)


@_refuse_short
def decode_entry_change(value: bytes) -> int:
    """Return how an entry was changed: one of 1 added, 2 deleted, 4 modified, :data:`RENAMED`."""
    (_, content), *_ = decode_parts(value)
    (_, kind), *_ = decode_parts(content)
    return int.from_bytes(kind, "big")


RENAMED: Final = 8
