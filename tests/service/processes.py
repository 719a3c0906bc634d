"""The mail service as processes of their own, for tests. Nothing waits by the clock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, Self

import confobjects
from confobjects.service.ledger import Ledger
from confobjects.service.opening import open_ledger_of
from tests.cli.watchers import LONG, Lines
from tests.docs_check import ROOT

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


class ServiceProcess:
    """A running mail service; a context manager that ends it by its number."""

    def __init__(self, url: str, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CONFOBJECTS_")}
        words = [sys.executable, "-m", "confobjects.cli", "run-mail-service", "--url", url, UNSEALED, *arguments]
        self.process = subprocess.Popen(
            words,
            cwd=ROOT,
            env={**kept, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.err = Lines(self.process.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.err.close()

    def wait_for_start(self) -> Self:
        """Wait until it runs."""
        self.err.until(lambda line: RUNS in line)
        return self

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(LONG)
