"""Every known reason for not getting an access token has its diagnosis: its code, its property, its words.

``WRITE_GOLDEN=1`` writes the words again; read the difference before you commit it.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

import pytest

from confobjects.cli.words.actions import render
from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError, Trouble, diagnose
from confobjects.mail.failures import TABLE
from confobjects.mail.plan import Timeouts, TrustSource
from confobjects.oauth.http import make_post
from confobjects.oauth.protocol.answers import LARGEST
from confobjects.oauth.protocol.settings import Endpoint, parse_endpoint, read_settings
from confobjects.oauth.sources import ProviderTokens
from confobjects.oauth.storing import FileTokenStore
from confobjects.transport.network import Network, SocketAddress, judge_networks
from tests.oauth.conftest import CLIENT, SECRET, Settings
from tests.servers import Given
from tests.servers.certificates import Authority
from tests.servers.oauth import Lie, OAuthServer

GOLDEN: Final = Path(__file__).parent.parent / "golden" / "mail" / "token-diagnoses.txt"
HTML: Final = {"Content-Type": "text/html; charset=utf-8"}
SHORT: Final = Timeouts(5.0, 5.0, 5.0, 0.3)

OTHERS: Final = {
    "token-not-installed",  # test_without_the_packages
    "token-store-busy",  # tests/oauth/test_sources.py, as are the next two
    "token-store-unusable",
    "token-store-away",  # tests/service/test_token_store.py
    "token-store-sealed",
    "token-codes-missing",  # tests/oauth/test_consent.py, as are the others
    "token-denied",
    "token-codes-expired",
    "token-state",
    "token-consent-timeout",
    "token-no-refresh",
    "token-redirect-port",
}
"""Codes that no case here leads to, and where they are."""


def refusal(error: str, description: str = "", status: int = 400, **more: Any) -> Lie:
    document = {"error": error, **({"error_description": description} if description else {}), **more}
    return Lie(status, json.dumps(document).encode())


def token(**changes: Any) -> Lie:
    return Lie(200, json.dumps({"access_token": "a", "token_type": "Bearer", "expires_in": 3600, **changes}).encode())


@dataclass(frozen=True)
class Case:
    """One failure: the settings that differ, what the server answers, and how it is to be told."""

    number: str
    title: str
    code: str
    property: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    lies: tuple[Lie, ...] = ()
    port: Callable[[], int] | None = None
    certificate: str = "good"
    network: Network = field(default_factory=Network)
    ahead: float = 0.0
    timeouts: Timeouts | None = None


def nobody_listens() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def unknown(host: str, port: int) -> list[SocketAddress]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


NEVER: Final = threading.Event()
RAW: Final = b"220 mail.example ESMTP\r\n"

CASES: Final = [
    Case("1", "a host that nobody knows", "token-host-unknown", "token-endpoint", network=Network(lookup=unknown)),
    Case("1b", "this machine, which is not to be asked", "token-unreachable", "token-endpoint", network=judge_networks().tokens),
    Case("2", "nothing listens", "token-unreachable", "token-endpoint", port=nobody_listens),
    Case("3", "a certificate of a stranger", "token-certificate", "trust-manager-provider", certificate="stranger"),
    Case("3b", "a certificate for another name", "token-certificate", "trust-manager-provider",
         certificate="other-name"),
    Case("3c", "no TLS at all", "token-tls", "token-endpoint", certificate="none"),
    Case("4", "an endpoint that does not answer", "token-timeout", "token-endpoint", lies=(Lie(until=NEVER),),
         timeouts=SHORT),
    Case("5", "a server of something else", "token-not-http", "token-endpoint", lies=(Lie(raw=RAW),)),
    Case("5b", "the connection ends in the middle", "token-not-http", "token-endpoint",
         lies=(Lie(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"),)),
    Case("5c", "headers without an end", "token-not-http", "token-endpoint",
         lies=(Lie(raw=b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000),)),
    Case("6", "a redirect", "token-redirected", "token-endpoint",
         lies=(Lie(307, b"", {"Location": "https://elsewhere.example/token"}),)),
    Case("7", "a path that the server does not know", "token-endpoint-unknown", "token-endpoint",
         {"path": "/tokens"}),
    Case("8", "a server that is down", "token-unavailable", "token-endpoint", lies=(Lie(503, b"<html>", HTML),)),
    Case("8b", "too many requests", "token-unavailable", "token-endpoint", lies=(Lie(429, b"", HTML),)),
    Case("8c", "not now, in the words of the standard", "token-unavailable", "token-endpoint",
         lies=(refusal("temporarily_unavailable", "maintenance", 503),)),
    Case("9", "a page for people", "token-not-json", "token-endpoint", lies=(Lie(200, b"<html>log in</html>", HTML),)),
    Case("9b", "bytes that are no UTF-8", "token-not-json", "token-endpoint", lies=(Lie(200, b'{"a": "\xff"}'),)),
    Case("9c", "JSON that is no object", "token-not-json", "token-endpoint", lies=(Lie(200, b'["access_token"]'),)),
    Case("9d", "JSON without an end", "token-not-json", "token-endpoint", lies=(Lie(200, b"[" * 100_000),)),
    Case("10", "an answer without an end", "token-too-large", "token-endpoint", lies=(Lie(200, b" " * (LARGEST + 1)),)),
    Case("11", "no access token", "token-missing", "token-endpoint", lies=(Lie(200, b"{}"),)),
    Case("11b", "an access token that is no text", "token-missing", "token-endpoint", lies=(token(access_token=["a"]),)),
    Case("11c", "an access token with a line break", "token-missing", "token-endpoint",
         lies=(token(access_token="a\r\nRSET"),)),
    Case("12", "a token of another type", "token-not-bearer", "token-endpoint", lies=(token(token_type="mac"),)),
    Case("13", "a wrong secret", "token-invalid-client", "client-secret", {"secret": "wrong"}),
    Case("13b", "a client that nobody knows", "token-invalid-client", "client-secret", {"client_id": "stranger"}),
    Case("13c", "a secret that has expired", "token-invalid-client", "client-secret",
         lies=(refusal("invalid_client", "AADSTS7000222: The provided client secret keys are expired.", 401),)),
    Case("13d", "a server that repeats the secret", "token-invalid-client", "client-secret",
         lies=(refusal("invalid_client", f"the secret {SECRET} is wrong", 401),)),
    Case("13e", "a wrong secret, in the words of Keycloak", "token-invalid-client", "client-secret",
         lies=(refusal("unauthorized_client", "Invalid client or Invalid client credentials", 401),)),
    Case("14", "a refresh token that is over", "token-invalid-grant", "refresh-token",
         {"grant": "refresh-token", "refresh_token": "long-gone-canary"}),
    Case("14b", "a consent that was withdrawn", "token-invalid-grant", "refresh-token",
         {"grant": "refresh-token"}, lies=(refusal("invalid_grant", "Token has been expired or revoked."),)),
    Case("15", "a scope that nobody knows", "token-invalid-scope", "scope", {"scope": ("everything",)}),
    Case("15b", "a scope that is not .default", "token-invalid-scope", "scope",
         lies=(refusal("invalid_grant", "AADSTS1002012: The provided value for scope is not valid."),)),
    Case("16", "a grant that the client may not use", "token-unauthorized-client", "grant-type",
         {"grant": "refresh-token", "client": ("client_credentials",)}),
    Case("17", "a grant that the server does not know", "token-unsupported-grant", "grant-type",
         lies=(refusal("unsupported_grant_type"),)),
    Case("18", "an assertion for somebody else", "token-audience", "audience",
         {"grant": "jwt-bearer", "audience": "https://elsewhere.example/token"}),
    Case("18b", "a client that presents itself to somebody else", "token-audience", "audience",
         {"authentication": "private-key-jwt", "audience": "https://elsewhere.example/token"}),
    Case("19", "a clock that is behind", "token-clock", "", {"grant": "jwt-bearer"}, ahead=-4000.0),
    Case("19b", "a clock that is ahead", "token-clock", "", {"authentication": "private-key-jwt"}, ahead=4000.0),
    Case("19c", "a clock, in the words of the provider", "token-clock", "", {"grant": "jwt-bearer"},
         lies=(refusal("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
                       "timeframe. Check your iat and exp values in the JWT claim."),)),
    Case("20", "a subject that nobody knows", "token-invalid-assertion", "private-key",
         {"grant": "jwt-bearer", "subject": "eve@example.com"}),
    Case("21", "a key that is none", "token-key-unusable", "private-key", {"grant": "jwt-bearer", "key": "canary-key"}),
    Case("21b", "a public key", "token-key-unusable", "private-key", {"grant": "jwt-bearer", "key": "public"}),
    Case("22", "nobody has consented", "token-consent-missing", "refresh-token", {"grant": "authorization-code"}),
    Case("23", "refused with a word of its own", "token-refused", "token-endpoint",
         lies=(refusal("policy_violation\x1b[31m", "not on\x1b[2J Sundays"),)),
    Case("23b", "refused without a word", "token-refused", "token-endpoint", lies=(Lie(403, b"{}"),)),
]  # fmt: skip


def settings_of(case: Case, server: OAuthServer, settings: Settings, public: str) -> Any:
    changes = dict(case.settings)
    path, grants = changes.pop("path", "/token"), changes.pop("client", None)
    if changes.get("key") == "public":
        changes["key"] = public
    if grants is not None:
        server.clients[CLIENT].grants = grants
    made = settings(**changes)
    endpoint = made.token_endpoint.replace(target=path)
    if case.port is not None:
        endpoint = endpoint.replace(port=case.port())
    return made.replace(token_endpoint=endpoint)


@pytest.fixture
def server(request: pytest.FixtureRequest, server: OAuthServer, tmp_path: Path, authority: Authority) -> Iterator[Any]:
    """The server of a case: with the certificate that it wants."""
    case = request.node.callspec.params.get("case") if hasattr(request.node, "callspec") else None
    if not isinstance(case, Case) or case.certificate == "good":
        yield server
        return
    with OAuthServer(tmp_path, authority, certificate=case.certificate, tls=case.certificate != "none") as other:
        other.clients = server.clients
        if case.certificate == "none":
            other.base = other.base.replace("http:", "https:")
        yield other


def trouble_of(case: Case, server: OAuthServer, made: Any, store: FileTokenStore) -> Trouble:
    import time

    post = make_post(case.network, case.timeouts) if case.timeouts else make_post(case.network)
    source = ProviderTokens(made, store, post=post, clock=lambda: time.time() + case.ahead)
    with server.telling(*case.lies), pytest.raises(Trouble) as caught:
        source.token()
    return caught.value


def words_of(trouble: Trouble) -> str:
    error = DeliveryError(diagnose(trouble, {}), trouble.facts["path"])
    words = "\n".join(render(one) for one in error.diagnostics)
    words = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:{port}", words)
    return re.sub(r"\((this one is) \d+ s", r"(\1 {seconds} s", words)


def told(case: Case, trouble: Trouble) -> str:
    diagnosis = diagnose(trouble, {})
    change = f", change {diagnosis.property}" if diagnosis.property else ""
    again = ", may pass" if diagnosis.retry else ""
    return f"== {case.number} {case.title}\n{diagnosis.code}{change}{again}\n{words_of(trouble)}\n"


def golden() -> dict[str, str]:
    text = GOLDEN.read_text() if GOLDEN.exists() else ""
    parts = re.split(r"^(?=== )", text, flags=re.MULTILINE)
    return {part.split()[1]: part for part in parts if part}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number}-{case.code}")
def test_a_failure_has_its_diagnosis(
    case: Case, server: OAuthServer, settings: Settings, tmp_path: Path, key_pair: tuple[str, bytes]
) -> None:
    made = settings_of(case, server, settings, key_pair[1].decode())
    trouble = trouble_of(case, server, made, FileTokenStore(str(tmp_path / "tokens")))
    diagnosis = diagnose(trouble, {})
    words = told(case, trouble)
    if os.environ.get("WRITE_GOLDEN"):
        found = {**golden(), case.number: words}
        GOLDEN.write_text("".join(found[one.number] for one in CASES if one.number in found))
    assert (diagnosis.code, diagnosis.stage, diagnosis.property) == (case.code, "token", case.property)
    assert golden()[case.number] == words
    secrets = [made.secret, made.refresh_token, made.key, "canary", "\x1b"]
    assert [one for one in secrets if one and one != "wrong" and one in f"{words}{trouble!r}{trouble.facts}"] == []


def test_every_code_has_a_case() -> None:
    reached = {case.code for case in CASES} | {code for _, code in WRONG}
    assert {code for code in TABLE if code.startswith("token-")} - reached == OTHERS
    assert list(golden()) == [case.number for case in CASES]


# -- the object itself -------------------------------------------------------------------------------------------------

GOOD: Final[Mapping[str, Any]] = {
    "enabled": True,
    "grant-type": "client-credentials",
    "token-endpoint": "https://login.example/token",
    "authorization-endpoint": None,
    "device-authorization-endpoint": None,
    "client-id": "one",
    "client-secret": "canary",
    "client-authentication": "basic",
    "refresh-token": "old",
    "private-key": None,
    "private-key-id": None,
    "subject": None,
    "audience": None,
    "scope": ("a", "b"),
    "allowed-mail-host": (),
}
OFF: Final = Given("trust-manager-provider", "blind-trust-manager-provider", "off", {"enabled": False})
WRONG: Final[list[tuple[Mapping[str, Any], str]]] = [
    ({"enabled": False}, "token-provider-disabled"),
    ({"trust": OFF}, "token-trust-disabled"),
    ({"token-endpoint": None}, "token-endpoint-unusable"),
    ({"token-endpoint": "ldap://login.example/token"}, "token-endpoint-unusable"),
    ({"token-endpoint": "https://ann:secret@login.example/token"}, "token-endpoint-unusable"),
    ({"authorization-endpoint": "https://login.example/\u00fc"}, "token-endpoint-unusable"),
]


def provider(**changes: Any) -> Given:
    trust = changes.pop("trust", None)
    targets = {"trust-manager-provider": trust} if trust else {}
    return Given("oauth2-provider", "oauth2-provider", "p", {**GOOD, **changes}, targets=targets)


@pytest.mark.parametrize(("changes", "code"), WRONG)
def test_an_object_that_cannot_be_used(changes: Mapping[str, Any], code: str) -> None:
    with pytest.raises(Trouble) as caught:
        read_settings(provider(**changes))
    assert caught.value.kind == code
    assert "secret" not in words_of(caught.value)


def test_the_settings_of_an_object() -> None:
    found = read_settings(provider())
    assert (found.grant, found.scope, found.secret) == ("client-credentials", ("a", "b"), "canary")
    assert found.refresh_token == ""  # the grant needs none, and it is not sent anywhere
    assert read_settings(provider(**{"grant-type": "refresh-token"})).refresh_token == "old"
    assert found.token_endpoint == Endpoint(secure=True, host="login.example", port=443, target="/token")
    assert "canary" not in repr(found)


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("https://login.example", "login.example", "/"),
        ("https://login.example:8443/a/b?c=d#e", "login.example:8443", "/a/b?c=d"),
        ("http://[::1]:80/t", "[::1]", "/t"),
    ],
)
def test_the_parts_of_an_endpoint(url: str, authority: str, target: str) -> None:
    found = parse_endpoint(url)
    assert (found.authority, found.target) == (authority, target)


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_without_the_packages(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "h11", None)
    with pytest.raises(Trouble) as caught:
        ProviderTokens(settings(), FileTokenStore(str(tmp_path / "tokens"))).token()
    assert caught.value.kind == "token-not-installed"
    monkeypatch.setitem(sys.modules, "joserfc", None)
    with pytest.raises(Trouble) as caught:
        ProviderTokens(settings("jwt-bearer"), FileTokenStore(str(tmp_path / "tokens"))).token()
    assert caught.value.kind == "token-not-installed"


def test_the_trust_manager_provider_is_loaded_before_anything_is_connected(
    settings: Settings, server: OAuthServer, tmp_path: Path
) -> None:
    gone = TrustSource("file-based-trust-manager-provider", "/t/gone", {"trust-store-file": str(tmp_path / "no.pem")})
    with pytest.raises(MailError) as caught:
        ProviderTokens(settings(trust=gone), FileTokenStore(str(tmp_path / "tokens"))).token()
    assert caught.value.stage == "trust"
    assert server.requests == []


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (3600, 3600),
        ("3600", 3600),
        (None, 600),
        ("soon", 600),
        (True, 600),
        (-5, 0),
        (1e300, 30 * 86400),
        ("9" * 50, 30 * 86400),
    ],
)
def test_the_end_of_a_token(given: Any, left: float, settings: Settings, server: OAuthServer, tmp_path: Path) -> None:
    source = ProviderTokens(settings(), FileTokenStore(str(tmp_path / "tokens")), clock=lambda: 5000.0)
    with server.telling(token(expires_in=given), token(expires_in=given)):
        assert source.fetch().expires == 5000.0 + left


def test_the_time_of_the_server_alone_is_no_failure(settings: Settings, server: OAuthServer, tmp_path: Path) -> None:
    """A wrong secret stays a wrong secret, whatever the clocks say: nothing was signed."""
    late = {"Content-Type": "application/json", "Date": formatdate(0)}
    lie = Lie(401, b'{"error": "invalid_client"}', late)
    with server.telling(lie), pytest.raises(Trouble) as caught:
        ProviderTokens(settings(), FileTokenStore(str(tmp_path / "tokens"))).token()
    assert caught.value.kind == "token-invalid-client"
