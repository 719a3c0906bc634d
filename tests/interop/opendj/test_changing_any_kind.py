"""The configuration of OpenDJ with the family of all its kinds: changed by commands, by a batch, and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.sessions import Outcome, run
from tests.servers import processes
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


def attempt(opendj: OpenDj, *words: str) -> Outcome:
    """Run a command of ours on the server's own configuration."""
    login = ("-D", ROOT_DN, "-j", str(opendj.password_file), "-P", str(opendj.authority_file), "-n")
    return run(*words, "--url", opendj.tls_url, *login)


def ask(opendj: OpenDj, *words: str, status: int = 0) -> Outcome:
    """Run such a command, and expect how it ends: by default, that it is done."""
    done = attempt(opendj, *words)
    assert done.status == status, done.err
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


SYNCHRONIZATION = ("--provider-name", "Multimaster Synchronization")


def test_a_setting_in_an_operational_attribute_is_read_and_put_back(opendj: OpenDj) -> None:
    """A search for all attributes does not return it; an undo has to give it back all the same."""
    named = (*SYNCHRONIZATION, "--domain-name", "Ours")
    values = ("base-dn:ou=ours,dc=example,dc=com", "replication-server:localhost:8989", "server-id:7")
    ask(opendj, "create-replication-domain", *named, *(word for value in values for word in ("--set", value)))
    ask(opendj, "set-replication-domain-prop", *named, "--set", "solve-conflicts:false")
    get = ("get-replication-domain-prop", *named, "--advanced", "--property", "solve-conflicts", "-s")
    assert ask(opendj, *get).out.split() == opendj.dsconfig(*get).split() == ["solve-conflicts", "false"]
    ask(opendj, "set-replication-domain-prop", *named, "--reset", "solve-conflicts")
    assert ask(opendj, *get).out.split() == opendj.dsconfig(*get).split() == ["solve-conflicts", "true"]
    ask(opendj, "undo", "3")
    assert ask(opendj, *get).out.split() == opendj.dsconfig(*get).split() == ["solve-conflicts", "false"]
    ask(opendj, "delete-replication-domain", *named)


def test_what_is_stored_and_refused_without_a_reason_is_taken_back(opendj: OpenDj) -> None:
    """A component of the server fails, and the result is -1."""
    given = ("--set", f"replication-port:{processes.free_port()}", "--set", "replication-server-id:7")
    ask(opendj, "create-replication-server", *SYNCHRONIZATION, *given)
    before = configuration(opendj)
    wrong = ("--set", "replication-server:ldap://localhost:1389")
    refused = attempt(opendj, "set-replication-server-prop", *SYNCHRONIZATION, *wrong)
    assert refused.status
    assert "result -1" in refused.err
    assert configuration(opendj) == before
    ask(opendj, "delete-replication-server", *SYNCHRONIZATION)


def test_every_object_of_a_fresh_server_is_right(opendj: OpenDj) -> None:
    """The administrator is a person as well, whose attributes are no mistakes."""
    checked = ask(opendj, "check")
    assert checked.out.startswith("158 objects: 0 errors, ")
    assert "to no property" not in checked.err


def test_a_read_only_value_that_differs_from_its_default_is_shown_and_set_on_creation_only(opendj: OpenDj) -> None:
    """Set-up has stored another address than the default; a handler of ours gets one as well."""
    before = configuration(opendj)
    address = ("--property", "listen-address", "-s")
    handler = ("--handler-name", "Ours")
    given = ("enabled:false", "listen-port:1161", "trap-port:1162", "listen-address:127.0.0.2")
    sets = [word for text in given for word in ("--set", text)]
    ask(opendj, "create-connection-handler", *handler, "--type", "snmp", *sets)
    for name, shown in (("SNMP Connection Handler", "127.0.0.1"), ("Ours", "127.0.0.2")):
        words = ("get-connection-handler-prop", "--handler-name", name, *address)
        assert ask(opendj, *words).out.split() == opendj.dsconfig(*words).split() == ["listen-address", shown]
    refused = ask(opendj, "set-connection-handler-prop", *handler, "--set", "listen-address:127.0.0.3", status=2)
    assert "listen-address is read-only: it can be set only when the object is created" in refused.err
    assert "keep its value: 127.0.0.2" in refused.err
    assert "listen-address" not in ask(opendj, "check").err
    ask(opendj, "delete-connection-handler", *handler)
    ask(opendj, "undo", "2")
    assert "ds-cfg-listen-address: 127.0.0.2\n" in opendj.ldapsearch("-b", "cn=Ours,cn=Connection Handlers,cn=config")
    ask(opendj, "delete-connection-handler", *handler)
    assert configuration(opendj) == before


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
