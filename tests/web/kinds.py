"""A kind of objects that nobody knows before a test installs it."""

from __future__ import annotations

from typing import Any, Final

LIGHTHOUSE: Final[dict[str, Any]] = {
    "$schema": "managed-object.schema.json",
    "name": "lighthouse",
    "version": 1,
    "synopsis": "A light for ships.",
    "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Lighthouses"},
    "properties": {
        "colour": {
            "synopsis": "The colour of its light.",
            "mandatory": True,
            "syntax": {"type": "enumeration", "values": {"red": "Port.", "green": "Starboard."}},
        },
        "height": {"synopsis": "How high it is.", "syntax": "integer", "default": {"values": ["10"]}},
    },
}
