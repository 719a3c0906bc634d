"""Key stores: every format, one key or several, and every way in which a store can be useless."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from confobjects.tls.authorities import make_client_context
from confobjects.tls.contexts import Recipe, context_for
from confobjects.tls.identities import Identity, load_identity
from confobjects.tls.keystores import KEY_FORMATS, OwnKey, open_key_store, read_key_store
from confobjects.tls.stores import StoreProblem
from tests.servers.certificates import Authority, Certificate

STORES = Path(__file__).parents[1] / "transport" / "stores"
PIN = "changeit"
FILES = {"PKCS12": "keys.p12", "JKS": "keys.jks", "BCFKS": "keys.bcfks", "PEM": "key.pem"}
"""Stores made by Java's keytool, with the keys ``one`` and ``two``; and one key, encrypted, in PEM."""
BETWEEN = Authority("Between", above=Authority("Top"))
OWN = BETWEEN.issue("client.example")
OTHER = BETWEEN.issue("other.example")


def encrypted(key: Any, pin: str = PIN, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    made: bytes = key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(pin.encode()))
    return made


def der_of(certificate: Certificate) -> tuple[bytes, ...]:
    return tuple(one.public_bytes(Encoding.DER) for one in (certificate.certificate, *certificate.chain))


def numbers(own: OwnKey) -> Any:
    return load_der_private_key(own.key, None).public_key()


def problem(data: bytes, kind: str = "", pin: str = "", alias: str = "") -> StoreProblem:
    with pytest.raises(StoreProblem) as caught:
        open_key_store(data, kind, pin, alias)
    assert "canary" not in str(caught.value) + caught.value.advice
    return caught.value


def test_every_format_has_a_store_to_try() -> None:
    assert set(FILES) == set(KEY_FORMATS)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("said", [True, False])
def test_the_type_is_found_from_the_bytes(kind: str, said: bool) -> None:
    alias = "" if kind == "PEM" else "two"
    own = open_key_store((STORES / FILES[kind]).read_bytes(), kind if said else "", PIN, alias)
    context_for(Recipe(blind=True, identity=own))  # OpenSSL takes the two together


@pytest.mark.parametrize("pin", ["", PIN, "pässwörd"])
def test_a_pkcs12_store_has_key_certificate_and_issuers(pin: str) -> None:
    own = open_key_store(OWN.key_store(pin), "PKCS12", pin)
    assert (own.chain, numbers(own)) == (der_of(OWN), OWN.key.public_key())


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(OWN.key_pem, id="clear"),
        pytest.param(encrypted(OWN.key), id="encrypted"),
        pytest.param(encrypted(OWN.key, form=PrivateFormat.TraditionalOpenSSL), id="traditional"),
        pytest.param(OWN.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()), id="ec"),
    ],
)
@pytest.mark.parametrize("order", ["key first", "key last", "issuer first", "windows"])
def test_a_key_in_pem_goes_with_its_certificate_in_any_order(key: bytes, order: str) -> None:
    issuer = OWN.chain[0].public_bytes(Encoding.PEM)
    parts = {
        "key first": [key, OWN.pem, issuer],
        "key last": [OWN.pem, issuer, key],
        "issuer first": [issuer, key, OWN.pem],
        "windows": [OWN.pem, key, issuer],
    }[order]
    data = b"".join(parts)
    data = data.replace(b"\n", b"\r\n") if order == "windows" else data
    own = open_key_store(data, "", PIN)
    assert (own.chain, numbers(own)) == (der_of(OWN), OWN.key.public_key())


def test_certificates_that_belong_to_other_keys_are_left_out() -> None:
    own = open_key_store(OTHER.pem + OWN.pem + OWN.key_pem, "", "")
    assert own.chain == der_of(OWN)[:1]


def test_an_rsa_key_does_as_well() -> None:
    issued = BETWEEN.issue("client.example", key=rsa.generate_private_key(65537, 2048))
    context_for(Recipe(blind=True, identity=open_key_store(issued.key_store(PIN), "", PIN)))


# -- several keys --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PKCS12", "JKS", "BCFKS"])
def test_of_several_keys_none_is_chosen_silently(kind: str) -> None:
    data = (STORES / FILES[kind]).read_bytes()
    found = problem(data, kind, PIN)
    assert (found.kind, str(found)) == ("alias", "it contains several keys: one, two")
    found = problem(data, kind, PIN, "three")
    assert (found.kind, str(found)) == ("alias", 'it has no key with the alias "three": its keys are one, two')
    one, two, again = (open_key_store(data, kind, PIN, alias) for alias in ("one", "two", "TWO"))
    assert one != two == again


def test_keys_in_pem_have_no_aliases() -> None:
    assert str(problem(OWN.key_pem + OTHER.key_pem + OWN.pem)) == "it contains several keys"
    assert problem(OWN.key_pem + OWN.pem, alias="own").kind == "alias"


def test_an_alias_is_foreign_text() -> None:
    data = OWN.key_store("", "own\n\x1b[31m")
    assert "\x1b" not in str(problem(data, alias="else"))


# -- what is wrong -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"hello", "damaged"),
        (OWN.pem, "no-key"),
        (OWN.key_pem, "no-certificate"),
        (OWN.pem + OTHER.key_pem, "mismatch"),
        (OWN.pem + encrypted(OWN.key), "no-password"),
        (OWN.pem + encrypted(OWN.key, form=PrivateFormat.TraditionalOpenSSL), "no-password"),
        (OWN.pem + b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "damaged"),
        (OWN.pem + b"-----BEGIN PRIVATE KEY-----\nAAAA\n", "damaged"),
        (OWN.key_store("canary"), "no-password"),
        (BETWEEN.pkcs12(""), "no-key"),
        ((STORES / "ca.jks").read_bytes(), "no-key"),
        ((STORES / "ca.bcfks").read_bytes(), "no-password"),
        ((STORES / "own-key.jks").read_bytes(), "no-password"),
    ],
)
def test_a_useless_store(data: bytes, kind: str) -> None:
    assert problem(data).kind == kind


def test_a_store_of_bouncy_castle_without_a_key() -> None:
    assert problem((STORES / "ca.bcfks").read_bytes(), pin=PIN).kind == "no-key"


@pytest.mark.parametrize("at", [*range(3, 1800, 97)])
def test_a_damaged_store_of_bouncy_castle(at: int) -> None:
    data = bytearray((STORES / "keys.bcfks").read_bytes())
    data[at] ^= 0x55
    problem(bytes(data), pin=PIN, alias="one")


@pytest.mark.parametrize("name", ["own-key.jks", "own-key.bcfks"])
def test_the_connection_to_a_directory_shows_the_key_of_a_store_of_java(name: str) -> None:
    context = make_client_context()  # no context of a recipe: those are shared
    load_identity(context, Identity(name, (STORES / name).read_bytes(), PIN))
    with pytest.raises(StoreProblem, match="password"):
        load_identity(context, Identity(name, (STORES / name).read_bytes(), "canary-wrong"))


@pytest.mark.parametrize("name", ["keys.jks", "keys.bcfks"])
def test_the_connection_takes_a_store_with_one_key_only(name: str) -> None:
    with pytest.raises(StoreProblem, match="it contains several keys: one, two") as caught:
        load_identity(make_client_context(), Identity(name, (STORES / name).read_bytes(), PIN))
    assert caught.value.advice == "Keep one key in it."


@pytest.mark.parametrize(
    "data",
    [
        OWN.key_store(PIN),
        OWN.pem + encrypted(OWN.key),
        (STORES / "own-key.jks").read_bytes(),
        (STORES / "own-key.bcfks").read_bytes(),
    ],
)
def test_a_wrong_pin(data: bytes) -> None:
    assert problem(data, pin="canary-wrong").kind == "wrong-password"


def tlv(tag: int, *parts: bytes) -> bytes:
    """Return an element in DER."""
    body = b"".join(parts)
    length = bytes([len(body)]) if len(body) < 128 else b"\x82" + len(body).to_bytes(2)
    return bytes([tag]) + length + body


def test_a_key_whose_pin_would_be_hashed_for_minutes_is_refused() -> None:
    pbes2, pbkdf2, aes = (
        bytes.fromhex(one) for one in ("2a864886f70d01050d", "2a864886f70d01050c", "60864801650304012a")
    )
    rounds = tlv(0x30, tlv(6, pbkdf2), tlv(0x30, tlv(4, b"saltsalt"), tlv(2, (2_000_000_000).to_bytes(4))))
    cipher = tlv(0x30, tlv(6, aes), tlv(4, bytes(16)))
    key = tlv(0x30, tlv(0x30, tlv(6, pbes2), tlv(0x30, rounds, cipher)), tlv(4, bytes(64)))
    text = ssl.DER_cert_to_PEM_cert(key).replace("CERTIFICATE", "ENCRYPTED PRIVATE KEY").encode()
    found = problem(OWN.pem + text, pin=PIN)
    assert (found.kind, str(found)) == ("damaged", "it asks for more than 10,000,000 rounds of hashing its password")


@given(st.binary(max_size=60), st.sampled_from(sorted(FILES)), st.integers(0, 3000), st.booleans())
def test_a_damaged_store_is_a_problem_in_words(noise: bytes, kind: str, at: int, cut: bool) -> None:
    data = (STORES / FILES[kind]).read_bytes()
    at = min(at, len(data))
    try:
        own = open_key_store(data[:at] + noise + (b"" if cut else data[at + len(noise) :]), "", PIN, "one")
    except StoreProblem:
        return
    assert own.chain


# -- files ---------------------------------------------------------------------------------------------------------------


def write(path: Path, data: bytes, mode: int = 0o600) -> str:
    path.write_bytes(data)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("mode", "exposed"), [(0o600, False), (0o640, False), (0o644, True), (0o602, True), (0o400, False)]
)
def test_a_file_that_everybody_may_read_or_change_is_refused(tmp_path: Path, mode: int, exposed: bool) -> None:
    path = write(tmp_path / "own.p12", OWN.key_store(""), mode)
    if not exposed:
        assert read_key_store(path).chain == der_of(OWN)
        return
    with pytest.raises(StoreProblem) as caught:
        read_key_store(path)
    assert caught.value.kind == "exposed"


def test_a_file_is_read_again_when_it_or_its_rights_change(tmp_path: Path) -> None:
    path = write(tmp_path / "own.p12", OWN.key_store(""))
    first = read_key_store(path)
    assert read_key_store(path) is first
    write(tmp_path / "new.p12", OTHER.key_store(""))
    os.replace(tmp_path / "new.p12", path)
    assert read_key_store(path).chain == der_of(OTHER)
    os.chmod(path, 0o644)
    with pytest.raises(StoreProblem, match="every user"):
        read_key_store(path)


def test_a_key_is_never_shown() -> None:
    own = open_key_store(OWN.key_store(""), "", "")
    assert repr(own) == f"OwnKey(chain={own.chain!r})"


def test_equal_content_gives_the_same_context() -> None:
    one, two = (Recipe(blind=True, identity=open_key_store(OWN.key_store(pin), "", pin)) for pin in ("", PIN))
    assert context_for(one) is context_for(two)
    other = Recipe(blind=True, identity=open_key_store(OTHER.key_store(""), "", ""))
    assert context_for(other) is not context_for(one)
