"""What the command line does with a running service is done by REST, too; the page on REST says by which route."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from confobjects.cli.commands import SPECIAL
from confobjects.mapping.followers import FollowerReport
from confobjects.web.api.table import ENDPOINTS
from confobjects.web.people import Role
from tests.docs.pages import ROOT
from tests.web.kinds import LIGHTHOUSE
from tests.web.rest import Api, make_mail_api, serve

PAGE = (ROOT / "docs/guide/rest.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (`.*`) \| (.*) \|$", PAGE.partition("## Commands, and their routes")[2], re.MULTILINE)


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return make_mail_api(tmp_path)


ROUTES = {f"{one.method} {one.template}" for one in ENDPOINTS}


def test_each_command_has_a_route_or_a_reason() -> None:
    told = [name for commands, _ in ROWS for name in re.findall(r"`([\w-]+)`", commands)]
    assert sorted(told) == sorted(SPECIAL)
    for commands, where in ROWS:
        named = re.findall(r"`([A-Z]+ /[^`…]*)`", where)
        assert set(named) <= ROUTES, commands
        assert named or where.startswith("none: "), commands


def test_every_route_is_on_the_page() -> None:
    for one in ENDPOINTS:
        first = "/" + one.template.split("/")[1]
        assert first in PAGE, one.template


# -- many mails at once --------------------------------------------------------------------------------------------------


def send(api: Api) -> str:
    found: str = api.ask("POST", "/mails", {"to": ["ann@example.com"], "subject": "x"}).json()["id"]
    return found


def test_mails_are_sent_again_and_forgotten_together(api: Api) -> None:
    one = send(api)
    send(api)
    assert api.ask("POST", "/mail-queue/purge").json() == {"removed": 0, "dry_run": False}
    assert api.ask("POST", f"/mail-queue/{one}/cancel").status_code == 200
    assert api.ask("POST", "/mail-queue/retry?dry-run=true").json()["mails"] == [{"id": one, "parts": 1}]
    assert api.ask("POST", "/mail-queue/retry?sender=other").json()["mails"] == []
    assert api.get("/mail-queue?state=failed").json()["mails"][0]["id"] == one
    assert api.ask("POST", "/mail-queue/retry?sender=news").json()["mails"] == [{"id": one, "parts": 1}]
    assert api.ask("POST", "/mail-queue/mark-unknown?dry-run=true").json() == {"marked": 2, "dry_run": True}
    assert api.ask("POST", "/mail-queue/mark-unknown").json()["marked"] == 2
    assert api.ask("POST", "/mail-queue/purge?state=unknown&older-than=3600").json()["removed"] == 0
    assert api.ask("POST", "/mail-queue/purge?state=unknown&dry-run=true").json() == {"removed": 2, "dry_run": True}
    assert api.ask("POST", "/mail-queue/purge?state=unknown").json()["removed"] == 2
    assert api.get("/mail-queue").json()["mails"] == []
    for wrong in ("state=queued", "state=none", "older-than=-1", "older-than=1d"):
        assert api.ask("POST", f"/mail-queue/purge?{wrong}").status_code == 400, wrong


def test_a_stopped_sender_goes_on(api: Api) -> None:
    send(api)
    assert api.ask("POST", "/mail-service/news/resume").json() == {"sender": "news", "changed": False, "dry_run": False}
    assert api.ask("POST", "/mail-service/nobody/resume").status_code == 404


def test_an_alert_handler_is_tested_with_a_mail(api: Api) -> None:
    values = {"enabled": False, "recipient-address": ["ops@example.com"], "sender": "news"}
    made = api.put("/objects/alert-handlers/ops", {"type": "smtp", "properties": values})
    assert made.status_code == 201, made.text
    done = api.ask("POST", "/alert-handlers/ops/test")
    assert (done.status_code, done.json()["sender"]) == (202, "news")
    assert api.get(f"/mail-queue/{done.json()['id']}").json()["recipients"][0]["address"] == "ops@example.com"
    assert api.ask("POST", "/alert-handlers/none/test").status_code == 404


@pytest.mark.parametrize("route", ["mail-queue/retry", "mail-queue/purge", "mail-queue/mark-unknown"])
def test_who_may_not_change_does_none_of_it(api: Api, route: str) -> None:
    roles: tuple[Role, ...] = ("sender", "reader")
    for role in roles:
        assert Api(api.web, role).ask("POST", f"/{route}").status_code == 403


# -- followers, providers, definitions -----------------------------------------------------------------------------------


def test_a_follower_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    web = serve(tmp_path)
    made = Api(web)
    assert made.ask("DELETE", "/followers/web-4").status_code == 404
    with web.served._open_one() as context:
        context.storage.tell_follower(FollowerReport("web-4", "host", 1, "2026-01-01T00:00:00Z", None))
    assert made.ask("DELETE", "/followers/web-4?dry-run=true").json() == {"forgotten": "web-4", "dry_run": True}
    assert made.ask("DELETE", "/followers/web-4").json()["forgotten"] == "web-4"
    assert made.get("/followers").json()["followers"] == []


def test_a_provider_is_tested(tmp_path: Path) -> None:
    made = Api(serve(tmp_path))
    values = {"enabled": True, "grant-type": "client-credentials", "client-id": "me", "client-secret": "canary-4f1d"}
    body = {"properties": {**values, "token-endpoint": "http://127.0.0.1:1/token"}}
    assert made.put("/objects/oauth2-providers/idp?test=never", body).status_code == 201
    found = made.ask("POST", "/tests", {"path": "/oauth2-provider/idp"}).json()
    assert (found["ok"], found["provider"], found["tested"]) == (False, "/oauth2-provider/idp", "saved")
    kept = made.get("/objects/oauth2-providers/idp?current=true").json()["verification"]
    assert (kept["state"], kept["code"]) == ("failed", found["code"])


def test_definitions_are_installed_and_removed_by_administrators(tmp_path: Path) -> None:
    web = serve(tmp_path)
    administrator, operator = Api(web), Api(web, "operator")
    body = {"definitions": [LIGHTHOUSE]}
    assert operator.ask("POST", "/installed-definitions", body).status_code == 403
    assert administrator.ask("POST", "/installed-definitions?dry-run=true", body).json()["changed"] is True
    assert administrator.get("/installed-definitions").json()["definitions"] == []
    done = administrator.ask("POST", "/installed-definitions", body)
    assert done.status_code == 200, done.text
    [one] = operator.get("/installed-definitions").json()["definitions"]
    assert (one["name"], one["state"]) == ("lighthouse", "used")
    assert operator.get("/installed-definitions/lighthouse").json() == LIGHTHOUSE
    assert operator.put("/objects/lighthouses/east", {"properties": {"colour": "red"}}).status_code == 201
    assert administrator.ask("DELETE", "/installed-definitions/lighthouse").status_code in (409, 422)
    assert administrator.delete("/objects/lighthouses/east").status_code == 200
    assert operator.ask("DELETE", "/installed-definitions/lighthouse").status_code == 403
    assert administrator.ask("DELETE", "/installed-definitions/lighthouse").status_code == 200
    assert administrator.get("/objects/lighthouses").status_code == 404


@pytest.mark.parametrize("wrong", [{}, {"definitions": [1]}, {"definitions": [{}]}, {"definitions": [{"name": "x"}]}])
def test_what_is_no_definition_is_not_installed(tmp_path: Path, wrong: Any) -> None:
    refused = Api(serve(tmp_path)).ask("POST", "/installed-definitions", wrong)
    assert 400 <= refused.status_code < 500, refused.text
