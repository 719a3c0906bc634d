"""The command line as the history records it: the change, without the connection and without secrets.

Global options are left out with their values: the place of the configuration and the login are not part of a change,
and half of them may be passwords.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from .masking import mask_secrets
from .options import OPTIONS, Option
from .quoting import quote_word

if TYPE_CHECKING:
    from confobjects.definitions import Registry


def command_of(arguments: Sequence[str], registry: Registry) -> str:
    """Return a command line as one line for the history."""
    words = mask_secrets(list(_own_words(arguments)), registry.secret_names())
    return " ".join(quote_word(word) for word in words)


def _own_words(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the words other than global options and their values."""
    options = {
        spelling.lower() if spelling.startswith("--") else spelling: option
        for option in OPTIONS
        if not option.name.startswith("batch")  # these stand for the command
        for spelling in option.spellings
    }
    skip = False
    for word in arguments:
        if skip:
            skip = False
            continue
        name, equals, _ = word.partition("=")
        option = options.get(name.lower() if name.startswith("--") else name)
        if option is not None:
            skip = option.value is not None and not equals
        elif word[:1] == "-" and word[1:2] not in {"", "-"} and len(word) > 2 and f"-{word[1]}" in options:
            skip = _takes_next_word(word[1:], options)  # several short options in one word, or one with its value
        else:
            yield word


def _takes_next_word(letters: str, options: Mapping[str, Option]) -> bool:
    """Whether the last of several short options takes the next word as its value."""
    for place, letter in enumerate(letters, start=1):
        option = options.get(f"-{letter}")
        if option is not None and option.value is not None:
            return place == len(letters)
    return False
