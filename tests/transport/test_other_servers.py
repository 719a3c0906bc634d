"""A second implementation of a mail server, and trust stores made by Java's own keytool."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from pathlib import Path
from typing import Any, Self

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from confobjects.mail.diagnosis import DeliveryError
from confobjects.mail.plan import TlsSettings, trust_source_of
from confobjects.transport.mailer import Mailer
from confobjects.transport.trust import trust_for
from tests.servers import Given, mail_server, provider
from tests.servers.certificates import Authority
from tests.servers.packages import require
from tests.servers.postfix import free_ports

LOGIN = {"auth_username": "ann", "auth_password": "pässword"}


class Mailbox:
    """Takes every message, and the addresses it came with."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, list[str], bytes]] = []

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 2.0.0 taken"


def authenticate(server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    right = (data.login, data.password) == (b"ann", LOGIN["auth_password"].encode())
    return AuthResult(success=right, handled=right)


class Aiosmtpd:
    """A server on a free port of loopback."""

    def __init__(self, context: ssl.SSLContext, *, implicit: bool) -> None:
        self.box = Mailbox()
        options: dict[str, Any] = {"auth_required": True, "authenticator": authenticate, "enable_SMTPUTF8": True}
        options |= (
            {"ssl_context": context, "auth_require_tls": False}
            if implicit
            else {"tls_context": context, "require_starttls": True, "auth_require_tls": True}
        )
        self.port = free_ports(1)[0]
        self.controller = Controller(self.box, hostname="127.0.0.1", port=self.port, **options)

    def __enter__(self) -> Self:
        self.controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.controller.stop()


# It does not know that it is behind TLS when TLS comes first.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


@pytest.fixture(params=[False, True], ids=["starttls", "implicit"])
def aiosmtpd(request: pytest.FixtureRequest, server_context: dict[str, ssl.SSLContext]) -> Iterator[Aiosmtpd]:
    with Aiosmtpd(server_context["good"], implicit=request.param) as server:
        yield server


def through(server: Aiosmtpd, trust: Given, *settings: str, **values: Any) -> Given:
    implicit = server.controller.ssl_context is not None
    return mail_server(server.port, *settings, use_ssl=implicit, trust=trust, **{**LOGIN, **values})


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_message_arrives_whole(aiosmtpd: Aiosmtpd, trusting: Given, mechanism: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@example.com", "bob@example.com", "Grüße"
    message.set_content(".\n..\nzwölf Boxkämpfer\n")
    server = through(aiosmtpd, trusting, f"mail.smtp.auth.mechanisms={mechanism}")
    report = Mailer(server).send(message, "ann@example.com")
    assert (report.reply, report.mechanism) == ("250 2.0.0 taken", mechanism)
    assert report.security.startswith("TLSv1.3")
    [(sender, recipients, content)] = aiosmtpd.box.taken
    assert (sender, recipients) == ("ann@example.com", ["bob@example.com"])
    received = message_from_bytes(content, policy=WIRE)
    assert received["subject"] == "Grüße"
    assert received.get_content() == ".\n..\nzwölf Boxkämpfer\n"


def test_an_address_beyond_ascii_goes_out_where_that_is_offered(aiosmtpd: Aiosmtpd, trusting: Given) -> None:
    report = Mailer(through(aiosmtpd, trusting)).send(
        b"Subject: x\r\n\r\nx\r\n", "jörg@example.com", "bjørn@bücher.example"
    )
    assert report.delivered == ("bjørn@xn--bcher-kva.example",)
    assert aiosmtpd.box.taken[0][:2] == ("jörg@example.com", ["bjørn@xn--bcher-kva.example"])


def test_a_wrong_password_is_tried_once(aiosmtpd: Aiosmtpd, trusting: Given) -> None:
    with pytest.raises(DeliveryError) as caught:
        Mailer(through(aiosmtpd, trusting, auth_password="wrong")).send(b"x", to="bob@example.com")
    assert caught.value.diagnosis.code == "auth-rejected"
    assert [line for line in caught.value.report.transcript if "AUTH" in line and line[0] == "C"] == [
        "C: AUTH PLAIN ********"
    ]
    assert aiosmtpd.box.taken == []


# -- keytool -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JKS", "JCEKS", "PKCS12"])
def test_a_store_of_keytool(kind: str, authority: Authority, tmp_path: Path) -> None:
    keytool = str(Path(require("java")["java"]).with_name("keytool"))
    certificate, store = tmp_path / "ca.pem", tmp_path / "store"
    certificate.write_bytes(authority.pem)
    make = [keytool, "-J-Xshare:auto", "-J-XX:TieredStopAtLevel=1", "-importcert", "-noprompt", "-alias", "ca"]
    where = ["-file", str(certificate), "-keystore", str(store), "-storetype", kind, "-storepass", "changeit"]
    subprocess.run([*make, *where], check=True, capture_output=True)
    for said in (None, kind):
        given = provider("file-based", trust_store_file=str(store), trust_store_type=said, trust_store_pin="changeit")
        assert trust_for(trust_source_of(given), TlsSettings()).material.certificates == (authority.der,)
