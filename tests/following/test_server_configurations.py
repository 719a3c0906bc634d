"""The configuration of a server with a schema of its own, followed: OpenLDAP and 389 Directory Server, whoever changes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import confobjects
from confobjects.definitions.model import HOLDER_CLASS
from confobjects.dn import DN
from confobjects.errors import CannotConnectError, ConstraintError
from confobjects.following import Live
from confobjects.management.history.interrupted import finish_interrupted
from confobjects.mapping.entry import AddEntry, DeleteEntry, Entry
from confobjects.storage.ldap.watch import POLL, LdapWatch
from tests.following.services import LONG, Told, shorten
from tests.management.foreign import EXAMPLES, Managed, change, manage_ds389, manage_slapd, set_to
from tests.management.test_foreign_servers import MAPPING, die
from tests.servers.ds389 import Ds389
from tests.servers.slapd import Slapd

_TELLING = """\
dn: olcOverlay=syncprov,olcDatabase={0}config,cn=config
changetype: add
objectClass: olcOverlayConfig
objectClass: olcSyncProvConfig
olcOverlay: syncprov
"""
SETTINGS = "/server-settings"
WAYS = {"389-ds": "persistent", "slapd": "sync", "silent slapd": "poll"}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of this user for the state of servers."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[str], Managed]]:
    """Each server, started when a test first asks for it."""
    made: dict[str, Slapd | Ds389] = {}

    def start(name: str) -> Managed:
        if name not in made:
            made[name] = (Ds389 if name == "389-ds" else Slapd)().__enter__()
            if name == "slapd":
                made[name].change_configuration(_TELLING)
        server = made[name]
        return manage_ds389(server) if isinstance(server, Ds389) else manage_slapd(server)

    yield start
    for server in made.values():
        server.__exit__(None, None, None)


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def managed(servers: Callable[[str], Managed], way: str) -> Iterator[Managed]:
    made = servers(way)
    yield made
    made.clear(made.attribute)


def follow(managed: Managed, **options: Any) -> Live:
    login: dict[str, Any] = {"bind_dn": managed.user, "bind_password": managed.password}
    return confobjects.live(managed.url, definitions=[str(EXAMPLES / managed.family)], **login, **options)


def settle(live: Live) -> str | None:
    """Wait until every change is heard, and return how."""
    assert live.wait_until(lambda: live.stale is None, LONG)
    assert live._loop is not None
    watch = live._loop.hearing.watch
    assert isinstance(watch, LdapWatch)
    deadline = time.monotonic() + LONG
    while watch._line is None or watch._line.way is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return watch._line.way


def test_each_change_is_heard_whoever_makes_it(managed: Managed, way: str) -> None:
    told = Told()
    with follow(managed) as live, managed.open() as ctx:
        live.listen()(told)
        assert settle(live) == WAYS[way]
        managed.put(managed.attribute, "31")
        told.wait(1)
        number = change(ctx, set_to({managed.setting: 32}))
        told.wait(2)
        assert live.wait_for(number or 0, LONG)
        managed.clear(managed.attribute)
        told.wait(3)
        assert live.problems == ()
    assert shorten(told.events) == [("changed", SETTINGS, (managed.setting,), one) for one in (None, 1, None)]
    assert [event.after[managed.setting] for event in told.events if event.after][:2] == [31, 32]


def test_objects_that_come_and_go_are_heard(servers: Callable[[str], Managed]) -> None:
    managed, told = servers("389-ds"), Told()
    with follow(managed) as live, managed.open() as ctx:
        live.listen()(told)
        settle(live)
        change(ctx, lambda tx: tx.create("sasl-mapping", "one", MAPPING))
        told.wait(1)  # changes that are heard of together are told as one
        change(ctx, lambda tx: tx.set("sasl-mapping", "one", {"priority": 7}))
        told.wait(2)
        managed.edit("dn: cn=one,cn=mapping,cn=sasl,cn=config\nchangetype: delete\n")
        told.wait(3)
        assert ("sasl-mapping", "one") not in live
    assert [(one.kind, str(one.path), one.number) for one in told.events] == [
        ("added", "/sasl-mapping/one", 1),
        ("changed", "/sasl-mapping/one", 2),
        ("deleted", "/sasl-mapping/one", None),
    ]


def test_a_change_is_heard_soon(managed: Managed, way: str) -> None:
    """The limits are generous: `make bench` has the figures. Where a server tells nothing, it is asked every 2 seconds."""
    told, taken = Told(), []
    with follow(managed) as live:
        live.listen()(told)
        settle(live)
        for turn in range(3):
            managed.put(managed.attribute, str(40 + turn))
            began = time.monotonic()
            told.wait(turn + 1)
            taken.append(time.monotonic() - began)
    assert sorted(taken)[1] < (2 * POLL if WAYS[way] == "poll" else POLL / 2)


def test_a_server_that_restarts_is_heard_again_and_what_changed_meanwhile_is_told(managed: Managed) -> None:
    told = Told()
    with follow(managed) as live:
        live.listen()(told)
        settle(live)
        managed.put(managed.attribute, "50")
        told.wait(1)
        managed.server.process.terminate()
        managed.server.process.wait()
        assert live.wait_until(lambda: live.stale is not None, LONG)
        assert live["server-settings"][managed.setting] == 50
        managed.server.start()
        managed.put(managed.attribute, "51")
        managed.put(managed.attribute, "52")
        told.wait_until(lambda: live["server-settings"][managed.setting] == 52)
        assert live.wait_until(lambda: live.stale is None and not live.problems, LONG)
        with managed.open() as ctx:
            number = change(ctx, set_to({managed.setting: 53}))
        assert live.wait_for(number or 0, LONG)
        told.wait_until(lambda: told.events[-1].number == number)
    about = [event for event in told.events if managed.setting in event.properties]
    values = [event.after[managed.setting] for event in about if event.after]
    assert values == sorted(set(values)), shorten(told.events)  # none twice, none in reverse
    assert (values[0], values[-1]) == (50, 53)


def test_the_report_of_a_follower_lies_beside_the_client(managed: Managed) -> None:
    before = managed.entries()
    with follow(managed, follower="web-1") as live, managed.open() as ctx:
        settle(live)
        number = change(ctx, set_to({managed.setting: 60}))
        assert live.wait_for(number or 0, LONG)
        deadline = time.monotonic() + LONG
        while [(one.name, one.number) for one in ctx.storage.followers()] != [("web-1", number)]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert "follower" not in managed.entries().lower()
        ctx.undo(number or 0)
        assert live.wait_for(2, LONG)
        assert ctx.storage.followers() != []
    with managed.open() as ctx:
        assert ctx.storage.followers() == []
    managed.clear(managed.attribute)
    assert len(managed.entries().splitlines()) == len(before.splitlines())


def test_a_refused_change_leaves_what_is_in_effect_and_its_number(servers: Callable[[str], Managed]) -> None:
    managed = servers("389-ds")
    with follow(managed) as live, managed.open() as ctx:
        settle(live)
        assert change(ctx, set_to({managed.setting: 70})) == 1
        assert live.wait_for(1, LONG)
        with pytest.raises(ConstraintError):
            change(ctx, set_to({"max-descriptors": 999_999_999}))
        newest = change(ctx, set_to({managed.setting: 71}))
        assert live.wait_for(newest or 0, LONG)
        assert [one.number for one in ctx.history()] == [1, newest]
        assert live.number == newest
        ctx.undo_to(0)


def test_an_interrupted_change_is_a_problem_until_somebody_has_looked_after_it(
    servers: Callable[[str], Managed], state: Path
) -> None:
    """Its plan lies in the state: only there it can be heard that nothing was made of it."""
    managed = servers("slapd")
    with follow(managed) as live:
        settle(live)
        die(managed.server, state, steps=0)
        assert live.wait_until(lambda: live.problems, LONG)
        assert live.problems[0].summary.startswith("change 1 was interrupted")
        with managed.open() as ctx:
            assert finish_interrupted(ctx.storage)
        assert live.wait_until(lambda: not live.problems, LONG)


def test_definitions_that_are_kept_beside_are_heard_of(servers: Callable[[str], Managed]) -> None:
    managed = servers("slapd")
    branch = DN.parse("cn=Definitions,cn=config")
    text = '{"name": "extra", "version": 1, "synopsis": 3}'
    classes = ("top", HOLDER_CLASS)
    held = Entry(branch.child("cn", "extra"), {"objectClass": classes, "cn": ("extra",), "ds-cfg-definition": (text,)})
    above = Entry(branch, {"objectClass": ("top", "ds-cfg-branch"), "cn": ("Definitions",)})
    with follow(managed) as live, managed.open() as ctx:
        settle(live)
        with ctx.storage.writing():
            ctx.storage.commit([AddEntry(above), AddEntry(held)])
        # That there are others is known before they are judged.
        assert live.wait_until(lambda: any("extra" in str(problem) for problem in live.problems), LONG)
        assert "extra" not in managed.entries()
        with ctx.storage.writing():
            ctx.storage.commit([DeleteEntry(held.dn)])
        assert live.wait_until(lambda: not live.problems, LONG)


def test_a_server_that_is_away_at_the_start_is_an_error_unless_it_is_waited_for(
    servers: Callable[[str], Managed],
) -> None:
    managed = servers("slapd")
    managed.server.process.terminate()
    managed.server.process.wait()
    try:
        with pytest.raises(CannotConnectError), follow(managed):
            pass
    finally:
        managed.server.start()
