"""Sign-in with the directory that holds the configuration: by a bind, with a role for each group.

Laws of this module:

1. The password is sent to the directory in a bind, and nowhere else. An empty one is refused before that (RFC 4513 section 5.1.2).
2. Who is in no group that has a role is not signed in. Of several roles the one that permits most counts.
3. A person is named by their DN, as in the changes that they make with commands. So nobody is taken for a local account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.dn import DN
from confobjects.records import Record
from confobjects.storage.ldap import LdapStorage
from confobjects.web.identity.credentials import ROLES
from confobjects.web.people import Person, Role

if TYPE_CHECKING:
    from confobjects.management import ManagementContext
    from confobjects.web.identity.recognition import Bind
    from confobjects.web.served import Served


class DirectoryRule(Record):
    """Where people are, the attribute that they sign in with, and the group of each role."""

    base: DN
    attribute: str
    groups: tuple[tuple[Role, DN], ...]


def make_bind(served: Served, rule: DirectoryRule) -> Bind:
    """Return what signs people in with the directory of a configuration."""

    async def bind(name: str, password: str) -> Person | None:
        return await served.read(lambda context: sign_in(context, rule, name, password))

    return bind


def sign_in(context: ManagementContext, rule: DirectoryRule, name: str, password: str) -> Person | None:
    """Return who has a name and a password in the directory, and a role; None for anybody else.

    Raises :class:`~confobjects.errors.CannotConnectError`, and :class:`~confobjects.errors.AccessError` if the configuration's own
    login does not suffice to look.
    """
    # Servers leave characters out that nobody sees (RFC 4518 section 2.2): a name with such ones is not the name of anybody.
    if not (name and name.isprintable() and password and isinstance(context.storage, LdapStorage)):
        return None
    with context.storage.people() as people:
        dn = people.find(rule.base, rule.attribute, name)
        if dn is None or not people.accepts(dn, password):
            return None
        roles: list[Role] = [role for role, group in rule.groups if people.is_member(group, dn)]
    return Person(str(dn), max(roles, key=ROLES.index), "directory") if roles else None
