"""The guide's page on services says what happens, and each mail logs in with the password of its time."""

from __future__ import annotations

import ssl
from base64 import b64decode
from pathlib import Path

from tests.docs.pages import ROOT, differences
from tests.servers.certificates import Authority
from tests.servers.fake_smtp import FakeSmtp, Script, starttls

OFFERED = b"250-fake\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"


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
