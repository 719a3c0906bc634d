"""The configuration of OpenDJ with the family of all its kinds: changed by commands, by a batch, and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.sessions import Outcome, run
from tests.servers.opendj import ROOT_DN, OpenDj

PROVIDER = ("--provider-name", "Ours")
BATCH = """\
create-trust-manager-provider --provider-name Ours --type file-based --set enabled:true --set trust-store-file:config/admin-truststore
set-trust-manager-provider-prop --provider-name Ours --set trust-store-type:JKS
create-log-retention-policy --policy-name Ours --type file-count --set number-of-files:7
create-backend-index --backend-name userRoot --index-name description --set index-type:equality
set-connection-handler-prop --handler-name "LDAP Connection Handler" --add denied-client:192.0.2.1
"""


@pytest.fixture(scope="module", autouse=True)
def _places(opendj: OpenDj, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        assert run("family", "add", "opendj", str(opendj.home)).status == 0
        yield


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def ask(opendj: OpenDj, *words: str) -> Outcome:
    """Run a command of ours on the server's own configuration, and expect that it is done."""
    login = ("-D", ROOT_DN, "-j", str(opendj.password_file), "-P", str(opendj.authority_file), "-n")
    done = run(*words, "--url", opendj.tls_url, *login)
    assert done.status == 0, done.err
    return done


def configuration(server: OpenDj) -> list[str]:
    """Return all entries but those of running tasks, in an order of their own."""
    text = server.ldapsearch("-b", "cn=config", "(!(objectClass=ds-task))", "*")
    return sorted("\n".join(sorted(entry.splitlines())) for entry in text.split("\n\n"))


def test_a_batch_over_many_kinds_is_one_change_and_taken_back_as_one(opendj: OpenDj, tmp_path: Path) -> None:
    before = configuration(opendj)
    (tmp_path / "batch").write_text(BATCH, encoding="utf-8")
    ask(opendj, "-F", str(tmp_path / "batch"))
    told = opendj.dsconfig("get-trust-manager-provider-prop", *PROVIDER, "--property", "trust-store-type", "-s")
    assert told.split() == ["trust-store-type", "JKS"]
    assert "file-count" in ask(opendj, "list-log-retention-policies").out
    ask(opendj, "undo", "1")
    assert configuration(opendj) == before
    assert len(ask(opendj, "history", "-s").out.splitlines()) == 2


def test_every_object_of_a_fresh_server_is_right_and_what_no_definition_has_is_told(opendj: OpenDj) -> None:
    """Its own set-up gives an object a value that its definition does not have, and the administrator is a person."""
    checked = ask(opendj, "check")
    assert checked.out.startswith("158 objects: 0 errors, ")
    assert [line for line in checked.err.splitlines() if "to no property" in line] == [
        "warning: /connection-handler/SNMP Connection Handler: "
        "the attribute ds-cfg-listen-address belongs to no property: it is kept",
        "warning: /root-dn/root-dn-user/Directory Manager: "
        "the attributes givenName, sn, userPassword belong to no property: they are kept",
    ]


def test_a_component_that_has_to_be_restarted_waits_until_it_was_disabled(opendj: OpenDj) -> None:
    handler = ("--handler-name", "LDAPS Connection Handler")
    ask(opendj, "set-connection-handler-prop", *handler, "--set", "ssl-client-auth-policy:disabled")
    waits = "ssl-client-auth-policy yet: it counts once the object has been disabled and enabled again"
    told = ask(opendj, "get-connection-handler-prop", *handler).err
    assert waits in told
    assert waits in ask(opendj, "check").err
    assert "ssl-client-auth-policy of /connection-handler/LDAPS" in ask(opendj, "followers").out
    ask(opendj, "undo", "1")
    assert waits not in ask(opendj, "get-connection-handler-prop", *handler).err
