"""A commit with a history record, while it is being carried out."""

from __future__ import annotations

from time import monotonic

from confobjects.diagnostics import Diagnostic
from confobjects.records import Record
from confobjects.storage.ldap.plans import PlannedChange


class Lease:
    """The name of a writer in its record and the time it was set; empty if the writer needs no name."""

    __slots__ = ("since", "writer")

    def __init__(self, writer: str) -> None:
        self.renew(writer)

    def renew(self, writer: str) -> None:
        """Replace the name and restart its time."""
        self.writer = writer
        self.since = monotonic()


class Intent(Record):
    """A commit with a history record: its number, its planned changes, and its writer's name in the record."""

    number: int
    plan: tuple[PlannedChange, ...]
    lease: Lease

    @property
    def is_single(self) -> bool:
        """Whether its revision alone shows whether it happened."""
        return not self.lease.writer

    @property
    def note(self) -> list[Diagnostic]:
        """Return the diagnostics for a commit that its writer leaves because the outcome is unknown."""
        if self.is_single:
            return []
        summary = f"change {self.number} is not finished: the next command that changes something finishes it"
        return [Diagnostic("cannot-connect", f"{summary}, or takes it back")]
