"""A real PostgreSQL for the tests: a port of loopback, its own directory in memory, stopped and started at will.

It trusts everybody on loopback, but the user ``guarded``, who has a password. Without ``durable`` it does not wait for
the disk: it survives its own end, not that of the machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from tests.servers import processes
from tests.servers.packages import require
from tests.servers.postfix import free_ports

USER = "postgres"
"""The system user that the server runs as (it refuses root), and its administrator."""

GUARDED = "guarded"
PASSWORD = "postgres canary 8T"

_RULES = f"""\
local all all trust
host all {GUARDED} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""


class PostgreSQL:
    """One running server; a context manager that starts and stops it."""

    def __init__(self, directory: Path | None = None, *, durable: bool = False) -> None:
        self.root = processes.memory_directory("postgresql") if directory is None else directory
        self._is_durable = durable
        self._programs = require("postgresql")
        [self.port] = free_ports(1)

    def __enter__(self) -> Self:
        shutil.chown(self.root, USER)
        self.root.chmod(0o700)
        self._run(self._programs["initdb"], "-A", "trust", "-U", USER, "-E", "UTF8", "--no-sync", "-D", str(self.data))
        (self.data / "pg_hba.conf").write_text(_RULES, encoding="utf-8")
        self.start()
        self.execute(f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{PASSWORD}'")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        processes.remove(self.root)

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def log(self) -> Path:
        return self.root / "log"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = [] if self._is_durable else ["-c", "fsync=off"]
        command = [self._programs["postgres"], "-D", str(self.data), "-k", str(self.root)]
        listening = ["-h", "127.0.0.1", "-p", str(self.port), "-c", "max_connections=60", *settings]
        self._process = processes.start([*self._as_user(), *command, *listening], self.log)
        processes.wait_until(self._answers, self._process, self.log)

    def stop(self) -> None:
        """Stop the server, ending every connection."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(processes.PATIENCE)

    def crash(self) -> None:
        """Let the server end at once, without putting anything in order: the next start recovers from its log."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(processes.PATIENCE)

    def make_database(self) -> str:
        """Make a database; return its URL."""
        name = f"ledger_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def execute(self, statement: str) -> None:
        """Carry out a statement as the administrator."""
        import psycopg

        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(statement.encode())

    @property
    def _address(self) -> str:
        return f"host=127.0.0.1 port={self.port} user={USER} dbname=postgres connect_timeout=5"

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self._address).close()
        except psycopg.OperationalError:
            return False
        return True

    def _as_user(self) -> list[str]:
        ends = [self._programs["setpriv"], "--pdeathsig", "INT"]
        return [*ends, f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]

    def _run(self, *command: str) -> None:
        environment = {**os.environ, "LC_ALL": "C"}
        done = subprocess.run(
            [*self._as_user(), *command], check=False, capture_output=True, text=True, cwd="/", env=environment
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
