"""Group commit: those who write at the same time share one transaction, and wait for one disk together.

Whoever comes while nobody writes writes at once, in its own thread. Whoever comes meanwhile waits; the first of them
then writes for all of them. Laws: a caller goes on only after what it wrote is durable, or with the error that says
that it is not. Work that refuses itself, before it has written anything, does not disturb the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from confobjects.errors import ConfobjectsError, LedgerError

T = TypeVar("T")
Work = Callable[[Connection], Any]
"""Reads and writes in a transaction. It may be repeated in another one, so it has no other effect. To refuse, it raises
a ConfobjectsError before it writes."""

MOST: Final = 500
"""Works that share one transaction."""


class _Ticket:
    """A work, and what became of it."""

    __slots__ = ("called", "ended", "error", "result", "work")

    def __init__(self, work: Work) -> None:
        self.work = work
        self.called = threading.Event()
        self.ended = False
        self.result: Any = None
        self.error: BaseException | None = None


class GroupWriter:
    """Carries out works in shared transactions. Thread-safe.

    ``transact`` carries out a function within a transaction, and raises if it did not become durable.
    """

    def __init__(self, transact: Callable[[Callable[[Connection], None]], None]) -> None:
        self._transact = transact
        self._lock = threading.Lock()
        self._waiting: list[_Ticket] = []
        self._is_busy = False

    def perform(self, work: Callable[[Connection], T]) -> T:
        """Carry out a work; return its result once it is durable."""
        ticket = _Ticket(work)
        with self._lock:
            self._waiting.append(ticket)
            leads, self._is_busy = not self._is_busy, True
        if not leads:
            ticket.called.wait()
        if not ticket.ended:
            self._write_for_all()
        if ticket.error is not None:
            raise ticket.error
        result: T = ticket.result
        return result

    def _write_for_all(self) -> None:
        with self._lock:
            group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        try:
            self._transact(lambda connection: _carry_out(group, connection))
        except Exception as error:  # noqa: BLE001 - each of them raises it in its own thread
            for ticket in group:
                ticket.error = error
        except BaseException:
            for ticket in group:
                ticket.error = LedgerError("writing to the ledger was interrupted")
            raise
        finally:
            self._hand_over(group)

    def _hand_over(self, group: Sequence[_Ticket]) -> None:
        """Tell a group that it is written, and let the first of those who wait write for the next one."""
        with self._lock:
            following = self._waiting[0] if self._waiting else None
            self._is_busy = following is not None
        for ticket in group:
            ticket.ended = True
            ticket.called.set()
        if following is not None:
            following.called.set()


def _carry_out(group: Sequence[_Ticket], connection: Connection) -> None:
    for ticket in group:
        ticket.result = ticket.error = None
        try:
            ticket.result = ticket.work(connection)
        except ConfobjectsError as refusal:
            ticket.error = refusal


__all__ = ["MOST", "GroupWriter", "Work"]
