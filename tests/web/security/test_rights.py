"""Rights: who may call what holds for every endpoint that the process has, however it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from starlette.routing import Mount, Route

from confobjects.errors import NoSuchObjectError
from confobjects.web.api import table as rest
from confobjects.web.app import API, make_app
from confobjects.web.endpoints import Endpoint
from confobjects.web.identity.credentials import ROLES
from confobjects.web.pages import table as pages
from confobjects.web.pages.runs import Run, Runs
from confobjects.web.pages.saving import SAVES
from confobjects.web.pages.testing import TESTS
from confobjects.web.people import Role
from confobjects.web.serving.process import ROOT
from tests.web.security.everything import ENDPOINTS, PAGES, STREAMS, Everything, may, name_endpoint

WRONG = {"Authorization": "Bearer cfo_a-token-that-nobody-has"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CHANGING = [one for one in ENDPOINTS if one[1].method != "GET"]
GUARDED = [one for one in ENDPOINTS if one[1].needs != "nobody"]
STRANGE = {"Origin": "http://evil.test"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}


def ask(client: Any, everything: Everything, path: str, endpoint: Endpoint, **sent: Any) -> Iterator[Any]:
    """Yield the answers of an endpoint at all its addresses."""
    for address in everything.fill(path):
        yield client.request(endpoint.method, address, **sent)


def test_no_route_stands_beside_the_endpoints(everything: Everything) -> None:
    app = make_app(everything.web, rest.ENDPOINTS, ROOT, pages.ENDPOINTS)
    found: set[tuple[str, str]] = set()
    for one in app.routes:
        below = one.routes if isinstance(one, Mount) else [one]
        for route in below:
            assert isinstance(route, Route), route
            place = f"{one.path if isinstance(one, Mount) else ''}{route.path}"
            found |= {(place, method) for method in (route.methods or ()) if method != "HEAD"}
    assert found == {(path, endpoint.method) for path, endpoint in ENDPOINTS}
    assert app.user_middleware == []


@pytest.mark.parametrize("found", GUARDED, ids=name_endpoint)
def test_nobody_gets_in_without_sign_in(everything: Everything, found: tuple[str, Endpoint]) -> None:
    path, endpoint = found
    ended, _ = everything.with_session("administrator")
    everything.web.identity.sessions.end(next(reversed(everything.web.identity.sessions._found.values())))
    for client in (everything.client(), everything.client(WRONG), ended):
        for answer in ask(client, everything, path, endpoint):
            if id(endpoint) in PAGES:
                assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")
            else:
                assert answer.status_code == 401, answer.text


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("found", GUARDED, ids=name_endpoint)
def test_a_role_gets_what_it_may_and_nothing_else(
    everything: Everything, found: tuple[str, Endpoint], role: Role
) -> None:
    path, endpoint = found
    client, before = everything.with_token(role), everything.text
    if may(role, endpoint):
        if path in STREAMS:
            return
        tried = {} if endpoint.method == "GET" else {"dry-run": "true"}
        for answer in ask(client, everything, path, endpoint, params=tried):
            is_judged = endpoint.method != "GET" and role == "operator"  # on what it would change
            assert answer.status_code not in ((401,) if is_judged else (401, 403)), answer.text
    else:
        for answer in ask(client, everything, path, endpoint):
            assert answer.status_code == 403, answer.text
            assert everything.text == before


@pytest.mark.parametrize("found", [one for one in CHANGING if one[1].needs != "nobody"], ids=name_endpoint)
def test_no_change_by_a_session_without_its_csrf_token(everything: Everything, found: tuple[str, Endpoint]) -> None:
    path, endpoint = found
    client, csrf = everything.with_session("administrator")
    _, foreign = everything.with_session("administrator")
    before = everything.text
    attempts: list[dict[str, Any]] = [
        {},
        {"headers": {"X-CSRF-Token": ""}},
        {"headers": {"X-CSRF-Token": foreign}},
        {"headers": FORM, "content": f"csrf_token={foreign}"},
        {"headers": {"Content-Type": "text/plain"}, "content": f"csrf_token={csrf}"},
        {"headers": {"Content-Type": "multipart/form-data; boundary=x"}, "content": f"--x\r\n\r\ncsrf_token={csrf}"},
        {"headers": {"Content-Type": "application/json"}, "content": f'{{"csrf_token": "{csrf}"}}'},
        {"params": {"csrf_token": csrf}},
    ]
    for sent in attempts:
        for answer in islice(ask(client, everything, path, endpoint, **sent), 3):
            assert answer.status_code == 403, (sent, answer.text)
    assert everything.text == before


@pytest.mark.parametrize("strange", STRANGE, ids=str)
@pytest.mark.parametrize("found", [one for one in CHANGING if one[1].needs == "nobody"], ids=name_endpoint)
def test_a_page_of_another_site_begins_no_session(
    everything: Everything, found: tuple[str, Endpoint], strange: dict[str, str]
) -> None:
    path, endpoint = found
    body = "name=operator&password=correct+horse+battery"
    for answer in ask(everything.client(strange), everything, path, endpoint, content=body, headers=FORM):
        assert answer.status_code in (400, 403)
        assert "set-cookie" not in answer.headers
    as_json = {"name": "operator", "password": "correct horse battery"}
    for answer in ask(everything.client(strange), everything, path, endpoint, json=as_json):
        assert answer.status_code in (400, 403)
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("found", [one for one in CHANGING if one[1].needs == "nobody"], ids=name_endpoint)
def test_who_has_no_account_sends_no_large_body(everything: Everything, found: tuple[str, Endpoint]) -> None:
    path, endpoint = found
    for address in everything.fill(path):
        kind = {"Content-Type": "application/json"} if path.startswith(API) else FORM
        answer = everything.client().request(endpoint.method, address, content=b"a=" + b"b" * 70_000, headers=kind)
        assert answer.status_code in (403, 413), answer.text
        assert answer.status_code == 413 or "/first/" in address


def test_looking_changes_nothing(everything: Everything) -> None:
    client, before = everything.with_token("administrator"), everything.text
    for path, endpoint in ENDPOINTS:
        if endpoint.method == "GET" and path not in STREAMS:
            for answer in ask(client, everything, path, endpoint):
                assert answer.status_code < 500 or path == "/ready", answer.text
    assert everything.text == before


def test_other_methods_do_nothing(everything: Everything) -> None:
    client = everything.with_token("administrator")
    for path, _ in ENDPOINTS:
        known = {endpoint.method for other, endpoint in ENDPOINTS if other == path}
        address = next(everything.fill(path))
        for method in {"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"} - known:
            answer = client.request(method, address, headers={"X-HTTP-Method-Override": "DELETE"})
            assert answer.status_code in (404, 405), (method, address)
            assert "access-control-allow-origin" not in answer.headers


def test_a_test_that_somebody_else_has_begun_is_not_found() -> None:
    async def nothing(_: Run) -> None:
        return None

    async def look() -> None:
        runs = Runs()
        begun = runs.begin(TESTS, "ann", {}, nothing)
        assert runs.find(TESTS, begun.key, "ann") is begun
        for other in ("bob", "Ann", "", "token:ann"):
            with pytest.raises(NoSuchObjectError):
                runs.find(TESTS, begun.key, other)
        with pytest.raises(NoSuchObjectError):
            runs.find(SAVES, begun.key, "ann")

    asyncio.run(look())


def test_everything_is_attacked(everything: Everything) -> None:
    assert {path.split("/")[1] for path, _ in ENDPOINTS} >= {API.split("/")[1], "objects", "health", "first"}
    assert len(everything.objects) > 12
    assert len(everything.tried) > 25
