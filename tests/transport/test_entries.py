"""Certificates in entries of the configuration's own storage: an LDIF file, and a real directory."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import confobjects
from confobjects.errors import MailError
from confobjects.mail.diagnosis import TrustError
from confobjects.transport.check import check_server
from confobjects.transport.mailer import Mailer
from tests.servers import slapd as openldap
from tests.servers.certificates import Authority
from tests.servers.fake_smtp import FakeSmtp
from tests.servers.slapd import SUFFIX, Slapd

ANCHORS = f"cn=anchors,{SUFFIX}"


@pytest.fixture(scope="module")
def fake(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeSmtp]:
    path, key = authority.issue("localhost").write(tmp_path_factory.mktemp("server"), "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    with FakeSmtp(tls=context, implicit=True) as running:
        yield running


def configured(url: str, port: int, base: str, **login: Any) -> Any:
    """Write a mail server and its provider to a storage, and return the mail server as a start sees it."""
    with confobjects.open(url, **login) as ctx, ctx.change() as tx:
        tx.create("trust-manager-provider", "anchors", {"enabled": True, "base-dn": base}, type="ldap")
        tx.create("mail-server", "one", {
            "enabled": True, "smtp-server": f"localhost:{port}", "use-ssl": True, "use-start-tls": False,
            "trust-manager-provider": "anchors",
        })  # fmt: skip
    return confobjects.load(url, **login)["mail-server", "one"]


def anchor(authority: Authority, base: str) -> str:
    encoded = base64.b64encode(authority.der).decode()
    classes = "objectClass: applicationProcess\nobjectClass: pkiCA\n"
    return f"\ndn: {base}\n{classes}cn: anchors\ncACertificate;binary:: {encoded}\n"


def test_the_entries_of_an_ldif_file(fake: FakeSmtp, authority: Authority, tmp_path: Path) -> None:
    file = tmp_path / "config.ldif"
    server = configured(f"ldif:{file}", fake.port, "cn=anchors,cn=config")
    with pytest.raises(MailError) as caught:
        Mailer(server).send(b"x", to="bob@example.com")
    assert isinstance(caught.value, TrustError)
    assert caught.value.reason == "trust-store-empty"
    without = file.read_text()
    file.write_text(without + anchor(authority, "cn=anchors,cn=config"))
    assert Mailer(server).send(b"x", to="bob@example.com").delivered
    file.write_text(without + anchor(Authority("Another"), "cn=anchors,cn=config"))
    assert check_server(server).code == "certificate-unknown-authority"
    file.write_text("dn broken\n")
    result = check_server(server)
    assert (result.code, result.stage) == ("trust-store-unreadable", "trust")
    assert "cannot be read" in result.summary


def test_the_entries_of_a_directory(fake: FakeSmtp, authority: Authority, slapd: Slapd) -> None:
    login: dict[str, Any] = {"bind_dn": openldap.ROOT_DN, "bind_password": openldap.PASSWORD}
    slapd.ldapmodify(f"dn: ou=mail trust,{SUFFIX}\nchangetype: add\nobjectClass: organizationalUnit\nou: mail trust\n")
    server = configured(f"{slapd.url}ou=mail%20trust,{SUFFIX}", fake.port, ANCHORS, **login)
    assert check_server(server).code == "trust-store-empty"
    slapd.ldapmodify(anchor(authority, ANCHORS).replace("\nobjectClass", "\nchangetype: add\nobjectClass", 1).lstrip())
    assert Mailer(server).send(b"x", to="bob@example.com").delivered
    slapd.ldapmodify(f"dn: {ANCHORS}\nchangetype: delete\n")
    assert check_server(server).code == "trust-store-empty"
