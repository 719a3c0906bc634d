"""Sign-in: sessions, CSRF tokens, API tokens and limits, seen from outside."""

from __future__ import annotations

import logging
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response
from starlette.testclient import TestClient

from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.identity import attempts, sessions
from confobjects.web.identity.attempts import (
    MOST,
    PER_ACCOUNT,
    PER_ADDRESS,
    Attempts,
    TooManyAttemptsError,
    address_key,
)
from confobjects.web.identity.credentials import ROLES, Token, digest_token
from confobjects.web.identity.endpoints import ENDPOINTS
from confobjects.web.identity.passwords import is_password
from confobjects.web.identity.recognition import Identity
from confobjects.web.identity.sessions import IDLE, LONGEST, MOST_OF_ONE, Sessions
from confobjects.web.people import PERMISSIONS, Person, Role
from confobjects.web.site import Web
from tests.web.people import PASSWORD, bearer, make_client, make_people, make_web, token_of

COOKIE = "confobjects-session-8080"


async def _change(call: Call) -> Response:
    return JSONResponse({"by": call.caller.name})


CHANGES = Endpoint("POST", "/things", "change", _change, "Change something.")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.text = "2026-11-29T12:00:00Z"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def web(tmp_path: Path, clock: Clock) -> Web:
    made = make_web(tmp_path)
    return made.replace(identity=Identity(made.identity.people, clock=lambda: clock.seconds, now=lambda: clock.text))


@pytest.fixture
def client(web: Web) -> TestClient:
    return make_client(web, CHANGES, *ENDPOINTS)


def sign_in(client: TestClient, name: str = "operator", password: str = PASSWORD, **headers: str) -> Any:
    return client.post("/api/v1/session", json={"name": name, "password": password}, headers=headers)


def change(client: TestClient, **headers: str) -> int:
    return client.post("/api/v1/things", headers=headers).status_code


# -- tokens ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_a_token_stands_for_its_role(client: TestClient, role: Role) -> None:
    found = client.get("/api/v1/session", headers=bearer(role)).json()
    assert (found["name"], found["role"], found["way"]) == (f"token:{role}", role, "token")
    assert change(client, **bearer(role)) == (200 if "change" in PERMISSIONS[role] else 403)


@pytest.mark.parametrize(
    "stated", ["", "Bearer", "Bearer ", "Bearer cfo_wrong", "Basic b3BlcmF0b3I6eA==", f"Digest {token_of('reader')}"]
)
def test_what_is_no_token_recognises_nobody(client: TestClient, stated: str) -> None:
    sign_in(client)  # a session does not stand in for a wrong token
    found = client.get("/api/v1/session", headers={"Authorization": stated})
    assert found.status_code == 401
    assert found.headers["www-authenticate"].startswith("Bearer")


def test_a_token_ends_when_it_expires_or_is_revoked(web: Web, client: TestClient, clock: Clock) -> None:
    people = web.identity.people
    people.change(
        lambda now: now.with_token(Token("t", "reader", digest_token("cfo_t"), clock.text, "2026-11-29T12:01:00Z"))
    )
    stated = {"Authorization": "bearer cfo_t"}
    assert client.get("/api/v1/session", headers=stated).status_code == 200
    clock.text = "2026-11-29T12:01:00Z"
    assert client.get("/api/v1/session", headers=stated).status_code == 401
    assert client.get("/api/v1/session", headers=bearer("reader")).status_code == 200
    people.change(lambda now: now.without_token("reader"))
    assert client.get("/api/v1/session", headers=bearer("reader")).status_code == 401


def test_the_last_use_of_a_token_is_noted_once_a_minute(web: Web, client: TestClient, clock: Clock) -> None:
    people = web.identity.people
    client.get("/api/v1/session", headers=bearer("reader"))
    assert people.read().tokens["reader"].used == "2026-11-29T12:00:00Z"
    before = Path(people.path).stat().st_ino
    clock.text, clock.seconds = "2026-11-29T12:00:59Z", clock.seconds + 59
    client.get("/api/v1/session", headers=bearer("reader"))
    assert Path(people.path).stat().st_ino == before
    clock.text, clock.seconds = "2026-11-29T12:01:07Z", clock.seconds + 8
    client.get("/api/v1/session", headers=bearer("reader"))
    assert people.read().tokens["reader"].used == "2026-11-29T12:01:00Z"


# -- sessions --------------------------------------------------------------------------------------------------------


def test_a_session_begins_and_ends(client: TestClient) -> None:
    made = sign_in(client, "Operator")
    assert made.status_code == 201
    assert made.json()["name"] == "operator"
    assert PASSWORD not in made.text
    assert made.headers["cache-control"] == "no-store"
    csrf = client.get("/api/v1/session").json()["csrf_token"]
    assert client.delete("/api/v1/session", headers={"X-CSRF-Token": csrf}).status_code == 204
    assert client.get("/api/v1/session").status_code == 401


@pytest.mark.parametrize("base", ["http://127.0.0.1:8080", "https://console.example.com"])
def test_a_browser_keeps_the_cookie_to_itself(web: Web, base: str) -> None:
    stated = sign_in(make_client(web, *ENDPOINTS, base=base)).headers["set-cookie"]
    parts = {part.strip().lower() for part in stated.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= parts
    assert ("secure" in parts) == base.startswith("https") == stated.startswith("__Host-")
    assert not any(part.startswith(("domain", "expires", "max-age")) for part in parts)


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("http://127.0.0.1:8080", COOKIE),
        ("http://[::1]:8081", "confobjects-session-8081"),
        ("http://[::1]", "confobjects-session"),
        ("http://console.example.com", "confobjects-session"),
        ("https://console.example.com:8443", "__Host-confobjects-session"),
    ],
)
def test_two_consoles_of_one_machine_have_cookies_of_their_own(web: Web, base: str, name: str) -> None:
    client = make_client(web, *ENDPOINTS, base=base)
    client.cookies.set(COOKIE, "of the other console")
    assert sign_in(client).headers["set-cookie"].partition("=")[0] == name
    if base.startswith("http:"):
        assert client.get("/api/v1/session").status_code == 200


def test_a_sign_in_does_not_take_over_an_identifier(client: TestClient) -> None:
    client.cookies.set(COOKIE, "chosen-by-somebody-else")
    assert client.get("/api/v1/session").status_code == 401
    sign_in(client)
    first = client.cookies.get(COOKIE, domain="127.0.0.1")
    assert first != "chosen-by-somebody-else"
    client.cookies.clear()
    client.cookies.set(COOKIE, str(first))
    sign_in(client, "reader")
    client.cookies.clear()
    client.cookies.set(COOKIE, str(first))
    assert client.get("/api/v1/session").status_code == 401  # the session before is over


def test_a_session_ends_when_it_is_idle_and_in_any_case(client: TestClient, clock: Clock) -> None:
    sign_in(client)
    clock.seconds += IDLE + 1
    assert client.get("/api/v1/session").status_code == 401
    sign_in(client)
    for _ in range(int(LONGEST // IDLE)):
        clock.seconds += IDLE - 1
        assert client.get("/api/v1/session").status_code == 200
    clock.seconds += IDLE - 1
    assert client.get("/api/v1/session").status_code == 401


def test_what_a_page_asks_by_itself_does_not_keep_a_session(client: TestClient, clock: Clock) -> None:
    sign_in(client)
    answers = []
    for _ in range(2):
        clock.seconds += IDLE / 2 + 1
        answers.append(client.get("/api/v1/session", headers={"X-By-Itself": "1"}).status_code)
    assert answers[-1] == 401


def test_a_session_follows_its_account(web: Web, client: TestClient) -> None:
    people = web.identity.people
    sign_in(client)
    people.change(lambda now: now.with_account(now.accounts["operator"].replace(role="reader")))
    assert client.get("/api/v1/session").json()["role"] == "reader"
    people.change(lambda now: now.with_account(now.accounts["operator"].replace(changed="2026-11-29T13:00:00Z")))
    assert client.get("/api/v1/session").status_code == 401
    sign_in(client)
    people.change(lambda now: now.without_account("operator"))
    assert client.get("/api/v1/session").status_code == 401


def test_a_change_by_a_session_needs_its_csrf_token(client: TestClient) -> None:
    csrf = sign_in(client).json()["csrf_token"]
    assert change(client) == 403
    assert change(client, **{"X-CSRF-Token": "wrong"}) == 403
    assert client.post("/api/v1/things", headers={b"X-CSRF-Token": "é".encode()}).status_code == 403
    assert change(client, **{"X-CSRF-Token": csrf}) == 200
    assert client.post("/api/v1/things", data={"csrf_token": csrf, "x": "1"}).status_code == 200
    assert client.post("/api/v1/things", data={"csrf_token": "wrong"}).status_code == 403
    client.cookies.clear()
    sign_in(client)
    assert change(client, **{"X-CSRF-Token": csrf}) == 403  # that of another session


def test_sessions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST", 100)
    found = Sessions(lambda: 0.0)
    for number in range(1000):
        found.begin(Person(f"p{number}", "reader", "account"), "")
    assert len(found) == 100
    one, _ = found.begin(Person("one", "reader", "account"), "")
    for _ in range(MOST_OF_ONE):
        found.begin(Person("one", "reader", "account"), "")
    assert found.find(one) is None
    assert len(found) == 100
    used, _ = found.begin(Person("two", "reader", "account"), "")
    for _ in range(MOST_OF_ONE):
        found.find(used)
        found.begin(Person("two", "reader", "account"), "")
    assert found.find(used) is not None  # the one unused for longest ends first
    kept = found._own
    assert sum(map(len, kept.values())) == len(found) == 100
    for sessions_of_one in list(kept.values()):
        for session in list(sessions_of_one.values()):
            found.end(session)
            found.end(session)
    assert not kept
    assert len(found) == 0


def test_a_stream_ends_with_its_session_and_prolongs_none(web: Web, client: TestClient, clock: Clock) -> None:
    seen = []

    async def watch(call: Call) -> Response:
        clock.seconds += IDLE - 1
        seen.append(web.identity.is_current(call.request))
        clock.seconds += 2
        seen.append(web.identity.is_current(call.request))
        return JSONResponse({})

    watching = make_client(web, Endpoint("GET", "/watch", "read", watch, "Watch."), *ENDPOINTS)
    sign_in(watching)
    assert watching.get("/api/v1/watch").status_code == 200
    assert seen == [True, False]


# -- wrong sign-ins --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("operator", "wrong"),
        ("nobody", PASSWORD),
        ("operator", ""),
        ("", ""),
        ("operator\r\nx", PASSWORD),
        ("é" * 9999, "x"),
    ],
)
def test_a_wrong_sign_in_tells_nothing(
    client: TestClient, caplog: pytest.LogCaptureFixture, name: str, password: str
) -> None:
    caplog.set_level(logging.DEBUG)
    found = sign_in(client, name, password)
    expected = sign_in(client, "operator", "another wrong one")
    assert (found.status_code, found.text) == (401, expected.text)
    assert "set-cookie" not in found.headers
    said = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("confobjects"))
    assert "sign-in refused" in said
    assert PASSWORD not in said
    assert not name or name not in said


@pytest.mark.parametrize("length", [1025, 100_000])
def test_a_password_of_any_length_is_only_wrong(client: TestClient, length: int) -> None:
    assert sign_in(client, "operator", "x" * length).status_code == 401


def test_an_unknown_account_costs_the_same_hash(web: Web, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str | None] = []
    from confobjects.web.identity import recognition

    def count(password: str, hashed: str | None) -> bool:
        done.append(hashed)
        return is_password(password, hashed)

    monkeypatch.setattr(recognition, "is_password", count)
    sign_in(client, "operator", "wrong")
    sign_in(client, "nobody", "wrong")
    assert [one is None for one in done] == [False, True]


@pytest.mark.parametrize("content", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_of_another_site_cannot_sign_in(client: TestClient, content: str) -> None:
    body = f'{{"name": "operator", "password": "{PASSWORD}"}}'
    assert client.post("/api/v1/session", content=body, headers={"Content-Type": content}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_cannot_sign_in(client: TestClient, headers: dict[str, str]) -> None:
    assert sign_in(client, **headers).status_code == 403
    assert sign_in(client, Origin="http://127.0.0.1:8080", **{"Sec-Fetch-Site": "same-origin"}).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[",
        "[]",
        "{}",
        '{"name": "a"}',
        '{"name": 1, "password": "b"}',
        '{"name": "a", "password": "b", "role": "administrator"}',
        "[" * 100_000,
    ],
)
def test_what_is_no_sign_in_is_refused(client: TestClient, body: str) -> None:
    found = client.post("/api/v1/session", content=body, headers={"Content-Type": "application/json"})
    assert found.status_code == 400


# -- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["operator", "nobody"])
def test_an_account_can_be_tried_a_few_times(client: TestClient, clock: Clock, name: str) -> None:
    for _ in range(PER_ACCOUNT):
        assert sign_in(client, name, "wrong").status_code == 401
    found = sign_in(client, name)
    assert found.status_code == 429
    assert 0 < int(found.headers["retry-after"]) <= attempts.WINDOW + 1
    clock.seconds += attempts.WINDOW
    assert sign_in(client, name).status_code == (201 if name == "operator" else 401)


def test_a_right_sign_in_does_not_use_up_the_limits(client: TestClient) -> None:
    for _ in range(PER_ADDRESS + 1):
        assert sign_in(client).status_code == 201
        client.cookies.clear()


def test_ten_thousand_sign_ins_from_one_address_compute_few_hashes(
    web: Web, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from confobjects.web.identity import recognition

    hashes: list[int] = []

    def refuse(*_: object) -> bool:
        hashes.append(1)
        return False

    monkeypatch.setattr(recognition, "is_password", refuse)
    found = [sign_in(client, f"name{number}", "wrong").status_code for number in range(10_000)]
    assert found.count(401) == len(hashes) == PER_ADDRESS
    assert found.count(429) == 10_000 - PER_ADDRESS
    assert len(web.identity.attempts.accounts) == PER_ADDRESS
    assert len(web.identity.sessions) == 0


def test_what_is_remembered_of_attempts_is_bounded() -> None:
    found = Attempts(lambda: 0.0)
    for number in range(3 * MOST):
        found.begin(f"name{number}", f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
    assert len(found.accounts) == len(found.addresses) == MOST


def test_attempts_at_the_same_time_do_not_pass_together() -> None:
    found = Attempts(lambda: 0.0)
    for _ in range(PER_ACCOUNT):
        found.begin("a", "192.0.2.1")  # none of them has ended
    with pytest.raises(TooManyAttemptsError):
        found.begin("A", "192.0.2.2")


@pytest.mark.parametrize("name", ["OPERATOR", " operator", "oper ator", "oper\xadator", "operator\0", "\uff4fperator"])
def test_another_spelling_of_a_name_is_no_other_account(name: str) -> None:
    found = Attempts(lambda: 0.0)
    for _ in range(PER_ACCOUNT):
        found.begin("operator", "192.0.2.1")
    with pytest.raises(TooManyAttemptsError):
        found.begin(name, "192.0.2.2")


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::9", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_what_counts_as_one_address(address: str, key: str) -> None:
    assert address_key(address) == key


def test_the_people_of_the_tests_are_complete(tmp_path: Path) -> None:
    assert set(make_people(tmp_path / "p").read().tokens) == set(ROLES)


def test_ten_thousand_sessions_and_as_many_after_them_take_little_memory() -> None:
    found = Sessions(lambda: 0.0)
    tracemalloc.start()
    try:
        for number in range(2 * sessions.MOST):
            found.begin(Person(f"openid:{number} (somebody)", "reader", "openid"), "")
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == len(found._own) == sessions.MOST
    assert taken < 30_000_000
