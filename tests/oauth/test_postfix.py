"""Mail through a real Postfix, whose Dovecot asks the OAuth 2.0 server about every access token."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

import confobjects
from confobjects.errors import MailError
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.mail.diagnosis import DeliveryError
from confobjects.mail.plan import EffectiveObjectLike, TrustSource
from confobjects.oauth.sources import ProviderTokens
from confobjects.oauth.storing import FileTokenStore
from confobjects.service import installed
from confobjects.transport.check import TestResult, check_server
from confobjects.transport.mailer import Mailer
from tests.cli.sessions import run
from tests.oauth.conftest import CLIENT, SECRET, Settings
from tests.servers import Given, mail_server
from tests.servers import provider as trusting
from tests.servers.certificates import Authority
from tests.servers.dovecot import Dovecot
from tests.servers.oauth import USER, OAuthServer
from tests.servers.postfix import Postfix
from tests.servers.postgresql import PostgreSQL
from tests.servers.processes import memory_directory, remove

PROVIDER = Given("oauth2-provider", "oauth2-provider", "ms", {"enabled": True, "allowed-mail-host": ()})


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    directory = memory_directory("oauth")
    yield directory
    remove(directory)


@pytest.fixture(scope="module")
def checker(place: Path, authority: Authority) -> Iterator[OAuthServer]:
    """The server of all tests here: Dovecot knows its port."""
    (place / "oauth").mkdir()
    with OAuthServer(place / "oauth", authority) as running:
        running.register(CLIENT, secret=SECRET, grants=("refresh_token", "client_credentials"))
        yield running


@pytest.fixture(scope="module")
def postfix(place: Path, checker: OAuthServer, authority: Authority) -> Iterator[Postfix]:
    with (
        Dovecot(place / "dovecot", checker) as dovecot,
        Postfix(place / "postfix", authority.issue("localhost"), dovecot=dovecot.socket) as running,
    ):
        yield running


@pytest.fixture
def server(checker: OAuthServer) -> OAuthServer:
    return checker


class Bench:
    """A mail server object whose login takes tokens of a provider."""

    def __init__(self, source: ProviderTokens, postfix: Postfix, trust: TrustSource) -> None:
        self.source = source
        self.port = postfix.ports["submission"]
        self.trust = trusting("file-based", trust_store_file=trust.values["trust-store-file"])

    def tokens(self, provider: EffectiveObjectLike) -> ProviderTokens:
        assert provider is PROVIDER
        return self.source

    def object(self, *rows: str, **values: Any) -> Given:
        own = {"authentication": "oauth2", "auth_username": USER, "trust": self.trust, **values}
        made = mail_server(self.port, "mail.smtp.localhost=client.example", *rows, **own)
        return Given(made.kind, made.type, made.name, made.values, "", {**made.targets, "oauth2-provider": PROVIDER})

    def check(self, *rows: str, **values: Any) -> TestResult:
        return check_server(self.object(*rows, **values), tokens=self.tokens)

    def send(self) -> str:
        return Mailer(self.object(), tokens=self.tokens).send(LETTER, USER, "bob@else.test").mechanism


LETTER = EmailMessage()
LETTER["Subject"] = "with a token"
LETTER.set_content("Hello.")


@pytest.fixture
def bench(settings: Settings, postfix: Postfix, trust: TrustSource, tmp_path: Path) -> Bench:
    store = FileTokenStore(str(tmp_path / "tokens"))
    return Bench(ProviderTokens(settings("refresh-token"), store), postfix, trust)


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_a_login_with_a_token(mechanism: str, bench: Bench, checker: OAuthServer) -> None:
    before = checker.asked
    result = bench.check(f"mail.smtp.auth.mechanisms={mechanism}")
    assert (result.ok, result.found["mechanism"]) == (True, mechanism)
    assert [one.stage for one in result.stages][-4:] == ["ehlo-tls", "token", "auth", "quit"]
    assert checker.asked == before + 1  # Dovecot has asked, and took the user from the answer


def test_a_mail_is_sent(bench: Bench, checker: OAuthServer) -> None:
    before = len(checker.fetches)
    assert bench.send() in ("XOAUTH2", "OAUTHBEARER")
    assert bench.send()
    assert len(checker.fetches) == before + 1


def test_a_revoked_token_is_replaced_by_a_new_one_within_the_login(bench: Bench, checker: OAuthServer) -> None:
    first = bench.source.token()
    revoke(checker, first)
    before = len(checker.fetches)
    result = bench.check()
    assert result.ok
    assert [one.stage for one in result.stages].count("auth") == 1
    assert len(checker.fetches) == before + 1
    assert bench.source.token() != first


def revoke(server: OAuthServer, token: str) -> None:
    for one in server.issued:
        if one.access == token:
            one.revoked = True
            one.used = False
            one.refresh, kept = "", one.refresh
            server.issued.append(type(one)(one.client, one.user, one.scope, 0.0, "", kept))


@pytest.mark.parametrize(
    ("mechanism", "said"),
    [
        ("XOAUTH2", 'status "401", schemes "bearer", scope "mail"'),
        ("OAUTHBEARER", 'status "invalid_token"'),
    ],
)
def test_a_refusal_is_told_in_the_words_of_the_server(
    mechanism: str, said: str, bench: Bench, checker: OAuthServer
) -> None:
    """The token is good, but it is that of another user."""
    before = len(checker.fetches)
    result = bench.check(f"mail.smtp.auth.mechanisms={mechanism}", auth_username="eve@example.com")
    assert (result.code, result.stage, result.exit_code) == ("auth-token-rejected", "auth", 46)
    assert said in result.summary
    assert result.reply.startswith("535")
    assert len(checker.fetches) == before + 2  # the second attempt is the last one
    shown = json.dumps(result.as_json())
    assert [one for one in checker.issued if one.access and one.access in shown] == []


def test_a_withdrawn_consent_is_the_failure_of_the_stage_token(bench: Bench, checker: OAuthServer) -> None:
    for one in checker.issued:
        one.revoked = True
    result = bench.check()
    assert (result.code, result.stage, result.exit_code) == ("token-invalid-grant", "token", 52)
    assert result.diagnostics[0].path == "/oauth2-provider/test"
    assert result.property == "refresh-token"
    assert [(one.stage, one.ok) for one in result.stages][-1] == ("token", False)


def test_a_consent_that_is_withdrawn_while_the_token_is_refused(bench: Bench, checker: OAuthServer) -> None:
    bench.source.token()
    for one in checker.issued:
        one.revoked = True
    result = bench.check()
    assert (result.code, result.stage) == ("token-invalid-grant", "token")
    failed = [one.stage for one in result.stages if not one.ok]
    assert failed == ["token"]


def test_a_delivery_fails_before_anything_is_connected(bench: Bench, checker: OAuthServer) -> None:
    for one in checker.issued:
        one.revoked = True
    with pytest.raises(DeliveryError) as caught:
        bench.send()
    error = caught.value
    assert (error.stage, error.exit_code, error.retryable) == ("token", 52, False)
    assert [one.stage for one in error.report.stages] == ["token"]


def test_a_trust_store_of_the_provider_that_is_missing(
    settings: Settings, postfix: Postfix, trust: TrustSource, tmp_path: Path
) -> None:
    gone = trust.replace(values={"trust-store-file": str(tmp_path / "no.pem")})
    source = ProviderTokens(settings(trust=gone), FileTokenStore(str(tmp_path / "tokens")))
    with pytest.raises(MailError) as caught:
        Bench(source, postfix, trust).send()
    assert caught.value.stage == "trust"


# -- a whole configuration ---------------------------------------------------------------------------------------------


@pytest.fixture
def configured(
    checker: OAuthServer, postfix: Postfix, trust: TrustSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A configuration in a file: a mail server, the provider of its tokens, and what both of them trust."""
    monkeypatch.setenv("CONFOBJECTS_URL", f"ldif:{tmp_path / 'config.ldif'}")
    host = f"localhost:{postfix.ports['submission']}"
    commands: list[tuple[str, ...]] = [
        ("create-trust-manager-provider", "--provider-name", "ca", "--type", "file-based", "enabled:true",
         f"trust-store-file:{trust.values['trust-store-file']}"),
        ("create-oauth2-provider", "--provider-name", "p", "enabled:true", "grant-type:refresh-token",
         f"token-endpoint:{checker.base}/token", f"client-id:{CLIENT}", f"client-secret:{SECRET}",
         f"refresh-token:{checker.consent(CLIENT)}", "trust-manager-provider:ca"),
        ("create-mail-server", "--server-name", "m", "--type", "external-smtp", "enabled:true", f"smtp-server:{host}",
         f"auth-username:{USER}", "authentication:oauth2", "oauth2-provider:p", "trust-manager-provider:ca",
         "use-start-tls:true"),
    ]  # fmt: skip
    for command in commands:
        words = [word for one in command for word in (("--set", one) if ":" in one else (one,))]
        outcome = run(*words, "--no-prompt")
        assert outcome.status == 0, outcome
    return tmp_path / "config.ldif"


def test_the_commands_and_a_mailer_share_the_token(configured: Path, checker: OAuthServer) -> None:
    before = len(checker.fetches)
    outcome = run("test-mail-server", "--server-name", "m", "--output", "json")
    found = json.loads(outcome.out)
    assert (outcome.status, found["found"]["mechanism"]) == (0, "XOAUTH2"), outcome
    assert [one["stage"] for one in found["stages"]][-3:] == ["token", "auth", "quit"]
    assert run("send-test-email", "--server-name", "m", "--to", "bob@else.test").status == 0
    assert confobjects.mailer().send(LETTER, USER, "bob@else.test").mechanism == "XOAUTH2"
    assert len(checker.fetches) == before + 1
    shown = run("get-mail-server-prop", "--server-name", "m", "--effective").out
    assert f"{USER} (access token of /oauth2-provider/p)" in shown


def ways_to_use(url: str) -> dict[str, Callable[[], Any]]:
    """Return everything that opens a source of tokens."""

    def send_by_live() -> None:
        with confobjects.live(url) as live, confobjects.mailer(live) as mailer:
            mailer.send(LETTER, USER, "bob@else.test")

    return {
        "test-oauth2-provider": lambda: run("test-oauth2-provider", "--provider-name", "p").status,
        "test-mail-server": lambda: run("test-mail-server", "--server-name", "m").status,
        "send-test-email": lambda: run("send-test-email", "--server-name", "m", "--to", "bob@else.test").status,
        "mailer": lambda: confobjects.mailer(url).send(LETTER, USER, "bob@else.test").failed_over,
        "live": send_by_live,
    }


def test_wherever_a_source_is_opened_its_file_is_sealed(
    configured: Path, checker: OAuthServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(tmp_path / "keys" / "ring"))
    monkeypatch.setattr(checker, "lifetime", 60)  # each source asks for a new one
    assert run("seal", "init").status == 0
    for way, use in ways_to_use(f"ldif:{configured}").items():
        before = len(checker.fetches)
        assert not use(), way
        assert len(checker.fetches) > before, way
        [file] = Path(f"{configured}.tokens").glob("*.json")
        written = file.read_bytes()
        assert b'"sealed"' in written, way
        for secret in (text for one in checker.issued for text in (one.access, one.refresh) if text):
            assert secret.encode() not in written, way


def test_wherever_a_source_is_opened_it_keeps_tokens_in_a_ledger_that_machines_share(
    configured: Path,
    checker: OAuthServer,
    postgresql: PostgreSQL,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger, directory = postgresql.make_database(), Path(f"{configured}.tokens")
    monkeypatch.setattr(checker, "lifetime", 60)
    first = run("test-oauth2-provider", "--provider-name", "p")  # before there is a ledger
    assert first.status == 0, first
    monkeypatch.setenv("LEDGER_URL", ledger)
    assert run("set-mail-service-prop", "--set", "ledger:&{env:LEDGER_URL}").status == 0
    before = len(checker.fetches)
    assert run("test-mail-server", "--server-name", "m").status == 0
    assert len(checker.fetches) == before + 1
    assert list(directory.glob("*.json")) == []
    ways = ways_to_use(f"ldif:{configured}")
    for number, use in enumerate(ways.values(), 2):
        assert not use()
        assert len(checker.fetches) == before + number
    every = before + 1 + len(ways)
    assert list(directory.glob("*.json")) == []
    sent = [form.get("refresh_token", "") for path, form in checker.requests if path == "/token"][before - 1 :]
    assert len(set(sent)) == len(sent) == every - before + 1
    with monkeypatch.context() as without:
        without.setattr(installed, "find_spec", lambda _: None)
        missing = run("test-mail-server", "--server-name", "m")
    assert missing.status == 52
    assert "the Python package for its ledger is not installed" in missing.err
    monkeypatch.delenv("LEDGER_URL")
    unknown = run("test-mail-server", "--server-name", "m")
    assert unknown.status == 52
    assert "/mail-service, ledger:" in unknown.err
    assert len(checker.fetches) == every


def test_the_exit_status_of_the_stage_token(configured: Path, checker: OAuthServer) -> None:
    for one in checker.issued:
        one.revoked = True
    outcome = run("test-mail-server", "--server-name", "m")
    assert outcome.status == 52
    assert "/oauth2-provider/p, refresh-token: the provider does not accept the grant" in outcome.err
    with pytest.raises(MailError) as caught:
        confobjects.mailer().send(LETTER, USER, "bob@else.test")
    assert caught.value.exit_code == 52
