"""A ledger of version 1, as the release that knew no other made it: its tables, and its rows, sealed with one key.

The statements are those that SQLAlchemy made of the tables of then; the rows are from an SQLite ledger with two mails.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import create_engine

from confobjects.sealing.ring import Key

KEY: Final = Key(b"1" * 32, "2026-11-28")
"""The key that sealed it."""

_TABLES: Final = """\
CREATE TABLE ledger_contents (
  mail VARCHAR(40) NOT NULL,
  content {binary} NOT NULL,
  PRIMARY KEY (mail)
);
CREATE TABLE ledger_facts (
  name VARCHAR(40) NOT NULL,
  value {binary} NOT NULL,
  PRIMARY KEY (name)
);
CREATE TABLE ledger_logins (
  sender VARCHAR(200) NOT NULL,
  fingerprint VARCHAR(100) NOT NULL,
  refused INTEGER NOT NULL,
  PRIMARY KEY (sender)
);
CREATE TABLE ledger_pace (
  id {serial} NOT NULL,
  free BIGINT NOT NULL,
  PRIMARY KEY (id)
);
CREATE TABLE ledger_parts (
  mail VARCHAR(40) NOT NULL,
  number INTEGER NOT NULL,
  state VARCHAR(10) NOT NULL,
  fence INTEGER NOT NULL,
  sender VARCHAR(200) NOT NULL,
  category VARCHAR(100) NOT NULL,
  accepted BIGINT NOT NULL,
  since BIGINT NOT NULL,
  due BIGINT NOT NULL,
  began BIGINT NOT NULL,
  lease BIGINT NOT NULL,
  runner VARCHAR(80) NOT NULL,
  ended BIGINT NOT NULL,
  size BIGINT NOT NULL,
  code VARCHAR(60) NOT NULL,
  envelope {binary} NOT NULL,
  PRIMARY KEY (mail, number)
);
CREATE INDEX ledger_parts_due ON ledger_parts (due, mail) WHERE state = 'queued';
CREATE INDEX ledger_parts_ended ON ledger_parts (ended) WHERE ended > 0;
CREATE INDEX ledger_parts_lease ON ledger_parts (lease) WHERE lease > 0;
CREATE TABLE ledger_standings (
  digest {binary} NOT NULL,
  address {binary} NOT NULL,
  uses VARCHAR NOT NULL,
  refusals INTEGER NOT NULL,
  suppressed BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  PRIMARY KEY (digest)
);
"""
_ROWS: Final[dict[str, list[tuple[Any, ...]]]] = {
    "ledger_contents": [
        (
            "01a3185c50000000f8332a6b",
            b"\x013357aa22fd90e280:kXNYnFFgkWjuWapNsOGRoSGxEWJU3HyFEuc7oxTKJrlm34-TzNXk4_PjsgyOcWTxiy8",
        ),
        (
            "01a3185c500000012b2f3509",
            b"\x013357aa22fd90e280:MbO0y9vEajZHoEt68H1eo30mH0ZQHa_UIjMpDbK8G_odORN1DehRWUThnKpHVv_P12E",
        ),
    ],
    "ledger_facts": [
        ("version", b"1"),
        (
            "digest-key",
            b"\x013357aa22fd90e280:FaACUAivY7G2DMUTFYViJLTpjsLMZAy13ZPplFHMWFgLRquc7MmLGqxIIEFuBsHrmjmMAMqHK7WW00LE",
        ),
    ],
    "ledger_logins": [
        ("one", "1", 1),
    ],
    "ledger_pace": [
        (1, 0),
    ],
    "ledger_parts": [
        (
            "01a3185c50000000f8332a6b",
            0,
            "failed",
            1,
            "one",
            "account",
            1800000000000,
            1800000000000,
            1800000000000,
            1800000000000,
            0,
            "",
            1800000000000,
            22,
            "recipient-unknown",
            b"\x013357aa22fd90e280:9cscXR8zv_jrAN_EAAOJN50vXAMriwQLs11loO_7ApFW__qCvZDlLD0L03HkvrQZ-vrA1w5u45zouC7v4Dy6tZ2GtOUafwwmNv1DX7JgCQ1y67SVVGo4nWoL-8-cjtFF3pmli2cR-_xyAUrky_39m2PqBL35KM5sjjEfFR0296DS9DzyJJcUGpP64S47hixzIqeq-RZKxmdGUIQX1_E",
        ),
        (
            "01a3185c500000012b2f3509",
            0,
            "queued",
            0,
            "one",
            "account",
            1800000000000,
            1800000000000,
            1800000000000,
            0,
            0,
            "",
            0,
            22,
            "",
            b"\x013357aa22fd90e280:6B0SUVNzQdTfUIDZJDGQcV9EBK2J5xVH04TXthiLhHgtgEqO-NeR2NkyHic8msIlR4uf5kEo47ssn1gLuHMOPB1WMQA6_kLXO0bdZ66C8JwAZsKluM57",
        ),
    ],
    "ledger_standings": [
        (
            b" \xe1\xde\xc1\xc5l\xab\x1b\x1d\x90t\xc3\x88\x17\xc7\xb3",
            b"\x013357aa22fd90e280:0L0hV_rxYXWDGwwKqyFvzT-koTyWnxnZ0_r6tD9aYhfVUqdEKL-VsK5wgw",
            "1800000000000,1800000000000",
            0,
            0,
            1800000000000,
        ),
        (
            b"\xd1N=\x8an\xbeL\x8a\x89\x1a\xff[\x12p\x900",
            b"\x013357aa22fd90e280:SPZWgW2bkMEqdllvGizdwEY-59rZmjKaHu-py7C_bBPl4Be4SNqcfuXewA",
            "1800000000000",
            1,
            0,
            1800000000000,
        ),
    ],
}
FAILED: Final = "01a3185c50000000f8332a6b"
"""The mail that reached ann@example.com, and not bob@example.com."""
QUEUED: Final = "01a3185c500000012b2f3509"
"""The mail to ann@example.com that waits."""


def make_first_ledger(url: str) -> None:
    """Make the ledger of version 1 at a URL."""
    kind, _, rest = url.partition(":")
    is_local = kind == "sqlite"
    engine = create_engine(f"sqlite:///{rest}" if is_local else f"postgresql+psycopg:{rest}")
    words = {"binary": "BLOB", "serial": "INTEGER"} if is_local else {"binary": "BYTEA", "serial": "SERIAL"}
    with engine.begin() as connection:
        for statement in _TABLES.format_map(words).split(";")[:-1]:
            connection.exec_driver_sql(statement)
        for table, rows in _ROWS.items():
            places = ", ".join(["?" if is_local else "%s"] * len(rows[0]))
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({places})", rows)
    engine.dispose()
