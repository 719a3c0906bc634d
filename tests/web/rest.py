"""A REST API over a configuration in a file, and who asks it."""

from __future__ import annotations

import socket
from functools import cached_property
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

import confobjects
from confobjects.definitions import Registry
from confobjects.web.api.table import ENDPOINTS
from confobjects.web.identity.credentials import ROLES, Credentials, Token, digest_token
from confobjects.web.identity.people_file import PeopleFile
from confobjects.web.identity.recognition import Identity
from confobjects.web.people import Role
from confobjects.web.served import Served
from confobjects.web.site import Web
from confobjects.web.sources import Sources
from tests.web.people import TIME, bearer, make_client, token_of

CANARY = "canary-4f1d"
"""A secret that no answer may hold."""
MERGE = "application/merge-patch+json"
PATCH = "application/json-patch+json"


class Api:
    """The REST API for one person; every answer is looked through for the canary."""

    def __init__(self, web: Web, role: Role | None = "administrator") -> None:
        self.web = web
        self.client: TestClient = make_client(web, *ENDPOINTS)
        if role is not None:
            self.client.headers.update(bearer(role))

    @cached_property
    def nobody(self) -> Api:
        """The same, for somebody who has not signed in."""
        return Api(self.web, None)

    def ask(self, method: str, address: str, body: Any = None, **headers: str) -> Any:
        """Return the answer to a request; the address is below ``/api/v1``."""
        sent: dict[str, Any] = {} if body is None else {"json": body}
        found = self.client.request(method, f"/api/v1{address}", headers=_spell(headers), **sent)
        assert CANARY not in found.text
        assert CANARY not in str(found.headers)
        assert found.status_code < 500 or found.status_code in (502, 503), found.text
        return found

    def get(self, address: str, **headers: str) -> Any:
        return self.ask("GET", address, **headers)

    def tag(self, address: str) -> str:
        """The entity tag of an object."""
        found: str = self.get(address).headers["etag"]
        return found

    def put(self, address: str, body: Any, **headers: str) -> Any:
        return self.ask("PUT", address, body, **headers)

    def patch(self, address: str, body: Any, kind: str = MERGE, **headers: str) -> Any:
        """Change what is there, in the state that it has."""
        headers = {"if_match": self.tag(address.partition("?")[0])} | headers
        return self.ask("PATCH", address, body, content_type=kind, **headers)

    def delete(self, address: str, **headers: str) -> Any:
        headers = {"if_match": self.tag(address.partition("?")[0])} | headers
        return self.ask("DELETE", address, **headers)


def _spell(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items() if value}


def serve(directory: Path, registry: Registry | None = None) -> Web:
    """Serve a configuration in a directory, with the definitions of a registry. Each role has a token, nobody an account."""
    credentials = Credentials()
    for role in ROLES:
        credentials = credentials.with_token(Token(role, role, digest_token(token_of(role)), TIME))
    people = PeopleFile(str(directory / "config.ldif.people"))
    people.change(lambda _: credentials)
    url = f"ldif:{directory / 'config.ldif'}"
    served = Served(lambda: confobjects.open(url, definitions=registry or ()))
    return Web(served, Identity(people), sources=Sources(str(directory)))


SERVER: dict[str, Any] = {
    "type": "generic",
    "properties": {"enabled": True, "smtp-server": "mx.example.com:25", "use-start-tls": True},
}
"""A mail server."""


def make_mail_api(directory: Path) -> Api:
    """An API with a mail service that accepts mail, and a mail server that is not there."""
    made = Api(serve(directory).replace(unsealed_ledger=True))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    server = {**SERVER["properties"], "smtp-server": f"127.0.0.1:{port}"}
    sender = {"enabled": True, "from-address": "news@example.com", "mail-server": "one"}
    for address, body in (
        ("/objects/mail-servers/one", {"properties": server}),
        ("/objects/mail-senders/news", {"properties": sender}),
    ):
        done = made.put(address, body)
        assert done.status_code == 201, done.text
    done = made.patch("/objects/mail-service", {"properties": {"enabled": True, "default-sender": "news"}})
    assert done.status_code == 200, done.text
    return made
