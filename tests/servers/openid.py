"""A provider of OpenID Connect on loopback with TLS: the OAuth 2.0 server of the tests with Authlib's part for ID tokens.

``claims`` is what it says of its one user. ``forge`` makes another ID token of the right claims, ``document`` changes what it says of
itself, and ``rotate`` gives it another key.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Final

from authlib.oauth2 import OAuth2Request
from authlib.oidc.core.grants import OpenIDCode
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from tests.servers.oauth import OAuthServer

SUBJECT: Final = "248289761001"
CLIENT: Final = "console"
SECRET: Final = "canary client secret+%8R&="

Claims = dict[str, Any]
Forge = Callable[[Claims], str]


class OpenIdServer(OAuthServer):
    """A running provider; a context manager."""

    scopes: ClassVar[tuple[str, ...]] = ("openid", "profile", "email", "groups")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.key: Key = _make_first_key()
        self.claims: Claims = {"preferred_username": "ann", "groups": ["staff", "operators"]}
        self.forge: Forge | None = None
        self.document: Claims = {}
        super().__init__(*arguments, **options)
        self.register(CLIENT, secret=SECRET, grants=("authorization_code",), scopes=self.scopes)

    def rotate(self) -> None:
        """Sign with a new key on an elliptic curve from now on, and publish it alone."""
        self.key = ECKey.generate_key("P-256")
        self.key.ensure_kid()

    @property
    def algorithm(self) -> str:
        """The algorithm of its signatures."""
        return "RS256" if isinstance(self.key, RSAKey) else "ES256"

    def make_extensions(self) -> Sequence[Any]:
        """Return what makes an ID token for each code."""
        return [_IdTokens(self)]

    def respond(self, path: str, request: OAuth2Request) -> tuple[int, Any, Any]:
        """Return status, body and headers of an answer."""
        said: Mapping[str, Callable[[], Any]] = {
            "/.well-known/openid-configuration": self._describe,
            "/jwks": lambda: {"keys": [self.key.as_dict(private=False)]},
        }
        if path in said:
            return 200, said[path](), [("Content-Type", "application/json")]
        return super().respond(path, request)

    def _describe(self) -> Claims:
        return {
            "issuer": self.base,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "jwks_uri": f"{self.base}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.algorithm],
            **self.document,
        }

    def sign(self, claims: Claims, key: Key | None = None, **header: Any) -> str:
        """Return a signed token, with the provider's key unless another one is given."""
        key = key or self.key
        header = {"alg": self.algorithm, "kid": self.key.kid, **header}
        return jwt.encode(header, claims, key, [header["alg"]])


@cache
def _make_first_key() -> RSAKey:
    made = RSAKey.generate_key(2048)
    made.ensure_kid()
    return made


class _IdTokens(OpenIDCode):
    def __init__(self, owner: OpenIdServer) -> None:
        super().__init__(require_nonce=True)
        self._owner = owner

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:
        return any(code.nonce == nonce for code in self._owner.codes.values())

    def get_client_algorithm(self, client: Any) -> str:
        return self._owner.algorithm

    def get_encode_header(self, client: Any) -> Claims:
        return {"alg": self._owner.algorithm, "kid": self._owner.key.kid}

    def get_client_claims(self, client: Any) -> Claims:
        return {"iss": self._owner.base}

    def resolve_client_private_key(self, client: Any) -> Key:
        return self._owner.key

    def generate_user_info(self, user: str, scope: str) -> Claims:
        return {"sub": SUBJECT, **self._owner.claims}

    def encode_id_token(self, token: Any, request: OAuth2Request) -> str:
        made: str = super().encode_id_token(token, request)
        return made if self._owner.forge is None else self._owner.forge(read_claims(made))


def read_claims(token: str) -> Claims:
    """Return the claims of a token, without a look at its signature."""
    part = token.split(".")[1]
    found: Claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found
