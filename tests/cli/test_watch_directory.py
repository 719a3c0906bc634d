"""``watch`` on directories: what it hears, a server that goes and comes back, and changes whose writer died."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

import confobjects
from tests.cli.documents import CANARY
from tests.cli.test_watch import JSON, judged, next_change
from tests.cli.watchers import Watcher
from tests.servers import processes
from tests.servers import slapd as openldap
from tests.servers.fixtures import schema_of_everything
from tests.servers.slapd import Slapd
from tests.storage.test_history_directory import NAMES, killed_at, together
from tests.storage.test_interrupted import fill, interrupt, url

__all__ = ["url"]  # the fixture


def set_host(url: str, host: str, **options: Any) -> None:
    with confobjects.open(url, **options) as context, context.change() as tx:
        tx.set("mail-server", "one", {"smtp-server": host})


def test_changes_are_told_as_they_come(url: str) -> None:
    with Watcher(url, *JSON) as watcher:
        state = judged(watcher.document("state"))
        assert (state["number"], len(state["objects"])) == (1, 4)
        for number in range(5):
            set_host(url, f"h{number}.example.com")
            found = next_change(watcher)
            assert (found["number"], found["command"]) == (number + 2, "api")
            sides = found["changes"][0]["properties"]["smtp-server"]
            assert sides["after"] == [f"h{number}.example.com"]
        with confobjects.open(url) as context:
            together(context)
        changes = next_change(watcher)["changes"]
        assert [one["path"] for one in changes] == [f"/mail-server/{name}" for name in sorted(NAMES)]
    assert CANARY not in "".join([*watcher.out.seen, *watcher.err.rest()])


# -- interrupted changes ---------------------------------------------------------------------------------------------


def test_an_interrupted_change_is_named_and_not_touched(url: str) -> None:
    with Watcher(url, *JSON) as watcher:
        watcher.document("state")
        interrupt(url)
        problem = judged(watcher.document("problem"))["problems"][0]
        assert problem["summary"].startswith("change 2 was interrupted, and may be stored in part")
        with confobjects.open(url) as context:
            assert [one.state for one in context.history()] == ["done", "pending"]
            set_host(url, "next.example.com")  # as any command that changes something, this finishes it
        assert judged(watcher.document("solved"))["problems"] == [problem]


def test_an_interrupted_change_is_repaired_where_that_is_wanted(url: str) -> None:
    with Watcher(url, *JSON, "--repair") as watcher:
        watcher.document("state")
        interrupt(url)
        found = judged(watcher.document("repaired"))
        assert found["problems"][0]["summary"].startswith("change 2 was interrupted; it was finished")
        with confobjects.open(url) as context:
            assert [one.state for one in context.history()] == ["done", "done"]
            assert {obj.values["auth-username"] for obj in context.list("mail-server")} == {("new",)}
    assert CANARY not in "".join([*watcher.out.seen, *watcher.err.rest()])


def test_one_that_was_interrupted_before_the_start_is_repaired_too(url: str) -> None:
    interrupt(url)
    with Watcher(url, "--dry-run", "--repair") as watcher:
        assert "change 2 was interrupted, and may be" in watcher.err.until(lambda line: "problem" in line)
    with Watcher(url, "--repair") as watcher:
        assert "change 2 was interrupted; it was finished" in watcher.err.until(lambda line: "repaired" in line)


# -- a server that goes and comes back -------------------------------------------------------------------------------


@pytest.fixture
def own_slapd() -> Iterator[Slapd]:
    """A server that a test may stop."""
    with Slapd(schema=(openldap.TEST_SCHEMA, schema_of_everything("openldap"))) as server:
        yield server


LOGIN = ("-D", openldap.ROOT_DN, "--bindPassword:env", "LC_PASSWORD")
BASE = quote(f"cn=watched,{openldap.SUFFIX}")
MANAGER: dict[str, Any] = {"bind_dn": openldap.ROOT_DN, "bind_password": openldap.PASSWORD}


def test_a_server_that_goes_and_comes_back_is_told(own_slapd: Slapd) -> None:
    place = f"{own_slapd.url}{BASE}"
    fill(place, **MANAGER)
    with Watcher(place, *JSON, *LOGIN, env={"LC_PASSWORD": openldap.PASSWORD}) as watcher:
        watcher.document("state")
        processes.stop(own_slapd.process)
        assert judged(watcher.document("stale"))["problems"] == []
        own_slapd.start()
        set_host(place, "again.example.com", **MANAGER)
        assert judged(watcher.document("heard"))["problems"] == []
        assert next_change(watcher)["changes"][0]["properties"]["smtp-server"]["after"] == ["again.example.com"]


def test_one_who_may_only_read_is_told_that_and_goes_on(own_slapd: Slapd) -> None:
    place = f"{own_slapd.url}{BASE}"
    fill(place, **MANAGER)
    with Watcher(place, *JSON, "--repair") as watcher:
        watcher.document("state")
        assert killed_at(lambda: confobjects.open(place, **MANAGER), 2, together, before=False)
        codes = {judged(watcher.document("problem"))["problems"][0]["code"] for _ in range(2)}
        assert codes == {"storage-failed", "access-refused"}
        set_host(place, "next.example.com", **MANAGER)
        watcher.document("change")
        assert watcher.document("solved")["problems"]


def test_a_server_that_hangs_does_not_keep_it_from_ending(own_slapd: Slapd) -> None:
    place = f"{own_slapd.url}{BASE}"
    fill(place, **MANAGER)
    with Watcher(place, *JSON, *LOGIN, env={"LC_PASSWORD": openldap.PASSWORD}) as watcher:
        watcher.document("state")
        own_slapd.process.send_signal(signal.SIGSTOP)
        assert watcher.end(signal.SIGINT) == 130
        assert watcher.err.rest() == ["interrupted"]


def test_a_server_that_is_not_there_yet_is_waited_for(own_slapd: Slapd) -> None:
    place = f"{own_slapd.url}{BASE}"
    fill(place, **MANAGER)
    processes.stop(own_slapd.process)
    with Watcher(place, *JSON, *LOGIN, env={"LC_PASSWORD": openldap.PASSWORD}) as watcher:
        assert judged(watcher.document())["problems"][0]["code"] == "cannot-connect"
        own_slapd.start()
        assert watcher.document("solved")
        assert watcher.document("state")["number"] == 1


def test_a_wrong_password_ends_at_once(own_slapd: Slapd) -> None:
    place = f"{own_slapd.url}{BASE}"
    fill(place, **MANAGER)
    with Watcher(place, *JSON, *LOGIN, env={"LC_PASSWORD": "wrong"}) as watcher:
        assert watcher.end() == 21
        assert watcher.out.rest() == []
