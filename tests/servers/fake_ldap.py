"""A scripted LDAP peer for what no real server can be made to do: hang in one stage, drip, close, talk nonsense.

It knows just enough BER (X.690) to tell requests apart and to answer them; it never waits by the clock.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.servers.tls import negotiate

BIND, SEARCH, MODIFY, ADD, DELETE, RENAME, EXTENDED, UNBIND = 0x60, 0x63, 0x66, 0x68, 0x4A, 0x6C, 0x77, 0x42
_RESPONSES = {BIND: 0x61, SEARCH: 0x65, MODIFY: 0x67, ADD: 0x69, DELETE: 0x6B, RENAME: 0x6D, EXTENDED: 0x78}

Reply = Callable[["Peer"], None]


def tlv(tag: int, content: bytes) -> bytes:
    """Encode one element with a definite length."""
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _number(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def result(peer: Peer, code: int = 0, text: str = "", dn: str = "", referrals: tuple[str, ...] = ()) -> bytes:
    """Encode the answer to a peer's request, with a result code."""
    body = tlv(0x0A, bytes([code])) + tlv(0x04, dn.encode()) + tlv(0x04, text.encode())
    if referrals:
        body += tlv(0xA3, b"".join(tlv(0x04, url.encode()) for url in referrals))
    return tlv(0x30, _number(peer.message) + tlv(_RESPONSES[peer.request], body))


def entry(message: int, dn: str, attributes: dict[str, list[str]]) -> bytes:
    """Encode one entry found."""
    pairs = b"".join(
        tlv(0x30, tlv(0x04, name.encode()) + tlv(0x31, b"".join(tlv(0x04, v.encode()) for v in values)))
        for name, values in attributes.items()
    )
    return tlv(0x30, _number(message) + tlv(0x64, tlv(0x04, dn.encode()) + tlv(0x30, pairs)))


class Peer:
    """One connection of the fake server: the socket, and the request being answered."""

    def __init__(self, sock: socket.socket, done: threading.Event) -> None:
        self.socket = sock
        self.done = done
        self.message = 0
        self.request = 0

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def hang(self) -> None:
        """Say nothing more until the test is over."""
        self.done.wait()

    def drip(self, data: bytes) -> None:
        """Send one byte after the other, each well within any time limit for one byte, and never the last."""
        for byte in data[:-1]:
            self.send(bytes([byte]))
            if self.done.wait(0.05):
                return
        self.hang()

    def start_tls(self, context: ssl.SSLContext, clear: bytes = b"") -> None:
        """Go on inside TLS, behind some bytes in clear. Raises OSError when the client does not."""
        self.socket = negotiate(context, self.socket, clear)

    def close(self) -> None:
        self.socket.close()

    def receive(self) -> bool:
        """Read one request; false when the other side is gone, or speaks something else (TLS)."""
        head = self._exactly(2)
        if head is None or head[0] != 0x30:
            return False
        size = head[1]
        if size & 0x80:
            more = self._exactly(size & 0x7F)
            size = int.from_bytes(more or b"", "big")
        body = self._exactly(size)
        if body is None:
            return False
        length = body[1]
        self.message = int.from_bytes(body[2 : 2 + length], "big")
        self.request = body[2 + length]
        return True

    def _exactly(self, size: int) -> bytes | None:
        data = b""
        while len(data) < size:
            try:
                part = self.socket.recv(size - len(data))
            except OSError:
                return None
            if not part:
                return None
            data += part
        return data


def answer(code: int = 0, text: str = "", dn: str = "", referrals: tuple[str, ...] = ()) -> Reply:
    """Answer with a result."""
    return lambda peer: peer.send(result(peer, code, text, dn, referrals))


def hang(peer: Peer) -> None:
    """Never answer."""
    peer.hang()


def drip(peer: Peer) -> None:
    """Answer rightly, one byte after the other, and never end."""
    peer.drip(result(peer, 0, "x" * 2000))


def close(peer: Peer) -> None:
    """Close the connection instead of answering."""
    peer.close()


def take_leave(peer: Peer) -> None:
    """Send the notice of disconnection (RFC 4511 section 4.4.1) and close the connection."""
    body = tlv(0x0A, bytes([52])) + tlv(0x04, b"") + tlv(0x04, b"shutting down")
    peer.send(tlv(0x30, _number(0) + tlv(0x78, body + tlv(0x8A, b"1.3.6.1.4.1.1466.20036"))))
    peer.close()


def babble(peer: Peer) -> None:
    """Answer with something that is no LDAP."""
    peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4)
    peer.close()


class FakeLdap:
    """A server on loopback that answers each kind of request by a script; what is not in it succeeds.

    ``greeting`` takes the place of the first step, before any request. ``requests`` are the kinds seen.
    """

    def __init__(self, script: dict[int, Reply] | None = None, greeting: Reply | None = None) -> None:
        self.script = script or {}
        self.greeting = greeting
        self.requests: list[int] = []
        self._done = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: list[Peer] = []

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._accepting.join()
        for peer in self._open:
            with contextlib.suppress(OSError):
                peer.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            peer = Peer(sock, self._done)
            thread = threading.Thread(target=self._serve, args=(peer,), daemon=True)
            self._threads.append(thread)
            self._open.append(peer)
            thread.start()

    def _serve(self, peer: Peer) -> None:
        with contextlib.closing(peer):
            try:
                if self.greeting is not None:
                    self.greeting(peer)
                while peer.receive() and peer.request != UNBIND:
                    self.requests.append(peer.request)
                    self.script.get(peer.request, answer())(peer)
            except OSError:
                return
