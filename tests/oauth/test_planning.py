"""A mail server object whose login takes access tokens: its plan, and one login more after a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from confobjects.errors import MailError
from confobjects.mail.plan import EffectiveObjectLike
from confobjects.mail.planning import plan_delivery, transport_settings
from confobjects.oauth.protocol.settings import ProviderSettings, read_settings
from confobjects.oauth.sources import ProviderTokens
from confobjects.oauth.storing import FileTokenStore
from confobjects.transport.check import check_server
from tests.oauth.conftest import Settings
from tests.oauth.test_failures import provider
from tests.servers import Given, mail_server
from tests.servers.fake_smtp import FakeSmtp, close
from tests.servers.oauth import USER, OAuthServer

EHLO: Final = b"250-fake\r\n250 AUTH PLAIN XOAUTH2\r\n"
LOOPBACK: Final = {"use_start_tls": False}
CLEAR: Final = "confobjects.allow-insecure=login-in-clear"


def server_with(port: int = 587, *rows: str, given: Given | None = None, **values: Any) -> Given:
    own = {"authentication": "oauth2", "auth_username": USER, **values}
    made = mail_server(port, *rows, **own)
    targets = {**made.targets, **({"oauth2-provider": given} if given is not None else {})}
    return Given(made.kind, made.type, made.name, made.values, "", targets)


def make_source(chosen: EffectiveObjectLike) -> ProviderTokens:
    return ProviderTokens(read_settings(chosen), FileTokenStore("/nowhere"))


def refusal_of(server: Given, **more: Any) -> MailError:
    with pytest.raises(MailError) as caught:
        plan_delivery(server, tokens=make_source, **more)
    return caught.value


def test_the_login_takes_tokens_and_no_password() -> None:
    plan = plan_delivery(server_with(given=provider(), auth_password="canary"), tokens=make_source)
    assert plan.login is not None
    assert (plan.login.username, plan.login.password, plan.login.token) == (USER, "", "")
    assert plan.login.mechanisms == ("XOAUTH2", "OAUTHBEARER")
    assert plan.login.provider == "/oauth2-provider/p"


def test_equal_objects_have_equal_plans() -> None:
    """A pool keeps its connections while the plan is the same."""
    first, second, other = (
        plan_delivery(server_with(given=provider(**changes)), tokens=make_source)
        for changes in ({}, {}, {"client-id": "another"})
    )
    assert first == second
    assert hash(first.login.tokens if first.login else 0) == hash(second.login.tokens if second.login else 1)
    assert first != other
    assert "canary" not in repr(first)


def test_other_logins_stay_as_they_are() -> None:
    plan = plan_delivery(server_with(authentication="username-password", auth_password="pw"), tokens=make_source)
    assert plan.login is not None
    assert (plan.login.password, plan.login.tokens) == ("pw", None)


def test_a_given_token_comes_first() -> None:
    plan = plan_delivery(server_with(given=provider()), token="t")
    assert plan.login is not None
    assert (plan.login.token, plan.login.tokens) == ("t", None)


@pytest.mark.parametrize(
    ("rows", "left"),
    [
        (("mail.smtp.auth.mechanisms=PLAIN OAUTHBEARER",), ("OAUTHBEARER",)),
        (("mail.smtp.auth.mechanisms=XOAUTH2",), ("XOAUTH2",)),
    ],
)
def test_no_mechanism_with_a_password_is_left(rows: tuple[str, ...], left: tuple[str, ...]) -> None:
    plan = plan_delivery(server_with(587, *rows, given=provider()), tokens=make_source)
    assert plan.login is not None
    assert plan.login.mechanisms == left


@pytest.mark.parametrize(
    ("server", "stage", "name", "words"),
    [
        (server_with(), "plan", "oauth2-provider", "no oauth2-provider"),
        (server_with(given=provider(enabled=False)), "plan", "oauth2-provider", 'provider "p" is disabled'),
        (server_with(587, "mail.smtp.auth.mechanisms=PLAIN", given=provider()), "plan", "smtp-property", "names none"),
        (server_with(given=provider(), use_start_tls=False), "auth", "use-start-tls", "does not use TLS"),
        (server_with(given=provider(**{"token-endpoint": "ftp://x"})), "token", "token-endpoint", "token-endpoint"),
    ],
)
def test_what_does_not_go_together(server: Given, stage: str, name: str, words: str) -> None:
    error = refusal_of(server)
    assert (error.stage, error.diagnostics[0].property) == (stage, name)
    assert words in error.diagnostics[0].summary


def test_a_program_without_a_source_of_tokens() -> None:
    with pytest.raises(MailError) as caught:
        plan_delivery(server_with(given=provider()))
    assert caught.value.stage == "plan"


def test_the_settings_name_the_provider() -> None:
    rows, problems = transport_settings(server_with(given=provider()))
    assert ("login", f"{USER} (access token of /oauth2-provider/p)", "auth-username (stored)") in rows
    assert problems == ()


# -- a refused token ---------------------------------------------------------------------------------------------------


@pytest.fixture
def source(settings: Settings, tmp_path: Path) -> ProviderTokens:
    return ProviderTokens(settings(), FileTokenStore(str(tmp_path / "tokens")))


def check(fake: FakeSmtp, source: ProviderTokens, **more: Any) -> Any:
    made = server_with(fake.port, CLEAR, given=provider(), **LOOPBACK)
    return check_server(made, tokens=lambda _: source, **more)


def test_two_refusals_are_the_end(source: ProviderTokens, server: OAuthServer) -> None:
    with FakeSmtp({"EHLO": EHLO, "AUTH": b"535 5.7.8 no\r\n"}) as fake:
        result = check(fake, source)
        logins = [line for line in fake.commands if line.startswith("AUTH")]
    assert result.code == "auth-token-rejected"
    assert (len(logins), len(set(logins)), len(server.fetches)) == (2, 2, 2)


def test_a_server_that_leaves_after_the_refusal(source: ProviderTokens) -> None:
    """What it said first is told: that it left is only what came of it."""
    with FakeSmtp({"EHLO": EHLO, "AUTH": [b"535 5.7.8 no\r\n", close]}) as fake:
        result = check(fake, source)
    assert (result.code, result.reply) == ("auth-token-rejected", "535 5.7.8 no")


@pytest.mark.parametrize("answer", [b"454 4.7.0 later\r\n", b"534 5.7.9 an application password, please\r\n"])
def test_another_answer_costs_no_token(answer: bytes, source: ProviderTokens, server: OAuthServer) -> None:
    with FakeSmtp({"EHLO": EHLO, "AUTH": answer}) as fake:
        assert not check(fake, source).ok
    assert len(server.fetches) == 1


def test_a_server_without_a_mechanism_for_tokens_gets_none(source: ProviderTokens) -> None:
    with FakeSmtp({"EHLO": b"250-fake\r\n250 AUTH PLAIN LOGIN\r\n"}) as fake:
        result = check(fake, source)
        assert [line for line in fake.commands if line.startswith("AUTH")] == []
    assert result.code == "auth-no-common-mechanism"


def test_a_test_that_does_not_log_in_needs_no_token(source: ProviderTokens, server: OAuthServer) -> None:
    with FakeSmtp({"EHLO": EHLO}) as fake:
        assert check(fake, source, depth="ehlo").ok
    assert server.fetches == []


def test_the_transcript_has_no_token(source: ProviderTokens, server: OAuthServer) -> None:
    with FakeSmtp({"EHLO": EHLO, "AUTH": b"535 5.7.8 no\r\n"}) as fake:
        result = check(fake, source)
    shown = repr(result) + "\n".join(result.transcript)
    assert [one.access for one in server.issued if one.access in shown] == []


def test_the_provider_of_a_failure_is_named(settings: Settings, tmp_path: Path) -> None:
    made: ProviderSettings = settings(secret="wrong")
    source = ProviderTokens(made, FileTokenStore(str(tmp_path / "tokens")))
    with FakeSmtp({"EHLO": EHLO}) as fake:
        result = check(fake, source)
    assert (result.code, result.stage, result.exit_code) == ("token-invalid-client", "token", 52)
    assert result.diagnostics[0].path == made.path


# -- where tokens may be sent -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("smtp.example.com", ("SMTP.Example.com.",)),
        ("smtp.example.com", ("other.example", "*.example.com")),
        ("a.b.example.com", ("*.EXAMPLE.com",)),
        ("smtp.b\u00fccher.example", ("*.xn--bcher-kva.example",)),
        ("::1", ("0:0::1",)),
        ("evil.example", ()),
    ],
)
def test_a_host_that_is_allowed_gets_tokens(host: str, allowed: tuple[str, ...]) -> None:
    chosen = server_with(given=provider(**{"allowed-mail-host": allowed}), host=host)
    assert plan_delivery(chosen, tokens=make_source).login is not None


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("evil.example", ("smtp.example.com",)),
        ("example.com", ("*.example.com",)),
        ("evilexample.com", ("*.example.com", "example.com")),
        ("smtp.example.com.evil.example", ("smtp.example.com", "*.example.com")),
    ],
)
@pytest.mark.parametrize("token", ["", "given"])
def test_no_other_host_gets_any(host: str, allowed: tuple[str, ...], token: str) -> None:
    error = refusal_of(server_with(given=provider(**{"allowed-mail-host": allowed}), host=host), token=token)
    assert error.stage == "plan"
    assert f"may not be sent to {host}" in str(error)
    assert error.diagnostics[0].property == "oauth2-provider"


def test_a_row_that_names_another_host_gets_none_either() -> None:
    given = provider(**{"allowed-mail-host": ("localhost",)})
    assert plan_delivery(server_with(given=given), tokens=make_source).login is not None
    assert "may not be sent to evil.example" in str(
        refusal_of(server_with(587, "mail.smtp.host=evil.example", given=given))
    )
