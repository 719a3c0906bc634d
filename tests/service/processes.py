"""The mail service as processes of their own, for tests. Nothing waits by the clock."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, Self

import confobjects
from confobjects.service.ledger import Ledger
from confobjects.service.opening import open_ledger_of
from tests.cli.watchers import LONG, CommandProcess

RUNS: Final = "the mail service runs"
UNSEALED: Final = "--unsealed-ledger"


def wait_until(holds: Callable[[], object]) -> None:
    """Wait until something holds; fail if it never does."""
    end = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def open_ledger_at(url: str) -> Ledger:
    """Open the ledger of a configuration."""
    return open_ledger_of(confobjects.load(url)["mail-service"], {}, unsealed=True)


class ServiceProcess(CommandProcess):
    """A running mail service."""

    def __init__(self, url: str, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        words = ("run-mail-service", "--url", url, UNSEALED, *arguments)
        super().__init__(*words, env=env, stdout=subprocess.DEVNULL)

    def wait_for_start(self) -> Self:
        """Wait until it runs."""
        self.err.until(lambda line: RUNS in line)
        return self

    def end(self, number: int | None = signal.SIGTERM) -> int:
        """Send a signal, and return the exit status."""
        return super().end(number)
