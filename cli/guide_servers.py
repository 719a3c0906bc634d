"""The mail servers that the pages of the guide talk to, and the variables by which a shell finds them.

All are on loopback, know the logins of the pages only, refuse recipients that are gone, and throw away what they accept.
"""

from __future__ import annotations

import logging
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
    ("ldap-servers.md", "ns-slapd", "apt-get install 389-ds-base"),
)
"""Pages, the programs they start, and how Debian installs these."""
_SYSTEM: Final = f"{os.defpath}:/usr/sbin:/usr/local/sbin"


class _Recipients:
    """Takes mail for everybody who is not gone, and keeps nothing."""

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802, ARG002 - aiosmtpd's name and signature
        """Take a recipient, or refuse one who is gone."""
        if address.startswith("gone@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802, ARG002 - aiosmtpd's name and signature
        """Take a message."""
        return "250 2.0.0 accepted for the demonstration"


class GuideServers:
    """The servers; they run while this is entered. Certificates are written into a directory."""

    def __init__(self, directory: str) -> None:
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # a client that does not trust it is part of a page
        self._password = secrets.token_hex(8)
        self._running = ExitStack()
        authority = trustme.CA()
        issued = authority.issue_cert("localhost", _HOST)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(self._context)
        self._ca = os.path.join(directory, "ca.pem")
        authority.cert_pem.write_to_path(self._ca)
        issued.cert_chain_pems[0].write_to_path(os.path.join(directory, "server.pem"))
        issued.private_key_pem.write_to_path(os.path.join(directory, "server.key"))

    def __enter__(self) -> Self:
        starttls = {"tls_context": self._context, "require_starttls": True, "auth_required": True}
        with ExitStack() as running:
            mail = {
                "SUBMISSION": self._start(running, starttls),
                "SMTPS": self._start(running, {"ssl_context": self._context, "auth_require_tls": False}),
                "CLEAR": self._start(running, {}),
                "SMTP_PORT": self._start(running, {"auth_require_tls": False}),
            }
            self.variables: Mapping[str, str] = {**mail, "CA": self._ca, "PASSWORD": self._password, **_find_ports()}
            self._running = running.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def _start(self, running: ExitStack, options: dict[str, Any]) -> str:
        port = _find_ports("one")["one"]
        answers: dict[str, Any] = {"authenticator": self._log_in, "ident": "guide mail server"}
        server = Controller(_Recipients(), hostname=_HOST, port=int(port), **answers, **options)
        server.start()
        running.callback(server.stop)
        return port

    def _log_in(self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:  # noqa: ARG002 - aiosmtpd's signature
        known = {**_LOGINS, "alice@mx.test": {self._password}}
        right = isinstance(data, LoginPassword) and data.password.decode() in known.get(data.login.decode(), set())
        refusal = None if right else "535 5.7.8 Error: authentication failed"
        return AuthResult(success=right, handled=False, message=refusal)


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
