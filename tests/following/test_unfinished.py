"""A change of several entries of a directory comes into effect as a whole, wherever its writer dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from multiprocessing import get_context
from threading import Event, Thread

import pytest

import confobjects
from confobjects.following import Live
from confobjects.mapping.entry import Change, Entry, ModifyEntry
from confobjects.storage.ldap import LdapStorage
from tests.following.directories import REGISTRY, Directory
from tests.following.services import FIRST, LONG, Told

NAMES = ("one", "two", "three")
SECRET = "Kanarienvogel-8!x"


def fill(directory: Directory) -> None:
    """Add two mail servers, which is change 2."""
    with directory.change() as tx:
        for name in NAMES[1:]:
            tx.create("mail-server", name, FIRST)


def write(directory: Directory, host: str) -> None:
    """Change all three in one change; the first one gets a secret."""
    with directory.change() as tx:
        for name in NAMES:
            tx.set("mail-server", name, {"smtp-server": f"{host}.example.com"})
        tx.set("mail-server", "one", {"auth-username": host, "auth-password": SECRET})


def die_at(directory: Directory, request: int, work: Callable[[], None] | None = None) -> bool:
    """Write in a process that is killed before one of its requests; return whether it came to that."""

    def run() -> None:
        make, count = LdapStorage._carry_out, 0

        def carry_out(self: LdapStorage, change: Change, before: Entry | None) -> None:
            nonlocal count
            count += 1
            if count == request:
                os.kill(os.getpid(), signal.SIGKILL)
            make(self, change, before)

        LdapStorage._carry_out = carry_out  # type: ignore[method-assign]  # in this process only
        if work is None:
            write(directory, f"h{request}")
        else:
            work()

    process = get_context("fork").Process(target=run)
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


def hosts(live: Live) -> set[str]:
    return {live["mail-server", name]["smtp-server"].host for name in NAMES}


def is_told_of(live: Live, number: int) -> bool:
    return any(f"change {number} was interrupted" in one.summary for one in live.problems)


@pytest.mark.parametrize("request_", [2, 3, 4, 5])
def test_half_of_a_change_is_never_in_effect_and_the_rest_goes_on_when_it_is_finished(
    directory: Directory, request_: int
) -> None:
    fill(directory)
    told, seen = Told(), []
    with directory.live() as live:
        live.listen()(lambda _: seen.append(hosts(live)))
        live.listen()(told)
        assert die_at(directory, request_)
        assert live.wait_until(lambda: is_told_of(live, 3), LONG)
        assert (hosts(live), live.number, told.events) == ({"first.example.com"}, 2, [])
        with directory.live() as late:  # a process that starts now
            assert (hosts(late), late.number) == ({"first.example.com"}, 2)
            assert late["mail-server", "one"]["auth-password"] is None
            assert late.wait_until(lambda: is_told_of(late, 3), LONG)
            write(directory, "last")
            for one in (live, late):
                assert one.wait_until(lambda one=one: hosts(one) == {"last.example.com"}, LONG)  # type: ignore[misc]
                assert one.wait_until(lambda one=one: not one.problems, LONG)  # type: ignore[misc]
        assert late.number == live.number
    assert all(len(one) == 1 for one in seen)
    numbers = [one.number for one in told.events]
    assert numbers == sorted(numbers, key=lambda number: number or 0)
    assert None not in numbers
    finished = [one for one in told.events if one.number == 3]
    assert len(finished) == (0 if request_ == 2 else 3)  # nothing was made of it: it is taken back


@pytest.mark.parametrize("names", [NAMES, ("two",)], ids=["several objects", "one object"])
def test_a_change_that_is_being_written_is_no_problem_and_is_told_when_it_is_whole(
    directory: Directory, names: tuple[str, ...]
) -> None:
    """Also a change of one object is told before those with higher numbers, although it is made after them."""
    fill(directory)
    told = Told()
    reached, go_on = Event(), Event()

    def run() -> None:
        with confobjects.open(directory.url, definitions=REGISTRY) as context:
            storage = context.storage
            assert isinstance(storage, LdapStorage)
            make = storage._carry_out

            def carry_out(change: Change, before: Entry | None) -> None:
                if isinstance(change, ModifyEntry) and "cn=two" in str(change.dn):
                    reached.set()
                    assert go_on.wait(LONG)
                make(change, before)

            storage._carry_out = carry_out  # type: ignore[method-assign]  # the writer waits for the test
            with context.change() as tx:
                for name in names:
                    tx.set("mail-server", name, {"smtp-server": "second.example.com"})

    with directory.live() as live, directory.live() as other:
        live.listen()(told)
        writer = Thread(target=run)
        writer.start()
        assert reached.wait(LONG)
        with directory.change() as tx:
            tx.create("mail-server", "four", FIRST)
        assert other.wait_until(lambda: other._entered._looks_again, LONG)
        assert (hosts(live), live.number, live.problems, other.problems) == ({"first.example.com"}, 2, (), ())
        go_on.set()
        assert live.wait_for(4, LONG)
        writer.join(LONG)
        assert [one.number for one in told.events] == [*(3 for _ in names), 4]
        assert {live["mail-server", name]["smtp-server"].host for name in names} == {"second.example.com"}


def test_a_change_of_one_object_whose_writer_died_before_it_keeps_nobody_waiting(directory: Directory) -> None:
    told = Told()
    with directory.live() as live:
        live.listen()(told)
        assert die_at(directory, 2, lambda: directory.set(smtp_server="never.example.com"))
        with directory.change() as tx:
            tx.create("mail-server", "four", FIRST)
        assert live.wait_for(3, LONG)
    assert [(one.number, str(one.path)) for one in told.events] == [(3, "/mail-server/four")]
