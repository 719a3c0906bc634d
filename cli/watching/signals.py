"""Signals that end a watch in order, and the wait for what may happen meanwhile."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from types import FrameType
from typing import Final

_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)
_HUNG_UP: Final = select.POLLERR | select.POLLHUP


class StopRequest(BaseException):
    """Somebody asked the process to end. Not an error, and nothing else may catch it."""


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise :class:`StopRequest` on a signal that asks to end; a second one ends the process at once.

    A signal that is ignored stays so. The ends of child processes are heard of, even if the caller ignored them.
    """

    def stop(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise StopRequest

    before = {number: signal.getsignal(number) for number in (*_ENDING, signal.SIGCHLD)}
    for number in _ENDING:
        if before[number] != signal.SIG_IGN:
            signal.signal(number, stop)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def wait_for_any(descriptors: Sequence[int], seconds: float | None) -> None:
    """Return when one of some descriptors can be read, or after some seconds; None means without a limit.

    Raises BrokenPipeError when nobody reads standard output any more.
    """
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    output = _find_output()
    if output is not None and output not in descriptors:
        poll.register(output, 0)
    for descriptor, events in poll.poll(None if seconds is None else ceil(max(0.0, seconds) * 1000)):
        if descriptor == output and events & _HUNG_UP:
            raise BrokenPipeError


def drop_output() -> None:
    """Let what is left of standard output go nowhere: nobody reads it, and the process is to end."""
    output = _find_output()
    if output is not None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, output)
        os.close(nowhere)


def _find_output() -> int | None:
    try:
        return sys.stdout.fileno()
    except (OSError, ValueError):
        return None
