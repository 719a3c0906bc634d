"""The asynchronous face: threads below, an event loop that goes on above."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import pytest

from confobjects.transport.mailer import Mailer
from tests.servers import mail_server
from tests.servers.fake_smtp import FakeSmtp, Session
from tests.transport.sending import CLEAR, mails, numbers, parts


def test_the_asynchronous_face_sends_side_by_side() -> None:
    gate = threading.Barrier(3, timeout=10)

    def together(session: Session) -> None:
        gate.wait()
        session.send(b"250 ok\r\n")

    async def run(mailer: Mailer) -> list[Any]:
        return await asyncio.gather(*(mailer.asend(*parts(outgoing)) for outgoing in mails(3)))

    with FakeSmtp({".": together}) as fake, Mailer(mail_server(fake.port, **CLEAR)) as mailer:
        assert all(report.delivered for report in asyncio.run(run(mailer)))


def test_many_are_sent_while_the_loop_goes_on() -> None:
    async def run(mailer: Mailer) -> tuple[list[Any], int]:
        ticks, done = 0, asyncio.Event()

        async def tick() -> None:
            nonlocal ticks
            while not done.is_set():
                ticks += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(tick())
        results = [result async for result in mailer.asend_many(mails(100), connections=2)]
        done.set()
        await other
        return results, ticks

    with FakeSmtp() as fake, Mailer(mail_server(fake.port, **CLEAR)) as mailer:
        results, ticks = asyncio.run(run(mailer))
        assert [result.error for result in results] == [None] * 100
        assert ticks > 1
        assert sorted(numbers(fake)) == list(range(100))


def test_a_stream_that_is_left_early_closes_its_connections() -> None:
    async def first_only(mailer: Mailer) -> Any:
        results = mailer.asend_many(mails(3))
        result = await anext(results)
        await results.aclose()
        return result

    with FakeSmtp() as fake:
        result = asyncio.run(first_only(Mailer(mail_server(fake.port, **CLEAR))))
        assert result.report
        assert fake.verbs[-1] == "QUIT"


class Gate:
    """Lets the server wait with the answer to a message, and a test know that it waits."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.reached = threading.Event()

    def wait(self, session: Session) -> None:
        self.reached.set()
        self.opened.wait(10)
        session.send(b"250 ok\r\n")


async def take_all(mailer: Mailer, count: int) -> None:
    async for _ in mailer.asend_many(mails(count)):
        pass


async def be_cancelled(mailer: Mailer, gate: Gate) -> None:
    """Cancel while the first message waits for its answer."""
    task = asyncio.create_task(take_all(mailer, 300))
    await asyncio.to_thread(gate.reached.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.opened.set()


async def run_out_of_time(mailer: Mailer, gate: Gate) -> None:
    """Let the time run out while the first message waits for its answer."""

    async def within_limit() -> None:
        async with asyncio.timeout(None) as limit:
            reached = asyncio.create_task(asyncio.to_thread(gate.reached.wait, 10))
            reached.add_done_callback(lambda _: limit.reschedule(asyncio.get_running_loop().time()))
            await take_all(mailer, 300)

    with pytest.raises(TimeoutError):
        await within_limit()
    gate.opened.set()


@pytest.mark.parametrize("end", [be_cancelled, run_out_of_time])
@pytest.mark.parametrize("kept", [True, False])
def test_many_that_are_cancelled_end_at_once_and_leave_nothing_behind(end: Any, kept: bool) -> None:
    gate = Gate()
    setting = "confobjects.pool.max-connections=1"
    with FakeSmtp({".": [gate.wait, b"250 ok\r\n"]}) as fake:
        mailer = Mailer(mail_server(fake.port, setting, **CLEAR))
        with mailer if kept else contextlib.nullcontext():
            asyncio.run(end(mailer, gate))  # waits for the thread
            sent = len(fake.messages)
            assert 1 <= sent <= 3, "what was under way comes to its end, and no more is begun"
            assert mailer.counters.delivered == sent, "and is counted"
            assert mailer.send(*parts(mails(1)[0])).delivered, "the connection has been given back"
        assert fake.connections == (1 if kept else 2)
        assert fake.verbs.count("QUIT") == fake.connections


def test_a_single_message_that_is_cancelled_comes_to_its_end() -> None:
    gate = Gate()

    async def run(mailer: Mailer) -> None:
        task = asyncio.create_task(mailer.asend(*parts(mails(1)[0])))
        await asyncio.to_thread(gate.reached.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.opened.set()

    with FakeSmtp({".": [gate.wait]}) as fake, Mailer(mail_server(fake.port, **CLEAR)) as mailer:
        asyncio.run(run(mailer))
        assert mailer.counters.delivered == 1


def test_many_that_are_cancelled_before_they_begin_send_nothing() -> None:
    async def run(mailer: Mailer) -> None:
        results = mailer.asend_many(mails(3))
        task = asyncio.ensure_future(anext(results))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await results.aclose()

    with FakeSmtp() as fake, Mailer(mail_server(fake.port, **CLEAR)) as mailer:
        asyncio.run(run(mailer))
        assert fake.messages == []
