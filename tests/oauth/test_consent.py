"""The consent of a person, played by the tests: in a browser that comes back to loopback, and on another device."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

import confobjects
from confobjects.mail.diagnosis import Trouble
from confobjects.oauth.consenting import Consent
from confobjects.oauth.opening import source_for
from confobjects.oauth.protocol.answers import DeviceCodes
from confobjects.oauth.protocol.requests import make_consent_url
from tests.cli.documents import tell
from tests.cli.sessions import Outcome, run
from tests.oauth.conftest import CLIENT, Settings, write_trust_and_secret
from tests.servers.certificates import Authority
from tests.servers.oauth import SCOPE, USER, Lie, OAuthServer


class Browser:
    """Opens the URL that is told, follows the redirect, and remembers what it was shown."""

    def __init__(self, authority: Authority, change: Callable[[str], str] = lambda url: url) -> None:
        self._context = ssl.create_default_context(cadata=authority.pem.decode())
        self._change = change
        self.opened: list[str] = []
        self.shown: list[tuple[int, str]] = []

    def open(self, url: str) -> None:
        self.opened.append(url)
        opener = urllib.request.build_opener(_Stay, urllib.request.HTTPSHandler(context=self._context))
        try:
            target = opener.open(url, timeout=30).headers["Location"]
        except urllib.error.HTTPError as redirect:
            with redirect:
                target = redirect.headers["Location"]
        if target is not None:
            self.visit(self._change(target))

    def visit(self, url: str) -> None:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                self.shown.append((answer.status, answer.read().decode()))
        except urllib.error.HTTPError as error:
            with error:
                self.shown.append((error.code, error.read().decode()))


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> None:  # noqa: PLR0913, PLR0917 - those of the base class
        return None


def with_fields(url: str, **fields: str) -> str:
    parts = urlsplit(url)
    return parts._replace(query=urlencode({**dict(parse_qsl(parts.query)), **fields})).geturl()


# -- by browser --------------------------------------------------------------------------------------------------------


def test_a_consent_in_a_browser(settings: Settings, server: OAuthServer, authority: Authority) -> None:
    browser = Browser(authority)
    token = Consent(settings("authorization-code")).by_browser(browser.open)
    assert [one.refresh for one in server.issued] == [token.refresh]
    assert server.issued[0].user == USER
    asked = dict(parse_qsl(urlsplit(browser.opened[0]).query))
    assert (asked["code_challenge_method"], asked["scope"]) == ("S256", SCOPE)
    sent = server.requests[-1][1]
    assert (sent["grant_type"], sent["redirect_uri"]) == ("authorization_code", asked["redirect_uri"])
    assert len(sent["code_verifier"]) >= 43  # RFC 7636, section 4.1
    assert browser.shown[0][0] == 200
    assert sent["code"] not in browser.shown[0][1]


def test_a_scope_asks_for_the_refresh_token_or_two_parameters_do(settings: Settings) -> None:
    for scope, expected in ((("mail",), "consent"), (("mail", "offline_access"), "")):
        url = make_consent_url(settings(scope=scope), "http://127.0.0.1:1/", "s", "v")
        fields = dict(parse_qsl(urlsplit(url).query))
        assert (fields.get("prompt", ""), fields["scope"]) == (expected, " ".join(scope))


def test_the_port_is_closed_afterwards(settings: Settings, authority: Authority) -> None:
    browser = Browser(authority)
    Consent(settings("authorization-code")).by_browser(browser.open)
    redirect = dict(parse_qsl(urlsplit(browser.opened[0]).query))["redirect_uri"]
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{redirect}?code=x&state=y", timeout=5)


def test_an_answer_with_another_state_is_not_used(
    settings: Settings, server: OAuthServer, authority: Authority
) -> None:
    """It is told in the browser, and the right one may still come."""
    browser = Browser(authority)

    def open_page(url: str) -> None:
        asked = dict(parse_qsl(urlsplit(url).query))
        for path in (f"?code=stolen&state=x{asked['state']}", "?code=stolen", "favicon.ico"):
            browser.visit(f"{asked['redirect_uri']}{path}")
        browser.open(url)

    assert Consent(settings("authorization-code")).by_browser(open_page).refresh
    assert [status for status, _ in browser.shown] == [400, 400, 404, 200]
    assert "stolen" not in [form.get("code") for _, form in server.requests]


def test_only_another_state(settings: Settings, server: OAuthServer, authority: Authority) -> None:
    browser = Browser(authority, lambda target: with_fields(target, state="another"))
    with pytest.raises(Trouble) as caught:
        Consent(settings("authorization-code")).by_browser(browser.open, patience=0.0)
    assert caught.value.kind == "token-state"
    assert server.fetches == []


def test_nobody_consents(settings: Settings, server: OAuthServer) -> None:
    with pytest.raises(Trouble) as caught:
        Consent(settings("authorization-code")).by_browser(lambda url: None, patience=0.0)
    assert caught.value.kind == "token-consent-timeout"


def test_a_refused_consent(settings: Settings, server: OAuthServer, authority: Authority) -> None:
    given = settings("authorization-code")
    assert given.authorization_endpoint is not None
    denying = given.replace(authorization_endpoint=given.authorization_endpoint.replace(target="/deny"))
    with pytest.raises(Trouble) as caught:
        Consent(denying).by_browser(Browser(authority).open)
    assert caught.value.kind == "token-denied"


def test_a_code_of_somebody_else(settings: Settings, server: OAuthServer, authority: Authority) -> None:
    """Whoever slips in a code of their own has another verifier: the server refuses it."""
    other = Browser(authority, lambda target: "")
    other.visit = lambda url: None  # type: ignore[method-assign]  # the code stays with whoever caught it
    with pytest.raises(Trouble):
        Consent(settings("authorization-code")).by_browser(other.open, patience=0.0)
    [caught_code] = server.codes
    browser = Browser(authority, lambda target: with_fields(target, code=caught_code))
    with pytest.raises(Trouble) as caught:
        Consent(settings("authorization-code")).by_browser(browser.open)
    assert caught.value.kind == "token-invalid-grant"


def test_a_consent_without_a_refresh_token(settings: Settings, server: OAuthServer, authority: Authority) -> None:
    lie = Lie(200, b'{"access_token": "a", "token_type": "bearer"}')
    with server.telling(lie), pytest.raises(Trouble) as caught:
        Consent(settings("authorization-code")).by_browser(Browser(authority).open)
    assert caught.value.kind == "token-no-refresh"


def test_a_port_that_is_taken(settings: Settings) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Trouble) as caught:
        Consent(settings("authorization-code")).by_browser(lambda url: None, port=taken.getsockname()[1])
    assert caught.value.kind == "token-redirect-port"


# -- by another device -------------------------------------------------------------------------------------------------


class Person:
    """Sits at another device: consents after a number of questions. Time goes by only while the client waits."""

    def __init__(self, server: OAuthServer, *, after: int = 0, approves: bool = True) -> None:
        self._server = server
        self._after = after
        self._approves = approves
        self.waits: list[float] = []
        self.codes: DeviceCodes | None = None

    def tell(self, codes: DeviceCodes) -> None:
        self.codes = codes

    def sleep(self, seconds: float) -> None:
        assert self.codes is not None
        self.waits.append(seconds)
        if len(self.waits) > self._after:
            self._server.grants[self.codes.user_code] = (USER, self._approves)

    def clock(self) -> float:
        import time

        return time.time() + sum(self.waits)


def by_device(settings: Any, person: Person) -> Any:
    return Consent(settings, clock=person.clock, sleep=person.sleep).by_device(person.tell)


def test_a_consent_on_another_device(settings: Settings, server: OAuthServer) -> None:
    person = Person(server, after=2)
    token = by_device(settings("device-code"), person)
    assert [one.refresh for one in server.issued] == [token.refresh]
    assert person.waits == [1.0, 1.0, 1.0]
    assert person.codes is not None
    assert person.codes.url == f"{server.base}/activate"
    assert person.codes.device_code not in repr(person.codes)


def test_a_server_that_wants_fewer_questions(settings: Settings, server: OAuthServer) -> None:
    """RFC 8628, section 3.5: five seconds more, for this question and all that follow."""
    server.patience = [True, False, True]
    person = Person(server, after=4)
    by_device(settings("device-code"), person)
    assert person.waits == [1.0, 6.0, 6.0, 11.0, 11.0]


def test_a_server_that_is_down_for_a_moment(settings: Settings, server: OAuthServer) -> None:
    person = Person(server, after=3)
    given = settings("device-code")
    server.lied_about = {"/token"}
    with server.telling(Lie(503), Lie(503)):
        assert by_device(given, person).refresh
    assert person.waits == [1.0, 2.0, 4.0, 4.0]


def test_a_code_that_is_over(settings: Settings, server: OAuthServer) -> None:
    person = Person(server, after=10_000)
    server.patience = [True] * 30
    with pytest.raises(Trouble) as caught:
        by_device(settings("device-code"), person)
    assert caught.value.kind == "token-codes-expired"
    assert len(person.waits) < 40


def test_a_consent_that_is_refused_on_the_device(settings: Settings, server: OAuthServer) -> None:
    with pytest.raises(Trouble) as caught:
        by_device(settings("device-code"), Person(server, approves=False))
    assert caught.value.kind == "token-denied"


@pytest.mark.parametrize(
    "document", [{}, {"device_code": "d"}, {"device_code": 1, "user_code": 2, "verification_uri": 3}]
)
def test_an_answer_without_codes(document: Mapping[str, Any], settings: Settings, server: OAuthServer) -> None:
    with server.telling(Lie(200, json.dumps(document).encode())), pytest.raises(Trouble) as caught:
        by_device(settings("device-code"), Person(server))
    assert caught.value.kind == "token-codes-missing"


def test_the_interval_is_limited(settings: Settings, server: OAuthServer) -> None:
    document = {
        "device_code": "d",
        "user_code": "\x1b[2JU",
        "verification_uri": "u",
        "interval": 1e9,
        "expires_in": 1e9,
    }
    person = Person(server)
    with server.telling(Lie(200, json.dumps(document).encode())), pytest.raises(Trouble):
        by_device(settings("device-code"), person)
    assert person.waits == [60.0]
    assert person.codes is not None
    assert person.codes.user_code == "\\x1b[2JU"


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def configured(
    server: OAuthServer, tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONFOBJECTS_URL", f"ldif:{tmp_path / 'config.ldif'}")
    write_trust_and_secret(tmp_path, authority)
    yield tmp_path
    assert [one.access for one in server.issued if one.access in (tmp_path / "config.ldif").read_text()] == []


def create(server: OAuthServer, **values: str) -> Outcome:
    given = {
        "enabled": "true",
        "token-endpoint": f"{server.base}/token",
        "authorization-endpoint": f"{server.base}/authorize",
        "device-authorization-endpoint": f"{server.base}/device",
        "client-id": CLIENT,
        "client-secret": "&{file:secret}",
        "scope": SCOPE,
        "trust-manager-provider": "ca",
        **{name.replace("_", "-"): value for name, value in values.items()},
    }
    words = [word for name, value in given.items() for word in ("--set", f"{name}:{value}")]
    return run("create-oauth2-provider", "--provider-name", "p", *words, "--no-prompt")


AUTHORIZE = ("authorize-oauth2-provider", "--provider-name", "p")


def authorize(meet: Callable[[str], None], *more: str) -> tuple[int, str, str]:
    """Run the command in a process of its own; ``meet`` is called with each line of what it tells the person."""
    command = [sys.executable, "-m", "confobjects.cli", *AUTHORIZE, *more]
    environment = {**os.environ, "PYTHONPATH": str(Path(confobjects.__file__).parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stderr is not None and child.stdout is not None  # noqa: PT018 - both are pipes
        told = ""
        for line in child.stderr:
            told += line
            meet(line.strip())
        out = child.stdout.read()
    return child.returncode, out, told


def test_the_command_saves_the_refresh_token(configured: Path, server: OAuthServer, authority: Authority) -> None:
    assert create(server, grant_type="authorization-code").status == 0
    missing = run("test-oauth2-provider", "--provider-name", "p")
    assert missing.status == 27
    assert 'run authorize-oauth2-provider --provider-name "p"' in missing.err
    browser = Browser(authority)

    def meet(line: str) -> None:
        if line.startswith("https:"):
            threading.Thread(target=browser.open, args=(line,)).start()

    status, out, told = authorize(meet, "--output", "json", "--timeout", "60")
    assert status == 0, told
    changed = json.loads(out)["changes"][0]
    assert changed["properties"]["refresh-token"]["after"] == ["********"]
    [issued] = server.issued
    assert issued.refresh in (configured / "config.ldif").read_text()
    assert issued.refresh not in out + told
    assert issued.access not in out + told
    before = len(server.fetches)
    provider = confobjects.load()["oauth2-provider", "p"]
    assert source_for(provider, os.environ).token() == issued.access  # that of the consent is used up first
    assert len(server.fetches) == before
    assert "refresh-token" in run("history").out + run("history", "show", "3").out


def test_the_command_with_another_device(configured: Path, server: OAuthServer) -> None:
    assert create(server, grant_type="device-code").status == 0

    def meet(line: str) -> None:
        if len(line) == 9 and line[4] == "-":  # the form of Authlib's codes
            server.grants[line] = (USER, True)

    status, _, told = authorize(meet)
    assert status == 0, told
    assert "on any device, and enter this code:" in told
    assert server.issued[0].refresh in (configured / "config.ldif").read_text()


def test_the_command_waits_for_running_services(
    configured: Path, server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert create(server, grant_type="device-code").status == 0
    tell("web-1", 0, url=os.environ["CONFOBJECTS_URL"])

    def meet(line: str) -> None:
        if len(line) == 9 and line[4] == "-":
            server.grants[line] = (USER, True)

    status, _, told = authorize(meet, "--wait", "1")
    assert status == 23
    assert "change 3 is saved; after 1 s it is in effect on 0 of 1" in told


def test_the_command_gives_up(configured: Path, server: OAuthServer) -> None:
    assert create(server, grant_type="authorization-code").status == 0
    outcome = run(*AUTHORIZE, "--timeout", "1")
    assert outcome.status == 27
    assert "nobody consented within 1 s" in outcome.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--redirect-host", "evil.example"], "--redirect-host takes 127.0.0.1 or localhost"),
        (["--redirect-port", "70000"], "--redirect-port takes a whole number from 0 to 65535"),
        (["--timeout", "0"], "--timeout takes a number of seconds from 1 to 3600"),
        (["--timeout", "soon"], "--timeout takes a number of seconds from 1 to 3600"),
    ],
)
def test_a_wrong_option(options: list[str], words: str, configured: Path, server: OAuthServer) -> None:
    assert create(server, grant_type="authorization-code").status == 0
    outcome = run(*AUTHORIZE, *options)
    assert outcome.status == 2
    assert words in outcome.err


def test_a_grant_without_consent(configured: Path, server: OAuthServer) -> None:
    assert create(server, grant_type="client-credentials").status == 0
    outcome = run(*AUTHORIZE)
    assert outcome.status == 2
    assert "needs no consent" in outcome.err


def test_a_dry_run_asks_nobody(configured: Path, server: OAuthServer) -> None:
    assert create(server, grant_type="device-code").status == 0
    assert run(*AUTHORIZE, "--dry-run").status == 0
    assert server.requests == []
