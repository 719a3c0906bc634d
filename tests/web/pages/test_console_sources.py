"""Values from elsewhere in the console: the console and the API see the same, with the variables that the process serves with.

None of these variables is one of the process of the tests, so whoever evaluates with that sees nothing.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

import confobjects
from confobjects.resolvers import read_env_file
from confobjects.service.ledger import Mail
from confobjects.service.opening import open_ledger_of, read_settings
from confobjects.startup import make_startup_sources
from confobjects.web.people import Role
from confobjects.web.sources import Sources, parse_environments
from tests.opening import open_any
from tests.web.console import Console, make_console, url_of
from tests.web.rest import CANARY, Api

VARIABLES = "MAIL_SERVER=127.0.0.1:1\nLEDGER=sqlite:{directory}/elsewhere.ledger\nCLIENT=the-client\n"


@pytest.fixture
def console(tmp_path: Path) -> Console:
    found = make_console(tmp_path)
    file = tmp_path / "serve.env"
    file.write_text(VARIABLES.format(directory=tmp_path), encoding="utf-8")
    with open_any(url_of(tmp_path)) as context, context.change() as tx:
        server = {"smtp-server": "&{env:MAIL_SERVER}", "use-start-tls": True, "auth-username": "me"}
        tx.set("mail-server", "one", server)
        tx.set("mail-server", "one", {"auth-password": CANARY})
        tx.set("mail-service", (), {"enabled": True, "default-sender": "news", "ledger": "&{env:LEDGER}"})
        provider = {
            "enabled": True,
            "grant-type": "authorization-code",
            "client-id": "&{env:CLIENT}",
            "token-endpoint": "https://login.example.com/token",
            "authorization-endpoint": "https://login.example.com/authorize",
        }
        tx.create("oauth2-provider", "p", provider)
    sources = Sources(
        str(tmp_path),
        make=lambda variables: make_startup_sources(str(tmp_path), environment=variables or read_env_file(str(file))),
    )
    return Console(found.web.replace(sources=sources))


def ask(console: Console, role: Role = "administrator") -> Api:
    return Api(console.web, role)


def test_a_check_finds_the_same(console: Console, tmp_path: Path) -> None:
    assert ask(console).get("/check").json()["ok"] is True
    assert "A service would start with this configuration." in console.visit("/").text
    (tmp_path / "serve.env").write_text(f"MAIL_SERVER={CANARY} is no host\n", encoding="utf-8")
    problems = ask(console).get("/check").json()["problems"]
    page = console.visit("/")
    assert problems
    for one in problems:
        assert one["summary"] in page.text
    assert CANARY not in page.source


def test_a_test_connects_to_the_same(console: Console) -> None:
    with console.client:  # one event loop, in which the test goes on
        console.visit("/test/mail-servers/one")
        console.press("Test")
        page = console.wait_for_end()
    found = ask(console).ask("POST", "/tests", {"path": "/mail-server/one"}).json()
    assert found["diagnostics"][0]["summary"] in page.text


def test_a_value_that_is_not_accepted_is_not_told(console: Console, tmp_path: Path) -> None:
    (tmp_path / "serve.env").write_text(f"MAIL_SERVER={CANARY} is no host\n", encoding="utf-8")
    [problem] = ask(console).ask("POST", "/tests", {"path": "/mail-server/one"}).json()["problems"]
    console.visit("/test/mail-servers/one")
    page = console.press("Test")
    assert problem["summary"] in page.text
    assert CANARY not in page.source


def test_an_expression_is_explained_the_same_in_each_environment(console: Console, tmp_path: Path) -> None:
    (tmp_path / "production.env").write_text("CLIENT=another\n", encoding="utf-8")
    there = parse_environments([f"production={tmp_path / 'production.env'}"])
    console = Console(console.web.replace(sources=console.web.sources.replace(environments=there)))
    console.visit("/explain?of=/mail-server/one")
    for environment in ("", "production"):
        page = console.press("Explain", {"environment": environment})
        query = f"path=/mail-server/one&property=smtp-server&environment={environment}"
        told = ask(console).get(f"/explain?{query}")
        if told.status_code == 200:
            [text] = told.json()["texts"]
            said = [*text["needs"], *text["values"], *text["origins"]]
        else:
            said = [one["summary"] for one in told.json()["problems"]]
        assert (told.status_code == 200) == (not environment)
        assert all(one in page.text for one in said), page.text
        assert "127.0.0.1:1" not in page.source
    assert console.visit("/explain?environment=produktion").status == 404


def test_the_ledger_is_the_same(console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        for name, value in read_env_file(str(tmp_path / "serve.env")).items():
            patch.setenv(name, value)
        service = confobjects.load(url_of(tmp_path))["mail-service"]
        with open_ledger_of(service, unsealed=True) as ledger:
            mail = Mail(b"Subject: x\r\n\r\nx\r\n", "me@example.com", ("ann@example.com",), "account", "news")
            made = ledger.accept(mail, read_settings(service))
    assert [one["id"] for one in ask(console).get("/mail-queue").json()["mails"]] == [made]
    assert made in console.visit("/queue").links
    assert "1 of 3" in console.visit("/recipients").text
    assert console.visit("/mail-service").status == 200


def test_a_save_is_tested_with_the_same(console: Console) -> None:
    changed = {"properties": {"auth-username": "you", "auth-password": CANARY}}
    refused = ask(console).patch("/objects/mail-servers/one?test=always", changed)
    assert refused.status_code >= 400
    with console.client:
        console.visit("/objects/mail-servers/one")
        console.press("Test connection and save", {"value:auth-username": "you", "value:auth-password": CANARY})
        page = console.wait_for_end()
    assert refused.json()["problems"][0]["summary"] in page.text


def test_a_consent_is_for_the_same_client(console: Console) -> None:
    page = console.visit("/authorise/oauth2-providers/p")
    [url] = [address for address in page.links.values() if address.startswith("https://login.example.com/")]
    assert parse_qs(urlsplit(url).query)["client_id"] == ["the-client"]
