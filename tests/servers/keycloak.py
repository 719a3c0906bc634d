"""A Keycloak of its own: the distribution from Maven, unpacked once, in development mode on a free port of loopback.

Only ``make interop`` starts it: the archive has 176 MB, and a first start takes half a minute.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from tests.servers import distributions, processes

VERSION: Final = "26.7.0"
ARTIFACT: Final = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
ADMIN: Final = ("admin", "not a secret")
REALM: Final = "mail"
_PATIENCE: Final = 300.0
"""Seconds that a first start may take: it builds the server, which later starts use."""


def fetch() -> Path:
    """Return the directory of the distribution."""
    return distributions.fetch(ARTIFACT, f"keycloak-{VERSION}")


class Keycloak:
    """A running Keycloak with an empty realm; ``url`` is that of the server."""

    def __init__(self) -> None:
        self._home = fetch()
        self._place = processes.memory_directory("keycloak")
        self._port = processes.free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._token = ""

    def __enter__(self) -> Self:
        log = self._place / "log"
        command = [
            "env",
            f"KC_BOOTSTRAP_ADMIN_USERNAME={ADMIN[0]}",
            f"KC_BOOTSTRAP_ADMIN_PASSWORD={ADMIN[1]}",
            "JAVA_OPTS_APPEND=-Xmx512m",
            str(self._home / "bin" / "kc.sh"),
            "start-dev",
            "--http-host=127.0.0.1",
            f"--http-port={self._port}",
            "--cache=local",
            "--db=dev-mem",
        ]
        self._process = processes.start(command, log)
        processes.wait_until(self._answers, self._process, log, patience=_PATIENCE)
        self.call("POST", "/admin/realms", {"realm": REALM, "enabled": True, "sslRequired": "none"})
        return self

    def __exit__(self, *_: object) -> None:
        processes.stop(self._process)
        processes.remove(self._place)

    def endpoint(self, name: str) -> str:
        """Return the URL of an endpoint of the realm: ``token``, ``auth``, ``auth/device`` or ``token/introspect``."""
        return f"{self.url}/realms/{REALM}/protocol/openid-connect/{name}"

    def add_client(self, name: str, secret: str, *, audience: str = "", **options: Any) -> None:
        """Add a confidential client with a service account; with an audience, its tokens are made out to that client."""
        mapper = {
            "name": "audience",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-audience-mapper",
            "config": {"included.client.audience": audience, "access.token.claim": "true"},
        }
        client = {
            "clientId": name,
            "secret": secret,
            "serviceAccountsEnabled": True,
            "standardFlowEnabled": False,
            "protocolMappers": [mapper] if audience else [],
            **options,
        }
        self.call("POST", f"/admin/realms/{REALM}/clients", client)

    def add_user(self, name: str, password: str) -> None:
        """Add a user who may log in at once."""
        user = {
            "username": name,
            "enabled": True,
            "email": name,
            "emailVerified": True,
            "firstName": "A",
            "lastName": "User",
            "credentials": [{"type": "password", "value": password, "temporary": False}],
        }
        self.call("POST", f"/admin/realms/{REALM}/users", user)

    def call(self, method: str, path: str, body: Mapping[str, Any] | Sequence[Any] | None = None) -> Any:
        """Call the administration interface and return its answer. Raises urllib's errors."""
        headers = {"Authorization": f"Bearer {self._fetch_admin_token()}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/realms/master", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _fetch_admin_token(self) -> str:
        fields = {"grant_type": "password", "client_id": "admin-cli", "username": ADMIN[0], "password": ADMIN[1]}
        where = f"{self.url}/realms/master/protocol/openid-connect/token"
        with urllib.request.urlopen(where, urllib.parse.urlencode(fields).encode(), timeout=_PATIENCE) as answer:
            return str(json.loads(answer.read())["access_token"])
