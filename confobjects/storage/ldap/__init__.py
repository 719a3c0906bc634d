"""The LDAP storage: entries in a directory server, and the only room that knows the LDAP client library.

For: URLs ``ldap:``, ``ldaps:`` and ``ldapi:``. May import: errors, diagnostics, dn, the mapping and
tls rooms, and ldap3. Must never know: what the entries mean. Laws:

1. No exception of the client library, of a socket or of TLS leaves this room. All are turned into errors of ours,
   which keep the server's text and DN.
2. Every step has a deadline: resolving, connecting, TLS, logging in and each request. If a server misses a deadline,
   the next server is used.
3. No password is sent in clear text, unless it stays on this machine or the caller allows it.
4. A write is repeated only if it is known not to have happened.
5. Nothing that was received in clear text is used after StartTLS.

Floors inside: ``results`` (codes to errors), ``address`` (URLs) and ``ber`` (octets) know no network; ``trust`` has
the TLS options, ``channel`` the socket with a deadline, ``messages`` and ``session`` one bound connection,
``servers`` the choice among several servers, ``reader`` and ``changing`` the requests, ``store`` the storage,
``opening`` its URLs and options. The history is in ``plans`` (the changes of a commit, as bytes), ``truth`` (the
outcome of each record), ``writers`` (which writers are alive), ``records`` and ``journal``. ``hearing`` reads what a
server tells of changes, and ``watch`` keeps the connection for it. ``followers`` keeps the reports of services.
``foreign`` is the storage on a server with a schema of its own, ``beside`` its state in another storage, and ``places``
says where that lies.
"""

from __future__ import annotations

from confobjects.storage.ldap.opening import open_url
from confobjects.storage.ldap.store import LdapStorage

__all__ = ["LdapStorage", "open_url"]
