"""A service tells what it runs. Time passes at once when the teller waits."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from socket import create_server, gethostname
from time import gmtime, strftime
from time import time as now
from typing import Any

import pytest

import confobjects
from confobjects.diagnostics import Diagnostic
from confobjects.effect import Waiting
from confobjects.errors import UsageError
from confobjects.following import Live
from confobjects.following.telling import OFTEN, SELDOM, Facts, Teller
from confobjects.mapping.followers import ALIVE, TIME_FORMAT, FollowerReport, WaitingChange, is_alive
from confobjects.mapping.protocol import Storage
from confobjects.objects.changes import RequiredAction
from confobjects.paths import ManagedObjectPath
from confobjects.storage import open_storage
from confobjects.storage.file_watch import FileWatch
from confobjects.storage.memory import MemoryStorage
from confobjects.storage.watching import LONGEST_PAUSE
from tests.following.services import LONG, File, Told
from tests.servers.timing import InstantTime, PassingTime

PATH = ManagedObjectPath(()).child("mail-server", "one")


class Service:
    """A teller that goes on step by step, with facts that a test changes."""

    def __init__(self, storage: Storage, name: str = "web-1") -> None:
        self.storage = storage
        self.facts = Facts(1, (), ())
        self.time = InstantTime()
        self.changes = 0
        self.teller = Teller(name, storage, lambda: self.facts, self._count, self.time.timing)

    def _count(self) -> None:
        """Count how often the problems have changed."""
        self.changes += 1

    def step(self) -> float:
        """Go on until a report is written or cannot be, and return the seconds waited before."""
        began, waits = self.time.time, -1
        while waits < len(self.time.pauses):
            waits = len(self.time.pauses)
            self.teller.step()
        return self.time.time - began

    @property
    def report(self) -> FollowerReport:
        """What is written."""
        (one,) = self.storage.followers()
        return one


@pytest.fixture
def service() -> Service:
    return Service(MemoryStorage())


def other(process: int = 1, **fields: Any) -> FollowerReport:
    """The report of another service under the same name, which is alive."""
    return FollowerReport("web-1", "elsewhere", process, strftime(TIME_FORMAT, gmtime()), 5).replace(**fields)


# -- when ------------------------------------------------------------------------------------------------------------


def test_a_report_is_written_at_once_and_then_every_twenty_seconds(service: Service) -> None:
    assert service.step() == 0
    assert [service.step() for _ in range(3)] == [SELDOM] * 3


def test_what_changes_is_told_but_not_more_than_once_a_second(service: Service) -> None:
    service.step()
    service.facts = Facts(2, (), ())
    assert service.step() == OFTEN
    assert service.report.number == 2
    assert service.step() == SELDOM
    service.time.time += 5
    service.facts = Facts(3, (), ())
    assert service.step() == 0
    assert service.report.number == 3


def test_a_report_tells_who_and_when_and_what(service: Service) -> None:
    action = RequiredAction(PATH, "use-ssl", "server-restart", "restart it")
    waiting = Waiting(PATH, "changed", ("use-ssl", "port"), (action, action.replace(property="port")), 7)
    problem = Diagnostic("storage-failed", "it\nis broken", path="/mail-server/one")
    service.facts = Facts(7, (waiting,), (problem, Diagnostic("storage-failed", "x" * 1000)))
    service.step()
    found = service.report
    assert (found.name, found.host, found.process, found.number) == ("web-1", gethostname(), os.getpid(), 7)
    assert is_alive(found, now())
    assert found.waiting == (WaitingChange("/mail-server/one", "changed", ("use-ssl", "port"), ("server-restart",)),)
    assert found.problems[0] == "/mail-server/one: it\nis broken"
    assert [len(one) for one in found.problems[1:]] == [500]


def test_more_than_fits_is_counted(service: Service) -> None:
    waiting = tuple(Waiting(PATH, "changed", (f"p{n}",), (), n) for n in range(100_000))
    service.facts = Facts(7, waiting, tuple(Diagnostic("storage-failed", f"{n}") for n in range(100_000)))
    service.step()
    found = service.report
    assert len(found.waiting) + len(found.problems) + found.more == 200_000
    assert found.waiting
    assert found.problems


# -- what fails ------------------------------------------------------------------------------------------------------


def test_a_failure_is_one_problem_and_is_tried_again_after_pauses_that_grow(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(open_storage(f"ldif:{tmp_path / 'config.ldif'}"))
    directory = tmp_path / "config.ldif.followers"
    directory.write_text("in the way")
    with caplog.at_level(logging.WARNING):
        waited = [service.step() for _ in range(8)]
    assert waited == [0, 1, 1, 1, 2, 4, 8, 16]
    (problem,) = service.teller.problems
    assert problem.summary.startswith('the follower "web-1" could not tell what it runs: this is not a file of ours')
    assert problem.origin == str(directory)
    assert len(caplog.records) == service.changes == 1
    assert "web-1" in caplog.text
    directory.unlink()
    assert service.step() == LONGEST_PAUSE
    assert service.teller.problems == ()
    assert service.changes == 2
    assert service.report.number == 1


def test_a_mistake_in_finding_the_facts_ends_nothing(service: Service) -> None:
    facts, service.facts = service.facts, None  # type: ignore[assignment]
    service.teller.step()
    assert [one.code for one in service.teller.problems] == ["internal-error"]
    service.facts = facts
    service.step()
    assert service.teller.problems == ()
    assert service.report.number == 1


# -- names -----------------------------------------------------------------------------------------------------------


def test_the_second_service_of_a_name_says_who_has_it_and_writes_nothing(service: Service) -> None:
    for turn in range(5):
        service.storage.tell_follower(other(12, number=turn))
        assert service.step() == (0 if turn == 0 else SELDOM)
        (problem,) = service.teller.problems
        assert problem.summary == (
            'another service tells under the name of the follower "web-1": process 12 on elsewhere; '
            "this one does not tell what it runs"
        )
        assert service.report.number == turn
    service.storage.forget_follower("web-1")
    service.step()
    assert service.teller.problems == ()
    assert service.report.host == gethostname()


def test_the_name_of_a_service_that_was_killed_is_free_after_a_while(service: Service) -> None:
    service.storage.tell_follower(other())
    assert sum(service.step() for _ in range(4)) == ALIVE
    assert service.teller.problems == ()
    assert service.report.host == gethostname()


def test_a_service_that_is_started_again_on_its_machine_takes_its_name_at_once(service: Service) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    service.storage.tell_follower(other(ended.pid, host=gethostname()))
    service.step()
    assert service.report.process == os.getpid()


def test_the_first_service_says_who_took_its_name(service: Service) -> None:
    service.step()
    service.storage.tell_follower(other(time="long ago"))
    service.step()
    assert "process 1 on elsewhere" in service.teller.problems[0].summary


# -- in a live configuration -----------------------------------------------------------------------------------------


class Place:
    """Where a service tells, as others see it."""

    def __init__(self, file: Path) -> None:
        self.storage = open_storage(f"ldif:{file}")
        self._directory = Path(f"{file}.followers")

    def wait_until(self, holds: Callable[[list[FollowerReport]], object]) -> list[FollowerReport]:
        """Return the reports when something holds of them. They are read when a file has changed."""
        with FileWatch([str(self._directory)]) as watch:
            while not holds(found := list(self.storage.followers())):
                assert watch.wait(LONG) is not None, found
        return found

    def wait_for(self, number: int | None) -> FollowerReport:
        """Return the only report when it tells a number."""
        (one,) = self.wait_until(lambda found: [one.number for one in found] == [number])
        return one


def quick() -> Any:
    return PassingTime(speed=200).timing


def test_a_live_configuration_tells_what_it_has_in_effect_and_what_waits(tmp_path: Path) -> None:
    file = File(tmp_path)
    place = Place(file.path)
    with file.live(follower="web-1", timing=quick()) as live:
        first = place.wait_for(1)
        assert (first.waiting, first.problems) == ((), ())
        file.set(smtp_server="second.example.com")
        place.wait_for(2)
        file.set(use_ssl="true", use_start_tls="false")
        found = place.wait_for(3)
        assert [(one.path, one.properties) for one in found.waiting] == [
            (str(one.path), one.properties) for one in live.waiting
        ]
        assert found.waiting
        text = file.path.read_text(encoding="utf-8")
        file.replace("no LDIF at all")
        (found,) = place.wait_until(lambda all_: all_ and all_[0].problems)
        assert len(found.problems) == len(live.problems)
        file.replace(text)
        place.wait_until(lambda all_: all_ and not all_[0].problems)
        assert live.problems == ()
    assert list(place.storage.followers()) == []


def test_signs_of_life_call_no_listener_and_cause_no_read(tmp_path: Path) -> None:
    file, told = File(tmp_path), Told()
    place = Place(file.path)
    listening = file.live()
    looked = wait_for_look(listening)
    with listening as live, file.live(follower="web-1", timing=quick()):
        live.listen()(told)
        first = place.wait_for(1)
        looked()
        looks = count_looks(live)
        with FileWatch([f"{file.path}.followers"]) as watch:
            for _ in range(5):
                assert watch.wait(LONG) is not None
        assert first.number == 1
        assert looks == []
        file.set(smtp_server="second.example.com")
        assert live.wait_for(2, LONG)
    assert looks
    assert len(told.events) == 1


def wait_for_look(live: Live) -> Callable[[], None]:
    """Return what waits for the first look at the storage, which everyone takes who begins to hear."""
    seen: list[object] = []
    live.observe(seen.append)

    def wait() -> None:
        assert live.wait_until(lambda: seen, LONG)

    return wait


def count_looks(live: Any) -> list[int]:
    """Return a list that grows with each read of what is stored."""
    looks: list[int] = []
    reader = live._current.reader
    read = reader.read

    def look(since: int | None) -> Any:
        looks.append(1)
        return read(since)

    reader.read = look
    return looks


def test_the_second_process_of_a_name_hears_which_one_has_it(tmp_path: Path) -> None:
    file = File(tmp_path)
    place = Place(file.path)
    with start_service(file) as child:
        place.wait_until(lambda found: [one.process for one in found] == [child.pid])
        with file.live(follower="WEB-1", timing=quick()) as live:
            seen: list[object] = []
            live.observe(seen.append)
            assert live.wait_until(lambda: live.problems, LONG)
            (problem,) = live.problems
            assert f'the follower "web-1": process {child.pid} on {gethostname()}' in problem.summary
            del seen[:]
            child.communicate(b"")
            assert live.wait_until(lambda: seen and not live.problems, LONG)
            assert place.wait_for(1).process == os.getpid()


def start_service(file: File) -> subprocess.Popen[bytes]:
    """Start a process that follows a file as "web-1" until its input ends."""
    program = f"import sys, confobjects\nwith confobjects.live({file.url!r}):\n    sys.stdin.read()\n"
    environment = {**os.environ, "CONFOBJECTS_FOLLOWER": "web-1"}
    return subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, env=environment)


def test_a_service_that_was_killed_leaves_its_report_and_one_that_ends_does_not(tmp_path: Path) -> None:
    file = File(tmp_path)
    place = Place(file.path)
    for kill in (True, False):
        child = start_service(file)
        with child:
            place.wait_until(lambda found, child=child: [one.process for one in found] == [child.pid])  # type: ignore[misc]
            if kill:
                child.kill()
            else:
                child.communicate(b"")
        assert child.returncode == (-9 if kill else 0)
        assert [one.process for one in place.storage.followers()] == ([child.pid] if kill else [])


def test_the_place_of_the_reports_can_be_elsewhere(tmp_path: Path) -> None:
    file = File(tmp_path)
    state = tmp_path / "state" / "here.ldif"
    for given in ({"state_url": f"ldif:{state}"}, {"environment": {"CONFOBJECTS_STATE_URL": f"ldif:{state}"}}):
        with file.live(follower="web-1", **given) as live:
            Place(state).wait_for(1)
            reports = live.open_reports()
            assert reports is not None
            assert [one.name for one in reports.followers()] == ["web-1"]
            assert list(open_storage(file.url).followers()) == []
    assert sorted(path.name for path in state.parent.iterdir()) == ["here.ldif.followers"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"follower": ""}, "the name of a follower"),
        ({"follower": "a\nb"}, "the name of a follower"),
        ({"environment": {"CONFOBJECTS_FOLLOWER": " x"}}, "the name of a follower"),
        ({"follower": "web-1", "state_url": "nothing"}, "must be a URL"),
        ({"follower": "web-1", "state_url": "ldap://h/no dn"}, "not a valid LDAP URL"),
        ({"follower": "web-1", "state_url": "ldif:"}, "does not name a file"),
    ],
)
def test_wrong_arguments_are_refused_when_it_is_entered(tmp_path: Path, arguments: Any, words: str) -> None:
    file = File(tmp_path)
    with pytest.raises(UsageError, match=words), file.live(**arguments):
        pass


def test_without_a_name_nothing_is_told(tmp_path: Path) -> None:
    file = File(tmp_path)
    for environment in ({}, {"CONFOBJECTS_FOLLOWER": ""}):
        with file.live(environment=environment):
            pass
    assert not Path(f"{file.path}.followers").exists()


def test_a_process_made_by_a_fork_tells_nothing_and_takes_nothing_back(tmp_path: Path) -> None:
    file = File(tmp_path)
    place = Place(file.path)
    with file.live(follower="web-1") as live:
        before = place.wait_for(1)
        child = os.fork()
        if not child:
            live.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert list(place.storage.followers()) == [before]
        file.set(smtp_server="second.example.com")
        assert place.wait_for(2).process == os.getpid()


def test_a_server_that_hangs_delays_no_change(tmp_path: Path) -> None:
    file, told = File(tmp_path), Told()
    with create_server(("127.0.0.1", 0)) as server:
        url = f"ldap://127.0.0.1:{server.getsockname()[1]}/ou=config,dc=example,dc=com"
        with file.live(follower="web-1", state_url=url) as live:
            live.listen()(told)
            silent, _ = server.accept()
            file.set(smtp_server="second.example.com")
            assert live.wait_for(2, LONG)
            assert len(told.events) == 1
            silent.close()
            server.close()


def test_a_listener_that_ends_the_service_ends_its_signs_of_life(tmp_path: Path) -> None:
    file = File(tmp_path)
    place = Place(file.path)
    live = file.live(follower="web-1")
    with live:
        place.wait_for(1)
        live.listen()(lambda event: live.close())
        file.set(smtp_server="second.example.com")
        place.wait_until(lambda found: not found)
    assert list(place.storage.followers()) == []


def test_reports_of_a_service_that_cannot_start_are_not_there(tmp_path: Path) -> None:
    file = File(tmp_path)
    file.replace("no LDIF at all")
    with pytest.raises(confobjects.ConfobjectsError), file.live(follower="web-1"):
        pass
    assert not Path(f"{file.path}.followers").exists()
