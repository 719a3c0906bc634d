"""One maker per kind of storage, so that the contract is asked of every one that is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from confobjects.dn import DN
from confobjects.mapping.entry import DeleteEntry
from confobjects.mapping.protocol import Storage
from confobjects.storage import open_storage
from confobjects.storage.memory import MemoryStorage
from tests.servers import ds389
from tests.servers import slapd as openldap
from tests.servers.ds389 import Ds389
from tests.servers.slapd import Slapd

BASE = DN.parse("cn=config,dc=example,dc=com")


def _ldif(folder: Path) -> Storage:
    return open_storage(f"ldif:{folder / 'config.ldif'}", base=BASE, deadline=0.2)


def _memory(folder: Path) -> Storage:
    return MemoryStorage(base=BASE, deadline=0.2)


MAKERS: dict[str, Callable[[Path], Storage]] = {"ldif": _ldif, "memory": _memory}
"""Schemes that need no server, each with what makes an empty storage in a directory."""
ON_SERVERS = {"389-ds": "ldap", "foreign": "ldap", "slapd": "ldap"}
"""Servers, each with the scheme of the storage that is on it."""


def emptied(storage: Storage) -> Storage:
    """Return a storage on a server that tests share, with nothing in it."""
    found = sorted(storage.search(BASE, "sub"), key=lambda entry: -len(entry.dn))
    with storage.writing():
        for entry in found:
            storage.commit([DeleteEntry(entry.dn)])
    for report in storage.followers():
        storage.forget_follower(report.name)
    for key in storage.verifications():
        storage.forget_verification(key)
    return storage


def on_slapd(server: Slapd) -> Storage:
    options: dict[str, Any] = {"bind_dn": openldap.ROOT_DN, "bind_password": openldap.PASSWORD, "deadline": 2.0}
    return emptied(open_storage(server.url, base=BASE, **options))


def as_foreign(server: Slapd, folder: Path) -> Storage:
    """Return a storage that treats slapd as a server with a schema of its own."""
    options: dict[str, Any] = {"bind_dn": openldap.ROOT_DN, "bind_password": openldap.PASSWORD, "deadline": 2.0}
    on_slapd(server).close()  # what is there as if it were ours is not seen the other way
    own: dict[str, Any] = {"server_schema": True, "state_url": f"ldif:{folder / 'state.ldif'}"}
    return emptied(open_storage(server.url, base=BASE, **options, **own))


def on_ds389(server: Ds389) -> Storage:
    options: dict[str, Any] = {"bind_dn": ds389.ROOT_DN, "bind_password": ds389.PASSWORD, "deadline": 2.0}
    return emptied(open_storage(server.url, base=BASE, **options))


@pytest.fixture(params=sorted([*MAKERS, *ON_SERVERS]))
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """An empty storage of every kind."""
    if request.param == "slapd":
        made = on_slapd(request.getfixturevalue("slapd"))
    elif request.param == "foreign":
        made = as_foreign(request.getfixturevalue("slapd"), tmp_path)
    elif request.param == "389-ds":
        made = on_ds389(request.getfixturevalue("ds389_server"))
    else:
        made = MAKERS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture(params=sorted(MAKERS))
def in_process(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """An empty storage of every kind that needs no server."""
    made = MAKERS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def make_every_storage(tmp_path: Path) -> Callable[[], list[Storage]]:
    """Return a maker of empty storages, one of each kind that needs no server."""

    def make() -> list[Storage]:
        folder = Path(mkdtemp(dir=tmp_path))
        return [MAKERS[scheme](folder) for scheme in sorted(MAKERS)]

    return make


@pytest.fixture
def make_every_directory(slapd: Slapd, ds389_server: Ds389) -> Callable[[], list[Storage]]:
    """Return a maker of empty storages on the servers that tests share."""
    return lambda: [on_slapd(slapd), on_ds389(ds389_server)]
