"""The indexes of a 389 Directory Server, which are entries of its own configuration.

Without those of the history the server reads all records to find the newest ones, and on its database BDB it can block itself.
Nobody but an administrator is shown them: then nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from confobjects.dn import DN
from confobjects.mapping.entry import Entry
from confobjects.mapping.journal import NUMBER, STATE
from confobjects.mapping.protocol import Scope

Find = Callable[[DN, Scope, str, Sequence[str]], Sequence[Entry]]
"""Returns some attributes of the entries at a base that a filter selects."""

NEEDED: Final = (NUMBER, STATE)
_DATABASES: Final = DN.of(("cn", "ldbm database"), ("cn", "plugins"), ("cn", "config"))
_SUFFIX: Final = "nsslapd-suffix"
_KIND: Final = "nsindextype"


def find_missing_indexes(base: DN, find: Find) -> tuple[str, list[str]]:
    """Return the name of the database that holds a base, and the needed indexes that it lacks.

    None is missing if the server shows no database with this base, or no index of it. Raises what ``find`` raises.
    """
    database = _find_database(base, find)
    if database is None:
        return "", []
    shown = find(database.dn.child("cn", "index"), "one", "(objectClass=nsIndex)", ("cn", _KIND))
    present = {str(name).lower() for one in shown if "eq" in one.get(_KIND) for name in one.get("cn")}
    return " ".join(map(str, database.get("cn"))), [name for name in NEEDED if present and name not in present]


def _find_database(base: DN, find: Find) -> Entry | None:
    """Return the entry of the database with the longest suffix that is the base, or above it."""
    found: tuple[int, Entry] | None = None
    for one in find(_DATABASES, "one", f"({_SUFFIX}=*)", ("cn", _SUFFIX)):
        for text in one.get(_SUFFIX):
            suffix = DN.parse(str(text))
            if (base == suffix or base.is_below(suffix)) and (found is None or len(suffix) > found[0]):
                found = len(suffix), one
    return None if found is None else found[1]
