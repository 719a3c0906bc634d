"""The transport room: sockets, TLS contexts, clocks. It carries out the plans of the mail room.

For: finding and reaching a mail server, checking its certificate as its trust manager provider says, driving the SMTP
conversation, keeping connections, reporting what happened. May import: every room below; sockets, TLS, threads. Must
never know: storages, the command line, how a plan was made.

Laws:

1. Every wait has a limit, and all waits together have one: a server that sends one byte at a time cannot exceed it.
2. A context of the TLS room verifies certificates, never a default of a library.
3. A delivery that may have failed is never reported as a success. A message whose outcome is unknown is never sent
   again automatically.
4. The caller can replace resolving and connecting (:class:`~confobjects.transport.network.Network`), so that tests can
   produce their failures without a network.
"""
