"""One run: find the command word, build that one command, run it, and turn errors into messages and a status."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from contextvars import copy_context
from typing import Final

import click

from confobjects.errors import BROKEN_PIPE, INTERRUPTED, StorageError

from .commands import resolve
from .invocation import INVOCATION
from .output.colour import CHOICES, Choice, Palette, choose_palette
from .words.splitting import Words, global_values, take_apart, with_defaults

_FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))


def run(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    words = take_apart(arguments)
    debug = words.has("--debug")
    try:
        status = copy_context().run(_run, words, arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon_output()
        return BROKEN_PIPE
    except (KeyboardInterrupt, click.Abort):
        from .output.messages import Message, tell

        tell(Message("interrupted"))
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last place before the user
        if isinstance(error, OSError) and error.errno in _FULL:
            return _report_unwritable(error)
        from .failures import report_bug

        return report_bug(error, _wanted_output(arguments), debug=debug)
    return status


def _run(words: Words, arguments: Sequence[str]) -> int:
    from confobjects.errors import ConfobjectsError

    output = _wanted_output(arguments)
    try:
        words = with_defaults(words)
        if words.defaults is not None and not output:
            output = str(words.defaults.values_besides(()).get("output", ""))
        choose_palette(_make_palette(words))
        command = resolve(words)
        with command.make_context(words.command or "confobjects", list(words.rest)) as context:
            return _invoke(command, context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except (click.UsageError, ConfobjectsError, UnicodeEncodeError) as error:
        status = _report(error, words, output)
        if not words.compat:
            return status
        from .compat.statuses import status_of

        return status_of(error)
    finally:
        words.opening.close()


def _report(error: Exception, words: Words, output: str) -> int:
    """Print what ended a command, and return the exit status of confobjects."""
    from confobjects.errors import ConfobjectsError

    from .failures import report_error, report_usage

    if isinstance(error, ConfobjectsError):
        return report_error(error, words, output, debug=words.has("--debug"))
    if isinstance(error, UnicodeEncodeError):
        error = click.UsageError(f"an argument is not valid UTF-8 text ({error.reason})")
    assert isinstance(error, click.UsageError)  # noqa: S101 - the caller catches these three
    return report_usage(error, words, output)


def _invoke(command: click.Command, context: click.Context) -> int:
    try:
        result = command.invoke(context)
        sys.stdout.flush()
    except OSError as error:
        invocation = context.meta.get(INVOCATION)
        if error.errno in _FULL and invocation is not None and invocation.has_changed:
            return _report_unwritable(error, "the change was made, but ")
        raise
    return int(result or 0)


def _make_palette(words: Words) -> Palette:
    """Return what decides on colours, before the options of the command are known."""
    given = global_values(words)
    choice: Choice = given["color"] if given["color"] in CHOICES else "auto"
    return Palette(choice, for_program=bool(given["script_friendly"]) or given["output"] in {"json", "tsv"})


def _wanted_output(arguments: Sequence[str]) -> str:
    """Return the requested form of the output before the options are parsed: errors use it, too."""
    for index, word in enumerate(arguments):
        if word.lower() == "--output" and index + 1 < len(arguments):
            return arguments[index + 1]
        if word.lower().startswith("--output="):
            return word.partition("=")[2]
    return ""


def _report_unwritable(error: OSError, before: str = "") -> int:
    """Say that standard output takes no more. All other files report such failures themselves."""
    _abandon_output()
    from .output.messages import Message, tell

    tell(Message(f"{before}the output cannot be written: {(error.strerror or '').lower()}", "error"))
    return StorageError.exit_code


def _abandon_output() -> None:
    """Make the interpreter's flush at exit write to the null device: the reader is gone."""
    import os

    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
