"""A person at a terminal, played: the command line on a pseudo-terminal, what it shows and what is typed."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.docs_check import ROOT

_PATIENCE = 60.0
"""Seconds after which a dialogue that says nothing is given up; no test waits for them to pass."""
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")


class Dialogue:
    """A running program and the other end of its terminal."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self.terminal = terminal
        self.shown = ""
        self._read_to = 0

    def until(self, words: str) -> str:
        """Read until some words are shown that were not read before; return what was shown up to them."""
        while words not in self._unread():
            part = self._more()
            assert part, f"it ended without {words!r}:\n{self.shown[-3000:]}"
        start = self._read_to
        self._read_to = self.shown.index(words, start) + len(words)
        return self.shown[start : self._read_to]

    def _unread(self) -> str:
        return self.shown[self._read_to :]

    def _more(self) -> str:
        ready, _, _ = select.select([self.terminal], [], [], _PATIENCE)
        assert ready, f"nothing happens after:\n{self.shown[-3000:]}"
        try:
            data = os.read(self.terminal, 65536)
        except OSError:  # the other side has closed
            return ""
        text = _CONTROLS.sub("", data.decode("utf-8", "replace"))
        self.shown += text
        return text or ("\0" if data else "")

    def type(self, text: str) -> None:
        """Type, without Enter."""
        os.write(self.terminal, text.encode())

    def answer(self, question: str, text: str) -> str:
        """Wait for a question and answer it with a line; return what was shown before."""
        before = self.until(question)
        self.type(f"{text}\n")
        return before

    def asked(self) -> bool:
        """Read to the next question; tell whether there is one."""
        while ": " not in self.shown.rpartition("\n")[2]:
            if not self._more():
                return False
        self._read_to = len(self.shown)
        return True

    def ends(self) -> int:
        """Read to the end and return the exit status."""
        while self._more():
            pass
        return self.process.wait()

    def interrupted(self) -> int:
        """Press Ctrl-C and return the exit status.

        The interpreter may miss a signal that comes just before it waits for input, until the next: so it is pressed
        again as long as nothing comes of it, as a person would.
        """
        while "interrupted" not in self._unread():
            self.type("\x03")
            while "interrupted" not in self._unread() and select.select([self.terminal], [], [], 0.5)[0]:
                if not self._more():
                    return self.process.wait()
        return self.ends()


@contextmanager
def dialogue(*arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[Dialogue]:
    """Start the command line on a terminal of its own; what is left of it is stopped at the end."""
    parent, child = pty.openpty()
    words = {**os.environ, "TERM": "dumb", "COLUMNS": "100", "LINES": "24", "LC_ALL": "C.UTF-8", **(environment or {})}
    command = [sys.executable, "-m", "confobjects.cli", *arguments]
    process = subprocess.Popen(
        command,
        stdin=child,
        stdout=child,
        stderr=child,
        cwd=ROOT,
        env=words,
        start_new_session=True,
        preexec_fn=_take_terminal,  # noqa: PLW1509 - no test has threads when it starts one
    )
    os.close(child)
    try:
        yield Dialogue(process, parent)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        os.close(parent)


def _take_terminal() -> None:
    """Make standard input the terminal of the new session, so that Ctrl-C is a signal."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
