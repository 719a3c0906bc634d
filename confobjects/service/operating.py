"""What an operator sees of a ledger and does with it: the queue, the addresses, the state of the whole.

Laws: to look changes no mail, and keeps nobody from writing. Whatever is read or removed is read or removed in groups, so
that the size of a ledger limits no transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Select, delete, func, select, text

from confobjects.records import Record, field
from confobjects.service.counting import Totals, read_totals
from confobjects.service.ledger import Entry, Ledger, count_parts
from confobjects.service.rows import read_number, read_row
from confobjects.service.rules.pacing import Login
from confobjects.service.rules.quotas import Standing
from confobjects.service.rules.states import ENDED, OPEN, State, doubt
from confobjects.service.tables import HAS_ENDED, LOGINS, PACE, PARTS, RUNNERS, STANDINGS, WAITS, read_version

_GROUP: Final = 500

_P = PARTS.c
_IS_OPEN: Final = _P.state.not_in([one.value for one in sorted(ENDED)])
"""Also where the state is one that nobody knows."""


_TRIAL: Final = "trial"
_TRIAL_SIZE: Final = 8192
_WRITE_TRIAL: Final = text(
    "INSERT INTO ledger_facts (name, value) VALUES (:name, :value) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


class Wanted(Record):
    """Which mails are meant: those with a part in one of some states, of a sender, to an address. Empty means any."""

    states: tuple[State, ...] = ()
    sender: str = ""
    address: str = ""


class SeenRunner(Record):
    """A runner, when it began, and when it was last heard of."""

    name: str
    began: int
    heard: int


class Overview(Record):
    """The state of a ledger at one moment, ``now``.

    ``oldest`` is when the oldest mail that is not finished was accepted, or sent again by an operator, and ``overdue`` when the
    first of those that wait was due; both are 0 without one. ``free`` is when the rate limit lets the next mail go.
    ``suppressed`` is the number of suppressed addresses.
    """

    now: int
    name: str
    version: int
    is_sealed: bool
    states: Mapping[State, int]
    oldest: int = 0
    overdue: int = 0
    free: int = 0
    logins: Mapping[str, Login] = field(default_factory=dict)
    runners: tuple[SeenRunner, ...] = ()
    suppressed: int = 0
    totals: Totals = field(default_factory=dict)


# -- the queue ---------------------------------------------------------------------------------------------------------


def find_mails(ledger: Ledger, wanted: Wanted, most: int | None = None) -> Iterator[Entry]:
    """Yield the mails that are meant, at most ``most``, in the order of their acceptance."""
    return islice(_find_mails(ledger, wanted), most)


def _find_mails(ledger: Ledger, wanted: Wanted) -> Iterator[Entry]:
    address, after = wanted.address.casefold(), ""
    while group := ledger.list(wanted.states, _GROUP, after, sender=wanted.sender):
        after = group[-1].id
        for entry in group:
            if not address or address in {one.address.casefold() for part in entry.parts for one in part.recipients}:
                yield entry


def mark_unknown(ledger: Ledger) -> int:
    """Mark every mail that is open as unknown; return how many there were. For a ledger that was put back from a backup.

    Whoever was sending one meanwhile reports an outcome that does not count.
    """
    marked = set[str]()
    while some := ledger.perform(lambda connection: _mark_some(ledger, connection)):
        marked.update(some)
    return len(marked)


def _mark_some(ledger: Ledger, connection: Connection) -> Sequence[str]:
    now = ledger.database.now(connection)
    wanted = select(PARTS).where(_IS_OPEN).order_by(_P.mail, _P.number).limit(_GROUP).with_for_update()
    rows = connection.execute(wanted).mappings().all()
    for row in rows:
        held = read_row(row, ledger.cover)
        ledger.write_change(connection, held, doubt(held.part, now))
    return [row["mail"] for row in rows]


def count_open(ledger: Ledger) -> int:
    """Return how many mails :func:`mark_unknown` would mark."""
    with ledger.database.read() as connection:
        return connection.execute(select(func.count(_P.mail.distinct())).where(_IS_OPEN)).scalar_one()


def purge_ended(ledger: Ledger, states: Sequence[State] = (), before: int | None = None) -> int:
    """Remove the mails that have come to their end, in some states, before a moment; return how many there were.

    A mail stays as long as a part of it is open. What was counted of addresses stays.
    """
    removed, after, some = 0, "", _GROUP
    while some == _GROUP:
        mails = ledger.perform(partial(_purge_some, ledger, _select_ended(states, before, after).limit(_GROUP)))
        some, after = len(mails), mails[-1] if mails else ""
        removed += some
    return removed


def _purge_some(ledger: Ledger, wanted: Select[Any], connection: Connection) -> Sequence[str]:
    mails: list[str] = list(connection.execute(wanted).scalars())
    connection.execute(delete(PARTS).where(_P.mail.in_(mails) & HAS_ENDED))  # not what is sent again meanwhile
    ledger.remove_contents(connection, set(mails))
    return mails


def count_ended(ledger: Ledger, states: Sequence[State] = (), before: int | None = None) -> int:
    """Return how many mails :func:`purge_ended` would remove."""
    found = _select_ended(states, before).subquery()
    with ledger.database.read() as connection:
        return connection.execute(select(func.count()).select_from(found)).scalar_one()


def _select_ended(states: Sequence[State], before: int | None, after: str = "") -> Select[Any]:
    """Return the query for the ids of mails all of whose parts ended in one of some states before a moment.

    They come in their order, from the one after an id on, so that no part is looked at twice.
    """
    wanted = [one.value for one in (states or ENDED) if one in ENDED]
    part = PARTS.alias()
    is_left = select(part.c.number).where((part.c.mail == _P.mail) & part.c.state.not_in(wanted)).exists()
    found = select(_P.mail).where((_P.mail > after) & _P.state.in_(wanted) & ~is_left)
    found = found.group_by(_P.mail).order_by(_P.mail)
    return found if before is None else found.having(func.max(_P.ended) <= before)


# -- addresses ---------------------------------------------------------------------------------------------------------


def find_standing(ledger: Ledger, address: str) -> Standing:
    """Return what is known of an address; an empty standing if nothing is."""
    with ledger.database.read() as connection:
        return ledger.standings.read(connection, (address,))[address]


# -- the whole ---------------------------------------------------------------------------------------------------------


def try_writing(ledger: Ledger) -> None:
    """Write as much as a short mail has, in place of what was written so before. Raises LedgerError.

    A ledger on a disk that is full, or on a server that only answers questions, can be read as if nothing were wrong.
    """
    values = {"name": _TRIAL, "value": secrets.token_bytes(_TRIAL_SIZE)}
    ledger.perform(lambda connection: connection.execute(_WRITE_TRIAL, values).rowcount)


def read_overview(ledger: Ledger) -> Overview:
    """Return the state of a ledger. Raises LedgerError."""
    ledger.database.now()  # a server is asked for its time before the moment of which everything else is read
    with ledger.database.read() as connection:
        logins = connection.execute(select(LOGINS).order_by(LOGINS.c.sender)).all()
        runners = connection.execute(select(RUNNERS).order_by(RUNNERS.c.began, RUNNERS.c.name)).all()
        is_suppressed = STANDINGS.c.suppressed > 0
        return Overview(
            now=ledger.database.now(),
            name=ledger.database.name,
            version=read_version(connection),
            is_sealed=ledger.cover.is_sealing,
            states=count_parts(connection),
            oldest=_smallest(connection, _P.since, _P.state.in_([one.value for one in OPEN])),
            overdue=_smallest(connection, _P.due, WAITS),
            free=connection.execute(select(PACE.c.free)).scalar_one(),
            logins={row.sender: Login(row.fingerprint, row.refused) for row in logins},
            runners=tuple(SeenRunner(row.name, row.began, row.heard) for row in runners),
            suppressed=connection.execute(select(func.count()).where(is_suppressed)).scalar_one(),
            totals=read_totals(connection),
        )


def _smallest(connection: Connection, column: Any, condition: Any) -> int:
    return read_number(connection.execute(select(func.min(column)).where(condition)).scalar())


__all__ = [
    "Overview",
    "SeenRunner",
    "Wanted",
    "count_ended",
    "count_open",
    "find_mails",
    "find_standing",
    "mark_unknown",
    "purge_ended",
    "read_overview",
    "try_writing",
]
