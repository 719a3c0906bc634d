"""Where in its command a problem is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.management.changing.operations import Operation

    from .dialect import Command, Piece, Word
    from .source import Source

_IN_PARENTHESES: Final = re.compile(r"\((\S+)[^()]*\)$")
_ASSIGNING: Final = frozenset({"--set", "--add", "--remove", "--set-file", "--set-env"})
_OF_NAMES: Final = frozenset({"no-such-object", "object-exists", "object-in-use"})
_OF_VALUES: Final = frozenset({"invalid-value", "constraint-violated", "unresolved-expression"})


def place_of_usage(error: click.UsageError, command: Command) -> Piece:
    """Return where a mistake in the words of a command is: the option, the word too many, else the command."""
    message = error.format_message().rstrip(".")
    names: tuple[str, ...] = ()
    if isinstance(error, click.NoSuchOption | click.BadOptionUsage):
        names = (error.option_name,)
    elif isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter) and error.param:
        names = tuple(error.param.opts)
    elif found := _IN_PARENTHESES.search(message):
        names = (found.group(1),)
    wanted = {name.lower() for name in names}
    word = next((word for word in command.words if word.text.partition("=")[0].lower() in wanted), None)
    return _quoted_in(message, command) if word is None else word.pieces[0]


def _quoted_in(text: str, command: Command) -> Piece:
    """The word that a sentence quotes, else the command."""
    word = next((word for word in command.words if f'"{word.text}"' in text), None)
    return _first(command) if word is None else word.pieces[0]


def _first(command: Command) -> Piece:
    return command.words[0].pieces[0] if command.words else command.piece


def place_of(problem: Diagnostic, command: Command, operation: Operation | None, source: Source) -> Piece:
    """Return where a problem of what a command asks for is: the value, the property, the name, else the command."""
    words = list(_assigning(command, problem.property)) if problem.property else []
    if words:
        meant = next((w for w in words if problem.value and w.text.endswith(f":{problem.value}")), words[-1])
        return source.value_of(meant) if problem.code in _OF_VALUES else meant.pieces[0]
    if problem.code in _OF_NAMES and operation is not None and operation.names:
        name = operation.names[-1]
        word = next((w for w in command.words if w.text in {name, w.text.partition("=")[0] + f"={name}"}), None)
        if word is not None:
            return word.pieces[0]
    option = problem.summary.partition(" ")[0].lower()
    if option.startswith("--") and (word := _at_option(option, command)) is not None:
        return word.pieces[0]
    return _quoted_in(problem.summary, command)


def _at_option(option: str, command: Command) -> Word | None:
    """The word at fault of an option: its value, where that should be an assignment and is none, else the option."""
    words = command.words
    values = (after for word, after in pairwise(words) if word.text.lower() == option)
    wrong = next((word for word in values if option in _ASSIGNING and not word.text.partition(":")[2]), None)
    return wrong or next((word for word in words if word.text.partition("=")[0].lower() == option), None)


def _assigning(command: Command, name: str) -> Iterator[Word]:
    """Yield the words that say something of a property: ``NAME:…``, ``NAME<…``, and ``NAME`` behind ``--reset``."""
    pattern = re.compile(rf"(?:--[a-z-]+=)?{re.escape(name)}(?:[:<=].*)?", re.IGNORECASE | re.DOTALL)
    return (word for word in command.words[1:] if pattern.fullmatch(word.text))
