"""What alert handlers ask of a ledger: what is stuck, who is stopped, and who tells an alert.

Law: of all who share a ledger one tells an alert, and none tells it again before its time, however often they are started.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection, func, select

from confobjects.service.databases import lock_until_end
from confobjects.service.ledger import Ledger
from confobjects.service.rules.alerts import is_recent
from confobjects.service.rules.findings import Queue
from confobjects.service.rules.pacing import Login
from confobjects.service.rules.settings import DAY
from confobjects.service.rules.states import State
from confobjects.service.tables import FACTS, HAS_ENDED, LOGINS, PARTS

_PREFIX: Final = "alert:"
_KEPT: Final = 31 * DAY
"""Longer than any handler waits before it tells an alert again."""
_MOST: Final = 10_000
_LOCK: Final = 0x6C656468
"""The advisory lock of PostgreSQL of whoever claims alerts."""
_P = PARTS.c


def read_queue(ledger: Ledger, category: str) -> Queue:
    """Return what waits, and when a mail was delivered last. Mail of one category is left out."""
    other = _P.category != category
    with ledger.database.read() as connection:
        number, oldest = connection.execute(
            select(func.count(), func.min(_P.since)).where((_P.ended == 0) & other)
        ).one()
        delivered = connection.execute(
            select(_P.ended)
            .where(HAS_ENDED & (_P.state == State.DELIVERED.value) & other)
            .order_by(_P.ended.desc())
            .limit(1)
        ).scalar()
    return Queue(number, oldest or 0, delivered or 0)


def read_logins(ledger: Ledger) -> Mapping[str, Login]:
    """Return how the logins of senders went."""
    with ledger.database.read() as connection:
        return {row.sender: Login(row.fingerprint, row.refused) for row in connection.execute(select(LOGINS))}


def claim_alerts(ledger: Ledger, names: Iterable[str], repeat_after: int) -> Mapping[str, int | None]:
    """Claim alerts; return for each when somebody else has told it, None if it is ours now.

    ``names`` name the handler, too. What is ours has to be told, or to be given back.
    """
    wanted = {name: _row_of(name) for name in names}

    def work(connection: Connection) -> Mapping[str, int | None]:
        lock_until_end(connection, _LOCK)
        now, known = ledger.database.now(connection), _read_claims(connection)
        found: dict[str, int | None] = {}
        for name, row in wanted.items():
            told = known.get(row)
            found[name] = told if is_recent(told, now, repeat_after) else None
            if found[name] is None:
                known[row] = now
                _write_claim(connection, row, now)
        _forget_claims(connection, known, now)
        return found

    return ledger.perform(work)


def give_back_alerts(ledger: Ledger, names: Iterable[str]) -> None:
    """Give back alerts that were claimed and could not be told."""
    rows = [_row_of(name) for name in names]

    def work(connection: Connection) -> None:
        lock_until_end(connection, _LOCK)
        connection.execute(FACTS.delete().where(FACTS.c.name.in_(rows)))

    ledger.perform(work)


def _row_of(name: str) -> str:
    return _PREFIX + sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _read_claims(connection: Connection) -> dict[str, int]:
    rows = connection.execute(select(FACTS).where(FACTS.c.name.startswith(_PREFIX, autoescape=True)))
    return {row.name: int(row.value) for row in rows if bytes(row.value).isdigit()}


def _write_claim(connection: Connection, row: str, now: int) -> None:
    connection.execute(FACTS.delete().where(FACTS.c.name == row))
    connection.execute(FACTS.insert().values(name=row, value=str(now).encode()))


def _forget_claims(connection: Connection, known: Mapping[str, int], now: int) -> None:
    newest_first = sorted(known, key=known.__getitem__, reverse=True)
    old = [row for place, row in enumerate(newest_first) if place >= _MOST or now - known[row] > _KEPT]
    for row in old:
        connection.execute(FACTS.delete().where(FACTS.c.name == row))


__all__ = ["claim_alerts", "give_back_alerts", "read_logins", "read_queue"]
