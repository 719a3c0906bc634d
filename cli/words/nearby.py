"""What to type in place of a command that does not exist: a verb without its object, an object without its verb."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from .names import verbs_of

if TYPE_CHECKING:
    from confobjects.definitions import Registry, Relation

_VERBS: Final = {
    "create": ("create", "add", "new", "make"),
    "list": ("list", "ls"),
    "get": ("get", "show", "view", "read", "cat", "display"),
    "set": ("set", "modify", "edit", "change", "update", "configure"),
    "delete": ("delete", "remove", "rm", "del", "drop"),
}
_MEANT: Final = {word: verb for verb, words in _VERBS.items() for word in words}
_FORM: Final = {
    "create": "create-X",
    "list": "list-Xs",
    "get": "get-X-prop",
    "set": "set-X-prop",
    "delete": "delete-X",
}


def suggest_commands(typed: str, rest: Sequence[str], registry: Registry) -> str:
    """Return what to type in place of a command word; empty if nothing is known. ``rest`` are the words after it.

    Of those only the name of an object is used, because any other may be a secret.
    """
    word = typed.lower()
    following = next((found for found in (_find_kind(one, registry) for one in rest[:1]) if found is not None), None)
    if word in _MEANT:
        return _name_verb(_MEANT[word], following)
    kind = _find_kind(word, registry)
    if kind is not None:
        after = _MEANT.get(rest[0].lower()) if rest else None
        return _name_verb(after, kind) if after is not None else _name_kind(kind)
    head, _, tail = word.partition("-")
    kind = _find_kind(tail.removesuffix("-properties").removesuffix("-props").removesuffix("-prop"), registry)
    return _name_verb(_MEANT[head], kind) if head in _MEANT and kind is not None else ""


def _find_kind(word: str, registry: Registry) -> Relation | None:
    """Return the relation that a word names, in the singular or the plural."""
    name = word.lower()
    return next(
        (one for one in registry.relations().values() if name in {one.name, one.plural} and not one.hidden), None
    )


def _name_verb(verb: str, kind: Relation | None) -> str:
    if kind is None:
        return f"the command is {_FORM[verb]}, with an object in place of X; confobjects help names the objects"
    commands = verbs_of(kind)
    return f'did you mean "{commands[verb]}"?' if verb in commands else _name_kind(kind)


def _name_kind(kind: Relation) -> str:
    return f"{kind.friendly} has the commands {_join(list(verbs_of(kind).values()))}"


def _join(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}"
