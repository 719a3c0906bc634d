"""The functions that the shipped definitions name are the registered ones."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from confobjects.builtin_definitions import METASCHEMA_FILE, builtin_directory
from confobjects.definitions.allowance import REGISTERED


def functions_in(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        if isinstance(data.get("function"), str):
            yield data["function"]
        for part in data.values():
            yield from functions_in(part)
    elif isinstance(data, list):
        for part in data:
            yield from functions_in(part)


def test_each_named_function_is_registered_and_no_other() -> None:
    files = [path for path in Path(builtin_directory()).glob("*.json") if path.name != METASCHEMA_FILE]
    assert {name for path in files for name in functions_in(json.loads(path.read_text("utf-8")))} == REGISTERED
