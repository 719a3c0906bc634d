"""The transport room: sockets, TLS contexts, clocks; it carries out the plans of the mail room.

For: finding and reaching a mail server, trusting it as its trust manager provider says, driving the SMTP
conversation, keeping connections, telling what happened. May import: every room below; sockets, TLS, threads. Must
never know: storages, the command line, how a plan was made.

Laws:

1. Every wait has an end of its own, and all waits together have one: a server that drips byte by byte gains nothing.
2. Certificates are verified by a context of the TLS room, never by a default of a library.
3. What was not surely delivered is reported as such; a message whose fate is unknown is never sent again by itself.
4. Resolving and connecting are handed in (:class:`~confobjects.transport.network.Network`), so that their failures
   can be tried without a network.
"""
