"""Directory servers that a run of the tests shares: each starts when first asked for and ends with the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import ds389
from tests.servers import slapd as openldap
from tests.servers.certificates import Authority
from tests.servers.ds389 import Ds389
from tests.servers.slapd import Slapd

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


@pytest.fixture(scope="session")
def ldap_authority() -> Authority:
    """Who issued the certificates of the directory servers."""
    return Authority("Directory Test Authority")


@pytest.fixture(scope="session")
def slapd(ldap_authority: Authority) -> Iterator[Slapd]:
    """An OpenLDAP server with our schema and that of the contract, on all three kinds of URL."""
    ours = (SCHEMAS / "confobjects-openldap.ldif").read_text(encoding="utf-8")
    certificate = ldap_authority.issue("localhost", "127.0.0.1")
    with Slapd(schema=(openldap.TEST_SCHEMA, ours), certificate=certificate, authority=ldap_authority) as server:
        yield server


@pytest.fixture(scope="session")
def ds389_server() -> Iterator[Ds389]:
    """A 389 Directory Server with our schema and that of the contract."""
    ours = (SCHEMAS / "confobjects-rfc4512.ldif").read_text(encoding="utf-8")
    with Ds389(schema=(ds389.TEST_SCHEMA, ours)) as server:
        yield server
