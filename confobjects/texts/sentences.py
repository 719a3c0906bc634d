"""The beginning of a sentence or a title."""

from __future__ import annotations


def capitalise(text: str) -> str:
    """Return a text with a capital at its beginning, and the rest as it is."""
    return text[:1].upper() + text[1:]
