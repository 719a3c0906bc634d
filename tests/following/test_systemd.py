"""A service tells systemd what becomes of it, over a real datagram socket."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event
from time import monotonic_ns
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.following import LiveEvent
from confobjects.following.systemd import ServiceManager, ServiceNotices, describe_service
from confobjects.storage.watching import REAL
from confobjects.testing import configuration
from tests.conftest import ROOT
from tests.following.services import FIRST, LONG, ONE, File
from tests.transport.sending import fork, wait_for


class Manager:
    """A service manager: a socket that receives what services tell."""

    def __init__(self, address: str, shown: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(LONG)
        self.environment: dict[str, str] = {"NOTIFY_SOCKET": shown}

    def receive(self) -> list[str]:
        """Wait for the next message, and return its assignments."""
        return self.socket.recv(65536).decode().split("\n")

    def receive_waiting(self) -> list[list[str]]:
        """Return the messages that are there."""
        found = []
        self.socket.setblocking(False)
        try:
            while True:
                found.append(self.receive())
        except BlockingIOError:
            return found
        finally:
            self.socket.settimeout(LONG)


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    if request.param == "path":
        address = shown = str(tmp_path / "notify")
    else:
        address, shown = f"\0confobjects-{os.getpid()}", f"@confobjects-{os.getpid()}"
    made = Manager(address, shown)
    yield made
    made.socket.close()


def test_a_service_tells_what_becomes_of_it(manager: Manager, tmp_path: Path) -> None:
    file, listener = File(tmp_path, **{"use-start-tls": False}), ServiceManager(manager.environment)
    with file.live() as live:
        live.listen()(lambda _: listener.tell("LISTENER"))
        assert manager.receive_waiting() == [], "it is ready when it says so"
        live.notify_systemd(manager.environment)
        assert manager.receive() == ["READY=1", "STATUS=change 1 in effect"]
        live.notify_systemd(manager.environment)
        before = monotonic_ns() // 1000
        file.set(smtp_server="second.example.com")
        reloading, since = manager.receive()
        assert reloading == "RELOADING=1"
        assert before <= int(since.removeprefix("MONOTONIC_USEC=")) <= monotonic_ns() // 1000
        assert manager.receive() == ["LISTENER"]
        assert manager.receive() == ["READY=1", "STATUS=change 2 in effect"]
        file.set(use_ssl=True)
        assert manager.receive() == ["LISTENER"], "no value has changed"
        waits = "STATUS=change 3 in effect; waits: use-ssl of /mail-server/one (component-restart)"
        assert manager.receive() == [waits]
        live.restart(*ONE)
        assert manager.receive()[0] == "RELOADING=1"
        assert manager.receive() == ["LISTENER"]
        assert manager.receive() == ["READY=1", "STATUS=change 3 in effect"]
        file.edit("second.example.com", "second example")
        assert live.wait_until(lambda: live.problems, LONG)
        assert "1 problem: " in manager.receive()[0]
    assert manager.receive() == ["STOPPING=1"]
    assert manager.receive_waiting() == []


def test_the_watchdog_hears_of_a_service_as_long_as_its_thread_works(manager: Manager, tmp_path: Path) -> None:
    file, clock, hangs, go_on = File(tmp_path), [0.0], Event(), Event()
    timing = REAL.replace(now=lambda: clock[0], wait=lambda descriptors, _: REAL.wait(descriptors, None))

    def hang(_: object) -> None:
        hangs.set()
        go_on.wait(LONG)

    with file.live(timing=timing) as live:
        live.listen()(hang)
        live.notify_systemd({**manager.environment, "WATCHDOG_USEC": "20000000"})
        assert manager.receive()[0] == "READY=1"
        assert manager.receive() == ["WATCHDOG=1"]
        for seconds, beats in ((9.0, []), (1.0, [["WATCHDOG=1"]]), (9.0, []), (100.0, [["WATCHDOG=1"]])):
            clock[0] += seconds
            live._entered.perform(lambda: None)  # the thread begins to wait again
            live._entered.perform(lambda: None)
            assert manager.receive_waiting() == beats
        file.set(smtp_server="second.example.com")
        assert hangs.wait(LONG)
        assert manager.receive()[0] == "RELOADING=1"
        clock[0] += 1000
        assert manager.receive_waiting() == [], "a listener hangs"
        go_on.set()
        assert manager.receive()[0] == "READY=1"
        assert manager.receive() == ["WATCHDOG=1"]


def test_the_thread_wakes_for_the_watchdog(manager: Manager, tmp_path: Path) -> None:
    wakes = Event()

    def wait(descriptors: Sequence[int], seconds: float | None) -> None:
        if seconds is not None and seconds <= 0.01:
            wakes.set()
        REAL.wait(descriptors, None)

    with File(tmp_path).live(timing=REAL.replace(now=lambda: 0.0, wait=wait)) as live:
        live._entered.perform(lambda: None)
        assert not wakes.is_set()
        live.notify_systemd({**manager.environment, "WATCHDOG_USEC": "20000"})
        assert wakes.wait(LONG)


def test_nothing_is_told_after_the_end(manager: Manager, tmp_path: Path) -> None:
    file = File(tmp_path)
    with file.live() as live:
        live.listen()(lambda _: live.close())
        live.notify_systemd(manager.environment)
        file.set(smtp_server="second.example.com")
        assert [manager.receive()[0] for _ in range(3)] == ["READY=1", "RELOADING=1", "STOPPING=1"]
    assert manager.receive_waiting() == []


@pytest.mark.parametrize(
    ("facts", "counts"),
    [
        ({}, False),
        ({"properties": ("enabled",)}, True),
        ({"restarted": True}, True),
        ({"kind": "added", "before": None}, True),
        ({"kind": "deleted", "after": None}, True),
        ({"kind": "deleted"}, False),  # it waits
    ],
)
def test_what_counts_is_a_reload(facts: dict[str, Any], *, counts: bool, manager: Manager) -> None:
    notices = ServiceNotices(ServiceManager(manager.environment), lambda: "well")
    config = configuration({ONE: FIRST})
    event = LiveEvent("changed", config.registry.path_of("mail-server", ("one",)), config[ONE], config[ONE], ())
    with notices.reload([event.replace(**facts)]):
        pass
    assert [told[0] for told in manager.receive_waiting()] == (["RELOADING=1", "READY=1"] if counts else [])


def test_a_real_watchdog_is_fed_without_any_change(manager: Manager, tmp_path: Path) -> None:
    with File(tmp_path).live() as live:
        live.notify_systemd({**manager.environment, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(os.getpid())})
        assert manager.receive()[0] == "READY=1"
        assert [manager.receive() for _ in range(5)] == [["WATCHDOG=1"]] * 5


@pytest.mark.parametrize(
    ("environment", "beat"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "\u0663"}, None),
        ({"WATCHDOG_USEC": "9" * 5000}, None),
        ({}, None),
    ],
)
def test_the_time_between_signs_of_life_is_half_that_of_the_watchdog(
    environment: Mapping[str, str], beat: float | None
) -> None:
    assert ServiceManager({"NOTIFY_SOCKET": "/run/none", **environment}).beat == beat
    assert ServiceManager(environment).beat is None


@pytest.mark.parametrize(
    "address",
    ["", "/no/such/socket", "@nobody-listens", "vsock:2:1", "relative", "/" * 300, "@\0x", "/\0", "/\ud800", "@\ud800"],
)
def test_nothing_raises_whatever_the_environment_says(
    address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = File(tmp_path)
    with caplog.at_level(logging.WARNING, "confobjects.following"), file.live() as live:
        live.notify_systemd({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000"})
        file.set(smtp_server="second.example.com")
        assert live.wait_for(2, LONG)
        assert live.problems == ()
    assert len(caplog.records) == (1 if address else 0), "it is said once"


def test_without_a_service_manager_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    live = File(tmp_path).live()
    live.notify_systemd()
    with live:
        live.notify_systemd()
        assert live._audience.notices is None
    with pytest.raises(UsageError, match="closed"):
        live.notify_systemd({"NOTIFY_SOCKET": "/run/none"})


def test_a_child_of_a_fork_tells_nothing(manager: Manager, tmp_path: Path) -> None:
    with File(tmp_path).live() as live:
        live.notify_systemd(manager.environment)
        assert manager.receive()[0] == "READY=1"

        def act() -> None:
            notices = live._audience.notices
            assert notices is not None
            notices.live_on()
            notices.stop()
            live.close()

        assert wait_for(fork(act)) == 0
        assert manager.receive_waiting() == []
    assert manager.receive() == ["STOPPING=1"]


@given(summary=st.text(max_size=900), number=st.none() | st.integers(0, 10**9), names=st.lists(st.text(), max_size=6))
def test_a_status_is_one_line_of_limited_length(summary: str, number: int | None, names: list[str]) -> None:
    waiting = [
        SimpleNamespace(path=f"/mail-server/{name}", kind="added", properties=(), actions=(), since=None)
        for name in names
    ]
    problem = Diagnostic("internal-error", summary or "x", remedy="")
    status = describe_service(number, waiting, [problem], is_deaf=True)  # type: ignore[arg-type]
    assert len(status) <= 400
    assert status.isprintable()
    assert len(status.splitlines()) == 1


PROGRAM = """
import sys, confobjects
with confobjects.live(sys.argv[1]) as live:
    live.notify_systemd()
    sys.stdin.read()
"""


def test_a_service_in_a_process_of_its_own(manager: Manager, tmp_path: Path) -> None:
    file = File(tmp_path)
    environment = {**os.environ, **manager.environment, "WATCHDOG_USEC": "30000000"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, file.url], stdin=subprocess.PIPE, env=environment, cwd=ROOT
    ) as service:
        assert manager.receive() == ["READY=1", "STATUS=change 1 in effect"]
        assert manager.receive() == ["WATCHDOG=1"]
        file.set(smtp_server="second.example.com")
        assert manager.receive()[0] == "RELOADING=1"
        assert manager.receive() == ["READY=1", "STATUS=change 2 in effect"]
        assert service.stdin is not None
        service.stdin.close()
        assert service.wait(LONG) == 0
    assert manager.receive() == ["STOPPING=1"]
