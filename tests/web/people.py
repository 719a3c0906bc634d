"""People for the tests of the web: one for each role, with a token and, for those who sign in, an account."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.testclient import TestClient

import confobjects
from confobjects.web.app import make_app
from confobjects.web.endpoints import Endpoint
from confobjects.web.identity.credentials import ROLES, Account, Credentials, Token, digest_token
from confobjects.web.identity.passwords import hash_password
from confobjects.web.identity.people_file import PeopleFile
from confobjects.web.identity.recognition import Identity
from confobjects.web.people import Role
from confobjects.web.served import Served
from confobjects.web.site import Web
from confobjects.web.sources import Sources

PASSWORD: Final = "correct horse battery"
TIME: Final = "2026-11-29T12:00:00Z"


def token_of(role: Role) -> str:
    """The text of the token that a role has in the tests."""
    return f"cfo_a-token-of-the-role-{role}"


def bearer(role: Role) -> dict[str, str]:
    """The header with the token of a role."""
    return {"Authorization": f"Bearer {token_of(role)}"}


def make_people(path: Path) -> PeopleFile:
    """Make a file with a token for each role, and an account of the name of each."""
    credentials = Credentials()
    for role in ROLES:
        credentials = credentials.with_token(Token(role, role, digest_token(token_of(role)), TIME))
        credentials = credentials.with_account(Account(role, role, hash_password(role, PASSWORD), TIME))
    people = PeopleFile(str(path))
    people.change(lambda _: credentials)
    return people


def make_web(directory: Path) -> Web:
    """Serve an LDIF file in a directory, without a socket."""
    url = f"ldif:{directory / 'config.ldif'}"
    people = make_people(directory / "config.ldif.people")
    return Web(Served(lambda: confobjects.open(url)), Identity(people), sources=Sources(str(directory)))


def make_client(web: Web, *endpoints: Endpoint, base: str = "http://127.0.0.1:8080") -> TestClient:
    """Return a client of the application of some endpoints."""
    return TestClient(make_app(web, endpoints), base_url=base, client=("127.0.0.1", 50_000))
