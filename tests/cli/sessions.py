"""Sessions: files of commands with exactly what they print, run through the real command line.

::

    $ confobjects list-mail-servers        a command, from an empty configuration file on
    text                                   what it prints to standard output
    2> text                                what it prints to standard error
    = 11                                   its exit status, where that is not 0
    # text                                 a remark

``python -m tests.cli.sessions`` writes the output into the files again; read the difference before you commit it.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from confobjects import definitions_loading, startup
from confobjects.cli.main import main
from confobjects.definitions import Registry
from confobjects.definitions.installed import InstalledText

GOLDEN = Path(__file__).parent.parent / "golden" / "cli"
INSTALLABLE = Path(__file__).parent.parent / "definitions" / "installable"
"""Versions of one definition to be installed, most of them wrong in one way."""
FAMILY = Path(__file__).parent.parent / "definitions" / "family"


class Outcome(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str


def run(*arguments: str) -> Outcome:
    """Run a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(list(arguments))
    return Outcome(status, out.getvalue(), err.getvalue())


def replayed(text: str, directory: Path) -> str:
    """Return a session with its output as it is now; ``{dir}`` in commands is the directory."""
    lines = []
    for line in text.splitlines():
        if line.startswith("#") or not line:
            lines.append(line)
        if not line.startswith("$ "):
            continue
        lines.append(line)
        typed = line[2:].replace("{installable}", str(INSTALLABLE))
        words = shlex.split(typed.replace("{dir}", str(directory)).replace("{family}", str(FAMILY)))
        lines.extend(shown(run(*words[1:]), directory))
    return "\n".join(lines) + "\n"


def shown(outcome: Outcome, directory: Path) -> Iterator[str]:
    """Yield what a command printed, places replaced by their names."""

    def plain(text: str) -> str:
        text = text.replace(str(INSTALLABLE), "{installable}")
        return text.replace(str(directory), "{dir}").replace(str(FAMILY), "{family}")

    yield from (plain(line) or " " for line in outcome.out.splitlines())
    yield from (f"2> {plain(line)}".rstrip() for line in outcome.err.splitlines())
    if outcome.status:
        yield f"= {outcome.status}"


@contextlib.contextmanager
def definitions_read_once() -> Iterator[None]:
    """Let commands over the same definitions share what they read: reading a second family takes longer than a command."""
    read = definitions_loading.load_registry
    kept: dict[tuple[bool, tuple[str, ...]], Registry] = {}

    def registry(
        directories: Iterable[str] = (),
        *,
        builtin: bool = True,
        family: str = "",
        installed: tuple[InstalledText, ...] = (),
    ) -> Registry:
        names = tuple(directories)
        if installed or family:
            return read(names, builtin=builtin, family=family, installed=installed)
        key = (builtin, names)
        return kept[key] if key in kept else kept.setdefault(key, read(names, builtin=builtin))

    definitions_loading.load_registry = registry
    try:
        yield
    finally:
        definitions_loading.load_registry = read


@contextlib.contextmanager
def fresh(directory: Path) -> Iterator[None]:
    """Point the command line at a new configuration file in a directory; the history has one time and one user."""
    before, clock, user = os.environ.get("CONFOBJECTS_URL"), startup.current_time, startup.current_user
    stopped, operator = (lambda: "2027-01-01T12:00:00Z"), (lambda: "operator")
    startup.current_time, startup.current_user = stopped, operator
    os.environ["CONFOBJECTS_URL"] = f"ldif:{directory / 'config.ldif'}"
    try:
        yield
        assert startup.current_time is stopped, "whoever sets the clock in a test sets it back before this ends"
    finally:
        startup.current_time, startup.current_user = clock, user
        os.environ.pop("CONFOBJECTS_URL")
        if before is not None:
            os.environ["CONFOBJECTS_URL"] = before


if __name__ == "__main__":
    os.environ["CONFOBJECTS_ALLOW_CODE"] = "module:tests.definitions.functions"  # as tests/conftest.py does
    for path in sorted(GOLDEN.glob("*.txt")):
        with tempfile.TemporaryDirectory() as folder, fresh(Path(folder)):
            path.write_text(replayed(path.read_text(), Path(folder)))
            sys.stdout.write(f"{path}\n")
