"""A mail server for the demonstration: STARTTLS with a certificate from its own authority, login, one mailbox in memory."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
from types import TracebackType
from typing import Any, Final, Self

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

_PATIENCE: Final = 60.0
"""Seconds to wait for a mail."""


class _Mailbox:
    """Keeps what is delivered, and tells whoever waits for it."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, list[str], bytes]] = []
        self._changed = threading.Condition()

    def wait_for(self, count: int) -> bool:
        """Wait until so many messages have arrived; tell whether they have."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.messages) >= count, _PATIENCE)

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802, ARG002 - aiosmtpd's name and signature
        """Take a message."""
        with self._changed:
            self.messages.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
            self._changed.notify_all()
        return "250 2.0.0 accepted for the demonstration"


class DemoServer:
    """A server on a free loopback port; its authority's certificate is written to ``authorities`` in a directory."""

    def __init__(self, directory: str, user: str, password: str) -> None:
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # its log is not part of the demonstration
        authority = trustme.CA()
        folder = os.path.join(directory, "authorities")
        os.makedirs(folder, exist_ok=True)
        authority.cert_pem.write_to_path(os.path.join(folder, "demo-authority.pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        self.port = _find_free_port()
        self.mailbox = _Mailbox()
        self._controller = Controller(
            self.mailbox,
            hostname="127.0.0.1",
            port=self.port,
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            auth_require_tls=True,
            authenticator=_make_authenticator(user, password),
            ident="demo mail server",
        )

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()

    def received_lines(self) -> list[str]:
        """Return the lines of what arrived: envelopes and messages, with a blank line between two."""
        lines: list[str] = []
        for sender, recipients, content in self.mailbox.messages:
            lines.extend([""] if lines else [])
            lines.append(f"envelope: {sender} -> {', '.join(recipients)}")
            lines.extend(content.decode("utf-8", "replace").splitlines())
        return lines


def _make_authenticator(user: str, password: str) -> Any:
    def check(server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:  # noqa: ARG001 - aiosmtpd's signature
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=right, handled=False)  # the server itself answers a refusal

    return check


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
