"""Values as they are typed: ``PROPERTY:VALUE``, from a file, from a variable, from a prompt."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from confobjects.diagnostics import Collector, Diagnostic
from confobjects.errors import UsageError
from confobjects.objects.changes import PropertyChanges

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Relation

    from .invocation import Invocation

Given = dict[str, list[str]]


def given_values(invocation: Invocation, relation: Relation, **setting: Sequence[str]) -> Given:
    """Return the values given with ``--set`` and its kin, by property.

    ``setting`` holds what was given for set, set_file, set_env and set_prompt. Raises one error with every malformed
    option.
    """
    problems = Collector()
    values = _assigned(invocation, relation, "--set", setting["set"], problems)
    _from_files(setting["set_file"], values, problems)
    _from_environment(setting["set_env"], values, problems)
    problems.raise_if_errors()
    for name in setting["set_prompt"]:
        values.setdefault(name.lower(), []).append(_asked(invocation, name))
    return values


def given_changes(
    invocation: Invocation,
    relation: Relation,
    add: Sequence[str],
    remove: Sequence[str],
    reset: Sequence[str],
    **setting: Sequence[str],
) -> PropertyChanges:
    """Return the changes given for an object. Raises one error with every malformed option."""
    problems = Collector()
    added = _assigned(invocation, relation, "--add", add, problems)
    removed = _assigned(invocation, relation, "--remove", remove, problems)
    for name in reset:
        if ":" in name:
            summary = f'--reset takes the name of a property, not "{name.partition(":")[0]}:…"'
            problems.error("usage", summary, remedy=f"--reset {name.partition(':')[0]}")
    problems.raise_if_errors()
    return PropertyChanges(given_values(invocation, relation, **setting), added, removed, tuple(reset))


def _assigned(
    invocation: Invocation, relation: Relation, option: str, items: Iterable[str], problems: Collector
) -> Given:
    result: Given = {}
    for item in items:
        name, colon, value = item.partition(":")
        if not colon or not name or not value:
            _malformed(option, item, problems)
            continue
        prop = _property(invocation, relation, name)
        if invocation.sink is None and prop is not None and prop.sensitive and "{" not in value and "<" not in value:
            invocation.note(
                f"warning: the value of {prop.name} is on the command line, where other users and the shell's history "
                f"can see it; --set-prompt {prop.name}, --set-file or --set-env keep it out"
            )
        elif value.endswith((":", "$")) or (value != value.rstrip("&") and "{" not in value):
            invocation.note(
                f"warning: the value of {name} ends like the rest of an expression that a shell has taken away; "
                f"quote it: '{name}:&{{…}}'"
            )
        result.setdefault(name.lower(), []).append(value)
    return result


def _property(invocation: Invocation, relation: Relation, name: str) -> PropertyDefinition | None:
    """The property of that name in any type of a relation: the type may not be known yet."""
    types = invocation.registry.concrete(relation.target)
    return next((d.properties[name.lower()] for d in types if name.lower() in d.properties), None)


def _malformed(option: str, item: str, problems: Collector) -> None:
    name, equals, value = item.partition("=")
    if equals and ":" not in item:
        problems.error("usage", f"{option} takes PROPERTY:VALUE", remedy=f"did you mean {name}:{value}?")
    elif ":" not in item:
        problems.error("usage", f'{option} takes PROPERTY:VALUE, "{item}" has no colon')
    elif not item.partition(":")[0]:
        problems.error("usage", f"{option} takes PROPERTY:VALUE, the property is missing")
    else:
        prop = item.partition(":")[0]
        problems.error("usage", f"the value of {prop} is empty", property=prop, remedy=f"--reset {prop}")


def _from_files(items: Iterable[str], values: Given, problems: Collector) -> None:
    for item in items:
        name, colon, path = item.partition(":")
        if not colon or not path:
            problems.error("usage", "--set-file takes PROPERTY:PATH", remedy=f"--set-file {name or 'PROPERTY'}:PATH")
            continue
        try:
            with open(path, encoding="utf-8", newline="") as file:
                text = file.read()
        except OSError as error:
            problems.error("usage", f"{path} cannot be read: {(error.strerror or '').lower()}", property=name)
        except UnicodeDecodeError:
            problems.error("usage", f"{path} is not UTF-8 text", property=name)
        else:
            values.setdefault(name.lower(), []).append(text.removesuffix("\n").removesuffix("\r"))


def _from_environment(items: Iterable[str], values: Given, problems: Collector) -> None:
    for item in items:
        name, colon, variable = item.partition(":")
        text = os.environ.get(variable) if colon else None
        if not colon:
            problems.error("usage", "--set-env takes PROPERTY:VARIABLE")
        elif text is None:
            problems.error("usage", f"the environment variable {variable} is not set", property=name)
        else:
            values.setdefault(name.lower(), []).append(text)


def _asked(invocation: Invocation, name: str) -> str:
    """Ask for a value without showing it; never without a terminal."""
    if invocation.options["no_prompt"] or not sys.stdin.isatty():
        problems = Collector()
        problems.error(
            "usage",
            f"--set-prompt {name} needs a terminal to ask at, and none is there or --no-prompt forbids it",
            remedy=f"--set-file {name}:PATH or --set-env {name}:VARIABLE",
        )
        problems.raise_if_errors()
    from getpass import getpass  # noqa: PLC0415 - a terminal is asked only here

    try:
        return getpass(f"{name}: ")
    except EOFError:
        raise UsageError(Diagnostic("usage", "no value was given", property=name)) from None
