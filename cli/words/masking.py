"""Command lines without their secrets."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from confobjects.diagnostics import MASK

from .options import OPTIONS, SECRET_OPTIONS

_SECRETS = frozenset(
    spelling.lower() if spelling.startswith("--") else spelling
    for option in OPTIONS
    if option.name in SECRET_OPTIONS
    for spelling in option.spellings
)


def mask_secrets(arguments: Sequence[str], secrets: Collection[str] = ()) -> list[str]:
    """Return the words of a command line with passwords replaced."""
    result: list[str] = []
    hide = False
    for word in arguments:
        name, equals, _ = word.partition("=")
        if hide:
            result.append(MASK)
            hide = False
        elif equals and name.lower() in _SECRETS:
            result.append(f"{name}={MASK}")
        else:
            hide = is_secret_option(word)
            result.append(_mask_word(word, secrets))
    return result


def _mask_word(word: str, secrets: Collection[str]) -> str:
    prop, colon, value = word.partition(":")
    if colon and _property_name(prop) in secrets:
        return f"{prop}:{MASK}"
    name, equals, secret = value.partition("=")
    return f"{prop}:{name}={MASK}" if equals and name in secrets and secret[:1] not in "&$" else word


def is_secret_option(word: str) -> bool:
    """Tell whether an option's value is a secret itself."""
    return word in _SECRETS or word.lower() in _SECRETS


def _property_name(word: str) -> str:
    """The property in ``PROPERTY`` or ``--set=PROPERTY``."""
    return word.rpartition("=")[2].lower()
