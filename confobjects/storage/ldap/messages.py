"""The client library's messages over our own channel, and the entries among them read without detours.

The library takes an entry apart four times before it hands it over; here it is done once (RFC 4511 sections 4.1.1
and 4.5.2, in the definite lengths that section 5.1 asks for). All other messages are left to the library.
"""

from __future__ import annotations

import warnings
from typing import Any, Final

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # its last release uses names that have gone out of use
    from ldap3.strategy.base import RESPONSE_COMPLETE, SESSION_TERMINATED_BY_SERVER
    from ldap3.strategy.sync import SyncStrategy
    from ldap3.utils.asn1 import decode_message_fast

from confobjects.storage.ldap.channel import Channel

RawEntry = tuple[str, dict[str, list[bytes]]]
"""A DN as the server writes it, and the attributes' values as bytes."""

_SEQUENCE: Final = 0x30
_ENTRY: Final = 0x64
_LONGEST_HEAD: Final = 6
"""A tag, and a length of at most four octets behind the one that says so: no server sends longer messages."""
_CHUNK: Final = 65536
_MORE_TO_COME: Final = frozenset(("searchResEntry", "searchResRef", "intermediateResponse"))


class Messages(SyncStrategy):  # type: ignore[misc]  # the client library ships no types
    """The library's synchronous strategy over a socket that is connected already.

    ``entries`` are what the last search has found.
    """

    def adopt(self, channel: Channel) -> None:
        """Begin to use a channel."""
        self._outstanding: dict[int, Any] = {}
        self._data, self._at = b"", 0
        self.entries: list[RawEntry] = []
        self.connection.socket = channel
        self.connection.closed = False
        self._start_listen()

    def _get_response(self, message_id: int, timeout: float) -> Any:  # noqa: ARG002 - the channel has the deadline
        self.entries = []
        answers: list[Any] = []
        while True:
            message = self._next()
            if message is None:
                return SESSION_TERMINATED_BY_SERVER
            number, kind, at = _head(message)
            if number == 0:  # an unsolicited notification: the server takes its leave (RFC 4511 section 4.4.1)
                return SESSION_TERMINATED_BY_SERVER
            if number != message_id:
                raise ValueError("an answer to another request")
            if kind == _ENTRY:
                self.entries.append(_entry(message, at))
                continue
            answer = self.decode_response_fast(decode_message_fast(message))
            answers.append(answer)
            if answer["type"] not in _MORE_TO_COME:
                return [*answers, RESPONSE_COMPLETE]

    def _next(self) -> bytes | None:
        """The next whole message; None when the server has closed the connection."""
        while True:
            begin, have = self._at, len(self._data) - self._at
            size = _size(self._data, begin)
            if size is not None and size <= have:
                self._at = begin + size
                return self._data[begin : self._at]
            if not self._receive(max(size or 0, have + 1) - have):
                return None

    def _receive(self, least: int) -> bool:
        """Get so many octets more; false when the server closes the connection before."""
        parts = [self._data[self._at :]]
        while least > 0:
            part = self.connection.socket.recv(_CHUNK)
            if not part:
                return False
            parts.append(part)
            least -= len(part)
        self._data, self._at = b"".join(parts), 0
        return True


def _size(data: bytes, at: int) -> int | None:
    """How long the message is that begins at a place; None when that cannot be told yet."""
    if len(data) < at + 2:
        return None
    if data[at] != _SEQUENCE:
        raise ValueError("no LDAP message")
    first = data[at + 1]
    if first < 0x80:
        return 2 + first
    width = first & 0x7F
    if not 0 < width <= _LONGEST_HEAD - 2:
        raise ValueError("no length of an LDAP message")
    if len(data) < at + 2 + width:
        return None
    return 2 + width + int.from_bytes(data[at + 2 : at + 2 + width], "big")


def _length(data: bytes, at: int) -> tuple[int, int]:
    """The length that stands at a place, and where what is so long begins."""
    first = data[at]
    if first < 0x80:
        return first, at + 1
    end = at + 1 + (first & 0x7F)
    return int.from_bytes(data[at + 1 : end], "big"), end


def _head(message: bytes) -> tuple[int, int, int]:
    """The number of a message, the tag of its operation, and where the length of that stands."""
    _, at = _length(message, 1)
    size, at = _length(message, at + 1)
    end = at + size
    return int.from_bytes(message[at:end], "big"), message[end], end + 1


def _entry(data: bytes, at: int) -> RawEntry:
    """The entry whose length stands at a place. Lengths below 128 are read on the spot: nearly all are."""
    _, at = _length(data, at)
    size, at = _length(data, at + 1)
    dn = data[at : at + size].decode("utf-8", "replace")
    size, at = _length(data, at + size + 1)
    end = at + size
    attributes: dict[str, list[bytes]] = {}
    while at < end:
        at = at + 2 if data[at + 1] < 0x80 else _length(data, at + 1)[1]
        size, at = _length(data, at + 1)
        name = data[at : at + size].decode("ascii")
        size, at = _length(data, at + size + 1)
        stop = at + size
        values = attributes[name] = []
        while at < stop:
            size = data[at + 1]
            at += 2
            if size >= 0x80:
                size, at = _length(data, at - 1)
            values.append(data[at : at + size])
            at += size
    if at != end:
        raise ValueError("an entry that does not end where it says")
    return dn, attributes
