"""The words of a command line before any command is built: which command, which definitions.

Only the global options are known here. A word behind any other option may be that option's value, so the command is
the first word that is surely none; behind it click knows all options.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from .options import OPTIONS


class Words(NamedTuple):
    """A command line taken apart: the command word (empty when there is none), all other words in order, and the
    directories of further definitions. ``arguments`` are the words as they were typed.
    """

    command: str
    rest: tuple[str, ...]
    definitions: tuple[str, ...]
    arguments: tuple[str, ...]

    def has(self, *spellings: str) -> bool:
        """Tell whether one of some options is given (long ones ignoring case)."""
        return any(word in spellings for word in self.rest)

    def may_have(self, spellings: Sequence[str]) -> bool:
        """Tell whether an option may be given; short ones may stand together in one word (``-sn``)."""
        return any(
            word.partition("=")[0] == spelling or (len(spelling) == 2 and word[:1] == "-" and spelling[1] in word[1:])
            for spelling in map(_normal, spellings)
            for word in self.rest
            if word[:1] == "-"
        )


def _normal(word: str) -> str:
    name, equals, value = word.partition("=")
    return name.lower() + equals + value if name.startswith("--") else word


def take_apart(arguments: Sequence[str]) -> Words:
    """Return the parts of a command line; long options come in lower case."""
    words = [_normal(word) for word in arguments]
    at = _command_at(words)
    rest = [word for index, word in enumerate(words) if index != at]
    command = "" if at is None else arguments[at]
    return Words(command, tuple(rest), tuple(_definitions(words)), tuple(arguments))


def _command_at(words: Sequence[str]) -> int | None:
    """Return the place of the command word: the first that is surely no option's value, else the first that may be."""
    if words and not words[0].startswith("-"):
        return 0
    options = {_normal(spelling): option for option in OPTIONS for spelling in option.spellings}
    perhaps: int | None = None
    index = 0
    while index < len(words):
        word = words[index]
        if not word.startswith("-"):
            return index
        index += 1
        option = options.get(word.partition("=")[0])
        if "=" in word or (option is not None and option.value is None) or index == len(words):
            continue
        if option is None and perhaps is None and not words[index].startswith("-"):
            perhaps = index
        if option is not None or not words[index].startswith("-"):
            index += 1
    return perhaps


def _definitions(words: Sequence[str]) -> list[str]:
    found = [word.partition("=")[2] for word in words if word.startswith("--definitions=")]
    return found + [after for word, after in pairwise(words) if word == "--definitions"]
