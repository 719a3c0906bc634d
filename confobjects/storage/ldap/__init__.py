"""The LDAP storage: entries in a directory server, and the only room that knows the LDAP client library.

For: URLs ``ldap:``, ``ldaps:`` and ``ldapi:``. May import: errors, diagnostics, dn, the mapping and
tls rooms, and ldap3. Must never know: what the entries mean. Laws:

1. No exception of the client library, of a socket or of TLS leaves this room: all are errors of ours, with the
   server's text and DN kept.
2. Every step has a deadline: resolving, connecting, TLS, logging in and each request. A server that lets one pass is
   left for the next.
3. No password is sent in clear, unless to this machine or by a decision of the caller.
4. A write is repeated only when it is known not to have happened.
5. Nothing that came in clear is used after StartTLS.

Floors inside: ``results`` (codes to errors), ``address`` (URLs) and ``ber`` (octets) know no network; ``trust`` is
the options of TLS, ``channel`` the socket with a deadline, ``messages`` and ``session`` one bound connection,
``servers`` the choice among several, ``reader`` and ``changing`` what is asked of them, ``store`` the storage,
``opening`` its URLs and options. Beside them the history: ``plans`` (what a commit is going to do, as bytes), ``truth``
(what came of it), ``writers`` (who lives), ``records``, ``journal``.
"""

from __future__ import annotations

from confobjects.storage.ldap.opening import open_url
from confobjects.storage.ldap.store import LdapStorage

__all__ = ["LdapStorage", "open_url"]
