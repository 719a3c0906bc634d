"""Access tokens as logins get them, from a server that checks what it is given."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from confobjects.diagnostics import Diagnostic
from confobjects.errors import StorageError
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.mail.diagnosis import Trouble
from confobjects.oauth.sources import ProviderTokens
from confobjects.oauth.storing import FileTokenStore, StoredTokens
from confobjects.sealing import RingSealer, open_sealer
from confobjects.sealing.ring import Key, Ring
from tests.oauth.conftest import CLIENT, SECRET, Settings
from tests.servers.oauth import USER, Lie, OAuthServer, is_active


@pytest.fixture
def store(tmp_path: Path) -> FileTokenStore:
    return FileTokenStore(str(tmp_path / "config.ldif.tokens"))


class Hands:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.mark.parametrize(
    "chosen",
    [
        {"grant": "client-credentials"},
        {"grant": "client-credentials", "authentication": "post"},
        {"grant": "client-credentials", "authentication": "private-key-jwt"},
        {"grant": "refresh-token"},
        {"grant": "refresh-token", "authentication": "post"},
        {"grant": "jwt-bearer"},
    ],
    ids=lambda chosen: "-".join(chosen.values()),
)
def test_every_grant_gets_a_token_once(
    chosen: dict[str, Any], settings: Settings, server: OAuthServer, store: FileTokenStore
) -> None:
    source = ProviderTokens(settings(**chosen), store)
    token = source.token()
    assert is_active(server, token)
    assert source.token() == token
    assert ProviderTokens(source.settings, FileTokenStore(store.directory)).token() == token  # as another process does
    assert len(server.fetches) == 1


def test_a_service_account_asks_for_its_subject(settings: Settings, server: OAuthServer, store: FileTokenStore) -> None:
    ProviderTokens(settings("jwt-bearer"), store).token()
    assert [one.user for one in server.issued] == [USER]


def test_a_token_is_renewed_ninety_seconds_before_its_end(
    settings: Settings, server: OAuthServer, store: FileTokenStore
) -> None:
    clock = Hands()
    source = ProviderTokens(settings(), store, clock=clock)
    first = source.token()
    clock.ahead = 3600 - 95
    assert source.token() == first
    clock.ahead = 3600 - 85
    assert source.token() != first


def test_a_refused_token_is_given_out_by_nobody(settings: Settings, server: OAuthServer, store: FileTokenStore) -> None:
    source, other = (ProviderTokens(settings(), FileTokenStore(store.directory)) for _ in range(2))
    refused = source.token()
    assert other.token() == refused
    source.refuse(refused)
    fresh = source.token()
    assert fresh != refused
    other.refuse(refused)  # it has heard later of it, and does not throw away what is good
    assert other.token() == fresh
    assert len(server.fetches) == 2


# -- rotation ----------------------------------------------------------------------------------------------------------


def test_a_new_refresh_token_is_used_from_then_on(
    settings: Settings, server: OAuthServer, store: FileTokenStore
) -> None:
    given = settings("refresh-token")
    for _ in range(3):
        source = ProviderTokens(given, FileTokenStore(store.directory))
        source.refuse(source.token())
    sent = [form["refresh_token"] for path, form in server.requests if path == "/token"]
    assert sent[0] == given.refresh_token
    assert len(set(sent)) == len(sent) == 3


def test_a_rotated_token_is_on_the_disk_before_the_access_token_is_used(
    settings: Settings, server: OAuthServer, store: FileTokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    replace, sync = os.replace, os.fsync

    def noted_replace(*paths: str) -> None:
        replace(*paths)
        events.append("replaced")

    def noted_sync(descriptor: int) -> None:
        sync(descriptor)
        events.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")

    monkeypatch.setattr(os, "replace", noted_replace)
    monkeypatch.setattr(os, "fsync", noted_sync)
    ProviderTokens(settings("refresh-token"), store).token()
    assert events == ["file", "replaced", "directory"]


def test_without_a_place_for_the_new_refresh_token_none_is_asked_for(
    settings: Settings, server: OAuthServer, tmp_path: Path
) -> None:
    (tmp_path / "in the way").write_text("")
    source = ProviderTokens(settings("refresh-token"), FileTokenStore(str(tmp_path / "in the way")))
    with pytest.raises(Trouble) as caught:
        source.token()
    assert caught.value.kind == "token-store-unusable"
    assert server.fetches == []


def test_a_grant_without_consent_needs_no_place(settings: Settings, server: OAuthServer, tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")
    source = ProviderTokens(settings(), FileTokenStore(str(tmp_path / "in the way")))
    assert is_active(server, source.token())
    assert source.token()
    assert len(server.fetches) == 1


# -- changes of the provider -------------------------------------------------------------------------------------------


def test_a_change_of_the_settings_drops_the_access_token_and_keeps_the_refresh_token(
    settings: Settings, server: OAuthServer, store: FileTokenStore
) -> None:
    first = settings("refresh-token")
    token = ProviderTokens(first, store).token()
    changed = first.replace(authentication="post")
    assert ProviderTokens(changed, store).token() != token
    sent = [form["refresh_token"] for path, form in server.requests if path == "/token"]
    assert sent[1] != first.refresh_token  # the one that the first request has brought


def test_a_refresh_token_goes_to_no_other_endpoint(
    settings: Settings, server: OAuthServer, store: FileTokenStore
) -> None:
    first = settings("refresh-token")
    ProviderTokens(first, store).token()
    endpoint = first.token_endpoint.replace(target="/token?elsewhere")
    with pytest.raises(Trouble):
        ProviderTokens(first.replace(token_endpoint=endpoint), store).token()
    assert server.requests[-1][1]["refresh_token"] == first.refresh_token  # what the object says, not what is kept


def test_a_new_consent_begins_anew(settings: Settings, server: OAuthServer, store: FileTokenStore) -> None:
    first = settings("refresh-token")
    ProviderTokens(first, store).token()
    again = first.replace(refresh_token=server.consent(CLIENT))
    ProviderTokens(again, store).token()
    assert server.requests[-1][1]["refresh_token"] == again.refresh_token


# -- together ----------------------------------------------------------------------------------------------------------


def test_many_threads_fetch_one_token(settings: Settings, server: OAuthServer, store: FileTokenStore) -> None:
    given = settings("refresh-token")
    together = threading.Barrier(8)

    def ask(_: int) -> str:
        source = ProviderTokens(given, FileTokenStore(store.directory))
        together.wait(30)
        return source.token()

    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(ask, range(8)))
    assert len(tokens) == len(server.fetches) == 1


ASK = """
import sys
from confobjects.mail.plan import TrustSource
from confobjects.oauth.protocol.settings import ProviderSettings, parse_endpoint
from confobjects.oauth.sources import ProviderTokens
from confobjects.oauth.storing import FileTokenStore, StoredTokens
directory, url, client, secret, refresh, trusted = sys.argv[1:]
trust = TrustSource("file-based-trust-manager-provider", "/trust-manager-provider/test",
                    {"enabled": True, "trust-store-file": trusted})
settings = ProviderSettings("/oauth2-provider/test", "test", "refresh-token", parse_endpoint(url), client, "basic",
                            secret=secret, refresh_token=refresh, scope=("mail.send",), trust=trust)
source = ProviderTokens(settings, FileTokenStore(directory))
sys.stdin.readline()
print(source.token())
"""


def test_two_processes_fetch_one_token(
    settings: Settings, server: OAuthServer, store: FileTokenStore, tmp_path: Path
) -> None:
    given = settings("refresh-token")
    arguments = [store.directory, given.token_endpoint.url, CLIENT, SECRET, given.refresh_token]
    command = [sys.executable, "-c", ASK, *arguments, str(tmp_path / "authority.pem")]
    children = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    tokens = {child.communicate(timeout=60)[0].strip() for child in children}
    assert len(tokens) == 1
    assert is_active(server, tokens.pop())
    assert len(server.fetches) == 1


def test_whoever_waits_too_long_is_told(settings: Settings, server: OAuthServer, store: FileTokenStore) -> None:
    given = settings()
    with store.hold(given.storage_key), pytest.raises(Trouble) as caught:
        ProviderTokens(given, FileTokenStore(store.directory, patience=0.0)).token()
    assert caught.value.kind == "token-store-busy"
    assert server.fetches == []


# -- at rest -----------------------------------------------------------------------------------------------------------


def test_what_is_kept_can_be_read_by_this_user_only(
    settings: Settings, server: OAuthServer, store: FileTokenStore
) -> None:
    source = ProviderTokens(settings("refresh-token"), store)
    token = source.token()
    directory = Path(store.directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    files = sorted(directory.iterdir())
    assert [stat.S_IMODE(one.stat().st_mode) for one in files] == [0o600] * len(files)
    assert [one.name for one in files] == [f"{source.settings.storage_key}{end}" for end in (".json", ".lock")]
    assert token in files[0].read_text()


def test_a_directory_that_others_may_write_is_not_used(
    settings: Settings, server: OAuthServer, store: FileTokenStore
) -> None:
    os.mkdir(store.directory)
    os.chmod(store.directory, 0o777)
    with pytest.raises(Trouble) as caught:
        ProviderTokens(settings("refresh-token"), store).token()
    assert caught.value.kind == "token-store-unusable"


class Keys:
    """Keys in memory, which a test changes."""

    def __init__(self, *keys: Key) -> None:
        self.keys = keys

    def __call__(self) -> RingSealer | None:
        return RingSealer(Ring.of(*self.keys), "/keys") if self.keys else None


ONE, TWO = Key(b"1" * 32, "2026-11-28"), Key(b"2" * 32, "2026-11-29")


def kept_file(store: FileTokenStore) -> Path:
    [file] = Path(store.directory).glob("*.json")
    return file


def test_what_is_kept_is_sealed_if_there_is_a_key(
    settings: Settings, server: OAuthServer, store: FileTokenStore
) -> None:
    given = settings("refresh-token")
    token = ProviderTokens(given, FileTokenStore(store.directory, Keys(ONE))).token()
    kept = next(one for one in server.issued if one.access == token).refresh
    written = kept_file(store).read_bytes()
    for secret in (token, kept, given.refresh_token, SECRET):
        assert secret.encode() not in written
    assert ProviderTokens(given, FileTokenStore(store.directory, Keys(TWO, ONE))).token() == token
    assert len(server.fetches) == 1


@pytest.mark.parametrize("grant", ["refresh-token", "client-credentials"])
@pytest.mark.parametrize("keys", [(), (TWO,)], ids=["none", "another"])
def test_what_was_sealed_with_a_lost_key_is_an_error_and_stays(
    settings: Settings, server: OAuthServer, store: FileTokenStore, grant: str, keys: tuple[Key, ...]
) -> None:
    given = settings(grant)
    token = ProviderTokens(given, FileTokenStore(store.directory, Keys(ONE))).token()
    written = kept_file(store).read_bytes()
    source = ProviderTokens(given, FileTokenStore(store.directory, Keys(*keys)))
    for attempt in (source.token, source.fetch, lambda: source.refuse(token)):
        with pytest.raises(Trouble) as caught:
            attempt()
        assert caught.value.kind == "token-store-sealed"
        cause = f"its key {ONE.id} is not in /keys" if keys else "this process has no keys"
        assert cause in caught.value.facts["message"]
        assert str(kept_file(store)) in caught.value.facts["message"]
    assert kept_file(store).read_bytes() == written
    assert len(server.fetches) == 1
    assert ProviderTokens(given, FileTokenStore(store.directory, Keys(ONE))).token() == token


def test_what_was_kept_in_clear_is_read_and_sealed_when_it_is_written_next(
    settings: Settings, server: OAuthServer, store: FileTokenStore
) -> None:
    given = settings("refresh-token")
    token = ProviderTokens(given, store).token()
    source = ProviderTokens(given, FileTokenStore(store.directory, Keys(ONE)))
    assert source.token() == token
    assert token.encode() in kept_file(store).read_bytes()
    source.refuse(token)
    fresh = source.token()
    for one in server.issued:
        assert one.access.encode() not in kept_file(store).read_bytes()
        assert one.refresh.encode() not in kept_file(store).read_bytes()
    assert ProviderTokens(given, FileTokenStore(store.directory, Keys(ONE))).token() == fresh
    sent = [form["refresh_token"] for path, form in server.requests if path == "/token"]
    assert len(set(sent)) == 2


def test_a_token_is_sealed_with_the_key_that_counts_after_it_was_written(tmp_path: Path) -> None:
    """A rotation looks at what is kept before a new token is there, and drops the old key afterwards."""
    old, new = Key(b"1" * 32, "2026-11-28"), Key(b"2" * 32, "2026-11-29")
    rings = [Ring.of(old), Ring.of(old), Ring.of(new, old)]  # when it is held, when it is sealed, when it is written
    store = FileTokenStore(str(tmp_path / "tokens"), lambda: RingSealer(rings.pop(0) if len(rings) > 1 else rings[0]))
    tokens = StoredTokens("s", "c", refresh="r")
    with store.hold("ab") as lease:
        lease.write(tokens)
    assert store.find_key_id("ab") == new.id
    rings[:] = [Ring.of(new)]
    with store.hold("ab") as lease:
        assert lease.read() == tokens


def test_a_token_is_kept_even_if_the_keys_cannot_be_used_any_more(tmp_path: Path) -> None:
    """The provider has replaced the refresh token already."""
    sealer = RingSealer(Ring.of(Key(b"1" * 32, "2026-11-28")))
    gone = threading.Event()

    def open_now() -> RingSealer:
        if gone.is_set():
            raise StorageError(Diagnostic("storage-failed", "others have rights to it", origin="keys"))
        return sealer

    store = FileTokenStore(str(tmp_path / "tokens"), open_now)
    tokens = StoredTokens("s", "c", refresh="r")
    with store.hold("ab") as lease:
        gone.set()
        lease.write(tokens)
    gone.clear()
    with store.hold("ab") as lease:
        assert lease.read() == tokens


def test_what_is_sealed_fits_its_own_file_only(settings: Settings, server: OAuthServer, store: FileTokenStore) -> None:
    first, second = settings("refresh-token"), settings("refresh-token")
    keys = Keys(ONE)
    ProviderTokens(first, FileTokenStore(store.directory, keys)).token()
    os.rename(kept_file(store), Path(store.directory) / f"{second.storage_key}.json")
    with pytest.raises(Trouble) as caught:
        ProviderTokens(second, FileTokenStore(store.directory, keys)).token()
    assert caught.value.kind == "token-store-sealed"
    assert "sealed for something else" in caught.value.facts["message"]


def test_a_sealed_file_that_is_damaged_is_told_and_stays(
    settings: Settings, server: OAuthServer, store: FileTokenStore
) -> None:
    given, keys = settings("refresh-token"), Keys(ONE)
    ProviderTokens(given, FileTokenStore(store.directory, keys)).token()
    file = kept_file(store)
    document = json.loads(file.read_text())
    for text in ("", "x", document["sealed"][:-9], f"{document['sealed'][:17]}AAAA{document['sealed'][21:]}"):
        file.write_text(json.dumps({**document, "sealed": text}))
        with pytest.raises(Trouble) as caught:
            ProviderTokens(given, FileTokenStore(store.directory, keys)).token()
        assert caught.value.kind == "token-store-sealed"
        assert json.loads(file.read_text())["sealed"] == text
    assert len(server.fetches) == 1


def test_without_usable_keys_no_token_is_asked_for(
    settings: Settings, server: OAuthServer, tmp_path: Path, store: FileTokenStore
) -> None:
    environment = {KEY_FILE_VARIABLE: str(tmp_path / "keys" / "missing")}
    for grant in ("refresh-token", "client-credentials"):
        given = settings(grant)
        with pytest.raises(Trouble) as caught:
            ProviderTokens(given, FileTokenStore(store.directory, lambda: open_sealer(environment))).token()
        assert caught.value.kind == "token-store-sealed"
        assert "there is no file of keys here" in caught.value.facts["message"]
    assert server.fetches == []
    assert not os.path.exists(store.directory)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": 1}', '{"format": 1, "tokens": {"access": 1}}', "\xff"]
)
def test_a_damaged_file_counts_as_none(
    text: str, settings: Settings, server: OAuthServer, store: FileTokenStore
) -> None:
    given = settings()
    first = ProviderTokens(given, store).token()
    [file] = Path(store.directory).glob("*.json")
    file.write_text(text, encoding="latin-1")
    assert ProviderTokens(given, store).token() != first


def test_a_link_in_place_of_the_file_is_not_followed(
    settings: Settings, server: OAuthServer, store: FileTokenStore, tmp_path: Path
) -> None:
    given = settings("refresh-token")
    ProviderTokens(given, store).token()
    [file] = Path(store.directory).glob("*.json")
    file.rename(tmp_path / "moved")
    file.symlink_to(tmp_path / "moved")
    with pytest.raises(Trouble) as caught:
        ProviderTokens(given, store).token()
    assert caught.value.kind == "token-store-unusable"


def test_a_token_that_ends_at_once_is_still_used_once(
    settings: Settings, server: OAuthServer, store: FileTokenStore
) -> None:
    server.lifetime = 1
    source = ProviderTokens(settings(), store)
    assert source.token() != source.token()


def test_nothing_that_is_printed_has_a_secret(settings: Settings, server: OAuthServer, store: FileTokenStore) -> None:
    given = settings("refresh-token")
    source = ProviderTokens(given, store)
    token = source.token()
    with store.hold(given.storage_key) as lease:
        shown = repr([given, source, lease.read(), Lie(body=b"")])
    assert token not in shown
    assert SECRET not in shown
    assert given.refresh_token not in shown
