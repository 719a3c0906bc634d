"""Running a command of the user: its words, its environment, its input, its end."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from tempfile import TemporaryFile
from threading import Condition, Thread
from typing import BinaryIO, Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError

LIMIT: Final = 30.0
"""Seconds that a command may take."""
GRACE: Final = 5.0
"""Seconds between the request to stop and the end by force."""
_PASSED: Final = frozenset(
    [
        "DBUS_SESSION_BUS_ADDRESS",
        "HOME",
        "LANG",
        "LANGUAGE",
        "LOGNAME",
        "PATH",
        "SHELL",
        "TERM",
        "TMPDIR",
        "TZ",
        "USER",
        "XDG_RUNTIME_DIR",
    ]
)
_PASSED_PREFIX: Final = "LC_"


def split_command(text: str) -> tuple[str, ...]:
    """Return the words of a command by the quoting rules of the shell; nothing is expanded.

    Raises :class:`~confobjects.errors.UsageError` if there is no command in it, or a quotation does not end.
    """
    try:
        words = tuple(shlex.split(text))
    except ValueError:
        raise _make_usage_error("a quotation does not end, or nothing follows the last backslash") from None
    if not words or not words[0]:
        raise _make_usage_error("there is no command in it")
    if any("\0" in word for word in words):
        raise _make_usage_error("a word contains a null character")
    return words


def _make_usage_error(reason: str) -> UsageError:
    remedy = 'give the command and its arguments as one argument: --exec "systemctl reload mail-gateway"'
    return UsageError(Diagnostic("usage", f"--exec: {reason}", argument="--exec", remedy=remedy))


def choose_environment(variables: Mapping[str, str], secret: Collection[str]) -> dict[str, str]:
    """Return what a command gets of an environment: what every program needs, and nothing of ours.

    ``secret`` are the names of variables that hold secrets, whatever they are called.
    """
    return {
        name: value
        for name, value in variables.items()
        if (name in _PASSED or name.startswith(_PASSED_PREFIX)) and name not in secret
    }


class ProgramRun:
    """A command that runs in a process group of its own.

    It reads its input from a file, so nothing waits for it to read. What it prints goes to standard error. ``condition``
    is told of its end. Raises OSError and ValueError if it cannot be started.
    """

    def __init__(
        self, words: Sequence[str], document: str, environment: Mapping[str, str], condition: Condition
    ) -> None:
        self._condition = condition
        self.has_ended = False
        with _make_file(document) as file:
            self._process = subprocess.Popen(  # noqa: S603 - it is what the user asked to run, and no shell is asked
                words, stdin=file, stdout=_error_stream(), env=dict(environment), start_new_session=True
            )
        Thread(target=self._await_end, name="confobjects-command", daemon=True).start()

    def _await_end(self) -> None:
        """Wait for the process and leave it as it is: until it is reaped, nobody else gets the number of its group."""
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        with self._condition:
            self.has_ended = True
            self._condition.notify_all()

    def reap(self) -> int:
        """Return the exit code of a process that has ended, negative for a signal."""
        return self._process.wait()

    def stop(self, grace: float = GRACE) -> None:
        """Stop the process and all of its group: first by a request, then by force."""
        self._signal(signal.SIGTERM)
        with self._condition:
            self._condition.wait_for(lambda: self.has_ended, grace)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _make_file(document: str) -> BinaryIO:
    """Return a file with a document, open at its beginning. It has no name, and is in memory where that is possible."""
    if hasattr(os, "memfd_create"):
        file: BinaryIO = os.fdopen(os.memfd_create("confobjects-change"), "w+b")
    else:
        file = TemporaryFile()  # noqa: SIM115 - the caller closes it
    file.write(document.encode())
    file.seek(0)
    return file


def _error_stream() -> int:
    """Return the descriptor of standard error: what a command prints must not get into our results."""
    try:
        return sys.stderr.fileno()
    except (OSError, ValueError):
        return subprocess.DEVNULL


# -- failures --------------------------------------------------------------------------------------------------------


def describe_failure(words: Sequence[str], reason: str) -> Diagnostic:
    """Return the problem with a command. Its arguments are not told, because they may be secrets."""
    return Diagnostic(
        "command-failed", f'the command "{words[0]}" {reason}', remedy="it is run again with the next change"
    )


def describe_exit(code: int) -> str:
    """Return how a command ended that failed."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    return f"was ended by the signal {name}"


def describe_start(error: OSError | ValueError) -> str:
    """Return why a command cannot be started."""
    reason = (error.strerror or "").lower() if isinstance(error, OSError) else "one of its words cannot be passed"
    return f"cannot be started: {reason}"


def find_secret_variables(options: Mapping[str, object]) -> Iterable[str]:
    """Yield the environment variables that some options name as the places of secrets."""
    return (str(value) for name, value in options.items() if name.endswith("_env") and value)
