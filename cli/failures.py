"""Prints errors and returns their exit status. The status belongs to the error's class."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from confobjects.texts.visible import make_visible

from .command import UnknownCommandError
from .words.masking import ask_for_secrets, mask_secrets
from .words.quoting import quote_word

if TYPE_CHECKING:
    import click

    from confobjects.definitions import Registry
    from confobjects.errors import ConfobjectsError

    from .words.splitting import Words


def report_error(error: ConfobjectsError, words: Words, output: str, *, debug: bool) -> int:
    """Print an error of the library and return its exit status."""
    from .words.actions import as_json, asks_for, render

    if debug:
        import traceback

        traceback.print_exc()
    if output == "json":
        _print_json(
            error.diagnostics[0].code, error.exit_code, [as_json(diagnostic) for diagnostic in error.diagnostics]
        )
        return error.exit_code
    for diagnostic in error.diagnostics:
        print(render(diagnostic), file=sys.stderr)
        if diagnostic.fix and not diagnostic.pointer:  # the command line cannot correct a file
            command = correct_command(words.arguments, diagnostic.fix, _registry_of(words))
            print(f"  try: {make_visible(command)}", file=sys.stderr)
    if asks_for(error.diagnostics, "save-untested"):
        given = [argument for argument in words.arguments if argument.lower() != "--test"]
        command = f"{correct_command(given, (), _registry_of(words))} --no-test"
        print(f"  try: {make_visible(command)}", file=sys.stderr)
    unread = words.opening.error
    if unread is not None and unread is not error and words.opening.unread is None and error.code == "unknown-name":
        reason = make_visible(unread.diagnostics[0].summary)
        print(f"  the definitions in the configuration are not known: {reason}", file=sys.stderr)
    return error.exit_code


def _registry_of(words: Words) -> Registry:
    """Return the definitions in use."""
    return words.load_definitions()


def report_usage(error: click.UsageError, words: Words, output: str) -> int:
    """Print a mistake in the command line, with what was probably meant, and return 2."""
    from confobjects.management.judging import warn_of_unusable

    from .words.actions import as_json, render
    from .words.mistakes import explain_mistake

    message, remedy = explain_mistake(error, words.load_definitions)
    if not remedy and "-h" in words.rest:
        remedy = "-h is the host name, as in dsconfig; for help use --help"
    is_unknown = isinstance(error, UnknownCommandError)
    left_out = list(warn_of_unusable(words.load_definitions())) if is_unknown else []
    if output == "json":
        mistake = {"severity": "error", "code": "usage", "summary": message, "remedy": remedy}
        _print_json("usage", 2, [mistake, *map(as_json, left_out)])
        return 2
    print(make_visible(message), file=sys.stderr)
    if remedy:
        print(f"  remedy: {make_visible(remedy)}", file=sys.stderr)
    hint = f"confobjects {words.command} --help" if words.command and not is_unknown else "confobjects help"
    print(f"  help: {make_visible(hint)}", file=sys.stderr)
    for one in left_out:  # the command may be one of its objects
        print(f"warning: {render(one)}", file=sys.stderr)
    return 2


def report_bug(error: Exception, output: str, *, debug: bool) -> int:
    """Report a bug of the program and how to tell us; return 70."""
    import traceback

    if debug:
        traceback.print_exc()
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
    # The error's message may contain a secret value, so only its type and place are printed.
    summary = f"internal error: {type(error).__name__} in {where}. This is a bug of the program, not your mistake."
    remedy = (
        "Please report it with the command you typed (without secrets) and the output of the same command with --debug."
    )
    if output == "json":
        problem = {"severity": "error", "code": "internal-error", "summary": summary, "remedy": remedy}
        _print_json("internal-error", 70, [problem])
    else:
        print(f"{summary}\n  {remedy}", file=sys.stderr)
    return 70


def correct_command(arguments: Sequence[str], fix: Sequence[tuple[str, str]], registry: Registry) -> str:
    """Return the command line with a refused change made valid, quoted for a shell and without secrets."""
    masked = mask_secrets(arguments, registry.secret_names(), registry.property_names())
    words = [
        *ask_for_secrets(arguments, masked, registry.secret_names()),
        *(word for name, value in fix for word in ("--set", f"{name}:{value}")),
    ]
    return " ".join(["confobjects", *(quote_word(word) for word in words)])


def _print_json(code: str, status: int, diagnostics: list[dict[str, Any]]) -> None:
    import json

    print(json.dumps({"error": {"code": code, "exit": status, "diagnostics": diagnostics}}, indent=2), file=sys.stderr)
