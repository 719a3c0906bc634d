"""The servers that the pages of the guide talk to, and the variables by which a shell finds them.

All are on loopback and know the logins of the pages only. The mail servers refuse recipients that are gone, and put what they
accept into one mailbox.
"""

from __future__ import annotations

import base64
import binascii
import logging
import mailbox
import os
import secrets
import shlex
import shutil
import socket
import ssl
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Final, Self

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from .guide_names import NameServer
from .guide_tokens import TokenServer

_HOST: Final = "127.0.0.1"
_LOGINS: Final = {
    "ann": {"secret"},
    "alice": {"secret"},
    "outbox": {"first", "second"},
    "mailer": {"opensesame"},
}
"""The passwords of each user in the pages. That of alice@mx.test is made for each run."""
_PORTS: Final = ("PORT", "OTHER_PORT", "WEB_PORT", "SLAPD_PORT", "DS389_PORT", "DS389_TLS_PORT")
"""The variables of ports on which a page starts something of its own."""
_PROGRAMS: Final = (
    ("ldap-servers.md", "slapd", "apt-get install slapd ldap-utils"),
    ("389-ds.md", "ns-slapd", "apt-get install 389-ds-base ldap-utils iproute2"),
    ("server-configurations.md", "slapd", "apt-get install slapd ldap-utils"),
    ("rest.md", "curl", "apt-get install curl"),
    ("serving.md", "curl", "apt-get install curl"),
)
"""Pages, the programs they start, and how Debian installs these."""
_SYSTEM: Final = f"{os.defpath}:/usr/sbin:/usr/local/sbin"


class _Mailbox:
    """Takes mail for everybody who is not gone into a folder that other programs can read (Maildir)."""

    def __init__(self, folder: str) -> None:
        self._folder = mailbox.Maildir(folder)

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802, ARG002 - aiosmtpd's name and signature
        """Take a recipient, or refuse one who is gone."""
        if address.startswith("gone@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802, ARG002 - aiosmtpd's name and signature
        """Take a message."""
        self._folder.add(envelope.content)
        return "250 2.0.0 accepted for the demonstration"


class _Relay(_Mailbox):
    """Takes access tokens for a login, too."""

    def __init__(self, folder: str, tokens: TokenServer) -> None:
        super().__init__(folder)
        self._tokens = tokens

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802, ARG002 - aiosmtpd's name and signature
        """Log in with a token that was issued here."""
        try:
            fields = base64.b64decode(args[1], validate=True).decode().split("\x01")
        except (IndexError, UnicodeDecodeError, binascii.Error):
            fields = []
        tokens = [field.removeprefix("auth=Bearer ") for field in fields if field.startswith("auth=")]
        return _answer_login(right=any(self._tokens.knows(token) for token in tokens))


class GuideServers:
    """The servers; they run while this is entered. Certificates and the mailbox are in a directory."""

    def __init__(self, directory: str) -> None:
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # a client that does not trust it is part of a page
        self._password = secrets.token_hex(8)
        self._running = ExitStack()
        authority = trustme.CA(organization_name="confobjects guide", organization_unit_name="Authority")
        issued = authority.issue_cert(
            "localhost",
            _HOST,
            common_name="localhost",
            organization_name="confobjects guide",
            organization_unit_name="Mail server",
        )
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(self._context)
        self._mailbox, self._ca = os.path.join(directory, "mailbox"), os.path.join(directory, "ca.pem")
        authority.cert_pem.write_to_path(self._ca)
        issued.cert_chain_pems[0].write_to_path(os.path.join(directory, "server.pem"))
        issued.private_key_pem.write_to_path(os.path.join(directory, "server.key"))

    def __enter__(self) -> Self:
        starttls = {"tls_context": self._context, "require_starttls": True, "auth_required": True}
        with ExitStack() as running:
            names, tokens = running.enter_context(NameServer()), running.enter_context(TokenServer(self._context))
            plain, relay = _Mailbox(self._mailbox), _Relay(self._mailbox, tokens)
            self.variables: Mapping[str, str] = {
                "SUBMISSION": self._start(running, relay, starttls),
                "SMTPS": self._start(running, plain, {"ssl_context": self._context, "auth_require_tls": False}),
                "CLEAR": self._start(running, plain, {}),
                "SMTP_PORT": self._start(running, plain, {"auth_require_tls": False}),
                "MAILBOX": self._mailbox,
                "CA": self._ca,
                "PASSWORD": self._password,
                "DNS": str(names.port),
                "TOKENS": tokens.url,
                "REFRESH_TOKEN": tokens.refresh_token,
                **_find_ports(),
            }
            self._running = running.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def _start(self, running: ExitStack, handler: _Mailbox, options: dict[str, Any]) -> str:
        port = _find_ports("one")["one"]
        answers: dict[str, Any] = {"authenticator": self._log_in, "ident": "guide mail server"}
        server = Controller(handler, hostname=_HOST, port=int(port), **answers, **options)
        server.start()
        running.callback(server.stop)
        return port

    def _log_in(self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:  # noqa: ARG002 - aiosmtpd's signature
        known = {**_LOGINS, "alice@mx.test": {self._password}}
        right = isinstance(data, LoginPassword) and data.password.decode() in known.get(data.login.decode(), set())
        return _answer_login(right=right)


def _answer_login(*, right: bool) -> AuthResult:
    return AuthResult(success=right, handled=False, message=None if right else "535 5.7.8 Error: authentication failed")


def render_exports(variables: Mapping[str, str]) -> str:
    """Return lines that set the variables in a shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def list_missing() -> list[str]:
    """Return a sentence for each program that a page starts and this machine does not have."""
    path = f"{os.environ.get('PATH', '')}:{_SYSTEM}"
    return [
        f"{page} starts {program}, which is not installed; on Debian: {line}"
        for page, program, line in _PROGRAMS
        if not shutil.which(program, path=path)
    ]


def _find_ports(*names: str) -> dict[str, str]:
    """Return free ports of loopback, all different."""
    with ExitStack() as held:
        found = {}
        for name in names or _PORTS:
            probe = held.enter_context(socket.socket())
            probe.bind((_HOST, 0))
            found[name] = str(probe.getsockname()[1])
    return found
