"""The description of the API: valid, whole, in force as kinds are installed, and kept by every answer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from confobjects.definitions_loading import load_registry
from confobjects.web.addresses import Addresses
from confobjects.web.api.openapi.document import describe_api
from confobjects.web.api.table import ENDPOINTS
from confobjects.web.serving.states import ENDPOINTS as ROOT
from tests.cli.sessions import FAMILY
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
    """With a mail server that has a secret, and a ledger with a mail in it."""
    made = Api(serve(tmp_path_factory.mktemp("served")).replace(unsealed_ledger=True))
    login = {"auth-password": CANARY, "auth-username": "me"}
    sender = {"enabled": True, "from-address": "news@example.com", "mail-server": "one"}
    made.put("/objects/mail-servers/one", {**SERVER, "properties": {**SERVER["properties"], **login}})
    made.put("/objects/mail-senders/news", {"properties": sender})
    made.patch("/objects/mail-service", {"properties": {"enabled": True, "default-sender": "news"}})
    assert made.ask("POST", "/mails", {"to": ["ann@example.com"], "subject": "Hello"}).status_code == 202
    return made


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one not in SLOW])
def test_whatever_is_sent_the_answer_is_as_described(api: Api, operation: str) -> None:
    method, _, path = operation.partition(" ")
    schema = schemathesis.openapi.from_dict(EVERY)
    checks = [not_a_server_error, response_schema_conformance, content_type_conformance]

    @settings(
        max_examples=6,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(case=schema[path][method].as_strategy())
    def ask(case: Any) -> None:
        case.headers.update(bearer("administrator"))
        sent = case.as_transport_kwargs(base_url="http://127.0.0.1:8080/api/v1")
        raw = api.client.request(sent.pop("method"), sent.pop("url"), **_fit(sent))
        assert CANARY not in raw.text
        case.validate_response(schemathesis.Response.from_any(raw), checks=checks)

    ask()


def _fit(sent: dict[str, Any]) -> dict[str, Any]:
    """Return what is sent in the words of the client."""
    body = sent.pop("data", None)
    return {
        "params": sent.get("params"),
        "headers": dict(sent.get("headers") or {}),
        **({"json": sent["json"]} if "json" in sent else {}),
        **({"content": body} if body is not None else {}),
    }
