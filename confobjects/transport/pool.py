"""Kept connections: they are opened when needed, and used again while they are recent, alive and equally trusted.

Laws: there are never more connections than the limit. One thread at a time uses a connection. An idle connection is
checked before it is used; if the server does not answer within a few seconds, all idle ones are replaced. A connection is closed if the trust has changed since it was made: this is checked whenever
it is lent, at most once a second. Connections belong to the process that opened them: after a fork, the pool of the
child is empty. There is no background thread: connections that were idle too long are closed when
the pool is next used or closed.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Final, overload

from confobjects.mail.diagnosis import DeliveryError, Trouble
from confobjects.mail.dialogue import GOODBYE
from confobjects.mail.plan import DeliveryPlan
from confobjects.transport.deadline import Clock
from confobjects.transport.network import Network
from confobjects.transport.smtp import Connection, open_connection

_SURE = 1.0
"""Seconds after its use in which a connection is assumed to be alive; the same for a trust after its check."""


_ENDS: Final = frozenset(
    {"closed", "closing", "connection-lost", "not-smtp", "unsolicited", "unexpected", "reply-too-long"}
)
"""Kinds of trouble after which a connection is over without an answer: it was closed, or spoke no SMTP any more."""

_Found = tuple[Connection | None, float]
"""A connection and the time of its last use; None instead of the connection allows the caller to open one."""


class Pool:
    """The connections of one plan. Thread-safe."""

    def __init__(
        self,
        plan: DeliveryPlan,
        network: Network | None = None,
        *,
        clock: Clock = time.monotonic,
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self.plan = plan
        self._network = network
        self._clock = clock
        self._opened = opened
        self._idle: list[tuple[Connection, float]] = []
        self._lent: set[Connection] = set()
        self._count = 0
        self._waiting = 0
        self._closed = False
        self._free = threading.Condition()
        _POOLS.add(self)

    def leave_to_parent(self) -> None:
        """Begin without connections in a child process. The lock may be one that a thread of the parent holds."""
        self._free = threading.Condition()
        self._idle, self._lent = [], set()
        self._count = self._waiting = 0

    @contextlib.contextmanager
    def lend_connection(self) -> Iterator[Connection]:
        """Lend a connection. It is kept afterwards unless it failed. Raises MailError."""
        connection = self.take()
        try:
            yield connection
        finally:
            self.give_back(connection)

    def close(self) -> None:
        """Quit every idle connection. Those in use are closed when they are returned."""
        with self._free:
            self._closed = True
            idle, self._idle = self._idle, []
            self._count -= len(idle)
            self._free.notify_all()
        _quit_each([connection for connection, _ in idle])

    # -- taking ------------------------------------------------------------------------------------------------------

    @overload
    def take(self) -> Connection: ...
    @overload
    def take(self, *, wait: bool) -> Connection | None: ...
    def take(self, *, wait: bool = True) -> Connection | None:
        """Lend a connection, to be given back. Without ``wait``, None if all are in use. Raises MailError."""
        while True:
            found, stale = self._reserve(wait=wait)
            connection = None
            try:
                _quit_each(stale)
                if found is not None:
                    connection = self._make_ready(*found)
            finally:
                if found is not None and connection is None:  # whatever happened, it must not count as in use
                    self._forget()
            if connection is not None:
                with self._free:
                    self._lent.add(connection)
            if connection is not None or found is None:
                return connection

    def _reserve(self, *, wait: bool) -> tuple[_Found | None, list[Connection]]:
        """Return an idle connection or permission to open one, else None; and connections that were idle too long."""
        end = None
        with self._free:
            while True:
                stale = self._drop_stale()
                if self._idle:
                    return self._idle.pop(), stale  # the one used last is most likely alive
                if self._count < self.plan.pool.connections:
                    self._count += 1
                    return (None, 0.0), stale
                if not wait:
                    return None, stale
                end = self._clock() + self.plan.timeouts.total if end is None else end
                self._waiting += 1
                try:
                    told = self._free.wait(max(0.0, end - self._clock()))
                finally:
                    self._waiting -= 1
                if not told and self._clock() >= end:
                    failed = Connection(self.plan, self._network)
                    raise failed.error_for(Trouble("connect", "pool-exhausted", limit=f"{self.plan.timeouts.total:g}"))

    def _drop_stale(self) -> list[Connection]:
        oldest = self._clock() - self.plan.pool.idle
        if not self._idle or self._idle[0][1] >= oldest:  # they came back in this order
            return []
        stale = [connection for connection, since in self._idle if since < oldest]
        self._idle = [one for one in self._idle if one[1] >= oldest]
        self._count -= len(stale)
        return stale

    def _make_ready(self, kept: Connection | None, since: float) -> Connection | None:
        """Return a kept connection if it is still good, else None; without one, return a new one. Raises MailError."""
        if kept is None:
            return self._open()
        good = False
        try:
            good = self._renew_if_good(kept, since)
        finally:
            if not good:
                kept.close()
        if kept.silent:
            self._close_idle()
        return kept if good else None

    def _close_idle(self) -> None:
        """Close the idle connections: where one has died silently, waiting for each of the others takes as long."""
        with self._free:
            idle, self._idle = self._idle, []
            self._count -= len(idle)
            self._free.notify_all()
        for connection, _ in idle:
            connection.close()

    def _open(self) -> Connection:
        before = self._clock()
        connection = open_connection(self.plan, self._network)
        connection.trust_checked = before  # opening begins with the trust
        self._opened()
        return connection

    def _renew_if_good(self, connection: Connection, since: float) -> bool:
        now = self._clock()
        if now - connection.trust_checked > _SURE:
            if not self._check_trust_unchanged(connection):
                return False
            connection.trust_checked = now
        if now - since <= _SURE:
            connection.renew()
            return True
        alive = connection.is_alive()
        connection.renew()
        return alive

    def _check_trust_unchanged(self, connection: Connection) -> bool:
        """Tell whether the trust is unchanged; if not, quit the connection. Raises MailError."""
        unchanged = False
        try:
            unchanged = connection.is_trust_unchanged()
        finally:
            if not unchanged:
                connection.quit()
        return unchanged

    # -- giving back -------------------------------------------------------------------------------------------------

    def give_back(self, connection: Connection) -> None:
        """Take a connection back. It is closed if it failed or has carried its number of messages, else kept."""
        keep = connection.usable and connection.messages < self.plan.pool.messages
        with self._free:
            if connection.plan.options != self.plan.options:  # without an extension that the server handles wrongly
                self.plan = self.plan.replace(options=connection.plan.options)
            ours = connection in self._lent
            self._lent.discard(connection)
            if ours and keep and not self._closed:
                self._idle.append((connection, self._clock()))
                if self._waiting:
                    self._free.notify()
                return
        if not ours:  # it was lent in the parent process
            connection.close()
            return
        try:
            connection.quit()
        finally:
            self._forget()

    def _forget(self) -> None:
        with self._free:
            self._count -= 1
            self._free.notify()


_POOLS: Final[weakref.WeakSet[Pool]] = weakref.WeakSet()


def _leave_pools_to_parent() -> None:
    for pool in tuple(_POOLS):
        pool.leave_to_parent()


if hasattr(os, "register_at_fork"):  # where processes can fork
    os.register_at_fork(after_in_child=_leave_pools_to_parent)


def _quit_each(connections: Sequence[Connection]) -> None:
    """Quit connections within the time that one of them may take; each is closed, even if this is interrupted."""
    end = time.monotonic() + GOODBYE
    with contextlib.ExitStack() as stack:
        for connection in connections:
            stack.callback(connection.close)
        for connection in connections:
            connection.quit(max(0.0, end - time.monotonic()))


def is_stale(error: DeliveryError, connection: Connection) -> bool:
    """Tell whether a kept connection had ended before the message was sent, so that a new connection may succeed."""
    return connection.reused and error.trouble is not None and is_end_of_connection(error.trouble)


def is_end_of_connection(trouble: Trouble) -> bool:
    """Tell whether the connection ended before a message was sent: then another connection may succeed."""
    if trouble.kind == "reply":
        return trouble.reply is not None and trouble.reply.code == 421
    return trouble.kind in _ENDS
