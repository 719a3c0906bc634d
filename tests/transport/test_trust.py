"""Trust manager providers: every type, every store format, every way a store can be useless."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.actions import remedy_text
from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError
from confobjects.mail.plan import RUNTIME_TRUST, TlsSettings, TrustSource, trust_source_of
from confobjects.tls.contexts import openssl_name
from confobjects.tls.stores import FORMATS, StoreProblem, detect_type, read_store
from confobjects.transport.mailer import send_test
from confobjects.transport.providers import LOADERS
from confobjects.transport.trust import trust_for
from tests.definitions.documents import builtin
from tests.servers import Given, mail_server, provider
from tests.servers.certificates import Authority, Certificate
from tests.servers.postfix import PASSWORD, USER

STORES = Path(__file__).parent / "stores"
PIN = "changeit"
FILES = {"PKCS12": "ca.p12", "JKS": "ca.jks", "JCEKS": "ca.jceks", "BCFKS": "ca.bcfks", "PEM": "ca.pem"}
NEEDS_PIN = {"PKCS12", "BCFKS"}


def certificate() -> bytes:
    return read_store((STORES / "ca.pem").read_bytes(), "", "")[0]


def trusted(given: Given, settings: TlsSettings | None = None) -> Any:
    return trust_for(trust_source_of(given), settings or TlsSettings())


def refusal(given: Given) -> MailError:
    with pytest.raises(MailError) as caught:
        trusted(given)
    assert (caught.value.stage, caught.value.exit_code) == ("trust", 50)
    assert caught.value.diagnostics[0].remedy
    assert caught.value.diagnostics[0].path == given.path
    return caught.value


# -- stores ------------------------------------------------------------------------------------------------------------


def test_every_format_has_a_store_to_try() -> None:
    assert set(FILES) | {"DER"} == set(FORMATS)


@pytest.mark.parametrize(("kind", "name"), FILES.items())
@pytest.mark.parametrize("said", [True, False])
def test_the_type_is_found_from_the_bytes(kind: str, name: str, said: bool) -> None:
    data = (STORES / name).read_bytes()
    assert detect_type(data) == kind
    assert read_store(data, kind if said else "", PIN) == (certificate(),)


def test_a_der_certificate_is_a_store_of_one() -> None:
    assert detect_type(certificate()) == "DER"
    assert read_store(certificate(), "PEM", "") == (certificate(),)


@pytest.mark.parametrize(("kind", "name"), [item for item in FILES.items() if item[0] != "PEM"])
def test_a_wrong_pin(kind: str, name: str) -> None:
    given = provider("file-based", trust_store_file=str(STORES / name), trust_store_pin="canary-wrong")
    error = refusal(given)
    assert "the pin is wrong, or the store is damaged" in str(error)
    assert error.diagnostics[0].property == "trust-store-pin"
    assert "canary" not in str(error)


@pytest.mark.parametrize("kind", sorted(NEEDS_PIN))
def test_a_missing_pin(kind: str) -> None:
    given = provider("file-based", trust_store_file=str(STORES / FILES[kind]))
    assert "it cannot be opened without a pin" in str(refusal(given))


@pytest.mark.parametrize("kind", ["JKS", "JCEKS"])
def test_the_old_java_formats_open_without_a_pin(kind: str) -> None:
    assert read_store((STORES / FILES[kind]).read_bytes(), "", "") == (certificate(),)


def test_a_type_that_does_not_fit_is_told() -> None:
    given = provider(
        "file-based", trust_store_file=str(STORES / "ca.jks"), trust_store_type="PKCS12", trust_store_pin=PIN
    )
    error = refusal(given)
    assert "trust-store-type says PKCS12, but the file is JKS" in str(error)
    assert remedy_text(error.diagnostics[0].remedy) == "Set trust-store-type to JKS, or reset it."


def test_a_key_of_ones_own_is_not_trusted() -> None:
    given = provider("file-based", trust_store_file=str(STORES / "own-key.jks"), trust_store_pin=PIN)
    assert "it contains no trusted certificate" in str(refusal(given))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"hello", "it is not a trust store of a known format"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "it contains no trusted certificate"),
        (b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "a certificate in it is damaged"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
        (b"\xfe\xed\xfe\xed\x00", "it is damaged"),
    ],
)
def test_a_useless_file(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "store"
    path.write_bytes(content)
    error = refusal(provider("file-based", trust_store_file=str(path)))
    assert words in str(error)
    assert str(path) in str(error)


@given(st.binary(max_size=60), st.sampled_from(sorted(FILES)), st.integers(0, 500), st.booleans())
def test_a_damaged_store_is_a_problem_in_words(noise: bytes, kind: str, at: int, cut: bool) -> None:
    data = (STORES / FILES[kind]).read_bytes()
    at = min(at, len(data))
    broken = data[:at] + noise + (b"" if cut else data[at + len(noise) :])
    if kind == "BCFKS" and detect_type(broken) == "BCFKS":
        return  # each try costs a key derivation; the next test does some
    try:
        found = read_store(broken, "", PIN)
    except StoreProblem:
        return
    assert all(isinstance(one, bytes) for one in found)


def test_a_store_of_bouncy_castle_for_fips() -> None:
    assert read_store((STORES / "ca-fips.bcfks").read_bytes(), "", PIN) == (certificate(),)


@pytest.mark.parametrize("at", [2, 8, 20, 60, 120, 300, 700, 830])
def test_a_damaged_bcfks_store(at: int) -> None:
    data = bytearray((STORES / "ca.bcfks").read_bytes())
    data[at] ^= 0x55
    with pytest.raises(StoreProblem):
        read_store(bytes(data), "BCFKS", PIN)


def test_a_missing_file_names_path_and_base() -> None:
    error = refusal(provider("file-based", trust_store_file="missing.p12", instance_directory="/srv/instance"))
    assert "/srv/instance/missing.p12 cannot be read: No such file or directory" in str(error)
    assert "starts from /srv/instance" in error.diagnostics[0].remedy


def test_a_directory_is_no_store(tmp_path: Path) -> None:
    assert "cannot be read" in str(refusal(provider("file-based", trust_store_file=str(tmp_path))))


# -- contexts ----------------------------------------------------------------------------------------------------------


def test_a_context_is_strict() -> None:
    context = trusted(provider("file-based", trust_store_file=str(STORES / "ca.pem"))).context
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not context.hostname_checks_common_name
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN


def test_a_context_is_kept_while_its_content_is_the_same(tmp_path: Path, authority: Authority) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(authority.pem)
    given = provider("file-based", trust_store_file=str(path))
    first = trusted(given)
    assert trusted(given).context is first.context
    path.write_bytes(Authority("Another").pem)
    os.utime(path, ns=(1, 1))
    second = trusted(given)
    assert second.context is not first.context
    assert second.fingerprint != first.fingerprint
    path.write_bytes(authority.pem)
    os.utime(path, ns=(2, 2))
    assert trusted(given).context is first.context


def test_settings_make_a_context_of_their_own() -> None:
    given = provider("file-based", trust_store_file=str(STORES / "ca.pem"))
    only = trusted(given, TlsSettings(versions=("TLSv1.3",))).context
    assert only.minimum_version == only.maximum_version == ssl.TLSVersion.TLSv1_3
    suite = trusted(given, TlsSettings(suites=("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",))).context
    assert "ECDHE-RSA-AES256-GCM-SHA384" in [one["name"] for one in suite.get_ciphers()]
    with pytest.raises(MailError):
        trusted(given, TlsSettings(suites=("TLS_NO_SUCH_SUITE",)))


@pytest.mark.parametrize(
    ("iana", "name"),
    [
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256"),
        ("TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        ("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
    ],
)
def test_names_of_cipher_suites(iana: str, name: str) -> None:
    assert openssl_name(iana) == name
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers(f"{name}:@SECLEVEL=0")


def test_an_unknown_type_is_refused_with_the_nearest() -> None:
    assert 'did you mean "file-based-trust-manager-provider"?' in str(refusal(provider("file-basd")))


# -- types -------------------------------------------------------------------------------------------------------------


def test_the_first_certificate_of_each_file_counts(tmp_path: Path) -> None:
    one, two, three = Authority("One"), Authority("Two"), Authority("Three")
    (tmp_path / "a.pem").write_bytes(one.pem + two.pem)
    (tmp_path / "b.crt").write_bytes(three.der)
    (tmp_path / "notes.txt").write_text("nothing here")
    (tmp_path / "sub").mkdir()
    given = provider("pem", pem_directory=str(tmp_path), excluded_filename_pattern=None)
    assert set(trusted(given).material.certificates) == {one.der, three.der}
    without = provider("pem", pem_directory=str(tmp_path), excluded_filename_pattern=r".*\.crt")
    assert trusted(without).material.certificates == (one.der,)
    partly = provider("pem", pem_directory=str(tmp_path), excluded_filename_pattern=r"\.crt")
    assert len(trusted(partly).material.certificates) == 2, "the whole name has to match"


def test_files_that_come_and_go_count_at_once(tmp_path: Path) -> None:
    one, two = Authority("One"), Authority("Two")
    (tmp_path / "a.pem").write_bytes(one.pem)
    given = provider("pem", pem_directory=str(tmp_path), excluded_filename_pattern=None)
    first = trusted(given)
    (tmp_path / "b.pem").write_bytes(two.pem)
    assert len(trusted(given).material.certificates) == 2
    (tmp_path / "b.pem").unlink()
    assert trusted(given).fingerprint == first.fingerprint
    (tmp_path / "a.pem").unlink()
    assert "nothing would be trusted" in str(refusal(given))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"pem_directory": "missing"}, "cannot be read"),
        ({"pem_directory": ".", "excluded_filename_pattern": "("}, "the pattern is not a regular expression"),
    ],
)
def test_a_useless_directory(values: dict[str, Any], words: str) -> None:
    full: dict[str, Any] = {"excluded_filename_pattern": None, **values}
    assert words in str(refusal(provider("pem", **full)))


def test_the_bundled_authorities() -> None:
    pytest.importorskip("certifi")
    trust = trusted(provider("system", source="bundled"))
    assert trust.context.cert_store_stats()["x509_ca"] > 50


@pytest.mark.parametrize("given", [provider("system", source="os"), None])
def test_an_empty_system_is_refused(given: Given | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with pytest.raises(MailError) as caught:
        trust_for(trust_source_of(given) if given else RUNTIME_TRUST, TlsSettings())
    assert caught.value.exit_code == 50
    assert "ca-certificates" in str(caught.value)


def test_the_systems_authorities(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: Authority) -> None:
    path = tmp_path / "system.pem"
    path.write_bytes(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    trust = trusted(provider("system", source="os"))
    assert trust.context.get_ca_certs(binary_form=True) == [authority.der]


def test_certificates_in_the_configurations_own_storage(authority: Authority) -> None:
    entries: list[dict[str, Any]] = [
        {"ds-keystore-certificate;binary": (authority.der,)},
        {"cn": ("x",)},
        {"userCertificate;binary": ("text",)},
    ]
    asked = []

    def read(base: str) -> list[dict[str, Any]]:
        asked.append(base)
        return entries

    source = TrustSource("ldap-trust-manager-provider", "/p", {"base-dn": "cn=trust"}, entries=read)
    trust = trust_for(source, TlsSettings())
    assert (trust.material.certificates, asked) == ((authority.der,), ["cn=trust"])
    entries.clear()
    with pytest.raises(MailError) as caught:
        trust_for(source, TlsSettings())
    assert "no entry below cn=trust contains a certificate" in str(caught.value)
    assert "cannot be read by this program" in str(refusal(provider("ldap", base_dn="cn=trust")))


class Chooser:
    """What an operator's own class may look like."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __call__(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(STORES / "ca.pem"))


class Useless(Chooser):
    """A class that yields something else."""

    def __call__(self) -> Any:
        return "no context"


def test_a_class_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    module = SimpleNamespace(Chooser=Chooser, Useless=Useless)
    monkeypatch.setitem(sys.modules, "own_trust", module)
    trust = trusted(provider("custom", provider_class="own_trust:Chooser"))
    assert trust.context.get_ca_certs(binary_form=True) == [certificate()]
    for wrong in ("own_trust:Useless", "own_trust:Missing", "own_trust", "no_such_module_here:X"):
        assert refusal(provider("custom", provider_class=wrong)).diagnostics[0].property == "provider-class"


def test_a_token_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pkcs11", None)
    assert "confobjects[pkcs11]" in str(refusal(provider("pkcs11", pkcs11_provider_arg="/none.so")))


def test_every_type_has_a_loader() -> None:
    kinds = ("blind", "file-based", "pem", "system", "ldap", "pkcs11", "custom")
    assert {f"{kind}-trust-manager-provider" for kind in kinds} | {"runtime"} <= set(LOADERS)
    assert {concrete.name for concrete in builtin().concrete_types("trust-manager-provider")} <= set(LOADERS)


# -- against a real server ---------------------------------------------------------------------------------------------

LOGIN = {"auth_username": USER, "auth_password": PASSWORD}
Sender = Callable[[Given, str], Any]


def send(postfix: SimpleNamespace, given: Given, listener: str = "smtps") -> Any:
    return send_test(mail_server(postfix.ports[listener], use_ssl=True, trust=given, **LOGIN), "bob@example.com")


@pytest.mark.parametrize("pin", ["", "canary-pin"])
def test_a_pkcs12_store(postfix: SimpleNamespace, authority: Authority, tmp_path: Path, pin: str) -> None:
    path = tmp_path / "ca.p12"
    path.write_bytes(authority.pkcs12(pin))
    assert send(postfix, provider("file-based", trust_store_file=str(path), trust_store_pin=pin or None)).delivered


def test_a_leaf_in_the_store_is_trusted(
    postfix: SimpleNamespace, certificates: dict[str, Certificate], tmp_path: Path
) -> None:
    path = tmp_path / "leaf.pem"
    path.write_bytes(certificates["good"].pem)
    assert send(postfix, provider("file-based", trust_store_file=str(path))).delivered
    path.write_bytes(certificates["self-signed"].pem)
    assert send(postfix, provider("file-based", trust_store_file=str(path)), "self-signed").delivered


def test_an_expired_authority_is_named(tmp_path: Path, server_context: dict[str, ssl.SSLContext]) -> None:
    from tests.servers.fake_smtp import FakeSmtp

    old = Authority("Old Authority", expired=True)
    path, key = old.issue("localhost").write(tmp_path, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    store = tmp_path / "old.pem"
    store.write_bytes(old.pem)
    given = provider("file-based", trust_store_file=str(store))
    with FakeSmtp(tls=context, implicit=True) as fake, pytest.raises(DeliveryError) as caught:
        send_test(mail_server(fake.port, use_ssl=True, trust=given), "b@c.d")
    assert caught.value.diagnosis.code == "anchor-expired"
    assert f"CN=Old Authority in {store}" in caught.value.diagnosis.summary


def test_a_change_of_trust_counts_from_the_next_connection(
    postfix: SimpleNamespace, authority: Authority, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    given = provider("file-based", trust_store_file=str(path))
    for number, (content, delivered) in enumerate(
        [(authority.pem, True), (Authority("Other").pem, False), (authority.pem, True)]
    ):
        path.write_bytes(content)
        os.utime(path, ns=(number, number))
        if delivered:
            assert send(postfix, given).delivered
        else:
            with pytest.raises(DeliveryError):
                send(postfix, given)
