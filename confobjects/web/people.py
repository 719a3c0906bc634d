"""People: who somebody is, which role they have, and what a role permits.

Law: a role permits what its row says, and nothing else. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from confobjects.records import Record

Permission = Literal["send", "read", "test", "change", "administer"]
"""What somebody may do: send mail, read objects without secrets, connect to mail servers, change objects, and what only
administrators may (:mod:`confobjects.web.judging`)."""

Role = Literal["sender", "reader", "operator", "administrator"]

PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        "sender": frozenset({"send"}),
        "reader": frozenset({"read"}),
        "operator": frozenset({"send", "read", "test", "change"}),
        "administrator": frozenset({"send", "read", "test", "change", "administer"}),
    }
)
"""What each role permits, the least first."""


def name_roles(permission: Permission) -> list[Role]:
    """Return the roles that permit something, the least first."""
    return [role for role, permitted in PERMISSIONS.items() if permission in permitted]


Way = Literal["account", "token", "directory", "openid"]
"""How somebody proved who they are: a local account, an API token, a bind to the directory, OpenID Connect."""


class Person(Record):
    """Somebody who has signed in. ``name`` is what the history records, ``way`` how they signed in.

    ``display`` is what they are called, if that is shorter: whoever signs in elsewhere may have chosen it, so it identifies nobody.
    """

    name: str
    role: Role
    way: Way
    display: str = ""

    def may(self, permission: Permission) -> bool:
        """Tell whether the role of this person permits something."""
        return permission in PERMISSIONS[self.role]
