"""Where the state of a server lies: in a file that is named after the server, or in a storage that somebody has chosen."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from confobjects.dn import DN
from confobjects.storage.places import find_state_directory

if TYPE_CHECKING:
    from confobjects.mapping.protocol import Storage
    from confobjects.storage.ldap.address import Directory
    from confobjects.storage.ldap.login import LdapLogin

_UNSAFE: Final = re.compile(r"[^a-z0-9.=-]+")
_LONGEST: Final = 80


def open_state_of(directory: Directory, base: DN, url: str, login: LdapLogin) -> Storage:
    """Open the storage for the state of the server with a base: that at a URL, or else a file in the user's directory.

    A file has the name of the server as its base. A directory is logged in to as the server is. Raises what opening raises.
    """
    scheme = url.partition(":")[0].lower()
    name = ", ".join(map(str, directory.addresses)) + f"/{base}"
    if not url or scheme == "ldif":
        from confobjects.storage.ldif_file import open_url

        return open_url(url or f"ldif:{find_state_file(name)}", base=DN.of(("cn", name)), archives=None)
    if scheme == "memory":
        from confobjects.storage.memory import open_url as open_memory

        return open_memory(url)
    from confobjects.storage.ldap.address import parse
    from confobjects.storage.ldap.store import LdapStorage

    return LdapStorage(parse(url), login)


def find_state_file(name: str) -> str:
    """Return the path of the file for the state of a server: it tells its name, and no two servers have the same."""
    readable = _UNSAFE.sub("-", name.lower()).strip("-")[:_LONGEST]
    mark = sha256(name.encode()).hexdigest()[:8]
    return os.path.join(find_state_directory(os.environ), "servers", f"{readable}-{mark}.ldif")
