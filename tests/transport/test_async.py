"""The asynchronous face: threads below, an event loop that goes on above."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

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
