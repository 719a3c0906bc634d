"""Somebody who signs in to the console at a provider of OpenID Connect, without a browser."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.testclient import TestClient

import confobjects
from confobjects.oauth.openid import OpenIdClient, OpenIdProvider, trust_file
from confobjects.web.api.table import ENDPOINTS as API
from confobjects.web.app import make_app
from confobjects.web.identity.openid import OpenId, OpenIdRule
from confobjects.web.identity.people_file import PeopleFile
from confobjects.web.identity.recognition import Identity
from confobjects.web.pages.openid import BEGIN, CALLBACK
from confobjects.web.pages.table import ENDPOINTS
from confobjects.web.served import Served
from confobjects.web.site import Web
from tests.servers.openid import CLIENT, SECRET, OpenIdServer

ROLES = (("reader", "staff"), ("operator", "operators"), ("administrator", "admins"))


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Newcomer:
    """Somebody with a browser, whom a provider knows."""

    def __init__(self, web: Web, server: OpenIdServer, ca_file: Path, base: str = "http://127.0.0.1:8080") -> None:
        self.client = TestClient(make_app(web, API, (), ENDPOINTS), base_url=base, follow_redirects=False)
        self._server = server
        context = ssl.create_default_context(cafile=str(ca_file))
        self._opener = urllib.request.build_opener(NoRedirect, urllib.request.HTTPSHandler(context=context))

    def begin(self, next_: str = "/", **headers: str) -> Any:
        """Press the button of the page to sign in."""
        return self.client.get(f"{BEGIN}?{urlencode({'next': next_})}", headers=headers)

    def consent(self, url: str) -> str:
        """Sign in at the provider, and return the address that it sends the browser to."""
        try:
            self._opener.open(url, timeout=30).close()
        except urllib.error.HTTPError as redirect:
            with redirect:
                return str(redirect.headers["Location"])
        raise AssertionError("the provider sends nobody back")

    def come_back(self, address: str, **changes: str | None) -> Any:
        """Go where the provider sends the browser, with changes of the query."""
        parts = urlsplit(address)
        assert parts.path == CALLBACK
        query = {**dict(parse_qsl(parts.query)), **changes}
        return self.client.get(f"{CALLBACK}?{urlencode({name: one for name, one in query.items() if one is not None})}")

    def sign_in(self, next_: str = "/") -> Any:
        """Go the whole way, and return the last answer."""
        return self.come_back(self.consent(self.begin(next_).headers["location"]))

    def who(self) -> Any:
        """Return who is signed in, by the API."""
        found = self.client.get("/api/v1/session")
        return found.json() if found.status_code == 200 else None


def make_rule(server: OpenIdServer, ca_file: Path, **changes: Any) -> OpenIdRule:
    """Return the rule by which people sign in at a provider."""
    client = OpenIdClient(server.base, CLIENT, SECRET, ("profile", "groups"), trust_file(str(ca_file)))
    return OpenIdRule(client.replace(**changes), ("groups",), ROLES)  # type: ignore[arg-type]


def make_openid_web(directory: Path, rule: OpenIdRule, **options: Any) -> Web:
    """Serve an LDIF file to people who sign in at a provider; ``options`` are those of the provider."""
    url = f"ldif:{directory / 'config.ldif'}"
    openid = OpenId(rule, OpenIdProvider(rule.client, **options))
    return Web(
        Served(lambda: confobjects.open(url)),
        Identity(PeopleFile(f"{directory / 'config.ldif'}.people"), openid=openid),
    )
