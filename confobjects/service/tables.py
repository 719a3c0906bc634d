"""The tables of the ledger, and how a ledger of an older release becomes one of this release.

Moments are milliseconds since 1970. What names a person (envelopes, contents, addresses) is covered, see
:mod:`confobjects.service.sealing`; codes and counts are in clear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    inspect,
    literal_column,
    select,
)

from confobjects.diagnostics import Diagnostic
from confobjects.errors import LedgerError
from confobjects.service.rules.states import State

METADATA: Final = MetaData()

FACTS: Final = Table(
    "ledger_facts",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

PARTS: Final = Table(
    "ledger_parts",
    METADATA,
    Column("mail", String(40), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", String(10), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("sender", String(200), nullable=False),
    Column("category", String(100), nullable=False),
    Column("accepted", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("began", BigInteger, nullable=False),
    Column("lease", BigInteger, nullable=False),
    Column("runner", String(80), nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("code", String(60), nullable=False),
    Column("envelope", LargeBinary, nullable=False),
)
# Values in the text, not beside it: only then does a database see that an index serves a query.
WAITS: Final = PARTS.c.state == literal_column(f"'{State.QUEUED}'")
HOLDS: Final = PARTS.c.lease > literal_column("0")
HAS_ENDED: Final = PARTS.c.ended > literal_column("0")
Index("ledger_parts_due", PARTS.c.due, PARTS.c.mail, sqlite_where=WAITS, postgresql_where=WAITS)
Index("ledger_parts_lease", PARTS.c.lease, sqlite_where=HOLDS, postgresql_where=HOLDS)
Index("ledger_parts_ended", PARTS.c.ended, sqlite_where=HAS_ENDED, postgresql_where=HAS_ENDED)

CONTENTS: Final = Table(
    "ledger_contents",
    METADATA,
    Column("mail", String(40), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

STANDINGS: Final = Table(
    "ledger_standings",
    METADATA,
    Column("digest", LargeBinary(16), primary_key=True),
    Column("address", LargeBinary, nullable=False),
    Column("uses", String, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("suppressed", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
)

PACE: Final = Table(
    "ledger_pace",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("free", BigInteger, nullable=False),
)

LOGINS: Final = Table(
    "ledger_logins",
    METADATA,
    Column("sender", String(200), primary_key=True),
    Column("fingerprint", String(100), nullable=False),
    Column("refused", Integer, nullable=False),
)

COUNTS: Final = Table(
    "ledger_counts",
    METADATA,
    Column("name", String(20), primary_key=True),
    Column("label", String(60), primary_key=True),
    Column("shard", Integer, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

RUNNERS: Final = Table(
    "ledger_runners",
    METADATA,
    Column("name", String(80), primary_key=True),
    Column("began", BigInteger, nullable=False),
    Column("heard", BigInteger, nullable=False),
)

TOKENS: Final = Table(
    "ledger_tokens",
    METADATA,
    Column("key", String(100), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("lease", BigInteger, nullable=False),
)
"""Access tokens; an empty content is none."""

VERSION: Final = "version"


def make_token_place(key: str) -> str:
    """Return the place that the content of a row of tokens is sealed for."""
    return f"token/{key}"


def _make_first_tables(connection: Connection) -> None:
    METADATA.create_all(connection)
    connection.execute(PACE.insert().values(id=1, free=0))


def _add_counts_and_runners(connection: Connection) -> None:
    COUNTS.create(connection, checkfirst=True)
    RUNNERS.create(connection, checkfirst=True)


def _add_tokens(connection: Connection) -> None:
    TOKENS.create(connection, checkfirst=True)


UPGRADES: Final[Sequence[Callable[[Connection], None]]] = (
    _make_first_tables,
    _add_counts_and_runners,
    _add_tokens,
)
"""What turns a ledger of each version into one of the next, from version 0: an empty database."""


def read_version(connection: Connection) -> int:
    """Return the version of a ledger, 0 for an empty database."""
    if not inspect(connection).has_table(FACTS.name):
        return 0
    found = connection.execute(select(FACTS.c.value).where(FACTS.c.name == VERSION)).scalar()
    return int(found) if found is not None and bytes(found).isdigit() else 0


def bring_up_to_date(connection: Connection, upgrades: Sequence[Callable[[Connection], None]] = UPGRADES) -> int:
    """Bring a ledger to the version of this release; return the version that it had.

    Raises LedgerError for one of a newer release.
    """
    found, wanted = read_version(connection), len(upgrades)
    if found > wanted:
        summary = f"the ledger has version {found}; this release knows versions up to {wanted}"
        raise LedgerError(
            Diagnostic("ledger-unavailable", summary, remedy="Use the release that wrote it, or a newer one.")
        )
    for upgrade in upgrades[found:]:
        upgrade(connection)
    if found < wanted:
        value = str(wanted).encode()
        if found:
            connection.execute(FACTS.update().where(FACTS.c.name == VERSION).values(value=value))
        else:
            connection.execute(FACTS.insert().values(name=VERSION, value=value))
    return found


__all__ = [
    "CONTENTS",
    "COUNTS",
    "FACTS",
    "HAS_ENDED",
    "HOLDS",
    "LOGINS",
    "METADATA",
    "PACE",
    "PARTS",
    "RUNNERS",
    "STANDINGS",
    "TOKENS",
    "UPGRADES",
    "VERSION",
    "WAITS",
    "bring_up_to_date",
    "make_token_place",
    "read_version",
]
