"""A running OAuth 2.0 server, and the settings of a provider that asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from confobjects.mail.plan import TrustSource
from confobjects.oauth.protocol.settings import ProviderSettings, parse_endpoint
from tests.cli.sessions import run
from tests.servers.certificates import Authority
from tests.servers.oauth import SCOPE, USER, OAuthServer

SECRET = "canary secret+%7Q&="
CLIENT = "the client"

Settings = Callable[..., ProviderSettings]


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def key_pair() -> tuple[str, bytes]:
    """A private key in PEM, and the public one."""
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def trust(tmp_path: Path, authority: Authority) -> TrustSource:
    file = tmp_path / "authority.pem"
    file.write_bytes(authority.pem)
    values = {"enabled": True, "trust-store-file": str(file)}
    return TrustSource("file-based-trust-manager-provider", "/trust-manager-provider/test", values)


@pytest.fixture
def server(tmp_path: Path, authority: Authority, key_pair: tuple[str, bytes]) -> Iterator[OAuthServer]:
    with OAuthServer(tmp_path, authority) as running:
        running.register(
            CLIENT,
            secret=SECRET,
            methods=("client_secret_basic", "client_secret_post"),
            grants=(
                "client_credentials",
                "refresh_token",
                "authorization_code",
                "urn:ietf:params:oauth:grant-type:device_code",
            ),
        )
        running.register(
            "robot@example.com",
            methods=("client_assertion_jwt",),
            grants=("urn:ietf:params:oauth:grant-type:jwt-bearer", "client_credentials"),
            key=key_pair[1],
        )
        yield running


@pytest.fixture
def settings(server: OAuthServer, trust: TrustSource, key_pair: tuple[str, bytes]) -> Settings:
    """Return settings that work, with changes."""

    def make(grant: Any = "client-credentials", **changes: Any) -> ProviderSettings:
        own: dict[str, Any] = {"client_id": CLIENT, "authentication": "basic", "secret": SECRET}
        if grant == "jwt-bearer" or changes.get("authentication") == "private-key-jwt":
            own = {"client_id": "robot@example.com", "authentication": "basic", "key": key_pair[0]}
        if grant == "jwt-bearer":
            own["subject"] = USER
        if grant == "refresh-token" and "refresh_token" not in changes:
            own["refresh_token"] = server.consent(CLIENT)
        return ProviderSettings(
            **{
                "path": "/oauth2-provider/test",
                "name": "test",
                "grant": grant,
                "token_endpoint": parse_endpoint(f"{server.base}/token"),
                "authorization_endpoint": parse_endpoint(f"{server.base}/authorize"),
                "device_endpoint": parse_endpoint(f"{server.base}/device"),
                "scope": (SCOPE,),
                "trust": trust,
                **own,
                **changes,
            }
        )

    return make


def write_trust_and_secret(directory: Path, authority: Authority) -> None:
    """Create the trust manager provider ``ca`` for an authority, and the file ``secret`` with the secret of the client."""
    (directory / "ca.pem").write_bytes(authority.pem)
    (directory / "secret").write_text(SECRET)
    values = ("--set", "enabled:true", "--set", "trust-store-file:ca.pem")
    made = run("create-trust-manager-provider", "--provider-name", "ca", "--type", "file-based", *values)
    assert made.status == 0, made
