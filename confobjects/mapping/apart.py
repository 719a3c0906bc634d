"""Where a directory keeps what is no part of a configuration and belongs to it: the reports of followers, the tests of objects.

The entries stand beside the base, where no search and no watch of the configuration comes: below an entry that is called
as the base is, so that two configurations under one parent are kept apart. Where the base is the suffix of the server there
is nothing beside it: then they stand below the base, and are left out of what is found and heard.
"""

from __future__ import annotations

from typing import Final

from confobjects.dn import DN

FOLLOWERS: Final = ("cn", "Followers")
VERIFICATIONS: Final = ("cn", "Verifications")
"""The RDNs of the branches of all configurations under one parent."""
_BRANCHES: Final = (FOLLOWERS, VERIFICATIONS)


def place_beside(base: DN, branch: tuple[str, str]) -> DN:
    """Return the DN of the entry beside a base, of a branch, that the entries for the base hang below."""
    return DN.of(base.rdns[0], *base.parent.child(*branch).rdns)


def place_of(base: DN, branch: tuple[str, str], *, is_suffix: bool) -> DN:
    """Return the DN of the entry of a branch that the entries for a base hang below."""
    return base.child(*branch) if is_suffix else place_beside(base, branch)


def is_apart(dn: DN, base: DN) -> bool:
    """Tell whether an entry belongs to a branch that is kept below a base, where nothing can be beside it."""
    branches = (base.child(*branch) for branch in _BRANCHES)
    return any(dn == branch or dn.is_below(branch) for branch in branches)


def normal_branches(base: DN) -> tuple[str, ...]:
    """Return the normal forms of the DNs of the branches that are kept below a base."""
    return tuple(base.child(*branch).normal for branch in _BRANCHES)
