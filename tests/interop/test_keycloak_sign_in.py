"""Sign-in at Keycloak with OpenID Connect: with requests alone, and in Chromium."""

from __future__ import annotations

import html
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urljoin

import pytest
from playwright.sync_api import expect, sync_playwright

import confobjects
from tests.servers.keycloak import REALM, Keycloak
from tests.servers.packages import require
from tests.web.serving import ServeProcess

SECRET: Final = "canary secret+%7Q&="
PASSWORD: Final = "canary password 5K"
OPERATOR, NOBODY = "operator@example.com", "nobody@example.com"
_ROLES: Final = {
    "name": "roles",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-usermodel-realm-role-mapper",
    "config": {"claim.name": "realm_access.roles", "multivalued": "true", "id.token.claim": "true"},
}
"""Keycloak puts the roles of a realm into the access token only; this puts them into the ID token, too."""


@pytest.fixture(scope="module", autouse=True)
def _people(keycloak: Keycloak) -> None:
    keycloak.add_client(
        "console",
        SECRET,
        standardFlowEnabled=True,
        serviceAccountsEnabled=False,
        redirectUris=["http://127.0.0.1:*"],
        protocolMappers=[_ROLES],
        attributes={"pkce.code.challenge.method": "S256"},
    )
    for name in (OPERATOR, NOBODY):
        keycloak.add_user(name, PASSWORD)
    keycloak.call("POST", f"/admin/realms/{REALM}/roles", {"name": "mail-operators"})
    role = keycloak.call("GET", f"/admin/realms/{REALM}/roles/mail-operators")
    (user,) = keycloak.call("GET", f"/admin/realms/{REALM}/users?{urlencode({'username': OPERATOR})}")
    keycloak.call("POST", f"/admin/realms/{REALM}/users/{user['id']}/role-mappings/realm", [role])


@pytest.fixture(scope="module")
def console(keycloak: Keycloak, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """A console that people of Keycloak sign in to."""
    directory = tmp_path_factory.mktemp("console")
    secret = directory / "secret"
    secret.write_text(f"{SECRET}\n", encoding="utf-8")
    url = f"ldif:{directory / 'config.ldif'}"
    with confobjects.open(url) as context:
        context.create("trust-manager-provider", "System", {"enabled": True}, type="system")
    options = (
        *("--openid-issuer", f"{keycloak.url}/realms/{REALM}"),
        *("--openid-client-id", "console"),
        *("--openid-client-secret-file", str(secret)),
        *("--openid-role-claim", "/realm_access/roles"),
        *("--openid-role", "operator=mail-operators"),
    )
    with ServeProcess(url, *options) as running:
        yield running.wait_for_start()
        assert running.end() == 0
        assert not any(SECRET in line for line in running.err.rest())


class Visitor:
    """Somebody with a browser of few words: it follows redirects, keeps cookies and sends forms."""

    def __init__(self, console: ServeProcess) -> None:
        self._base = f"http://127.0.0.1:{console.port}"
        everywhere = DefaultCookiePolicy(secure_protocols=("https", "http"))  # as browsers do on loopback
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar(everywhere)))
        self.address = self.page = ""
        self.status = 0

    def go_to(self, address: str, data: bytes | None = None) -> None:
        try:
            answer = self._opener.open(urljoin(self._base, address), data, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            self.address, self.page, self.status = answer.url, answer.read().decode(), answer.status

    def sign_in(self, name: str) -> None:
        """Press the button, and fill in the form of Keycloak."""
        self.go_to("/sign-in/openid?next=/history")
        form = re.search(r'<form[^>]* action="([^"]+)"', self.page)
        assert form is not None, self.page
        fields = {"username": name, "password": PASSWORD, "credentialId": ""}
        self.go_to(urljoin(self.address, html.unescape(form[1])), urllib.parse.urlencode(fields).encode())


def test_somebody_with_a_role_signs_in(console: ServeProcess) -> None:
    somebody = Visitor(console)
    somebody.sign_in(OPERATOR)
    assert somebody.status == 200
    assert 'content="0; url=/history"' in somebody.page
    somebody.go_to("/history")
    assert f"({OPERATOR})" in somebody.page
    assert re.search(r"openid:[0-9a-f-]{36} ", somebody.page)


def test_somebody_without_a_role_does_not(console: ServeProcess) -> None:
    nobody = Visitor(console)
    nobody.sign_in(NOBODY)
    assert nobody.status == 403
    assert "nothing gives you a role here" in nobody.page


def test_the_whole_way_in_a_browser(console: ServeProcess, tmp_path: Path) -> None:
    """The session is Strict, and the browser comes from another site: the first page after the way back has it all the same."""
    program = require("chromium")["chromium"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{console.port}/history")
        page.get_by_role("link", name="Sign in with 127.0.0.1").click()
        page.locator("#username").fill(OPERATOR)
        page.locator("#password").fill(PASSWORD)
        page.locator("#kc-login").click()
        page.wait_for_url("**/history", timeout=60_000)
        expect(page.locator("header.top")).to_contain_text(OPERATOR)
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("main")).to_contain_text("Sign in")
        browser.close()
