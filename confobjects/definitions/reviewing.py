"""The review of one installed definition: whether it can be taken together with the others, and judged."""

from __future__ import annotations

import re
from typing import Any

from confobjects.definitions.checking import check_shape, parse, place_problems
from confobjects.definitions.installed import InstalledText, UnusableDefinition, as_given, as_stored, digest_of
from confobjects.definitions.manners import check_manners
from confobjects.definitions.metaschema import NAME, NEWEST
from confobjects.diagnostics import Diagnostic


def review(installed: InstalledText) -> UnusableDefinition | None:
    """Return what keeps an installed definition with its right digest from being used, by itself; None if nothing does."""
    document, problems = parse(installed.origin, installed.text)
    if document is None:
        return UnusableDefinition(installed, tuple(problems))
    if needed := find_newer(document.data):
        summary = f'the definition "{installed.name}" needs confobjects {needed} or later, this is {NEWEST}'
        problem = Diagnostic("broken-definition", summary, origin=installed.origin, remedy="install a newer version")
        return UnusableDefinition(installed, (problem,), "newer")
    problems = list(check_shape(document)) or list(check_manners(document, installed.name))
    if not problems:
        return None
    placed = place_problems(problems, {installed.origin: installed.text})
    return UnusableDefinition(installed, tuple(placed))


def read_given(origin: str, text: str) -> tuple[InstalledText | None, list[Diagnostic]]:
    """Return a text that somebody gives as the definition to install, by the name in it, or what is wrong with it.

    If it has a right name, its shape is not looked at: installing it reviews it.
    """
    document, problems = parse(origin, text)
    if document is None:
        return None, problems
    data: Any = document.data
    name = data.get("name") or data.get("package") if isinstance(data, dict) else None
    if isinstance(name, str) and (is_name(name) or find_newer(data)):
        stored = as_stored(text)
        return InstalledText(name, origin, stored, digest_of(stored)), []
    problems = place_problems(check_shape(document), {origin: text})
    return None, problems or [Diagnostic("broken-definition", "the definition has no name", origin=origin)]


def find_shape_problems(given: InstalledText) -> list[Diagnostic]:
    """Return what is wrong with the shape of a definition that :func:`read_given` has taken by its name."""
    document, problems = parse(given.origin, as_given(given.text))
    if document is not None and not find_newer(document.data):
        problems = place_problems(check_shape(document), {given.origin: as_given(given.text)})
    return problems


def is_name(text: str) -> bool:
    """Tell whether a text is the name of a definition, and so of a file."""
    return re.search(NAME, text) is not None


def find_newer(data: Any) -> str:
    """Return the version that a definition requires, if that is newer than this one; else an empty text."""
    needed = data.get("requires") if isinstance(data, dict) else None
    if not isinstance(needed, str):
        return ""
    try:
        return needed if _as_numbers(needed) > _as_numbers(NEWEST) else ""
    except ValueError:
        return ""  # reported as a wrong shape


def _as_numbers(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
