"""Which family counts for a server: its own, unless somebody chooses another one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import confobjects
from confobjects.actions import RemedyAction
from confobjects.errors import DefinitionError
from confobjects.families import find_product, write_family
from confobjects.startup import choose_definitions, read_configuration
from tests.families.test_store import FAMILY
from tests.servers.fake_ldap import SEARCH, FakeLdap, Peer, entry, result

BUILT_IN = "mail-server"


@pytest.mark.parametrize(
    ("told", "family"),
    [
        ("OpenDJ Server 5.0.3", "opendj-5.0.3"),
        ("OpenDJ 4.10.1", "opendj-4.10.1"),
        ("OpenDJ Server 5.2.0-SNAPSHOT", "opendj-5.2.0"),
        ("389-Directory/2.3.1", None),
        ("OpenDJ Server", None),
        ("", None),
    ],
)
def test_a_server_tells_product_and_version(told: str, family: str | None) -> None:
    found = find_product(told)
    assert (found.family if found else None) == family


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[FakeLdap]:
    """A server that tells what the parameter says, and holds no entry."""
    first = [True]

    def reply(peer: Peer) -> None:
        if first.pop() if first else False:
            peer.send(entry(peer.message, "", {"objectClass": ["top"], "vendorVersion": [request.param]}))
        peer.send(result(peer))

    with FakeLdap({SEARCH: reply}) as running:
        yield running


opendj = pytest.mark.parametrize("server", ["OpenDJ Server 1.0.0"], indirect=True)
newer = pytest.mark.parametrize("server", ["OpenDJ Server 1.0.1"], indirect=True)


@opendj
def test_a_server_chooses_its_own_family(server: FakeLdap) -> None:
    write_family(FAMILY, os.environ)
    with confobjects.open(f"{server.url}/cn=config") as context:
        assert context.registry.family == "opendj-1.0.0"
        assert BUILT_IN not in context.registry


@opendj
def test_without_its_family_the_configuration_of_a_server_is_not_opened(server: FakeLdap) -> None:
    with pytest.raises(DefinitionError, match=r"this server is OpenDJ Server 1\.0\.0, and the family") as caught:
        confobjects.open(f"{server.url}/cn=config")
    assert RemedyAction("add-family", "opendj") in caught.value.diagnostics[0].list_actions()


@newer
def test_the_family_of_another_version_is_offered_and_not_taken(server: FakeLdap) -> None:
    write_family(FAMILY, os.environ)
    with pytest.raises(DefinitionError, match=r"the definitions of another version are here: opendj-1\.0\.0") as caught:
        confobjects.open(f"{server.url}/cn=config")
    assert RemedyAction("give-family", "opendj-1.0.0") in caught.value.diagnostics[0].list_actions()


@newer
@pytest.mark.parametrize("by_variable", [True, False])
def test_a_chosen_family_counts_and_does_not_fit(
    server: FakeLdap, by_variable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_family(FAMILY, os.environ)
    if by_variable:
        monkeypatch.setenv("CONFOBJECTS_FAMILY", "opendj-1.0.0")
    choice = choose_definitions((), None if by_variable else "opendj-1.0.0", os.environ)
    opened = read_configuration(f"{server.url}/cn=config", choice)
    opened.storage.close()
    assert opened.registry.family == "opendj-1.0.0"
    assert [one.summary for one in opened.warnings] == [
        "this server is OpenDJ Server 1.0.1, and opendj-1.0.0 is not the family of its definitions"
    ]


@opendj
def test_definitions_of_the_callers_own_are_enough(server: FakeLdap, tmp_path: Path) -> None:
    directory = tmp_path / "own"
    directory.mkdir()
    (directory / "bell.json").write_text(
        json.dumps(
            {
                "name": "bell",
                "version": 1,
                "synopsis": "A bell.",
                "relation": {"parent": "root", "kind": "instantiable"},
            }
        ),
        "utf-8",
    )
    with confobjects.open(f"{server.url}/cn=config", definitions=[str(directory)]) as context:
        assert "bell" in context.registry


@pytest.mark.parametrize("server", ["389-Directory/2.3.1"], indirect=True)
def test_another_server_has_no_family(server: FakeLdap) -> None:
    with confobjects.open(f"{server.url}/cn=config") as context:
        assert BUILT_IN in context.registry
