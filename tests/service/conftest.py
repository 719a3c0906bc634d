"""Ledgers for the tests: one on SQLite and one on PostgreSQL, with a clock that the test turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from confobjects.service.ledger import Ledger, open_ledger
from tests.servers.postgresql import PostgreSQL

START: Final = 1_800_000_000_000
KINDS: Final = ("sqlite", "postgresql")


class Clock:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make_ledger_url(request: pytest.FixtureRequest, directory: Path) -> str:
    """Return the URL of a ledger of the kind that a fixture is asked for. The ledger does not exist yet."""
    if request.param == "sqlite":
        return f"sqlite:{directory / 'ledger.db'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.make_database()


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a ledger that does not exist yet."""
    return make_ledger_url(request, tmp_path)


@pytest.fixture
def open_it(url: str, clock: Clock) -> Iterator[Callable[[], Ledger]]:
    """What opens the ledger, once more each time."""
    opened: list[Ledger] = []

    def open_another() -> Ledger:
        opened.append(open_ledger(url, unsealed=True, clock=clock, patience=5))
        return opened[-1]

    yield open_another
    for one in opened:
        one.close()


@pytest.fixture
def ledger(open_it: Callable[[], Ledger]) -> Ledger:
    return open_it()
