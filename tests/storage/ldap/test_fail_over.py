"""Two directories that replicate to each other: one is used as long as it answers, then the other."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from time import monotonic, sleep
from typing import Any

import pytest

import confobjects
from confobjects.dn import DN
from confobjects.errors import CannotConnectError
from confobjects.management import ManagementContext
from confobjects.mapping.entry import AddEntry, Entry
from confobjects.objects.changes import PropertyChanges
from confobjects.storage import Storage, open_storage
from tests.servers import processes
from tests.servers import slapd as openldap
from tests.servers.fixtures import schema_of_everything
from tests.servers.slapd import TEST_SCHEMA, Slapd

BASE = DN.parse(f"cn=config,{openldap.SUFFIX}")
PATIENCE = 30.0
Pair = tuple[Slapd, Slapd]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two servers; each takes writes and sends them to the other by delta-syncrepl."""
    ports = [processes.free_port(), processes.free_port()]
    schema = (TEST_SCHEMA, schema_of_everything("openldap"))
    # Both begin with the same entries, which only the first has: the second one gets them from it.
    with (
        Slapd(schema=schema, number=1, port=ports[0], peers=(ports[1],)) as one,
        Slapd(schema=schema, number=2, port=ports[1], peers=(ports[0],), entries="") as two,
    ):
        until(lambda: "dn: " in found(two, openldap.SUFFIX))
        yield one, two


def found(server: Slapd, dn: str) -> str:
    try:
        return server.ldapsearch("-b", dn, "-s", "base")
    except subprocess.CalledProcessError as error:
        return str(error.stderr)


def until(true: Callable[[], bool]) -> None:
    """Wait for the servers to have told each other."""
    end = monotonic() + PATIENCE
    while not true():
        assert monotonic() < end, "the servers do not replicate"
        sleep(0.02)


def options(seconds: float = 0.5) -> dict[str, Any]:
    return {
        "base": BASE,
        "bind_dn": openldap.ROOT_DN,
        "bind_password": openldap.PASSWORD,
        "deadline": seconds,
        "connect_timeout": seconds,
    }


def urls(pair: Pair) -> str:
    return f"{pair[0].url} {pair[1].url}"


def add(storage: Storage, name: str) -> None:
    dn = BASE if name == BASE.name else BASE.child("cn", name)
    with storage.writing():
        storage.commit([AddEntry(Entry(dn, {"objectClass": ("top", "branch"), "cn": (name,)}))])


def is_on(server: Slapd, dn: DN) -> bool:
    return "dn: " in found(server, str(dn))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_the_other_server_goes_on(pair: Pair, number: signal.Signals) -> None:
    one, two = pair
    storage = open_storage(urls(pair), **options())
    add(storage, "config")
    until(lambda: is_on(two, BASE))
    one.process.send_signal(number)
    assert storage.read(BASE) is not None
    add(storage, "after")
    assert is_on(two, BASE.child("cn", "after"))
    storage.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_a_write_goes_to_the_other_server_when_it_has_surely_not_happened(pair: Pair, number: signal.Signals) -> None:
    one, two = pair
    storage = open_storage(urls(pair), **options())
    add(storage, "config")
    until(lambda: is_on(two, BASE))
    one.process.send_signal(number)
    add(storage, "after")  # sent to a server that never answers; the other one shows that it is not there
    assert is_on(two, BASE.child("cn", "after"))
    storage.close()


def test_it_stays_with_one_server_and_comes_back_when_that_one_goes(pair: Pair) -> None:
    one, two = pair
    storage = open_storage(urls(pair), **options(5.0))
    add(storage, "config")
    until(lambda: is_on(two, BASE))
    one.process.kill()
    one.process.wait()
    add(storage, "on the second")
    one.start()
    until(lambda: is_on(one, BASE.child("cn", "on the second")))
    two.process.kill()
    two.process.wait()
    add(storage, "on the first")
    assert is_on(one, BASE.child("cn", "on the first"))
    storage.close()


def test_when_both_are_gone_each_is_told_of(pair: Pair) -> None:
    for server in pair:
        server.process.kill()
        server.process.wait()
    storage = open_storage(urls(pair), **options())
    with pytest.raises(CannotConnectError) as caught:
        storage.read(BASE)
    assert [problem.summary for problem in caught.value.diagnostics] == [
        f"{server.url.rstrip('/')} refused the connection: nothing listens there" for server in pair
    ]


def opened(pair: Pair) -> ManagementContext:
    return confobjects.open(urls(pair), **options())


def test_objects_and_their_history_go_on_as_well(pair: Pair) -> None:
    one, two = pair
    with opened(pair) as ctx:
        ctx.create("mail-server", "one", {"enabled": True, "smtp-server": "h"})
        path = ctx.get("mail-server", "one").path
        until(lambda: is_on(two, ctx.mapper.dn(path)))
        one.process.send_signal(signal.SIGSTOP)
        ctx.modify("mail-server", "one", PropertyChanges(set={"auth-username": ["u"]}))
        assert ctx.get("mail-server", "one").values["auth-username"] == ("u",)
        assert [record.changes[-1].action for record in ctx.history()] == ["create", "modify"]


def test_two_clients_on_the_two_servers_keep_both_changes_of_different_properties(pair: Pair) -> None:
    one, two = pair
    with confobjects.open(one.url, **options(5.0)) as first, confobjects.open(two.url, **options(5.0)) as second:
        first.create("mail-server", "one", {"enabled": True, "smtp-server": "h"})
        dn = first.mapper.dn(first.get("mail-server", "one").path)
        until(lambda: is_on(two, dn))
        first.modify("mail-server", "one", PropertyChanges(set={"auth-username": ["u"]}))
        until(lambda: "auth-username: u" in found(two, str(dn)))
        second.modify("mail-server", "one", PropertyChanges(set={"smtp-server": ["other"]}))
        until(lambda: "smtp-server: other" in found(one, str(dn)))
        assert first.get("mail-server", "one").values["auth-username"] == ("u",)
