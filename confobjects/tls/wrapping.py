"""The step from clear text to TLS. It is the same for every protocol, and for TLS from the first byte."""

from __future__ import annotations

import codecs
import socket
import ssl
from typing import Final

from confobjects.syntaxes.hosts import ascii_host

# Every TLS connection needs this codec. If a thread loaded it while the process forks, its import lock would never be
# free in the child.
codecs.lookup("idna")


class ClearTextError(Exception):
    """The server sent clear text after it agreed to TLS: someone on the network may be injecting data."""


_MESSAGE: Final = "the server sent more than its answer before TLS began: someone may be injecting data"


def wrap(sock: socket.socket, context: ssl.SSLContext, name: str, *, unread: bytes) -> ssl.SSLSocket:
    """Return the socket inside TLS. The handshake is not done yet. The old socket can no longer be used.

    ``name`` is the host name (in any script) or IP address to find in the certificate. ``unread`` is everything that was received from
    the socket and not used yet. If it were kept, it could be taken for an answer inside TLS (RFC 3207 section 6, RFC
    4511 section 4.14). Bytes still in the operating system's buffer make the handshake fail. Raises
    :class:`ClearTextError`, and ValueError for a name that is not valid.
    """
    if unread:
        raise ClearTextError(_MESSAGE)
    return context.wrap_socket(sock, server_hostname=ascii_host(name.rstrip(".")), do_handshake_on_connect=False)
