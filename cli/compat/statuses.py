"""The exit statuses of dsconfig: three, where confobjects has one for each kind of failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from confobjects.errors import ConfobjectsError

from ..words.options import OPTIONS

if TYPE_CHECKING:
    from ..words.splitting import Words

FAILED: Final = 1
"""A command that could not be carried out, for whatever reason."""
NO_COMMAND: Final = 2
"""No command was named, and nobody may be asked for one."""
BAD_OPTIONS: Final = 18
"""The command line could not be understood: an unknown command or option, a value that is missing, a conflict of options."""

_GLOBAL: Final = frozenset(spelling.lower() for option in OPTIONS for spelling in option.spellings)
_HELPS: Final = ("-H", "-?", "--help", "-V", "--version")


class NoCommandError(click.UsageError):
    """No command was named."""

    def __init__(self) -> None:
        super().__init__("a command must be named: dsconfig --help-all lists them")


def refuse_no_command(words: Words) -> None:
    """Raise :class:`NoCommandError`, unless help or the version is asked for."""
    if not words.may_have(_HELPS) and not any(word.startswith("--help-") for word in words.rest):
        raise NoCommandError


def status_of(error: Exception) -> int:
    """Return the status that dsconfig ends with where an error ends a command of ours."""
    if isinstance(error, NoCommandError):
        return NO_COMMAND
    if isinstance(error, click.MissingParameter):
        return FAILED
    if isinstance(error, ConfobjectsError):
        misused = error.code == "usage" and (error.diagnostics[0].argument or "").lower() in _GLOBAL
        return BAD_OPTIONS if misused else FAILED
    return BAD_OPTIONS
