"""Which connections are accepted, and how many: decided before a byte is read, and before TLS.

Law: a connection counts from when it is accepted until its socket is closed, whatever became of it meanwhile.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from confobjects.records import Record

MOST: Final = 512
"""Connections at the same time."""

MOST_OF_ONE: Final = 128
"""Connections of one address at the same time."""


class Limits(Record):
    """Connections at the same time: of all, and of one address. Proxies and this machine share out what all have."""

    all: int = MOST
    of_one: int = MOST_OF_ONE


class Door:
    """Who is connected. ``may_connect`` tells of an address whether it may connect, ``has_many`` whether it stands for many clients."""

    def __init__(
        self, limits: Limits, may_connect: Callable[[str], bool], has_many: Callable[[str], bool] = lambda _: False
    ) -> None:
        self._limits = limits
        self._may_connect = may_connect
        self._has_many = has_many
        self._inside: Counter[str] = Counter()
        self.refused = 0
        """How many connections were not let in."""

    @property
    def number(self) -> int:
        """How many connections there are."""
        return self._inside.total()

    def enter(self, peer: str) -> bool:
        """Let a peer in, and tell whether that was possible."""
        most = self._limits.all if self._has_many(peer) else self._limits.of_one
        is_let = self.number < self._limits.all and self._inside[peer] < most and self._may_connect(peer)
        if is_let:
            self._inside[peer] += 1
        else:
            self.refused += 1
            self._forget(peer)
        return is_let

    def leave(self, peer: str) -> None:
        """Let a peer out."""
        self._inside[peer] -= 1
        self._forget(peer)

    def _forget(self, peer: str) -> None:
        if not self._inside[peer]:
            del self._inside[peer]


class CountedSocket(socket.socket):
    """A socket of a connection that tells the door when it is closed."""

    leave: Callable[[], object] | None = None

    def close(self) -> None:
        """Close it; closing twice is no error."""
        super().close()
        leave, self.leave = self.leave, None
        if leave is not None:
            leave()


class GuardedSocket(socket.socket):
    """A socket that listens, and gives out only the connections that a door lets in."""

    door: Door

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection. Raises ConnectionAbortedError for one that is not let in."""
        made, address = super().accept()
        peer = str(address[0])
        if not self.door.enter(peer):
            made.close()
            raise ConnectionAbortedError
        counted = CountedSocket(made.family, made.type, made.proto, made.detach())
        counted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does that only if it knows the protocol
        counted.leave = lambda: self.door.leave(peer)
        return counted, address


def guard_socket(bound: socket.socket, door: Door) -> GuardedSocket:
    """Return a socket that listens as another one did, behind a door."""
    guarded = GuardedSocket(bound.family, bound.type, bound.proto, bound.detach())
    guarded.door = door
    return guarded
