"""Kept connections: they are opened when needed, and used again while they are recent, alive and equally trusted.

Laws: there are never more connections than the limit. One thread at a time uses a connection. An idle connection is
checked before it is used; if the server does not answer within a few seconds, all idle ones are replaced. A connection is closed if the trust has changed since it was made: this is checked whenever
it is lent, at most once a second, and always after the plan was renewed. A connection is lent only while the plan that
it was made by is the plan of the pool; all count, whatever plan they were made by. Connections belong to the process
that opened them: after a fork, the pool of the child is empty. There is no background thread: connections that were
idle too long are closed when the pool is next used or closed.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Final, overload

from confobjects.mail.diagnosis import DeliveryError, Trouble
from confobjects.mail.dialogue import GOODBYE
from confobjects.mail.plan import DeliveryPlan
from confobjects.records import Record
from confobjects.transport.deadline import Clock
from confobjects.transport.network import Network
from confobjects.transport.smtp import Connection, open_connection

_SURE = 1.0
"""Seconds after its use in which a connection is assumed to be alive; the same for a trust after its check."""


_ENDS: Final = frozenset(
    {"closed", "closing", "connection-lost", "not-smtp", "unsolicited", "unexpected", "reply-too-long"}
)
"""Kinds of trouble after which a connection is over without an answer: it was closed, or spoke no SMTP any more."""


class Outdated(Exception):  # noqa: N818 - no error: the message is sent by a newer plan
    """The plan by which a message was to be sent counts no longer, and the message was not sent."""


class _Place(Record):
    """A place among the connections: one that is kept, with the time of its last use, or leave to open one.

    ``planned`` is the plan of the pool, ``plan`` the same with what has been learned about the server since.
    """

    connection: Connection | None
    since: float
    planned: DeliveryPlan
    plan: DeliveryPlan


class Pool:
    """The connections to one mail server. Thread-safe. ``plan`` says how they are made; None in its place: not at all."""

    def __init__(
        self,
        plan: DeliveryPlan,
        network: Network | None = None,
        *,
        clock: Clock = time.monotonic,
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self.plan = plan
        self._planned: DeliveryPlan | None = plan
        self._network = network
        self._clock = clock
        self._opened = opened
        self._idle: list[tuple[Connection, float]] = []
        self._lent: dict[Connection, DeliveryPlan] = {}
        self._outdated: list[Connection] = []
        self._renewed = -math.inf
        self._count = 0
        self._waiting = 0
        self._closed = False
        self._free = threading.Condition()
        _POOLS.add(self)

    def leave_to_parent(self) -> None:
        """Begin without connections in a child process. The lock may be one that a thread of the parent holds."""
        self._free = threading.Condition()
        self._idle, self._lent, self._outdated = [], {}, []
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
            idle = [*self._outdated, *(connection for connection, _ in self._idle)]
            self._outdated, self._idle = [], []
            self._count -= len(idle)
            self._free.notify_all()
        _quit_each(idle)

    # -- another plan ------------------------------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        """Whether there is no connection, in use or not."""
        return self._count == 0

    def renew(self, plan: DeliveryPlan | None) -> bool:
        """Take the plan of now; None if the mail server is not to be used. Return whether connections are outdated.

        Idle connections made by another plan wait for :meth:`quit_outdated`, the others are closed when they come back.
        If the plan is the same, the trust is checked again before each connection is lent: its content may have changed.
        """
        with self._free:
            self._renewed = self._clock()
            if plan == self._planned:
                return False
            self._planned = plan
            if plan is not None:
                self.plan = plan
            self._outdated += [connection for connection, _ in self._idle]
            self._idle = []
            self._free.notify_all()
            return bool(self._outdated)

    def quit_outdated(self) -> None:
        """Quit idle connections that were made by another plan or were idle too long. Their places are free afterwards."""
        with self._free:
            self._retire_stale()
            outdated, self._outdated = self._outdated, []
        if outdated:
            try:
                _quit_each(outdated)
            finally:
                with self._free:
                    self._count -= len(outdated)
                    self._free.notify_all()

    def _retire_stale(self) -> None:
        oldest = self._clock() - self.plan.pool.idle
        if self._idle and self._idle[0][1] < oldest:  # they came back in this order
            self._outdated += [connection for connection, since in self._idle if since < oldest]
            self._idle = [one for one in self._idle if one[1] >= oldest]

    # -- taking ------------------------------------------------------------------------------------------------------

    @overload
    def take(self, *, still: Callable[[], bool] = ...) -> Connection: ...
    @overload
    def take(self, *, wait: bool, still: Callable[[], bool] = ...) -> Connection | None: ...
    def take(self, *, wait: bool = True, still: Callable[[], bool] = lambda: True) -> Connection | None:
        """Lend a connection, to be given back. Without ``wait``, None if all are in use.

        ``still`` tells whether a connection is still wanted. Raises MailError, and :class:`Outdated` if none is wanted.
        """
        while still():
            self.quit_outdated()
            place = self._reserve(wait=wait)
            if place is not None:
                connection = self._lend_at(place, still)
                if connection is not None:
                    return connection
            elif not wait:
                return None
        raise Outdated

    def _lend_at(self, place: _Place, still: Callable[[], bool]) -> Connection | None:
        """Return the connection of a place; None if it is over, or wanted no longer. Raises MailError."""
        connection, is_wanted = None, False
        try:
            connection = self._make_ready(place)
        finally:
            if connection is None:  # whatever happened, it must not count as in use
                self._forget()
        if connection is None:
            return None
        with self._free:
            self._lent[connection] = place.planned
        try:
            is_wanted = still() and place.planned is self._planned
        finally:
            if not is_wanted:
                self.give_back(connection)
        return connection if is_wanted else None

    def _reserve(self, *, wait: bool) -> _Place | None:
        """Return an idle connection or permission to open one.

        None: no place is free, or, if this waited, there is another plan now. Raises :class:`Outdated` if the mail
        server is not to be used.
        """
        end = None
        with self._free:
            planned = self._planned
            if planned is None:
                raise Outdated
            while planned is self._planned:
                if self._idle:
                    return _Place(*self._idle.pop(), planned, self.plan)  # the one used last is most likely alive
                if self._count < self.plan.pool.connections:
                    self._count += 1
                    return _Place(None, 0.0, planned, self.plan)
                if not wait:
                    return None
                end = self._clock() + self.plan.timeouts.total if end is None else end
                self._waiting += 1
                try:
                    told = self._free.wait(max(0.0, end - self._clock()))
                finally:
                    self._waiting -= 1
                if not told and self._clock() >= end:
                    failed = Connection(self.plan, self._network)
                    raise failed.error_for(Trouble("connect", "pool-exhausted", limit=f"{self.plan.timeouts.total:g}"))
        return None

    def _make_ready(self, place: _Place) -> Connection | None:
        """Return a kept connection if it is still good, else None; without one, return a new one. Raises MailError."""
        kept = place.connection
        if kept is None:
            return self._open(place.plan)
        good = False
        try:
            good = self._renew_if_good(kept, place.since)
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

    def _open(self, plan: DeliveryPlan) -> Connection:
        before = self._clock()
        connection = open_connection(plan, self._network)
        connection.trust_checked = before  # opening begins with the trust
        self._opened()
        return connection

    def _renew_if_good(self, connection: Connection, since: float) -> bool:
        now = self._clock()
        if now - connection.trust_checked > _SURE or connection.trust_checked <= self._renewed:
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

    def give_back(self, connection: Connection, still: Callable[[], object] = lambda: True) -> None:
        """Take a connection back. It is closed if it failed, has carried its number of messages, or is outdated.

        ``still`` is called first, to learn of another plan.
        """
        try:
            still()
        finally:
            self._take_back(connection)

    def _take_back(self, connection: Connection) -> None:
        keep = connection.usable and connection.messages < self.plan.pool.messages
        with self._free:
            planned = self._lent.pop(connection, None)
            ours, is_current = planned is not None, planned is self._planned
            if is_current and connection.plan.options != self.plan.options:
                # Without an extension that the server handles wrongly.
                self.plan = self.plan.replace(options=connection.plan.options)
            if ours and is_current and keep and not self._closed:
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
