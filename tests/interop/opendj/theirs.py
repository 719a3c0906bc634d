"""The server's own command, dsconfig, run by the hundred: its class in one Java process, each call with its own answer.

Started as its launcher does it, a call takes seconds, and its batches stop at the first refusal.
"""

from __future__ import annotations

import subprocess
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Final, Self

from tests.cli.sessions import Outcome
from tests.servers.opendj import JAVA_OPTIONS, ROOT_DN, OpenDj

_PROGRAM: Final = Path(__file__).with_name("Dsconfig.java")


class Theirs:
    """Their command on a server; a context manager. Call it with the words of a command."""

    def __init__(self, server: OpenDj) -> None:
        login = ("-h", "localhost", "-p", str(server.admin_port), "-D", ROOT_DN, "-j", str(server.password_file))
        self._options = (*login, "--trustAll", "--no-prompt", "--noPropertiesFile")
        options = (*JAVA_OPTIONS.split(), "-Dorg.opends.server.scriptName=dsconfig")
        command = [server.java, *options, "-cp", str(server.home / "lib" / "*"), str(_PROGRAM)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=server.root,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "INSTALL_ROOT": str(server.home)},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def __call__(self, *words: str) -> Outcome:
        """Run a command to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        said = " ".join(b64encode(word.encode()).decode() for word in (*words, *self._options))
        self._process.stdin.write(said + "\n")
        self._process.stdin.flush()
        status, *told = self._process.stdout.readline().split()
        out, err = (b64decode(text.removeprefix(":")).decode() for text in told)
        return Outcome(int(status), out, err)
