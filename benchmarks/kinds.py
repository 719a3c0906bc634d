"""Definitions of any number of kinds that are not those of the library, of the size a directory server's have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PROPERTIES = 12
"""The number of properties of a kind. A directory server with 200 kinds has about six of its own in each."""


def write(directory: Path, kinds: int) -> Path:
    """Write this many definitions below a directory, and return their directory."""
    place = directory / "definitions"
    place.mkdir()
    for number in range(kinds):
        file = place / f"kind-{number}.json"
        file.write_text(json.dumps(_make_kind(number), indent=2), encoding="utf-8")
    return place


def _make_kind(number: int) -> dict[str, Any]:
    """Return one definition; of each ten, one is at the root and the others extend it."""
    top = number - number % 10
    head: dict[str, Any] = {"name": f"kind-{number}", "version": 1, "synopsis": f"The kind of number {number}."}
    if number == top:
        head["relation"] = {"parent": "root", "kind": "instantiable", "branch": f"cn=Kinds {number}"}
    else:
        head["extends"] = f"kind-{top}"
    return {**head, "properties": {f"property-{number}-{index}": _make_property(index) for index in range(PROPERTIES)}}


def _make_property(index: int) -> dict[str, Any]:
    syntaxes: tuple[tuple[Any, str], ...] = (
        ("boolean", "true"),
        ({"type": "integer", "lower": 0, "upper": 65535}, "389"),
        ({"type": "duration", "base-unit": "ms"}, "500 ms"),
        ({"type": "enumeration", "values": {"accept": "It is taken.", "reject": "It is refused."}}, "accept"),
        ("dn", "dc=example,dc=com"),
        ("string", "text"),
    )
    syntax, default = syntaxes[index % len(syntaxes)]
    text = "What this property is for, in a sentence of the usual length that a definition has."
    return {"synopsis": text, "description": text * 2, "syntax": syntax, "default": {"values": [default]}}
