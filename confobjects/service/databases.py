"""Where a ledger is: an SQLite file of this machine, or a PostgreSQL database that several machines share.

Laws: a transaction that ended without an error is on disk. A failure of the database is a LedgerError, which says
whether the database was asked to commit: then what was written may be there. The file of SQLite belongs to its owner
alone; if it was removed or replaced while it is in use, nothing is written any more to what nobody can find again.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import quote, unquote

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from confobjects.diagnostics import MASK, Diagnostic
from confobjects.errors import LedgerError, UsageError
from confobjects.texts.passwords import mask_passwords

T = TypeVar("T")
Clock = Callable[[], int]

PATIENCE: Final = 10.0
"""Seconds to wait for a ledger that another program has locked, and for a connection."""

_TRIES: Final = 3
_AGREES: Final = 10.0
"""Seconds for which the clock of a server is known."""

_READING: Final = {"confobjects_reading": True}
_TRY_AGAIN: Final = frozenset({"40001", "40P01"})
"""States of SQL after which the same transaction may succeed: a serialization failure, a deadlock."""

_REMEDIES: Final = {
    "SQLITE_FULL": "Make room on the disk.",
    "SQLITE_BUSY": "End the program that keeps the ledger locked.",
    "SQLITE_LOCKED": "End the program that keeps the ledger locked.",
    "SQLITE_CORRUPT": "Put a backup of the ledger in its place.",
    "SQLITE_NOTADB": "Put a backup of the ledger in its place, or name another file.",
    "SQLITE_READONLY": "Give this program the right to write the file and its directory.",
    "SQLITE_CANTOPEN": "Check the directory of the file, and the right to write there.",
    "SQLITE_IOERR": "Check the disk, and that it has room.",
    "25006": "Name a server that can be written, not one that only follows another.",
    "42501": "Give the user of the ledger the right to create and change its tables.",
    "53100": "Make room on the disk of the server.",
    "55P03": "End the program that keeps the ledger locked.",
}
"""What helps, by the name of the error of SQLite or the state of SQL."""


class Database:
    """A database. Thread-safe. ``clock`` replaces the clock: that of this machine, for PostgreSQL that of the server."""

    def __init__(self, url: str, *, patience: float = PATIENCE, clock: Clock | None = None) -> None:
        self._url = _parse_url(url)
        self.is_local = self._url.get_backend_name() == "sqlite"
        self.name = f"sqlite:{self._url.database}" if self.is_local else _mask_url(self._url)
        self._clock = clock
        self._agreed: tuple[float, int] | None = None
        self._file = _OwnFile(self._url.database or "") if self.is_local else None
        self._engine = _make_sqlite(self._url, patience) if self.is_local else _make_postgresql(self._url, patience)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    # -- transactions ------------------------------------------------------------------------------------------------

    def write(self, work: Callable[[Connection], T]) -> T:
        """Return what a function returns, once what it has written is durable. Raises LedgerError.

        The function is called again if the connection was lost before it was to be committed.
        """
        for left in reversed(range(_TRIES)):
            try:
                return self._write_once(work)
            except (SQLAlchemyError, OSError) as error:
                if not left or not _may_be_repeated(error):
                    raise self._as_ledger_error(error) from None
        raise AssertionError

    def _write_once(self, work: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            transaction = connection.begin()
            try:
                self._check_file()
                result = work(connection)
                self._check_file()
            except BaseException:
                transaction.rollback()
                raise
            try:
                transaction.commit()
            except DBAPIError as error:
                raise self._as_ledger_error(error, committing=True) from None
            return result

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the ledger, and keeps nobody from writing. Raises LedgerError."""
        try:
            with self._engine.connect() as connection:
                reading = connection.execution_options(**_READING)
                with reading.begin():
                    self._check_file()
                    yield reading
        except (SQLAlchemyError, OSError) as error:
            raise self._as_ledger_error(error) from None

    def rewrite(self) -> None:
        """Write the file of SQLite anew: what was removed or overwritten is no longer in it. Raises LedgerError.

        PostgreSQL removes old rows by itself (VACUUM); nothing is done there.
        """
        if not self.is_local:
            return
        try:
            connection = self._engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute("VACUUM")
                [is_busy, *_] = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                connection.close()
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise self._as_ledger_error(error) from None
        if is_busy:
            summary = f"what was overwritten is still in the files of the ledger {self.name}: another program reads it"
            remedy = "See that nothing reads it for long, such as a backup, and try again."
            raise LedgerError(Diagnostic("ledger-unavailable", summary, remedy=remedy))

    def _check_file(self) -> None:
        if self._file is not None and not self._file.is_in_place():
            self._engine.dispose()
            self._file.look_again()

    def create_file(self) -> None:
        """Create the file of SQLite, readable by its owner alone, if there is none. Raises LedgerError."""
        if self._file is not None:
            try:
                self._file.create()
            except OSError as error:
                raise self._as_ledger_error(error) from None

    def find_file(self) -> None:
        """Find the file of SQLite. Raises LedgerError if there is none."""
        if self._file is not None and not os.path.exists(self._file.path):
            raise self._as_ledger_error(FileNotFoundError(f"there is no file {self._file.path}"))

    # -- time --------------------------------------------------------------------------------------------------------

    def now(self, connection: Connection | None = None) -> int:
        """Return the time in milliseconds. All who share a database have one clock, that of its server.

        Without a connection it is that of the server as it was last heard, and as time went by since. Raises LedgerError.
        """
        if self._clock is not None:
            return self._clock()
        if self.is_local:
            return time.time_ns() // 1_000_000
        since = time.monotonic()
        if connection is None and self._agreed is None:
            return self.write(self.now)
        if connection is not None and (self._agreed is None or since - self._agreed[0] > _AGREES):
            told = connection.execute(text("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)")).scalar()
            self._agreed = (since, int(told or 0))
        assert self._agreed is not None  # noqa: S101 - it was read above
        return self._agreed[1] + int((since - self._agreed[0]) * 1000)

    # -- errors ------------------------------------------------------------------------------------------------------

    def _as_ledger_error(self, error: Exception, *, committing: bool = False) -> LedgerError:
        cause = error.orig if isinstance(error, DBAPIError) else error
        remedy = _REMEDIES.get(
            _code_of(cause), "See that the ledger can be reached and that its URL is right, and try again."
        )
        summary = f"the ledger {self.name} is unavailable"
        if committing:
            summary += ", and it is not known whether it has taken what was written last"
        said = str(cause).strip().splitlines() or [type(cause).__name__]
        return LedgerError(Diagnostic("ledger-unavailable", summary, detail=said[0], remedy=remedy))


def lock_until_end(connection: Connection, number: int) -> None:
    """Let nobody else hold a number until the end of the transaction. SQLite has one writer at a time as it is."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _code_of(cause: BaseException | None) -> str:
    """Return the state of SQL, or the name of an error of SQLite, without its extension (SQLITE_IOERR_FSYNC)."""
    state = getattr(cause, "sqlstate", None)
    name = getattr(cause, "sqlite_errorname", None)
    return str(state) if state else "_".join(str(name).split("_")[:2])


def _may_be_repeated(error: Exception) -> bool:
    """Tell whether a transaction that was not to be committed yet may succeed at once: on another connection."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _code_of(error.orig) in _TRY_AGAIN
    return isinstance(error, _ReplacedError)


# -- SQLite ------------------------------------------------------------------------------------------------------------


class _ReplacedError(OSError):
    """Another file is in the place of the one that was opened."""


class _OwnFile:
    """The file of an SQLite database, and which file it was when it was opened."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self._opened: tuple[int, int] | None = None

    def create(self) -> None:
        """Create the file if there is none. Raises OSError."""
        if not os.path.exists(self.path):  # one that is there is not touched: to close it ends SQLite's locks on it
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        self._opened = self._look()

    def is_in_place(self) -> bool:
        """Tell whether the path still names the file that was opened."""
        return self._opened is None or self._look() == self._opened

    def look_again(self) -> NoReturn:
        """Take the file that is there now, for the next transaction. Raises OSError: this one is in no file."""
        found = self._look()
        if found is None:
            raise FileNotFoundError(f"the file {self.path} was removed")
        self._opened = found
        raise _ReplacedError(f"the file {self.path} was replaced")

    def _look(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return (found.st_dev, found.st_ino)


def _make_sqlite(url: URL, patience: float) -> Engine:
    options = {"isolation_level": None, "check_same_thread": False, "timeout": patience}
    path = quote(os.path.abspath(url.database or ""))
    within = URL.create("sqlite", database=f"file:{path}", query={"mode": "rw", "uri": "true"})  # it creates no file
    engine = create_engine(within, connect_args=options, pool_timeout=patience)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=wal", "synchronous=full", "foreign_keys=on"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("confobjects_reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


# -- PostgreSQL --------------------------------------------------------------------------------------------------------


def _make_postgresql(url: URL, patience: float) -> Engine:
    limit = int(patience * 1000)
    settings = f"-c lock_timeout={limit} -c idle_in_transaction_session_timeout={6 * limit}"
    options = {"connect_timeout": max(2, round(patience)), "options": settings, "application_name": "confobjects"}
    try:
        return create_engine(url.set(drivername="postgresql+psycopg"), connect_args=options, pool_timeout=patience)
    except ImportError:
        summary = "PostgreSQL cannot be used: the Python package for it is not installed"
        remedy = 'Install it: pip install "confobjects[postgresql]".'
        raise UsageError(Diagnostic("usage", summary, remedy=remedy)) from None


def _mask_url(url: URL) -> str:
    return mask_passwords(url.render_as_string(hide_password=False), lambda _: MASK)


def _parse_url(url: str) -> URL:
    """Return the URL of a database. Raises UsageError for one that names no ledger."""
    kind, _, rest = url.partition(":")
    if kind == "sqlite" and rest and not rest.startswith("//"):
        return URL.create("sqlite", database=unquote(rest))
    if kind in ("postgresql", "postgres") and rest.startswith("//"):
        try:
            made = make_url(f"postgresql:{rest}")
        except (ArgumentError, ValueError):
            pass
        else:
            _require_encoded(made, rest)
            return made
    remedy = "Write sqlite:FILE or postgresql://USER@HOST/DATABASE; PostgreSQL reads the password from ~/.pgpass or PGPASSFILE."
    raise UsageError(Diagnostic("usage", "the URL of the ledger names no ledger", remedy=remedy))


def _require_encoded(made: URL, rest: str) -> None:
    """Refuse a URL whose password ends at another place than in RFC 3986: a part of it would be the host, which is shown."""
    authority = re.split("[/?#]", rest[2:], maxsplit=1)[0]
    if authority.count("@") > 1 or ("@" not in authority and made.username is not None):
        summary = "the user or the password in the URL of the ledger has a character that ends it"
        remedy = "Write / as %2F, @ as %40, # as %23, ? as %3F and % as %25 there, also in a file that it comes from."
        raise UsageError(Diagnostic("usage", summary, remedy=remedy))


__all__ = ["PATIENCE", "Clock", "Database", "lock_until_end"]
