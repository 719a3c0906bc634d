"""The way back: the page that somebody wanted before they had to sign in. Pure.

Law: it leads to a page of this console, and is never longer than an address may be.
"""

from __future__ import annotations

from typing import Final

LONGEST: Final = 2000
"""The most characters of an address that somebody is led back to."""


def choose_way_back(wanted: str) -> str:
    """Return the page of this console that somebody wanted before they had to sign in; the first one for anything else."""
    is_own = wanted.startswith("/") and not wanted.startswith("//") and wanted.isascii() and wanted.isprintable()
    return wanted if is_own and "\\" not in wanted and len(wanted) <= LONGEST else "/"
