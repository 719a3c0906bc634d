"""A PKCS #11 token as trust store: SoftHSM, in a directory of the tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from confobjects.errors import MailError
from confobjects.mail.diagnosis import TrustError
from confobjects.mail.plan import TlsSettings, trust_source_of
from confobjects.transport.mailer import send_test
from confobjects.transport.trust import trust_for
from tests.servers import Given, mail_server, provider
from tests.servers.certificates import Authority
from tests.servers.fake_smtp import FakeSmtp
from tests.servers.packages import require

pkcs11: Any = pytest.importorskip("pkcs11")

PIN = "canary-4711"


@dataclass
class Token:
    """One token and its module."""

    module: str
    label: str

    def store(self, der: bytes) -> None:
        """Put a certificate on it."""
        from pkcs11.util.x509 import decode_x509_certificate

        facts = decode_x509_certificate(der)
        facts[pkcs11.Attribute.TOKEN] = True
        with pkcs11.lib(self.module).get_token(token_label=self.label).open(rw=True, user_pin=PIN) as session:
            session.create_object(facts)

    def clear(self) -> None:
        """Take every certificate off it."""
        with pkcs11.lib(self.module).get_token(token_label=self.label).open(rw=True, user_pin=PIN) as session:
            for one in session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE}):
                one.destroy()


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    programs = require("softhsm2")
    directory = tmp_path_factory.mktemp("softhsm")
    (directory / "tokens").mkdir()
    configuration = directory / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {directory}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(configuration)  # the module reads the environment of this process
    make = [
        programs["softhsm2-util"],
        "--init-token",
        "--free",
        "--label",
        "trust",
        "--pin",
        PIN,
        "--so-pin",
        "12345678",
    ]
    subprocess.run(make, check=True, capture_output=True)
    yield Token(programs["module"], "trust")
    del os.environ["SOFTHSM2_CONF"]


def given(token: Token, **values: Any) -> Given:
    return provider("pkcs11", **{"pkcs11_provider_arg": token.module, "trust_store_pin": PIN, **values})


def refusal(of: Given) -> TrustError:
    with pytest.raises(MailError) as caught:
        trust_for(trust_source_of(of), TlsSettings())
    assert isinstance(caught.value, TrustError)
    assert caught.value.exit_code == 50
    assert PIN not in str(caught.value)
    return caught.value


def test_certificates_come_from_the_token_as_it_is_now(token: Token) -> None:
    token.clear()
    assert refusal(given(token)).reason == "trust-store-empty"
    one, two = Authority("One"), Authority("Two")
    token.store(one.der)
    first = trust_for(trust_source_of(given(token)), TlsSettings())
    assert first.material.certificates == (one.der,)
    token.store(two.der)
    second = trust_for(trust_source_of(given(token)), TlsSettings())
    assert set(second.material.certificates) == {one.der, two.der}
    assert second.fingerprint != first.fingerprint


def test_a_token_without_a_login_shows_its_public_certificates(token: Token) -> None:
    token.clear()
    authority = Authority("Public")
    token.store(authority.der)
    trust = trust_for(trust_source_of(given(token, trust_store_pin=None)), TlsSettings())
    assert trust.material.certificates == (authority.der,)


def test_a_wrong_pin(token: Token) -> None:
    error = refusal(given(token, trust_store_pin="canary-0000"))
    assert (error.reason, error.diagnostics[0].property) == ("trust-store-pin", "trust-store-pin")
    assert "canary" not in str(error)


@pytest.mark.parametrize("module", ["/no/such/module.so", "/etc/hostname"])
def test_a_module_that_is_none(token: Token, module: str) -> None:
    error = refusal(given(token, pkcs11_provider_arg=module))
    assert (error.reason, error.diagnostics[0].property) == ("trust-unusable", "pkcs11-provider-arg")
    assert module in str(error)


def test_a_mail_goes_out_under_the_trust_of_a_token(token: Token, tmp_path: Path) -> None:
    import ssl

    authority = Authority("On Token")
    path, key = authority.issue("localhost").write(tmp_path, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    token.clear()
    token.store(authority.der)
    with FakeSmtp(tls=context, implicit=True) as fake:
        report = send_test(mail_server(fake.port, use_ssl=True, trust=given(token)), "bob@example.com")
        assert report.security.startswith("TLSv1.3")
