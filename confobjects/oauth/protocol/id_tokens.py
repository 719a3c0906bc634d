"""ID tokens (OpenID Connect Core 1.0, section 2): who has signed in at a provider, signed by the provider.

Law: an ID token counts only if every check of section 3.1.3.7 passes. The algorithm comes from :data:`ALGORITHMS`, never from the
token alone; all of them need a public key, so that no key that everybody knows can be taken for a shared secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, Final

from confobjects.records import Record, field
from confobjects.texts.visible import make_visible

if TYPE_CHECKING:
    from joserfc.jwk import Key

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""The algorithms of signatures that count (RFC 7518, RFC 8037, RFC 9864)."""
LEEWAY: Final = 60
"""Seconds by which the clocks may differ."""
_MOST_KEYS: Final = 100
_LONGEST_HEADER: Final = 16_384
"""Characters: some headers have a chain of certificates."""
_LONGEST_SUBJECT: Final = 255
_SHORTEST_RSA: Final = 342
"""Characters in base64url of a modulus of 2048 bits (RFC 7518, section 3.3)."""


class IdTokenError(ValueError):
    """An ID token that does not count. The text says why, with foreign text made visible."""


class UnknownKeyError(IdTokenError):
    """No key that is known has signed the ID token: the provider may have a new one."""


class Expected(Record):
    """What an ID token has to say: who made it, for which client, and for which sign-in (``nonce``)."""

    issuer: str
    client_id: str
    nonce: str = field(repr=False)


def read_keys(document: Mapping[str, Any]) -> tuple[Key, ...]:
    """Return the keys of a JWK Set (RFC 7517, section 5) that can have signed an ID token; others are left out.

    Only public keys of RSA and of elliptic curves are, so none that is a shared secret.
    """
    found = document.get("keys")
    items = found[:_MOST_KEYS] if isinstance(found, list) else []
    return tuple(key for key in map(_read_key, items) if key is not None)


def _read_key(item: Any) -> Key | None:
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    kinds: Mapping[Any, type[ECKey | OKPKey | RSAKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    if not isinstance(item, dict) or not isinstance(item.get("kty"), str) or item.get("use", "sig") != "sig":
        return None
    kind = kinds.get(item["kty"])
    is_weak = kind is RSAKey and len(str(item.get("n", ""))) < _SHORTEST_RSA
    if kind is None or is_weak:
        return None
    try:
        return kind.import_key(item)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def verify_id_token(token: str, keys: Sequence[Key], expected: Expected, now: float) -> Mapping[str, Any]:
    """Return the claims of an ID token. ``now`` is in seconds since 1970.

    Raises :class:`IdTokenError`: :class:`UnknownKeyError` if none of the keys has signed it.
    """
    claims = _verify_signature(token, keys)
    _check_times(claims, now)
    if claims.get("iss") != expected.issuer:
        raise IdTokenError(f"it was issued by {_show(claims.get('iss'))}")
    _check_audience(claims, expected.client_id)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not compare_digest(nonce.encode("utf-8", "replace"), expected.nonce.encode()):
        raise IdTokenError("it was issued for another sign-in (nonce)")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isascii():
        raise IdTokenError("it names no subject")
    return claims


def _verify_signature(token: str, keys: Sequence[Key]) -> Mapping[str, Any]:
    from joserfc import jws
    from joserfc.errors import JoseError

    registry = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    registry.max_header_length = _LONGEST_HEADER
    try:
        header = jws.extract_compact(token.encode(), registry=registry).headers()
    except (JoseError, ValueError) as error:
        raise IdTokenError(f"it cannot be read: {make_visible(str(error))[:200]}") from None
    if header.get("alg") not in ALGORITHMS:
        raise IdTokenError(f"it is signed with {_show(header.get('alg'))}, which does not count")
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise IdTokenError(f"it is no ID token but of the type {_show(header.get('typ'))}")
    for key in _find_candidates(keys, header.get("kid")):
        try:
            return _read_claims(jws.deserialize_compact(token, key, ALGORITHMS, registry).payload)
        except (JoseError, ValueError, TypeError):
            continue
    raise UnknownKeyError("no key of the provider has signed it")


def _find_candidates(keys: Sequence[Key], kid: Any) -> list[Key]:
    """Return the keys that can have signed: that of the identifier, or all if there is none (RFC 7515, section 4.1.4)."""
    return [key for key in keys if kid is None or key.kid == kid]


def _read_claims(payload: bytes) -> Mapping[str, Any]:
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError):
        raise IdTokenError("its claims are not JSON") from None
    if not isinstance(claims, dict):
        raise IdTokenError("it has no claims")
    return claims


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    begins = ("iat", *(("nbf",) if "nbf" in claims else ()))
    for name in ("exp", *begins):
        if isinstance(claims.get(name), bool) or not isinstance(claims.get(name), int | float):
            raise IdTokenError(f"it does not say when ({name})")
    if not now < claims["exp"] + LEEWAY:
        raise IdTokenError("it has expired")
    if not all(claims[name] <= now + LEEWAY for name in begins):
        raise IdTokenError("it is not valid yet; is the clock of this machine right?")


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    """Require that the token is for this client, and if it is for others as well, that this client has asked for it."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences:
        raise IdTokenError(f"it is for {_show(audiences[0] if audiences else None)}, not for {client_id}")
    azp = claims.get("azp")
    if azp != client_id and (azp is not None or len(audiences) > 1):
        raise IdTokenError(f"it was issued to {_show(azp)}, not to {client_id}")


def _show(value: Any) -> str:
    return f'"{make_visible(value)[:100]}"' if isinstance(value, str) else "nobody"
