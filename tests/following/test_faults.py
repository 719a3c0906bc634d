"""A service goes on through whatever happens to its storage: it misses nothing, and hears of nothing twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

import confobjects
from confobjects.errors import CannotConnectError, ConstraintError, StorageError
from confobjects.following import Live, LiveEvent
from tests.following.directories import REGISTRY, Directory
from tests.following.services import LONG, ONE, File, Told
from tests.servers import ds389
from tests.servers import slapd as openldap
from tests.servers.ds389 import Ds389
from tests.servers.fixtures import schema_of_everything
from tests.servers.proxies import Relay
from tests.servers.slapd import Slapd
from tests.servers.timing import PassingTime

BASE = f"cn=followed,{openldap.SUFFIX}"
FAST = 30.0
"""How much faster time passes for a service: signs of life and pauses take seconds then, not minutes."""


def make_server(**options: Any) -> Slapd:
    return Slapd(schema=(openldap.TEST_SCHEMA, schema_of_everything("openldap")), **options)


@pytest.fixture(scope="module")
def own_ds389() -> Iterator[Ds389]:
    """A 389 Directory Server that tests may kill; they share it, because it takes seconds to make."""
    with Ds389(schema=(ds389.TEST_SCHEMA, schema_of_everything("rfc4512"))) as made:
        made.index_history()
        yield made


@pytest.fixture(params=["told", "asked", "389-ds"])
def server(request: pytest.FixtureRequest) -> Iterator[Slapd | Ds389]:
    """A server that a test may kill: two that tell of changes, and one that has to be asked."""
    if request.param == "389-ds":
        yield request.getfixturevalue("own_ds389")
        return
    with make_server(tells_changes=request.param == "told") as made:
        yield made


def configure(server: Slapd | Ds389, port: int = 0, base: str = BASE) -> Directory:
    """Return the configuration on a server, reached through another port if one is given."""
    url = f"ldap://127.0.0.1:{port or server.port}/{base}"
    kind = ds389 if isinstance(server, Ds389) else openldap
    return Directory(url, is_new=False, bind_dn=kind.ROOT_DN, bind_password=kind.PASSWORD)


def end(server: Slapd | Ds389) -> None:
    server.process.terminate()
    server.process.wait()


def copy_files(source: Path, target: Path) -> None:
    """Copy a directory with its owners and times."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def host(live: Live) -> str:
    return str(live[ONE]["smtp-server"].host)


def numbers(told: Told) -> list[int | None]:
    return [one.number for one in told.events]


def test_a_server_that_is_killed_and_started_again(server: Slapd | Ds389) -> None:
    directory, told = configure(server, base=f"cn=killed,{openldap.SUFFIX}").fill(), Told()
    with directory.live(timing=PassingTime(FAST).timing, deadline=10.0) as live:
        live.listen()(told)
        for number in range(2, 8, 2):
            server.process.kill()
            server.process.wait()
            assert live.wait_until(lambda: live.stale is not None and live.problems, LONG)
            server.start()
            for more in range(2):
                directory.set(smtp_server=f"h{number + more}.example.com")
            assert live.wait_for(number + 1, LONG)
            assert live.wait_until(lambda: live.stale is None and not live.problems, LONG)
            assert host(live) == f"h{number + 1}.example.com"
    assert numbers(told) == list(range(2, 8))
    assert not any(one.restored for one in told.events)


def test_a_server_that_hangs_and_goes_on(server: Slapd | Ds389) -> None:
    directory, told = configure(server, base=f"cn=hung,{openldap.SUFFIX}").fill(), Told()
    with directory.live(timing=PassingTime(FAST).timing, deadline=2.0) as live:
        live.listen()(told)
        server.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, server.process.pid, os.WSTOPPED | os.WNOWAIT)
        try:
            assert live.wait_until(lambda: live.stale is not None, LONG)
            assert host(live) == "first.example.com"
        finally:
            server.process.send_signal(signal.SIGCONT)
        directory.set(smtp_server="second.example.com")
        assert live.wait_for(2, LONG)
        assert live.wait_until(lambda: live.stale is None and not live.problems, LONG)
        assert (numbers(told), host(live)) == ([2], "second.example.com")


def test_a_network_that_swallows_what_it_is_given(server: Slapd | Ds389) -> None:
    base = f"cn=swallowed,{openldap.SUFFIX}"
    with Relay(server.port) as relay:
        check_swallowing(configure(server, base=base).fill(), relay, configure(server, relay.port, base))


def check_swallowing(directory: Directory, relay: Relay, far: Directory) -> None:
    told = Told()
    with far.live(timing=PassingTime(FAST).timing, deadline=2.0, connect_timeout=2.0) as live:
        live.listen()(told)
        relay.freeze()
        for number in range(2, 5):
            directory.set(smtp_server=f"h{number}.example.com")
        assert live.wait_until(lambda: live.stale is not None, LONG)
        assert (host(live), told.events) == ("first.example.com", [])
        relay.cut()
        relay.thaw()
        assert live.wait_for(4, LONG)
        assert live.wait_until(lambda: live.stale is None and not live.problems, LONG)
        assert (numbers(told), host(live)) == ([2, 3, 4], "h4.example.com")


@pytest.mark.parametrize("changes", [0, 2, 3])
def test_a_directory_that_is_restored_from_an_older_backup(changes: int) -> None:
    with make_server() as server:
        check_restoring(server, configure(server).fill(), changes)


def test_a_389_ds_that_is_restored_from_an_older_backup(own_ds389: Ds389) -> None:
    check_restoring(own_ds389, configure(own_ds389, base=f"cn=restored,{ds389.SUFFIX}").fill(), 2)


def check_restoring(server: Slapd | Ds389, directory: Directory, changes: int) -> None:
    told, blocked, free = Told(), Event(), Event()

    def block(event: LiveEvent) -> None:
        """Keep the service from looking at the next changes."""
        blocked.set()
        assert free.wait(LONG)

    end(server)
    copy_files(server.database_directory, server.root / "backup")
    server.start()
    directory.set(smtp_server="lost2.example.com")
    with directory.live(timing=PassingTime(FAST).timing, deadline=10.0) as live:
        blocking = live.listen()(block)
        live.listen()(told)
        directory.set(smtp_server="lost3.example.com")
        assert blocked.wait(LONG)
        end(server)
        shutil.rmtree(server.database_directory)
        (server.root / "backup").rename(server.database_directory)
        server.start()
        for number in range(changes):
            directory.set(smtp_server=f"new{number}.example.com")
        blocking.remove()
        free.set()
        expected = f"new{changes - 1}.example.com" if changes else "first.example.com"
        assert live.wait_until(lambda: host(live) == expected, LONG)
        assert [(one.restored, one.number) for one in told.wait(2)] == [(False, 3), (True, None)]
        assert live.wait_until(lambda: live.number == 1 + changes, LONG)
        directory.set(smtp_server="later.example.com")
        assert live.wait_for(2 + changes, LONG)
        assert [(one.restored, one.number) for one in told.events[2:]] == [(False, 2 + changes)]


def test_many_changes_of_several_writers_at_once_are_told_once_and_in_order(directory: Directory) -> None:
    told, most = Told(), 10

    def write(name: str) -> None:
        for number in range(most):
            with directory.change() as tx:
                for part in ("a", "b"):
                    values = {"enabled": True, "smtp-server": f"{name}.example.com"}
                    tx.create("mail-server", f"{name}{number}{part}", values)

    with directory.live() as live:
        halves: list[str] = []

        @live.listen()
        def look(event: LiveEvent) -> None:
            there = {one.name for one in live.configuration.of("mail-server")}
            halves.extend(name for name in there - {"one"} if {name[:-1] + "a", name[:-1] + "b"} - there)

        live.listen()(told)
        writers = [Thread(target=write, args=(name,)) for name in ("x", "y")]
        for one in writers:
            one.start()
        for one in writers:
            one.join(LONG)
        assert live.wait_until(lambda: len(live.configuration.of("mail-server")) == 1 + 4 * most, LONG)
        assert look.name.endswith("look")
    found = numbers(told)
    assert None not in found
    assert found == sorted(found, key=lambda number: number or 0)
    assert sorted(str(one.path) for one in told.events) == sorted(
        f"/mail-server/{name}{number}{part}" for name in "xy" for number in range(most) for part in "ab"
    )
    assert halves == []
    with confobjects.open(directory.url, definitions=REGISTRY) as context:
        assert [one.number for one in context.history()] == list(range(1, 2 * most + 2))  # a gap could be filled later


def test_changes_of_one_object_each_of_several_writers_at_once_are_told_once_and_in_order(directory: Directory) -> None:
    """The writers keep their connections, so they meet at every number; each changes an object of its own."""
    told, names, most = Told(), ("x", "y", "z"), 30

    def write(name: str) -> None:
        with confobjects.open(directory.url, definitions=REGISTRY) as context:
            for number in range(most):
                with context.change() as tx:
                    tx.set("mail-server", name, {"smtp-server": f"{name}{number}.example.com"})

    with directory.change() as tx:
        for name in names:
            tx.create("mail-server", name, {"enabled": True, "smtp-server": "first.example.com"})
    with directory.live() as live:
        live.listen()(told)
        writers = [Thread(target=write, args=(name,)) for name in names]
        for one in writers:
            one.start()
        for one in writers:
            one.join(LONG)
        with confobjects.open(directory.url, definitions=REGISTRY) as context:
            assert live.wait_for(context.history()[-1].number, LONG)
    found = numbers(told)
    assert None not in found
    assert found == sorted(set(found), key=lambda number: number or 0)
    for name in names:
        mine = [one.after["smtp-server"].host for one in told.events if one.path.name == name and one.after]
        assert mine == [f"{name}{number}.example.com" for number in range(most)]


def test_a_clock_that_jumps_changes_nothing(tmp_path: Path) -> None:
    file, told, time = File(tmp_path), Told(), PassingTime()
    day = [0.0]
    with file.live(timing=time.timing, clock=lambda: day[0]) as live:
        live.listen()(told)
        for number, jump in enumerate((86400.0 * 400, -86400.0 * 4000, 3600.0), start=2):
            time.skip(abs(jump))  # the clock of the machine itself only goes forward
            day[0] += jump
            file.set(smtp_server=f"h{number}.example.com")
            assert live.wait_for(number, LONG)
        assert (numbers(told), live.problems, live.stale) == ([2, 3, 4], (), None)


# -- starting ----------------------------------------------------------------------------------------------------------


def test_a_service_may_wait_for_its_file(tmp_path: Path) -> None:
    file = File(tmp_path)
    away = file.path.rename(tmp_path / "away")
    with pytest.raises(StorageError), file.live(wait=5.0, timing=PassingTime(FAST).timing):
        pass
    tries: list[float] = []

    def come(least: float, most: float) -> float:
        tries.append(most)
        if len(tries) == 3:
            away.rename(file.path)
        return 0.0

    with file.live(wait=LONG, timing=PassingTime().timing.replace(draw=come)) as live:
        assert host(live) == "first.example.com"
    assert tries == [0.25, 0.5, 1.0]


def test_a_service_may_wait_for_its_directory() -> None:
    with make_server() as server:
        directory = configure(server).fill()
        end(server)
        with pytest.raises(CannotConnectError), directory.live():
            pass
        tries: list[float] = []

        def come(least: float, most: float) -> float:
            tries.append(most)
            if len(tries) == 2:
                server.start()
            return 0.0

        with directory.live(wait=LONG, timing=PassingTime().timing.replace(draw=come)) as live:
            assert host(live) == "first.example.com"
            directory.set(smtp_server="second.example.com")
            assert live.wait_for(2, LONG)
        assert tries[:2] == [0.25, 0.5]


def test_a_configuration_that_does_not_hold_is_not_waited_for(tmp_path: Path) -> None:
    file = File(tmp_path)
    file.edit("ds-cfg-enabled: true", "ds-cfg-enabled: true\nds-cfg-use-ssl: true\nds-cfg-use-start-tls: true")
    drawn = PassingTime()
    with pytest.raises(ConstraintError), file.live(wait=LONG, timing=drawn.timing):
        pass
    assert drawn.drawn == []
