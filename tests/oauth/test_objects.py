"""The object itself: what its definition refuses, and the command that tests it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import confobjects
from confobjects.errors import OAuthError
from confobjects.oauth.opening import source_for
from confobjects.oauth.places import token_directory
from tests.cli.sessions import Outcome, run
from tests.oauth.conftest import CLIENT, SECRET, write_trust_and_secret
from tests.servers.certificates import Authority
from tests.servers.oauth import SCOPE, USER, OAuthServer, is_active

URL = "https://login.example/token"
GOOD = {"enabled": "true", "grant-type": "client-credentials", "token-endpoint": URL, "client-id": "c"}
KEY = {"private-key": "k"}
SECRETS = {"client-secret": "canary-old", "refresh-token": "canary-first"}


def words_for(**values: str) -> list[str]:
    return [word for name, value in values.items() for word in ("--set", f"{name.replace('_', '-')}:{value}")]


def create(*more: str, name: str = "p", **values: str) -> Outcome:
    given = {**GOOD, **{one.replace("_", "-"): value for one, value in values.items()}}
    words = [word for one, value in given.items() if value for word in ("--set", f"{one}:{value}")]
    return run("create-oauth2-provider", "--provider-name", name, *words, "--no-prompt", *more)


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONFOBJECTS_URL", f"ldif:{tmp_path / 'config.ldif'}")


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({}, "client-secret"),
        ({"grant_type": "refresh-token"}, "refresh-token"),
        ({"grant_type": "authorization-code"}, "authorization-endpoint"),
        ({"grant_type": "device-code"}, "device-authorization-endpoint"),
        ({"grant_type": "jwt-bearer"}, "private-key"),
        ({"client_authentication": "private-key-jwt"}, "private-key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_grant_says_what_it_needs(values: Mapping[str, str], missing: str) -> None:
    outcome = create(**values)
    assert outcome.status == 11
    assert f"{missing} is required when" in outcome.err


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:1"])
def test_clear_text_stays_on_this_machine(host: str) -> None:
    assert create(token_endpoint=f"http://{host}/token", client_secret="x").status == 0


@pytest.mark.parametrize("name", ["token-endpoint", "authorization-endpoint", "device-authorization-endpoint"])
@pytest.mark.parametrize(
    ("url", "status", "words"),
    [
        ("http://login.example/token", 11, "is http on another machine"),
        ("https://ann@login.example/token", 11, "contains a user name"),
        ("https://ann:canary@login.example/token", 10, "the password in the URL is a secret"),
        ("https://login.example/\u00fc", 11, "contains a letter beyond ASCII"),
    ],
)
def test_an_endpoint_that_is_refused(name: str, url: str, status: int, words: str) -> None:
    outcome = create(**{"client-secret": "x", name: url})
    assert outcome.status == status
    assert words in outcome.err
    assert "canary" not in outcome.out + outcome.err


def test_the_longest_secret() -> None:
    assert create(client_secret="s" * 16_000).status == 0
    outcome = create(client_secret="s" * 16_001, name="q")
    assert outcome.status == 11
    assert "client-secret has 16001 characters" in outcome.err
    assert "sss" not in outcome.err


def test_google_has_no_client_credentials_for_mail() -> None:
    outcome = create(token_endpoint="https://oauth2.googleapis.com/token", client_secret="x")
    assert outcome.status == 0
    assert "Google gives no tokens for mail by client-credentials" in outcome.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("token-endpoint", "https://elsewhere.example/token"),
        ("client-id", "other"),
        ("client-authentication", "post"),
        ("trust-manager-provider", "blind"),
    ],
)
def test_stored_secrets_go_nowhere_else(name: str, value: str) -> None:
    blind = ["--provider-name", "blind", "--type", "blind", "--set", "enabled:true"]
    assert run("create-trust-manager-provider", *blind).status == 0
    assert create(**SECRETS, **{"private-key": "canary-key"}).status == 0
    change = ["set-oauth2-provider-prop", "--provider-name", "p", "--set", f"{name}:{value}"]
    refused = run(*change)
    assert refused.status == 11
    for secret in ("client-secret", "refresh-token", "private-key"):
        assert f"needs {secret} to be given again" in refused.err
    again = {**SECRETS, "private-key": "canary-key"}
    assert run(*change, *words_for(**again)).status == 0


EXTERNAL = {
    "enabled": "true",
    "smtp-server": "mx.example:587",
    "auth-username": USER,
    "authentication": "oauth2",
    "use-start-tls": "true",
}


def create_server(*more: str) -> Outcome:
    given = ["create-mail-server", "--server-name", "m", "--type", "external-smtp", "--no-prompt"]
    return run(*given, *words_for(**{name.replace("-", "_"): value for name, value in EXTERNAL.items()}), *more)


def test_an_external_server_needs_a_provider_for_oauth2() -> None:
    assert "oauth2-provider is required when authentication is oauth2" in create_server().err
    assert create(client_secret="x", enabled="false").status == 0
    named = ("--set", "oauth2-provider:p")
    assert create_server(*named).status == 11  # it is disabled
    assert run("set-oauth2-provider-prop", "--provider-name", "p", "--set", "enabled:true").status == 0
    made = create_server(*named, "--no-test")
    assert (made.status, made.err) == (0, "")  # no password is missed
    assert run("delete-oauth2-provider", "--provider-name", "p").status == 14
    assert run("set-oauth2-provider-prop", "--provider-name", "p", "--set", "enabled:false").status == 11
    assert run("rename", "oauth2-provider", "--provider-name", "p", "--to", "q").status == 0
    assert "q" in run("get-mail-server-prop", "--server-name", "m", "--property", "oauth2-provider").out


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def provider(server: OAuthServer, tmp_path: Path, authority: Authority) -> dict[str, str]:
    """A provider object that works."""
    write_trust_and_secret(tmp_path, authority)
    values = {
        "token-endpoint": f"{server.base}/token",
        "client-id": CLIENT,
        "client-secret": "&{file:secret}",
        "scope": SCOPE,
        "trust-manager-provider": "ca",
    }
    outcome = create(**values)
    assert outcome.status == 0, outcome
    return values


TEST = ("test-oauth2-provider", "--provider-name", "p")


def test_a_test_that_passes(provider: Mapping[str, str], server: OAuthServer, tmp_path: Path) -> None:
    outcome = run(*TEST)
    assert outcome.status == 0, outcome
    assert "the token is valid for 3600 s, until 20" in outcome.out
    assert f"scope: {SCOPE}" in outcome.out
    found = json.loads(run(*TEST, "--output", "json").out)
    assert (found["ok"], found["lifetime"], found["scope"], found["rotated"]) == (True, 3600, SCOPE, False)
    assert [one for one in server.issued if one.access in outcome.out + json.dumps(found)] == []
    [kept] = (tmp_path / "config.ldif.tokens").glob("*.json")
    assert server.issued[-1].access in kept.read_text()
    source = source_for(confobjects.load()["oauth2-provider", "p"], os.environ)
    assert source.token() == server.issued[-1].access  # what a mailer uses next
    verified = json.loads(run("get-oauth2-provider-prop", "--provider-name", "p", "--output", "json").out)[
        "verification"
    ]
    assert (verified["state"], verified["depth"], verified["code"]) == ("passed", "token", "passed")
    assert run("set-oauth2-provider-prop", "--provider-name", "p", "--set", "client-secret:another").status == 0
    assert json.loads(run("check", "--output", "json").out)["untested"][-1]["verification"]["state"] == "changed"
    assert run(*TEST).status == 27
    shown = run("get-oauth2-provider-prop", "--provider-name", "p").out
    assert "Last test: failed at token (token-" in shown


def test_a_test_that_fails(provider: Mapping[str, str], server: OAuthServer) -> None:
    server.clients[CLIENT].secret = "another"
    outcome = run(*TEST)
    assert outcome.status == 27 == OAuthError.exit_code
    assert "/oauth2-provider/p, client-secret: the provider does not accept the client" in outcome.err
    found = json.loads(run(*TEST, "--output", "json").out)
    assert (found["ok"], found["code"], found["exit"]) == (False, "token-invalid-client", 27)
    assert "false" in run(*TEST, "-s").out
    assert SECRET not in json.dumps(found) + outcome.err


def test_a_trust_store_that_is_missing(provider: Mapping[str, str], tmp_path: Path) -> None:
    (tmp_path / "ca.pem").unlink()
    outcome = run(*TEST, "--output", "json")
    assert (outcome.status, json.loads(outcome.out)["code"]) == (27, "trust-store-unreadable")


def test_unsaved_values(provider: Mapping[str, str], server: OAuthServer) -> None:
    outcome = run(*TEST, "--set", "client-authentication:post", "--output", "json")
    assert (outcome.status, json.loads(outcome.out)["tested"]) == (0, "unsaved")
    assert "client_secret" in server.requests[-1][1]


def test_a_dry_run_asks_nobody(provider: Mapping[str, str], server: OAuthServer) -> None:
    assert run(*TEST, "--dry-run").status == 0
    assert server.requests == []


def test_a_disabled_provider(provider: Mapping[str, str]) -> None:
    assert run("set-oauth2-provider-prop", "--provider-name", "p", "--set", "enabled:false").status == 0
    outcome = run(*TEST)
    assert outcome.status == 27
    assert "the OAuth 2.0 provider is disabled" in outcome.err


def test_no_expression_reads_the_tokens(provider: Mapping[str, str], tmp_path: Path) -> None:
    assert run(*TEST).status == 0
    [kept] = (tmp_path / "config.ldif.tokens").glob("*.json")
    outcome = run("explain", f"&{{file:config.ldif.tokens/{kept.name}}}")
    assert "which file: never reads" in outcome.out + outcome.err
    os.link(kept, tmp_path / "linked")
    outcome = run("explain", "&{file:linked}")
    assert "which file: never reads" in outcome.out + outcome.err


# -- where tokens are --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        ("ldif:/etc/x/config.ldif", {}, "/etc/x/config.ldif.tokens"),
        ("memory:", {}, ""),
        ("", {}, ""),
        ("ldap://h/dc=a", {"XDG_STATE_HOME": "/s"}, "/s/confobjects/tokens/"),
        ("ldap://h/dc=a", {"HOME": "/h"}, "/h/.local/state/confobjects/tokens/"),
        ("ldap://h/dc=a", {"HOME": "/h", "XDG_STATE_HOME": "relative"}, "/h/.local/state/confobjects/tokens/"),
    ],
)
def test_the_directory_of_tokens(url: str, environment: Mapping[str, str], expected: str) -> None:
    found = token_directory(url, environment)
    assert found.startswith(expected) if expected else found == ""
    assert found == token_directory(url, environment)
    assert url == "ldap://h/dc=a" or found == expected


def test_a_directory_below_others_is_made(tmp_path: Path, provider: Any, server: OAuthServer) -> None:
    from confobjects.oauth.storing import FileTokenStore

    loaded = confobjects.load()["oauth2-provider", "p"]
    made = source_for(loaded, os.environ)
    deep = FileTokenStore(str(tmp_path / "a" / "b" / "c"))
    with deep.hold("key") as lease:
        assert lease.read() is None
    assert is_active(server, made.token())
    assert server.issued[-1].user in (USER, CLIENT)


# -- where tokens may be sent -------------------------------------------------------------------------------------------

HOSTS = "allowed-mail-host"
SERVER = ("--set", "enabled:true", "--set", "auth-username:a@x.test", "--set", "authentication:oauth2", "--no-test")


def create_external(host: str, *more: str) -> Outcome:
    words = ("--server-name", "s", "--type", "external-smtp", "--set", f"smtp-server:{host}:587", *SERVER)
    return run("create-mail-server", *words, "--set", "use-start-tls:true", "--set", "oauth2-provider:p", *more, "-n")


def change_provider(*words: str) -> Outcome:
    return run("set-oauth2-provider-prop", "--provider-name", "p", *words, "-n")


def test_a_mail_server_of_another_host_cannot_be_saved() -> None:
    assert create("--set", f"{HOSTS}:*.example.com", "--set", f"{HOSTS}:smtp.example", client_secret="x").status == 0
    refused = create_external("evil.test")
    assert refused.status == 11
    assert 'the access tokens of the OAuth 2.0 Provider "p" may not be sent to evil.test' in refused.err
    assert f"add {HOSTS}:evil.test of /oauth2-provider/p" in refused.err
    assert create_external("smtp.example").status == 0
    moved = run("set-mail-server-prop", "--server-name", "s", "--set", "smtp-server:evil.test:587", "--no-test")
    assert moved.status == 11
    row = run(
        "set-mail-server-prop", "--server-name", "s", "--add", "smtp-property:mail.smtp.host=evil.test", "--no-test"
    )
    assert row.status == 11
    assert "may not be sent to evil.test" in row.err


def test_a_provider_cannot_leave_out_a_host_that_is_used() -> None:
    assert create(client_secret="x").status == 0
    assert create_external("smtp.example").status == 0
    narrowed = change_provider("--set", f"{HOSTS}:smtp.other.example")
    assert narrowed.status == 11
    assert narrowed.err.count("may not be sent to smtp.example") == 1
    assert "/mail-server/s" in narrowed.err
    assert change_provider("--set", f"{HOSTS}:*.test", "--set", f"{HOSTS}:smtp.example").status == 0
    lines = Path("lines")
    lines.write_text(
        f"set-oauth2-provider-prop --provider-name p --set {HOSTS}:new.example\n"
        "set-mail-server-prop --server-name s --set smtp-server:new.example:587\n"
    )
    assert run("--batchFilePath", str(lines), "--no-test", "-n").status == 0


def test_a_host_edited_by_hand_is_found_and_gets_no_token(tmp_path: Path) -> None:
    assert create("--set", f"{HOSTS}:smtp.example", client_secret="x").status == 0
    assert create_external("smtp.example").status == 0
    file = tmp_path / "config.ldif"
    file.write_text(file.read_text("utf-8").replace("smtp-server: smtp.example:587", "smtp-server: evil.test:587"))
    found = run("check")
    assert found.status == 11
    assert "may not be sent to evil.test" in found.err
    with pytest.raises(confobjects.ConfobjectsError, match=r"may not be sent to evil\.test"):
        confobjects.load(os.environ["CONFOBJECTS_URL"])


@pytest.mark.parametrize("host", ["*", "*.", "a b", "https://x.test", "x.test:587", "*.*.test", "*.127.0.0.1", "a.*"])
def test_what_is_no_host_is_refused(host: str) -> None:
    refused = create("--set", f"{HOSTS}:{host}", client_secret="x")
    assert refused.status == 11
    assert f"{HOSTS} names no host" in refused.err
