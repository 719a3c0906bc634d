"""The mail service by REST: tests, mails, the queue, quotas, its state, followers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from confobjects.web.identity.credentials import ROLES
from confobjects.web.targets import Targets
from tests.servers.fake_smtp import FakeSmtp
from tests.web.rest import CANARY, SERVER, Api, make_mail_api

ONE = "/objects/mail-servers/one"
STATES = {"queued", "taken", "sending", "delivered", "failed", "unknown"}


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return make_mail_api(tmp_path)


def events_of(text: str) -> list[tuple[str, Any]]:
    """The events of a stream, each with its document."""
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_a_saved_mail_server_is_tested_and_the_result_kept(api: Api) -> None:
    found = api.ask("POST", "/tests", {"path": "/mail-server/one"}).json()
    assert (found["ok"], found["stage"], found["tested"]) == (False, "connect", "saved")
    assert api.get(f"{ONE}?current=true").json()["verification"]["state"] == "failed"
    found = api.ask("POST", "/tests", {"path": "/mail-sender/news", "depth": "resolve"}).json()
    assert (found["ok"], found["sender"]) == (True, "/mail-sender/news")


def test_the_stages_of_a_test_are_told_as_they_happen(api: Api) -> None:
    answer = api.ask("POST", "/tests", {"path": "/mail-server/one"}, accept="text/event-stream")
    told = events_of(answer.text)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [name for name, _ in told] == ["begin", "end", "begin", "end", "result"]
    assert told[1][1]["stage"] == "resolve"
    assert (told[3][1]["ok"], told[-1][1]["stage"]) == (False, "connect")


def test_unsaved_values_are_tested_and_leave_nothing(api: Api) -> None:
    tag = api.tag(ONE)
    body = {"path": "/mail-server/one", "properties": {"smtp-server": "127.0.0.1:1"}, "depth": "resolve"}
    assert api.ask("POST", "/tests", body).json()["tested"] == "unsaved"
    new = {"path": "/mail-server/new", **SERVER, "depth": "resolve"}
    new["properties"] = {**SERVER["properties"], "smtp-server": "127.0.0.1:1"}
    assert api.ask("POST", "/tests", new).json()["ok"] is True
    assert (api.tag(ONE), api.get("/objects/mail-servers/new").status_code) == (tag, 404)
    assert api.get(f"{ONE}?current=true").json()["verification"]["state"] == "never"


def test_a_stored_secret_is_not_tried_elsewhere(api: Api) -> None:
    login = {"auth-username": "me", "auth-password": CANARY}
    assert api.patch(ONE, {"properties": login}).status_code == 200
    body = {"path": "/mail-server/one", "properties": {"smtp-server": "127.0.0.1:1"}}
    refused = api.ask("POST", "/tests", body)
    assert (refused.status_code, refused.json()["problems"][0]["property"]) == (422, "auth-password")


def test_who_is_no_administrator_reaches_no_service_of_this_machine(api: Api) -> None:
    """Neither by a test of what is stored, nor of unsaved values, nor by the test before a save; and reads out nothing."""
    operator = Api(api.web, "operator")
    with FakeSmtp({"banner": b"-ERR s3cret\r\n"}) as fake:
        there = {"smtp-server": f"127.0.0.1:{fake.port}", "use-start-tls": False}
        assert api.patch(f"{ONE}?test=never", {"properties": there}).status_code == 200
        answers = [
            operator.ask("POST", "/tests", {"path": "/mail-server/one"}),
            operator.ask("POST", "/tests", {"path": "/mail-server/one", "properties": there}),
            operator.patch(f"{ONE}?test=always", {"properties": {"smtp-property": ["mail.smtp.timeout=5000"]}}),
        ]
        assert all("was not named as a target" in one.text for one in answers), [one.text for one in answers]
        assert fake.connections == 0
        named = api.web.replace(targets=Targets(frozenset({("127.0.0.1", fake.port)})))
        answer = Api(named, "operator").ask("POST", "/tests", {"path": "/mail-server/one"})
        assert (answer.json()["code"], "s3cret" in answer.text) == ("not-smtp", False)
        assert "s3cret" in api.ask("POST", "/tests", {"path": "/mail-server/one"}).text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"path": "/mail-server/two"}, 404),
        ({"path": "/mail-service"}, 422),
        ({"path": "nowhere"}, 400),
        ({"path": "/mail-server/one", "depth": "deep"}, 422),
        ({"path": "/mail-server/one", "depth": "send"}, 422),
        ({"path": "/mail-server/one", "to": [1]}, 422),
        ({"path": "/mail-server/one", "properties": {"nothing": 1}}, 400),
        ({"path": "/mail-server/one", "properties": {"auth-password": "********"}}, 422),
        ({"path": "/mail-server/one", "host": "evil.example"}, 422),
    ],
)
def test_what_cannot_be_tested_is_refused(api: Api, body: Any, status: int) -> None:
    assert api.ask("POST", "/tests", body).status_code == status


def test_a_mail_is_accepted_shown_and_given_up(api: Api) -> None:
    service = api.get("/mail-service").json()
    assert (service["enabled"], service["ledger"]["version"]) == (True, 0)
    assert api.get("/mail-queue").status_code == 503
    mail = {"to": ["ann@example.com"], "subject": "Hello", "body": "Hello!"}
    planned = api.ask("POST", "/mails?dry-run=true", mail)
    assert (planned.status_code, planned.json()["id"]) == (200, None)
    sender = Api(api.web, "sender")
    made = sender.ask("POST", "/mails", mail)
    assert (made.status_code, made.json()["sender"], made.json()["recipients"]) == (202, "news", 1)
    message = b"To: bob@example.com\r\nSubject: Hi\r\n\r\nHi\r\n"
    whole = sender.client.post("/api/v1/mails", content=message, headers={"Content-Type": "message/rfc822"})
    assert (whole.status_code, whole.json()["recipients"]) == (202, 1)
    [one, _] = api.get("/mail-queue").json()["mails"]
    assert (one["id"], one["state"]) == (made.json()["id"], "queued")
    assert api.get("/mail-queue?limit=1").json()["more"] is True
    assert api.get("/mail-queue?to=bob@example.com&state=queued").json()["mails"][0]["id"] == whole.json()["id"]
    assert api.get(f"/mail-queue/{one['id']}").json() == one
    assert api.ask("POST", f"/mail-queue/{one['id']}/cancel?dry-run=true").json()["mails"][0]["parts"] == 1
    assert api.ask("POST", f"/mail-queue/{one['id']}/cancel").json()["mails"] == [{"id": one["id"], "parts": 1}]
    assert api.get("/mail-queue?state=failed").json()["mails"][0]["id"] == one["id"]
    assert api.ask("POST", f"/mail-queue/{one['id']}/retry").json()["mails"][0]["parts"] == 1
    assert api.get("/mail-service").json()["states"].keys() <= STATES


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"to": "ann@example.com"}, 422),
        ({"to": [1]}, 422),
        ({"to": []}, 422),
        ({"to": ["no address"]}, 422),
        ({"to": ["ann@example.com"], "subject": "a\nBcc: eve@example.com"}, 422),
        ({"to": ["ann@example.com"], "category": "No Category"}, 400),
        ({"to": ["ann@example.com"], "sender": "nobody"}, 404),
        ({"to": ["ann@example.com"], "from": "eve@example.com"}, 422),
    ],
)
def test_what_is_no_mail_is_refused(api: Api, body: Any, status: int) -> None:
    assert api.ask("POST", "/mails", body).status_code == status


def test_addresses_have_quotas(api: Api) -> None:
    api.ask("POST", "/mails", {"to": ["ann@example.com"], "subject": "x", "category": "account"})
    assert api.get("/mail-quotas/ann@example.com").json()["address"] == "ann@example.com"
    assert api.ask("POST", "/mail-quotas/ann@example.com/reset?dry-run=true").json()["dry_run"] is True
    assert api.ask("POST", "/mail-quotas/ann@example.com/reset").json()["action"] == "reset"
    assert api.ask("POST", "/mail-quotas/ann@example.com/lift").json()["changed"] is False
    assert isinstance(api.get("/mail-quotas").json()["addresses"], list)


@pytest.mark.parametrize("written", ["a%2Fb@example.com", "a~1b@example.com"])
def test_the_name_in_an_address_may_hold_a_slash(api: Api, written: str) -> None:
    api.ask("POST", "/mails", {"to": ["ann@example.com"], "subject": "x"})
    assert api.get(f"/mail-quotas/{written}").json()["address"] == "a/b@example.com"
    assert api.ask("POST", f"/mail-quotas/{written}/reset").json()["address"] == "a/b@example.com"
    assert api.ask("POST", f"/mail-quotas/{written}/lift").json()["address"] == "a/b@example.com"
    for wrong in ("a/b@example.com", "a/", "a~b", "/", "a%2Fb/reset/x"):
        assert api.get(f"/mail-quotas/{wrong}").status_code in (400, 404), wrong


def test_nobody_follows_a_configuration_that_nothing_runs_on(api: Api) -> None:
    assert api.get("/followers").json()["followers"] == []


@pytest.mark.parametrize("role", ROLES)
def test_mails_are_sent_by_those_who_may(api: Api, role: Any) -> None:
    found = Api(api.web, role).ask("POST", "/mails?dry-run=true", {"to": ["ann@example.com"]})
    assert found.status_code == (403 if role == "reader" else 200)
