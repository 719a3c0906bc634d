"""Equivalent commands: the commands that make a change again. ``--displayCommand`` shows them, and
``--commandFilePath`` appends them to a batch file: ``confobjects -F FILE`` makes all changes again.

Like dsconfig's, they contain neither the connection nor the login. They never contain a secret: the command asks for it
(``--set-prompt``); a command that asks for nothing has ``--no-prompt``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from confobjects.diagnostics import MASK
from confobjects.errors import AccessError, StorageError, UsageError
from confobjects.texts.visible import make_visible

from ..words.command_line import words_of
from ..words.quoting import quote_word

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.management.changing.operations import Operation

    from ..invocation import Invocation

_WIDTH = 79
_INDENT = " " * 10


def equivalent_command(operation: Operation, registry: Registry, *, exact: bool = False) -> str:
    """Return the command that asks for an operation; a long one has a line for each of its options.

    It is for reading: control characters are escaped, unless it is to be ``exact``, for a file that is a batch.
    """
    parts = _group_words(["confobjects", *_ask_for_secrets(words_of(operation, registry))])
    parts = parts if exact else [make_visible(part) for part in parts]
    line = " ".join(parts)
    return line if len(line) <= _WIDTH else f" \\\n{_INDENT}".join(parts)


def _ask_for_secrets(words: Sequence[str]) -> list[str]:
    """Return the words with secrets asked for; ``--no-prompt`` if there are none."""
    result: list[str] = []
    asks = False
    for word in words:
        name, colon, value = word.partition(":")
        if result and result[-1] in {"--set", "--add"} and colon and value == MASK:
            result[-1:] = ["--set-prompt", name]
            asks = True
        else:
            result.append(word)
    return result if asks else [*result, "--no-prompt"]


def _group_words(words: Sequence[str]) -> list[str]:
    """Join each option with its value, and the command's name with the program's."""
    parts: list[str] = []
    for word in words:
        text = quote_word(word)
        starts = word.startswith("--") and " " not in word
        if parts and not starts and (len(parts) == 1 or " " not in parts[-1]):
            parts[-1] = f"{parts[-1]} {text}"
        else:
            parts.append(text)
    return parts


class Recorder:
    """Shows and writes the equivalents of what was done, as the options of a run ask for it."""

    def __init__(self, invocation: Invocation, *, always: bool = False) -> None:
        """Open the file. Raises :class:`~confobjects.errors.UsageError` where it cannot be written."""
        self.invocation = invocation
        self.shows = always or bool(invocation.options["displaycommand"])
        self.path: str | None = invocation.options["commandfilepath"]
        self.number = 0
        if self.path is not None:
            self._append("")

    def record(self, operations: Sequence[Operation]) -> None:
        """Show and write operations that were carried out."""
        registry = self.invocation.registry
        if self.shows and operations:
            commands = [equivalent_command(operation, registry) for operation in operations]
            plural = "s" if len(commands) > 1 else ""
            self.invocation.note("\n".join([f"\nThe equivalent command{plural}:", *commands, ""]), exact=True)
        if self.path is not None:
            try:
                commands = [equivalent_command(operation, registry, exact=True) for operation in operations]
                self._append("".join(self._format_entry(command) for command in commands))
            except UsageError as error:  # the change itself is made
                self.invocation.warn(error.diagnostics)

    def _format_entry(self, command: str) -> str:
        from confobjects.startup import current_time, current_user

        self.number += 1
        head = f"# Session of {current_user()}, begun {current_time()}\n\n" if self.number == 1 else ""
        return f"{head}# Operation {self.number}, {current_time()}\n{command}\n\n"

    def _append(self, text: str) -> None:
        from confobjects.storage.files import translate_errors
        from confobjects.storage.own_files import open_own

        path = str(self.path)
        try:
            # For its owner only, although it holds no secret.
            number = open_own(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, "")
            with translate_errors("write the file", path), open(number, "a", encoding="utf-8") as file:
                file.write(text)
        except (AccessError, StorageError) as error:
            (found,) = error.diagnostics
            problem = found.replace(code="usage", summary=f"commands cannot be recorded: {found.summary}")
            raise UsageError(problem) from None
