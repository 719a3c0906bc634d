"""Splits a command line before any command is built: which command, and which definitions.

Only the global options are known here. A word after any other option may be the value of that option, so the command
is the first word that cannot be a value; click, which knows all options, parses the rest.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from confobjects.definitions_loading import DefinitionChoice
from confobjects.records import Record, field

from ..compat import DSCONFIG, is_wanted
from ..opening import Opening, Reads
from .options import ABSENT, OPTIONS

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from .properties_file import Defaults


_HELP: Final = "help"
_NO_DIALOGUE: Final = {"no_prompt", "script_friendly", "quiet", "output", "version", "help"}

_BATCH: Final = frozenset({"--batch", "--batchfilepath", "-F"})


class Words(Record):
    """A command line taken apart: the command word (empty when there is none), all other words in order, and the
    directories of further definitions. Without ``builtin`` those of the library are left out; ``family`` names what takes
    their place, None if nothing is said. ``compat`` says that results look like those of dsconfig. ``arguments`` are the words as they were typed, ``defaults`` the values of the
    properties file.
    """

    command: str
    rest: tuple[str, ...] = field(repr=False)
    definitions: tuple[str, ...]
    arguments: tuple[str, ...] = field(repr=False)
    defaults: Defaults | None = None
    builtin: bool = True
    family: str | None = None
    compat: bool = False
    opening: Opening = field(default_factory=Opening, repr=False, compare=False)
    """What was opened to find the definitions."""

    def load_definitions(self, reads: Reads = "none") -> Registry:
        """Return the definitions that the command line names, and those of the configuration; they are read once.

        ``reads`` says what the command reads of the configuration. Raises :class:`~confobjects.errors.DefinitionError`.
        """
        if reads == "own":
            return DefinitionChoice().load()
        choice = DefinitionChoice.of(self.definitions, self.family, os.environ).replace(builtin=self.builtin)
        return self.opening.load(choice, reads, lambda: global_values(self))

    def has(self, *spellings: str) -> bool:
        """Tell whether one of some options is given (long ones ignoring case)."""
        return any(word in spellings for word in self.rest)

    def is_dialogue(self) -> bool:
        """Tell whether somebody at a terminal may be asked: no option asks for less output, or for a page of help."""
        if any(self.may_have(option.spellings) for option in OPTIONS if option.name in _NO_DIALOGUE):
            return False
        if any(word.startswith("--help-") for word in self.rest) or "-h" in self.rest[-1:]:
            return False
        if self.defaults is not None and any(self.defaults.values_besides(()).get(name) for name in _NO_DIALOGUE):
            return False
        return sys.stdin.isatty() and sys.stdout.isatty()

    def may_have(self, spellings: Sequence[str]) -> bool:
        """Tell whether an option may be given; short ones may stand together in one word (``-sn``)."""
        return any(
            word.partition("=")[0] == spelling or (len(spelling) == 2 and word[:2] != "--" and spelling[1] in word[1:])
            for spelling in map(_normalise, spellings)
            for word in self.rest
            if word[:1] == "-"
        )

    def is_batch(self) -> bool:
        """Tell whether an option says that the commands are in a batch."""
        words = iter(self.rest)
        for word in words:
            if word == "--":
                return False
            for name, takes_next in _options_in(word):
                if name in _BATCH:
                    return True
                if takes_next:
                    next(words, "")
        return False


def _options_in(word: str) -> Iterator[tuple[str, bool]]:
    """Yield the options in one word, each with whether its value is the next one; an unknown option ends the search."""
    if word[:2] == "--":
        name, equals, _ = word.partition("=")
        option = _BY_SPELLING.get(name)
        yield name, option is not None and option.value is not None and not equals
        return
    for place, letter in enumerate(word[1:], start=2) if word[:1] == "-" else ():
        option = _BY_SPELLING.get(f"-{letter}")
        if option is None:
            return
        yield f"-{letter}", option.value is not None and place == len(word)
        if option.value is not None:
            return


def _normalise(word: str) -> str:
    name, equals, value = word.partition("=")
    return name.lower() + equals + value if name.startswith("--") else word


_BY_SPELLING: Final = {_normalise(spelling): option for option in OPTIONS for spelling in option.spellings}


def take_apart(arguments: Sequence[str]) -> Words:
    """Return the parts of a command line; long options come in lower case. ``help COMMAND`` is ``COMMAND --help``."""
    words = [_normalise(word) for word in arguments]
    at = _find_command(words)
    rest = [word for index, word in enumerate(words) if index != at]
    command = "" if at is None else arguments[at]
    if command.lower() == _HELP:
        return take_apart([*(word for index, word in enumerate(arguments) if index != at), "--help"])
    builtin = "--nobuiltindefinitions" not in words
    definitions, family = (_values_in(words, name) for name in ("--definitions", "--family"))
    last = family[-1] if family else None
    return Words(command, tuple(rest), tuple(definitions), tuple(arguments), builtin=builtin, family=last)


def _find_command(words: Sequence[str]) -> int | None:
    """Return the place of the command word: the first that cannot be an option's value, else the first that may be one."""
    if words and not words[0].startswith("-"):
        return 0
    perhaps: int | None = None
    index = 0
    while index < len(words):
        word = words[index]
        if not word.startswith("-"):
            return index
        index += 1
        option = _BY_SPELLING.get(word.partition("=")[0])
        if option is None and (several := list(_options_in(word))) and several[-1][1]:
            index += 1  # short options in one word, and the value of the last
            continue
        if "=" in word or (option is not None and option.value is None) or index == len(words):
            continue
        if option is None and perhaps is None and not words[index].startswith("-"):
            perhaps = index
        if option is not None or not words[index].startswith("-"):
            index += 1
    return perhaps


def _values_in(words: Sequence[str], option: str) -> list[str]:
    """Return the values of an option, before the options are parsed."""
    joined = f"{option}="
    return [
        after if word == option else word.removeprefix(joined)
        for word, after in pairwise((*words, ""))
        if word.startswith(joined) or (word == option and after)
    ]


def value_of(words: Words, spelling: str) -> str | None:
    """Return the value of an option before the options are parsed; None where it is not given."""
    found = _values_in(words.rest, spelling)
    return found[-1] if found else None


def global_values(words: Words) -> dict[str, Any]:
    """Return the values of all global options by name, before the options of the command are known.

    The word after an option of the command may be its value, so it is passed over unless it begins with a dash.
    """
    given: dict[str, Any] = {}
    rest = words.rest
    index = 0
    while index < len(rest) and rest[index] != "--":
        word = rest[index]
        index += 1
        for name, value in _split_word(word):
            option = _BY_SPELLING.get(name)
            follows = rest[index] if index < len(rest) else None
            takes_next = value is None and (option is None or option.value is not None)
            if takes_next and follows is not None and (option is not None or follows[:1] != "-"):
                index += 1
            if option is not None and (option.value is None or not takes_next or follows is not None):
                found = True if option.value is None else follows if takes_next else value
                given[option.name] = (*given.get(option.name, ()), found) if option.repeat else found
    defaults = words.defaults.values_besides(given) if words.defaults is not None else {}
    return {**ABSENT, **given, **defaults}


def _split_word(word: str) -> Iterator[tuple[str, str | None]]:
    """Yield the options in one word, each with the value in it; an unknown short option ends the word."""
    if word[:2] == "--":
        name, equals, value = word.partition("=")
        yield name, value if equals else None
        return
    for place, letter in enumerate(word[1:], start=2) if word[:1] == "-" else ():
        option = _BY_SPELLING.get(f"-{letter}")
        ends = option is None or option.value is not None
        yield f"-{letter}", word[place:] or None if ends else None
        if ends:
            return


def with_defaults(words: Words) -> Words:
    """Return a command line with what the properties file says: the one it names, else the user's own, if it exists.

    In the manner of dsconfig that tool's file is read. Raises :class:`~confobjects.errors.UsageError` for a file with mistakes,
    and for another manner.
    """
    words = words.replace(compat=is_wanted(value_of(words, "--compat")))
    path = _find_properties_file(words)
    if not words.compat and path is None:
        return words
    from .properties_file import TOOL, Defaults, read

    defaults = Defaults({}, {}) if path is None else read(path, DSCONFIG if words.compat else TOOL)
    if words.compat:
        from ..compat.defaults import DsconfigDefaults

        defaults = DsconfigDefaults(defaults.general, defaults.own, defaults.warnings)
    more = defaults.own.get("definitions") or defaults.general.get("definitions", ())
    without = defaults.own.get("nobuiltindefinitions", defaults.general.get("nobuiltindefinitions", False))
    family = defaults.own.get("family", defaults.general.get("family"))
    return words.replace(
        defaults=defaults,
        definitions=words.definitions or more,
        builtin=words.builtin and not without,
        family=family if words.family is None else words.family,
    )


def _find_properties_file(words: Words) -> str | None:
    """Return the path of the properties file to read; None if there is none."""
    if words.has("--nopropertiesfile"):
        return None
    named = value_of(words, "--propertiesfilepath")
    if named is not None:
        return named
    home = os.environ.get("HOME") or os.path.expanduser("~")
    path = os.path.join(home, ".opendj" if words.compat else ".confobjects", "tools.properties")
    return path if os.path.exists(path) else None
