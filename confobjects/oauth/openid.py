"""A provider of OpenID Connect, as people sign in with it: its endpoints, its keys, and an ID token for each code.

What the provider says of itself (OpenID Connect Discovery 1.0) and its keys are kept for :data:`KEPT` seconds. Keys are fetched again
when an ID token is signed with none of them, as after a rotation, but no more often than every :data:`PAUSE` seconds.

Laws: requests go to https endpoints, or within this machine; each has a deadline, and its answer a limit. An ID token comes from the
token endpoint, and is verified (:mod:`confobjects.oauth.protocol.id_tokens`) before anybody sees it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, cast

from confobjects.errors import ConfobjectsError
from confobjects.mail.diagnosis import Trouble
from confobjects.mail.plan import RUNTIME_TRUST, Timeouts, TrustSource
from confobjects.oauth.http import Post, make_post
from confobjects.oauth.protocol.answers import read_document
from confobjects.oauth.protocol.id_tokens import Expected, IdTokenError, UnknownKeyError, read_keys, verify_id_token
from confobjects.oauth.protocol.requests import (
    FormRequest,
    Moment,
    make_authorization_url,
    make_code_fields,
    make_token_request,
)
from confobjects.oauth.protocol.settings import Endpoint, ProviderSettings, parse_endpoint, trouble_with
from confobjects.records import Record, field
from confobjects.syntaxes.hosts import is_this_machine

if TYPE_CHECKING:
    from joserfc.jwk import Key

KEPT: Final = 3600.0
PAUSE: Final = 30.0
TIMEOUTS: Final = Timeouts(connect=5.0, reply=10.0, write=10.0, total=10.0, greeting=5.0)
"""Seconds: somebody waits in front of a browser."""
_QUIET: Final = 5.0
"""Seconds after a failure within which the provider is not asked again, so that many people do not wait for each other."""
_WELL_KNOWN: Final = "/.well-known/openid-configuration"

T = TypeVar("T")


class OpenIdClient(Record):
    """This program as a provider knows it: the provider's issuer, the identifier and the secret of the client (none: a public
    client), and what it asks to be told (scopes besides ``openid``).
    """

    issuer: str
    client_id: str
    secret: str = field(default="", repr=False)
    scope: tuple[str, ...] = ()
    trust: TrustSource = RUNTIME_TRUST


class Attempt(Record):
    """One sign-in: where the browser comes back to, and the three texts that tie the answer to it.

    ``state`` returns with the browser, ``nonce`` in the ID token, ``verifier`` (RFC 7636) proves who began.
    """

    redirect: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class Discovered(Record):
    """What a provider says of itself: ``tells_issuer`` that its answers name it (RFC 9207)."""

    settings: ProviderSettings
    keys: Endpoint
    tells_issuer: bool


class _Kept:
    """A value that is fetched when it is wanted, and kept for a while. So is a failure, for a few seconds."""

    def __init__(self) -> None:
        self.value: Any = None
        self.fetched = 0.0
        self.failure: ConfobjectsError | Trouble | None = None
        self.failed = 0.0


class OpenIdProvider:
    """The provider of a client. Thread-safe; every method waits for the network at most as :data:`TIMEOUTS` say.

    ``clock`` is the time in seconds since 1970, ``post`` sends requests. All methods raise Trouble of stage token, and MailError of
    stage trust.
    """

    def __init__(
        self, client: OpenIdClient, *, post: Post | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.client = client
        self._post = post or make_post(timeouts=TIMEOUTS)
        self._clock = clock
        self._lock = threading.Lock()
        self._discovered = _Kept()
        self._keys = _Kept()

    def make_url(self, attempt: Attempt) -> str:
        """Return the URL at which a person signs in."""
        settings = self.discover().settings
        return make_authorization_url(
            settings, attempt.redirect, attempt.state, attempt.verifier, {"nonce": attempt.nonce}
        )

    def discover(self) -> Discovered:
        """Return what the provider says of itself."""
        return self._keep(self._discovered, self._fetch_discovered, KEPT)

    def redeem(self, code: str, attempt: Attempt) -> Mapping[str, Any]:
        """Return the claims of the ID token for a code, verified.

        Raises :class:`~confobjects.oauth.protocol.id_tokens.IdTokenError` if it does not count.
        """
        found = self.discover()
        now = self._clock()
        request = make_token_request(
            found.settings, make_code_fields(code, attempt.redirect, attempt.verifier), Moment(now, attempt.state)
        )
        document = read_document(found.settings, request, self._post(found.settings, request), now)
        token = document.get("id_token")
        if not isinstance(token, str) or not token.isascii():
            raise IdTokenError("the provider gave none")
        expected = Expected(self.client.issuer, self.client.client_id, attempt.nonce)
        try:
            return verify_id_token(token, self._find_keys(found, KEPT), expected, self._clock())
        except UnknownKeyError:
            return verify_id_token(token, self._find_keys(found, PAUSE), expected, self._clock())

    # -- what is kept --------------------------------------------------------------------------------------------------

    def _keep(self, kept: _Kept, fetch: Callable[[], T], longest: float) -> T:
        with self._lock:
            now = self._clock()
            if kept.value is None or not 0 <= now - kept.fetched < longest:
                self._renew(kept, fetch, now)
            return cast("T", kept.value)

    def _renew(self, kept: _Kept, fetch: Callable[[], Any], now: float) -> None:
        if kept.failure is not None and 0 <= now - kept.failed < _QUIET:
            raise kept.failure.with_traceback(None)
        kept.failure = None
        try:
            kept.value, kept.fetched = fetch(), now
        except (ConfobjectsError, Trouble) as error:
            kept.failure, kept.failed = error, self._clock()
            raise

    def _find_keys(self, found: Discovered, longest: float) -> tuple[Key, ...]:
        return self._keep(self._keys, lambda: self._fetch_keys(found), longest)

    def _fetch_keys(self, found: Discovered) -> tuple[Key, ...]:
        return read_keys(self._fetch(found.settings, found.keys))

    def _fetch_discovered(self) -> Discovered:
        about = parse_endpoint(self.client.issuer.rstrip("/") + _WELL_KNOWN)
        settings = ProviderSettings("", self.client.issuer, "authorization-code", about, self.client.client_id, "basic")
        settings = settings.replace(secret=self.client.secret, trust=self.client.trust)
        document = self._fetch(settings, about)
        if document.get("issuer") != self.client.issuer:
            raise trouble_with(settings, "token-endpoint-unusable", name="issuer")
        methods = document.get("token_endpoint_auth_methods_supported")
        is_post = isinstance(methods, list) and "client_secret_basic" not in methods and "client_secret_post" in methods
        authentication: Literal["basic", "post"] = "post" if is_post else "basic"
        return Discovered(
            settings.replace(
                authentication=authentication,
                scope=("openid", *self.client.scope),
                authorization_endpoint=_read_endpoint(settings, document, "authorization_endpoint"),
                token_endpoint=_read_endpoint(settings, document, "token_endpoint"),
            ),
            _read_endpoint(settings, document, "jwks_uri"),
            document.get("authorization_response_iss_parameter_supported") is True,
        )

    def _fetch(self, settings: ProviderSettings, endpoint: Endpoint) -> Mapping[str, Any]:
        request = FormRequest(endpoint, method="GET")
        return read_document(settings, request, self._post(settings, request), self._clock())


def parse_issuer(url: str) -> str:
    """Return the URL of an issuer as it is. Raises ValueError unless it can be one: https, or http within this machine."""
    endpoint = parse_endpoint(url)
    if not _is_safe(endpoint) or "?" in url or "#" in url:
        raise ValueError(url)
    return url


def trust_file(path: str) -> TrustSource:
    """Return the source of trust that is a file of certificates, as a file-based trust manager provider reads it."""
    return TrustSource("file-based-trust-manager-provider", path, {"trust-store-file": os.path.abspath(path)})


def _read_endpoint(settings: ProviderSettings, document: Mapping[str, Any], name: str) -> Endpoint:
    """Return an endpoint of a document. One that is not protected is refused, unless the provider is on this machine."""
    try:
        endpoint = parse_endpoint(str(document.get(name, "")))
    except ValueError:
        raise trouble_with(settings, "token-endpoint-unusable", name=name) from None
    if not endpoint.secure and (settings.token_endpoint.secure or not _is_safe(endpoint)):
        raise trouble_with(settings, "token-endpoint-unusable", name=name)
    return endpoint


def _is_safe(endpoint: Endpoint) -> bool:
    return endpoint.secure or is_this_machine(endpoint.host)
