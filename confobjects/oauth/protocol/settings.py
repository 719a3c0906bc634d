"""What a provider of access tokens is asked with: the values of an ``oauth2-provider``, decided and checked."""

from __future__ import annotations

import hashlib
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from confobjects.mail.diagnosis import Trouble
from confobjects.mail.plan import RUNTIME_TRUST, EffectiveObjectLike, TrustSource, trust_source_of
from confobjects.records import Record, field
from confobjects.syntaxes.hosts import bracket_host

Grant = Literal["client-credentials", "refresh-token", "authorization-code", "device-code", "jwt-bearer"]
Authentication = Literal["basic", "post", "private-key-jwt"]

CONSENTED: Final = frozenset({"refresh-token", "authorization-code", "device-code"})
"""The grants whose access tokens come from a refresh token, to which a person has consented."""

_PORTS: Final = {"https": 443, "http": 80}


class Endpoint(Record):
    """A URL to send requests to: whether by TLS, the host, the port, and the target of the request line."""

    secure: bool
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The host and, if it is not that of the scheme, the port, as in the header Host."""
        usual = self.port == _PORTS["https" if self.secure else "http"]
        return bracket_host(self.host) if usual else f"{bracket_host(self.host)}:{self.port}"

    @property
    def url(self) -> str:
        """The whole URL."""
        return f"{'https' if self.secure else 'http'}://{self.authority}{self.target}"


def parse_endpoint(url: str) -> Endpoint:
    """Return the endpoint of a URL with the scheme https or http. A fragment is left out. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc or not url.isascii():
        raise ValueError(url)
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    return Endpoint(parts.scheme == "https", parts.hostname, parts.port or _PORTS[parts.scheme], target)


class ProviderSettings(Record):
    """A provider as the client needs it. Secrets are never printed.

    ``path`` is that of the object. ``key`` is a private key in PEM, ``key_id`` its name at the provider, ``subject`` the
    user in whose name a service account asks; ``audience`` is what an assertion is made out to.
    """

    path: str
    name: str
    grant: Grant
    token_endpoint: Endpoint
    client_id: str
    authentication: Authentication
    secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    key_id: str = ""
    subject: str = ""
    audience: str = ""
    scope: tuple[str, ...] = ()
    authorization_endpoint: Endpoint | None = None
    device_endpoint: Endpoint | None = None
    trust: TrustSource = RUNTIME_TRUST

    @property
    def refresh_property(self) -> str:
        """The name of the property that holds the first refresh token."""
        return "refresh-token"

    @property
    def storage_key(self) -> str:
        """The name under which tokens are kept: a digest of the provider's path and the configured refresh token."""
        return _digest(self.path, self.refresh_token)

    @property
    def client_fingerprint(self) -> str:
        """A digest of where a refresh token may be sent, and as which client."""
        return _digest(self.token_endpoint.url, self.client_id)

    @property
    def fingerprint(self) -> str:
        """A digest of every setting that an access token depends on."""
        endpoints = [one.url if one else "" for one in (self.authorization_endpoint, self.device_endpoint)]
        secrets = (self.secret, self.refresh_token, self.key, self.key_id)
        who = (self.client_id, self.authentication, self.subject, self.audience, *self.scope)
        trust = (self.trust.path, self.trust.description)
        return _digest(self.path, self.grant, self.token_endpoint.url, *endpoints, *secrets, *who, *trust)


def _digest(*parts: str) -> str:
    found = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        found.update(b"%d:" % len(data))
        found.update(data)
    return found.hexdigest()


def read_settings(provider: EffectiveObjectLike, *, even_disabled: bool = False) -> ProviderSettings:
    """Return the settings of a provider object. Raises Trouble of stage token."""
    if provider["enabled"] is False and not even_disabled:
        raise trouble_with(provider, "token-provider-disabled")
    grant: Grant = provider["grant-type"]
    trust = provider.reference("trust-manager-provider")
    if trust is not None and trust["enabled"] is False:
        raise trouble_with(provider, "token-trust-disabled", trust=trust.name)

    def endpoint(name: str) -> Endpoint | None:
        try:
            return parse_endpoint(provider[name]) if provider[name] else None
        except ValueError:
            raise trouble_with(provider, "token-endpoint-unusable", name=name, property=name) from None

    token_endpoint = endpoint("token-endpoint")
    if token_endpoint is None:
        raise trouble_with(provider, "token-endpoint-unusable", name="token-endpoint")
    return ProviderSettings(
        path=provider.path,
        name=provider.name,
        grant=grant,
        token_endpoint=token_endpoint,
        client_id=provider["client-id"] or "",
        authentication=provider["client-authentication"],
        secret=provider["client-secret"] or "",
        refresh_token=(provider["refresh-token"] or "") if grant in CONSENTED else "",
        key=provider["private-key"] or "",
        key_id=provider["private-key-id"] or "",
        subject=provider["subject"] or "",
        audience=provider["audience"] or "",
        scope=tuple(provider["scope"] or ()),
        authorization_endpoint=endpoint("authorization-endpoint"),
        device_endpoint=endpoint("device-authorization-endpoint"),
        trust=RUNTIME_TRUST if trust is None else trust_source_of(trust),
    )


def trouble_with(provider: ProviderSettings | EffectiveObjectLike, kind: str, /, **facts: Any) -> Trouble:
    """Return a trouble of stage token with a provider, whose path the diagnosis names."""
    return Trouble("token", kind, path=provider.path, provider=provider.name, **facts)
