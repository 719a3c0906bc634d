"""Sign-in with the directory that holds the configuration: by a bind, with a role for each group.

Laws of this module:

1. The password is sent to the directory in a bind, and nowhere else. An empty one is refused before that (RFC 4513 section 5.1.2).
2. Who is in no group that has a role is not signed in. Of several roles the one that permits most counts.
3. A session does not outlive its role: the entry and the groups are looked at again while it is used.
4. A person is named by their DN, as in the changes that they make with commands. So nobody is taken for a local account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anyio import CapacityLimiter

from confobjects.dn import DN
from confobjects.records import Record
from confobjects.storage.ldap import LdapStorage
from confobjects.web.identity.credentials import ROLES
from confobjects.web.people import Person, Role

if TYPE_CHECKING:
    from confobjects.management import ManagementContext
    from confobjects.web.served import Served


_AT_ONCE: Final = 4
"""Sign-ins that wait for the directory at the same time: whoever tries passwords does not keep those out who work."""


class DirectoryRule(Record):
    """Where people are, the attribute that they sign in with, and the group of each role.

    ``act_as``: they change the configuration with their own rights in the directory, too.
    """

    base: DN
    attribute: str
    groups: tuple[tuple[Role, DN], ...]
    act_as: bool = False


class Directory:
    """The directory of a configuration, as people sign in with it. To be used in the event loop."""

    def __init__(self, served: Served, rule: DirectoryRule) -> None:
        self._served = served
        self._rule = rule
        self._logins = CapacityLimiter(_AT_ONCE)

    async def sign_in(self, name: str, password: str) -> Person | None:
        """Return who has a name and a password, and a role; None for anybody else. Raises as :func:`sign_in` does."""
        return await self._served.read(lambda context: sign_in(context, self._rule, name, password), self._logins)

    async def find_role(self, person: Person) -> Role | None:
        """Return the role that a person who has signed in has now. Raises as :func:`sign_in` does."""
        return await self._served.read(lambda context: find_role(context, self._rule, DN.parse(person.name)))


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
    role = find_role(context, rule, dn)
    return None if role is None else Person(str(dn), role, "directory", dn.name)


def find_role(context: ManagementContext, rule: DirectoryRule, dn: DN) -> Role | None:
    """Return the role of somebody whose entry is there, None without one. Raises as :func:`sign_in` does."""
    if not isinstance(context.storage, LdapStorage):
        return None
    with context.storage.people() as people:
        if not people.is_there(dn):
            return None
        roles: list[Role] = [role for role, group in rule.groups if people.is_member(group, dn)]
    return max(roles, key=ROLES.index) if roles else None
