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


def founded_documents() -> list[DefinitionDocument]:
    """Return the documents of the second family with a singleton that has read-only properties."""
    number = {"synopsis": "The year of its founding.", "syntax": "integer", "read-only": True}
    words = {"synopsis": "The words of its charter.", "syntax": "string", "multi-valued": True, "read-only": True}
    found = []
    for document in documents(FAMILY):
        data = document.data
        if data.get("name") == "depot-settings":
            data = {**data, "properties": {**data["properties"], "founded": number, "charter": words}}
        found.append(DefinitionDocument(document.origin, data))
    return found


@cache
def founded_depot() -> Registry:
    """Return the registry of the second family with a singleton that has read-only properties."""
    return Registry(founded_documents(), AllowedCode(modules=frozenset({"tests.definitions.functions"})))


@cache
def builtin() -> Registry:
    """Return the registry of the definitions that come with the library."""
    return Registry(documents(BUILTIN))
