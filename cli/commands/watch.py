"""``watch``: changes as they come into effect, one line each, and a command that is run for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..command import make_command
from ..invocation import Invocation
from ..long_runs import collect_garbage, timeout_option
from ..watching import WatchOptions, WatchSession
from ..watching.program import split_command
from ..words.numbers import NumberType

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from ..words.splitting import Words

_HELP = """Show changes as they come into effect: time, number, actor, what has changed, and what waits for which action.

With --output json each line is a document: the whole state first, then each change, and problems as they come and go. Secrets
are masked. It ends at Ctrl-C, or after --count changes.

--exec runs a command: at the start with the whole state, then for each change, as JSON on its standard input. COMMAND is one
argument; it is split into words as a shell does it, but nothing is expanded, and no shell runs. It gets no variable of
confobjects, and has 30 seconds. Changes that come meanwhile are joined. If it fails, it is run again with the next change.

\b
Examples:
  watch --url ldaps://ldap.example.com/ou=config,dc=example,dc=com
  watch --output json --count 1
  watch --exec "systemctl reload mail-gateway"
"""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Option(["--exec", "command"], metavar="COMMAND", help="The command to run for each change."),
        click.Option(
            ["--repair"], is_flag=True, help="Finish changes whose writer died, as any command that changes something."
        ),
        click.Option(["--count"], metavar="COUNT", type=NumberType(0), help="End after so many changes."),
        timeout_option(),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, command: str | None, repair: bool, count: int | None, timeout: float | None) -> int:
    words = () if command is None else split_command(command)
    options = WatchOptions(words, repair and not invocation.dry_run, count, timeout)
    with collect_garbage():
        return WatchSession(invocation, options).run()
