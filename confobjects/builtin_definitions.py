"""The library's own definitions, parsed once for each user: importing a JSON parser and reading eleven files would take an
eighth of what a cold command takes by itself.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Final

from confobjects.caching import ParsedDocuments, cache_directory

METASCHEMA_FILE: Final = "managed-object.schema.json"


def builtin_directory() -> str:
    """Return the directory of the library's own definitions."""
    return os.path.join(os.path.dirname(__file__), "schemas")


def list_definition_files(directory: str) -> list[str]:
    """Return the paths of the definitions in a directory, sorted. Raises OSError."""
    names = sorted(os.listdir(directory))
    return [os.path.join(directory, name) for name in names if name.endswith(".json") and name != METASCHEMA_FILE]


def parse_builtin() -> dict[str, Any]:
    """Return the JSON of the library's own definitions by the names of their files, sorted."""
    directory = builtin_directory()
    cache = ParsedDocuments(cache_directory(os.environ))
    name = _name_of(directory)
    paths = list_definition_files(directory)
    signs = (directory, sys.version, *(sign for path in paths for sign in _signs_of(path)))
    found = cache.find(name, signs)
    if not isinstance(found, dict):
        found = {os.path.basename(path): _parse(path) for path in paths}
        cache.keep(name, signs, found)
    return found


def _name_of(directory: str) -> str:
    """Return a short name for a directory; of two that share it, each forgets what was kept for the other."""
    from zlib import crc32

    return f"builtin-{crc32(os.fsencode(directory)):08x}"


def _signs_of(path: str) -> tuple[str | int, ...]:
    status = os.stat(path)
    return os.path.basename(path), status.st_size, status.st_mtime_ns


def _parse(path: str) -> Any:
    import json

    from confobjects import inputs

    return json.loads(inputs.read_regular(path, inputs.MEDIUM)[0])
