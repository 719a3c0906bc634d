"""Listeners: one at a time, in order, and none keeps the others from hearing."""

from __future__ import annotations

import asyncio
import os
import threading
from functools import partial
from pathlib import Path

import pytest

from confobjects.errors import UnknownNameError, UsageError
from confobjects.following import LiveEvent
from tests.following.services import LONG, ONE, File, Told, shorten


def test_a_listener_that_raises_is_reported_and_the_others_hear(tmp_path: Path) -> None:
    file, told = File(tmp_path), Told()
    with file.live() as live:
        broken = [True]

        @live.listen()
        def fail(event: LiveEvent) -> None:
            if broken:
                raise ValueError(f"the secret word {event.number}")

        live.listen()(told)
        file.set(smtp_server="second.example.com")
        assert live.wait_for(2, LONG)
        assert len(told.events) == 1
        (problem,) = live.problems
        assert (problem.path, "ValueError" in problem.summary) == ("/mail-server/one", True)
        assert "secret" not in str(problem)
        broken.clear()
        file.set(smtp_server="third.example.com")
        assert live.wait_for(3, LONG)
        assert (live.problems, len(told.events)) == ((), 2)
        fail.remove()


def test_listeners_hear_what_they_ask_for_in_their_order_until_they_are_removed(tmp_path: Path) -> None:
    file = File(tmp_path)
    heard: list[str] = []

    def note(place: str, event: LiveEvent) -> None:
        heard.append(place)
        assert str(event.path) == "/mail-server/one"

    with file.live() as live:
        for place in ("trust-manager-provider", "/mail-server/two", "/mail-server/one", "mail-server", None):
            live.listen(place)(partial(note, str(place)))
        last = live.listen()(lambda _: heard.append("last"))
        file.set(smtp_server="second.example.com")
        assert live.wait_for(2, LONG)
        assert heard == ["/mail-server/one", "mail-server", "None", "last"]
        last.remove()
        last.remove()
        heard.clear()
        file.set(smtp_server="third.example.com")
        assert live.wait_for(3, LONG)
        assert heard == ["/mail-server/one", "mail-server", "None"]
        with pytest.raises(UnknownNameError):
            live.listen("mail-servers")


def test_values_can_be_read_while_a_listener_blocks_and_closing_waits_for_it(tmp_path: Path) -> None:
    file, told = File(tmp_path), Told()
    blocked, free = threading.Event(), threading.Event()
    live = file.live()
    with live:

        @live.listen()
        def block(event: LiveEvent) -> None:
            blocked.set()
            assert free.wait(LONG)
            with pytest.raises(UsageError):
                live.wait_for(event.number or 0)

        live.listen()(told)
        with file.change() as tx:
            tx.set(*ONE, {"smtp-server": "second.example.com"})
            tx.create("mail-server", "two", {"enabled": True, "smtp-server": "two.example.com"})
        assert blocked.wait(LONG)
        assert live[ONE]["smtp-server"].host == "second.example.com"
        assert ("mail-server", "two") in live
        closing = threading.Thread(target=live.close)
        closing.start()
        free.set()
        closing.join(LONG)
    assert shorten(told.events) == [
        ("added", "/mail-server/two", told.events[0].properties, 2),
        ("changed", "/mail-server/one", ("smtp-server",), 2),
    ]
    assert live[ONE]["smtp-server"].host == "second.example.com"


def test_a_listener_may_close_and_change(tmp_path: Path) -> None:
    file = File(tmp_path)
    live = file.live()
    stream = None
    with live:
        stream = live.events()

        @live.listen()
        def change_again(event: LiveEvent) -> None:
            if event.number == 2:
                file.set(smtp_server="third.example.com")
            else:
                live.close()

        file.set(smtp_server="second.example.com")
        assert [event.number for event in stream] == [2, 3]
        assert change_again.hears(live.configuration.registry.parse_path("/mail-server/one"))


def test_two_writers_at_once_are_both_heard(tmp_path: Path) -> None:
    file, told = File(tmp_path), Told()
    with file.live() as live:
        live.listen()(told)

        def write(name: str) -> None:
            for number in range(10):
                with file.change() as tx:
                    tx.create("mail-server", f"{name}{number}", {"enabled": True, "smtp-server": "x.example.com"})

        writers = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
        for one in writers:
            one.start()
        for one in writers:
            one.join(LONG)
        assert live.wait_for(21, LONG)
        assert [one.number for one in told.events] == list(range(2, 22))
        assert {str(one.path) for one in told.events} == {f"/mail-server/{n}{i}" for n in "ab" for i in range(10)}


def test_an_asynchronous_program_iterates_over_the_events(tmp_path: Path) -> None:
    file = File(tmp_path)

    async def follow() -> list[int | None]:
        async with file.live() as live:
            stream = live.events()
            for host in ("second", "third"):
                await asyncio.to_thread(file.set, smtp_server=f"{host}.example.com")
            found = []
            async for event in stream:
                found.append(event.number)
                if len(found) == 2:
                    break
            waiting = asyncio.ensure_future(anext(stream, None))
            await asyncio.sleep(0)
            await asyncio.to_thread(live.close)
            assert await waiting is None
            return found

    assert asyncio.run(follow()) == [2, 3]


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    file = File(tmp_path)
    with file.live():
        pass
    before = set(os.listdir("/proc/self/fd")), set(threading.enumerate())
    for _ in range(5):
        with file.live() as live:
            live.listen()(print)
    assert (set(os.listdir("/proc/self/fd")), set(threading.enumerate())) == before


def test_a_fork_keeps_its_values_and_hears_of_nothing(tmp_path: Path) -> None:
    file, told = File(tmp_path), Told()
    with file.live() as live:
        live.listen()(told)
        child = os.fork()
        if not child:
            status = 1
            try:
                is_right = live[ONE]["smtp-server"].host == "first.example.com" and len(live.problems) == 1
                status = 0 if is_right and not live.wait_for(2, LONG) else 1
                live.close()
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        file.set(smtp_server="second.example.com")
        assert live.wait_for(2, LONG)
        assert len(told.events) == 1
