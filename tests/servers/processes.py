"""Servers as child processes: a directory of their own, free ports, a start that waits and a stop by process id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 30.0
"""Seconds a server may take to answer before its start counts as failed; a loaded machine is slow."""


def memory_directory(prefix: str) -> Path:
    """Make a directory in memory where there is one: what a test server writes need not reach a disk."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None
    return Path(tempfile.mkdtemp(prefix=f"confobjects-{prefix}-", dir=place))


@contextmanager
def open_directory(prefix: str) -> Iterator[Path]:
    """Make such a directory, and remove it in the end.

    It is not below pytest's own directory, which every run of pytest closes to all other users, such as that of a Postfix.
    """
    directory = memory_directory(prefix)
    try:
        yield directory
    finally:
        remove(directory)


def remove(directory: Path) -> None:
    """Remove a server's directory with all that is in it."""
    shutil.rmtree(directory, ignore_errors=True)


def start(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a server in the foreground of a child process, which ends with the tests whatever becomes of them."""
    setpriv = shutil.which("setpriv")
    guarded = command if setpriv is None or command[0] == setpriv else [setpriv, "--pdeathsig", "TERM", *command]
    with log.open("ab") as stream:
        return subprocess.Popen(guarded, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT)


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, *, patience: float = PATIENCE
) -> None:
    """Wait until a server answers. Raises :class:`RuntimeError`, with its log, when it ends or never does."""
    end = time.monotonic() + patience
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.01)


def accepts(port: int) -> bool:
    """Tell whether something accepts connections at a port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """End a server by its process id and wait for it; one that was stopped by a signal is woken first."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGCONT)
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
