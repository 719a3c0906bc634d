"""The page for developers names every option of open, load and live, with its default, and every option of a storage."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import confobjects
from confobjects.storage import SCHEMES
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "guide" / "python.md"
_ROW = re.compile(r"^\| `(\w+)` \| ([\w, ]+) \| ([^|]+) \| .+ \|$", re.MULTILINE)
INTERNAL = {"find_base", "memory", "version"}
"""What the library hands to a storage itself."""
ELSEWHERE = {"clock", "command"}
"""Options whose default is a function: the page says what it does."""


def list_options(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the options of a function, and their defaults."""
    parameters = inspect.signature(function).parameters.values()
    return {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}


def list_storages() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each kind of storage, and its options."""
    for scheme in ("ldif", "memory", "ldap"):
        module, _, name = SCHEMES[scheme].partition(":")
        options = list_options(getattr(importlib.import_module(module), name))
        yield scheme, {key: value for key, value in options.items() if key not in {*INTERNAL, "missing_ok"}}


def read_tables() -> list[dict[str, dict[str, str]]]:
    """Return the two tables: the default of each option by what takes it."""
    _, *parts = re.split(r"^\| option \|.*$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    found = []
    for part in parts:
        table: dict[str, dict[str, str]] = {}
        for name, takers, default in _ROW.findall(part.split("\n\n")[0]):
            for taker in takers.split(", "):
                table.setdefault(taker, {})[name] = default
        found.append(table)
    return found


def agrees(told: str, taker: str, default: Any) -> bool:
    """Tell whether the page says a default: one for all, or one for a taker and one for the others."""
    named = dict(re.findall(r"(\w+): `([^`]+)`", told))
    others = re.search(r"else `([^`]+)`", told)
    text = named.get(taker) or (others[1] if others else told.strip("`"))
    return text.replace('"', "'") == repr(default)


def assert_told(table: dict[str, dict[str, str]], known: dict[str, dict[str, Any]]) -> None:
    assert {taker: sorted(options) for taker, options in table.items()} == {
        taker: sorted(options) for taker, options in known.items()
    }
    wrong = [
        f"{taker}, {name}: {options[name]!r}"
        for taker, options in known.items()
        for name in options
        if name not in ELSEWHERE and not agrees(table[taker][name], taker, options[name])
    ]
    assert wrong == []


def test_every_option_of_the_functions_is_told() -> None:
    functions: dict[str, Callable[..., Any]] = {
        "open": confobjects.open,
        "load": confobjects.load,
        "live": confobjects.live,
    }
    assert_told(read_tables()[0], {name: list_options(function) for name, function in functions.items()})


def test_every_option_of_the_storages_is_told() -> None:
    assert_told(read_tables()[1], dict(list_storages()))
