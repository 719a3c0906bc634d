"""What servers say: replies and certificates with markup in them are shown as text, on pages, in streams and to programs."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.opening import open_any
from tests.servers.certificates import Authority
from tests.servers.fake_smtp import FakeSmtp, starttls
from tests.web.console import Console, make_console, url_of
from tests.web.security.everything import SCRIPT
from tests.web.security.test_secrets_and_scripts import judge

SAID = SCRIPT.encode()
REPLIES: dict[str, Mapping[str, Any]] = {
    "banner": {"banner": b"554 " + SAID + b"\r\n"},
    "EHLO": {"EHLO": b"250-" + SAID + b"\r\n250 AUTH " + SAID + b"\r\n"},
    "MAIL": {"MAIL": b"550 5.7.1 " + SAID + b"\r\n"},
    "RCPT": {"RCPT": b"550-5.1.1 " + SAID + b"\r\n550 5.1.1 \x1b[2J\x00" + SAID + b"\r\n"},
    "end": {".": b"250 2.0.0 queued as " + SAID + b"\r\n"},
    "no SMTP": {"banner": b"HTTP/1.1 200 OK\r\n\r\n" + SAID},
}


def use_server(directory: Path, port: int, **more: Any) -> None:
    """Let the mail server of the console be one at a port of this machine."""
    values = {
        "smtp-server": f"127.0.0.1:{port}",
        "auth-password": None,
        "auth-username": None,
        "use-start-tls": "false",
    }
    with open_any(url_of(directory)) as context, context.change() as tx:
        tx.set("mail-server", "one", {**values, **more})


def send_mail(console: Console) -> None:
    """Send a test mail, and wait for its end; what comes meanwhile is judged as well."""
    console.visit("/test/mail-senders/news")
    page = console.press("Send", {"to": "ann@example.com"})
    stream = console.client.get(f"{page.address.path}/events").text
    assert "<script>alert" not in stream
    assert "<img src=x" not in stream
    end = time.monotonic() + 30
    while True:
        answer = console.client.get(page.address.path)
        judge(answer)
        if 'class="running"' not in answer.text:
            break
        assert time.monotonic() < end
    console.visit(page.address.path)


@pytest.mark.parametrize("name", REPLIES)
def test_what_a_mail_server_says_is_text(tmp_path: Path, name: str) -> None:
    console = make_console(tmp_path)
    with FakeSmtp(REPLIES[name]) as fake, console.client:
        use_server(tmp_path, fake.port)
        send_mail(console)
    assert fake.connections > 0
    assert "\x1b" not in console.page.source
    if name not in {"EHLO", "no SMTP"}:
        assert SCRIPT in console.page.text, "it is shown"


def test_the_names_in_a_certificate_are_text(tmp_path: Path) -> None:
    console, authority = make_console(tmp_path), Authority(SCRIPT[:60])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("localhost", common_name=SCRIPT[:60]).write(tmp_path, "server"))
    with FakeSmtp({"STARTTLS": starttls}, tls=context) as fake, console.client:
        use_server(tmp_path, fake.port, **{"use-start-tls": "true"})
        send_mail(console)
    assert "failed in stage tls: certificate" in console.page.text


def test_the_names_in_a_trust_store_are_text(tmp_path: Path) -> None:
    console, authority = make_console(tmp_path), Authority(SCRIPT[:60])
    store = tmp_path / "store.pem"
    store.write_bytes(authority.pem)
    with open_any(url_of(tmp_path)) as context, context.change() as tx:
        values = {"enabled": True, "trust-store-file": str(store)}
        tx.create("trust-manager-provider", "Hostile", values, type="file-based")
    for address in ("/", "/objects/trust-manager-providers/Hostile", "/explain", "/graph"):
        judge(console.client.get(address))
