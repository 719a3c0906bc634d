"""Where tokens are kept in files. Whoever only asks for that loads nothing that fetches them."""

from __future__ import annotations

from collections.abc import Mapping

from confobjects.storage.places import find_place_beside


def token_directory(url: str, environment: Mapping[str, str]) -> str:
    """Return the directory for the tokens of the configuration at a URL, empty for one that is only in memory."""
    return find_place_beside(url, environment, "tokens")
