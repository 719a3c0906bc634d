"""A server's side of TLS on a socket, for the servers that are scripted."""

from __future__ import annotations

import os
import socket
import ssl


def negotiate(context: ssl.SSLContext, sock: socket.socket, clear: bytes = b"") -> ssl.SSLSocket:
    """Return a server's socket inside TLS, after some bytes in clear. Raises OSError when the client does not go along.

    The bytes go out when the socket is wrapped: a client that resets the connection before would leave a socket behind
    that nobody can close.
    """
    tls = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
    try:
        os.write(tls.fileno(), clear)
        tls.do_handshake()
    except OSError:
        tls.close()
        raise
    return tls
