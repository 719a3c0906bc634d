"""The configuration as a whole by REST: definitions, check, explanations, documents, history, undo, renaming."""

from __future__ import annotations

from pathlib import Path

import pytest

from confobjects.actions import RemedyAction, Verb, plain
from confobjects.errors import ConfobjectsError
from confobjects.startup import make_startup_sources
from confobjects.web.api.words import WORDS, say
from confobjects.web.sources import Sources, parse_environments
from tests.web.rest import CANARY, SERVER, Api, serve

ONE = "/objects/mail-servers/one"


@pytest.fixture
def api(tmp_path: Path) -> Api:
    made = Api(serve(tmp_path))
    properties = {**SERVER["properties"], "auth-username": "me", "auth-password": CANARY}
    assert made.put(ONE, {**SERVER, "properties": properties}).status_code == 201
    return made


def test_the_definitions_tell_all_of_each_kind(api: Api) -> None:
    kinds = {kind["object"]: kind for kind in api.get("/definitions").json()["kinds"]}
    assert kinds.keys() == {kind["object"] for kind in api.get("/objects").json()["kinds"]}
    one = api.get("/definitions/mail-server").json()
    assert one == kinds["mail-server"]
    assert "smtp-server" in {prop["property"] for prop in one["types"]["generic"]["properties"]}
    assert api.get("/definitions/nothing").status_code == 400


def test_a_check_tells_what_a_start_would(api: Api) -> None:
    found = api.get("/check").json()
    assert (found["ok"], [one["path"] for one in found["untested"]]) == (True, ["/mail-server/one"])
    api.patch(ONE, {"properties": {"auth-password": "&{nowhere.at.all}"}})
    refused = api.get("/check")
    assert (refused.status_code, refused.json()["problems"][0]["code"]) == (422, "unresolved-expression")
    assert api.get("/check?environment=other").status_code == 400


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("smtp-server", "&{mail.host|mx.example.org:25}", ["mx.example.org:25"]),
        ("smtp-server", "&{env:HOST}", ["********"]),
        ("auth-password", f"&{{mail.password|{CANARY}}}", ["********"]),
    ],
)
def test_an_explanation_hides_what_came_from_elsewhere(
    api: Api, monkeypatch: pytest.MonkeyPatch, name: str, text: str, values: list[str]
) -> None:
    monkeypatch.setenv("HOST", f"{CANARY}.example:25")
    assert (
        api.patch(
            ONE, {"properties": {name: text, "auth-password": text if name == "auth-password" else CANARY}}
        ).status_code
        == 200
    )
    [found] = api.get(f"/explain?path=/mail-server/one&property={name}").json()["texts"]
    assert found["values"] == values
    assert found["origins"] in (["default in the expression"], ["environment variable HOST"])


def test_what_is_wrong_with_a_value_from_elsewhere_does_not_tell_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", f"{CANARY} is no host")
    changed = {"smtp-server": "&{env:HOST}", "auth-password": CANARY}
    assert api.patch(ONE, {"properties": changed}).status_code == 200
    for answer in (api.get("/check"), api.ask("POST", "/tests", {"path": "/mail-server/one"})):
        [problem] = answer.json()["problems"]
        assert (answer.status_code, problem["property"], problem["value"]) == (422, "smtp-server", "********")


def test_variables_of_another_machine_are_asked_for_by_name(api: Api, tmp_path: Path) -> None:
    file = tmp_path / "production.env"
    file.write_text("MAIL_HOST=mx.example.net:25\n")
    sources = Sources(
        str(tmp_path),
        parse_environments([f"production={file}"]),
        lambda variables: make_startup_sources(str(tmp_path), environment=variables),
    )
    there = Api(api.web.replace(sources=sources))
    changed = {"smtp-server": "&{env:MAIL_HOST}", "auth-password": CANARY}
    assert there.patch(ONE, {"properties": changed}).status_code == 200
    assert there.get("/check").status_code == 422
    assert there.get("/check?environment=production").json()["ok"] is True
    unknown = there.get("/check?environment=produktion")
    assert (unknown.status_code, unknown.json()["problems"][0]["remedy"]) == (400, 'did you mean "production"?')
    explained = there.get("/explain?path=/mail-server/one&property=smtp-server&environment=production").json()
    assert explained["texts"][0]["values"] == ["********"]
    file.unlink()
    assert there.get("/check?environment=production").status_code in (400, 422)


@pytest.mark.parametrize("text", ["", "x", "=x", "x=", "../x=y", "production=nowhere.env"])
def test_what_names_no_file_of_variables_is_refused(text: str) -> None:
    with pytest.raises(ConfobjectsError):
        parse_environments([text])


def test_nothing_but_stored_properties_is_explained(api: Api) -> None:
    for query in ("text=&{env:HOME}", "path=/mail-server/one", "path=/nothing&property=x", "path=x&property=y"):
        assert api.get(f"/explain?{query}").status_code == 400
    assert api.get("/explain?path=/mail-server/two&property=enabled").status_code == 404


def test_a_document_is_compared_planned_and_applied(api: Api) -> None:
    document = api.get("/export").json()
    assert api.ask("POST", "/diff", document).json()["different"] is False
    assert api.ask("POST", "/apply", document).json()["changed"] is False
    document["objects"]["/mail-server/one"]["properties"]["enabled"] = False
    document["objects"]["/mail-server/two"] = SERVER
    [one, two] = api.ask("POST", "/diff", document).json()["differences"]
    assert one["properties"] == {"enabled": {"before": ["true"], "after": ["false"]}}
    assert two["action"] == "create"
    planned = api.ask("POST", "/apply?dry-run=true", document).json()
    assert (len(planned["changes"]), api.get("/objects/mail-servers/two").status_code) == (2, 404)
    applied = api.ask("POST", "/apply", document).json()
    assert [one["path"] for one in applied["changes"]] == [one["path"] for one in planned["changes"]]
    del document["objects"]["/mail-server/two"]
    assert api.ask("POST", "/apply", document).json()["changed"] is False
    assert api.ask("POST", "/apply?prune=true", document).json()["changes"][0]["action"] == "delete"


def test_a_mistake_in_a_document_is_told_with_its_place(api: Api) -> None:
    document = {
        "confobjects-format": 1,
        "objects": {"/mail-server/one": {"properties": {**SERVER["properties"], "enabled": 7}}},
    }
    found = api.ask("POST", "/apply", document)
    assert (found.status_code, found.json()["problems"][0]["pointer"]) == (
        422,
        "/objects/~1mail-server~1one/properties/enabled",
    )
    assert api.ask("POST", "/apply", []).status_code == 409
    document["objects"] = {"/mail-server/one": {"properties": {**SERVER["properties"], "auth-password": "********"}}}
    assert api.ask("POST", "/diff", document).status_code == 422


def test_a_change_is_told_and_taken_back(api: Api) -> None:
    changed = api.patch(ONE, {"properties": {"enabled": False}})
    [link] = [changed.headers["link"].partition(">")[0].removeprefix("</api/v1")]
    one = api.get(link).json()
    assert (one["number"], one["actor"], one["command"]) == (2, "token:administrator", "rest")
    assert [change["number"] for change in api.get("/history?limit=1&before=2").json()["changes"]] == [1]
    assert [change["number"] for change in api.get("/history?path=/mail-server/one").json()["changes"]] == [1, 2]
    assert api.ask("POST", f"{link}/undo?dry-run=true").json()["changed"] is True
    assert api.get(ONE).json()["properties"]["enabled"] is False
    assert api.ask("POST", f"{link}/undo").status_code == 200
    assert api.get(ONE).json()["properties"]["enabled"] is True
    assert api.ask("POST", "/history/0/undo-later").json()["changed"] is True
    assert api.get(ONE).status_code == 404
    assert api.get("/history/99").status_code == 404
    assert api.ask("POST", "/history/x/undo").status_code == 400


def test_a_renamed_object_keeps_what_refers_to_it(api: Api) -> None:
    sender = {"properties": {"enabled": True, "from-address": "news@example.com", "mail-server": "one"}}
    made = api.put("/objects/mail-senders/news", sender)
    assert made.status_code == 201, made.text
    body = {"path": "/mail-server/one", "name": "two"}
    assert api.ask("POST", "/rename", body).status_code == 428
    assert api.ask("POST", "/rename", body, if_match='"x"').status_code == 412
    assert api.ask("POST", "/rename", {**body, "to": "x"}, if_match="*").status_code == 422
    assert api.ask("POST", "/rename", {**body, "name": 1}, if_match="*").status_code == 422
    assert api.ask("POST", "/rename", {"path": "/mail-server/one"}, if_match="*").status_code == 422
    assert api.ask("POST", "/rename", body, if_match=api.tag(ONE)).status_code == 200
    assert api.get("/objects/mail-senders/news").json()["properties"]["mail-server"] == "two"


def test_a_remedy_is_worded_for_whoever_calls_the_api(api: Api) -> None:
    assert "the list of mail-servers" in api.get("/objects/mail-servers/two").text
    saved = api.put("/objects/mail-servers/two", SERVER).json()
    assert [one["remedy"] for one in saved["warnings"] if "remedy" in one] == [
        'POST /tests with the path of the mail-server "two"'
    ]


@pytest.mark.parametrize("verb", WORDS)
def test_each_action_has_its_words_for_the_api(verb: Verb) -> None:
    said = say(RemedyAction(verb, "first", "second", "third"))
    assert said != plain(RemedyAction(verb, "first", "second", "third"))
    assert "{" not in said
