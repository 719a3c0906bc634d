"""Certificates that are damaged in any way: they are described as far as they can be read, and nothing worse happens."""

from __future__ import annotations

import ssl
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from confobjects.transport.certificates import describe, find_flaw, is_of_one_server, may_issue, read_certificate
from confobjects.transport.providers import Material
from confobjects.transport.trust import Trust
from tests.servers.certificates import DAY, Authority, Certificate

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
FAR = "99991231235959Z"


def damage(whole: bytes, number: int) -> bytes:
    chance, data = Random(number), bytearray(whole)
    for _ in range(chance.choice((1, 1, 2, 8))):
        data[chance.randrange(len(data))] = chance.choice((0, 1, 2, 0x30, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    return bytes(data)


def damaged() -> list[bytes]:
    leaf, authority = Authority().issue("mail.example.com", "127.0.0.1").der, Authority().der
    version = leaf.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x04", 1)
    others = (b"", b"x", leaf[:-1], leaf + b"x", version)
    return [*others, *(damage(one, number) for number in range(400) for one in (leaf, authority))]


DAMAGED = damaged()


def test_every_certificate_is_described() -> None:
    found = [describe(der) for der in DAMAGED]
    assert [one.sha256 for one in found] == [sha256(der).hexdigest() for der in DAMAGED]
    unreadable = {str(one) for one in found if not one.begin}
    assert len(unreadable) > 100
    assert all(text.startswith("(a certificate that cannot be read), SHA-256 ") for text in unreadable)
    assert len(found) - len(unreadable) > 100


def test_the_same_errors_whatever_is_damaged() -> None:
    refused = 0
    for der in DAMAGED:
        try:
            read_certificate(der)
        except ValueError:
            refused += 1
    assert refused > 100


def test_what_is_trusted_and_damaged_has_not_expired() -> None:
    material = Material(certificates=tuple(DAMAGED), places=tuple(f"place {n}" for n in range(len(DAMAGED))))
    found = Trust(ssl.create_default_context(), material, "").find_expired(FAR)
    assert 100 < len(found) < len(DAMAGED)


# -- whether one may be trusted ----------------------------------------------------------------------------------------

NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("certificate", "flaw"),
    [
        (Authority().issue("a.test"), ""),
        (Authority().issue("a.test", key=rsa.generate_private_key(65537, 2048)), ""),
        (Authority().issue("a.test", key=rsa.generate_private_key(65537, 1024)), "its key is too weak"),
        (Authority().issue("a.test", key=ec.generate_private_key(ec.SECP192R1())), "its key is too weak"),
        (Authority().issue("a.test", begin=-9 * DAY, end=-2 * DAY), "it has expired on"),
        (Authority().issue("a.test", begin=2 * DAY), "it is not valid before"),
    ],
)
def test_a_certificate_is_looked_at_before_it_is_offered(certificate: Certificate, flaw: str) -> None:
    found = find_flaw(certificate.der, NOW)
    assert found.startswith(flaw)
    assert bool(found) is bool(flaw)


def test_a_signature_with_a_broken_digest_is_a_flaw() -> None:
    """The library makes no such certificate: the two names of the algorithm are changed in a good one."""
    good = Authority().issue("a.test").der
    sha256_der, sha1_der = bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06072a8648ce3d0401")
    assert good.count(sha256_der) == 2
    weak = good.replace(bytes.fromhex("300a") + sha256_der, bytes.fromhex("3009") + sha1_der)
    assert find_flaw(shorten(weak), NOW) == "its signature is too weak"


def shorten(der: bytes) -> bytes:
    """Return a certificate whose two outer lengths fit again, after each of its algorithms has lost a byte."""
    whole, body = int.from_bytes(der[2:4], "big"), int.from_bytes(der[6:8], "big")
    return der[:2] + (whole - 2).to_bytes(2, "big") + der[4:6] + (body - 1).to_bytes(2, "big") + der[8:]


def test_damage_is_a_flaw_and_never_worse() -> None:
    for der in DAMAGED:
        assert isinstance(find_flaw(der, NOW), str)
        assert is_of_one_server(der) in {True, False}
        with suppress(ValueError):
            may_issue(read_certificate(der))


def test_an_authority_may_issue_and_a_server_may_not() -> None:
    authority = Authority()
    server = authority.issue("a.test")
    assert may_issue(authority.certificate)
    assert not may_issue(server.certificate)
    assert (is_of_one_server(server.der), is_of_one_server(authority.der)) == (True, False)
