"""Authorise in the console: out to a provider, back, and the refresh token is saved."""

from __future__ import annotations

import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.opening import open_any
from tests.servers.certificates import Authority
from tests.servers.oauth import SCOPE, USER, OAuthServer
from tests.web.console import Console, make_console, url_of

CLIENT, SECRET = "the client", "the secret of the client"


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def server(tmp_path: Path, authority: Authority) -> Iterator[OAuthServer]:
    with OAuthServer(tmp_path, authority) as running:
        methods = ("client_secret_basic", "client_secret_post")
        grants = ("refresh_token", "authorization_code", "urn:ietf:params:oauth:grant-type:device_code")
        running.register(CLIENT, secret=SECRET, methods=methods, grants=grants)
        yield running


@pytest.fixture
def console(tmp_path: Path, authority: Authority, server: OAuthServer) -> Console:
    found = make_console(tmp_path)
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    with open_any(url_of(tmp_path)) as context, context.change() as tx:
        trust = {"enabled": True, "trust-store-file": str(tmp_path / "ca.pem")}
        tx.create("trust-manager-provider", "CA", trust, type="file-based")
        provider = {
            "enabled": True,
            "grant-type": "authorization-code",
            "client-id": CLIENT,
            "client-secret": SECRET,
            "token-endpoint": f"{server.base}/token",
            "authorization-endpoint": f"{server.base}/authorize",
            "scope": [SCOPE],
            "trust-manager-provider": "CA",
        }
        tx.create("oauth2-provider", "p", provider)
    return found


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> None:  # noqa: PLR0913, PLR0917 - those of the base class
        return None


def consent(authority: Authority, url: str) -> str:
    """Consent at the provider, as a browser does, and return the address that it is sent to."""
    context = ssl.create_default_context(cadata=authority.pem.decode())
    opener = urllib.request.build_opener(_Stay, urllib.request.HTTPSHandler(context=context))
    try:
        return str(opener.open(url, timeout=30).headers["Location"])
    except urllib.error.HTTPError as redirect:
        with redirect:
            return str(redirect.headers["Location"])


def go_and_come_back(console: Console, authority: Authority) -> str:
    console.visit("/objects/oauth2-providers/p")
    page = console.follow("Authorise")
    target = urlsplit(consent(authority, page.links["Consent at the provider"]))
    return f"{target.path}?{target.query}"


def test_a_consent_is_saved_and_never_shown(
    console: Console, authority: Authority, server: OAuthServer, tmp_path: Path
) -> None:
    back = go_and_come_back(console, authority)
    session = dict(console.client.cookies)
    console.client.cookies.clear()  # a browser does not bring it from another site
    console.visit(back)
    console.client.cookies.update(session)
    console.follow("Go on")
    page = console.press("Save")
    assert "Configuration saved." in page.text
    [issued] = server.issued
    assert issued.refresh not in page.source
    with open_any(url_of(tmp_path)) as context:
        assert context.get("oauth2-provider", "p").values["refresh-token"] == (issued.refresh,)


def test_somebody_else_cannot_use_the_answer(console: Console, authority: Authority, tmp_path: Path) -> None:
    back = go_and_come_back(console, authority)
    console.sign_in("operator")
    console.visit(back)
    page = console.follow("Go on")
    assert "belongs to another question" in page.text
    assert "Save" not in {button for form in page.forms for button in form.buttons}
    with open_any(url_of(tmp_path)) as context:
        assert "refresh-token" not in context.get("oauth2-provider", "p").values


def test_a_refusal_and_a_wrong_code_are_explained(console: Console, authority: Authority) -> None:
    back = go_and_come_back(console, authority)
    state = back.partition("state=")[2].partition("&")[0]
    console.visit(f"/authorise-callback?error=access_denied&error_description=No+%3Cb%3Ethanks&state={state}")
    page = console.follow("Go on")
    assert "No <b>thanks" in page.text
    console.visit(f"/authorise-callback?code=wrong&state={state}")
    console.follow("Go on")
    page = console.press("Save")
    assert page.status == 422
    assert "Begin again" in page.links


# -- with a code -------------------------------------------------------------------------------------------------------


@pytest.fixture
def by_code(console: Console, server: OAuthServer, tmp_path: Path) -> Console:
    """Somebody who looks at the provider, whose administrator has made it one for codes."""
    with open_any(url_of(tmp_path)) as context, context.change() as tx:
        device = f"{server.base}/device"
        changes = {"grant-type": "device-code", "device-authorization-endpoint": device, "client-secret": SECRET}
        tx.set("oauth2-provider", "p", changes)
        tx.reset("oauth2-provider", "p", ["authorization-endpoint"])
    return console


def ask_for_code(console: Console) -> str:
    """Ask for a code, and return it."""
    console.visit("/objects/oauth2-providers/p")
    console.follow("Authorise")
    page = console.press("Get a code")
    until = time.monotonic() + 30
    while "enter the code" not in page.text:
        assert time.monotonic() < until, page.text
        page = console.visit(page.address.path)
    code: str = page.source.partition('<p class="code">')[2].partition("</p>")[0]
    return code


def test_a_consent_with_a_code_is_saved_and_never_shown(by_code: Console, server: OAuthServer, tmp_path: Path) -> None:
    with by_code.client:
        code = ask_for_code(by_code)
        page = by_code.page
        assert f"{server.base}/activate" in page.links
        assert "Save" not in {button for form in page.forms for button in form.buttons}
        server.grants[code] = (USER, True)
        told = by_code.client.get(f"{page.address.path}/events").text
        assert "Access was granted." in told
        assert told.endswith("event: over\ndata: over\n\n")
        by_code.visit(page.address.path)
        [issued] = server.issued
        page = by_code.press("Save")
        assert "Configuration saved." in page.text
        assert issued.refresh not in page.source + told
        assert issued.access not in page.source + told
    with open_any(url_of(tmp_path)) as context:
        assert context.get("oauth2-provider", "p").values["refresh-token"] == (issued.refresh,)


def test_a_code_that_is_refused_is_told(by_code: Console, server: OAuthServer) -> None:
    with by_code.client:
        server.grants[ask_for_code(by_code)] = (USER, False)
        page = by_code.wait_for_end()
    assert page.status == 422
    assert "Begin again" in page.links
    assert "Save" not in {button for form in page.forms for button in form.buttons}


def test_nobody_else_saves_a_consent_with_a_code(by_code: Console, server: OAuthServer) -> None:
    with by_code.client:
        code = ask_for_code(by_code)
        address = by_code.page.address.path
        server.grants[code] = (USER, True)
        by_code.wait_for_end()
        by_code.sign_in("operator")
        assert by_code.visit(address).status == 404
        token = dict(by_code.visit("/").form("Sign out").fields)["csrf_token"]
        assert by_code.client.post(address, data={"csrf_token": token}).status_code == 404


def test_what_nobody_consents_to_has_no_such_page(console: Console) -> None:
    assert console.visit("/authorise/mail-servers/one").status == 400
    assert console.visit("/authorise/oauth2-providers").status == 400
    assert console.visit("/authorise/oauth2-providers/nobody").status == 404


def test_a_provider_is_tested(console: Console) -> None:
    with console.client:
        console.visit("/test/oauth2-providers/p")
        page = console.press("Test")
        answer = console.client.get(f"{page.address.path}/events")
    assert "Authorise" in answer.text or "authorise" in answer.text
