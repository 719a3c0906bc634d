"""One factory of contexts: strict for everybody, and the same context for the same content."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12

from confobjects.mail.plan import TlsSettings, TrustSource, trust_source_of
from confobjects.storage.ldap.login import Tls
from confobjects.storage.ldap.trust import build_context
from confobjects.tls.contexts import Recipe, context_for, run_apart
from confobjects.tls.identities import Identity, load_identity
from confobjects.transport.trust import trust_for
from tests.servers import provider
from tests.servers.certificates import Authority

STORES = Path(__file__).parents[1] / "transport" / "stores"
PIN = "changeit"


@pytest.fixture(scope="module")
def store(ldap_authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an authority."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    path.write_bytes(ldap_authority.pem)
    return path


def test_the_directory_and_mail_share_a_context(store: Path) -> None:
    mail = trust_for(trust_source_of(provider("file-based", trust_store_file=str(store))), TlsSettings()).context
    assert build_context(Tls(trust_store=str(store))) is mail


@pytest.mark.parametrize("tls", [Tls(), Tls(trust_store=str(STORES / "ca.pem"))])
def test_a_context_of_the_directory_is_strict(tls: Tls) -> None:
    context = build_context(tls)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not context.hostname_checks_common_name
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN


def test_a_context_is_blind_when_that_is_asked_for_only() -> None:
    assert build_context(Tls(trust_all=True)).verify_mode == ssl.CERT_NONE
    assert context_for(Recipe()).verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize("name", ["ca.pem", "ca.p12", "ca.jks", "ca.jceks", "ca.bcfks"])
def test_the_directory_reads_every_format_of_trust_store(name: str) -> None:
    plain = build_context(Tls(trust_store=str(STORES / "ca.pem")))
    assert build_context(Tls(trust_store=str(STORES / name), trust_store_password=PIN)) is plain


def test_every_field_of_a_recipe_counts(ldap_authority: Authority) -> None:
    identity = Identity("a", b"a", "b")
    recipes = [
        Recipe(),
        Recipe((ldap_authority.der,)),
        Recipe(system=True),
        Recipe(blind=True),
        Recipe(check_name=False),
        Recipe(versions=("TLSv1.3",)),
        Recipe(suites=("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",)),
        Recipe(identity=identity),
        Recipe(identity=identity.replace(data=b"c")),
        Recipe(identity=identity.replace(password="c")),
        Recipe(own=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
        Recipe(state="x"),
    ]
    assert len({recipe.fingerprint for recipe in recipes}) == len(recipes)


def test_the_order_of_certificates_does_not_count(ldap_authority: Authority) -> None:
    one, two = ldap_authority.der, Authority("Another").der
    assert context_for(Recipe((one, two))) is context_for(Recipe((two, one)))


def test_a_failure_apart_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        run_apart(lambda: 1 // 0)


# -- a context that a class of others makes ----------------------------------------------------------------------------


class Pinned:
    """A class without a version, whose trust hangs on what it is given."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __call__(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.values["file"])


def test_a_class_of_others_gets_a_context_for_each_of_its_values(
    monkeypatch: pytest.MonkeyPatch, store: Path, ldap_authority: Authority
) -> None:
    monkeypatch.setitem(sys.modules, "pinned_trust", SimpleNamespace(Pinned=Pinned))

    def trusted(file: Path) -> ssl.SSLContext:
        values = {"provider-class": "pinned_trust:Pinned", "file": str(file)}
        return trust_for(TrustSource("custom-trust-manager-provider", "/p", values), TlsSettings()).context

    first, second = trusted(store), trusted(STORES / "ca.pem")
    assert first.get_ca_certs(binary_form=True) == [ldap_authority.der]
    assert second.get_ca_certs(binary_form=True) != [ldap_authority.der]
    assert trusted(store) is first


# -- key stores --------------------------------------------------------------------------------------------------------


class Watching(ssl.SSLContext):
    """A context that keeps what lay in the file it read its key from."""

    seen: bytes
    path: str

    def __new__(cls) -> Self:
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def load_cert_chain(self, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
        self.seen, self.path = Path(certfile).read_bytes(), certfile
        super().load_cert_chain(certfile, keyfile, password)


def test_a_key_is_never_in_clear_on_its_way(ldap_authority: Authority) -> None:
    client = ldap_authority.issue("client")
    data = pkcs12.serialize_key_and_certificates(
        b"x", client.key, client.certificate, None, BestAvailableEncryption(b"pin")
    )
    context = Watching()
    load_identity(context, Identity("client.p12", data, "pin"))
    key = context.seen[: context.seen.index(b"-----BEGIN CERTIFICATE")]
    with pytest.raises(TypeError, match="encrypted"):
        load_pem_private_key(key, None)
    assert not Path(context.path).exists()


def test_an_identity_does_not_print_its_secrets() -> None:
    assert repr(Identity("x.pem", b"canary", "canary")) == "Identity('x.pem')"
    assert "canary" not in repr(Recipe(identity=Identity("x.pem", b"canary", "canary")))
