"""The client library's messages over our own channel, with a direct decoder for entries.

The library decodes an entry four times before it returns it; this module decodes it once.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, Final

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # its last release uses deprecated names
    from ldap3.strategy.base import RESPONSE_COMPLETE
    from ldap3.strategy.sync import SyncStrategy
    from ldap3.utils.asn1 import decode_message_fast

from confobjects.storage.ldap import ber
from confobjects.storage.ldap.channel import LdapChannel

_CHUNK: Final = 65536


class ChannelStrategy(SyncStrategy):  # type: ignore[misc]  # the client library ships no types
    """The library's synchronous strategy over a connected socket.

    ``entries`` are the results of the last search.
    """

    def adopt(self, channel: LdapChannel) -> None:
        """Begin to use a channel."""
        self._outstanding: dict[int, Any] = {}
        self._data, self._at = b"", 0
        self.entries: list[ber.RawEntry] = []
        self.connection.socket = channel
        self.connection.closed = False
        self.connection.listening = True

    @property
    def unread(self) -> bytes:
        """The bytes received after the last answer."""
        return self._data[self._at :]

    def exchange(self, operation: bytes) -> ber.Raw:
        """Send an encoded request and return its result. Raises OSError, or ValueError for a broken answer."""
        number = int(self.connection.server.next_message_id())
        self.connection.socket.sendall(ber.encode_message(number, operation))
        *_, (message, _, at) = self._answers(number)
        return ber.decode_result(message, at)

    def _get_response(self, message_id: int, timeout: float) -> Any:  # noqa: ARG002 - the channel has the deadline
        found = [self.decode_response_fast(decode_message_fast(message)) for message, _, _ in self._answers(message_id)]
        return [*found, RESPONSE_COMPLETE]

    def _answers(self, number: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield the answers to a request as (message, tag, place), the result last. Entries are collected."""
        self.entries = []
        while True:
            message = self._read_message()
            answered, kind, at = ber.decode_head(message)
            if answered == 0:  # an unsolicited notification: the server disconnects (RFC 4511 section 4.4.1)
                raise ConnectionResetError("the server announced that it disconnects")
            if answered != number:
                raise ValueError("the answer belongs to another request")
            if kind == ber.ENTRY:
                self.entries.append(ber.decode_entry(message, at))
                continue
            yield message, kind, at
            if kind not in (ber.REFERENCE, ber.INTERMEDIATE):
                return

    def _read_message(self) -> bytes:
        """Return the next complete message."""
        while True:
            begin, have = self._at, len(self._data) - self._at
            size = ber.size_of(self._data, begin)
            if size is not None and size <= have:
                self._at = begin + size
                return self._data[begin : self._at]
            self._receive(max(size or 0, have + 1) - have)

    def _receive(self, least: int) -> None:
        """Receive at least this many more octets."""
        parts = [self._data[self._at :]]
        while least > 0:
            part = self.connection.socket.recv(_CHUNK)
            if not part:
                raise ConnectionResetError("the server closed the connection")
            parts.append(part)
            least -= len(part)
        self._data, self._at = b"".join(parts), 0
