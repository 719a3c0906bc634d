"""Values as they are typed: ``PROPERTY:VALUE``, from a file, from a variable, from a prompt."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from confobjects.diagnostics import Collector, Diagnostic
from confobjects.errors import UsageError, raise_if_errors
from confobjects.inputs import SMALL, read_any
from confobjects.objects.changes import PropertyChanges

from .options import describe_exposure

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Relation

    from ..invocation import Invocation

Given = dict[str, list[str]]


def given_values(invocation: Invocation, relation: Relation, **setting: Sequence[str]) -> Given:
    """Return the values given with ``--set``, ``--set-file``, ``--set-env`` and ``--set-prompt``, by property.

    ``setting`` holds what was given for set, set_file, set_env and set_prompt. Raises one error with every malformed
    option.
    """
    problems = Collector()
    values = _read_assignments(invocation, relation, "--set", setting["set"], problems)
    _read_files(invocation, relation, setting["set_file"], values, problems)
    _read_environment(setting["set_env"], values, problems)
    _check_names("--set-prompt", setting["set_prompt"], problems)
    raise_if_errors(problems)
    for name in setting["set_prompt"]:
        values.setdefault(name.lower(), []).append(_ask_value(invocation, name))
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
    added = _read_assignments(invocation, relation, "--add", add, problems)
    removed = _read_assignments(invocation, relation, "--remove", remove, problems)
    _check_names("--reset", reset, problems)
    raise_if_errors(problems)
    return PropertyChanges(given_values(invocation, relation, **setting), added, removed, tuple(reset))


def _read_assignments(
    invocation: Invocation, relation: Relation, option: str, items: Iterable[str], problems: Collector
) -> Given:
    result: Given = {}
    for item in items:
        name, colon, value = item.partition(":")
        if not colon or not name or not value:
            _report_malformed(invocation, relation, option, item, problems)
            continue
        prop = _find_property(invocation, relation, name)
        if invocation.sink is None and prop is not None and prop.sensitive and "{" not in value and "<" not in value:
            others = (f"--set-prompt {prop.name}", "--set-file", "--set-env")
            invocation.warn_of(describe_exposure(prop.name, others))
        elif value.endswith((":", "$")) or (value != value.rstrip("&") and "{" not in value):
            invocation.warn_of(
                f"the value of {name} ends like an expression that the shell has expanded; quote it: '{name}:&{{…}}'"
            )
        result.setdefault(name.lower(), []).append(value)
    return result


def _find_property(invocation: Invocation, relation: Relation, name: str) -> PropertyDefinition | None:
    """Return the property of that name in any type of a relation: the type may not be known yet."""
    types = invocation.registry.concrete_types(relation.target)
    return next((d.properties[name.lower()] for d in types if name.lower() in d.properties), None)


def _report_malformed(invocation: Invocation, relation: Relation, option: str, item: str, problems: Collector) -> None:
    """Return the problem of an assignment. It does not repeat text that may be a secret."""
    name, equals, value = item.partition("=")
    if equals and ":" not in item:
        prop = _find_property(invocation, relation, name)
        shown = value if prop is not None and not prop.sensitive else "…"
        problems.error(
            "usage", f"{option} takes PROPERTY:VALUE", argument=option, remedy=f"did you mean {name}:{shown}?"
        )
    elif ":" not in item:
        shown = f'"{item}"' if _find_property(invocation, relation, item) is not None else "the text after it"
        problems.error("usage", f"{option} takes PROPERTY:VALUE, but {shown} has no colon", argument=option)
    elif not item.partition(":")[0]:
        problems.error("usage", f"{option} takes PROPERTY:VALUE, but the property is missing", argument=option)
    else:
        name = item.partition(":")[0]
        problems.error("usage", f"the value of {name} is empty", property=name, remedy=f"--reset {name}")


def _check_names(option: str, names: Iterable[str], problems: Collector) -> None:
    for name in names:
        if ":" in name:
            prop = name.partition(":")[0]
            summary = f'{option} takes the name of a property, not "{prop}:…"'
            problems.error("usage", summary, argument=option, remedy=f"{option} {prop}")


def _read_files(
    invocation: Invocation, relation: Relation, items: Iterable[str], values: Given, problems: Collector
) -> None:
    for item in items:
        name, colon, path = item.partition(":")
        if not colon or not path:
            remedy = f"--set-file {name or 'PROPERTY'}:PATH"
            problems.error("usage", "--set-file takes PROPERTY:PATH", argument="--set-file", remedy=remedy)
            continue
        try:
            text = read_any(path, SMALL).decode("utf-8")
        except (OSError, ValueError) as error:
            prop = _find_property(invocation, relation, name)
            problems.add(_unreadable_problem(name, path, error, hidden=prop is None or prop.sensitive))
        else:
            values.setdefault(name.lower(), []).append(text.removesuffix("\n").removesuffix("\r"))


def _unreadable_problem(name: str, path: str, error: OSError | ValueError, *, hidden: bool) -> Diagnostic:
    """Return the problem of a file. The path of a missing file may be the secret itself, so it is not repeated."""
    if isinstance(error, UnicodeDecodeError):
        return Diagnostic("usage", f"{path} is not UTF-8 text", property=name)
    reason = (error.strerror or "") if isinstance(error, OSError) else "this is not a valid file name"
    if hidden and not os.path.lexists(path):
        remedy = f"--set-file {name}:PATH names a file that holds the value"
        return Diagnostic("usage", f"the file cannot be read: {reason.lower()}", property=name, remedy=remedy)
    return Diagnostic("usage", f"{path} cannot be read: {reason.lower()}", property=name)


def _read_environment(items: Iterable[str], values: Given, problems: Collector) -> None:
    for item in items:
        name, colon, variable = item.partition(":")
        text = os.environ.get(variable) if colon else None
        if not colon:
            problems.error("usage", "--set-env takes PROPERTY:VARIABLE", argument="--set-env")
        elif text is None:
            # The text is not repeated if it is not a variable's name: it may be a password.
            which = f"the environment variable {variable}" if variable.isidentifier() else "this environment variable"
            remedy = "" if variable.isidentifier() else f"--set-env {name}:VARIABLE takes the name of a variable"
            problems.error("usage", f"{which} is not set", property=name, remedy=remedy)
        else:
            values.setdefault(name.lower(), []).append(text)


def _ask_value(invocation: Invocation, name: str) -> str:
    """Ask for a value without showing it; refuse without a terminal."""
    if invocation.options["no_prompt"] or not sys.stdin.isatty():
        problems = Collector()
        problems.error(
            "usage",
            f"--set-prompt {name} needs a terminal, and there is none or --no-prompt forbids it",
            argument="--set-prompt",
            remedy=f"--set-file {name}:PATH or --set-env {name}:VARIABLE",
        )
        raise_if_errors(problems)
    from getpass import getpass

    try:
        return getpass(f"{name}: ")
    except EOFError:
        raise UsageError(Diagnostic("usage", "no value was given", property=name)) from None
