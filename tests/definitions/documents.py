"""The documents that the tests of definitions and objects read: the second family, and the built-in one."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from confobjects.definitions import DefinitionDocument, Registry
from confobjects.definitions.allowance import AllowedCode

HERE = Path(__file__).resolve().parent
FAMILY = HERE / "family"
"""Definitions of a job depot, which have nothing to do with mail and use every word there is."""
BUILTIN = HERE.parents[1] / "schemas"
METASCHEMA = BUILTIN / "managed-object.schema.json"


def documents(directory: Path) -> list[DefinitionDocument]:
    """Return the documents of a directory, sorted by the names of their files."""
    paths = sorted(path for path in directory.glob("*.json") if path.name != METASCHEMA.name)
    return [DefinitionDocument(path.name, json.loads(path.read_text("utf-8"))) for path in paths]


@cache
def depot() -> Registry:
    """Return the registry of the second family."""
    return Registry(documents(FAMILY), AllowedCode(modules=frozenset({"tests.definitions.functions"})))


@cache
def builtin() -> Registry:
    """Return the registry of the definitions that come with the library."""
    return Registry(documents(BUILTIN))
