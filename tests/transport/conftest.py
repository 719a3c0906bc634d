"""Servers and certificates that the tests of a session share."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.servers import Given, provider
from tests.servers.certificates import Authority, Certificate
from tests.servers.postfix import Postfix
from tests.servers.processes import open_directory


@pytest.fixture(scope="session", autouse=True)
def _runtime_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let the runtime trust one authority that has issued nothing: the tests do not depend on what this machine trusts."""
    path = tmp_path_factory.mktemp("runtime") / "authority.pem"
    path.write_bytes(Authority("Runtime Authority").pem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(path))
        patch.setenv("SSL_CERT_DIR", str(path.parent / "none"))
        yield


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def certificates(authority: Authority) -> dict[str, Certificate]:
    """Return a certificate for each fault; all but ``stranger`` and ``self-signed`` are the authority's."""
    day = timedelta(days=1)
    return {
        "good": authority.issue("localhost", "127.0.0.1"),
        "expired": authority.issue("localhost", begin=-30 * day, end=-10 * day),
        "early": authority.issue("localhost", begin=10 * day, end=30 * day),
        "wrong-name": authority.issue("other.test", "third.test"),
        "no-names": authority.issue(common_name="localhost"),
        "stranger": Authority("Nobody Knows").issue("localhost"),
        "self-signed": authority.issue("localhost", self_signed=True),
        "client": authority.issue("localhost", purpose=ExtendedKeyUsageOID.CLIENT_AUTH),
    }


@pytest.fixture(scope="session")
def trusting(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Given:
    """Return a trust manager provider that trusts the authority of the tests."""
    path = tmp_path_factory.mktemp("trust") / "authority.pem"
    path.write_bytes(authority.pem)
    return provider("file-based", trust_store_file=str(path))


@pytest.fixture(scope="session")
def server_context(
    certificates: dict[str, Certificate], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, ssl.SSLContext]:
    """Return a server's TLS context for each certificate."""
    directory = tmp_path_factory.mktemp("certificates")
    contexts = {}
    for name, certificate in certificates.items():
        path, key = certificate.write(directory, name)
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[name].load_cert_chain(path, key)
    return contexts


@pytest.fixture(scope="session")
def postfix(certificates: dict[str, Certificate]) -> Iterator[SimpleNamespace]:
    """Return the ports of a running Postfix, by listener."""
    others = {name: one for name, one in certificates.items() if name != "good"}
    with (
        open_directory("postfix") as directory,
        Postfix(directory / "root", certificates["good"], others) as running,
    ):
        yield SimpleNamespace(ports=running.ports, log=lambda: running.log)
