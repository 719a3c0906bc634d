"""A ledger that is full, locked, damaged or gone says so and accepts nothing; when it is back, it goes on."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from confobjects.errors import LedgerError, UsageError
from confobjects.service.ledger import Ledger, Mail, open_ledger
from confobjects.service.rules.settings import Settings
from confobjects.service.rules.states import State
from tests.servers import postgresql as server
from tests.servers.postgresql import PostgreSQL

SETTINGS = Settings(sender="one")
MAIL = Mail(b"Subject: hello\r\n\r\nbody\r\n", "me@example.com", ("ann@example.com",), "account")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(file: Path) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:{file}", unsealed=True, patience=0.1) as opened:
        yield opened


def refusal(ledger: Ledger) -> str:
    """Accept a mail, and return the error."""
    with pytest.raises(LedgerError) as refused:
        ledger.accept(MAIL, SETTINGS)
    assert refused.value.exit_code == 25
    return str(refused.value)


def count(ledger: Ledger) -> int:
    return ledger.count_states()[State.QUEUED]


# -- SQLite ------------------------------------------------------------------------------------------------------------


def test_only_its_owner_can_read_the_file_and_what_belongs_to_it(ledger: Ledger, file: Path) -> None:
    ledger.accept(MAIL, SETTINGS)
    found = {one.name: stat.S_IMODE(one.stat().st_mode) for one in file.parent.iterdir()}
    assert found == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}


def test_every_transaction_waits_for_the_disk(ledger: Ledger) -> None:
    with ledger.database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_a_locked_ledger_accepts_nothing_until_it_is_free(ledger: Ledger, file: Path) -> None:
    with sqlite3.connect(file, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "keeps the ledger locked" in refusal(ledger)
        assert count(ledger) == 0
        other.execute("ROLLBACK")
    other.close()
    ledger.accept(MAIL, SETTINGS)


def test_a_full_ledger_accepts_nothing_until_there_is_room(ledger: Ledger) -> None:
    ledger.accept(MAIL, SETTINGS)
    limit = ["PRAGMA max_page_count=1"]  # SQLite makes that the number of pages there are
    event.listen(
        ledger.database._engine, "checkout", lambda connection, *_: connection.execute(limit[0]) and None, named=False
    )
    big = MAIL.replace(content=b"x" * 100_000)
    with pytest.raises(LedgerError, match="Make room on the disk"):
        ledger.accept(big, SETTINGS)
    assert count(ledger) == 1
    limit[0] = "PRAGMA max_page_count=100000"
    ledger.accept(big, SETTINGS)


def test_a_ledger_that_was_removed_takes_no_mail_into_nowhere_and_a_backup_in_its_place_does(
    ledger: Ledger, file: Path, tmp_path: Path
) -> None:
    ledger.accept(MAIL, SETTINGS)
    with sqlite3.connect(file) as source, sqlite3.connect(tmp_path / "backup") as backup:
        source.backup(backup)
    source.close()
    backup.close()
    for one in tmp_path.glob("ledger.db*"):
        one.unlink()
    assert "removed" in refusal(ledger)
    assert refusal(ledger)
    assert not file.exists()
    shutil.copy(tmp_path / "backup", file)
    ledger.accept(MAIL, SETTINGS)
    assert count(ledger) == 2


def test_a_ledger_that_was_replaced_is_used_as_it_is_now(ledger: Ledger, file: Path, tmp_path: Path) -> None:
    ledger.accept(MAIL, SETTINGS)
    with open_ledger(f"sqlite:{tmp_path / 'other.db'}", unsealed=True):
        pass
    for one in tmp_path.glob("ledger.db*"):
        one.unlink()
    (tmp_path / "other.db").rename(file)
    ledger.accept(MAIL, SETTINGS)
    assert count(ledger) == 1


@pytest.mark.parametrize("text", [b"this is no ledger, and it is longer than a header" * 100, b"SQLite format 3\0" * 9])
def test_a_file_that_is_no_ledger_is_told_and_left_alone(file: Path, text: bytes) -> None:
    file.write_bytes(text)
    with pytest.raises(LedgerError, match="backup"):
        open_ledger(f"sqlite:{file}", unsealed=True)
    assert file.read_bytes() == text


def test_a_ledger_damaged_in_the_middle_is_told(ledger: Ledger, file: Path) -> None:
    for _ in range(50):
        ledger.accept(MAIL.replace(category=""), SETTINGS)
    ledger.close()
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(content)
    with pytest.raises(LedgerError, match="backup"):
        open_ledger(f"sqlite:{file}", unsealed=True)


@pytest.mark.parametrize("place", ["missing/ledger.db", "."])
def test_a_place_where_no_file_can_be_is_told(tmp_path: Path, place: str) -> None:
    with pytest.raises(LedgerError):
        open_ledger(f"sqlite:{tmp_path / place}", unsealed=True)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ledger.db",
        "sqlite:",
        "sqlite:///x",
        "mysql://x/y",
        "postgresql:x",
        "postgresql://h:port/x",
        "postgresql://u:PASSWORD@1@h/x",
        "postgresql://u:12/PASSWORD@h/x",
    ],
)
def test_a_url_that_names_no_ledger_is_a_mistake_of_the_caller(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        open_ledger(url, unsealed=True)
    assert "PASSWORD" not in str(refused.value)


# -- PostgreSQL --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgreSQL]:
    """A server that is stopped and started."""
    with PostgreSQL() as started:
        yield started


def test_a_server_that_was_stopped_accepts_nothing_and_goes_on_when_it_is_back(own_server: PostgreSQL) -> None:
    with open_ledger(own_server.make_database(), unsealed=True, patience=5) as ledger:
        ledger.accept(MAIL, SETTINGS)
        own_server.stop()
        assert refusal(ledger)
        assert refusal(ledger)
        own_server.start()
        ledger.accept(MAIL, SETTINGS)
        assert count(ledger) == 2


def test_a_server_that_was_restarted_meanwhile_is_not_noticed(own_server: PostgreSQL) -> None:
    with open_ledger(own_server.make_database(), unsealed=True, patience=5) as ledger:
        ledger.accept(MAIL, SETTINGS)
        own_server.stop()
        own_server.start()
        ledger.accept(MAIL, SETTINGS)
        own_server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name='confobjects'"
        )
        ledger.accept(MAIL, SETTINGS)
        assert count(ledger) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (f"{server.GUARDED}:wrong-canary@", "password authentication failed"),
        (f"{server.GUARDED}:{server.PASSWORD.replace(' ', '%20')}@", "right to create and change"),
        ("nobody@", 'role "nobody" does not exist'),
    ],
)
def test_a_login_that_fails_is_told_without_the_password(own_server: PostgreSQL, change: str, said: str) -> None:
    url = own_server.make_database().replace(f"{server.USER}@", change)
    with pytest.raises(LedgerError, match=said) as refused:
        open_ledger(url, unsealed=True)
    assert "canary" not in str(refused.value)


def test_a_database_that_is_missing_is_told(own_server: PostgreSQL) -> None:
    url = own_server.make_database().rpartition("/")[0] + "/missing"
    with pytest.raises(LedgerError, match='database "missing" does not exist'):
        open_ledger(url, unsealed=True)


def test_a_locked_table_is_told(own_server: PostgreSQL) -> None:
    import psycopg

    url = own_server.make_database()
    with open_ledger(url, unsealed=True, patience=0.2) as ledger, psycopg.connect(url) as other:
        other.execute("LOCK TABLE ledger_parts IN ACCESS EXCLUSIVE MODE")
        assert "keeps the ledger locked" in refusal(ledger)
        other.rollback()
        ledger.accept(MAIL, SETTINGS)
