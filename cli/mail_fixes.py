"""The line to type after a test: what mends what it found, and what saves the values that it was made with.

Laws of this module:

1. A line is one that this command line parses. A value that only a person knows is ``…`` in it, a secret is asked for.
2. There is no line where nothing in the configuration is wrong: the failure names no property and its remedy no action.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from confobjects.management.changing.operations import Operation
from confobjects.objects.reading import mask_secret

from .words.command_line import words_of
from .words.quoting import quote_word

if TYPE_CHECKING:
    from confobjects.actions import RemedyAction
    from confobjects.definitions import PropertyDefinition, Registry
    from confobjects.diagnostics import Diagnostic
    from confobjects.paths import ManagedObjectPath

_UNKNOWN: Final = "…"
_IN_THE_DNS: Final = "mail-domain"
"""The code of what is wrong with the domain of a sender: it is mended where its records are."""
_OPTIONS: Final = ("set", "set_file", "set_env", "set_prompt", "add", "remove", "reset")
"""The parameters of the options of unsaved values, in the order of the help."""


def offer_fix(problem: Diagnostic, registry: Registry) -> Diagnostic:
    """Return a problem that a test found, with the line to type if a change of the configuration may mend it."""
    if not problem.path or problem.attempt or problem.code == _IN_THE_DNS:
        return problem
    path = registry.parse_path(problem.path)
    for action in problem.list_actions():
        if action.verb == "authorize":
            return problem.replace(attempt=_join(["authorize-oauth2-provider", "--provider-name", *action.arguments]))
    if not problem.property and not any(_words_of_action(action) for action in problem.list_actions()):
        return problem
    words = _find_words(problem, path, registry)
    return problem.replace(attempt=_join([*_command_of(path, registry), *words]))


def _find_words(problem: Diagnostic, path: ManagedObjectPath, registry: Registry) -> Iterator[str]:
    """Yield the options that make the change; none where only a person can say what is wrong with the values there."""
    turned_on = False
    found = False
    for action in problem.list_actions():
        words = _words_of_action(action)
        # Of two properties that are turned on the remedy means one: they are two ways of the same protection.
        turns_on = action.verb == "assign" and action.arguments[1] == "true"
        if words and not (turns_on and turned_on):
            found = True
            yield from words
        turned_on = turned_on or turns_on
    prop = _find_property(registry, path, problem.property)
    if not found and prop is not None and not prop.multi_valued:
        yield from ("--set-prompt", prop.name) if prop.sensitive else ("--set", f"{prop.name}:{_UNKNOWN}")


def _words_of_action(action: RemedyAction) -> tuple[str, ...]:
    if action.verb == "assign":
        return ("--set", ":".join(action.arguments))
    if action.verb == "add":
        return ("--add", ":".join(action.arguments))
    if action.verb == "setting":
        return ("--add", f"{':'.join(action.arguments)}={_UNKNOWN}")
    return ()


def _find_property(registry: Registry, path: ManagedObjectPath, name: str) -> PropertyDefinition | None:
    types = registry.concrete_types(registry.relation(path.relation).target)
    return next((one.properties[name] for one in types if name in one.properties), None)


def _command_of(path: ManagedObjectPath, registry: Registry) -> list[str]:
    return words_of(Operation("modify", path.relation, path.names), registry)


def _join(words: Sequence[str]) -> str:
    return " ".join(["confobjects", *map(quote_word, words)])


def saving_line(path_text: str, given: Mapping[str, Sequence[str]], registry: Registry) -> str:
    """Return the line that saves the values of the options of unsaved values; without them, for the editor, where one of
    several values of a property is a secret.
    """
    path = registry.parse_path(path_text)
    words: list[str] = []
    for name in _OPTIONS:
        option = f"--{name.replace('_', '-')}"
        for item in given.get(name, ()):
            prop = _find_property(registry, path, item.partition(":")[0].lower())
            secret = name in {"set", "add", "remove"} and prop is not None and _is_secret(prop, item.partition(":")[2])
            if secret and (prop is None or prop.multi_valued):
                return _join(_command_of(path, registry))
            words += ("--set-prompt", prop.name) if secret and prop is not None else (option, item)
    return _join([*_command_of(path, registry), *words])


def _is_secret(prop: PropertyDefinition, text: str) -> bool:
    return mask_secret(prop, text) != text
