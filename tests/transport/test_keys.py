"""Client certificates: a real Postfix that takes mail only from whoever has the right one; rotation; EXTERNAL."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError
from confobjects.mail.expiry import STORES
from confobjects.mail.planning import plan_delivery, transport_settings
from confobjects.mail.property_table import KEYS
from confobjects.transport.check import check_server
from confobjects.transport.keys import KEY_LOADERS
from confobjects.transport.mailer import send_test
from confobjects.transport.pool import Pool
from confobjects.transport.providers import LOADERS
from confobjects.transport.validity import read_store
from tests.definitions.documents import builtin
from tests.servers import Given, key_provider, mail_server, provider
from tests.servers.certificates import Authority, Certificate
from tests.servers.fake_smtp import FakeSmtp, Script, Session, starttls
from tests.servers.postfix import Postfix
from tests.servers.processes import open_directory

PIN = "canary-Zq81"


@pytest.fixture(scope="module")
def clients(authority: Authority) -> dict[str, Certificate]:
    """Two certificates of the right authority, and one of another."""
    purpose = ExtendedKeyUsageOID.CLIENT_AUTH
    return {
        "known": authority.issue(common_name="known client", purpose=purpose),
        "other": authority.issue(common_name="other client", purpose=purpose),
        "stranger": Authority("Nobody Knows").issue(common_name="stranger", purpose=purpose),
    }


@pytest.fixture(scope="module")
def strict(
    certificates: dict[str, Certificate], clients: dict[str, Certificate], authority: Authority
) -> Iterator[SimpleNamespace]:
    """A Postfix with two listeners more: one takes certificates of the authority only, one that of the known client only."""
    print_ = clients["known"].certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    with open_directory("postfix") as directory:
        trusted = directory / "clients.pem"
        trusted.write_bytes(authority.pem)
        secured = f"-o smtpd_tls_CAfile={trusted} -o smtpd_tls_fingerprint_digest=sha256"
        first = f"{secured} -o smtpd_tls_wrappermode=yes"
        required = "-o smtpd_tls_security_level=encrypt -o smtpd_tls_req_ccert=yes"
        further = {
            "required": f"{first} {required} -o smtpd_relay_restrictions=permit_tls_all_clientcerts,reject",
            "starttls": f"{secured} {required} -o smtpd_relay_restrictions=permit_tls_all_clientcerts,reject",
            "asked": f"{first} -o smtpd_tls_ask_ccert=yes -o {{ relay_clientcerts = inline:{{ {{ {print_} = yes }} }} }}"
            " -o smtpd_relay_restrictions=permit_tls_clientcerts,reject",
        }
        with Postfix(directory / "root", certificates["good"], further=further) as running:
            yield SimpleNamespace(ports=running.ports, log=lambda: running.log)


def write(path: Path, content: bytes) -> Path:
    """Replace a file with its right mode, as a program does that renews certificates."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.chmod(0o600)
    os.replace(new, path)
    return path


def deliver(port: int, trusting: Given, keys: Given | None, *, use_ssl: bool = True) -> Any:
    return send_test(mail_server(port, trust=trusting, keys=keys, use_ssl=use_ssl), "bob@example.com")


@pytest.mark.parametrize("form", ["PKCS12", "PEM"])
@pytest.mark.parametrize("listener", ["required", "starttls", "asked"])
def test_with_the_right_certificate_the_mail_is_taken(  # noqa: PLR0913, PLR0917 - the parts of one try
    strict: SimpleNamespace, trusting: Given, clients: dict[str, Certificate], tmp_path: Path, listener: str, form: str
) -> None:
    own = clients["known"]
    path = write(tmp_path / "own", own.key_store(PIN) if form == "PKCS12" else own.pem + own.key_pem)
    keys = key_provider(key_store_file=str(path), key_store_type=form, key_store_pin=PIN)
    report = deliver(strict.ports[listener], trusting, keys, use_ssl=listener != "starttls")
    assert report.delivered


@pytest.mark.parametrize(
    ("listener", "who", "code"),
    [
        ("required", "", "tls-client-certificate"),
        ("required", "stranger", "tls-own-certificate"),
        ("starttls", "", "tls-client-certificate"),
        ("starttls", "stranger", "tls-own-certificate"),
        ("asked", "", "recipient-refused"),
        ("asked", "stranger", "recipient-refused"),
        ("asked", "other", "recipient-refused"),
    ],
)
def test_without_the_right_certificate_it_is_not(  # noqa: PLR0913, PLR0917 - the parts of one try
    strict: SimpleNamespace,
    trusting: Given,
    clients: dict[str, Certificate],
    tmp_path: Path,
    listener: str,
    who: str,
    code: str,
) -> None:
    keys = None
    if who:
        keys = key_provider(key_store_file=str(write(tmp_path / "own", clients[who].key_store(""))))
    with pytest.raises(DeliveryError) as caught:
        deliver(strict.ports[listener], trusting, keys, use_ssl=listener != "starttls")
    assert caught.value.diagnosis.code == code


def test_a_certificate_is_not_shown_where_none_is_named(
    strict: SimpleNamespace, trusting: Given, clients: dict[str, Certificate], tmp_path: Path
) -> None:
    keys = key_provider(key_store_file=str(write(tmp_path / "own", clients["known"].key_store(""))))
    assert deliver(strict.ports["asked"], trusting, keys).delivered
    with pytest.raises(DeliveryError):
        deliver(strict.ports["asked"], trusting, None)


def test_a_server_that_is_not_trusted_never_sees_it(
    certificates: dict[str, Certificate],
    clients: dict[str, Certificate],
    authority: Authority,
    trusting: Given,
    tmp_path: Path,
) -> None:
    """Also not on the second connection, which looks at the certificates of the server without checking them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates["stranger"].write(tmp_path, "server"))
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=authority.pem.decode())
    shown: list[bytes | None] = []

    def greet(session: Session) -> None:
        assert isinstance(session.connection, ssl.SSLSocket)
        shown.append(session.connection.getpeercert(binary_form=True))
        session.send(b"220 fake\r\n")

    keys = key_provider(key_store_file=str(write(tmp_path / "own", clients["known"].key_store(""))))
    with FakeSmtp({"banner": greet}, tls=context, implicit=True) as fake:
        refused = check_server(mail_server(fake.port, trust=trusting, keys=keys, use_ssl=True), depth="ehlo")
        blind = provider("blind")
        taken = check_server(mail_server(fake.port, trust=blind, keys=keys, use_ssl=True), depth="ehlo")
    assert (refused.code, taken.ok) == ("certificate-unknown-authority", True)
    assert shown == [None, clients["known"].der]


# -- rotation ------------------------------------------------------------------------------------------------------------


def test_a_change_of_the_key_store_counts_from_the_next_connection(
    strict: SimpleNamespace, trusting: Given, clients: dict[str, Certificate], tmp_path: Path
) -> None:
    path = write(tmp_path / "own", clients["other"].key_store(""))
    keys = key_provider(key_store_file=str(path))
    with pytest.raises(DeliveryError):
        deliver(strict.ports["asked"], trusting, keys)
    write(path, clients["known"].key_store(""))
    assert deliver(strict.ports["asked"], trusting, keys).delivered


def test_a_change_of_the_key_store_retires_kept_connections(
    clients: dict[str, Certificate], server_context: dict[str, ssl.SSLContext], trusting: Given, tmp_path: Path
) -> None:
    path = write(tmp_path / "own", clients["known"].key_store(""))
    clock = [0.0]
    with FakeSmtp({"STARTTLS": starttls}, tls=server_context["good"]) as fake:
        keys = key_provider(key_store_file=str(path))
        pool = Pool(plan_delivery(mail_server(fake.port, trust=trusting, keys=keys)), clock=lambda: clock[0])
        connections = []
        for step in range(6):
            if step == 3:
                write(path, clients["other"].key_store(""))
            with pool.lend_connection():
                connections.append(fake.connections)
            clock[0] += 10
        assert connections == [1, 1, 1, 2, 2, 2]
        path.unlink()
        with pytest.raises(MailError) as caught, pool.lend_connection():
            pass
        assert (caught.value.stage, caught.value.diagnostics[0].path) == ("trust", "/key-manager-provider/the keys")
        pool.close()


# -- the plan ------------------------------------------------------------------------------------------------------------


def test_a_disabled_provider_is_refused_only_while_tls_is_used() -> None:
    keys = key_provider(key_store_file="own.p12", enabled=False)
    with pytest.raises(MailError) as caught:
        plan_delivery(mail_server(587, keys=keys))
    assert [problem.summary for problem in caught.value.diagnostics] == [
        'the key manager provider "the keys" is disabled'
    ]
    assert plan_delivery(mail_server(587, keys=keys, use_start_tls=False)).keys is None


def test_the_provider_is_among_the_settings_in_effect_without_its_pin() -> None:
    keys = key_provider(key_store_file="own.p12", key_store_pin=PIN)
    rows, problems = transport_settings(mail_server(587, keys=keys))
    assert problems == ()
    assert [(value, origin) for name, value, origin in rows if name == KEYS] == [
        (
            "/key-manager-provider/the keys (file-based-key-manager-provider; key-store-file: own.p12)",
            f"smtp-property {KEYS}",
        )
    ]


def test_a_type_that_is_not_known_is_refused_with_the_nearest(trusting: Given) -> None:
    result = check_server(mail_server(25, trust=trusting, keys=key_provider(type_="file-base")), depth="tls")
    assert (result.stage, result.code, result.property) == ("trust", "key-unusable", "")
    assert result.remedy == 'did you mean "file-based-key-manager-provider"?'


def test_every_type_has_a_loader() -> None:
    types = {one.name for one in builtin().concrete_types("key-manager-provider")}
    assert types == set(KEY_LOADERS)
    assert {*KEY_LOADERS, *LOADERS} > set(STORES)


def test_external_logs_in_by_the_certificate(
    clients: dict[str, Certificate], server_context: dict[str, ssl.SSLContext], trusting: Given, tmp_path: Path
) -> None:
    keys = key_provider(key_store_file=str(write(tmp_path / "own", clients["known"].key_store(""))))
    script: Script = {
        "STARTTLS": starttls,
        "EHLO": b"250-fake\r\n250-STARTTLS\r\n250 AUTH EXTERNAL PLAIN\r\n",
        "AUTH": b"235 2.7.0 ok\r\n",
    }
    with FakeSmtp(script, tls=server_context["good"]) as fake:
        server = mail_server(fake.port, "mail.smtp.auth.mechanisms=EXTERNAL", trust=trusting, keys=keys)
        result = check_server(server, depth="auth")
        assert result.ok
        assert "AUTH" in fake.verbs


# -- validity ------------------------------------------------------------------------------------------------------------


def test_a_certificate_that_ends_is_told_before_it_does(clients: dict[str, Certificate], tmp_path: Path) -> None:
    path = write(tmp_path / "own", clients["known"].key_store(""))
    (period,) = read_store(key_provider(key_store_file=str(path)))  # type: ignore[arg-type]
    end = clients["known"].certificate.not_valid_after_utc.timestamp()
    assert (period.property, period.end) == ("key-store-file", end)
    assert period.name == f"the certificate CN=known client in {path}"
