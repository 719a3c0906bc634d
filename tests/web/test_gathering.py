"""What is written in one turn of the event loop leaves in one piece, in order, and nothing is held for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from confobjects.web.serving.gathering import MOST, GatheringTransport


class Wire(asyncio.Transport):
    """What leaves, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.sent.append(b"closed")

    def abort(self) -> None:
        self.sent.append(b"aborted")


def _send(transport: GatheringTransport, *pieces: bytes) -> GatheringTransport:
    for piece in pieces:
        transport.write(piece)
    return transport


LARGE = b"x" * (MOST + 1)


@pytest.mark.parametrize(
    ("act", "at_once", "then"),
    [
        (lambda one: _send(one, b"head", b"", b"body"), [], [b"headbody"]),
        (lambda one: _send(one, b"head").close(), [b"head", b"closed"], []),
        (lambda one: _send(one, b"head").abort(), [b"aborted"], []),
        (lambda one: _send(one, LARGE, b"rest"), [LARGE], [b"rest"]),
    ],
)
def test_what_is_written_in_one_turn_leaves_together(
    act: Callable[[GatheringTransport], object], at_once: list[bytes], then: list[bytes]
) -> None:
    async def run() -> None:
        wire = Wire()
        act(GatheringTransport(wire, asyncio.get_running_loop()))
        assert wire.sent == at_once
        await asyncio.sleep(0)
        assert wire.sent == [*at_once, *then]

    asyncio.run(run())
