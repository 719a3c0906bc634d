"""The keys that a ledger is sealed with: counted, and replaced by the one that seals now.

Laws: nothing is opened to be counted, so it takes no key. Sealing again can be stopped at any moment and repeated: each call looks for
what is not sealed with the newest key. A value is replaced only where it is still the one that was read, so that runners go on
meanwhile. Whoever wrote with an older key has come to an end before a value is looked for, or writes again with the newest one
(:class:`~confobjects.service.ledger.Ledger`). What cannot be opened stays as it is, and is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    LargeBinary,
    RowMapping,
    Table,
    and_,
    case,
    func,
    inspect,
    literal,
    select,
    text,
    tuple_,
)

from confobjects.diagnostics import Diagnostic
from confobjects.errors import LedgerError
from confobjects.records import Record, field
from confobjects.service.databases import PATIENCE, Database
from confobjects.service.ledger import DIGEST_KEY
from confobjects.service.sealing import CLEAR, Cover, SealedLedgerError, Sealer
from confobjects.service.tables import (
    CONTENTS,
    FACTS,
    PARTS,
    STANDINGS,
    TOKENS,
    UPGRADES,
    bring_up_to_date,
    make_token_place,
    read_version,
)

_ROWS: Final = 200
"""Rows that one transaction seals, unless they are large."""

_BYTES: Final = 8 << 20
"""The size of what one transaction seals, unless it is a single row."""

_HEAD: Final = 17
"""Bytes from which it is seen whether a value is sealed, and with which key."""


class _Place(Record):
    """A column with sealed values: its table, what the values belong to, and where in the ledger a row says that it stands."""

    table: Table
    column: Column[Any]
    place_of: Callable[[RowMapping], str]

    @property
    def keys(self) -> Sequence[Column[Any]]:
        """The columns that name a row."""
        return list(self.table.primary_key)


_PLACES: Final = (
    _Place(FACTS, FACTS.c.value, lambda row: str(row["name"])),
    _Place(PARTS, PARTS.c.envelope, lambda row: f"{row['mail']}/{row['number']}"),
    _Place(CONTENTS, CONTENTS.c.content, lambda row: str(row["mail"])),
    _Place(STANDINGS, STANDINGS.c.address, lambda row: bytes(row["digest"]).hex()),
    _Place(TOKENS, TOKENS.c.content, lambda row: make_token_place(row["key"])),
)


class Resealed(Record):
    """How many values of a ledger were sealed, or would be, and what is wrong with those that were not."""

    count: int = 0
    problems: tuple[Diagnostic, ...] = field(default_factory=tuple)


@contextmanager
def _open(url: str, patience: float) -> Iterator[Database]:
    database = Database(url, patience=patience)
    try:
        if database.is_local:
            database.find_file()
        yield database
    finally:
        database.close()


def count_keys(url: str, patience: float = PATIENCE) -> Mapping[str, int]:
    """Return how many values of a ledger each key has sealed; those in clear have none. Raises LedgerError."""
    found = Counter[str]()
    with _open(url, patience) as database, database.read() as connection:
        for place in _find_places(connection):
            head = case(
                (func.substr(place.column, 1, 1) == literal(CLEAR, LargeBinary), literal(CLEAR, LargeBinary)),
                else_=func.substr(place.column, 1, _HEAD, type_=LargeBinary),
            )
            rows = select(head, func.count()).where(_is_covered(place)).group_by(head)
            for start, number in connection.execute(rows):
                found[Cover.find_key(bytes(start))] += number
    return found


def reseal(url: str, sealer: Sealer, key: str, patience: float = PATIENCE) -> Resealed:
    """Seal every value of a ledger with the key that a sealer seals with now, whose identifier is given. Raises LedgerError."""
    cover = Cover(sealer)
    done, problems = 0, dict[str, Diagnostic]()
    with _open(url, patience) as database:
        database.write(_bring_up_to_date)
        with database.read() as connection:
            places = _find_places(connection)
        for place in places:
            database.write(lambda connection, table=place.table: _wait_for_writers(connection, table))  # type: ignore[misc]
            done += _Resealer(database, cover, place, key, problems).run()
        database.rewrite()
    return Resealed(done, tuple(problems.values()))


def _bring_up_to_date(connection: Connection) -> None:
    if read_version(connection):  # an empty database stays so
        bring_up_to_date(connection)


def _wait_for_writers(connection: Connection, table: Table) -> None:
    """Wait until everybody who is writing to a table has come to an end. SQLite has one writer: the transaction has waited."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {table.name} IN SHARE MODE"))


def _find_places(connection: Connection) -> Sequence[_Place]:
    version = read_version(connection)
    if version > len(UPGRADES):
        summary = f"the ledger has version {version}; this release knows versions up to {len(UPGRADES)}"
        raise LedgerError(Diagnostic("ledger-unavailable", summary))
    there = inspect(connection)
    return [place for place in _PLACES if there.has_table(place.table.name)]


def _is_covered(place: _Place) -> Any:
    """Return the condition for the rows that hold something that is covered."""
    if place.table is FACTS:
        return FACTS.c.name == DIGEST_KEY
    return func.length(place.column) > 0


class _Resealer:
    """Seals the values of one column again."""

    def __init__(
        self, database: Database, cover: Cover, place: _Place, key: str, problems: dict[str, Diagnostic]
    ) -> None:
        self._database = database
        self._cover = cover
        self._place = place
        self._problems = problems
        newest = literal(Cover.make_head(key), LargeBinary)
        self._stale = and_(_is_covered(place), func.substr(place.column, 1, _HEAD) != newest)

    def run(self) -> int:
        """Seal what is not sealed with the newest key, in pieces; return how many values."""
        done, last = 0, None
        while chosen := self._choose(last):
            done += self._database.write(lambda connection, some=chosen: self._seal(connection, some))  # type: ignore[misc]
            last = chosen[-1]
        return done

    def _choose(self, after: tuple[Any, ...] | None) -> list[tuple[Any, ...]]:
        """Return the names of the next rows, as many as one transaction seals."""
        keys = self._place.keys
        rows = select(*keys, func.length(self._place.column)).where(self._stale).order_by(*keys).limit(_ROWS)
        if after is not None:
            rows = rows.where(tuple_(*keys) > tuple_(*(literal(v, k.type) for v, k in zip(after, keys, strict=True))))
        chosen, size = list[tuple[Any, ...]](), 0
        with self._database.read() as connection:
            for row in connection.execute(rows):
                size += row[-1]
                if chosen and size > _BYTES:
                    break
                chosen.append(tuple(row[:-1]))
        return chosen

    def _seal(self, connection: Connection, chosen: Sequence[tuple[Any, ...]]) -> int:
        return sum(self._seal_row(connection, key) for key in chosen)

    def _seal_row(self, connection: Connection, key: tuple[Any, ...]) -> int:
        place = self._place
        of = and_(*(column == value for column, value in zip(place.keys, key, strict=True)))
        row = connection.execute(select(place.table).where(of & self._stale)).mappings().first()
        if row is None:
            return 0
        stored = bytes(row[place.column.name])
        where = place.place_of(row)
        try:
            sealed = self._cover.put(self._cover.get(stored, where), where)
        except SealedLedgerError as error:
            for one in error.diagnostics:
                self._problems.setdefault(one.summary, one.replace(origin=f"{place.table.name} {where}"))
            return 0
        unchanged = place.column == literal(stored, LargeBinary)
        return connection.execute(
            place.table.update().where(of & unchanged).values({place.column.name: sealed})
        ).rowcount


__all__ = ["Resealed", "count_keys", "reseal"]
