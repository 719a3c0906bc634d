"""The process that serves: where it listens, what it lets in, what it tells of itself, and how it ends.

Laws of this wing:

1. Who is not on this machine reaches the process only over TLS, its own or that of a proxy that was named.
2. A request counts only if it names a host that this process answers for, on loopback too.
3. Nobody keeps a connection by being slow, and nobody has more of them than the limits say.
4. Each request is one line of the access log, which has no query, no token and no control character.
5. The process ends in order: requests are answered, event streams are closed, mails that are being sent are waited for.
"""
