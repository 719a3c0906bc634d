"""Every way to reach a directory and to log in there, on a real server; and every certificate that is not accepted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from confobjects.dn import DN
from confobjects.errors import ConfobjectsError
from confobjects.mapping.entry import AddEntry, DeleteEntry, Entry
from confobjects.storage import open_storage
from tests.servers import ds389
from tests.servers import slapd as openldap
from tests.servers.certificates import Authority, Certificate
from tests.servers.ds389 import Ds389
from tests.servers.fixtures import GUARDED
from tests.servers.slapd import Slapd

DAY = timedelta(days=1)
BASE = DN.parse(f"cn=logins,{GUARDED}")
SIMPLE: dict[str, Any] = {"bind_dn": openldap.ROOT_DN, "bind_password": openldap.PASSWORD}


def writes(url: str, base: DN = BASE, **options: Any) -> None:
    """Write, which on this server only the administrator may, and take it back."""
    storage = open_storage(url, base=base, **options)
    entry = Entry(base, {"objectClass": ("top", "branch"), "cn": (base.name,)})
    try:
        with storage.writing():
            storage.commit([AddEntry(entry)])
            assert storage.read(base) == entry
            storage.commit([DeleteEntry(base)])
    finally:
        storage.close()


def refused(url: str, **options: Any) -> tuple[int, str]:
    with pytest.raises(ConfobjectsError) as caught:
        writes(url, **options)
    assert "canary" not in str(caught.value)
    return caught.value.exit_code, str(caught.value)


@pytest.fixture(scope="module")
def files(ldap_authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of trust stores and key stores."""
    folder = tmp_path_factory.mktemp("stores")
    (folder / "ca.pem").write_bytes(ldap_authority.pem)
    (folder / "ca.p12").write_bytes(ldap_authority.pkcs12("pin"))
    (folder / "other.pem").write_bytes(Authority("Another Authority").pem)
    client = ldap_authority.issue(common_name=openldap.CLIENT, purpose=ExtendedKeyUsageOID.CLIENT_AUTH)
    (folder / "client.pem").write_bytes(client.pem + client.key_pem)
    (folder / "client.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"client", client.key, client.certificate, None, BestAvailableEncryption(b"pin")
        )
    )
    stranger = ldap_authority.issue(common_name="a stranger", purpose=ExtendedKeyUsageOID.CLIENT_AUTH)
    (folder / "stranger.pem").write_bytes(stranger.pem + stranger.key_pem)
    (folder / "empty.pem").write_bytes(b"")
    return folder


@pytest.fixture
def trust(files: Path) -> dict[str, Any]:
    return {"trust_store": str(files / "ca.pem")}


def test_plain_and_simple(slapd: Slapd) -> None:
    writes(slapd.url, **SIMPLE)


def test_simple_over_tls(slapd: Slapd, trust: dict[str, Any]) -> None:
    writes(slapd.tls_url, **SIMPLE, **trust)
    writes(slapd.tls_url.replace("127.0.0.1", "localhost"), **SIMPLE, **trust)


def test_simple_after_start_tls(slapd: Slapd, trust: dict[str, Any]) -> None:
    writes(slapd.url, **SIMPLE, **trust, start_tls=True)


def test_a_pkcs12_trust_store(slapd: Slapd, files: Path) -> None:
    writes(slapd.tls_url, **SIMPLE, trust_store=str(files / "ca.p12"), trust_store_password="pin")


def test_trusting_all(slapd: Slapd) -> None:
    writes(slapd.tls_url, **SIMPLE, trust_all=True)


def test_the_user_of_the_socket(slapd: Slapd, ds389_server: Ds389) -> None:
    writes(slapd.socket_url)
    writes(ds389_server.socket_url, DN.parse(f"cn=logins,{ds389.SUFFIX}"))


def test_a_password_over_the_socket(slapd: Slapd) -> None:
    writes(slapd.socket_url, **SIMPLE)


@pytest.mark.parametrize(
    "store",
    [{"key_store": "client.pem"}, {"key_store": "client.p12", "key_store_password": "pin"}],
    ids=["pem", "pkcs12"],
)
def test_a_client_certificate(slapd: Slapd, files: Path, trust: dict[str, Any], store: dict[str, str]) -> None:
    options = {**store, **trust, "key_store": str(files / store["key_store"])}
    writes(slapd.tls_url, **options)
    writes(slapd.url, **options, start_tls=True)


def test_a_client_certificate_of_somebody_without_rights(slapd: Slapd, files: Path, trust: dict[str, Any]) -> None:
    code, text = refused(slapd.tls_url, **trust, key_store=str(files / "stranger.pem"))
    assert code == 21
    assert "the user has no right to do this" in text
    assert "log in as a user with the rights" in text


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"bind_password": "wrong canary"}, 21, "the bind DN or the password is wrong"),
        ({"bind_dn": "cn=nobody,dc=example,dc=com"}, 21, "the bind DN or the password is wrong"),
        ({"bind_dn": "nobody"}, 2, '"nobody" is not a valid DN to log in as'),
        ({"bind_dn": ""}, 2, "a password is given, but no DN to log in as"),
        ({"bind_password": ""}, 2, "a DN to log in as is given, but no password"),
        ({"mechanism": "external"}, 21, "the server does not support this login mechanism"),
        ({"mechanism": "gssapi"}, 2, '"gssapi" is not a login mechanism'),
    ],
)
def test_logins_that_are_refused(slapd: Slapd, change: dict[str, Any], code: int, words: str) -> None:
    found = refused(slapd.url, **{**SIMPLE, **change})
    assert found[0] == code
    assert words in found[1]
    assert "remedy: " in found[1] or code == 2


def test_who_has_not_logged_in_is_told_to(slapd: Slapd) -> None:
    code, text = refused(slapd.url)
    assert code == 21
    assert "log in (bind_dn and bind_password)" in text


@pytest.mark.parametrize(
    ("store", "words"),
    [
        ({"trust_store": "nowhere.pem"}, "the trust store cannot be used: No such file or directory"),
        ({"trust_store": "empty.pem"}, "the trust store cannot be used: it is empty"),
        ({"trust_store": "ca.p12", "trust_store_password": "x"}, "the password is wrong, or the store is damaged"),
        ({"key_store": "ca.pem"}, "the key store cannot be used: "),
        ({"key_store": "client.p12", "key_store_password": "x"}, "nor a PKCS #12 file that this password opens"),
    ],
)
def test_stores_that_cannot_be_used(
    slapd: Slapd, files: Path, trust: dict[str, Any], store: dict[str, str], words: str
) -> None:
    named = {name: value if "password" in name else str(files / value) for name, value in store.items()}
    code, text = refused(slapd.tls_url, **{**SIMPLE, **trust, **named})
    assert code == 2
    assert words in text
    assert str(files) in text


# -- certificates ----------------------------------------------------------------------------------------------------


def test_an_unknown_authority(slapd: Slapd, files: Path) -> None:
    for url, start_tls in ((slapd.tls_url, False), (slapd.url, True)):
        code, text = refused(url, **SIMPLE, trust_store=str(files / "other.pem"), start_tls=start_tls)
        assert code == 20
        assert "its certificate is not accepted: " in text
        assert "remedy: give the authority's certificate with trust_store (PEM)" in text


def test_the_systems_authorities_do_not_know_ours(slapd: Slapd) -> None:
    code, text = refused(slapd.tls_url, **SIMPLE)
    assert code == 20
    assert "its certificate is not accepted: " in text


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "expired": (
        {"begin": -9 * DAY, "end": -DAY},
        "certificate has expired",
        "renew the server's certificate, and check that both clocks are right",
    ),
    "not yet valid": ({"begin": DAY, "end": 9 * DAY}, "certificate is not yet valid", "renew the server's certificate"),
    "of another name": ({"names": ("ldap.example.com",)}, "mismatch", "connect with a name that is in the certificate"),
    "of a client": ({"purpose": ExtendedKeyUsageOID.CLIENT_AUTH}, "unsuitable certificate purpose", "trust_store"),
    "of nobody else": ({"self_signed": True}, "self-signed certificate", "trust_store"),
}


@pytest.fixture(params=FAULTS.values(), ids=list(FAULTS))
def faulty(request: pytest.FixtureRequest, ldap_authority: Authority) -> Iterator[tuple[Slapd, str, str]]:
    """A server whose certificate has a fault, and what is to be said of it."""
    made, words, remedy = request.param
    options = dict(made)
    certificate: Certificate = ldap_authority.issue(*options.pop("names", ("localhost", "127.0.0.1")), **options)
    with Slapd(certificate=certificate, authority=ldap_authority) as server:
        yield server, words, remedy


def test_a_certificate_with_a_fault(faulty: tuple[Slapd, str, str], trust: dict[str, Any]) -> None:
    server, words, remedy = faulty
    for url, start_tls in ((server.tls_url, False), (server.url, True)):
        code, text = refused(url, **SIMPLE, **trust, start_tls=start_tls)
        assert code == 20
        assert words in text.lower()
        assert remedy in text


def test_tls_where_there_is_none(slapd: Slapd, ds389_server: Ds389, trust: dict[str, Any]) -> None:
    code, text = refused(slapd.url.replace("ldap:", "ldaps:"), **SIMPLE, **trust)
    assert code == 20
    assert "see that the port speaks TLS" in text or "closed the connection (negotiating TLS)" in text
    code, text = refused(ds389_server.url, **SIMPLE, **trust, start_tls=True)
    assert code == 20
    assert "does not start TLS" in text


def test_plain_where_there_is_tls(slapd: Slapd) -> None:
    code, text = refused(slapd.tls_url.replace("ldaps:", "ldap:"), **SIMPLE)
    assert code == 20
    assert "use ldaps://" in text or "TLS needs ldaps:// or StartTLS" in text
