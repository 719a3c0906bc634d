"""The description of the API: valid, whole, in force as kinds are installed, and kept by every answer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, use_after_free

from confobjects.definitions_loading import load_registry
from confobjects.web.addresses import Addresses
from confobjects.web.api.openapi.document import describe_api
from confobjects.web.api.table import ENDPOINTS
from confobjects.web.identity.credentials import ROLES
from confobjects.web.people import PERMISSIONS, Role
from confobjects.web.serving.states import ENDPOINTS as ROOT
from tests.cli.sessions import FAMILY
from tests.effort import times
from tests.web.people import bearer
from tests.web.rest import CANARY, SERVER, Api, serve

DIRECTLY = [one for one in (*ENDPOINTS, *ROOT) if not one.path.startswith("/objects/")]
EVERY = describe_api(load_registry(), ENDPOINTS)
OPERATIONS = [
    f"{verb.upper()} {path}" for path, found in EVERY["paths"].items() for verb in found if verb != "parameters"
]
SLOW = {"GET /events"}
"""A stream has no end."""


@pytest.mark.parametrize("definitions", [(), (str(FAMILY),)], ids=["own", "family"])
def test_the_description_is_valid(definitions: tuple[str, ...]) -> None:
    OpenAPIV31SpecValidator(describe_api(load_registry(list(definitions)), ENDPOINTS, ROOT)).validate()


def test_every_route_is_described() -> None:
    registry = load_registry([str(FAMILY)])
    paths = describe_api(registry, ENDPOINTS, ROOT)["paths"]
    for endpoint in DIRECTLY:
        assert endpoint.method.lower() in paths[endpoint.template], endpoint.path
    methods = {one.method.lower() for one in ENDPOINTS if one.path.startswith("/objects/")}
    for relation in registry.relations().values():
        if relation.hidden:
            continue
        addresses = Addresses.of(registry)
        assert methods <= paths[f"/objects/{addresses.write_template(relation, is_list=False)}"].keys()
        assert "get" in paths[f"/objects/{addresses.write_template(relation, is_list=True)}"]


def test_every_example_creates_an_object(tmp_path: Path) -> None:
    api, tried = Api(serve(tmp_path)), 0
    for path, found in api.get("/openapi.json").json()["paths"].items():
        for name, one in (
            found.get("put", {})
            .get("requestBody", {})
            .get("content", {})
            .get("application/json", {})
            .get("examples", {})
            .items()
        ):
            address = re.sub(r"\{[^}]*\}", name, path)
            made = api.put(address, one["value"], if_match=api.get(address).headers.get("etag", ""))
            refers = any(word in made.text for word in ("there is no", "cannot be", "does not exist"))
            assert made.status_code in (200, 201) or refers, (address, made.text)
            tried += made.status_code in (200, 201)
    assert tried > 10


def test_the_description_follows_the_definitions_that_count(tmp_path: Path) -> None:
    here, there = Api(serve(tmp_path)), Api(serve(tmp_path, load_registry([str(FAMILY)])))
    assert "/objects/queues/{queue}" not in here.get("/openapi.json").json()["paths"]
    assert "/objects/queues/{queue}" in there.get("/openapi.json").json()["paths"]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    return make_api(tmp_path_factory.mktemp("served"))


def make_api(directory: Path) -> Api:
    """With a mail server that has a secret, and a ledger with a mail in it."""
    made = Api(serve(directory).replace(unsealed_ledger=True))
    login = {"auth-password": CANARY, "auth-username": "me"}
    sender = {"enabled": True, "from-address": "news@example.com", "mail-server": "one"}
    made.put("/objects/mail-servers/one", {**SERVER, "properties": {**SERVER["properties"], **login}})
    made.put("/objects/mail-senders/news", {"properties": sender})
    made.patch("/objects/mail-service", {"properties": {"enabled": True, "default-sender": "news"}})
    assert made.ask("POST", "/mails", {"to": ["ann@example.com"], "subject": "Hello"}).status_code == 202
    return made


def _with_items(schema: Any) -> Any:
    """Return a schema in the words that the generator of cases understands."""
    if isinstance(schema, list):
        return [_with_items(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {"items" if name == "unevaluatedItems" else name: _with_items(value) for name, value in schema.items()}


SCHEMA = schemathesis.openapi.from_dict(_with_items(EVERY))
CHECKS = [response_schema_conformance, content_type_conformance]
NEEDS = {f"{one.method} {one.template}": one.needs for one in (*ENDPOINTS, *ROOT)}
NOBODY = "nobody"
BOUNDS: dict[str, Any] = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}


def needs_of(operation: str) -> str:
    """The permission that an operation needs."""
    method, _, path = operation.partition(" ")
    objects = "read" if method == "GET" else "change"
    return NEEDS.get(operation, objects) if not path.startswith("/objects/") else objects


def send(api: Api, case: Any, who: str) -> Any:
    """Send a case as somebody, and return the answer."""
    case.headers.update({} if who == NOBODY else bearer(cast("Role", who)))
    sent = case.as_transport_kwargs(base_url="http://127.0.0.1:8080/api/v1")
    client = (api.nobody if who == NOBODY else api).client
    raw = client.request(sent.pop("method"), sent.pop("url"), **_fit(sent))
    assert CANARY not in raw.text
    assert CANARY not in str(raw.headers)
    assert raw.status_code < 500 or raw.status_code in (502, 503), raw.text
    return raw


def check_rights(operation: str, who: str, raw: Any) -> None:
    """Nobody is answered what their role does not permit, and nobody is refused what it does."""
    needs = needs_of(operation)
    if needs == NOBODY:
        return
    if who == NOBODY:
        assert raw.status_code == 401, operation
    elif needs != "anybody" and needs not in PERMISSIONS[cast("Role", who)]:
        assert raw.status_code == 403, operation
    elif raw.status_code in (401, 403):  # judged on the planned change
        assert (raw.status_code, needs, who) == (403, "change", "operator"), (operation, who, raw.text)


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one not in SLOW])
@pytest.mark.parametrize("who", [NOBODY, *ROLES])
def test_whatever_is_sent_the_answer_is_as_described(api: Api, operation: str, who: str) -> None:
    method, _, path = operation.partition(" ")

    @settings(
        max_examples=times(4) if who == "administrator" else times(1), phases=[Phase.explicit, Phase.generate], **BOUNDS
    )
    @given(case=SCHEMA[path][method].as_strategy())
    def ask(case: Any) -> None:
        case.headers.pop("Authorization", None)
        raw = send(api, case, who)
        case.validate_response(schemathesis.Response.from_any(raw), checks=CHECKS)
        check_rights(operation, who, raw)

    ask()


LINKED = SCHEMA.include(path_regex=r"^/(objects/mail-servers|objects/trust|history|tests|mails|mail-queue)")
"""What links lead through."""


def examples_of(path: str) -> list[Any]:
    """The bodies that create an object at an address, as they are described."""
    content = EVERY["paths"][path]["put"]["requestBody"]["content"]["application/json"]
    return [one["value"] for one in content["examples"].values()]


@pytest.mark.parametrize("who", ["operator", "administrator"])
def test_whatever_follows_by_links_the_answer_is_as_described(tmp_path: Path, who: str) -> None:
    """Create, read, change, test, delete, undo, as the links lead: an answer names what the next request is about."""
    made = make_api(tmp_path)
    tried, followed = set[str](), set[str]()

    class Following(LINKED.as_state_machine()):  # type: ignore[misc]  # made at run time
        def setup(self) -> None:
            made.put("/objects/mail-servers/one", SERVER, if_none_match="*")

        def before_call(self, case: Any) -> None:
            if case.method == "GET":
                case.query = {}  # what a query asks for is tried without links, too
            elif case.method == "PUT" and (examples := examples_of(case.operation.path)):
                case.body = examples[sum(map(ord, str(case.path_parameters))) % len(examples)]

        def call(self, case: Any, **_: Any) -> schemathesis.Response:
            case.headers.pop("Authorization", None)
            raw = send(made, case, who)
            check_rights(case.operation.label, who, raw)
            tried.add(case.method)
            if raw.status_code < 300:
                followed.add(case.method)
            return schemathesis.Response.from_any(raw)

        def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
            case.validate_response(response, checks=[*CHECKS, use_after_free])

    Following.run(settings=settings(max_examples=times(8), stateful_step_count=15, phases=[Phase.generate], **BOUNDS))
    assert {"PUT", "PATCH", "DELETE"} & tried, tried
    assert followed >= {"GET", "POST"}, followed


def _fit(sent: dict[str, Any]) -> dict[str, Any]:
    """Return what is sent in the words of the client."""
    body = sent.pop("data", None)
    return {
        "params": sent.get("params"),
        "headers": dict(sent.get("headers") or {}),
        **({"json": sent["json"]} if "json" in sent else {}),
        **({"content": body} if body is not None else {}),
    }
