"""People of a directory: found by their name, logged in with their password, and asked for in groups.

Laws of this module:

1. An empty password is refused before anything is sent: a server takes a DN without a password for an anonymous login, which it lets
   in (RFC 4513 section 5.1.2).
2. A login is made on a connection of its own, which is closed at once. The password is not kept.
3. A name is never part of a filter as it is (RFC 4515 section 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.dn import DN
from confobjects.errors import AccessError
from confobjects.storage.ldap.requests import entries_of, find_all
from confobjects.storage.ldap.results import NO_SUCH_OBJECT, SUCCESS, error_for_result
from confobjects.storage.ldap.session import LdapSession, refuse_clear

if TYPE_CHECKING:
    from confobjects.storage.ldap.servers import Servers

_MEMBERS = ("member", "uniqueMember")
"""The attributes of a group with the DNs of its members (RFC 4519 sections 2.17 and 2.40)."""


class DirectoryPeople:
    """The people of the servers of a storage, found with the login of the storage. Not thread-safe."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    def find(self, base: DN, attribute: str, name: str) -> DN | None:
        """Return the DN of the only entry below a base with a name in an attribute; None if there is none, or several."""
        found = self._search(base, f"({attribute}={escape_value(name)})")
        return found[0] if len(found) == 1 else None

    def is_there(self, person: DN) -> bool:
        """Tell whether there is the entry of a person."""
        return person in self._search(person, "(objectClass=*)")

    def is_member(self, group: DN, person: DN) -> bool:
        """Tell whether a group has a person among its own members."""
        value = escape_value(str(person))
        conditions = "".join(f"({name}={value})" for name in _MEMBERS)
        return group in self._search(group, f"(|{conditions})")

    def accepts(self, person: DN, password: str) -> bool:
        """Tell whether the server in use lets a person in with a password.

        Raises :class:`~confobjects.errors.CannotConnectError`, and :class:`~confobjects.errors.AccessError` if the password would
        cross a network in clear text.
        """
        if not password or not person:
            return False
        servers = self._servers
        login = servers.login.replace(mechanism="simple", bind_dn=str(person), password=password)
        refuse_clear(servers.current, login)
        try:
            LdapSession.open(servers.current, login, servers.connect_timeout, servers.deadline).close()
        except AccessError:
            return False
        return True

    def _search(self, base: DN, filter_: str) -> list[DN]:
        result, found = self._servers.ask(lambda session: find_all(session, str(base), "sub", filter_, ("1.1",)))
        if result.code not in (SUCCESS, NO_SUCH_OBJECT):
            raise error_for_result(result, f'people below "{base}" could not be looked for')
        return [entry.dn for entry in entries_of(found)]


def escape_value(text: str) -> str:
    """Return a text as the value of a filter (RFC 4515 section 3): only letters and digits stay as they are."""
    return "".join(
        chr(byte) if byte < 128 and chr(byte).isalnum() else f"\\{byte:02x}" for byte in text.encode("utf-8", "replace")
    )
