"""Connections that are kept: opened when needed, used again while they are fresh, alive and under the same trust.

Laws: never more connections than the limit; a connection is used by one thread at a time; one that idled is asked for
a sign of life before it is used; one made under a trust that has changed since is closed, however busy it is: its trust
is looked at again whenever it is lent and the last look was a second ago. There is no thread in the background: what
has idled too long is closed when the pool is used next, or closed.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import overload

from confobjects.mail.diagnosis import DeliveryError, Trouble
from confobjects.mail.plan import DeliveryPlan
from confobjects.transport.deadline import Clock
from confobjects.transport.network import Network
from confobjects.transport.smtp import Connection, open_connection

_SURE = 1.0
"""Seconds for which a connection that was just used is believed to live, and a trust just checked to be unchanged."""


_Found = tuple[Connection | None, float]
"""A connection and when it was last used, or None: one may be opened."""


class Pool:
    """Connections of one plan; safe for use by threads."""

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
        self._count = 0
        self._waiting = 0
        self._closed = False
        self._free = threading.Condition()

    @contextlib.contextmanager
    def lend_connection(self) -> Iterator[Connection]:
        """Lend a connection. After an error it is closed, else kept. Raises MailError."""
        connection = self.take()
        try:
            yield connection
        finally:
            self.give_back(connection)

    def close(self) -> None:
        """Say goodbye on every idle connection; those in use are closed when they come back."""
        with self._free:
            self._closed = True
            idle, self._idle = self._idle, []
            self._count -= len(idle)
            self._free.notify_all()
        for connection, _ in idle:
            connection.quit()

    # -- taking ------------------------------------------------------------------------------------------------------

    @overload
    def take(self) -> Connection: ...
    @overload
    def take(self, *, wait: bool) -> Connection | None: ...
    def take(self, *, wait: bool = True) -> Connection | None:
        """Lend a connection, to be given back. Without ``wait`` None when all are in use. Raises MailError."""
        while True:
            found, stale = self._reserve(wait=wait)
            for one in stale:
                one.quit()
            if found is None:
                return None
            kept, since = found
            if kept is None:
                return self._open()
            good = False
            try:
                good = self._renew_if_good(kept, since)
            finally:
                if not good:  # also when its trust cannot be found out: it must not count as one in use
                    kept.close()
                    self._forget()
            if good:
                return kept

    def _reserve(self, *, wait: bool) -> tuple[_Found | None, list[Connection]]:
        """Return an idle connection or leave to open one, None when there is neither; and what has idled too long."""
        end = None
        with self._free:
            while True:
                stale = self._drop_stale()
                if self._idle:
                    return self._idle.pop(), stale  # the one used last is the most likely to live
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

    def _open(self) -> Connection:
        before = self._clock()
        try:
            connection = open_connection(self.plan, self._network)
        except BaseException:
            self._forget()
            raise
        connection.trust_checked = before  # the trust is the first that is looked at
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
        """Tell whether the trust is what it was; else say goodbye. Raises MailError."""
        unchanged = False
        try:
            unchanged = connection.is_trust_unchanged()
        finally:
            if not unchanged:
                connection.quit()
        return unchanged

    # -- giving back -------------------------------------------------------------------------------------------------

    def give_back(self, connection: Connection) -> None:
        """Take a connection back: keep it, or close it where it failed or has carried its share."""
        keep = connection.usable and connection.messages < self.plan.pool.messages
        with self._free:
            if keep and not self._closed:
                self._idle.append((connection, self._clock()))
                if self._waiting:
                    self._free.notify()
                return
        connection.quit()
        self._forget()

    def _forget(self) -> None:
        with self._free:
            self._count -= 1
            self._free.notify()


def is_stale(error: DeliveryError, connection: Connection) -> bool:
    """Tell whether a kept connection failed in a way that a new one cures, with nothing handed over."""
    reused = connection.messages > 1
    return reused and not error.unknown and error.diagnosis.code in ("closing", "closed", "connection-lost")
