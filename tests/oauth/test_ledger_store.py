"""Access tokens in a ledger that several machines share: one fetch at a time, and no refresh token lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import select

from confobjects.mail.diagnosis import Trouble
from confobjects.mail.failures import TABLE
from confobjects.oauth.http import Post, make_post
from confobjects.oauth.sources import ProviderTokens
from confobjects.oauth.storing import FileTokenStore
from confobjects.sealing import RingSealer
from confobjects.sealing.ring import Key, Ring
from confobjects.service.ledger import open_ledger
from confobjects.service.tables import TOKENS
from confobjects.service.token_store import LEASE, LedgerTokenStore
from tests.conftest import ROOT
from tests.oauth.conftest import CLIENT, SECRET, Settings
from tests.servers.oauth import OAuthServer, is_active
from tests.servers.postgresql import PostgreSQL
from tests.service.conftest import KINDS, START, Clock, make_ledger_url
from tests.service.killed import FORM, open_clock

ONE, TWO = Key(b"1" * 32, "2026-11-28"), Key(b"2" * 32, "2026-11-29")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a ledger that does not exist yet."""
    return make_ledger_url(request, tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


Open = Callable[..., LedgerTokenStore]


@pytest.fixture
def open_at(clock: Clock) -> Open:
    """What opens the store in the ledger at a URL; with keys, and other options."""

    def open_another(url: str, *keys: Key, **options: Any) -> LedgerTokenStore:
        sealer = RingSealer(Ring.of(*keys), "/keys") if keys else None
        return LedgerTokenStore(
            url, lambda: open_ledger(url, sealer, unsealed=True, clock=clock, patience=5), **options
        )

    return open_another


@pytest.fixture
def open_store(url: str, open_at: Open) -> Open:
    """What opens the store in one ledger, once more each time."""
    return partial(open_at, url)


def sent_tokens(server: OAuthServer) -> list[str]:
    """Return the refresh tokens that the server was sent."""
    return [form["refresh_token"] for path, form in server.requests if path == "/token"]


def everything_kept(ledger_url: str, clock: Clock, *keys: Key) -> str:
    sealer = RingSealer(Ring.of(*keys)) if keys else None
    with (
        open_ledger(ledger_url, sealer, unsealed=True, clock=clock) as ledger,
        ledger.database.read() as connection,
    ):
        return repr([tuple(row) for row in connection.execute(select(TOKENS))])


def test_what_one_machine_has_fetched_another_uses(settings: Settings, server: OAuthServer, open_store: Open) -> None:
    given = settings("refresh-token")
    token = ProviderTokens(given, open_store()).token()
    assert is_active(server, token)
    assert ProviderTokens(given, open_store()).token() == token
    assert len(server.fetches) == 1
    other = ProviderTokens(given, open_store())
    other.refuse(token)
    assert other.token() != token
    assert len(set(sent_tokens(server))) == 2


def test_stores_of_one_ledger_are_equal(open_at: Open) -> None:
    assert open_at("sqlite:x") == open_at("sqlite:x")
    assert hash(open_at("sqlite:x")) == hash(open_at("sqlite:x"))
    assert open_at("sqlite:x") != open_at("sqlite:y")


def test_many_threads_of_two_machines_fetch_one_token(
    settings: Settings, server: OAuthServer, open_store: Open
) -> None:
    given, stores = settings("refresh-token"), [open_store(), open_store()]
    together = threading.Barrier(8)

    def ask(number: int) -> str:
        together.wait(30)
        return ProviderTokens(given, stores[number % 2]).token()

    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(ask, range(8)))
    assert len(tokens) == len(server.fetches) == 1


# -- at rest -----------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_sealed_if_there_is_a_key(
    settings: Settings, server: OAuthServer, open_store: Open, url: str, clock: Clock
) -> None:
    given = settings("refresh-token")
    token = ProviderTokens(given, open_store()).token()
    assert token in everything_kept(url, clock)
    source = ProviderTokens(given, open_store(ONE))
    assert source.token() == token  # that was written in clear
    source.refuse(token)
    fresh = source.token()
    kept = everything_kept(url, clock, ONE)
    for one in server.issued:
        assert one.access not in kept
        assert one.refresh not in kept
    assert ProviderTokens(given, open_store(TWO, ONE)).token() == fresh


@pytest.mark.parametrize("grant", ["refresh-token", "client-credentials"])
@pytest.mark.parametrize("keys", [(), (TWO,)], ids=["none", "another"])
def test_what_was_sealed_with_a_lost_key_is_an_error_and_stays(
    settings: Settings, server: OAuthServer, open_store: Open, grant: str, keys: tuple[Key, ...]
) -> None:
    given, store = settings(grant), open_store(ONE)
    token = ProviderTokens(given, store).token()
    before = everything_kept(store.name, Clock(), ONE)
    with pytest.raises(Trouble) as caught:
        ProviderTokens(given, open_store(*keys)).token()
    assert caught.value.kind == "token-store-sealed"
    assert everything_kept(store.name, Clock(), ONE) == before
    assert len(server.fetches) == 1
    assert ProviderTokens(given, open_store(ONE)).token() == token


def test_what_is_sealed_fits_its_own_row_only(
    settings: Settings, server: OAuthServer, open_store: Open, url: str
) -> None:
    first, second = settings("refresh-token"), settings("refresh-token")
    ProviderTokens(first, open_store(ONE)).token()
    with open_ledger(url, RingSealer(Ring.of(ONE))) as ledger:
        ledger.perform(lambda connection: connection.execute(TOKENS.update().values(key=second.storage_key)).rowcount)
    with pytest.raises(Trouble) as caught:
        ProviderTokens(second, open_store(ONE)).token()
    assert caught.value.kind == "token-store-sealed"
    assert len(server.fetches) == 1


# -- leases ------------------------------------------------------------------------------------------------------------


def meanwhile(work: Callable[[], object]) -> Post:
    """Return a post that does something before it sends a request, once."""
    waiting, send = [work], make_post()

    def post(*arguments: Any) -> Any:
        if waiting:
            waiting.pop()()
        return send(*arguments)

    return post


def test_while_one_fetches_the_other_waits_and_is_told_if_it_takes_too_long(
    settings: Settings, server: OAuthServer, open_store: Open
) -> None:
    given, told = settings("refresh-token"), []

    def ask() -> None:
        with pytest.raises(Trouble) as caught:
            ProviderTokens(given, open_store(patience=0.0)).token()
        told.append(caught.value.kind)

    ProviderTokens(given, open_store(), post=meanwhile(ask)).token()
    assert told == ["token-store-busy"]
    assert len(server.fetches) == 1


def test_a_lease_that_ends_while_nobody_else_asks_loses_nothing(
    settings: Settings, server: OAuthServer, open_store: Open, clock: Clock
) -> None:
    given = settings("refresh-token")

    def turn() -> None:
        clock.now += 10 * LEASE

    token = ProviderTokens(given, open_store(), post=meanwhile(turn)).token()
    assert ProviderTokens(given, open_store()).token() == token
    assert len(server.fetches) == 1


@pytest.mark.parametrize("jump", [LEASE, 86_400_000, -86_400_000], ids=["end", "forward", "back"])
def test_whoever_was_overtaken_overwrites_nothing(
    settings: Settings, server: OAuthServer, open_store: Open, clock: Clock, jump: int
) -> None:
    given, fetched = settings("refresh-token"), []
    server.rotates = False  # else the second of them would be refused

    def overtake() -> None:
        clock.now += jump
        fetched.append(ProviderTokens(given, open_store()).token())

    with pytest.raises(Trouble) as caught:
        ProviderTokens(given, open_store(), post=meanwhile(overtake)).token()
    assert caught.value.kind == "token-store-busy"
    assert TABLE[caught.value.kind].retry
    assert [ProviderTokens(given, open_store()).token()] == fetched


def test_whoever_overtakes_in_vain_spoils_nothing(
    settings: Settings, server: OAuthServer, open_store: Open, clock: Clock
) -> None:
    given, told, send = settings("refresh-token"), [], make_post()

    def post(*arguments: Any) -> Any:
        answer = send(*arguments)  # the provider has taken the refresh token back; then this machine is slow
        clock.now += LEASE
        with pytest.raises(Trouble) as caught:
            ProviderTokens(given, open_store()).token()
        told.append(caught.value.kind)
        return answer

    token = ProviderTokens(given, open_store(), post=post).token()
    assert told == ["token-invalid-grant"]
    assert ProviderTokens(given, open_store()).token() == token


# -- without the database ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgreSQL]:
    """A server that is stopped and started."""
    with PostgreSQL() as started:
        yield started


def test_without_the_database_no_refresh_token_is_sent_and_the_rest_goes_on(
    settings: Settings, server: OAuthServer, own_server: PostgreSQL, open_at: Open
) -> None:
    store = open_at(own_server.make_database())
    consented, other = settings("refresh-token"), settings()
    token = ProviderTokens(consented, store).token()
    own_server.stop()
    try:
        before = len(server.fetches)
        for attempt in (store, open_at(store.name)):
            with pytest.raises(Trouble) as caught:
                ProviderTokens(consented, attempt).token()
            assert caught.value.kind == "token-store-away"
            assert TABLE[caught.value.kind].retry
        assert len(server.fetches) == before
        assert is_active(server, ProviderTokens(other, store).token())
    finally:
        own_server.start()
    assert ProviderTokens(consented, store).token() == token


def test_a_database_that_is_restarted_in_the_middle_loses_nothing(
    settings: Settings, server: OAuthServer, own_server: PostgreSQL, open_at: Open
) -> None:
    given, store, send = settings("refresh-token"), open_at(own_server.make_database()), make_post()
    answered, is_down = threading.Event(), threading.Event()

    def post(*arguments: Any) -> Any:
        answer = send(*arguments)
        answered.set()
        is_down.wait(30)
        return answer

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ProviderTokens(given, store, post=post).token)
        answered.wait(30)
        own_server.stop()
        is_down.set()
        own_server.start()
        token = asked.result(60)
    assert ProviderTokens(given, open_at(store.name)).token() == token
    assert len(server.fetches) == 1


# -- machines ----------------------------------------------------------------------------------------------------------


class Machine:
    """A process that asks for tokens."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-m", "tests.oauth.machine", *words]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, bufsize=1
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture
def shared_clock(tmp_path: Path) -> Path:
    path = tmp_path / "clock"
    path.write_bytes(FORM.pack(START))
    return path


@pytest.fixture
def start(
    settings: Settings, server: OAuthServer, postgresql: PostgreSQL, shared_clock: Path, tmp_path: Path
) -> Iterator[Callable[[], Machine]]:
    """What starts one more machine, all of them with one provider and one database."""
    given, ledger = settings("refresh-token"), postgresql.make_database()
    words = (ledger, str(shared_clock), given.token_endpoint.url, CLIENT, SECRET, given.refresh_token)
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Machine(*words, str(tmp_path / "authority.pem")))


def test_two_machines_at_once_refresh_once_and_lose_nothing(server: OAuthServer, start: Callable[[], Machine]) -> None:
    server.lifetime = 60  # each request needs a new token: it ends before it is renewed
    machines = [start() for _ in range(3)]
    rounds = 4
    for _ in range(rounds):
        for machine in machines:
            machine.say("token")
        tokens = [machine.hear() for machine in machines]
        assert all(is_active(server, token) for token in tokens), tokens
    sent = sent_tokens(server)
    assert len(sent) == len(set(sent)) == rounds * len(machines)
    server.lifetime = 3600
    for machine in machines:
        machine.say("token")
    assert len({machine.hear() for machine in machines}) == 1
    assert len(sent_tokens(server)) == len(sent) + 1


def test_a_machine_that_is_killed_while_it_asks_keeps_nobody_waiting_for_longer_than_its_lease(
    server: OAuthServer, start: Callable[[], Machine], shared_clock: Path
) -> None:
    first, second = start(), start()
    first.say("hold")
    first.say("token")
    assert first.hear() == "asking"
    second.say("token")
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    _, set_clock = open_clock(str(shared_clock))
    set_clock(START + LEASE - 1)
    assert server.fetches == []
    set_clock(START + LEASE)
    token = second.hear()
    assert is_active(server, token), token
    third = start()
    third.say("token")
    assert third.hear() == token
    assert len(server.fetches) == 1


# -- from files --------------------------------------------------------------------------------------------------------


def test_what_was_kept_in_files_moves_into_the_ledger(
    settings: Settings, server: OAuthServer, open_store: Open, tmp_path: Path
) -> None:
    given, files = settings("refresh-token"), FileTokenStore(str(tmp_path / "tokens"))
    token = ProviderTokens(given, files).token()
    assert ProviderTokens(given, open_store(before=files)).token() == token
    assert not files.has(given.storage_key)
    source = ProviderTokens(given, open_store())
    assert source.token() == token
    source.refuse(token)
    assert source.token() != token
    sent = sent_tokens(server)
    assert sent[0] == given.refresh_token
    assert len(set(sent)) == len(sent) == 2


def test_what_the_ledger_has_counts_more_than_an_old_file(
    settings: Settings, server: OAuthServer, open_store: Open, tmp_path: Path
) -> None:
    given, files = settings("refresh-token"), FileTokenStore(str(tmp_path / "tokens"))
    ProviderTokens(given, files).token()
    old = (tmp_path / "tokens" / f"{given.storage_key}.json").read_bytes()
    source = ProviderTokens(given, open_store(before=files))
    source.refuse(source.token())
    token = source.token()
    (tmp_path / "tokens" / f"{given.storage_key}.json").write_bytes(
        old
    )  # as if it had been killed before it was removed
    assert ProviderTokens(given, open_store(before=files)).token() == token


def test_a_file_that_cannot_be_opened_is_an_error_and_stays(
    settings: Settings, server: OAuthServer, open_store: Open, tmp_path: Path
) -> None:
    given, directory = settings("refresh-token"), str(tmp_path / "tokens")
    ProviderTokens(given, FileTokenStore(directory, lambda: RingSealer(Ring.of(ONE)))).token()
    files = FileTokenStore(directory, lambda: RingSealer(Ring.of(TWO)))
    with pytest.raises(Trouble) as caught:
        ProviderTokens(given, open_store(TWO, before=files)).token()
    assert caught.value.kind == "token-store-sealed"
    assert files.has(given.storage_key)
    assert len(server.fetches) == 1
