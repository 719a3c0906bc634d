"""``--batch`` and ``--batchFilePath``: carry out the commands of a batch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..batch.dialect import DSCONFIG_QUOTES, QUOTES
from ..batch.runner import Batch
from ..batch.source import BatchSource, read
from ..command import make_command
from ..invocation import Invocation

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from ..words.splitting import Words

_HELP = r"""Carry out the commands of a batch, from standard input (--batch) or a file (-F).

All of them are checked first, and every mistake is reported with its line. Then all changes are made as one, or none.
With --batch-continue-on-error each change is made by itself, and the others stay if one fails.

Each line is a command, with or without the word confobjects or dsconfig before it; a backslash at its end joins the
next line; lines that begin with # are skipped. Words are quoted as in a shell. --set NAME<PATH takes a value from a file.
With --profile-variables FILE each ${NAME} has the value that the properties file gives it; $${NAME} stays ${NAME}.

Examples:
  confobjects -F changes.batch --dry-run
  confobjects --batch < changes.batch"""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""

    def run(invocation: Invocation, typed: Sequence[str]) -> int:
        if words.command:
            raise click.UsageError(f"{words.command} cannot be combined with a batch: the commands come from the batch")
        if typed:
            raise click.NoSuchOption(typed[0])
        return _run(invocation)

    command = make_command(words, registry, [click.Argument(["typed"], nargs=-1, metavar="")], run, _HELP)
    command.ignore_unknown_options = True  # they belong to the command that is not allowed here
    return command


def _run(invocation: Invocation) -> int:
    path = invocation.options["batchfilepath"]
    if path is None or path == "-":
        origin = "standard input"
        if sys.stdin.isatty():
            invocation.note("Type the commands, one per line; Ctrl-D ends the batch.")
    else:
        origin = str(path)
    named = invocation.options["profile_variables"]
    variables = None
    if named is not None:
        from ..batch.variables import read_variables

        variables = read_variables(named)
    quotes = DSCONFIG_QUOTES if invocation.compat else QUOTES
    data, shared = read(path)
    source = BatchSource(data, origin, invocation.registry, shared=shared, variables=variables, quotes=quotes)
    return Batch(invocation, source).run()
