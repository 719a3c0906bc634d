"""The store of access tokens in a ledger that several machines share.

Laws: one fetch at a time for each key, over all machines. The lease of a key ends by itself, later than any fetch does, and by
the clock of the database: whoever was killed keeps nobody waiting for longer. A fetch that came to its end is written even if
its lease has ended, unless somebody else has written meanwhile: then that counts, and nothing is overwritten. While the database is
away, what was fetched is written again and again for a time, because the refresh token that it replaces is worth nothing any more.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, bindparam, or_, select, text

from confobjects.errors import ConfobjectsError, LedgerError
from confobjects.oauth.storing import PATIENCE, FileTokenStore, StoredTokens, TokenStoreProblem, as_tokens
from confobjects.records import as_dict
from confobjects.service.ledger import Ledger
from confobjects.service.sealing import SealedLedgerError
from confobjects.service.tables import TOKENS, make_token_place

T = TypeVar("T")

LEASE: Final = 45_000
"""Milliseconds for which a key is held at most: half as long again as an exchange with a provider may take."""

_PAUSE: Final = 0.1
"""Seconds between two looks whether a lease is free, or the database back."""

_C = TOKENS.c
_OF: Final = _C.key == bindparam("of")
_FREE: Final = or_(_C.lease <= bindparam("now"), _C.lease > bindparam("far"))
_TAKE: Final = TOKENS.update().where(_OF & _FREE).values(lease=bindparam("until"), fence=_C.fence + 1)
_RELEASE: Final = TOKENS.update().where(_OF & (_C.fence == bindparam("held"))).values(lease=0)
_WRITE: Final = (
    TOKENS.update()
    .where(_OF & (_C.version == bindparam("was")))
    .values(content=bindparam("new"), version=_C.version + 1)
)
_ADD: Final = text(
    "INSERT INTO ledger_tokens (key, content, version, fence, lease) VALUES (:of, :none, 0, 0, 0) ON CONFLICT DO NOTHING"
)


class LedgerTokenStore:
    """Keeps tokens in a ledger, which is open as long as a lease is held. For any number of threads, processes and machines.

    ``name`` is what two stores of one ledger have in common. ``before`` is where tokens were kept before there was a ledger: what is
    found there, and not in the ledger yet, moves into it.
    """

    def __init__(
        self,
        name: str,
        open_ledger: Callable[[], Ledger],
        before: FileTokenStore | None = None,
        *,
        patience: float = PATIENCE,
    ) -> None:
        self.name = name
        self._open_ledger = open_ledger
        self._before = before
        self._patience = patience

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LedgerTokenStore) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    @contextlib.contextmanager
    def hold(self, key: str) -> Iterator[LedgerTokenLease]:
        """Hold the lease of a key. Raises :class:`TokenStoreProblem`."""
        with _ask(self._open_ledger) as ledger:
            lease = LedgerTokenLease(ledger, key, self._wait(ledger, key))
            try:
                if self._before is not None and lease.read() is None:
                    self._move(self._before, key, lease)
                yield lease
            finally:
                with contextlib.suppress(LedgerError):  # it ends by itself
                    lease.release()

    def _wait(self, ledger: Ledger, key: str) -> int:
        """Wait until the lease of a key is free, and take it; return its fencing number."""
        fence = _ask(lambda: ledger.perform(lambda connection: _take(ledger, connection, key)))
        end = time.monotonic() + self._patience
        while fence is None:
            if time.monotonic() >= end:
                message = f"another process has been fetching it for more than {self._patience:g} s"
                raise TokenStoreProblem("busy", message)
            time.sleep(_PAUSE)
            with contextlib.suppress(LedgerError):  # whoever fetches now may still write when the database is back
                fence = ledger.perform(lambda connection: _take(ledger, connection, key))
        return fence

    @staticmethod
    def _move(before: FileTokenStore, key: str, lease: LedgerTokenLease) -> None:
        """Move what was kept in a file into the ledger."""
        if not before.has(key):
            return
        with before.hold(key) as old:
            if (found := old.read()) is not None:
                lease.write(found)
            old.remove()


class LedgerTokenLease:
    """The lease of one key of a ledger."""

    def __init__(self, ledger: Ledger, key: str, fence: int) -> None:
        self._ledger = ledger
        self._key = key
        self._fence = fence
        self._version = 0

    def read(self) -> StoredTokens | None:
        """Return what is kept. Raises :class:`TokenStoreProblem`."""
        found = _ask(self._read)
        if not found:
            return None
        try:
            return as_tokens(json.loads(found))
        except (ValueError, TypeError):
            raise TokenStoreProblem("unusable", f"what {self._ledger.database.name} keeps of it is damaged") from None

    def _read(self) -> bytes:
        with self._ledger.database.read() as connection:
            row = connection.execute(select(_C.content, _C.version).where(_OF), {"of": self._key}).one()
        self._version = row.version
        content = bytes(row.content)
        return self._ledger.cover.get(content, make_token_place(self._key)) if content else b""

    def write(self, tokens: StoredTokens) -> None:
        """Keep tokens; they are durable when this returns. Raises :class:`TokenStoreProblem`."""
        contents = [_ask(lambda: self._seal(tokens))]
        end = time.monotonic() + LEASE / 1000
        while True:
            try:
                written = self._ledger.perform(lambda connection: self._write(connection, tokens, contents))
                break
            except LedgerError as error:
                if time.monotonic() >= end:
                    raise _as_problem(error) from None
                time.sleep(_PAUSE)
        if not written:
            raise TokenStoreProblem("busy", "another process has fetched it meanwhile")
        self._version += 1

    def _seal(self, tokens: StoredTokens) -> bytes:
        return self._ledger.cover.put(json.dumps(as_dict(tokens)).encode(), make_token_place(self._key))

    def _write(self, connection: Connection, tokens: StoredTokens, contents: list[bytes]) -> bool:
        """Write, unless somebody else has written since this lease has read. What was written and not answered counts.

        ``contents`` are the tokens as they were sealed so far; they are sealed again if the key has changed.
        """
        if not self._ledger.cover.is_current(contents[-1]):
            contents.append(self._seal(tokens))
        values = {"of": self._key, "was": self._version, "new": contents[-1]}
        if connection.execute(_WRITE, values).rowcount == 1:
            return True
        stored = connection.execute(select(_C.content).where(_OF), {"of": self._key}).scalar()
        return stored is not None and bytes(stored) in contents

    def release(self) -> None:
        """Let others have the lease. Raises LedgerError."""
        self._ledger.perform(
            lambda connection: connection.execute(_RELEASE, {"of": self._key, "held": self._fence}).rowcount
        )


def _take(ledger: Ledger, connection: Connection, key: str) -> int | None:
    """Take the lease of a key if it is free; return its fencing number."""
    connection.execute(_ADD, {"of": key, "none": b""})
    now = ledger.database.now(connection)
    values = {"of": key, "now": now, "far": now + 2 * LEASE, "until": now + LEASE}
    if connection.execute(_TAKE, values).rowcount != 1:
        return None
    return int(connection.execute(select(_C.fence).where(_OF), {"of": key}).scalar_one())


def _ask(work: Callable[[], T]) -> T:
    """Return what a function returns. Raises TokenStoreProblem where that raises the error of a ledger, or of a store in files."""
    try:
        return work()
    except ConfobjectsError as error:
        raise _as_problem(error) from None


def _as_problem(error: ConfobjectsError) -> TokenStoreProblem:
    problem: Any = error.diagnostics[0]
    kind = (
        "sealed" if isinstance(error, SealedLedgerError) else "away" if isinstance(error, LedgerError) else "unusable"
    )
    return TokenStoreProblem(kind, ": ".join(filter(None, (problem.summary, problem.detail))))


__all__ = ["LEASE", "LedgerTokenLease", "LedgerTokenStore"]
