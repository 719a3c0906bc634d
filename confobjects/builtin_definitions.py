"""The library's own definitions: JSON files in a checkout, and also a Python module in an installed package.

Importing a JSON parser and reading each file would take an eighth of what a cold command takes by itself; see
:mod:`confobjects.packaging`.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, Final

METASCHEMA_FILE: Final = "managed-object.schema.json"
_MODULE: Final = "confobjects.parsed_definitions"


def builtin_directory() -> str:
    """Return the directory of the library's own definitions."""
    return os.path.join(os.path.dirname(__file__), "schemas")


def list_definition_files(directory: str) -> list[str]:
    """Return the paths of the definitions in a directory, sorted. Raises OSError."""
    names = sorted(os.listdir(directory))
    return [os.path.join(directory, name) for name in names if name.endswith(".json") and name != METASCHEMA_FILE]


def parse_builtin() -> dict[str, Any]:
    """Return what the library's own definitions say by the names of their files, sorted. The caller may change it."""
    try:
        module = import_module(_MODULE)
    except ModuleNotFoundError:
        return {os.path.basename(path): _parse(path) for path in list_definition_files(builtin_directory())}
    parsed: dict[str, Any] = module.parse()
    return parsed


def _parse(path: str) -> Any:
    import json

    from confobjects import inputs

    return json.loads(inputs.read_regular(path, inputs.MEDIUM)[0])
