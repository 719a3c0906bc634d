"""The keys of a ledger: counted without a key, and replaced while mail is accepted and delivered."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from confobjects.errors import LedgerError
from confobjects.oauth.storing import StoredTokens
from confobjects.sealing import RingSealer
from confobjects.sealing.ring import Key, Ring
from confobjects.service.ledger import Mail, open_ledger
from confobjects.service.ledger_keys import count_keys, reseal
from confobjects.service.rules.settings import Settings
from confobjects.service.rules.states import State
from confobjects.service.tables import CONTENTS, PARTS, STANDINGS, TOKENS, UPGRADES, make_token_place, read_version
from confobjects.service.token_store import LedgerTokenStore
from confobjects.service.work import Work
from tests.servers.postgresql import PostgreSQL
from tests.service.conftest import Clock
from tests.service.first_ledger import KEY, QUEUED, make_first_ledger

OLD, NEW = Key(b"1" * 32, "2026-11-28"), Key(b"2" * 32, "2026-11-29")
SETTINGS = Settings(sender="one")
MAIL = Mail(b"Subject: hello\r\n\r\nbody\r\n", "me@example.com", ("ann@example.com",), "account")
CANARIES = (b"hello", b"example.com", b"tok canary")


def sealer(*keys: Key) -> RingSealer:
    return RingSealer(Ring.of(*keys))


class Changing:
    """The keys of now, as a service has them that reads their file again."""

    def __init__(self, *keys: Key) -> None:
        self.keys = keys

    @property
    def key_id(self) -> str:
        return self.keys[0].id

    def seal(self, plain: bytes, context: bytes) -> str:
        return sealer(*self.keys).seal(plain, context)

    def unseal(self, sealed: str, context: bytes) -> bytes:
        return sealer(*self.keys).unseal(sealed, context)


class Rotating(Changing):
    """Keys that are replaced, with all that they have sealed, after something was sealed and before it is written."""

    def __init__(self, url: str) -> None:
        super().__init__(OLD)
        self._url = url
        self.rotates = False

    def seal(self, plain: bytes, context: bytes) -> str:
        sealed = super().seal(plain, context)
        if self.rotates:
            self.rotates = False
            self.keys = (NEW, OLD)
            reseal(self._url, self, NEW.id)
            assert OLD.id not in count_keys(self._url)
            self.keys = (NEW,)
        return sealed


def everything(url: str, *keys: Key) -> bytes:
    """Return all values that the ledger may seal, as they are stored."""
    with open_ledger(url, sealer(*keys)) as ledger, ledger.database.read() as connection:
        found = [row for table in (PARTS, CONTENTS, STANDINGS, TOKENS) for row in connection.execute(select(table))]
    return b"\n".join(value for row in found for value in row if isinstance(value, bytes))


@pytest.fixture
def filled(url: str, clock: Clock) -> str:
    """A ledger in clear, with a mail that failed, one that waits, and a token."""
    with open_ledger(url, unsealed=True, clock=clock) as ledger:
        for _ in range(2):
            ledger.accept(MAIL, SETTINGS)
        content = ledger.cover.put(json.dumps("tok canary").encode(), make_token_place("ab"))
        row = {"key": "ab", "content": content, "version": 1, "fence": 0, "lease": 0}
        empty = {"key": "cd", "content": b"", "version": 0, "fence": 1, "lease": 0}
        ledger.perform(lambda connection: connection.execute(TOKENS.insert(), [row, empty]).rowcount)
    return url


def test_a_ledger_is_counted_sealed_and_sealed_again(filled: str) -> None:
    assert count_keys(filled) == {"": 7}  # the key of digests, two envelopes, two contents, an address, a token
    done = reseal(filled, sealer(OLD), OLD.id)
    assert (done.count, done.problems) == (7, ())
    assert count_keys(filled) == {OLD.id: 7}
    assert not any(canary in everything(filled, OLD) for canary in CANARIES)
    assert reseal(filled, sealer(NEW, OLD), NEW.id).count == 7
    assert count_keys(filled) == {NEW.id: 7}
    assert OLD.id.encode() not in everything(filled, NEW)
    assert reseal(filled, sealer(NEW, OLD), NEW.id).count == 0
    with open_ledger(filled, sealer(NEW)) as ledger:
        assert {one.address for one in ledger.list_standings()} == {"ann@example.com"}
        assert [one.from_ for one in ledger.list()] == ["me@example.com"] * 2


def test_what_cannot_be_opened_stays_and_the_rest_is_sealed(filled: str) -> None:
    reseal(filled, sealer(OLD), OLD.id)
    with open_ledger(filled, sealer(NEW, OLD)) as ledger:
        ledger.accept(MAIL.replace(category=""), SETTINGS)
    done = reseal(filled, sealer(NEW), NEW.id)
    assert done.count == 0
    [problem] = done.problems
    assert OLD.id in problem.summary
    assert count_keys(filled) == {OLD.id: 7, NEW.id: 2}


def test_mail_is_accepted_and_taken_while_a_ledger_is_sealed_again(filled: str) -> None:
    keys = Changing(OLD)
    reseal(filled, keys, OLD.id)
    began, stop = threading.Event(), threading.Event()
    accepted: list[str] = []

    def work() -> None:
        with open_ledger(filled, keys) as ledger:
            runner = Work(ledger, "r1")
            while not stop.is_set() or len(accepted) < 30:
                accepted.append(ledger.accept(MAIL.replace(category=""), SETTINGS))
                runner.give_back([one.held for one in runner.take(3, SETTINGS, {"one": "1"}).deliveries])
                began.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert began.wait(30)
    keys.keys = (NEW, OLD)
    for _ in range(3):
        assert reseal(filled, keys, NEW.id).problems == ()
    stop.set()
    thread.join(60)
    assert count_keys(filled) == {NEW.id: 7 + 2 * len(accepted)}
    with open_ledger(filled, sealer(NEW)) as ledger:
        assert {one.id for one in ledger.list(most=10_000)} >= set(accepted)


def test_mail_that_was_sealed_before_a_rotation_and_is_accepted_after_it_is_sealed_with_the_new_key(url: str) -> None:
    keys = Rotating(url)
    with open_ledger(url, keys) as ledger:
        keys.rotates = True
        mail = ledger.accept(MAIL, SETTINGS)
        assert set(count_keys(url)) == {NEW.id}
        assert [one.held.part.mail for one in Work(ledger, "r1").take(3, SETTINGS, {}).deliveries] == [mail]


def test_a_token_that_was_sealed_before_a_rotation_and_is_written_after_it_is_sealed_with_the_new_key(url: str) -> None:
    keys = Rotating(url)
    store = LedgerTokenStore(url, lambda: open_ledger(url, keys))
    with store.hold("ab") as lease:
        keys.rotates = True
        lease.write(StoredTokens("s", "c", refresh="r"))
    assert set(count_keys(url)) == {NEW.id}
    with store.hold("ab") as lease:
        assert lease.read() == StoredTokens("s", "c", refresh="r")


def test_what_was_sealed_in_a_transaction_is_sealed_again_if_the_key_has_changed_meanwhile(url: str) -> None:
    keys = Changing(OLD)
    with open_ledger(url, keys) as ledger:
        ledger.accept(MAIL.replace(category=""), SETTINGS)
        put = ledger.cover.put

        def change(connection: Connection) -> None:
            connection.execute(CONTENTS.update().values(content=put(b"text", "a place")))
            keys.keys = (NEW, OLD)

        ledger.perform(change)
    assert count_keys(url) == {OLD.id: 2, NEW.id: 1}


def test_a_ledger_of_an_older_release_is_counted_as_it_is_and_brought_up_to_date_to_be_sealed(
    url: str, clock: Clock
) -> None:
    make_first_ledger(url)
    assert count_keys(url) == {KEY.id: 7}
    assert reseal(url, sealer(NEW, KEY), NEW.id).count == 7
    with open_ledger(url, sealer(NEW), clock=clock) as ledger:
        assert ledger.perform(read_version) == len(UPGRADES)
        assert ledger.find(QUEUED).state is State.QUEUED


def test_a_ledger_that_was_never_opened_stays_as_it_is(postgresql: PostgreSQL) -> None:
    url = postgresql.make_database()
    assert count_keys(url) == {}
    assert reseal(url, sealer(NEW), NEW.id).count == 0
    assert count_keys(url) == {}


@pytest.mark.parametrize("ask", [count_keys, lambda url: reseal(url, sealer(NEW), NEW.id)], ids=["count", "reseal"])
def test_a_ledger_that_is_not_there_is_told_and_not_made(tmp_path: object, ask: Callable[[str], object]) -> None:
    with pytest.raises(LedgerError, match="there is no file"):
        ask(f"sqlite:{tmp_path}/ledger.db")
    with pytest.raises(LedgerError, match="unavailable"):
        ask("postgresql://postgres@127.0.0.1:1/ledger")


def test_old_values_that_a_reader_keeps_in_the_files_are_told(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    url = f"sqlite:{file}"
    with open_ledger(url, unsealed=True) as ledger:
        ledger.accept(MAIL, SETTINGS)
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM ledger_parts").fetchone() == (1,)
        with pytest.raises(LedgerError, match="still in the files"):
            reseal(url, sealer(NEW), NEW.id, patience=0.1)
        reader.execute("ROLLBACK")
    assert reseal(url, sealer(NEW), NEW.id).count == 0
    assert not any(canary in one.read_bytes() for one in tmp_path.iterdir() for canary in CANARIES)
