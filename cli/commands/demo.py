"""``demo``: the main job on this machine, step by step: configure a mail server, send a mail through it.

The story is ``cli/demo.txt``: every line that begins with ``$`` is run through the real command line, ``!`` is the exit
status it must have, ``=`` sets a variable to the password, or to a path in the directory, ``#`` is printed for the reader. A line with ``&`` is run in the background, until
as many mails have arrived as a line with ``~`` says.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from typing import TYPE_CHECKING, Final, Self

import click

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, UsageError
from confobjects.records import Record

from ..command import make_command
from ..invocation import Invocation

if TYPE_CHECKING:
    from subprocess import Popen

    from confobjects.definitions import Registry

    from ..demo_server import DemoServer
    from ..words.splitting import Words

_HELP = """Configure a mail server and send a mail through it, on this machine.

Everything happens in a temporary directory and on a loopback port, and is removed afterwards. Needs the extra "demo".
With --keep, servers for the commands of the guide are started then, and run until Ctrl-C or SIGTERM. A file that a shell can
source has the variables that the pages use."""
_STOPPED: Final = 143
"""The exit status of a story that a signal ended: that of SIGTERM in a shell."""
_PATIENCE: Final = 30.0
"""Seconds for what runs in the background to end."""
_VARIABLES = (
    "CONFOBJECTS_URL",
    "CONFOBJECTS_INSTANCE",
    "CONFOBJECTS_ENVCONFIG_DIRS",
    "CONFOBJECTS_STATE_URL",
    "CONFOBJECTS_SEAL_KEY_FILE",
    "SMTP_PASSWORD",
)


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    keep = click.Option(["--keep"], is_flag=True, help="Then run servers for the guide, and print its variables.")
    return make_command(words, registry, [keep], _run, _HELP)


class StoryLine(Record):
    """A command of the story and its expected exit status, or a variable to set (``=``)."""

    kind: str
    text: str
    status: int = 0


def _run(invocation: Invocation, keep: bool) -> int:
    from ..watching.signals import StopRequest, stop_on_signals

    try:
        with stop_on_signals():
            _play(invocation, keep=keep)
    except StopRequest:
        return _STOPPED
    return 0


def _play(invocation: Invocation, *, keep: bool) -> None:
    import tempfile

    demo = _import_server()
    password = "Demo-" + os.urandom(6).hex()
    with (
        tempfile.TemporaryDirectory(prefix="confobjects-demo-") as directory,
        _set_environment(directory),
        demo(directory, "demo", password) as server,
        redirect_stderr(sys.stdout),  # refusals appear at their place in the story
        Story(invocation, server, directory, password) as story,
    ):
        for step in _read_story(port=server.port):
            story.play(step)
        invocation.say("\n# What arrived:\n" + "\n".join(f"  {line}" for line in server.received_lines()))
        invocation.say("\n# Done: the mails went out over verified TLS, through the configured mail server.")
        if keep:
            _run_guide_servers(invocation, directory)


def _run_guide_servers(invocation: Invocation, directory: str) -> None:
    """Run the servers of the guide until a signal ends it; the variables are printed, and written for a shell to source."""
    import signal

    from confobjects.storage.replacing import Replacement

    from ..guide_servers import GuideServers, list_missing, render_exports
    from ..watching.signals import StopRequest

    with GuideServers(directory) as servers:
        exports = render_exports(servers.variables)
        path = os.path.join(directory, "variables.sh")
        with Replacement(path, exports.encode()) as file:
            file.take_place()
        about = [
            f"# Servers for the guide run on this machine; their certificates and the mailbox are in {directory}.",
        ]
        about += [f"# Missing: {sentence}" for sentence in list_missing()]
        about.append(f"# In another shell: . {path}    (Ctrl-C here ends the servers)")
        invocation.say("\n".join(["", *about, exports.rstrip()]))
        sys.stdout.flush()
        with suppress(KeyboardInterrupt, StopRequest):
            while True:
                signal.pause()


def _import_server() -> type[DemoServer]:
    from confobjects.service.installed import require_installed

    require_installed()
    try:
        from ..demo_server import DemoServer
    except ImportError as error:
        raise UsageError(
            Diagnostic(
                "usage",
                f"the demonstration needs extra packages that are not installed ({error.name})",
                remedy="pip install 'confobjects[demo]'",
            )
        ) from None
    return DemoServer


@contextmanager
def _set_environment(directory: str) -> Iterator[None]:
    """Point the commands of the story at a file in a directory; the old values come back afterwards."""
    before = {name: os.environ.pop(name, None) for name in _VARIABLES}
    os.environ["CONFOBJECTS_URL"] = f"ldif:{os.path.join(directory, 'config.ldif')}"
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _read_story(*, port: int) -> Iterator[StoryLine]:
    with open(os.path.join(os.path.dirname(os.path.dirname(__file__)), "demo.txt"), encoding="utf-8") as file:
        lines = file.read().format(port=port).splitlines()
    for index, line in enumerate(lines):
        kind, text = line[:1], line[2:]
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if kind != "!":
            yield StoryLine(kind, text, int(following[2:]) if following.startswith("! ") else 0)


class Story:
    """A story that is played; what it runs in the background ends with it at the latest."""

    def __init__(self, invocation: Invocation, server: DemoServer, directory: str, password: str) -> None:
        self._invocation = invocation
        self._directory = directory
        self._server = server
        self._password = password
        self._background: list[Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_background()

    def play(self, step: StoryLine) -> None:
        """Play a line. Raises ConfobjectsError if something else happens than the story says."""
        actions = {"=": self._set_variable, "$": self._run_command, "&": self._start_command, "~": self._await_mails}
        if step.kind in actions:
            actions[step.kind](step)
        else:
            self._invocation.say(f"# {step.text}" if step.kind == "#" else "\n")  # a blank line separates the steps

    def _set_variable(self, step: StoryLine) -> None:
        name, _, path = step.text.partition(" ")
        os.environ[name] = os.path.join(self._directory, path) if path else self._password
        self._invocation.say(f"$ export {name}=…")

    def _run_command(self, step: StoryLine) -> None:
        from ..main import main

        self._invocation.say(f"$ {step.text}")
        status = main(shlex.split(step.text)[1:])
        if status != step.status:
            raise ConfobjectsError(f"the demonstration failed: exit status {status}, expected {step.status}")
        if status:
            self._invocation.say(f"(exit status {status})")

    def _start_command(self, step: StoryLine) -> None:
        from subprocess import PIPE, STDOUT, Popen

        self._invocation.say(f"$ {step.text} &")
        command = [sys.executable, "-m", "confobjects.cli", *shlex.split(step.text)[1:]]
        process = Popen(command, stdout=PIPE, stderr=STDOUT, text=True)  # noqa: S603 - a line of our own story
        self._background.append(process)

    def _await_mails(self, step: StoryLine) -> None:
        arrived = self._server.mailbox.wait_for(int(step.text))
        said = self._end_background()
        if not arrived:
            raise ConfobjectsError(f"the demonstration failed: no mail arrived. {said}")

    def _end_background(self) -> str:
        """End what runs in the background, in order, and return what it said."""
        from subprocess import TimeoutExpired

        said = ""
        while self._background:
            process = self._background.pop()
            process.terminate()
            try:
                said += process.communicate(timeout=_PATIENCE)[0]
            except TimeoutExpired:
                process.kill()
                said += process.communicate()[0]
        return said
