"""Proxies for the tests: HTTP CONNECT and SOCKS5, in this process, that forward to a port of loopback."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class Proxy:
    """A proxy on a port of loopback; a context manager that starts and stops it.

    Whatever is asked for is connected to ``target``; ``asked`` holds what that was. With ``login`` (``user:password`` in
    base64) an HTTP proxy wants it.
    """

    def __init__(self, kind: str, target: int, login: str = "", address_type: int = 1) -> None:
        self.kind = kind
        self.target = target
        self.login = login
        self.address_type = address_type
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._sockets: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(10)

    def _spawn(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                self._spawn(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, IndexError):
            if not (self._http if self.kind == "http" else self._socks)(client):
                client.close()
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            self._sockets.append(server)
            self._spawn(_pump, server, client)
            _pump(client, server)

    def _http(self, client: socket.socket) -> bool:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        lines = head.decode().split("\r\n")
        self.asked.append(lines[0])
        if self.login and f"Proxy-Authorization: Basic {self.login}" not in lines:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return False
        client.sendall(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
        return True

    def _socks(self, client: socket.socket) -> bool:
        client.recv(3)
        client.sendall(b"\x05\x00")
        request = client.recv(300)
        length = request[4]
        self.asked.append(f"{request[5 : 5 + length].decode()}:{int.from_bytes(request[-2:], 'big')}")
        addresses = {1: b"\x7f\0\0\1", 3: b"\x09localhost", 4: b"\0" * 15 + b"\1"}
        client.sendall(b"\x05\0\0" + bytes([self.address_type]) + addresses[self.address_type] + b"\0\x19")
        return True


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


class Relay:
    """A port of loopback whose connections lead to another one, until they are cut or nothing passes any more.

    A context manager. ``accepted`` counts the connections.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.accepted = 0
        self._flowing = threading.Event()
        self._flowing.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self.cut()
        self.thaw()
        for thread in self._threads:
            thread.join(10)
        for one in self._sockets:
            one.close()

    def freeze(self) -> None:
        """Forward nothing; connections are still accepted."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Forward again, also what came in the meantime."""
        self._flowing.set()

    def cut(self) -> None:
        """End the connections that there are."""
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Accept no more connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _spawn(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.accepted += 1
                server = socket.create_connection(("127.0.0.1", self.target))
                self._sockets += [client, server]
                self._spawn(self._pump, server, client)
                self._spawn(self._pump, client, server)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
