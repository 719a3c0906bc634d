"""Assertions: short JSON Web Tokens, signed with a private key, that prove who asks (RFC 7523)."""

from __future__ import annotations

from typing import Any, Final

from confobjects.oauth.protocol.settings import ProviderSettings, trouble_with

LIFETIME: Final = 300
"""Seconds for which an assertion is valid. Providers accept 300 to 3600."""

ALGORITHMS: Final = {"RSA": "RS256", "P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}
"""Type of key, or its curve -> the algorithm of signatures (RFC 7518, RFC 8037)."""


def sign_assertion(settings: ProviderSettings, claims: dict[str, Any], now: float, unique: str) -> str:
    """Return a signed assertion with these claims, its times and its identifier. Raises Trouble of stage token."""
    try:
        from joserfc import jwt
        from joserfc.errors import JoseError
    except ImportError:
        raise trouble_with(settings, "token-not-installed") from None
    key, algorithm = _load_key(settings)
    begin = int(now)
    header = {"alg": algorithm, "typ": "JWT", **({"kid": settings.key_id} if settings.key_id else {})}
    whole = {**claims, "iat": begin, "nbf": begin, "exp": begin + LIFETIME, "jti": unique}
    try:
        return jwt.encode(header, whole, key, [algorithm])
    except (JoseError, ValueError):
        raise trouble_with(settings, "token-key-unusable") from None


def _load_key(settings: ProviderSettings) -> tuple[Any, str]:
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    for kind in (RSAKey, ECKey, OKPKey):
        try:
            key: Any = kind.import_key(settings.key)
            found = key if key.is_private else None
        except (JoseError, ValueError, TypeError):
            continue
        if found is None:
            break
        name = "RSA" if kind is RSAKey else key.curve_name
        if name in ALGORITHMS:
            return key, ALGORITHMS[name]
    raise trouble_with(settings, "token-key-unusable")


def client_assertion(settings: ProviderSettings, now: float, unique: str) -> str:
    """Return the assertion that proves which client asks (RFC 7523, section 2.2)."""
    claims = {"iss": settings.client_id, "sub": settings.client_id, "aud": _audience_of(settings)}
    return sign_assertion(settings, claims, now, unique)


def grant_assertion(settings: ProviderSettings, now: float, unique: str) -> str:
    """Return the assertion that stands for the consent (RFC 7523, section 2.1). Google wants the scope within it."""
    claims: dict[str, Any] = {"iss": settings.client_id, "aud": _audience_of(settings)}
    claims["sub"] = settings.subject or settings.client_id
    if settings.scope:
        claims["scope"] = " ".join(settings.scope)
    return sign_assertion(settings, claims, now, unique)


def _audience_of(settings: ProviderSettings) -> str:
    return settings.audience or settings.token_endpoint.url
