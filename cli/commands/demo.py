"""``demo``: the main job on this machine, step by step: configure a mail server, send a mail through it.

The story is ``cli/demo.txt``: every line that begins with ``$`` is run through the real command line, ``!`` is the exit
status it must have, ``=`` sets a variable, ``#`` is printed for the reader.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING

import click

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, UsageError
from confobjects.records import Record

from ..command import make_command
from ..invocation import Invocation

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from ..demo_server import DemoServer
    from ..words.splitting import Words

_HELP = """Configure a mail server and send a mail through it, on this machine.

Everything happens in a temporary directory and on a loopback port, and is removed afterwards. Needs the extra "demo"."""
_VARIABLES = (
    "CONFOBJECTS_URL",
    "CONFOBJECTS_INSTANCE",
    "CONFOBJECTS_ENVCONFIG_DIRS",
    "CONFOBJECTS_STATE_URL",
    "SMTP_PASSWORD",
)


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    return make_command(words, registry, [], _run, _HELP)


class StoryLine(Record):
    """A command of the story and its expected exit status, or a variable to set (``=``)."""

    kind: str
    text: str
    status: int = 0


def _run(invocation: Invocation) -> int:
    import tempfile

    demo = _import_server()
    password = "Demo-" + os.urandom(6).hex()
    with (
        tempfile.TemporaryDirectory(prefix="confobjects-demo-") as directory,
        _set_environment(directory),
        demo(directory, "demo", password) as server,
        redirect_stderr(sys.stdout),  # refusals appear at their place in the story
    ):
        for step in _read_story(port=server.port):
            _play_line(invocation, step, password)
        invocation.say("\n# What arrived:\n" + "\n".join(f"  {line}" for line in server.received_lines()))
    invocation.say("\n# Done: the mail went out over verified TLS, through the configured mail server.")
    return 0


def _import_server() -> type[DemoServer]:
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


def _play_line(invocation: Invocation, step: StoryLine, password: str) -> None:
    from ..main import main

    if step.kind == "=":
        os.environ[step.text] = password
        invocation.say(f"\n$ export {step.text}=…")
        return
    if step.kind != "$":
        invocation.say(f"# {step.text}" if step.kind == "#" else "\n")  # a blank line separates the steps
        return
    invocation.say(f"$ {step.text}")
    status = main(shlex.split(step.text)[1:])
    if status != step.status:
        raise ConfobjectsError(f"the demonstration failed: exit status {status}, expected {step.status}")
    if status:
        invocation.say(f"(exit status {status})")
