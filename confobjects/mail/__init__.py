"""The mail room: what is to be said to a mail server, decided and spoken without a socket.

For: the table of SMTP properties, the plan of a delivery made from a mail server object, the SMTP protocol (bytes
in, events out), the form a message has on the wire, and the words for everything that can go wrong. May import:
errors, diagnostics, paths, syntaxes, definitions, objects. Must never know: sockets, TLS contexts, clocks, threads.
It opens nothing and waits for nothing; whoever drives it hands in bytes and sends what it gives.

Laws:

1. Fail closed. TLS that was asked for is never left out, and a login never crosses the wire in clear, unless
   ``confobjects.allow-insecure`` names exactly that weakness.
2. Nothing that comes from outside reaches a command line unless it has been checked for CR, LF and NUL.
3. A secret leaves this room towards the server only; transcripts, messages and representations are masked.
4. A setting's name is one row of the table in ``properties``; a failure's words are one row of the table in
   ``diagnosis``.
"""
