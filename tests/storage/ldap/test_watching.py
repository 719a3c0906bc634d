"""Watches of directories: what they cost, and how they come back from whatever a server or a network does to them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from confobjects.dn import DN
from confobjects.mapping.entry import AddEntry, Change, DeleteEntry, Entry, Modification, ModifyEntry, RenameEntry
from confobjects.mapping.journal import Note
from confobjects.mapping.protocol import Notice
from confobjects.storage import open_storage
from confobjects.storage.ldap.store import LdapStorage
from confobjects.storage.ldap.watch import COMPARE, QUIET, LdapWatch
from tests.servers import ds389, fake_ldap, processes
from tests.servers import slapd as openldap
from tests.servers.ds389 import Ds389
from tests.servers.fake_ldap import SEARCH, FakeLdap, Reply, answer
from tests.servers.fixtures import schema_of_everything
from tests.servers.proxies import Relay
from tests.servers.slapd import Slapd
from tests.servers.timing import InstantTime, PassingTime
from tests.storage.mirror import PATIENCE, Mirror
from tests.storage.test_watching import BRANCH, CHANGES, TWO

BASE = DN.parse(f"cn=config,{openldap.SUFFIX}")
ONE = BASE.child("cn", "one")
LOGIN: dict[str, Any] = {"bind_dn": openldap.ROOT_DN, "bind_password": openldap.PASSWORD}
WRONG = "wrong canary 3C"


def add(dn: DN, **attributes: tuple[str, ...]) -> Change:
    return AddEntry(Entry(dn, {"objectClass": ("top", "branch"), "cn": (dn.name,), **attributes}))


def set_a(dn: DN, value: str) -> Change:
    return ModifyEntry(dn, (Modification("replace", "a", (value,)),))


def commit(storage: LdapStorage, *changes: Change) -> None:
    with storage.writing():
        storage.commit(changes)


def open_directory(url: str, **options: Any) -> LdapStorage:
    storage = open_storage(url, base=BASE, **{**LOGIN, "deadline": 5.0, **options})
    assert isinstance(storage, LdapStorage)
    return storage


def way_of(watch: LdapWatch) -> str | None:
    assert watch._line is not None
    return watch._line.way


def is_lost(watch: LdapWatch) -> bool:
    return watch.stale is not None


def is_at_rest(watch: LdapWatch) -> bool:
    return watch._line is not None and not watch._line.awaited


def wait_until(watch: LdapWatch, true: Callable[[LdapWatch], bool], mirror: Mirror | None = None) -> None:
    """Let a watch work until something is true of it."""
    for _ in range(2000):
        notice = watch.wait(0.02)
        if notice is not None and mirror is not None:
            mirror.take(notice)
        if true(watch):
            return
    pytest.fail(f"it does not become true; stale: {watch.stale}, {watch.problems}")


@pytest.fixture(scope="module")
def silent_slapd() -> Iterator[Slapd]:
    """A server without the overlay that tells of changes."""
    with Slapd(schema=(openldap.TEST_SCHEMA, schema_of_everything("openldap")), tells_changes=False) as server:
        yield server


@pytest.fixture
def own_slapd() -> Iterator[Slapd]:
    """A server that a test may kill, with an empty configuration."""
    with Slapd() as server, open_directory(server.url) as storage:
        commit(storage, add(BASE))
        yield server


@pytest.fixture
def time() -> PassingTime:
    return PassingTime()


@pytest.fixture(params=["389-ds", "slapd"])
def server(request: pytest.FixtureRequest) -> Slapd | Ds389:
    """A server that tells of changes, with an empty configuration."""
    made: Slapd | Ds389 = request.getfixturevalue("slapd" if request.param == "slapd" else "ds389_server")
    with open_on(made) as storage:
        clear(storage)
        commit(storage, add(BASE))
    return made


def open_on(server: Slapd | Ds389, **options: Any) -> LdapStorage:
    if isinstance(server, Ds389):
        options = {"bind_dn": ds389.ROOT_DN, "bind_password": ds389.PASSWORD, **options}
    return open_directory(server.url, **options)


def clear(storage: LdapStorage) -> None:
    for entry in sorted(storage.search(BASE, "sub"), key=lambda one: -len(one.dn)):
        commit(storage, DeleteEntry(entry.dn))


# -- what is told ------------------------------------------------------------------------------------------------------


def settle(mirror: Mirror, time: PassingTime) -> None:
    """Let the watch compare for the last time after its beginning."""
    mirror.follow()
    time.skip(2.0)
    mirror.drain()
    mirror.comparisons = mirror.reads = 0


def test_a_change_is_told_by_its_name_alone(server: Slapd | Ds389, time: PassingTime) -> None:
    with open_on(server) as storage, storage.watch(time.timing) as watch:
        mirror = Mirror(storage, watch)
        settle(mirror, time)
        assert way_of(watch) == ("sync" if isinstance(server, Slapd) else "persistent")
        commit(storage, add(ONE))
        mirror.follow()
        for number in range(10):
            commit(storage, set_a(ONE, str(number)))
        mirror.follow()
        commit(storage, DeleteEntry(ONE))
        mirror.follow()
        assert mirror.comparisons == 0
        assert mirror.reads <= 12


def test_a_renaming_is_told_as_a_change_of_everything(server: Slapd | Ds389, time: PassingTime) -> None:
    two = BASE.child("cn", "two")
    with open_on(server) as storage, storage.watch(time.timing) as watch:
        mirror = Mirror(storage, watch)
        commit(storage, add(ONE), add(ONE.child("cn", "below")))
        settle(mirror, time)
        commit(storage, RenameEntry(ONE, two))
        mirror.follow()
        commit(storage, set_a(two.child("cn", "below"), "1"))
        mirror.follow()
        assert 1 <= mirror.comparisons <= 2


def test_what_others_write_is_heard(server: Slapd | Ds389, time: PassingTime) -> None:
    with open_on(server) as storage, storage.watch(time.timing) as watch:
        mirror = Mirror(storage, watch)
        mirror.follow()
        for text in ("add\nobjectClass: top\nobjectClass: branch\ncn: one", "modify\nreplace: a\na: 1", "delete"):
            server.ldapmodify(f"dn: {ONE}\nchangetype: {text}\n")
            mirror.follow()


def test_a_change_outside_the_base_calls_nobody(server: Slapd | Ds389, time: PassingTime) -> None:
    outside = f"dn: cn=outside,{openldap.SUFFIX}\nchangetype: "
    with open_on(server) as storage, storage.watch(time.timing) as watch:
        settle(Mirror(storage, watch), time)
        for number in range(5):
            server.ldapmodify(f"{outside}add\nobjectClass: top\nobjectClass: branch\ncn: outside\na: {number}\n")
            server.ldapmodify(f"{outside}delete\n")
        commit(storage, add(ONE))
        assert watch.wait(PATIENCE) == Notice((ONE,))
        assert watch.wait(0) is None


def test_an_operational_change_costs_the_read_of_one_entry(ds389_server: Ds389, time: PassingTime) -> None:
    with open_on(ds389_server) as storage, storage.watch(time.timing) as watch:
        clear(storage)
        commit(storage, add(BASE))
        settle(Mirror(storage, watch), time)
        ds389_server.ldapmodify(f"dn: {BASE}\nchangetype: modify\nadd: nsAccountLock\nnsAccountLock: false\n")
        assert watch.wait(PATIENCE) == Notice((BASE,))
        assert watch.wait(0) is None


def test_of_many_changes_each_is_heard_once(server: Slapd | Ds389, time: PassingTime) -> None:
    """389-ds answers a writer before it tells others, so it may tell two changes in reverse."""
    names = [BASE.child("cn", f"n{number}") for number in range(300)]
    with open_on(server) as storage, storage.watch(time.timing) as watch:
        settle(Mirror(storage, watch), time)
        for dn in names:
            commit(storage, add(dn))
        heard: list[DN] = []
        while len(heard) < len(names):
            notice = watch.wait(PATIENCE)
            assert notice is not None
            assert notice.names is not None
            heard.extend(notice.names)
        assert sorted(heard, key=str) == sorted(names, key=str)
        assert heard == names or isinstance(server, Ds389)


def test_where_nothing_tells_the_beginning_everything_is_compared_twice(ds389_server: Ds389, time: PassingTime) -> None:
    with open_on(ds389_server) as storage, storage.watch(time.timing) as watch:
        wait_until(watch, lambda one: one.stale is None)
        while watch.wait(0) is not None:
            pass
        assert watch.due() is not None
        time.skip(1.0)
        assert watch.wait(0) == Notice()
        assert watch.wait(0) is None


@pytest.mark.parametrize("kind", ["ldaps", "StartTLS", "ldapi"])
def test_changes_are_heard_over_every_kind_of_connection(slapd: Slapd, kind: str) -> None:
    urls = {"ldaps": slapd.tls_url, "StartTLS": slapd.url, "ldapi": slapd.socket_url}
    options: dict[str, Any] = {"trust_all": True} if kind != "ldapi" else {}
    with open_directory(urls[kind], start_tls=kind == "StartTLS", **options) as storage, storage.watch() as watch:
        clear(storage)
        commit(storage, add(BASE))
        mirror = Mirror(storage, watch)
        mirror.follow()
        commit(storage, *(add(BASE.child("cn", f"n{number}")) for number in range(50)))
        mirror.follow()
        assert way_of(watch) == "sync"


# -- polling -----------------------------------------------------------------------------------------------------------


def test_without_the_overlay_the_history_is_followed(silent_slapd: Slapd) -> None:
    time = PassingTime(speed=20.0)
    with open_directory(silent_slapd.url, deadline=20.0) as storage, storage.watch(time.timing) as watch:
        clear(storage)
        commit(storage, add(BASE))
        storage.keep_history()
        mirror = Mirror(storage, watch)
        mirror.follow()
        wait_until(watch, lambda one: way_of(one) == "poll", mirror)
        compared = mirror.comparisons
        storage.close()
        with storage.writing():
            storage.commit([add(ONE)], Note("added"))
        began = time.now()
        while ONE.normal not in mirror.entries:
            notice = watch.wait(PATIENCE * 20)
            assert notice is not None
            mirror.take(notice)
        assert mirror.comparisons == compared or time.now() - began >= COMPARE


def test_without_history_everything_is_compared_once_a_minute(silent_slapd: Slapd, time: PassingTime) -> None:
    with open_directory(silent_slapd.url) as storage, storage.watch(time.timing) as watch:
        clear(storage)
        commit(storage, add(BASE))
        mirror = Mirror(storage, watch)
        mirror.follow()
        wait_until(watch, lambda one: way_of(one) == "poll", mirror)
        mirror.drain()
        compared = mirror.comparisons
        commit(storage, add(ONE))
        time.skip(COMPARE / 2)
        assert watch.wait(0) is None
        time.skip(COMPARE / 2)
        mirror.follow()
        mirror.drain()
        assert mirror.comparisons == compared + 1


@pytest.mark.parametrize("what", CHANGES)
def test_polling_hears_every_kind_of_change_within_a_minute(silent_slapd: Slapd, what: str) -> None:
    time = PassingTime(speed=100.0)
    with open_directory(silent_slapd.url, deadline=500.0) as storage, storage.watch(time.timing) as watch:
        clear(storage)
        commit(storage, add(BASE), add(BRANCH), add(TWO))
        mirror = Mirror(storage, watch)
        mirror.follow()
        wait_until(watch, lambda one: way_of(one) == "poll", mirror)
        commit(storage, *CHANGES[what])
        mirror.follow(100.0 * PATIENCE)
        # The clock runs so fast that the watch may have connected again, and be asking for a better way.
        wait_until(watch, lambda one: way_of(one) == ("poll" if what != "the end" else None), mirror)


def test_a_reader_with_a_size_limit_is_told_by_polling(time: PassingTime) -> None:
    reader: dict[str, Any] = {"bind_dn": openldap.READER_DN, "bind_password": openldap.READER_PASSWORD}
    with Slapd(size_limit="3") as server, open_directory(server.url) as storage:
        commit(storage, add(BASE), *(add(BASE.child("cn", str(number))) for number in range(5)))
        with open_directory(server.url, **reader) as other, other.watch(time.timing) as watch:
            assert watch.wait(PATIENCE) == Notice()
            wait_until(watch, lambda one: way_of(one) == "poll")


# -- what servers and networks do --------------------------------------------------------------------------------------


def test_a_server_that_is_killed_and_started_again(own_slapd: Slapd, time: PassingTime) -> None:
    with open_directory(own_slapd.url) as storage, storage.watch(time.timing) as watch:
        mirror = Mirror(storage, watch)
        mirror.follow()
        before = len(os.listdir("/proc/self/fd"))
        for number in range(3):
            own_slapd.process.kill()
            own_slapd.process.wait()
            wait_until(watch, is_lost)
            wait_until(watch, lambda one: bool(one.problems))
            assert watch.stale is not None
            assert watch.stale <= time.now()
            assert watch.descriptors() == ()
            own_slapd.start()
            own_slapd.ldapmodify(f"dn: {BASE}\nchangetype: modify\nreplace: a\na: {number}\n")
            time.skip(30.0)
            mirror.follow()
            assert not is_lost(watch)
            assert watch.problems == ()
        storage.read(BASE)
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_server_that_is_restored_from_a_backup(own_slapd: Slapd, time: PassingTime) -> None:
    backup = own_slapd.root / "backup"
    with open_directory(own_slapd.url) as storage, storage.watch(time.timing) as watch:
        mirror = Mirror(storage, watch)
        mirror.follow()
        _end(own_slapd)
        shutil.copytree(own_slapd.root / "db", backup)
        own_slapd.start()
        commit(storage, add(ONE))
        time.skip(30.0)
        mirror.follow()
        assert ONE.normal in mirror.entries
        _end(own_slapd)
        shutil.rmtree(own_slapd.root / "db")
        backup.rename(own_slapd.root / "db")
        own_slapd.start()
        time.skip(30.0)
        mirror.follow()
        assert ONE.normal not in mirror.entries
        wait_until(watch, lambda one: one.stale is None and way_of(one) == "sync", mirror)
        commit(storage, add(ONE))
        mirror.follow()


def _end(server: Slapd) -> None:
    server.process.terminate()
    server.process.wait()


def test_a_server_that_hangs(own_slapd: Slapd, time: PassingTime) -> None:
    with open_directory(own_slapd.url, deadline=1.0) as storage, storage.watch(time.timing) as watch:
        mirror = Mirror(storage, watch)
        wait_until(watch, is_at_rest, mirror)
        own_slapd.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, own_slapd.process.pid, os.WSTOPPED | os.WNOWAIT)
        try:
            watch.wait(0)
            assert not is_lost(watch)
            time.skip(QUIET)
            watch.wait(0)  # asks for a sign of life
            assert not is_lost(watch)
            time.skip(1.0)
            watch.wait(0)
            assert is_lost(watch)
            assert "did not answer" in watch.problems[0].summary
        finally:
            own_slapd.process.send_signal(signal.SIGCONT)
        own_slapd.ldapmodify(f"dn: {BASE}\nchangetype: modify\nreplace: a\na: 1\n")
        time.skip(30.0)
        mirror.follow()


def test_a_quiet_server_that_gives_signs_of_life_is_not_lost(server: Slapd | Ds389, time: PassingTime) -> None:
    with open_on(server) as storage, storage.watch(time.timing) as watch:
        settle(Mirror(storage, watch), time)
        line = watch._line
        for _ in range(5):
            assert line is not None
            heard = line.heard
            time.skip(QUIET)
            wait_until(watch, lambda _, heard=heard: line.heard > heard and not line.awaited)  # type: ignore[misc]
        assert watch._line is line
        assert watch.wait(0) is None


def test_a_network_that_forwards_no_more(own_slapd: Slapd, time: PassingTime) -> None:
    with Relay(own_slapd.port) as relay:
        url = f"ldap://127.0.0.1:{relay.port}/"
        with (
            open_directory(own_slapd.url) as storage,
            open_directory(url, deadline=1.0, connect_timeout=1.0) as far,
            far.watch(time.timing) as watch,
        ):
            mirror = Mirror(storage, watch)
            wait_until(watch, is_at_rest, mirror)
            relay.freeze()
            commit(storage, add(ONE))
            time.skip(QUIET)
            watch.wait(0)
            time.skip(1.0)
            watch.wait(0)
            assert is_lost(watch)
            time.skip(30.0)
            assert watch.wait(0) is None  # a connection is accepted, and nobody answers
            relay.cut()
            relay.thaw()
            time.skip(30.0)
            mirror.follow()


def test_a_connection_that_is_closed_when_idle(own_slapd: Slapd, time: PassingTime) -> None:
    with Relay(own_slapd.port) as relay, open_directory(own_slapd.url) as storage:
        url = f"ldap://127.0.0.1:{relay.port}/"
        with open_directory(url) as far, far.watch(time.timing) as watch:
            mirror = Mirror(storage, watch)
            mirror.follow()
            for number in range(1, 4):
                relay.cut()
                commit(storage, set_a(BASE, str(number)))
                wait_until(watch, is_lost)
                time.skip(30.0)
                mirror.follow()
                assert relay.accepted == 1 + number
                assert watch._memory.cookie


def test_servers_are_tried_in_the_order_of_the_urls(own_slapd: Slapd, time: PassingTime) -> None:
    with contextlib.ExitStack() as stack:
        relays = [stack.enter_context(Relay(own_slapd.port)) for _ in range(3)]
        storage = stack.enter_context(open_directory(own_slapd.url))
        urls = " ".join(f"ldap://127.0.0.1:{relay.port}/" for relay in relays)
        far = stack.enter_context(open_directory(urls))
        watch = stack.enter_context(far.watch(time.timing))
        mirror = Mirror(storage, watch)
        mirror.follow()
        assert [relay.accepted for relay in relays] == [1, 0, 0]
        relays[1].close()
        relays[0].close()
        relays[0].cut()
        commit(storage, add(ONE))
        wait_until(watch, is_lost)
        time.skip(30.0)
        mirror.follow()
        assert [relay.accepted for relay in relays] == [1, 0, 1]
        assert watch.problems == ()


def test_the_watch_goes_where_the_storage_reads(own_slapd: Slapd, time: PassingTime) -> None:
    with Relay(own_slapd.port) as one, Relay(own_slapd.port) as two:
        urls = f"ldap://127.0.0.1:{one.port}/ ldap://127.0.0.1:{two.port}/"
        with open_directory(urls) as storage, storage.watch(time.timing) as watch:
            mirror = Mirror(storage, watch)
            mirror.follow()
            one.cut()
            storage.read(BASE)
            assert storage._servers.current.port == two.port
            wait_until(watch, is_lost)
            time.skip(30.0)
            wait_until(watch, lambda one: one.stale is None, mirror)
            assert watch._line is not None
            assert watch._line.session.address.port == two.port


def test_a_watch_moves_to_the_server_that_the_storage_has_moved_to(own_slapd: Slapd, time: PassingTime) -> None:
    with Relay(own_slapd.port) as one, Relay(own_slapd.port) as two:
        urls = f"ldap://127.0.0.1:{one.port}/ ldap://127.0.0.1:{two.port}/"
        with open_directory(urls) as storage, storage.watch(time.timing) as watch:
            wait_until(watch, is_at_rest)
            one.close()
            storage.close()
            storage.read(BASE)
            assert storage._servers.current.port == two.port
            wait_until(watch, is_at_rest)
            time.skip(COMPARE)
            assert watch.wait(PATIENCE) == Notice()
            assert watch._line is not None
            assert watch._line.session.address.port == two.port


def test_a_server_that_was_just_lost_comes_last(own_slapd: Slapd, time: PassingTime) -> None:
    with Relay(own_slapd.port) as one, Relay(own_slapd.port) as two:
        urls = f"ldap://127.0.0.1:{one.port}/ ldap://127.0.0.1:{two.port}/"
        with open_directory(urls) as storage, storage.watch(time.timing) as watch:
            wait_until(watch, is_at_rest)
            one.cut()
            wait_until(watch, is_lost)
            time.skip(30.0)
            wait_until(watch, is_at_rest)
            assert (one.accepted, two.accepted) == (1, 1)


def test_another_server_has_other_entries(own_slapd: Slapd, time: PassingTime) -> None:
    with Slapd() as other, open_directory(other.url) as there:
        commit(there, add(BASE), add(ONE))
        with open_directory(f"{own_slapd.url} {other.url}") as storage, storage.watch(time.timing) as watch:
            mirror = Mirror(there, watch)
            wait_until(watch, is_at_rest)
            assert len(watch._memory.places) == 1
            _end(own_slapd)
            wait_until(watch, is_lost)
            time.skip(30.0)
            wait_until(watch, is_at_rest, mirror)
            assert len(watch._memory.places) == 2
            commit(there, DeleteEntry(ONE))
            mirror.follow()


def test_the_pause_is_short_again_after_a_connection_that_lasted(own_slapd: Slapd, time: PassingTime) -> None:
    with (
        Relay(own_slapd.port) as relay,
        open_directory(f"ldap://127.0.0.1:{relay.port}/") as storage,
        storage.watch(time.timing) as watch,
    ):
        for lasting in (0.0, 0.0, 0.0, 5.0, 0.0):
            wait_until(watch, is_at_rest)
            time.skip(lasting)
            relay.cut()
            wait_until(watch, is_lost)
            time.skip(30.0)
    assert time.drawn == [0.25, 0.5, 1.0, 0.25, 0.5]


def test_pauses_between_attempts_grow() -> None:
    time, ports = InstantTime(), [processes.free_port(), processes.free_port()]
    with open_directory(" ".join(f"ldap://127.0.0.1:{port}/" for port in ports)) as storage:
        began = time.time
        with storage.watch(time.timing) as watch:
            assert watch.wait(200.0) is None
            assert watch.stale == began
            assert [problem.code for problem in watch.problems] == ["cannot-connect"] * 2
    assert [pause for pause in time.pauses if pause][:9] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_a_login_that_is_refused_is_told_and_tried_again(slapd: Slapd) -> None:
    time = InstantTime()
    with open_directory(slapd.url, bind_password=WRONG) as storage, storage.watch(time.timing) as watch:
        assert watch.wait(1.0) is None
        assert [problem.code for problem in watch.problems] == ["access-refused"]
        assert WRONG not in repr(watch.problems)
    assert len(time.pauses) >= 2


# -- peers that are no good servers ------------------------------------------------------------------------------------


def name_wrongly(peer: fake_ldap.Peer) -> None:
    """Refuse to tell of changes, and answer everything else with an entry whose DN is none."""
    if peer.message in (4, 6):  # after the login, the root DSE and the base; each is followed by a sign of life
        peer.send(fake_ldap.result(peer, 12))
    else:
        peer.send(fake_ldap.entry(peer.message, "no name", {"a": ["1"]}) + fake_ldap.result(peer))


MISDEEDS: dict[str, Reply] = {
    "wrong names": name_wrongly,
    "garbage": fake_ldap.babble,
    "the end": fake_ldap.close,
    "leave": fake_ldap.take_leave,
    **{f"result {code}": answer(code) for code in (0, 1, 2, 3, 4, 10, 11, 12, 32, 50, 51, 52, 53, 80)},
}


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_no_answer_of_a_peer_ends_or_overworks_a_watch(misdeed: str) -> None:
    time = InstantTime()
    with FakeLdap({SEARCH: MISDEEDS[misdeed]}) as peer:
        url = f"ldap://127.0.0.1:{peer.port}/"
        with open_directory(url, deadline=5.0) as storage, storage.watch(time.timing) as watch:
            notices = 0
            end = time.time + 600.0
            while time.time < end:
                notices += watch.wait(end - time.time) is not None
    assert notices <= 25
    assert len(time.pauses) < 1500


@pytest.mark.parametrize("code", [0, 51, 52, 80])
def test_a_search_that_a_server_ends_is_asked_again(code: int) -> None:
    """Polling is for servers that refuse the search."""

    def reply(peer: fake_ldap.Peer) -> None:
        peer.send(fake_ldap.result(peer, code if peer.message == 4 else 0))

    with (
        FakeLdap({SEARCH: reply}) as peer,
        open_directory(f"ldap://127.0.0.1:{peer.port}/") as storage,
        storage.watch(PassingTime().timing) as watch,
    ):
        wait_until(watch, lambda one: bool(one.problems))
        assert is_lost(watch)
