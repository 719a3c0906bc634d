"""Prints errors and returns their exit status. The status belongs to the error's class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from confobjects.texts.visible import make_visible

from .command import UnknownCommandError
from .output.messages import Message, format_hint, tell, tell_problem, write
from .words.masking import ask_for_secrets, mask_secrets
from .words.quoting import quote_word

if TYPE_CHECKING:
    import click

    from confobjects.definitions import Registry
    from confobjects.diagnostics import Diagnostic
    from confobjects.errors import ConfobjectsError

    from .words.splitting import Words


def report_error(error: ConfobjectsError, words: Words, output: str, *, debug: bool) -> int:
    """Print an error of the library and return its exit status."""
    from .words.actions import as_json, asks_for

    if debug:
        import traceback

        traceback.print_exc()
    if output == "json":
        _print_json(
            error.diagnostics[0].code, error.exit_code, [as_json(diagnostic) for diagnostic in error.diagnostics]
        )
        return error.exit_code
    for diagnostic in _offer_fixes(error, words):
        tell_problem(diagnostic)
        if diagnostic.fix and not diagnostic.pointer:  # the command line cannot correct a file
            command = correct_command(words.arguments, diagnostic.fix, _registry_of(words))
            tell(Message(format_hint("try", command)))
    if asks_for(error.diagnostics, "save-untested"):
        given = [argument for argument in words.arguments if argument.lower() != "--test"]
        command = f"{correct_command(given, (), _registry_of(words))} --no-test"
        tell(Message(format_hint("try", command)))
    unread = words.opening.error
    if unread is not None and unread is not error and words.opening.unread is None and error.code == "unknown-name":
        tell(Message(format_hint("the definitions in the configuration are not known", unread.diagnostics[0].summary)))
    return error.exit_code


def _offer_fixes(error: ConfobjectsError, words: Words) -> Sequence[Diagnostic]:
    """Return the problems of an error; those of sending mail through what is saved with the line to type."""
    from .words.actions import asks_for

    through_saved = not asks_for(error.diagnostics, "save-untested")
    if not through_saved or not any(one.code.startswith("mail-") for one in error.diagnostics):
        return error.diagnostics
    from .mail_fixes import offer_fix

    registry = _registry_of(words)
    return [offer_fix(one, registry) if one.code.startswith("mail-") else one for one in error.diagnostics]


def _registry_of(words: Words) -> Registry:
    """Return the definitions in use."""
    return words.load_definitions()


def report_usage(error: click.UsageError, words: Words, output: str) -> int:
    """Print a mistake in the command line, with what was probably meant, and return 2."""
    from confobjects.management.judging import warn_of_unusable

    from .words.actions import as_json
    from .words.mistakes import explain_mistake

    message, remedy = explain_mistake(error, words.load_definitions)
    if not remedy and "-h" in words.rest and not words.compat:
        remedy = "-h is the host name, as in dsconfig; for help use --help"
    is_unknown = isinstance(error, UnknownCommandError)
    left_out = list(warn_of_unusable(words.load_definitions())) if is_unknown else []
    if output == "json":
        mistake = {"severity": "error", "code": "usage", "summary": message, "remedy": remedy}
        _print_json("usage", 2, [mistake, *map(as_json, left_out)])
        return 2
    lines = [make_visible(message)]
    if remedy:
        lines.append(format_hint("remedy", remedy))
    hint = f"confobjects {words.command} --help" if words.command and not is_unknown else "confobjects help"
    tell(Message("\n".join([*lines, format_hint("help", hint)]), "error"))
    for one in left_out:  # the command may be one of its objects
        tell_problem(one)
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
        tell(Message(f"{summary}\n{format_hint('remedy', remedy)}", "error"))
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

    write(f"{json.dumps({'error': {'code': code, 'exit': status, 'diagnostics': diagnostics}}, indent=2)}\n")
