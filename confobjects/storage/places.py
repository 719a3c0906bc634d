"""Where a program keeps what belongs to a configuration and is no part of it: tokens, the ledger of the mail service."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256


def find_place_beside(url: str, environment: Mapping[str, str], kind: str) -> str:
    """Return the path for things of a kind that belong to the configuration at a URL; empty if it is only in memory.

    Beside an LDIF file that is a path named after it (``config.ldif.tokens``). For a configuration in a directory server
    it is one below the user's state directory (XDG Base Directory Specification), named by a digest of the URL.
    """
    scheme, _, rest = url.partition(":")
    if scheme in ("", "memory"):
        return ""
    if scheme == "ldif":
        return f"{os.path.abspath(rest)}.{kind}"
    return os.path.join(
        find_state_directory(environment), kind, sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    )


def find_state_directory(environment: Mapping[str, str]) -> str:
    """Return the directory for what programs of ours keep for this user (XDG Base Directory Specification)."""
    stated = environment.get("XDG_STATE_HOME", "")
    home = environment.get("HOME", "")
    usual = os.path.join(home if os.path.isabs(home) else os.path.expanduser("~"), ".local", "state")
    return os.path.join(stated if os.path.isabs(stated) else usual, "confobjects")
