"""The step from clear text into TLS, the same for every protocol and for TLS from the first byte."""

from __future__ import annotations

import socket
import ssl
from typing import Final


class ClearTextError(Exception):
    """Something was received in clear behind the agreement on TLS: somebody on the way may be injecting data."""


_MESSAGE: Final = "the server sent more than its answer before TLS began: someone may be injecting data"


def wrap(sock: socket.socket, context: ssl.SSLContext, name: str, *, unread: bytes) -> ssl.SSLSocket:
    """Return the socket inside TLS, with the handshake still to be done; the old one is of no use any more.

    ``name`` is the host name or IP address to find in the certificate. ``unread`` is everything that was received from
    the socket and is not used yet: were it kept, it would answer what is asked inside TLS (RFC 3207 section 6, RFC 4511
    section 4.14). What the operating system still holds goes into the handshake, which fails. Raises
    :class:`ClearTextError`, and ValueError for a name that cannot be one.
    """
    if unread:
        raise ClearTextError(_MESSAGE)
    return context.wrap_socket(sock, server_hostname=name.rstrip("."), do_handshake_on_connect=False)
