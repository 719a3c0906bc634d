"""An OAuth 2.0 server that checks what it is given, on loopback with TLS: Authlib's server side on Python's HTTP server.

It checks the authentication of clients (secrets, signed assertions with audience, times and identifiers that come once),
redirects, code verifiers, scopes and grants; a refresh token works once, and its successor comes with the access token.
``lie`` answers something else in its place. Protected resources ask it about tokens (RFC 7662).
"""

from __future__ import annotations

import contextlib
import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, Self
from urllib.parse import parse_qsl, urlsplit

from authlib.oauth2.rfc6749 import (
    AuthorizationCodeMixin,
    AuthorizationServer,
    ClientMixin,
    OAuth2Request,
    TokenMixin,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion, JWTBearerGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant
from authlib.oauth2.rfc8628.models import DeviceCredentialDict
from joserfc.jwk import import_key

from tests.servers.certificates import Authority

USER: Final = "ann@example.com"
SCOPE: Final = "mail.send"
PATHS: Final = frozenset({"/", "/authorise-callback", "/sign-in/openid/callback"})
"""Where on this machine a browser may be sent back to."""
CHECKER: Final = ("dovecot", "checker-secret-31")
"""The protected resource that may ask about tokens."""


@dataclass
class Client(ClientMixin):
    """A registered client."""

    name: str
    secret: str = ""
    methods: tuple[str, ...] = ("client_secret_basic",)
    grants: tuple[str, ...] = ("client_credentials",)
    scopes: tuple[str, ...] = (SCOPE,)
    key: Any = None

    client_id = property(lambda self: self.name)

    def get_client_id(self) -> str:
        return self.name

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str | None) -> str:
        return " ".join(one for one in (scope or "").split() if one in self.scopes)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        parts = urlsplit(redirect_uri)  # a port of loopback of the client's choice (RFC 8252, section 7.3)
        return (parts.scheme, parts.hostname) == ("http", "127.0.0.1") and parts.path in PATHS

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(self.secret.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in self.methods

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and "authorization_code" in self.grants

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.grants


@dataclass
class Issued(TokenMixin):
    """A token that was given out."""

    client: str
    user: str
    scope: str
    expires: float
    access: str
    refresh: str = ""
    revoked: bool = False
    used: bool = False
    """Whether the refresh token was used; it works once."""

    def check_client(self, client: Client) -> bool:
        return client.name == self.client

    def get_scope(self) -> str:
        return self.scope

    def is_expired(self) -> bool:
        return time.time() >= self.expires

    def is_revoked(self) -> bool:
        return self.revoked


@dataclass
class Code(AuthorizationCodeMixin):
    """An authorization code."""

    client: str
    user: str
    scope: str
    redirect: str
    code_challenge: str
    code_challenge_method: str
    nonce: str = ""

    def get_nonce(self) -> str:
        return self.nonce

    def get_auth_time(self) -> None:
        return None

    get_acr = get_amr = get_auth_time

    def get_redirect_uri(self) -> str:
        return self.redirect

    def get_scope(self) -> str:
        return self.scope


@dataclass(frozen=True)
class Lie:
    """An answer in place of the right one. ``delay`` waits for an event before it."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    until: threading.Event | None = None
    raw: bytes = b""


class _Request(OAuth2Request):
    def __init__(self, handler: _Handler, form: Mapping[str, str]) -> None:
        super().__init__(handler.command, handler.server.owner.base + handler.path, headers=dict(handler.headers))
        query = dict(parse_qsl(urlsplit(handler.path).query))
        self._args, self._form = query, dict(form)
        self.payload = BasicOAuth2Payload({**query, **form})

    @property
    def args(self) -> Mapping[str, str]:
        return self._args

    @property
    def form(self) -> Mapping[str, str]:
        return self._form


class _Server(AuthorizationServer):
    """Authlib's server, whose answers are (status, body, headers)."""

    owner: OAuthServer

    def query_client(self, client_id: str) -> Client | None:
        return self.owner.clients.get(client_id)

    def save_token(self, token: Mapping[str, Any], request: OAuth2Request) -> None:
        user = request.user or request.client.name
        expires = time.time() + token["expires_in"]
        issued = Issued(request.client.name, user, token.get("scope", ""), expires, token["access_token"])
        issued.refresh = token.get("refresh_token", "")
        self.owner.issued.append(issued)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        pass

    def create_oauth2_request(self, request: Any) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> tuple[int, Any, Any]:
        return status, body, headers


class _CodeGrant(AuthorizationCodeGrant):
    server: _Server

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        data = request.payload.data
        self.server.owner.codes[code] = Code(
            request.client.name,
            request.user,
            request.scope,
            data["redirect_uri"],
            data.get("code_challenge", ""),
            data.get("code_challenge_method", ""),
            data.get("nonce", ""),
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        found = self.server.owner.codes.get(code)
        return found if found is not None and found.client == client.name else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        codes = self.server.owner.codes
        for name in [name for name, code in codes.items() if code is authorization_code]:
            del codes[name]

    def authenticate_user(self, authorization_code: Code) -> str:
        return authorization_code.user


class _Challenge(CodeChallenge):
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        from authlib.oauth2.rfc6749 import InvalidRequestError

        if grant.request.payload.data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("S256 is wanted")
        super().validate_code_challenge(grant, redirect_uri)


class _RefreshGrant(RefreshTokenGrant):
    server: _Server

    INCLUDE_NEW_REFRESH_TOKEN = True
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none", "client_assertion_jwt")

    def authenticate_refresh_token(self, refresh_token: str) -> Issued | None:
        for one in self.server.owner.issued:
            if refresh_token and one.refresh == refresh_token:
                return None if one.used or one.revoked else one
        return None

    def authenticate_user(self, refresh_token: Issued) -> str:
        return refresh_token.user

    def revoke_old_credential(self, refresh_token: Issued) -> None:
        if self.server.owner.rotates:
            refresh_token.used = True


class _CredentialsGrant(ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "client_assertion_jwt")


class _JwtGrant(JWTBearerGrant):
    server: _Server

    CLAIMS_OPTIONS: Final = {**JWTBearerGrant.CLAIMS_OPTIONS, "sub": {"essential": True}, "iat": {"essential": True}}

    def resolve_issuer_client(self, issuer: str) -> Client | None:
        return self.server.owner.clients.get(issuer)

    def resolve_client_public_key(self, client: Client) -> Any:
        return client.key

    def authenticate_user(self, subject: str) -> str | None:
        return subject if subject == USER else None

    def get_audiences(self) -> list[str]:
        return [f"{self.server.owner.base}/token"]

    def has_granted_permission(self, client: Client, user: str) -> bool:
        return True


class _DeviceGrant(DeviceCodeGrant):
    server: _Server

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")

    def query_device_credential(self, device_code: str) -> Any:
        return self.server.owner.devices.get(device_code)

    def query_user_grant(self, user_code: str) -> tuple[str, bool] | None:
        return self.server.owner.grants.get(user_code)

    def should_slow_down(self, credential: Any) -> bool:
        owner = self.server.owner
        return bool(owner.patience and owner.patience.pop(0))


class _DeviceEndpoint(DeviceAuthorizationEndpoint):
    server: _Server

    INTERVAL = 1

    def get_verification_uri(self) -> str:
        return f"{self.server.owner.base}/activate"

    def save_device_credential(self, client_id: str, scope: str, data: Mapping[str, Any]) -> None:
        credential = DeviceCredentialDict(client_id=client_id, scope=scope, **data)
        self.server.owner.devices[data["device_code"]] = credential


class _Introspection(IntrospectionEndpoint):
    server: _Server

    CLIENT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    def check_permission(self, token: Issued, client: Client, request: OAuth2Request) -> bool:
        return client.name == CHECKER[0]

    def query_token(self, token_string: str, token_type_hint: str | None) -> Issued | None:
        return next((one for one in self.server.owner.issued if one.access == token_string), None)

    def introspect_token(self, token: Issued) -> dict[str, Any]:
        self.server.owner.asked += 1
        return {"active": True, "username": token.user, "scope": token.scope, "exp": int(token.expires)}


class _ClientAssertion(JWTBearerClientAssertion):
    def __init__(self, owner: OAuthServer) -> None:
        super().__init__()
        self._owner = owner
        self._seen: set[str] = set()

    def get_audiences(self) -> list[str]:
        return [f"{self._owner.base}/token"]

    def validate_jti(self, claims: Mapping[str, Any], jti: str) -> bool:
        is_new = jti not in self._seen
        self._seen.add(jti)
        return is_new

    def resolve_client_public_key(self, client: Client) -> Any:
        return client.key


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        pass

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode("ascii")
        self._answer(dict(parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body))))

    def _answer(self, form: Mapping[str, str]) -> None:
        owner = self.server.owner
        path = urlsplit(self.path).path
        with owner.lock:
            owner.requests.append((path, form))
            lie = owner.lies.pop(0) if owner.lies and path in owner.lied_about else None
        if lie is not None:
            self._tell(lie)
            return
        with owner.lock:
            status, body, headers = owner.respond(path, _Request(self, form))
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self._send(status, data, dict(headers))

    def _tell(self, lie: Lie) -> None:
        if lie.until is not None:
            lie.until.wait(30)
        if lie.raw:
            self.wfile.write(lie.raw)
            self.close_connection = True
        else:
            self._send(lie.status, lie.body, dict(lie.headers))

    def _send(self, status: int, data: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):  # the client has seen enough
            self.wfile.write(data)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    owner: OAuthServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that does not trust us, or has gone


class OAuthServer:
    """A running server; a context manager. ``certificate`` names its certificate: good, other-name or stranger."""

    scopes: ClassVar[tuple[str, ...]] = (SCOPE, "other")

    def __init__(self, directory: Path, authority: Authority, *, certificate: str = "good", tls: bool = True) -> None:
        self.authority = authority
        self.clients: dict[str, Client] = {CHECKER[0]: Client(*CHECKER, ("client_secret_basic", "client_secret_post"))}
        self.issued: list[Issued] = []
        self.codes: dict[str, Code] = {}
        self.devices: dict[str, Any] = {}
        self.grants: dict[str, tuple[str, bool]] = {}
        self.patience: list[bool] = []
        """For each question of a device, whether it comes too soon; none: it never does."""
        self.requests: list[tuple[str, Mapping[str, str]]] = []
        self.lies: list[Lie] = []
        self.lied_about = {"/token", "/device"}
        self.lifetime = 3600
        self.rotates = True
        self.asked = 0
        """The number of active tokens that a protected resource has asked about."""
        self.lock = threading.RLock()
        self._make_server()
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        if tls:
            names = {"good": authority, "other-name": authority}.get(certificate, Authority("Stranger"))
            issued = names.issue("other.test" if certificate == "other-name" else "127.0.0.1")
            path, key = issued.write(directory, f"oauth-{certificate}")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path, key)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.base = f"{'https' if tls else 'http'}://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def _make_server(self) -> None:
        self._server = server = _Server(self.scopes)
        server.owner = self
        generator = BearerTokenGenerator(
            lambda **_: secrets.token_urlsafe(32), lambda **_: secrets.token_urlsafe(32), lambda *_: self.lifetime
        )
        server.register_token_generator("default", generator)
        server.register_client_auth_method("client_assertion_jwt", _ClientAssertion(self))
        server.register_grant(_CodeGrant, [_Challenge(required=True), *self.make_extensions()])
        for grant in (_RefreshGrant, _CredentialsGrant, _JwtGrant, _DeviceGrant):
            server.register_grant(grant)
        server.register_endpoint(_DeviceEndpoint)
        server.register_endpoint(_Introspection)

    def make_extensions(self) -> Sequence[Any]:
        """Return what is added to the grant of a code."""
        return ()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()

    def respond(self, path: str, request: OAuth2Request) -> tuple[int, Any, Any]:
        """Return status, body and headers of an answer."""
        actions: Mapping[str, Callable[[], Any]] = {
            "/token": lambda: self._server.create_token_response(request),
            "/authorize": lambda: self._consent(request, USER),
            "/deny": lambda: self._consent(request, None),
            "/device": lambda: self._server.create_endpoint_response("device_authorization", request),
            "/introspect": lambda: self._server.create_endpoint_response("introspection", request),
        }
        if path not in actions:
            return 404, "<html>not here</html>", [("Content-Type", "text/html")]
        found: tuple[int, Any, Any] = actions[path]()
        return found

    def _consent(self, request: OAuth2Request, user: str | None) -> Any:
        grant = self._server.get_authorization_grant(request)
        return self._server.create_authorization_response(request, user, grant=grant)

    def register(self, name: str, **facts: Any) -> Client:
        """Register a client; ``key`` is a public key in PEM."""
        if "key" in facts:
            facts["key"] = import_key(facts["key"], "RSA")
        self.clients[name] = Client(name, **facts)
        return self.clients[name]

    def consent(self, client: str, *, scope: str = SCOPE) -> str:
        """Return a refresh token that the user has consented to."""
        token = secrets.token_urlsafe(32)
        self.issued.append(Issued(client, USER, scope, 0.0, secrets.token_urlsafe(32), token))
        return token

    @property
    def fetches(self) -> list[str]:
        """The grant types of the requests for tokens so far."""
        return [form.get("grant_type", "") for path, form in self.requests if path == "/token"]

    @contextlib.contextmanager
    def telling(self, *lies: Lie) -> Iterator[None]:
        """Answer the next requests for tokens with these instead."""
        self.lies = list(lies)
        try:
            yield
        finally:
            self.lies = []


def is_active(server: OAuthServer, access: str) -> bool:
    """Tell whether an access token is one that the server has given out and that still works."""
    found = [one for one in server.issued if one.access == access]
    return bool(found) and not found[0].is_expired() and not found[0].revoked
