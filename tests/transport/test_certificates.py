"""Certificates that are damaged in any way: they are described as far as they can be read, and nothing worse happens."""

from __future__ import annotations

import ssl
from hashlib import sha256
from random import Random

import pytest

from confobjects.transport.certificates import describe, read_certificate
from confobjects.transport.providers import Material
from confobjects.transport.trust import Trust
from tests.servers.certificates import Authority

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
