"""A transport that gathers what is written in one turn of the event loop: the head and the body of an answer leave together.

Each write of a transport is a system call, and the client is woken by the first of them, before it has anything to read whole.

Laws: bytes leave in the order in which they were written, no later than in the next turn of the loop. No more than :data:`MOST`
bytes are held back, so the transport below still says when the client does not keep up. What is closed has sent what it held.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

MOST: Final = 64 * 1024
"""Bytes that are held back."""


class GatheringTransport(asyncio.Transport):
    """What a protocol writes to, in place of a transport below."""

    def __init__(self, below: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._below = below
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hold bytes back until the next turn of the loop."""
        if not data:
            return
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(bytes(data))
        self._size += len(data)
        if self._size > MOST:
            self.flush()

    def flush(self) -> None:
        """Send what is held back."""
        held, self._held, self._size = self._held, [], 0
        if held:
            self._below.write(held[0] if len(held) == 1 else b"".join(held))

    def close(self) -> None:
        """Send what is held back, and close the transport below."""
        self.flush()
        self._below.close()

    def abort(self) -> None:
        """Close the transport below at once."""
        self._held.clear()
        self._below.abort()

    def is_closing(self) -> bool:
        """Tell whether the transport below is closed, or will be."""
        return self._below.is_closing()

    def pause_reading(self) -> None:
        """Let the transport below read no more."""
        self._below.pause_reading()

    def resume_reading(self) -> None:
        """Let the transport below read again."""
        self._below.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport below knows of itself."""
        return self._below.get_extra_info(name, default)
