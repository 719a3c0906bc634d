"""Command lines without their secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from confobjects.diagnostics import MASK
from confobjects.objects.reading import mask_text
from confobjects.texts.passwords import find_password, mask_passwords

from .options import OPTIONS, Option

ASSIGNING: Final = ("--set", "--add", "--remove")
"""The options whose value is a property and a value."""
SEPARATOR: Final = re.compile("[:=]")

_NEVER_ASKING: Final = frozenset({"-n", "--no-prompt"})

_OPTIONS: Final = {
    spelling.lower() if spelling.startswith("--") else spelling: option
    for option in OPTIONS
    for spelling in option.spellings
}


def mask_secrets(
    arguments: Sequence[str], secrets: Collection[str] = (), known: Collection[str] | None = None
) -> list[str]:
    """Return the words of a command line with secrets replaced.

    ``secrets`` are the names of secret properties, and of secrets within values. ``known`` are the names of all
    properties: the value of any other may be a secret, too, because its name may be mistyped. A password in a URL is one
    wherever it is.
    """
    result: list[str] = []
    before = ""
    for word in arguments:
        start = secret_start(word, before)
        if start is None and known is not None:
            start = _unknown_start(word, before, known)
        shown = _mask_property(word, secrets) if start is None else word[:start] + MASK
        result.append(mask_passwords(shown, mask_text))
        before = "" if start == 0 else word  # the value of an option is no option
    return result


def ask_for_secrets(arguments: Sequence[str], masked: Sequence[str], secrets: Collection[str]) -> list[str]:
    """Return the masked words of a command line, to be typed: no word has a mask, which would be taken as the value.

    A secret that was typed is asked for instead, or taken from a variable if nothing may ask. A secret within a value
    becomes an expression, and that of a connection option is taken from a variable. What is surely none is kept: an
    expression, the name of a variable that is set, and the path of a file.
    """
    asks = not any(word.lower() in _NEVER_ASKING for word in arguments)
    result: list[str] = []
    before = ""
    for given, shown in zip(arguments, masked, strict=True):
        start = secret_start(given, before)
        before = "" if start == 0 else given
        if start is not None:
            _replace_option(result, given, shown, start)
            continue
        glued, _, rest = given.partition("=") if given.startswith("--") else ("", "", given)
        prop, colon, value = rest.partition(":")
        option = (glued or (result[-1] if result else "")).lower()
        if not colon or _property_name(prop) not in secrets:
            result.append(shown if given == shown else _reword_mask(shown))
        elif _is_open(option, value):
            result.append(given)
        elif option not in {"--set", "--add"}:
            result.append(shown.replace(MASK, _PLACEHOLDERS.get(option, "VALUE")))
        else:
            other, word = ("--set-prompt", prop) if asks else ("--set-env", f"{prop}:VARIABLE")
            if glued:
                result.append(f"{other}={word}")
            else:
                result[-1:] = [other, word]
    return result


_PLACEHOLDERS: Final = {"--set-env": "VARIABLE", "--set-file": "PATH"}
_LOGIN: Final = "mech=external"
"""What the SASL option may be, which is no secret."""
_PAIR: Final = re.compile(r"([^:=\s]+)=(?=[^=]*\Z)")


def _reword_mask(shown: str) -> str:
    """Return a word with what stands for the secret in it: the expression of its name if it is within a value."""
    if find_password(shown) is not None:
        return shown.replace(MASK, "&{file:PATH}")
    head, _, _ = shown.partition(MASK)
    pair = _PAIR.search(head.partition(":")[2])
    if pair is None:
        return shown.replace(MASK, "VALUE")
    return f"{shown[: shown.index(':') + 1]}{pair[1]}=&{{{pair[1]}}}"


def _replace_option(result: list[str], given: str, shown: str, start: int) -> None:
    """Put an option with a secret value behind some words in such a way that the value is not on the command line."""
    spelled = given[:start].removesuffix("=") if start else result[-1]
    option = _last_option(spelled)
    if option is None or not option.secret:
        is_login = given.lower().endswith(_LOGIN)
        result.append(given if is_login else shown.replace(MASK, "VALUE" if start else "NAME=VALUE"))
        return
    flags = "" if spelled.startswith("--") else spelled[1:-1]
    other = [*([f"-{flags}"] if flags else ()), f"{option.spellings[-1]}:env", "VARIABLE"]
    result[len(result) - (not start) :] = other


def _is_open(option: str, value: str) -> bool:
    """Tell whether what an option gives for a secret is certainly no secret itself."""
    if option == "--set-env":
        return value in os.environ
    if option == "--set-file":
        return Path(value).is_file()
    return mask_text(value) == value


def secret_start(word: str, before: str = "") -> int | None:
    """Return where in a word the value of a secret option begins; None where it holds none.

    ``before`` is the word before it, which may be an option that takes this one as its value.
    """
    if takes_secret(before):
        return _start_in_value(_last_option(before), word)
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        option = _OPTIONS.get(name.lower())
        start = _start_in_value(option, value) if equals else None
        return None if start is None else len(name) + 1 + start
    for place, letter in enumerate(word[1:], start=2) if word[:1] == "-" else ():
        option = _OPTIONS.get(f"-{letter}")
        if option is None or (option.value is not None and place == len(word)):
            return None
        if option.value is not None:
            start = _start_in_value(option, word[place:])
            return None if start is None else place + start
    return None


def holds_secret(arguments: Sequence[str], secrets: Collection[str]) -> bool:
    """Tell whether a command line certainly holds a secret in the open: no expression, and no text that may be one.

    ``secrets`` are the names of secret properties, and of secrets within values.
    """
    before = ""
    for word in arguments:
        start = secret_start(word, before)
        option = _last_option(before) or _last_option(word[:start].removesuffix("="))
        if start is not None and option is not None and option.secret and word[start:]:
            return True
        if start is None and _assigns_secret(word, secrets):
            return True
        before = "" if start == 0 else word
    return False


def _assigns_secret(word: str, secrets: Collection[str]) -> bool:
    if mask_passwords(word, mask_text) != word:
        return True
    prop, colon, value = word.partition(":")
    if colon and _property_name(prop) in secrets:
        return mask_text(value) != value
    name, equals, secret = value.partition("=")
    return bool(equals) and name in secrets and mask_text(secret) != secret


def begins_with_dash(word: str) -> bool:
    """Tell whether a word begins with a dash that is no hyphen-minus: an option that a word processor has changed."""
    import unicodedata

    return word[:1] != "-" and word[:1] != "" and (unicodedata.category(word[0]) == "Pd" or word[0] == "\u2212")


def takes_secret(word: str) -> bool:
    """Tell whether a word is an option, or ends with one, whose value is the next word and holds a secret."""
    option = _last_option(word)
    return option is not None and (option.secret or _is_pair(option))


def _last_option(word: str) -> Option | None:
    """Return the option whose value is the next word; several short ones may stand in one word."""
    if word.startswith("--"):
        return _OPTIONS.get(word.lower())
    for place, letter in enumerate(word[1:], start=2) if word[:1] == "-" else ():
        option = _OPTIONS.get(f"-{letter}")
        if option is None or (option.value is not None and place < len(word)):
            return None
        if option.value is not None:
            return option
    return None


def _start_in_value(option: Option | None, value: str) -> int | None:
    """Return where the secret in an option's value begins; that of ``NAME=VALUE`` begins behind the name.

    Without the equals sign the whole value may be the secret.
    """
    if option is None:
        return None
    if option.secret:
        return 0
    name, equals, _ = value.partition("=")
    return (len(name) + 1 if equals else 0) if _is_pair(option) else None


def _is_pair(option: Option) -> bool:
    """Tell whether the value of an option is a name and a value that may be a secret."""
    return option.value is not None and option.value.endswith("=VALUE")


def _mask_property(word: str, secrets: Collection[str]) -> str:
    prop, colon, value = word.partition(":")
    if colon and _property_name(prop) in secrets:
        return f"{prop}:{MASK}"
    name, equals, secret = value.partition("=")
    return f"{prop}:{name}={mask_text(secret)}" if equals and name in secrets else word


def _property_name(word: str) -> str:
    """Return the property in ``PROPERTY`` or ``--set=PROPERTY``."""
    return word.rpartition("=")[2].strip().lower()


def _unknown_start(word: str, before: str, known: Collection[str]) -> int | None:
    """Return where the value of an unknown property begins in a word, None where it holds none."""
    option, equals, _ = word.partition("=")
    start = len(option) + 1 if equals and option.lower() in ASSIGNING else 0
    if not start and before.lower() not in ASSIGNING:
        return None
    name = SEPARATOR.split(word[start:], maxsplit=1)[0]
    if name.lower() in known:
        return None
    return start + len(name) + 1 if len(word) > start + len(name) else start
