"""Objects by REST: created, read, replaced, patched and deleted, in the state that was read, without a secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import confobjects
from confobjects.definitions import Registry
from confobjects.definitions_loading import load_registry
from confobjects.errors import CODES, ConfobjectsError
from confobjects.objects.changes import PropertyChanges
from confobjects.reference.examples import example_object
from confobjects.web.addresses import Addresses
from confobjects.web.api.table import ENDPOINTS
from confobjects.web.identity.credentials import ROLES
from confobjects.web.people import PERMISSIONS
from confobjects.web.problems import WebError
from tests.cli.sessions import FAMILY
from tests.web.rest import CANARY, PATCH, SERVER, Api, serve

ONE = "/objects/mail-servers/one"


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(serve(tmp_path))


@pytest.fixture
def there(api: Api) -> Api:
    """With a mail server that has a secret in each place where one can be."""
    properties = {
        **SERVER["properties"],
        "auth-username": "me",
        "auth-password": CANARY,
        "smtp-property": ["mail.smtp.localhost=here", "mail.smtp.proxy.password=&{proxy.password}"],
    }
    assert api.put(ONE, {**SERVER, "properties": properties}).status_code == 201
    return api


def stored(api: Api, name: str = "one") -> dict[str, tuple[str, ...]]:
    """The stored values of a mail server, secrets included."""
    with confobjects.open(f"ldif:{Path(api.web.identity.people.path).parent / 'config.ldif'}") as context:
        return dict(context.get("mail-server", name).values)


# -- reading and writing ---------------------------------------------------------------------------------------------


def test_an_object_comes_to_be_is_read_and_goes(api: Api) -> None:
    made = api.put(ONE, SERVER)
    assert (made.status_code, made.headers["location"]) == (201, f"/api/v1{ONE}")
    assert made.json()["changes"][0]["action"] == "create"
    assert made.headers["link"] == '</api/v1/history/1>; rel="describedby"'
    found = api.get(ONE)
    assert found.json() == {"object": "mail-server", "name": "one", "path": "/mail-server/one", **SERVER}
    assert api.get(ONE, if_none_match=found.headers["etag"]).status_code == 304
    assert api.put(ONE, found.json(), if_match=found.headers["etag"]).json()["changed"] is False
    assert api.delete(ONE).json()["changes"][0]["action"] == "delete"
    assert api.get(ONE).status_code == 404


def test_every_kind_and_type_is_created_read_written_back_and_deleted(tmp_path: Path) -> None:
    registry = load_registry([str(FAMILY)])
    api = Api(serve(tmp_path, registry))
    tried = [label for label, address, body in examples(registry) if lives(api, address, body, label)]
    assert len(tried) > 8


def examples(registry: Registry) -> Any:
    """An example of each type of each kind at the root, with its address."""
    for relation in registry.relations().values():
        if relation.parent != "root" or relation.hidden:
            continue
        for short in registry.types_of(relation):
            body = example(registry, relation.name, short)
            name = str(body["properties"].pop(relation.naming_property, short if relation.kind == "set" else "x"))
            path = registry.path_of(relation.name, (name,) if relation.named else ())
            yield f"{relation.name} {short}", f"/objects/{Addresses.of(registry).write_path(path)}", body


def example(registry: Registry, kind: str, short: str) -> dict[str, Any]:
    """A body that creates an object of a type."""
    definition = registry.types_of(registry.relation(kind))[short]
    properties: dict[str, Any] = {}
    for key, values in example_object(definition, registry).items():
        prop = definition.properties[key]
        typed = [CANARY] if prop.sensitive else [prop.syntax.to_json(prop.syntax.parse(text)) for text in values]
        properties[key] = typed if prop.multi_valued else typed[0]
    return {"type": short, "properties": properties}


def lives(api: Api, address: str, body: Any, label: str) -> bool:
    """Whether an object can be made alone; then it has its whole life."""
    tag = api.get(address).headers.get("etag", "")
    made = api.put(address, body, if_match=tag)
    if made.status_code == 422:
        return False
    assert made.status_code in (200, 201), (label, made.text)
    found = api.get(address)
    back = {key: value for key, value in found.json()["properties"].items() if value != "********"}
    again = api.put(address, {"type": found.json()["type"], "properties": back}, if_match=found.headers["etag"])
    assert (again.status_code, again.json()["changed"]) == (200, False), (label, again.text)
    assert api.patch(address, {}).json()["changed"] is False
    assert api.get(f"{address}?current=true").json()["current"].keys() >= found.json()["properties"].keys()
    gone = api.delete(address)
    assert gone.status_code in (200, 400), (label, gone.text)  # one that always is there cannot be deleted
    return True


def test_a_read_without_a_thread_sees_what_another_process_has_changed(there: Api, tmp_path: Path) -> None:
    served = there.web.served

    def read() -> object:
        return there.get(ONE).json()["properties"]["enabled"]

    assert [read(), served.glance(lambda _: "at once"), read()] == [True, "at once", True]
    with confobjects.open(f"ldif:{tmp_path / 'config.ldif'}") as other:
        other.modify("mail-server", "one", PropertyChanges(set={"enabled": ["false"]}))
    assert served.glance(lambda _: "stale") is None
    assert read() is False


def test_a_singleton_has_the_tag_of_its_emptiness(api: Api) -> None:
    address = "/objects/mail-service"
    tag = api.tag(address)
    assert api.get(address).json()["properties"] == {}
    assert api.put(address, {"properties": {"enabled": True}}).status_code == 428
    assert api.put(address, {"properties": {}}, if_none_match="*").status_code == 412
    assert api.patch(address, {"properties": {"test-before-save": "always"}}).status_code in (200, 400)
    changed = api.patch(address, {"properties": {"notify-on-warning": False}})
    assert changed.status_code in (200, 400)
    assert api.tag(address) == tag


def test_objects_below_others_have_addresses_below_theirs(tmp_path: Path) -> None:
    registry = load_registry([str(FAMILY)])
    api, queue = Api(serve(tmp_path, registry)), "/objects/queues/a~1b"
    consumer = example(registry, "consumer", "generic")
    del consumer["properties"][registry.relation("consumer").naming_property]
    assert api.put(f"{queue}/consumers/c", consumer).status_code == 404
    assert api.get(f"{queue}/consumers").status_code == 404
    assert api.put(queue, example(registry, "queue", "custom-memory")).status_code == 201
    assert api.put(f"{queue}/consumers/mail", consumer).status_code == 201
    [item] = api.get(f"{queue}/consumers").json()["items"]
    assert (item["name"], item["path"]) == ("mail", "/queue/a//b/consumer/mail")
    assert api.get(item["address"].removeprefix("/api/v1")).json()["path"] == item["path"]
    assert api.delete(queue).status_code == 200
    assert api.get(f"{queue}/consumers/mail").status_code == 404


# -- preconditions ---------------------------------------------------------------------------------------------------


def test_a_change_of_what_exists_needs_the_state_that_was_read(there: Api) -> None:
    old = there.tag(ONE)
    for method, body in (("PUT", SERVER), ("DELETE", None), ("PATCH", {})):
        kind = {"content_type": "application/merge-patch+json"} if method == "PATCH" else {}
        assert there.ask(method, ONE, body, **kind).status_code == 428
    there.patch(ONE, {"properties": {"enabled": False}})
    for method, body in (("PUT", SERVER), ("DELETE", None), ("PATCH", {})):
        kind = {"content_type": "application/merge-patch+json"} if method == "PATCH" else {}
        found = there.ask(method, ONE, body, if_match=old, **kind)
        assert (found.status_code, found.json()["problems"][0]["code"]) == (412, "changed-meanwhile")
        assert there.ask(method, ONE, body, if_match=f"W/{there.tag(ONE)}", **kind).status_code == 412
    assert there.put(ONE, SERVER, if_none_match="*").status_code == 412
    assert there.put("/objects/mail-servers/two", SERVER, if_match=old).status_code == 412
    assert there.put("/objects/mail-servers/two", SERVER, if_none_match="*").status_code == 201
    assert there.ask("DELETE", ONE, if_match=f'"x", {there.tag(ONE)}').status_code == 200


def test_a_state_that_comes_back_is_another_one(there: Api) -> None:
    first = there.tag(ONE)
    there.patch(ONE, {"properties": {"enabled": False}})
    there.patch(ONE, {"properties": {"enabled": True}})
    assert there.tag(ONE) != first


def test_a_dry_run_tells_the_plan_and_changes_nothing(there: Api) -> None:
    tag = there.tag(ONE)
    whole = {**SERVER, "properties": {**SERVER["properties"], "auth-username": "you"}}
    for method, body in (("PUT", whole), ("PATCH", {"properties": {"enabled": False}}), ("DELETE", None)):
        kind = {"content_type": "application/merge-patch+json"} if method == "PATCH" else {}
        found = there.ask(method, f"{ONE}?dry-run=true", body, if_match=tag, **kind)
        assert (found.status_code, found.json()["dry_run"], found.json()["changed"]) == (200, True, True)
        assert "link" not in found.headers
    assert there.put("/objects/mail-servers/two?dry-run", SERVER).status_code == 200
    assert there.get("/objects/mail-servers/two").status_code == 404
    assert there.tag(ONE) == tag


# -- secrets ---------------------------------------------------------------------------------------------------------


def test_a_mask_comes_out_and_is_refused_coming_in(there: Api) -> None:
    found = there.get(ONE).json()
    assert found["properties"]["auth-password"] == "********"
    for name, value in (("auth-password", "********"), ("smtp-property", ["mail.smtp.proxy.password=********"])):
        refused = there.patch(ONE, {"properties": {name: value}})
        assert (refused.status_code, "is masked" in refused.text) == (422, True)
    assert there.put(ONE, found, if_match=there.tag(ONE)).status_code == 422


def test_a_secret_that_is_left_out_stays_and_null_takes_it_away(there: Api) -> None:
    before = stored(there)
    whole = {**SERVER, "properties": {**SERVER["properties"], "auth-username": "me", "enabled": False}}
    assert there.put(ONE, whole, if_match=there.tag(ONE)).status_code == 200
    after = stored(there)
    assert (after["auth-password"], after.get("smtp-property")) == (before["auth-password"], None)
    there.patch(ONE, [{"op": "add", "path": "/properties/smtp-property", "value": ["mail.smtp.ehlo=true"]}], PATCH)
    there.patch(ONE, [{"op": "add", "path": "/properties/smtp-property/0", "value": before["smtp-property"][0]}], PATCH)
    assert stored(there)["smtp-property"] == (before["smtp-property"][0], "mail.smtp.ehlo=true")
    nothing = {**whole["properties"], "auth-password": None, "auth-username": None, "smtp-property": []}
    assert there.put(ONE, {"properties": nothing}, if_match=there.tag(ONE)).status_code == 200
    assert not {"auth-password", "smtp-property"} & stored(there).keys()


@pytest.mark.parametrize("name", ["auth-password", "smtp-property", "smtp-property/1", ""])
@pytest.mark.parametrize("op", ["test", "copy", "move"])
def test_no_patch_looks_at_a_secret_or_takes_it_elsewhere(there: Api, name: str, op: str) -> None:
    at = f"/properties/{name}".rstrip("/")
    operation = {"op": op, "path": at if op == "test" else "/properties/auth-username", "from": at, "value": CANARY}
    found = there.patch(ONE, [operation], PATCH)
    assert found.status_code == 422
    assert stored(there)["auth-username"] == ("me",)


@pytest.mark.parametrize(
    "query", ["filter=auth-password", "sort=smtp-property", "filter=auth-password:x", "sort=-auth-password"]
)
def test_nothing_is_filtered_or_sorted_by_a_secret(there: Api, query: str) -> None:
    assert there.get(f"/objects/mail-servers?{query}").status_code == 400


def test_no_search_finds_a_secret(there: Api) -> None:
    for text, count in (("mx.example", 1), (CANARY, 0), ("ONE", 1), ("localhost", 0)):
        assert there.client.get("/api/v1/objects/mail-servers", params={"search": text}).json()["total"] == count


def test_a_secret_travels_to_another_host_only_if_it_is_given_again(there: Api) -> None:
    found = there.patch(ONE, {"properties": {"smtp-server": "other.example:25"}})
    assert [one["property"] for one in found.json()["warnings"] if "property" in one] == ["auth-password"]
    body = {"properties": {"smtp-server": "third.example:25", "auth-password": CANARY}}
    assert "again" not in there.patch(ONE, body).text


# -- what is refused -------------------------------------------------------------------------------------------------

REFUSED: list[tuple[Any, int]] = [
    ({**SERVER, "number": 1}, 422),
    ({**SERVER, "name": "two"}, 422),
    ({"properties": {**SERVER["properties"], "enabld": True}}, 400),
    ({"properties": {**SERVER["properties"], "Enabled": True}}, 400),
    ({"properties": {**SERVER["properties"], "enabled": "perhaps"}}, 422),
    ({"properties": {**SERVER["properties"], "enabled": [True]}}, 422),
    ({"properties": {**SERVER["properties"], "enabled": {}}}, 422),
    ({"properties": {**SERVER["properties"], "enabled": 1.5}}, 422),
    ({"properties": {**SERVER["properties"], "smtp-property": "a=b"}}, 422),
    ({"properties": {"enabled": True}}, 422),
    ({"properties": []}, 422),
    ({"type": 1}, 422),
    ({"type": "no such type"}, 400),
    ([], 422),
    ("x", 422),
]


@pytest.mark.parametrize(("body", "status"), REFUSED)
def test_what_means_nothing_is_refused(api: Api, body: Any, status: int) -> None:
    assert api.put(ONE, body).status_code == status
    assert api.get(ONE).status_code == 404


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"type": "generic", "type": "generic"}', 400),
        (b"\xff", 400),
        (b'{"properties": {"enabled": NaN}}', 400),
        (b'["\\ud800"]', 400),
        (b"[" * 100_000, 400),
        (b'{"properties": ' * 40 + b"{}" + b"}" * 40, 400),
        (json.dumps([0] * 200_000).encode(), 400),
        (b" " * 20_000_000, 413),
        (b"9" * 10_000, 400),
    ],
)
def test_a_body_that_is_no_json_or_too_much_of_it_is_refused(api: Api, text: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    assert api.client.put(f"/api/v1{ONE}", content=text, headers=headers).status_code == status
    streamed = api.client.put(f"/api/v1{ONE}", content=iter([text]), headers=headers)
    assert streamed.status_code == status


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (b'{"port": %s}' % (b"9" * 5_000), "a number in the body has more than 4,300 digits"),
        (b'{"port": -Infinity}', "the body is not JSON: -Infinity is not a JSON number"),
    ],
)
def test_a_number_that_cannot_be_read_is_named_in_our_own_words(api: Api, text: bytes, title: str) -> None:
    answer = api.client.put(f"/api/v1{ONE}", content=text, headers={"Content-Type": "application/json"})
    assert answer.json()["title"] == title


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/merge-patch+json", "application/x-www-form-urlencoded"]
)
def test_a_body_of_another_type_is_refused(api: Api, kind: str) -> None:
    assert api.ask("PUT", ONE, SERVER, content_type=kind or "x").status_code == 415


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/objects/", 404),
        ("/objects/nothing", 404),
        ("/objects/mail-server", 404),
        ("/objects/mail-servers/", 404),
        ("/objects/mail-servers//", 404),
        ("/objects/mail-servers/one/two", 404),
        ("/objects/mail-servers/%2e%2e", 404),
        ("/objects/mail-servers/~3", 400),
        ("/objects/mail-servers/%ff", 400),
        ("/objects/mail-servers/%00", 404),
        ("/objects/mail-servers/..%2f..%2fmail-service", 404),
        ("/objects%2fmail-service", 404),
        ("/objects/mail-service?current=perhaps", 400),
        ("/objects/mail-service?currnt=true", 400),
        ("/objects/mail-service?current=true&current=true", 400),
        ("/objects/mail-servers?limit=0", 400),
        ("/objects/mail-servers?limit=1e3", 400),
        ("/objects/mail-servers?cursor=x", 400),
        ("/objects/mail-servers?cursor=W1tdLFtbOSwwLCIiXV1d", 400),
        ("/objects/mail-servers?filter=nothing", 400),
        ("/objects/mail-servers?filter=enabled:perhaps", 422),
        ("/objects/mail-servers?sort=nothing", 400),
        ("/objects/mail-servers?properties=nothing", 400),
        ("/objects/mail-servers?type=nothing", 400),
    ],
)
def test_addresses_and_queries_without_a_meaning_are_refused(api: Api, address: str, status: int) -> None:
    found = api.client.get(f"/api/v1{address}")
    assert found.status_code == status
    assert found.headers["content-type"] == "application/problem+json"
    assert found.json()["status"] == status


@pytest.mark.parametrize("name", ["a/b", "..", ".", "~", "%2F", "ü", "a b", "x" * 200, '"', "<script>"])
def test_every_name_has_its_address(api: Api, name: str) -> None:
    address = f"/objects/{Addresses.of(load_registry()).write_path(load_registry().path_of('mail-server', name))}"
    assert api.put(address, SERVER).status_code == 201
    assert api.get(address).json()["name"] == name
    assert [item["address"] for item in api.get("/objects/mail-servers").json()["items"]] == [f"/api/v1{address}"]
    assert api.delete(address).status_code == 200


# -- lists -----------------------------------------------------------------------------------------------------------


def test_a_list_comes_in_parts_in_order(api: Api) -> None:
    for number in range(7):
        body = {"properties": {**SERVER["properties"], "enabled": number % 2 == 0, "smtp-server": f"m{number % 3}:25"}}
        api.put(f"/objects/mail-servers/s{number}", body)
    query = "sort=-smtp-server,enabled&limit=2"
    found, cursor = list[str](), ""
    while True:
        part = api.get(f"/objects/mail-servers?{query}{cursor}").json()
        found.extend(item["name"] for item in part["items"])
        assert part["total"] == 7
        if "cursor" not in part:
            break
        assert len(part["items"]) == 2
        cursor = f"&cursor={part['cursor']}"
        assert api.get(f"/objects/mail-servers?limit=2{cursor}").status_code == 400
    assert found == ["s5", "s2", "s1", "s4", "s3", "s0", "s6"]


def _walk(api: Api, query: str) -> list[str]:
    """Return the names of a list that is taken in parts."""
    found, cursor = list[str](), ""
    while True:
        part = api.get(f"/objects/mail-servers?{query}{cursor}").json()
        found.extend(item["name"] for item in part["items"])
        if "cursor" not in part:
            return found
        cursor = f"&cursor={part['cursor']}"


def test_a_list_by_names_is_the_list_by_values_and_reads_only_its_part(tmp_path: Path) -> None:
    served = Api(serve(tmp_path))
    for name in ("b", "A", "a b", "ü", "C"):
        served.put(f"/objects/mail-servers/{name}", SERVER)
    api = Api(serve(tmp_path))
    first = api.get("/objects/mail-servers?limit=2").json()
    assert ([item["name"] for item in first["items"]], first["total"]) == (["A", "a b"], 5)
    entries = api.web.served.glance(lambda context: context.storage.snapshot())
    assert entries is not None
    assert {entry.dn.name for entry in entries.values() if entry.memo is not None} == {"A", "a b"}
    for limit in (1, 2, 5):
        assert _walk(api, f"limit={limit}") == _walk(api, f"limit={limit}&type=generic") == ["A", "a b", "b", "C", "ü"]
    served.delete("/objects/mail-servers/b")
    served.put("/objects/mail-servers/aa", SERVER)
    assert _walk(api, "limit=2") == ["A", "a b", "aa", "C", "ü"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("filter=enabled:true", ["a"]),
        ("filter=enabled:TRUE", ["a"]),
        ("filter=use-ssl:false", ["a", "b"]),
        ("filter=auth-username", ["b"]),
        ("filter=enabled:false&filter=auth-username:me", ["b"]),
        ("filter=smtp-server:MX.example.com:25", ["a", "b"]),
        ("type=generic", ["a", "b"]),
        ("type=external-smtp", []),
        ("sort=auth-username", ["b", "a"]),
        ("sort=-auth-username", ["b", "a"]),
        ("sort=-enabled", ["a", "b"]),
    ],
)
def test_a_list_has_what_is_asked_for(api: Api, query: str, names: list[str]) -> None:
    api.put("/objects/mail-servers/a", SERVER)
    other = {**SERVER["properties"], "enabled": False, "auth-username": "me", "auth-password": CANARY}
    api.put("/objects/mail-servers/b", {"properties": other})
    found = api.get(f"/objects/mail-servers?{query}&properties=enabled").json()
    assert [item["name"] for item in found["items"]] == names
    assert all(item["properties"].keys() <= {"enabled"} for item in found["items"])


# -- rights and errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "endpoint", [one for one in ENDPOINTS if one.needs != "nobody"], ids=lambda one: f"{one.method} {one.path}"
)
def test_each_route_answers_only_whom_it_is_for(there: Api, endpoint: Any) -> None:
    address = f"/api/v1{endpoint.path.replace('{address:path}', 'mail-servers/one')}"
    before = stored(there)
    nobody = Api(there.web, None)
    assert nobody.client.request(endpoint.method, address).status_code == 401
    assert nobody.client.request(endpoint.method, address, headers={"Authorization": "Bearer x"}).status_code == 401
    for role in ROLES:
        if endpoint.needs != "anybody" and endpoint.needs not in PERMISSIONS[role]:
            refused = Api(there.web, role).ask(
                endpoint.method, endpoint.path.replace("{address:path}", "mail-servers/one")
            )
            assert refused.status_code == 403
    assert stored(there) == before


@pytest.mark.parametrize("error", [*dict.fromkeys(CODES.values()), *WebError.__subclasses__()])
def test_no_error_of_ours_is_an_error_of_the_server(error: type[ConfobjectsError]) -> None:
    assert error is ConfobjectsError or error.http_status in {*range(400, 500), 502, 503, 504}
