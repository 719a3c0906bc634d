"""HTTP/1.1 on one connection: uvicorn's protocol, with a deadline for everything that a client has to do.

Laws: the head of a request has :data:`Deadlines.head` seconds, its body :data:`Deadlines.body`, whatever trickles in meanwhile; a
client takes what is sent to it within :data:`Deadlines.write`. What is no HTTP is refused, counted, and said in the access log only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from confobjects.records import Record
from confobjects.web.serving.access_log import Served, Write
from confobjects.web.serving.gathering import GatheringTransport

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.h11_impl import RequestResponseCycle

LARGEST_HEAD: Final = 16 * 1024
"""Bytes of the head of a request: its line and its headers."""


class Deadlines(Record):
    """Seconds that a client has: for the head of a request, for its body, to take a part of an answer, and between two requests."""

    head: float = 10.0
    body: float = 30.0
    write: float = 30.0
    idle: float = 5.0


class DeadlineProtocol(H11Protocol):
    """One connection. Subclasses made by :func:`make_protocol` have the deadlines and the log."""

    deadlines: Deadlines
    write_log: Callable[[Served], object]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._awaited: tuple[object, object] | None = None
        self._due: asyncio.TimerHandle | None = None
        self._write_due: asyncio.TimerHandle | None = None
        self._is_last = False
        """Whether the client sends nothing more, and waits for an answer."""

    # -- what comes in -----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the head of a request."""
        self._gathering = GatheringTransport(transport, self.loop)
        super().connection_made(self._gathering)
        self._wait_for_next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        for timer in (self._due, self._write_due):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Close the connection after what is written; but wait for an answer that has not begun.

        Some clients say at once that nothing more will come. TLS has no such state.
        """
        self._gathering.flush()
        cycle = self._find_cycle()
        is_answered = cycle is None or cycle.response_started
        self._is_last = not (is_answered or self.transport.is_closing() or self.transport.get_extra_info("sslcontext"))
        return self._is_last

    def on_response_complete(self) -> None:
        """Begin with the next request, if there may be one."""
        super().on_response_complete()
        cycle = self._find_cycle()
        if self._is_last and (cycle is None or cycle.response_complete):
            self.transport.close()

    def _find_cycle(self) -> RequestResponseCycle | None:
        """Return the request that came last, None before the first one."""
        return self.cycle  # uvicorn says that there is one always

    def handle_events(self) -> None:
        """Take what has come in, and see what is to come next."""
        super().handle_events()
        self._wait_for_next()

    def _wait_for_next(self) -> None:
        """Begin the deadline of what the client has to send next, unless it has begun."""
        state = self.conn.their_state
        awaited = (self.cycle, state)
        if awaited == self._awaited:
            return
        self._awaited = awaited
        if self._due is not None:
            self._due.cancel()
            self._due = None
        seconds = {h11.IDLE: self.deadlines.head, h11.SEND_BODY: self.deadlines.body}.get(state)
        if seconds is not None and not self.transport.is_closing():
            self._due = self.loop.call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        """End a connection whose client has sent nothing whole in time."""
        if self.transport.is_closing():
            return
        is_silent = self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]
        if is_silent or self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
            return
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._refuse(408, b"The request did not come in time.")

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        del msg
        self._refuse(400, b"This is no valid HTTP request.")

    def _refuse(self, status: int, text: bytes) -> None:
        """Answer with a status, and close the connection."""
        client = self.client[0] if self.client else ""
        self.write_log(Served(client, "", "-", "-", status, len(text), 0.0))
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [("content-type", "text/plain"), ("content-length", str(len(text))), ("connection", "close")]
            answer = (h11.Response(status_code=status, headers=headers), h11.Data(data=text), h11.EndOfMessage())
            self.transport.write(b"".join(self.conn.send(event) or b"" for event in answer))
        self.transport.close()

    # -- what goes out -----------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """Begin the deadline of a client that does not take what is sent."""
        super().pause_writing()
        if self._write_due is None:
            self._write_due = self.loop.call_later(self.deadlines.write, self.transport.abort)

    def resume_writing(self) -> None:
        """End that deadline."""
        super().resume_writing()
        if self._write_due is not None:
            self._write_due.cancel()
            self._write_due = None


def make_protocol(deadlines: Deadlines, write: Write) -> type[DeadlineProtocol]:
    """Return the protocol with some deadlines, whose refusals are written to a log."""
    return type("BoundProtocol", (DeadlineProtocol,), {"deadlines": deadlines, "write_log": staticmethod(write)})
