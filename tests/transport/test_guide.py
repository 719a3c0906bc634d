"""The guide's page on services says what happens, and each mail logs in with the password of its time."""

from __future__ import annotations

import ssl
from base64 import b64decode
from pathlib import Path

from tests.docs.pages import ROOT, differences
from tests.servers.certificates import Authority
from tests.servers.fake_smtp import FakeSmtp, Script, starttls

OFFERED = b"250-fake\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"
REFUSED = b"535 5.7.8 authentication failed\r\n"
SUBMISSION: Script = {
    "EHLO": OFFERED,
    "STARTTLS": starttls,
    "AUTH": [REFUSED, b"235 2.7.0 ok\r\n", b"235 2.7.0 ok\r\n", REFUSED, b"235 2.7.0 ok\r\n"],
}
DOMAIN = {
    ("example.com", "TXT"): ('"v=spf1 include:_spf.relay.example -all"',),
    ("_spf.relay.example", "TXT"): ('"v=spf1 ip4:192.0.2.0/24 -all"',),
    ("_dmarc.example.com", "TXT"): ('"v=DMARC1; p=reject"',),
    ("localhost", "A"): ("127.0.0.1",),
}


def test_the_page_on_mail(authority: Authority, server_context: dict[str, ssl.SSLContext], tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    page = ROOT / "docs" / "guide" / "mail.md"
    with (
        FakeSmtp(SUBMISSION, tls=server_context["good"]) as submission,
        FakeSmtp({"EHLO": NO_PIPELINING}) as clear,
        DnsServer(DOMAIN) as dns,
    ):
        facts = {"SUBMISSION": str(submission.port), "CLEAR": str(clear.port), "CA": str(ca), "DNS": str(dns.port)}
        directory = tmp_path / "page"
        directory.mkdir()
        assert "\n".join(differences(page, directory, facts)) == ""


def test_the_page_on_the_mail_service(
    authority: Authority, server_context: dict[str, ssl.SSLContext], tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    page = ROOT / "docs" / "guide" / "mail-service.md"
    directory = tmp_path / "page"
    directory.mkdir()
    script: Script = {"EHLO": OFFERED, "STARTTLS": starttls, "AUTH": b"235 2.7.0 ok\r\n"}
    with FakeSmtp(script, tls=server_context["good"]) as server:
        facts = {"SUBMISSION": str(server.port), "CA": str(ca)}
        assert "\n".join(differences(page, directory, facts)) == ""
    assert len(server.messages) >= 3


def test_the_page_on_python(authority: Authority, server_context: dict[str, ssl.SSLContext], tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    page = ROOT / "docs" / "guide" / "python.md"
    directory = tmp_path / "page"
    directory.mkdir()
    script: Script = {"EHLO": OFFERED, "STARTTLS": starttls, "AUTH": b"235 2.7.0 ok\r\n"}
    with FakeSmtp(script, tls=server_context["good"]) as server:
        facts = {"SUBMISSION": str(server.port), "CA": str(ca), "NO_COLOR": "1"}
        assert "\n".join(differences(page, directory, facts)) == ""


def test_the_page_on_backups(authority: Authority, server_context: dict[str, ssl.SSLContext], tmp_path: Path) -> None:
    ca, directory = tmp_path / "ca.pem", tmp_path / "page"
    ca.write_bytes(authority.pem)
    directory.mkdir()
    page = ROOT / "docs" / "guide" / "backup.md"
    offered = OFFERED.replace(b"PLAIN LOGIN", b"XOAUTH2")
    script: Script = {"EHLO": offered, "STARTTLS": starttls, "AUTH": b"235 2.7.0 ok\r\n"}
    with OAuthServer(tmp_path, authority) as provider, FakeSmtp(script, tls=server_context["good"]) as server:
        provider.register("shop", secret="secret", grants=("refresh_token",))
        facts = {
            "SUBMISSION": str(server.port),
            "CA": str(ca),
            "TOKENS": f"{provider.base}/token",
            "REFRESH_TOKEN": provider.consent("shop"),
        }
        assert "\n".join(differences(page, directory, facts)) == ""
    to = [line for message in server.messages for line in message.split(b"\r\n") if line.startswith(b"To: ")]
    assert to == [b"To: ann@example.com", b"To: bob@example.com", b"To: cid@example.com"]  # nobody got a mail twice
    sent = [form["refresh_token"] for path, form in provider.requests if path == "/token"]
    assert len(set(sent)) == len(sent) == 2  # the second host went on with the tokens of the first


def test_the_page_on_services(authority: Authority, server_context: dict[str, ssl.SSLContext], tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    page = ROOT / "docs" / "guide" / "services.md"
    directory = tmp_path / "page"
    directory.mkdir()
    script: Script = {"EHLO": OFFERED, "STARTTLS": starttls, "AUTH": b"235 2.7.0 ok\r\n"}
    with FakeSmtp(script, tls=server_context["good"]) as server:
        facts = {"SUBMISSION": str(server.port), "CA": str(ca)}
        assert "\n".join(differences(page, directory, facts)) == ""
    logins = [b64decode(command.split()[-1]) for command in server.commands if command.startswith("AUTH")]
    passwords = [login.rpartition(b"\0")[2].decode() for login in logins]
    assert passwords == ["first", "first", "second", "second", "second"]  # rotated after the second mail
    assert len(server.messages) == len(passwords)
