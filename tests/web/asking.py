"""Asking an application many things: a client of one loop, in the thread that asks.

Starlette's client begins a thread and a loop for each request, which takes ten times the time of a page that refuses. What goes on after an
answer (a test that runs, a stream) does so only while something is asked: such tests keep Starlette's client.
"""

from __future__ import annotations

import asyncio
from typing import Any, Self

import httpx2


class OneLoop(httpx2.BaseTransport):
    """Asks an application; it has to be closed, and clients that share it do not close it."""

    def __init__(self, app: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._transport = httpx2.ASGITransport(app, client=("127.0.0.1", 50_000))

    def __enter__(self) -> Self:
        return self

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the whole answer."""
        return self._loop.run_until_complete(self._ask(request))

    async def _ask(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._transport.handle_async_request(request)
        assert isinstance(answer.stream, httpx2.AsyncByteStream)
        content = b"".join([part async for part in answer.stream])
        return httpx2.Response(answer.status_code, headers=answer.headers, stream=httpx2.ByteStream(content))

    def close(self) -> None:
        """End the loop."""
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
