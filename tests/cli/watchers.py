"""Commands that run as processes of their own, such as ``watch``, and what they tell. Nothing waits by the clock."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import IO, Any, Self

from tests.docs_check import ROOT

LONG = 60.0
"""Seconds after which a test fails that waits for what does not come."""
_END = None


class Lines:
    """The lines of a stream, as they come."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.seen: list[str] = []
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._stream:
            for line in self._stream:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(_END)

    def close(self) -> None:
        """Wait for the end of the stream."""
        self._thread.join(LONG)

    def next(self) -> str | None:
        """Return the next line, None at the end."""
        line = self._lines.get(timeout=LONG)
        if line is not None:
            self.seen.append(line)
        return line

    def until(self, holds: Callable[[str], object]) -> str:
        """Return the next line for which something holds."""
        while (line := self.next()) is not None:
            if holds(line):
                return line
        raise AssertionError(self.seen)

    def rest(self) -> list[str]:
        """Return all lines until the end of the stream."""
        return list(iter(self.next, _END))


class CommandProcess:
    """A command that runs as a process of its own; a context manager that ends it by its number.

    It may be ``wrapped`` in a program that runs it as its child, whose exit status it has. ``command`` is what runs in place of ours.
    """

    def __init__(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        stdout: int = subprocess.PIPE,
        wrapped: Sequence[str] = (),
        command: Sequence[str] = (sys.executable, "-m", "confobjects.cli"),
    ) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CONFOBJECTS_")}
        self.process = subprocess.Popen(
            [*wrapped, *command, *words],
            cwd=ROOT,
            env={**kept, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.err = Lines(self.process.stderr)
        self.out = self.err if self.process.stdout is None else Lines(self.process.stdout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.out.close()
        self.err.close()

    def end(self, number: int | None = None) -> int:
        """Send a signal, if any, and return the exit status."""
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(LONG)

    def end_child(self, number: int) -> int:
        """Send a signal to the child of the process, and return the exit status."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        os.kill(int(children), number)
        return self.process.wait(LONG)


class Watcher(CommandProcess):
    """A running ``watch``."""

    def __init__(
        self, url: str, *arguments: str, env: Mapping[str, str] | None = None, stdout: int = subprocess.PIPE
    ) -> None:
        super().__init__("watch", "--url", url, *arguments, env=env, stdout=stdout)

    def document(self, event: str = "") -> dict[str, Any]:
        """Return the next document, or the next one of an event."""
        line = self.out.until(lambda text: not event or json.loads(text)["event"] == event)
        found: dict[str, Any] = json.loads(line)
        return found


class Pipe:
    """A named pipe into which a command writes what it is given; reading waits for it."""

    def __init__(self, directory: Path, name: str = "pipe") -> None:
        self.path = directory / name
        os.mkfifo(self.path)

    def read(self) -> str:
        """Return what one writer, and all that it started, have written."""
        return self.path.read_text(encoding="utf-8")

    def write(self, text: str = "go\n") -> None:
        """Write, when there is a reader."""
        self.path.write_text(text, encoding="utf-8")
