"""The receiver of a mail benchmark: Postfix's smtp-sink, and a proxy in front of it that delays and counts."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from queue import SimpleQueue

from benchmarks.harness import BenchmarkError

BEHIND = "/usr/sbin:/usr/lib/postfix/sbin"


def tool(name: str) -> str:
    """Return the path of one of Postfix's test programs."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{BEHIND}")
    if found is None:
        raise BenchmarkError(f"{name} is not installed; install it with: sudo apt-get install postfix")
    return found


def cores() -> tuple[set[int], set[int]]:
    """Return the processor cores for the server and for the client: one each if there are two, as on two machines."""
    usable = sorted(os.sched_getaffinity(0))
    return {usable[0]}, {usable[-1]}


@contextlib.contextmanager
def sink() -> Iterator[int]:
    """Run smtp-sink on a free port, and yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [tool("smtp-sink"), *user, f"127.0.0.1:{port}", "256"]
    server, _ = cores()
    process = subprocess.Popen(
        command,
        preexec_fn=lambda: os.sched_setaffinity(0, server),  # noqa: PLW1509 - it makes only one system call
    )
    try:
        _wait_for(port)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _wait_for(port: int) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise BenchmarkError("smtp-sink did not start")


class SlowRoad:
    """A proxy that delays each piece by half a round trip, and counts how often the client has waited.

    A round trip is counted when the client sends after it has received something, because it had to wait for that.
    """

    def __init__(self, port: int, round_trip: float) -> None:
        self._target = port
        self._delay = round_trip / 2
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.trips = 0
        self.connections = 0
        self._answered = False
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self.connections += 1
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._carry(client, server, self._sent)
                self._carry(server, client, self._received)

    def _carry(self, source: socket.socket, target: socket.socket, note: object) -> None:
        pieces: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
        threading.Thread(target=self._read, args=(source, pieces, note), daemon=True).start()
        threading.Thread(target=self._write, args=(target, pieces), daemon=True).start()

    def _read(self, source: socket.socket, pieces: SimpleQueue[tuple[float, bytes]], note: object) -> None:
        data = b"start"
        while data:
            try:
                data = source.recv(1 << 16)
            except OSError:
                data = b""
            if data and callable(note):
                note()
            pieces.put((time.monotonic() + self._delay, data))

    def _write(self, target: socket.socket, pieces: SimpleQueue[tuple[float, bytes]]) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, data = pieces.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)

    def _sent(self) -> None:
        with self._lock:
            self.trips += self._answered
            self._answered = False

    def _received(self) -> None:
        with self._lock:
            self._answered = True

    def close(self) -> None:
        """Accept no more connections."""
        self._listener.close()


def source(port: int, sessions: int, messages: int) -> Sequence[str]:
    """Return the command of smtp-source: this many sessions that keep their connections, messages of 1 KB."""
    return [tool("smtp-source"), "-d", "-s", str(sessions), "-m", str(messages), "-l", "1024", f"127.0.0.1:{port}"]
