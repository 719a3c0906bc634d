"""The source tree as the architecture tests see it: every file once, by its real path."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Source:
    """One Python file of the library: dotted module name, path relative to the checkout."""

    module: str
    path: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree. It is made when a test asks for it: every process lists the tests, and few run these."""
        return ast.parse((ROOT / self.path).read_text(encoding="utf-8"), str(ROOT / self.path))

    @property
    def room(self) -> str:
        """The first name below ``confobjects``; empty for the package itself."""
        return self.module.partition(".")[2].partition(".")[0]


@cache
def project() -> Mapping[str, Any]:
    """Return ``pyproject.toml``, parsed."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def contract(name: str) -> Mapping[str, Any]:
    """Return the import-linter contract of this name."""
    [found] = [one for one in project()["tool"]["importlinter"]["contracts"] if one["name"] == name]
    return dict(found)


def pure_rooms() -> Sequence[str]:
    """Return the modules that must not touch the world."""
    rooms: list[str] = contract("Pure rooms do no IO")["source_modules"]
    return rooms


@cache
def sources() -> Sequence[Source]:
    """Return every Python file that is shipped."""
    return tuple(sorted(_sources(), key=lambda source: source.module))


def _sources() -> Iterator[Source]:
    for folder, package in (
        ("confobjects", "confobjects"),
        ("cli", "confobjects.cli"),
        ("schemas", "confobjects.schemas"),
    ):
        for path in (ROOT / folder).rglob("*.py"):
            relative = path.relative_to(ROOT / folder)
            if folder == "confobjects" and relative.parts[0] in {"cli", "schemas"}:
                continue  # seen by their real paths
            names = [package, *relative.with_suffix("").parts]
            if names[-1] == "__init__":
                names.pop()
            yield Source(".".join(names), str(path.relative_to(ROOT)))
