"""The TLS room: contexts, the stores they are made of, and the step from a socket in clear to one inside TLS.

For: every protocol that speaks TLS. May import: the standard library, and cryptography where a store needs it. Must
never know: protocols, storages, mail, the objects of a configuration; its problems become errors with path and
property, or with option and file, further up.

Laws:

1. Nothing received before TLS is used after it. :func:`~confobjects.tls.wrapping.wrap` is the one place where a socket
   is wrapped, and it is told what was received and not used; if there is anything, there is no TLS.
2. One factory, :func:`~confobjects.tls.contexts.context_for`: TLS 1.2 at least; names as RFC 9525 has them, so no
   common name; a certificate in a store is an anchor, whether it is a root, an intermediate or the server's own; blind
   only when that is asked for. A context that somebody else made is limited to the versions and suites, and verifies
   what it verifies.
3. The same material and the same settings are the same context.
4. A private key lies in no file in clear, except where its owner keeps it so.

Floors inside: ``der`` and ``stores`` (bytes to certificates), ``identities`` (key stores), ``authorities`` (those of the
system), ``contexts``; ``wrapping`` stands beside them.
"""
