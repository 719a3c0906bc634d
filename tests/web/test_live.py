"""The live configuration of the process, and who hears of it: each round once, nobody kept waiting, nothing that is secret."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import confobjects
from confobjects.definitions.reviewing import read_given
from confobjects.diagnostics import MASK, Diagnostic
from confobjects.management import ManagementContext
from confobjects.management.installing import install
from confobjects.web.app import API, make_app
from confobjects.web.identity.credentials import Credentials
from confobjects.web.identity.people_file import PeopleFile
from confobjects.web.identity.recognition import Identity
from confobjects.web.people import Person, Role
from confobjects.web.problems import NotPermittedError
from confobjects.web.served import Served
from confobjects.web.serving import streaming
from confobjects.web.serving.accepting import Door, Limits, guard_socket
from confobjects.web.serving.events import KEEP_ALIVE, Round, StreamEvent, make_event, make_id, make_status
from confobjects.web.serving.following import Follower
from confobjects.web.serving.guarding import Guard, Rules
from confobjects.web.serving.hosts import make_hosts
from confobjects.web.serving.hub import LARGEST, MOST_WAITING, Hub, StreamLimits, Subscription, TooManyStreamsError
from confobjects.web.serving.process import make_tell
from confobjects.web.serving.server import WebServer, make_config, open_socket
from confobjects.web.site import Web
from tests.cli.sessions import INSTALLABLE, run
from tests.following.services import LONG, File
from tests.web.people import bearer, make_people

READER = Person("ann", "reader", "account")


def make_round(number: int, *texts: str) -> Round:
    changes = tuple(make_event("change", {"text": text}) for text in texts)
    return Round(changes, make_status(make_id(number, "d" * 20), number=number))


def names(subscription: Subscription) -> list[str]:
    """What a subscriber is told now: the names of the events, with the texts of changes."""
    told = []
    for block in subscription.take_all().decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        told.append(json.loads(fields["data"]).get("text", fields["event"]))
    return told


# -- subscriptions -----------------------------------------------------------------------------------------------------


def test_each_hears_the_state_first_and_every_round_after_it() -> None:
    hub = Hub()
    hub.publish(make_round(1, "a"))
    one = hub.subscribe(READER)
    hub.publish(make_round(2, "b", "c"))
    assert names(one) == ["status", "b", "c", "status"]
    assert hub.id == "2-dddddddddddd"


def test_who_comes_back_misses_nothing_and_hears_nothing_again() -> None:
    hub = Hub()
    for number in range(1, 5):
        hub.publish(make_round(number, f"c{number}"))
    assert names(hub.subscribe(READER, make_id(2, "d" * 20))) == ["c3", "c4", "status"]
    assert names(hub.subscribe(READER, hub.id)) == ["status"]
    assert names(hub.subscribe(READER, "9-abc")) == ["reset", "status"]


def test_a_value_that_changes_without_the_stored_state_is_not_missed() -> None:
    hub = Hub()
    hub.publish(make_round(1))
    one = hub.subscribe(READER)
    hub.publish(make_round(1, "a file has changed"))
    assert names(one) == ["status", "a file has changed", "status"]
    assert names(hub.subscribe(READER, hub.id)) == ["a file has changed", "status"]


def test_a_state_that_another_process_told_is_known_here() -> None:
    hub = Hub()
    hub.round = make_round(7)
    assert names(hub.subscribe(READER, make_id(7, "d" * 20))) == ["status"]


def test_who_is_slow_starts_again_and_keeps_nobody_waiting() -> None:
    hub = Hub()
    slow, fast = hub.subscribe(READER), hub.subscribe(READER)
    heard = []
    for number in range(MOST_WAITING):
        hub.publish(make_round(number, str(number)))
        heard += names(fast)
    assert [one for one in heard if one != "status"] == [str(number) for number in range(MOST_WAITING)]
    assert names(slow)[:2] == ["reset", "status"]
    assert hub.resets > 0


def test_a_round_that_is_too_large_is_not_kept() -> None:
    hub = Hub()
    one = hub.subscribe(READER)
    hub.publish(make_round(1, "x" * LARGEST))
    assert names(one) == ["status", "reset", "status"]
    assert names(hub.subscribe(READER, hub.id)) == ["status"]


@pytest.mark.parametrize("role", ["sender"])
def test_who_may_not_read_hears_nothing(role: Role) -> None:
    with pytest.raises(NotPermittedError):
        Hub().subscribe(READER.replace(role=role))


def test_there_are_only_so_many_streams() -> None:
    hub = Hub(StreamLimits(all=3, of_one=2))
    first = hub.subscribe(READER)
    hub.subscribe(READER)
    with pytest.raises(TooManyStreamsError):
        hub.subscribe(READER)
    hub.subscribe(READER.replace(name="bob"))
    with pytest.raises(TooManyStreamsError):
        hub.subscribe(READER.replace(name="eve"))
    first.end()
    first.end()
    hub.subscribe(READER)
    assert hub.number == 3


def test_the_end_ends_all_and_those_to_come() -> None:
    async def hear() -> list[list[str]]:
        hub = Hub()
        one = hub.subscribe(READER)
        hub.publish(make_round(1, "a"))
        hub.close()
        later = hub.subscribe(READER)
        return [[event.name async for event in each] for each in (one, later)]

    assert asyncio.run(hear()) == [["status", "change", "status"], ["status"]]


def test_a_value_that_is_wrong_is_not_told() -> None:
    wrong = Diagnostic("invalid-value", '"s3cret" has no "="', path="/a", property="b", value="s3cret")
    assert b"s3cret" not in make_status("", number=None, problems=[wrong]).data


# -- a configuration that changes --------------------------------------------------------------------------------------


class Follows:
    """What follows a file, and its rounds as they come into the event loop."""

    def __init__(self, file: File, make_live: Callable[[], Any] | None = None) -> None:
        self.hub = Hub()
        self.renewals = 0
        self.follower = Follower(make_live or file.live, self._make_tell(), self._renew, str(file.path))

    def _make_tell(self) -> Any:
        return make_tell(asyncio.get_running_loop(), self.hub)

    def _renew(self) -> None:
        self.renewals += 1

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Subscription]:
        subscription = self.hub.subscribe(READER)
        assert (await anext(subscription)).document["followed"] is False
        self.follower.start()
        try:
            yield subscription
        finally:
            await asyncio.to_thread(self.follower.stop)


async def until(subscription: Subscription, holds: Callable[[StreamEvent], object]) -> StreamEvent:
    async with asyncio.timeout(LONG):
        async for event in subscription:
            if holds(event):
                return event
    raise AssertionError


def test_a_change_is_told_with_who_made_it_and_without_secrets(tmp_path: Path) -> None:
    file = File(tmp_path, **{"auth-username": "ann", "auth-password": "s3cret"})

    async def hear() -> None:
        follows = Follows(file)
        async with follows.open() as told:
            first = await until(told, lambda event: event.document.get("followed"))
            await asyncio.to_thread(file.set, auth_password="s3cret2", smtp_server="&{env:HOST}")
            change = await until(told, lambda event: event.name == "change")
            status = await until(told, lambda event: event.name == "status")
            assert (first.id[:2], status.id[:2], follows.hub.id) == ("1-", "2-", status.id)
            properties = change.document["changes"][0]["properties"]
            assert properties["auth-password"] == {"before": [MASK], "after": [MASK]}
            assert properties["smtp-server"] == {"before": ["first.example.com"], "after": [MASK]}
            assert change.document["actor"]
            assert not any(secret in change.data + status.data for secret in (b"s3cret", b"found.example.com"))

    file.live = lambda **_: confobjects.live(  # type: ignore[method-assign]
        file.url, definitions=file.registry, environment={"HOST": "found.example.com"}
    )
    asyncio.run(hear())


def test_a_configuration_that_does_not_hold_is_told_and_looked_at_again(tmp_path: Path) -> None:
    file = File(tmp_path, **{"smtp-server": "&{env:NOWHERE}"})

    async def hear() -> None:
        async with Follows(file).open() as told:
            broken = await until(told, lambda event: event.document["problems"])
            assert (broken.document["followed"], broken.id) == (False, "")
            assert broken.document["problems"][0]["property"] == "smtp-server"
            await asyncio.to_thread(file.set, smtp_server="mended.example.com")
            assert (await until(told, lambda event: event.document["followed"])).document["problems"] == []

    asyncio.run(hear())


def test_what_waits_is_told(tmp_path: Path) -> None:
    file = File(tmp_path)

    async def hear() -> None:
        async with Follows(file).open() as told:
            await until(told, lambda event: event.document["followed"])
            await asyncio.to_thread(file.set, use_ssl=True, use_start_tls=False)
            status = await until(told, lambda event: event.document.get("waiting") and event.name == "status")
            assert {one["path"] for one in status.document["waiting"]} == {"/mail-server/one"}

    asyncio.run(hear())


def test_definitions_that_are_installed_count_at_once(tmp_path: Path) -> None:
    file = File(tmp_path)

    async def hear() -> None:
        follows = Follows(file, lambda: confobjects.live(file.url, environment={}))
        async with follows.open() as told:
            await until(told, lambda event: event.document["followed"])
            words = ("definitions", "install", "--url", file.url, str(INSTALLABLE / "service.json"))
            assert (await asyncio.to_thread(run, *words)).status == 0
            reset = await until(told, lambda event: event.name == "reset")
            assert reset.document["reason"] == "definitions"
            assert follows.renewals == 1
            live = follows.follower.live
            assert live is not None
            assert live.configuration.of("service") == ()
            assert [one for one in live.waiting if "installed-definition" in one.path.relations] == []

    asyncio.run(hear())


def test_who_installs_definitions_here_finds_them_with_the_next_request(tmp_path: Path) -> None:
    file = File(tmp_path)
    served = Served(lambda: confobjects.open(file.url))
    found, _ = read_given("service.json", (INSTALLABLE / "service.json").read_text(encoding="utf-8"))
    given = [found] if found is not None else []

    def act_there(context: ManagementContext) -> None:
        with context.change(expected=given) as tx:
            install(tx, given)

    async def act() -> bool:
        before = await served.read(lambda context: "service" in context.registry.relations())
        await served.change(READER.replace(role="administrator"), "rest", act_there)
        after = await served.read(lambda context: "service" in context.registry.relations())
        served.close()
        return not before and after

    assert asyncio.run(act())


# -- over the wire -----------------------------------------------------------------------------------------------------


def _open_nothing() -> ManagementContext:
    raise AssertionError


@asynccontextmanager
async def served_streams(hub: Hub, people: PeopleFile, period: float = LONG) -> AsyncIterator[tuple[str, int]]:
    """Serve the event streams of a hub."""

    async def answer(call: Any) -> Any:
        return streaming.answer_stream(call, period)

    endpoints = tuple(one.replace(answer=answer) for one in streaming.ENDPOINTS)
    web = Web(Served(_open_nothing), Identity(people), hub)
    guard = Guard(make_app(web, endpoints), Rules(make_hosts("127.0.0.1", ())), lambda _: None)
    bound = guard_socket(open_socket("127.0.0.1", 0), Door(Limits(), lambda _: True))
    begun = asyncio.Event()
    server = WebServer(make_config(guard, lambda _: None), begun.set, hub.close)
    address = bound.getsockname()
    task = asyncio.create_task(server.serve([bound]))
    await begun.wait()
    try:
        yield address
    finally:
        server.ask_end()
        await task


async def open_stream(address: tuple[str, int], *headers: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a connection after the head of the answer."""
    reader, writer = await asyncio.open_connection(*address)
    token = f"Authorization: {bearer('reader')['Authorization']}"
    lines = (f"GET {API}/events HTTP/1.1", "Host: localhost", token, *headers, "", "")
    writer.write("\r\n".join(lines).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    assert b"content-type: text/event-stream" in head
    assert b"cache-control: no-store" in head
    return reader, writer


def test_a_hundred_streams_hear_a_change_and_end_with_the_server(tmp_path: Path) -> None:
    async def act() -> None:
        hub = Hub()
        hub.publish(make_round(1))
        async with served_streams(hub, make_people(tmp_path / "people")) as address:
            opened = [await open_stream(address) for _ in range(100)]
            hub.publish(make_round(2, "news"))
            for reader, _ in opened:
                await asyncio.wait_for(reader.readuntil(b'"text":"news"'), LONG)
            _, first = opened[0]
            first.close()
            while hub.number == 100:  # noqa: ASYNC110 - the server sees the end of a connection by itself
                await asyncio.sleep(0)
        assert hub.number == 0
        for reader, writer in opened[1:]:
            rest = await asyncio.wait_for(reader.read(), LONG)
            assert rest.endswith(b"0\r\n\r\n")
            writer.close()

    asyncio.run(act())


def test_the_last_event_is_named_by_the_browser(tmp_path: Path) -> None:
    async def act() -> None:
        hub = Hub()
        hub.publish(make_round(1))
        known = hub.id
        hub.publish(make_round(2, "news"))
        async with served_streams(hub, make_people(tmp_path / "people")) as address:
            for given, wanted in ((known, b"news"), ("x" * 5000, b"reset")):
                reader, writer = await open_stream(address, f"Last-Event-ID: {given}")
                await asyncio.wait_for(reader.readuntil(wanted), LONG)
                writer.close()

    asyncio.run(act())


def test_a_silent_stream_gives_signs_of_life_until_its_token_is_revoked(tmp_path: Path) -> None:
    async def act() -> None:
        hub, people = Hub(), make_people(tmp_path / "people")
        async with served_streams(hub, people, 0.01) as address:
            reader, writer = await open_stream(address)
            await asyncio.wait_for(reader.readuntil(KEEP_ALIVE), LONG)
            await asyncio.to_thread(people.change, lambda _: Credentials())
            await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), LONG)
            assert hub.number == 0
            writer.close()

    asyncio.run(act())
