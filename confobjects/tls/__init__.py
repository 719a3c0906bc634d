"""The TLS room: contexts, the stores they are made of, and the step from a socket in clear text to one inside TLS.

For: every protocol that uses TLS. May import: the standard library, and cryptography if a store needs it. Must never
know: protocols, storages, mail, the objects of a configuration. The rooms above turn its problems into errors with
path and property, or with option and file.

Laws:

1. Nothing received before TLS is used inside TLS. :func:`~confobjects.tls.wrapping.wrap` is the one place that wraps a
   socket. Its caller passes the bytes that were received and not used; if there are any, ``wrap`` raises.
2. One factory, :func:`~confobjects.tls.contexts.context_for`, makes all contexts. They use TLS 1.2 or later. Names are
   checked as RFC 9525 requires, without the common name. Each certificate in a store is a trust anchor: a root, an
   intermediate or the server's own. Any certificate is accepted only if the caller asks for that. A context that other
   code made gets our limits for versions and suites; its verification is not changed.
3. The same material and the same settings give the same context.
4. A private key is never written to a file without encryption.
5. While the process forks, nobody is in a call of OpenSSL: it is made in the gate
   :data:`~confobjects.tls.forking.OPENSSL`, where nobody waits for another machine.

Floors inside: ``forking``; ``der`` and ``stores`` (bytes to certificates), ``identities`` (key stores), ``authorities``
(of the system), ``sockets``, ``contexts``; ``wrapping`` stands beside them.
"""
