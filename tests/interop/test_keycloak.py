"""Tokens from Keycloak: by client credentials, by a consent on another device, and for a named audience."""

from __future__ import annotations

import base64
import html
import json
import re
import time
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any

import pytest

from confobjects.oauth.consenting import Consent
from confobjects.oauth.protocol.answers import DeviceCodes
from confobjects.oauth.protocol.settings import ProviderSettings, parse_endpoint
from confobjects.oauth.sources import ProviderTokens
from confobjects.oauth.storing import FileTokenStore
from tests.cli.sessions import run
from tests.opening import open_any
from tests.servers.keycloak import Keycloak

SECRET = "canary secret+%7Q&="
USER, PASSWORD = "mailbox@example.com", "canary password 5K"
CHECKER = "the mail server"
"""The client that asks about tokens, which Keycloak answers only if the token is made out to it."""


@pytest.fixture(scope="module", autouse=True)
def _clients(keycloak: Keycloak) -> None:
    keycloak.add_client("mailer", SECRET, audience=CHECKER)
    keycloak.add_client("other", SECRET)
    keycloak.add_client(CHECKER, SECRET)
    device = {"oauth2.device.authorization.grant.enabled": "true"}
    keycloak.add_client("device", SECRET, audience=CHECKER, attributes=device)
    keycloak.add_user(USER, PASSWORD)


@pytest.fixture
def url(tmp_path: Path, keycloak: Keycloak) -> str:
    """A configuration with a provider for each client."""
    place = f"ldif:{tmp_path / 'config.ldif'}"
    secret = tmp_path / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    with open_any(place) as context:
        for name in ("mailer", "other"):
            values = {
                "enabled": True,
                "grant-type": "client-credentials",
                "token-endpoint": keycloak.endpoint("token"),
                "client-id": name,
                "client-secret": f"&{{file:{secret}}}",
            }
            context.create("oauth2-provider", name, values)
    return place


def settings_of(keycloak: Keycloak, client: str) -> ProviderSettings:
    return ProviderSettings(
        path=f"/oauth2-provider/{client}",
        name=client,
        grant="device-code",
        token_endpoint=parse_endpoint(keycloak.endpoint("token")),
        client_id=client,
        authentication="basic",
        secret=SECRET,
        device_endpoint=parse_endpoint(keycloak.endpoint("auth/device")),
    )


def introspect(keycloak: Keycloak, token: str) -> dict[str, Any]:
    """Ask as a mail server does."""
    who = base64.b64encode(f"{urllib.parse.quote_plus(CHECKER)}:{urllib.parse.quote_plus(SECRET)}".encode()).decode()
    data = urllib.parse.urlencode({"token": token}).encode()
    request = urllib.request.Request(
        keycloak.endpoint("token/introspect"), data, {"Authorization": f"Basic {who}"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return dict(json.loads(answer.read()))


def test_client_credentials(url: str) -> None:
    passed = run("test-oauth2-provider", "--provider-name", "mailer", "--url", url)
    assert passed.status == 0, passed.err


def test_a_wrong_secret_is_told(url: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("another", encoding="utf-8")
    refused = run("test-oauth2-provider", "--provider-name", "mailer", "--url", url, "--output", "json")
    assert refused.status == 27
    assert json.loads(refused.out)["code"] == "token-invalid-client"
    assert SECRET not in refused.out + refused.err


@pytest.mark.parametrize(("client", "active"), [("mailer", True), ("other", False)])
def test_a_token_is_good_for_the_audience_that_a_mapper_names(
    client: str, active: bool, keycloak: Keycloak, tmp_path: Path
) -> None:
    """Without the mapper a mail server that asks Keycloak about the token refuses it."""
    settings = settings_of(keycloak, client).replace(grant="client-credentials")
    token = ProviderTokens(settings, FileTokenStore(str(tmp_path / "tokens"))).token()
    assert introspect(keycloak, token)["active"] is active


def test_a_consent_on_another_device_and_a_token_by_the_refresh_token(keycloak: Keycloak, tmp_path: Path) -> None:
    settings = settings_of(keycloak, "device")
    token = Consent(settings, sleep=_sleep_briefly).by_device(_consent)
    consented = settings.replace(refresh_token=token.refresh)
    source = ProviderTokens(consented, FileTokenStore(str(tmp_path / "tokens")))
    told = introspect(keycloak, source.token())
    assert (told["active"], told["username"]) == (True, USER)


def _sleep_briefly(seconds: float) -> None:
    time.sleep(min(seconds, 0.5))


def _consent(codes: DeviceCodes) -> None:
    """Do what a person does on the other device: log in, and allow what is asked."""
    everywhere = DefaultCookiePolicy(secure_protocols=("https", "http"))  # as browsers do on loopback
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar(everywhere)))
    page = opener.open(codes.complete_url, timeout=60).read().decode()
    fields = {"username": USER, "password": PASSWORD}
    while (form := re.search(r'<form[^>]* action="([^"]+)"', page)) is not None:
        address = urllib.parse.urljoin(codes.complete_url, html.unescape(form[1]))
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
        page = opener.open(address, urllib.parse.urlencode({**hidden, **fields}).encode(), timeout=60).read().decode()
        fields = {"accept": "Yes"}
