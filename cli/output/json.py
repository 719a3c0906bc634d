"""JSON for programs; each shape is described by a JSON Schema in the documentation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from confobjects.texts.visible import escape_json

from .shown import ShownProperty

if TYPE_CHECKING:
    from collections.abc import Iterable


def dumps(document: Any) -> str:
    """Return a JSON text as it is printed."""
    return escape_json(json.dumps(document, indent=2, ensure_ascii=False))


def properties_as_json(shown: Iterable[ShownProperty]) -> dict[str, Any]:
    """Return the properties of one object: typed values, always a list, each with its origin."""
    return {item.property.name: {"values": list(item.typed), "origin": item.origin} for item in shown}
