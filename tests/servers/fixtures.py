"""Servers that a run of the tests shares: each starts when first asked for and ends with the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from confobjects.definitions import Registry
from confobjects.definitions.allowance import AllowedCode
from confobjects.definitions_loading import load_registry
from confobjects.dn import DN
from confobjects.mapping.ldap_schema import as_ldif, build_schema, format_access_rules
from tests.definitions.documents import BUILTIN, documents, founded_documents
from tests.servers import ds389
from tests.servers import slapd as openldap
from tests.servers.certificates import Authority
from tests.servers.ds389 import Ds389
from tests.servers.postfix import PASSWORD, Postfix
from tests.servers.postgresql import PostgreSQL
from tests.servers.processes import open_directory
from tests.servers.slapd import Slapd

FAMILY = Path(__file__).resolve().parents[1] / "definitions" / "family"
GUARDED = f"ou=guarded,{openldap.SUFFIX}"
"""On the shared slapd, our access rules hold below this entry; elsewhere everybody reads everything."""
_GUARDED_ENTRY = f"\ndn: {GUARDED}\nobjectClass: organizationalUnit\nou: guarded\n"


def access_to(base: str, admin: str) -> tuple[str, ...]:
    """Return the rules of ``ldap-schema --acl openldap`` for a base, and one that opens the rest to readers."""
    text = format_access_rules(load_registry([str(FAMILY)]), "openldap", DN.parse(base), DN.parse(admin))
    rules = [line for line in text.replace("\n ", "").splitlines() if line.startswith("olcAccess: ")]
    return (*(rule.partition("}")[2] for rule in rules), "to * by * read")


def schema_of_everything(form: str) -> str:
    """Return the schema of our definitions and of the second family, with what some tests add to it."""
    code = AllowedCode(modules=frozenset({"tests.definitions.functions"}))
    return as_ldif(build_schema(Registry([*documents(BUILTIN), *founded_documents()], code)), form)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """One PostgreSQL for the whole run."""
    with PostgreSQL() as server:
        yield server


@pytest.fixture(scope="session")
def relay_authority() -> Authority:
    """Who issued the certificate of the relay."""
    return Authority("Relay Authority")


@pytest.fixture(scope="session")
def relay(relay_authority: Authority) -> Iterator[Postfix]:
    """A Postfix that is reached as ``localhost``."""
    with (
        open_directory("postfix") as directory,
        Postfix(directory / "root", relay_authority.issue("localhost")) as running,
    ):
        yield running


@pytest.fixture
def distrustful_place(tmp_path: Path, relay_authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory on a machine that trusts nobody who has issued a certificate here. ``ca.pem`` is the relay's authority."""
    (tmp_path / "ca.pem").write_bytes(relay_authority.pem)
    (tmp_path / "runtime.pem").write_bytes(Authority("Runtime Authority").pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "runtime.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("POSTFIX_PASSWORD", PASSWORD)
    return tmp_path


@pytest.fixture(scope="session")
def ldap_authority() -> Authority:
    """Who issued the certificates of the directory servers."""
    return Authority("Directory Test Authority")


@pytest.fixture(scope="session")
def slapd(ldap_authority: Authority) -> Iterator[Slapd]:
    """An OpenLDAP server with our schema and that of the contract, on all three kinds of URL."""
    with Slapd(
        schema=(openldap.TEST_SCHEMA, schema_of_everything("openldap")),
        access=access_to(GUARDED, openldap.ROOT_DN),
        certificate=ldap_authority.issue("localhost", "127.0.0.1"),
        authority=ldap_authority,
        entries=openldap.ENTRIES + _GUARDED_ENTRY,
    ) as server:
        yield server


@pytest.fixture(scope="session")
def ds389_server() -> Iterator[Ds389]:
    """A 389 Directory Server with our schema, that of the contract, and the indexes without which it can block itself."""
    with Ds389(schema=(ds389.TEST_SCHEMA, schema_of_everything("rfc4512"))) as server:
        server.index_history()
        yield server
