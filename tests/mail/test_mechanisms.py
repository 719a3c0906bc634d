"""Login mechanisms against the examples of their RFCs, and against servers that cheat."""

from __future__ import annotations

import pytest

from confobjects.mail.mechanisms import MECHANISMS, LoginProblem, choose_mechanism, mechanisms_for
from confobjects.mail.plan import SmtpLogin

PENCIL = SmtpLogin("user", "pencil")


def test_plain_is_the_example_of_its_rfc() -> None:
    # RFC 4616, section 4
    assert MECHANISMS["PLAIN"](SmtpLogin("tim", "tanstaaftanstaaf"), "").initial == b"\0tim\0tanstaaftanstaaf"
    other = SmtpLogin("Kurt", "xipj3plmq", authorization_id="Ursel")
    assert MECHANISMS["PLAIN"](other, "").initial == b"Ursel\0Kurt\0xipj3plmq"


def test_cram_md5_is_the_example_of_its_rfc() -> None:
    # RFC 2195, section 2
    mechanism = MECHANISMS["CRAM-MD5"](SmtpLogin("tim", "tanstaaftanstaaf"), "")
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"
    assert mechanism.respond(challenge) == b"tim b913a602c7eda7a495b4e6e7334d3890"


SCRAM = {
    # RFC 5802, section 5
    "SCRAM-SHA-1": (
        "fyko+d2lbbFgONRv9qkxdawL",
        b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    # RFC 7677, section 3
    "SCRAM-SHA-256": (
        "rOprNGfwEbeRWgbNEkqO",
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
}


@pytest.mark.parametrize("name", SCRAM)
def test_scram_is_the_example_of_its_rfc(name: str) -> None:
    nonce, first, response, final = SCRAM[name]
    mechanism = MECHANISMS[name](PENCIL, nonce)
    assert mechanism.initial == f"n,,n=user,r={nonce}".encode()
    assert mechanism.respond(first) == response
    assert mechanism.respond(final) == b""
    mechanism.verify_server()


@pytest.mark.parametrize(
    "first",
    [
        b"r=other,s=QSXCR+Q6sek8bf92,i=4096",
        b"r=fyko+d2lbbFgONRv9qkxdawL,s=QSXCR+Q6sek8bf92,i=4096",
        b"r=fyko+d2lbbFgONRv9qkxdawLxyz,s=QSXCR+Q6sek8bf92,i=1",
        b"r=fyko+d2lbbFgONRv9qkxdawLxyz,s=QSXCR+Q6sek8bf92,i=99999999999",
        b"r=fyko+d2lbbFgONRv9qkxdawLxyz,s=!,i=4096",
        b"",
        b"\xff\xfe",
    ],
)
def test_scram_leaves_a_server_that_cheats(first: bytes) -> None:
    mechanism = MECHANISMS["SCRAM-SHA-1"](PENCIL, "fyko+d2lbbFgONRv9qkxdawL")
    with pytest.raises(LoginProblem) as caught:
        mechanism.respond(first)
    assert caught.value.kind == "server-not-genuine"


@pytest.mark.parametrize("final", [b"v=AAAA", b"v=RmF9pqV8S7suAoZWja4dJRkFsKQ=", b""])
def test_scram_checks_the_servers_signature(final: bytes) -> None:
    nonce, first, _, _ = SCRAM["SCRAM-SHA-1"]
    mechanism = MECHANISMS["SCRAM-SHA-1"](PENCIL, nonce)
    mechanism.respond(first)
    with pytest.raises(LoginProblem):
        mechanism.respond(final)


def test_scram_wants_the_proof_before_it_is_finished() -> None:
    nonce, first, _, _ = SCRAM["SCRAM-SHA-1"]
    mechanism = MECHANISMS["SCRAM-SHA-1"](PENCIL, nonce)
    mechanism.respond(first)
    with pytest.raises(LoginProblem):
        mechanism.verify_server()


def test_the_token_mechanisms() -> None:
    login = SmtpLogin("ann@example.com", token="tok")
    assert MECHANISMS["XOAUTH2"](login, "").initial == b"user=ann@example.com\x01auth=Bearer tok\x01\x01"
    assert MECHANISMS["XOAUTH2"](login, "").respond(b"{}") == b""
    assert MECHANISMS["OAUTHBEARER"](login, "").initial == b"n,a=ann@example.com,\x01auth=Bearer tok\x01\x01"
    assert MECHANISMS["OAUTHBEARER"](login, "").respond(b"{}") == b"\x01"


def test_login_gives_two_answers_and_no_more() -> None:
    mechanism = MECHANISMS["LOGIN"](SmtpLogin("änn", "p"), "")
    assert [mechanism.respond(b"Username:"), mechanism.respond(b"Password:")] == ["änn".encode(), b"p"]
    with pytest.raises(LoginProblem):
        mechanism.respond(b"more")


def test_credentials_that_plain_cannot_carry() -> None:
    with pytest.raises(LoginProblem):
        MECHANISMS["PLAIN"](SmtpLogin("a\0b", "p"), "")


@pytest.mark.parametrize(
    ("login", "offered", "tls", "chosen"),
    [
        (PENCIL, ["CRAM-MD5", "LOGIN", "PLAIN"], True, "PLAIN"),
        (PENCIL, ["CRAM-MD5", "LOGIN"], True, "LOGIN"),
        (PENCIL, ["CRAM-MD5", "PLAIN"], False, "CRAM-MD5"),
        (SmtpLogin("u", "p", mechanisms=("CRAM-MD5", "PLAIN")), ["PLAIN", "CRAM-MD5"], True, "CRAM-MD5"),
        (SmtpLogin("u", token="t"), ["PLAIN", "OAUTHBEARER", "XOAUTH2"], True, "XOAUTH2"),
        (SmtpLogin("u", token="t", disabled=frozenset({"XOAUTH2"})), ["OAUTHBEARER", "XOAUTH2"], True, "OAUTHBEARER"),
        (SmtpLogin("u", "p", token="t"), ["PLAIN", "XOAUTH2"], True, "XOAUTH2"),
        (SmtpLogin("u", "p", token="t"), ["PLAIN", "LOGIN"], True, "PLAIN"),
        (SmtpLogin("u", token="t"), ["PLAIN", "LOGIN"], True, None),
        (PENCIL, ["XOAUTH2"], True, None),
        (PENCIL, ["SCRAM-SHA-1", "SCRAM-SHA-256", "CRAM-MD5"], True, "SCRAM-SHA-256"),
        (PENCIL, ["GSSAPI"], True, None),
    ],
)
def test_which_mechanism_is_used(login: SmtpLogin, offered: list[str], tls: bool, chosen: str | None) -> None:
    assert choose_mechanism(login, offered, tls=tls) == chosen
    assert chosen is None or chosen in mechanisms_for(login, tls=tls)


def test_a_secret_is_not_in_the_representation() -> None:
    assert "canary" not in repr(SmtpLogin("u", "canary", "canary"))
