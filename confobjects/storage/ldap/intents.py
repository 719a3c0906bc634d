"""A commit that a history knows of, while it is being carried out."""

from __future__ import annotations

from time import monotonic

from confobjects.diagnostics import Diagnostic
from confobjects.records import Record
from confobjects.storage.ldap.plans import PlannedChange


class Lease:
    """The name that a writer has in its record, and since when; empty where it needs none."""

    __slots__ = ("since", "writer")

    def __init__(self, writer: str) -> None:
        self.renew(writer)

    def renew(self, writer: str) -> None:
        """Begin anew under another name."""
        self.writer = writer
        self.since = monotonic()


class Intent(Record):
    """A commit that the history knows of: its number, what it is to do, and the name its writer has in the record."""

    number: int
    plan: tuple[PlannedChange, ...]
    lease: Lease

    @property
    def is_single(self) -> bool:
        """Whether its revision alone tells whether it happened."""
        return not self.lease.writer

    @property
    def note(self) -> list[Diagnostic]:
        """What to say when its writer leaves it as it is, not knowing what came of it."""
        if self.is_single:
            return []
        summary = f"change {self.number} is not finished: the next command that changes something finishes it"
        return [Diagnostic("cannot-connect", f"{summary}, or takes it back")]
