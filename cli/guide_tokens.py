"""An OAuth 2.0 token endpoint for the pages of the guide: one client, whose refresh token is replaced with each access token."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, unquote

CLIENT: Final = "shop"
_SECRET: Final = "secret"  # noqa: S105 - the secret that the page shows
_LONGEST: Final = 65536
"""Octets of a request's body at most."""
_PATIENCE: Final = 10.0
"""Seconds that a client may be silent."""
_SECONDS: Final = 3600
"""How long an access token counts."""


class TokenServer:
    """The endpoint at a free port, over TLS; it answers while this is entered (RFC 6749, sections 5 and 6)."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
        self._server.daemon_threads = True
        # Hands are shaken in the thread of each request: a client that is silent holds up nobody else.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.tokens = self  # type: ignore[attr-defined]  # where a request finds the tokens
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}/token"
        self.refresh_token = secrets.token_urlsafe(24)
        self._issued: set[str] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def knows(self, token: str) -> bool:
        """Tell whether an access token was issued here."""
        return token in self._issued

    def issue(self, client: tuple[str, str], form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Return the status and the answer to a request of a client."""
        if not _is_client(*client):
            return 401, {"error": "invalid_client"}
        if form.get("grant_type") != "refresh_token":
            return 400, {"error": "unsupported_grant_type"}
        with self._lock:
            if not hmac.compare_digest(form.get("refresh_token", "").encode(), self.refresh_token.encode()):
                return 400, {"error": "invalid_grant"}
            self.refresh_token, token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
            self._issued.add(token)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": _SECONDS}
        return 200, {**answer, "refresh_token": self.refresh_token}


class _Answer(BaseHTTPRequestHandler):
    """One request."""

    timeout = _PATIENCE

    def do_POST(self) -> None:
        """Answer a request for a token."""
        length = self.headers.get("Content-Length", "")
        if self.path != "/token" or not length.isdecimal() or int(length) > _LONGEST:
            self.send_error(400)
            return
        form = {name: values[0] for name, values in parse_qs(self.rfile.read(int(length)).decode("latin-1")).items()}
        tokens: TokenServer = self.server.tokens  # type: ignore[attr-defined]  # put there by the server
        status, answer = tokens.issue(_read_client(self.headers.get("Authorization", ""), form), form)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives
        """Say nothing: the terminal belongs to the page."""


def _read_client(header: str, form: dict[str, str]) -> tuple[str, str]:
    """Return the name and the secret of a client, from the header or the form (RFC 6749, section 2.3.1)."""
    scheme, _, given = header.partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = base64.b64decode(given, validate=True).decode("latin-1").partition(":")
    except ValueError:
        return "", ""
    return unquote(name), unquote(secret)


def _is_client(name: str, secret: str) -> bool:
    return name == CLIENT and hmac.compare_digest(secret.encode(), _SECRET.encode())
