"""The place of a problem within its command."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import click

from ..command import UnknownCommandError
from ..strict_command import ExtraWordsError

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.management.changing.operations import Operation

    from .dialect import BatchCommand, Piece, Word
    from .source import BatchSource

_ASSIGNING: Final = frozenset({"--set", "--add", "--remove", "--set-file", "--set-env"})
_OF_NAMES: Final = frozenset({"no-such-object", "object-exists", "object-in-use"})
_OF_VALUES: Final = frozenset({"invalid-value", "constraint-violated", "unresolved-expression"})


def place_of_usage(error: click.UsageError, command: BatchCommand) -> Piece:
    """Return the place of a mistake in a command: the option or the unexpected word, else its first word."""
    names: Sequence[str] = ()
    if isinstance(error, click.NoSuchOption | click.BadOptionUsage):
        names = (error.option_name,)
    elif isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter) and error.param:
        names = error.param.opts
    elif isinstance(error, ExtraWordsError):
        names = error.extra[:1]
    elif isinstance(error, UnknownCommandError):
        names = (error.word,)
    wanted = {name.lower() for name in names}
    word = next(
        (
            word
            for word in command.words
            if not wanted.isdisjoint({word.text.lower(), word.text.partition("=")[0].lower()})
        ),
        None,
    )
    return _first_piece(command) if word is None else word.pieces[0]


def _first_piece(command: BatchCommand) -> Piece:
    return command.words[0].pieces[0] if command.words else command.piece


def place_of(problem: Diagnostic, command: BatchCommand, operation: Operation | None, source: BatchSource) -> Piece:
    """Return the place of a problem with an operation: the value, the property or the name, else the first word."""
    words = list(_assigning_words(command, problem.property)) if problem.property else []
    if words:
        meant = next((w for w in words if problem.value and w.text.endswith(f":{problem.value}")), words[-1])
        return source.value_of(meant) if problem.code in _OF_VALUES else meant.pieces[0]
    if problem.code in _OF_NAMES and operation is not None and operation.names:
        name = operation.names[-1]
        word = next((w for w in command.words if w.text in {name, w.text.partition("=")[0] + f"={name}"}), None)
        if word is not None:
            return word.pieces[0]
    argument = problem.argument or problem.value
    word = _find_argument(argument, command) if argument else None
    return _first_piece(command) if word is None else word.pieces[0]


def _find_argument(argument: str, command: BatchCommand) -> Word | None:
    """Return the word at fault: an option (see :func:`_find_option`), or a name, alone or as the value of an option."""
    if argument.startswith("--"):
        return _find_option(argument.lower(), command)
    return next((word for word in command.words if argument in {word.text, word.text.partition("=")[2]}), None)


def _find_option(option: str, command: BatchCommand) -> Word | None:
    """Return the word at fault: the value of an option if it should be an assignment and is not, else the option."""
    words = command.words
    values = (after for word, after in pairwise(words) if word.text.lower() == option)
    wrong = next((word for word in values if option in _ASSIGNING and not word.text.partition(":")[2]), None)
    return wrong or next((word for word in words if word.text.partition("=")[0].lower() == option), None)


def _assigning_words(command: BatchCommand, name: str) -> Iterator[Word]:
    """Yield the words that concern a property: ``NAME:…``, ``NAME<…``, and ``NAME`` behind ``--reset``."""
    pattern = re.compile(rf"(?:--[a-z-]+=)?{re.escape(name)}(?:[:<=].*)?", re.IGNORECASE | re.DOTALL)
    return (word for word in command.words[1:] if pattern.fullmatch(word.text))
