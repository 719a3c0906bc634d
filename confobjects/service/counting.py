"""What the ledger has counted since it was made: mails that were accepted or not, parts that ended, attempts.

Law: what is counted in a transaction is written at its end, in one order, so that two transactions never wait for each
other's counts. Each program that has the ledger open counts in a shard of its own, so that it seldom waits at all.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, func, select, text

from confobjects.service.prepared import Prepared
from confobjects.service.tables import COUNTS

_SHARDS: Final = 16

_ADD: Final = Prepared(
    text(
        "INSERT INTO ledger_counts (name, label, shard, value) VALUES (:name, :label, :shard, :value) "
        "ON CONFLICT (name, label, shard) DO UPDATE SET value = ledger_counts.value + excluded.value"
    )
)


class Counted(StrEnum):
    """What is counted: a mail that was accepted, one that was refused (by its reason), a part that ended (by its state), and
    an attempt (by the code of what it found out).
    """

    ACCEPTED = "accepted"
    REFUSED = "refused"
    ENDED = "ended"
    ATTEMPT = "attempt"


Totals = Mapping[Counted, Mapping[str, int]]
"""The totals by what is counted and by its label."""


class Counts:
    """The counts of a ledger. One transaction at a time uses them."""

    def __init__(self) -> None:
        self._new: Counter[tuple[str, str]] = Counter()
        self._shard = secrets.randbelow(_SHARDS)

    def begin(self) -> None:
        """Forget what a transaction has counted that was not written: it is carried out again, or was given up."""
        self._new.clear()

    def add(self, counted: Counted, label: str = "") -> None:
        """Count one more."""
        self._new[counted.value, label] += 1

    def write(self, connection: Connection) -> None:
        """Write what was counted in this transaction."""
        for (name, label), value in sorted(self._new.items()):
            _ADD.execute(connection, {"name": name, "label": label[:60], "shard": self._shard, "value": value})


def read_totals(connection: Connection) -> Totals:
    """Return every total. What this release does not know is left out."""
    columns = COUNTS.c
    rows = connection.execute(
        select(columns.name, columns.label, func.sum(columns.value)).group_by(columns.name, columns.label)
    )
    known = {one.value: one for one in Counted}
    totals: dict[Counted, dict[str, int]] = {one: {} for one in Counted}
    for name, label, value in rows:
        if name in known:
            totals[known[name]][label] = int(value)
    return totals


__all__ = ["Counted", "Counts", "Totals", "read_totals"]
