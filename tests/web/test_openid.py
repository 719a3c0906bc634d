"""Sign-in with OpenID Connect, at a provider that keeps to the standard and at ones that do not."""

from __future__ import annotations

import base64
import hmac
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc.jwk import OctKey, RSAKey

import confobjects
from confobjects.dn import DN
from confobjects.oauth.protocol.id_tokens import Expected, IdTokenError, read_keys, verify_id_token
from confobjects.web.commands.openid import parse_openid
from confobjects.web.identity.attempts import PER_ADDRESS
from confobjects.web.identity.credentials import is_name
from confobjects.web.identity.openid import LONGEST, OpenIdRule, find_role, name_person
from confobjects.web.pages.openid import CALLBACK, SECONDS
from confobjects.web.pages.returning import choose_way_back
from confobjects.web.people import Role
from confobjects.web.site import Web
from tests.cli.sessions import run
from tests.servers.certificates import Authority
from tests.servers.oauth import Lie
from tests.servers.openid import CLIENT, SECRET, SUBJECT, Claims, OpenIdServer
from tests.web.openid import Newcomer, make_openid_web, make_rule
from tests.web.serving import ServeProcess

COOKIE = "confobjects-openid-8080"
SESSION = "confobjects-session-8080"


class Clock:
    """The time, which a test moves."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def ca_file(tmp_path: Path, authority: Authority) -> Path:
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    return tmp_path / "ca.pem"


@pytest.fixture
def server(tmp_path: Path, authority: Authority) -> Iterator[OpenIdServer]:
    with OpenIdServer(tmp_path, authority) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rule(server: OpenIdServer, ca_file: Path) -> OpenIdRule:
    return make_rule(server, ca_file)


@pytest.fixture
def web(tmp_path: Path, rule: OpenIdRule, clock: Clock) -> Web:
    return make_openid_web(tmp_path, rule, clock=clock)


@pytest.fixture
def ann(web: Web, server: OpenIdServer, ca_file: Path) -> Newcomer:
    return Newcomer(web, server, ca_file)


# -- the way there and back ---------------------------------------------------------------------------------------------


def test_somebody_signs_in_and_lands_where_they_wanted_to(ann: Newcomer, server: OpenIdServer) -> None:
    page = ann.client.get("/sign-in?next=/history").text
    assert 'href="/sign-in/openid?next=/history"' in page
    assert "Sign in with 127.0.0.1" in page
    landed = ann.sign_in("/history")
    assert landed.status_code == 200
    assert 'content="0; url=/history"' in landed.text
    found = ann.who()
    assert (found["name"], found["role"], found["way"]) == (f"openid:{SUBJECT} (ann)", "operator", "openid")
    shown = ann.client.get("/history")
    assert shown.status_code == 200
    assert f'<span title="openid:{SUBJECT} (ann)">ann</span>' in shown.text
    assert server.fetches == ["authorization_code"]


def test_what_is_asked_is_tied_to_the_browser_that_asks(ann: Newcomer) -> None:
    begun = ann.begin()
    query = {name: one[0] for name, one in parse_qs(urlsplit(begun.headers["location"]).query).items()}
    assert begun.status_code == 303
    assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
    assert query["redirect_uri"] == f"http://127.0.0.1:8080{CALLBACK}"
    assert query["scope"].split() == ["openid", "profile", "groups"]
    assert all(len(query[name]) >= 43 for name in ("state", "nonce", "code_challenge"))
    assert len({query[name] for name in ("state", "nonce", "code_challenge")}) == 3
    cookie = begun.headers["set-cookie"]
    assert all(query[name] not in cookie for name in ("state", "nonce"))
    assert ann.begin().headers["location"] != begun.headers["location"]


@pytest.mark.parametrize("base", ["http://127.0.0.1:8080", "https://console.example.com"])
def test_the_cookie_of_the_way_is_lax_and_that_of_the_session_strict(
    web: Web, server: OpenIdServer, ca_file: Path, base: str
) -> None:
    somebody = Newcomer(web, server, ca_file, base)
    stated = somebody.begin().headers["set-cookie"]
    parts = {part.strip().lower() for part in stated.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/", f"max-age={SECONDS}"} <= parts
    assert ("secure" in parts) == base.startswith("https") == stated.startswith("__Host-")
    if base.startswith("http:"):
        landed = somebody.come_back(somebody.consent(somebody.begin().headers["location"]))
        session, way = sorted(landed.headers.get_list("set-cookie"), reverse=True)
        assert "samesite=strict" in session.lower()
        assert way.startswith(f'{COOKIE}="";')
        assert "max-age=0" in way.lower()


def test_the_history_names_the_person(ann: Newcomer, tmp_path: Path) -> None:
    ann.sign_in()
    body = {"type": "system", "properties": {"enabled": True}}
    csrf = {"X-CSRF-Token": ann.who()["csrf_token"]}
    assert ann.client.put("/api/v1/objects/trust-manager-providers/x", json=body).status_code == 403
    made = ann.client.put("/api/v1/objects/trust-manager-providers/x", json=body, headers=csrf)
    assert made.status_code == 201, made.text
    with confobjects.open(f"ldif:{tmp_path / 'config.ldif'}") as context:
        assert [record.signature.actor for record in context.history()] == [f"openid:{SUBJECT} (ann)"]


def test_a_session_before_is_over_and_its_identifier_is_not_taken_over(ann: Newcomer) -> None:
    ann.client.cookies.set(SESSION, "chosen-by-somebody-else")
    ann.sign_in()
    first = ann.client.cookies.get(SESSION, domain="127.0.0.1")
    assert first not in (None, "chosen-by-somebody-else")
    ann.client.cookies.clear()
    ann.client.cookies.set(SESSION, str(first))
    ann.sign_in()
    ann.client.cookies.clear()
    ann.client.cookies.set(SESSION, str(first))
    assert ann.who() is None


def test_a_session_is_over_after_an_hour(web: Web, ann: Newcomer, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 0.0
    monkeypatch.setattr(web.identity.sessions, "_clock", lambda: seconds)
    ann.sign_in()
    for _ in range(2):
        seconds += LONGEST / 2
        assert ann.who() is not None
    seconds += 1
    assert ann.who() is None


def test_somebody_signs_out(ann: Newcomer) -> None:
    ann.sign_in()
    csrf = ann.who()["csrf_token"]
    assert ann.client.post("/sign-out", data={"csrf_token": csrf}).headers["location"] == "/sign-in"
    assert ann.who() is None


def test_without_openid_there_is_no_such_way(tmp_path: Path, server: OpenIdServer, ca_file: Path) -> None:
    from tests.web.people import make_web

    nobody = Newcomer(make_web(tmp_path), server, ca_file)
    assert nobody.begin().status_code == 404
    assert nobody.client.get(CALLBACK).status_code == 404
    assert "/sign-in/openid" not in nobody.client.get("/sign-in").text


# -- roles and names ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "claims", "role"),
    [
        (("groups",), {"groups": ["admins", "staff"]}, "administrator"),
        (("groups",), {"groups": "staff"}, "reader"),
        (("realm_access", "roles"), {"realm_access": {"roles": ["operators"]}}, "operator"),
        (("groups",), {"groups": ["Admins", "administrator", "admins "]}, None),
        (("groups",), {"groups": {"admins": True}}, None),
        (("groups",), {"groups": [["admins"], 1, None, {}]}, None),
        (("groups", "x"), {"groups": ["admins"]}, None),
        (("groups",), {}, None),
    ],
)
def test_a_claim_gives_the_role_that_permits_most(
    rule: OpenIdRule, claim: tuple[str, ...], claims: Claims, role: Role | None
) -> None:
    assert find_role(rule.replace(claim=claim), claims) == role


def test_nobody_signs_in_without_a_role(ann: Newcomer, server: OpenIdServer) -> None:
    server.claims = {"preferred_username": "ann", "groups": ["others"]}
    refused = ann.sign_in()
    assert refused.status_code == 403
    assert "nothing gives you a role" in refused.text
    assert ann.who() is None


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"sub": "248"}, "openid:248"),
        ({"sub": "248", "email": "ann@example.com"}, "openid:248 (ann@example.com)"),
        ({"sub": "9", "preferred_username": "x (ann)"}, "openid:9 (x (ann))"),
        ({"sub": "9 (ann)"}, "openid:9%20%28ann%29"),
        ({"sub": "cn=ann,dc=x"}, "openid:cn=ann,dc=x"),
        ({"sub": "a\r\nb", "name": "\x1b[31m\u202e"}, "openid:a%0D%0Ab (\\x1b[31m\\u202e)"),
        ({"sub": "9", "preferred_username": 7, "name": "n" * 999}, f"openid:9 ({'n' * 64})"),
    ],
)
def test_the_name_in_the_history_is_that_of_nobody_else(claims: Claims, name: str) -> None:
    assert name_person(claims) == name
    assert not is_name(name)
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        DN.parse(name)


# -- hostile answers ----------------------------------------------------------------------------------------------------


def other_key() -> RSAKey:
    return RSAKey.generate_key(2048)


def craft(header: Claims, claims: Claims, sign: Callable[[bytes], bytes] = lambda _: b"") -> str:
    """Make a token that no library would make."""
    signed = b".".join(_encode(json.dumps(part).encode()) for part in (header, claims))
    return (signed + b"." + _encode(sign(signed))).decode()


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def by_secret(server: OpenIdServer, claims: Claims, secret: bytes) -> str:
    header = {"alg": "HS256", "kid": server.key.kid}
    return craft(header, claims, lambda signed: hmac.new(secret, signed, "sha256").digest())


def by_key(server: OpenIdServer, claims: Claims, key: RSAKey, **header: Any) -> str:
    private = key.private_key
    assert private is not None
    header = {"alg": "RS256", "kid": server.key.kid, **header}
    return craft(header, claims, lambda signed: private.sign(signed, padding.PKCS1v15(), hashes.SHA256()))


def by_own_key(server: OpenIdServer, claims: Claims) -> str:
    """Sign with a key that the token itself brings."""
    key = other_key()
    return by_key(server, claims, key, jwk=key.as_dict(private=False), kid="own")


def with_other_claims(server: OpenIdServer, claims: Claims) -> str:
    """Keep the signature of other claims."""
    head, _, signature = server.sign(claims).split(".")
    return f"{head}.{_encode(json.dumps({**claims, 'groups': ['admins']}).encode()).decode()}.{signature}"


def rsa_of(server: OpenIdServer) -> RSAKey:
    assert isinstance(server.key, RSAKey)
    return server.key


def without(claims: Claims, name: str) -> Claims:
    return {key: value for key, value in claims.items() if key != name}


Make = Callable[[OpenIdServer, Claims], str]
HOSTILE: dict[str, tuple[Make, str]] = {
    "alg none": (lambda _, claims: craft({"alg": "none", "typ": "JWT"}, claims), 'signed with "none"'),
    "no alg": (lambda _, claims: craft({"typ": "JWT"}, claims), "cannot be read"),
    # a public key, which everybody has, taken for a shared secret (RFC 8725, section 2.1)
    "public key as secret": (
        lambda server, claims: by_secret(server, claims, rsa_of(server).as_pem(private=False)),
        '"HS256"',
    ),
    "the client's secret": (lambda server, claims: by_secret(server, claims, SECRET.encode()), '"HS256"'),
    "another key": (lambda server, claims: server.sign(claims, other_key()), "no key of the provider"),
    "another key with a name of its own": (
        lambda server, claims: server.sign(claims, other_key(), kid="other"),
        "no key of the provider",
    ),
    "a key in the token": (by_own_key, "no key of the provider"),
    "changed claims": (with_other_claims, "no key of the provider"),
    "wrong nonce": (lambda server, claims: server.sign({**claims, "nonce": "x"}), "another sign-in"),
    "no nonce": (lambda server, claims: server.sign(without(claims, "nonce")), "another sign-in"),
    "wrong issuer": (lambda server, claims: server.sign({**claims, "iss": "https://x.example"}), "issued by"),
    "issuer with a slash": (lambda server, claims: server.sign({**claims, "iss": f"{server.base}/"}), "issued by"),
    "wrong audience": (lambda server, claims: server.sign({**claims, "aud": "mailer"}), 'for "mailer"'),
    "no audience": (lambda server, claims: server.sign({**claims, "aud": []}), "for nobody"),
    "several audiences": (
        lambda server, claims: server.sign({**claims, "aud": [CLIENT, "mailer"]}),
        "issued to nobody",
    ),
    "wrong azp": (lambda server, claims: server.sign({**claims, "azp": "mailer"}), 'issued to "mailer"'),
    "expired": (lambda server, claims: server.sign({**claims, "exp": int(time.time()) - 61}), "has expired"),
    "no end": (lambda server, claims: server.sign(without(claims, "exp")), "(exp)"),
    "from the future": (lambda server, claims: server.sign({**claims, "iat": int(time.time()) + 99}), "not valid yet"),
    "not yet": (lambda server, claims: server.sign({**claims, "nbf": int(time.time()) + 99}), "not valid yet"),
    "times as texts": (lambda server, claims: server.sign({**claims, "nbf": "0"}), "(nbf)"),
    "no subject": (lambda server, claims: server.sign({**claims, "sub": ""}), "no subject"),
    "another type": (lambda server, claims: server.sign(claims, typ="logout+jwt"), "no ID token"),
    "what must be understood": (
        lambda server, claims: by_key(server, claims, rsa_of(server), crit=["x"], x=1),
        "no key of the provider",
    ),
    "no token": (lambda server, claims: "x", "cannot be read"),
    "a long token": (lambda server, claims: "x" * 200_000, "cannot be read"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_an_id_token_that_does_not_count_signs_nobody_in(
    ann: Newcomer, server: OpenIdServer, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    make, told = HOSTILE[case]
    server.forge = lambda claims: make(server, claims)
    refused = ann.sign_in()
    assert refused.status_code == 401, refused.text
    assert "does not count" in refused.text
    assert told in caplog.text
    assert told not in refused.text
    assert ann.who() is None
    server.forge = None
    assert ann.sign_in().status_code == 200


def test_a_token_for_several_counts_if_this_client_asked_for_it(ann: Newcomer, server: OpenIdServer) -> None:
    server.forge = lambda claims: server.sign({**claims, "aud": ["mailer", CLIENT], "azp": CLIENT})
    assert ann.sign_in().status_code == 200


@pytest.mark.parametrize(
    "key",
    [
        OctKey.generate_key(256).as_dict(),
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {**RSAKey.generate_key(2048).as_dict(private=False), "use": "enc"},
        {"kty": "AKP", "pub": "x"},
        {"kty": "EC", "crv": "P-256", "x": "x", "y": "y"},
        {"kty": ["RSA"]},
        "nonsense",
        None,
    ],
)
def test_a_key_that_cannot_sign_is_none(key: Any) -> None:
    assert read_keys({"keys": [key]}) == ()
    good = RSAKey.generate_key(2048).as_dict(private=False)
    assert len(read_keys({"keys": [key, good]})) == 1
    assert read_keys({"keys": key}) == read_keys({}) == ()


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "é.é.é", "e30.e30.e30", f"{'e30.' * 5}"])
def test_no_text_is_an_id_token(text: str) -> None:
    with pytest.raises(IdTokenError):
        verify_id_token(text, (), Expected("i", "c", "n"), 0.0)


# -- states, codes and mix-ups ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{"state": "x"}, {"state": None}, {"state": ""}])
def test_an_answer_with_another_state_is_not_used(
    ann: Newcomer, server: OpenIdServer, changes: dict[str, str | None]
) -> None:
    address = ann.consent(ann.begin().headers["location"])
    refused = ann.come_back(address, **changes)
    assert refused.status_code == 401
    assert "not begun here" in refused.text
    assert server.fetches == []


def test_nobody_is_signed_in_with_the_answer_to_somebody_else(
    web: Web, ann: Newcomer, server: OpenIdServer, ca_file: Path
) -> None:
    """Login CSRF (RFC 6749, section 10.12): a page leads a browser to the way back with the code of the attacker."""
    attacker = Newcomer(web, server, ca_file)
    address = attacker.consent(attacker.begin().headers["location"])
    assert ann.come_back(address).status_code == 401
    ann.begin()
    assert ann.come_back(address).status_code == 401
    assert ann.who() is None
    assert server.fetches == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_begins_nothing(ann: Newcomer, server: OpenIdServer, site: str) -> None:
    refused = ann.begin(**{"Sec-Fetch-Site": site})
    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers
    assert server.requests == []


def test_an_answer_is_good_for_once(ann: Newcomer, server: OpenIdServer) -> None:
    begun = ann.begin()
    kept = ann.client.cookies.get(COOKIE, domain="127.0.0.1")
    address = ann.consent(begun.headers["location"])
    assert ann.come_back(address).status_code == 200
    assert ann.come_back(address).status_code == 401  # the browser has no cookie for it any more
    ann.client.cookies.set(COOKIE, str(kept))
    replayed = ann.come_back(address)
    assert replayed.status_code in (401, 422)
    assert "set-cookie" not in replayed.headers or "confobjects-session" not in replayed.headers["set-cookie"]
    assert server.fetches == ["authorization_code"] * 2  # the provider has refused the second


def test_an_answer_comes_within_ten_minutes(ann: Newcomer, monkeypatch: pytest.MonkeyPatch) -> None:
    address = ann.consent(ann.begin().headers["location"])
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + SECONDS + 2)
    assert "too long ago" in ann.come_back(address).text


@pytest.mark.parametrize(
    ("supported", "iss", "status"),
    [(False, None, 200), (True, None, 401), (False, "https://x.example", 401), (True, "own", 200), (False, "own", 200)],
)
def test_an_answer_of_another_provider_is_not_used(
    ann: Newcomer, server: OpenIdServer, supported: bool, iss: str | None, status: int
) -> None:
    """A mix-up (RFC 9207)."""
    if supported:
        server.document["authorization_response_iss_parameter_supported"] = True
    address = ann.consent(ann.begin().headers["location"])
    found = ann.come_back(address, iss=server.base if iss == "own" else iss)
    assert found.status_code == status
    assert len(server.fetches) == (1 if status == 200 else 0)


def test_what_the_provider_refuses_is_told(ann: Newcomer) -> None:
    address = ann.consent(ann.begin().headers["location"].replace("/authorize?", "/deny?"))
    refused = ann.come_back(address)
    assert refused.status_code == 401
    assert "the identity provider refused: access_denied" in refused.text
    ann.begin()
    script = ann.come_back(address, error="<script>alert(1)</script>", error_description="x" * 9999)
    assert "<script>alert" not in script.text


# -- where it ends ------------------------------------------------------------------------------------------------------

ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "/\t/evil.example",
    "/\n/evil.example",
    " //evil.example",
    "",
    "x" * 5000,
)


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_it_never_ends_at_another_host(ann: Newcomer, wanted: str) -> None:
    assert choose_way_back(wanted) == "/"
    assert 'content="0; url=/"' in ann.sign_in(wanted).text


# -- the provider -------------------------------------------------------------------------------------------------------


def test_a_new_key_is_fetched_when_it_is_needed(ann: Newcomer, server: OpenIdServer, clock: Clock) -> None:
    def count() -> int:
        return [path for path, _ in server.requests].count("/jwks")

    assert ann.sign_in().status_code == 200
    assert ann.sign_in().status_code == 200
    assert count() == 1
    server.rotate()
    assert ann.sign_in().status_code == 401  # the keys were fetched just now
    clock.ahead = 31.0
    assert ann.sign_in().status_code == 200
    assert count() == 2
    server.forge = lambda claims: server.sign(claims, kid="unknown")
    for _ in range(5):
        assert ann.sign_in().status_code == 401
    assert count() == 2
    clock.ahead = 40.0 + 3600
    server.forge = None
    ann.sign_in()
    assert count() == 3


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://other.example"},
        {"issuer": None},
        {"token_endpoint": "http://127.0.0.1:1/token"},
        {"jwks_uri": "http://127.0.0.1:1/jwks"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": ""},
        {"jwks_uri": "file:///etc/passwd"},
        {"token_endpoint": ["https://x"]},
    ],
)
def test_what_a_provider_says_of_itself_is_judged(ann: Newcomer, server: OpenIdServer, document: Claims) -> None:
    server.document = document
    refused = ann.begin()
    assert refused.status_code == 422
    assert "location" not in refused.headers


@pytest.mark.parametrize(
    "lie",
    [
        Lie(500, b"x"),
        Lie(302, b"", {"Location": "https://evil.example/"}),
        Lie(200, b"[]"),
        Lie(200, b"{"),
        Lie(200, b" " * (300 * 1024) + b"{}"),
        Lie(raw=b"nonsense\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token"])
def test_a_provider_that_answers_nonsense_signs_nobody_in(
    server: OpenIdServer, path: str, lie: Lie, request: pytest.FixtureRequest
) -> None:
    ann, clock, caplog = (request.getfixturevalue(name) for name in ("ann", "clock", "caplog"))
    server.lied_about = {path}
    with server.telling(lie):
        begun = ann.begin()
        refused = begun if begun.status_code == 422 else ann.come_back(ann.consent(begun.headers["location"]))
    assert refused.status_code == 422
    assert "cannot be asked" in caplog.text
    assert SECRET not in caplog.text + refused.text
    assert ann.who() is None
    clock.ahead += 6
    assert ann.sign_in().status_code == 200


def test_a_provider_that_is_away_is_not_asked_again_at_once(ann: Newcomer, server: OpenIdServer, clock: Clock) -> None:
    server.lied_about = {"/.well-known/openid-configuration"}
    with server.telling(Lie(503, b""), Lie(503, b"")):
        for _ in range(100):
            assert ann.begin().status_code == 422
        assert len(server.requests) == 1
        clock.ahead += 6
        assert ann.begin().status_code == 422
        assert len(server.requests) == 2
    assert ann.client.get("/sign-in").status_code == 200  # whoever has an account signs in


@pytest.mark.parametrize("certificate", ["other-name", "stranger"])
def test_a_provider_with_a_certificate_that_is_not_trusted_is_not_asked(
    tmp_path: Path, authority: Authority, ca_file: Path, certificate: str
) -> None:
    with OpenIdServer(tmp_path, authority, certificate=certificate) as server:
        web = make_openid_web(tmp_path, make_rule(server, ca_file))
        assert Newcomer(web, server, ca_file).begin().status_code == 422
        assert server.requests == []


def test_a_secret_goes_where_the_provider_wants_it(tmp_path: Path, server: OpenIdServer, ca_file: Path) -> None:
    server.clients[CLIENT].methods = ("client_secret_post",)
    server.document["token_endpoint_auth_methods_supported"] = ["client_secret_post", "private_key_jwt"]
    web = make_openid_web(tmp_path, make_rule(server, ca_file))
    assert Newcomer(web, server, ca_file).sign_in().status_code == 200
    server.clients[CLIENT].methods = ("none",)
    public = make_openid_web(tmp_path / "public", make_rule(server, ca_file, secret=""))
    assert Newcomer(public, server, ca_file).sign_in().status_code == 200


# -- many ---------------------------------------------------------------------------------------------------------------


def test_wrong_codes_are_limited_by_address(ann: Newcomer, server: OpenIdServer) -> None:
    for _ in range(PER_ADDRESS):
        address = ann.consent(ann.begin().headers["location"])
        assert ann.come_back(address, code="wrong").status_code == 422
    address = ann.consent(ann.begin().headers["location"])
    limited = ann.come_back(address)
    assert limited.status_code == 429
    assert int(limited.headers["retry-after"]) > 0
    assert len(server.fetches) == PER_ADDRESS


def test_ways_that_are_begun_and_not_ended_leave_nothing(web: Web, ann: Newcomer, server: OpenIdServer) -> None:
    for _ in range(1_000):
        assert ann.begin().status_code == 303
        ann.client.cookies.clear()
    assert len(server.requests) == 1
    assert len(web.identity.sessions) == len(web.identity.attempts.addresses) == 0


def test_the_log_has_no_secret(ann: Newcomer, server: OpenIdServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    address = ann.consent(ann.begin().headers["location"])
    ann.come_back(address)
    said = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("confobjects"))
    for name in ("code", "state"):
        assert parse_qs(urlsplit(address).query)[name][0] not in said
    assert SECRET not in said


# -- the options --------------------------------------------------------------------------------------------------------

GOOD = ("--openid-issuer", "https://login.example.com", "--openid-client-id", "console", "--openid-role", "reader=x")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--openid-client-id", "console"), "--openid-client-id belongs to --openid-issuer"),
        (("--openid-role", "reader=x"), "--openid-role belongs to --openid-issuer"),
        (GOOD[:2], "needs --openid-client-id"),
        (GOOD[:4], "nobody could sign in with OpenID Connect"),
        ((*GOOD, "--openid-role", "boss=x"), '"boss=x" is no role'),
        ((*GOOD, "--openid-role", "reader="), '"reader=" is no role'),
        ((*GOOD, "--openid-issuer", "http://login.example.com"), "is no issuer"),
        ((*GOOD, "--openid-issuer", "https://login.example.com?x"), "is no issuer"),
        ((*GOOD, "--openid-issuer", "nonsense"), "is no issuer"),
        ((*GOOD, "--openid-issuer", "https://[::1"), "is no issuer"),
        ((*GOOD, "--openid-client-secret-file", "nowhere"), "cannot be read: no such file"),
        ((*GOOD, "--openid-client-secret-file", os.devnull), "is empty"),
    ],
)
def test_options_that_cannot_work_are_refused(tmp_path: Path, options: tuple[str, ...], told: str) -> None:
    found = run("serve", "--url", f"ldif:{tmp_path / 'config.ldif'}", "--listen", "127.0.0.1:0", "--dry-run", *options)
    assert found.status == 2, found
    assert told in found.err


def test_the_options_make_the_rule() -> None:
    given = {"openid_issuer": "http://127.0.0.1:1/realms/x", "openid_client_id": "c", "openid_client_secret_file": ""}
    lists = {"openid_scopes": ("groups", "email"), "openid_roles": ("Reader=a=b", "operator=c")}
    made = parse_openid({**given, **lists, "openid_role_claim": "/a~1b/c", "openid_ca_file": ""})
    assert made is not None
    assert made.claim == ("a/b", "c")
    assert made.roles == (("reader", "a=b"), ("operator", "c"))
    assert made.client.scope == ("profile", "email", "groups")
    named = parse_openid({**given, **lists, "openid_role_claim": "https://x.example/roles", "openid_ca_file": ""})
    assert named is not None
    assert named.claim == ("https://x.example/roles",)


def test_where_people_sign_in_at_a_provider_there_is_no_first_link(tmp_path: Path) -> None:
    url = f"ldif:{tmp_path / 'config.ldif'}"
    with confobjects.open(url) as context:
        context.create("trust-manager-provider", "System", {"enabled": True}, type="system")
    with ServeProcess(url, *GOOD) as running:
        page = running.wait_for_start().ask("/sign-in")
        assert b"Sign in with login.example.com" in page.body
        assert running.end() == 0
        assert not any("Nobody can sign in" in line for line in running.err.rest())
    assert list(tmp_path.glob("*.first")) == []
