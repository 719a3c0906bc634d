"""What the ledger knows of addresses: how often they were written to, and how often they were refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, bindparam, select

from confobjects.records import Record
from confobjects.service.databases import lock_until_end
from confobjects.service.prepared import Prepared
from confobjects.service.rows import read_standing, write_uses
from confobjects.service.rules.quotas import Standing
from confobjects.service.sealing import Cover, Digester, UnreadableError
from confobjects.service.tables import STANDINGS

_LOCK: Final = 0x6C656467
"""The advisory lock of PostgreSQL that whoever changes standings holds: two of them never wait for each other."""

_GROUP: Final = 500
"""Digests that one statement names."""

_C = STANDINGS.c
_FIND: Final = select(STANDINGS).where(_C.digest.in_(bindparam("digests", expanding=True)))
_FIND_ONE: Final = Prepared(select(STANDINGS).where(_C.digest == bindparam("digest")))
_CHANGE: Final = (
    STANDINGS.update()
    .where(_C.digest == bindparam("of"))
    .values({name: bindparam(name) for name in ("uses", "refusals", "suppressed", "changed")})
)


class Known(Record):
    """An address with its standing."""

    address: str
    standing: Standing


class Standings:
    """The standings of addresses, within the transactions of others."""

    def __init__(self, cover: Cover, digester: Digester) -> None:
        self._cover = cover
        self._digester = digester
        self.digest = digester.digest

    def lock(self, connection: Connection) -> None:
        """Let nobody else change standings until the end of the transaction."""
        lock_until_end(connection, _LOCK)

    def read(self, connection: Connection, addresses: Iterable[str]) -> Mapping[str, Standing]:
        """Return the standing of each address; that of an address nobody has written to is empty."""
        by_digest = {self._digester.digest(one): one for one in addresses}
        found = dict.fromkeys(by_digest.values(), Standing())
        for digests in _cut(list(by_digest)):
            for row in _find(connection, digests):
                found[by_digest[bytes(row["digest"])]] = read_standing(row)
        return found

    def write(
        self, connection: Connection, before: Mapping[str, Standing], after: Mapping[str, Standing], now: int
    ) -> None:
        """Write the standings that have changed. The caller has locked them before it read them."""
        new, changed = list[dict[str, Any]](), list[dict[str, Any]]()
        for address, standing in after.items():
            if standing == before[address]:
                continue
            digest = self._digester.digest(address)
            values = {
                "uses": write_uses(standing),
                "refusals": standing.refusals,
                "suppressed": standing.suppressed,
                "changed": now,
            }
            if before[address] == Standing():
                covered = self._cover.put(address.encode(), digest.hex())
                new.append({"digest": digest, "address": covered, **values})
            else:
                changed.append({"of": digest, **values})
        if changed:
            connection.execute(_CHANGE, changed)
        if new:
            self._add(connection, new)

    @staticmethod
    def _add(connection: Connection, rows: list[dict[str, Any]]) -> None:
        """Add rows; one that is there is empty, and is replaced."""
        for part in _cut([row["digest"] for row in rows]):
            connection.execute(STANDINGS.delete().where(_C.digest.in_(part)))
        connection.execute(STANDINGS.insert(), rows)

    def list(self, connection: Connection) -> Iterator[Known]:
        """Yield the addresses that count for something; of one that cannot be read the address is empty."""
        rows = connection.execute(select(STANDINGS).order_by(_C.changed)).mappings()
        for row in rows:
            standing = read_standing(row)
            if standing != Standing():
                yield Known(self._read_address(row), standing)

    def _read_address(self, row: RowMapping) -> str:
        try:
            return self._cover.get(row["address"], bytes(row["digest"]).hex()).decode("utf-8", "replace")
        except UnreadableError:
            return ""

    @staticmethod
    def forget(connection: Connection, before: int) -> int:
        """Forget what changed last before a moment, unless the address is suppressed. Return how many there were."""
        old = (_C.changed < before) & (_C.suppressed == 0)
        return connection.execute(STANDINGS.delete().where(old)).rowcount


def _find(connection: Connection, digests: Sequence[bytes]) -> Iterable[RowMapping]:
    """Return the rows of some digests. One of them is the usual case, and has a statement that costs less."""
    if len(digests) == 1:
        return _FIND_ONE.execute(connection, {"digest": digests[0]}).mappings()
    return connection.execute(_FIND, {"digests": digests}).mappings()


def _cut(digests: list[bytes]) -> Iterator[list[bytes]]:
    return (digests[at : at + _GROUP] for at in range(0, len(digests), _GROUP))


__all__ = ["Known", "Standings"]
