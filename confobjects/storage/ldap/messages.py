"""Messages over a channel: requests out, answers in, entries decoded once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from confobjects.storage.ldap import ber
from confobjects.storage.ldap.channel import LdapChannel

_CHUNK: Final = 65536


class LdapWire:
    """The messages of one connection. ``entries`` are the results of the last search."""

    def __init__(self, channel: LdapChannel) -> None:
        self._channel = channel
        self._number = 0
        self._data, self._at = b"", 0
        self.entries: list[ber.RawEntry] = []

    @property
    def unread(self) -> bytes:
        """The bytes received after the last answer."""
        return self._data[self._at :]

    def next_number(self) -> int:
        """Return the number of the next message."""
        self._number += 1
        return self._number

    def exchange(self, operation: bytes, controls: bytes = b"") -> tuple[ber.Raw, bytes]:
        """Send an encoded request; return its result, and the cookie of the next page if there is one.

        Raises OSError, or ValueError for a broken answer.
        """
        number = self.send(operation, controls)
        *_, (message, _, at) = self.answers(number)
        return ber.decode_result(message, at), ber.decode_cookie(message, at) if controls else b""

    def send(self, operation: bytes, controls: bytes = b"") -> int:
        """Send an encoded request, and return its number. Its answers are left to :meth:`receive`."""
        number = self.next_number()
        self._channel.sendall(ber.encode_message(number, operation + controls))
        return number

    def receive(self) -> tuple[int, int, bytes, int] | None:
        """Return the next message that has arrived, without waiting: the number answered, tag, octets and place.

        Return None if none has arrived completely. Raises OSError, or ValueError for what is no message.
        """
        while True:
            begin, have = self._at, len(self._data) - self._at
            size = ber.size_of(self._data, begin)
            if size is not None and size <= have:
                self._at = begin + size
                message = self._data[begin : self._at]
                answered, kind, at = ber.decode_head(message)
                if answered == 0:  # as in answers()
                    raise ConnectionResetError("the server announced that it disconnects")
                return answered, kind, message, at
            if (part := self._channel.receive_ready(_CHUNK)) is None:
                return None
            self._data, self._at = self._data[begin:] + part, 0

    def unbind(self) -> None:
        """Tell the server that the connection ends. There is no answer."""
        self._channel.sendall(ber.encode_message(self.next_number(), ber.UNBIND))

    def answers(self, number: int) -> Iterator[tuple[bytes, int, int]]:
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
            part = self._channel.recv(_CHUNK)
            if not part:
                raise ConnectionResetError("the server closed the connection")
            parts.append(part)
            least -= len(part)
        self._data, self._at = b"".join(parts), 0
