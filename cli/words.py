"""The words of a command line before any command is built: which command, which definitions.

Only the options that come before the command word have to be known here, to step over their values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .options import OPTIONS


class Words(NamedTuple):
    """A command line taken apart: the command word (empty when there is none), and all other words in order."""

    command: str
    rest: tuple[str, ...]
    definitions: tuple[str, ...]
    arguments: tuple[str, ...]

    def has(self, *spellings: str) -> bool:
        """Tell whether one of some options is given (long ones ignoring case)."""
        return any(_normal(word) in spellings for word in self.rest)


def _normal(word: str) -> str:
    name, equals, value = word.partition("=")
    return name.lower() + equals + value if name.startswith("--") else word


_TAKES_VALUE = {_normal(spelling) for option in OPTIONS if option.value for spelling in option.spellings}


def take_apart(arguments: Sequence[str]) -> Words:
    """Return the parts of a command line; long options come in lower case."""
    command = ""
    rest: list[str] = []
    definitions: list[str] = []
    index = 0
    while index < len(arguments):
        word = _normal(arguments[index])
        following = arguments[index + 1] if index + 1 < len(arguments) else None
        index += 1
        if word.startswith("--definitions="):
            definitions.append(word.partition("=")[2])
        if not command and not word.startswith("-"):
            command = arguments[index - 1]
            continue
        rest.append(word)
        # A value is stepped over before the command word is known; behind it click knows all options.
        if word in _TAKES_VALUE and following is not None:
            if word == "--definitions":
                definitions.append(following)
            rest.append(following)
            index += 1
    return Words(command, tuple(rest), tuple(definitions), tuple(arguments))
