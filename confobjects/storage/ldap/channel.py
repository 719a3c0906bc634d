"""A socket with a deadline for the whole step, however slowly the other side sends, with or without TLS."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from confobjects.actions import Remedy, RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.errors import AccessError, CannotConnectError
from confobjects.storage.ldap.address import LdapAddress
from confobjects.syntaxes.hosts import ascii_host

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable


class LdapChannel:
    """A connected socket. Set :meth:`expire` before each step; when its time is up, sending and receiving fail."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._end = 0.0
        self.failure: Exception | None = None
        self.sent = False

    def expire(self, seconds: float) -> None:
        """Begin a step that may take this many seconds in total."""
        self._end = time.monotonic() + seconds
        self.failure = None
        self.sent = False

    def _arm(self) -> None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)

    def recv(self, size: int) -> bytes:
        """Receive at most this many bytes."""
        try:
            self._arm()
            data = self._socket.recv(size)
        except OSError as error:
            self.failure = error
            raise
        if not data:
            self.failure = ConnectionResetError("the server closed the connection")
        return data

    def receive_ready(self, size: int) -> bytes | None:
        """Receive at most this many bytes of those that have arrived, without waiting; None if there are none."""
        try:
            self._socket.settimeout(0)
            data = self._socket.recv(size)
        except OSError as error:
            if is_pending(error):
                return None
            self.failure = error
            raise
        if not data:
            self.failure = ConnectionResetError("the server closed the connection")
            raise self.failure
        return data

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._socket.fileno()

    def sendall(self, data: bytes) -> None:
        """Send all the bytes."""
        self.sent = True  # from here on it is unknown how much the server has received
        try:
            self._arm()
            self._socket.sendall(data)
        except OSError as error:
            self.failure = error
            raise

    def secure(self, wrap: Callable[[socket.socket], ssl.SSLSocket]) -> None:
        """Negotiate TLS over the socket that a function puts around the one of this channel.

        Raises what the function raises, and :class:`OSError` (including :class:`ssl.SSLError`).
        """
        self._arm()
        tls = wrap(self._socket)
        self._socket = tls
        tls.do_handshake()

    def check_open(self) -> None:
        """Raise :class:`ConnectionResetError` if the other side has already closed the connection.

        This looks at the socket below TLS only: if that is closed, the connection is closed.
        """
        poll = select.poll()
        poll.register(self._socket, getattr(select, "POLLRDHUP", 0))  # poll always reports a hang-up and an error
        if poll.poll(0):
            self.failure = ConnectionResetError("the server closed the connection")
            raise self.failure

    def shutdown(self, how: int) -> None:
        """Shut down sending, receiving or both, as :meth:`socket.socket.shutdown` does."""
        self._socket.shutdown(how)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def is_pending(error: OSError) -> bool:
    """Tell whether a socket that does not wait only has nothing to give yet, with or without TLS."""
    import ssl

    return isinstance(error, (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError))


def connect(address: LdapAddress, seconds: float) -> LdapChannel:
    """Return a channel to a server. Each of its addresses is tried until the time is up.

    An address that does not answer gets only its share of the remaining time, so that the others can be tried too.
    Raises :class:`~confobjects.errors.CannotConnectError`.
    """
    end = time.monotonic() + seconds
    failure: Exception = TimeoutError("timed out")
    places = _resolve_address(address, seconds)
    for number, (family, place) in enumerate(places):
        left = (end - time.monotonic()) / (len(places) - number)
        if left <= 0:
            break
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(left)
            sock.connect(place)
            if family != socket.AF_UNIX:  # otherwise the bind after StartTLS waits 40 ms for an acknowledgement
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return LdapChannel(sock)
        except OSError as error:
            sock.close()
            failure = error
    raise as_connection_error(address, failure, "connecting", seconds)


def _resolve_address(address: LdapAddress, seconds: float) -> list[tuple[int, Any]]:
    if address.scheme == "ldapi":
        return [(socket.AF_UNIX, address.host)]
    found: list[Any] = []

    def resolve() -> None:
        try:
            host = ascii_host(address.host).encode()  # Python would load its IDNA codec for a text
            found.extend(socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.append(error)

    # The system's resolver has no deadline, so it runs in a thread of its own, which may be abandoned.
    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise as_connection_error(address, TimeoutError("timed out"), "finding the host", seconds)
    if isinstance(found[0], Exception):
        reason = getattr(found[0], "strerror", None) or str(found[0])
        raise CannotConnectError(
            Diagnostic(
                "cannot-connect",
                f"the host of {address} cannot be found: {reason}",
                remedy="correct the host name, or check that the name service (DNS) resolves it",
            )
        )
    return [(family, place) for family, _, _, _, place in found]


def as_connection_error(address: LdapAddress, failure: BaseException, step: str, seconds: float) -> CannotConnectError:
    """Return the error for a server that cannot be reached, from the failure and the step in which it occurred."""
    import ssl

    from confobjects.tls.wrapping import ClearTextError

    remedy: Remedy = "check that the server is running, and that the host and port are right"
    if isinstance(failure, TimeoutError):
        summary = f"{address} did not answer within {seconds:g} s ({step})"
        remedy = (
            "check that the server is not hung and that no firewall blocks the connection; ",
            RemedyAction("give-connect-timeout"),
            " gives it more time",
        )
    elif isinstance(failure, ConnectionRefusedError):
        summary = f"{address} refused the connection: nothing is listening there"
    elif isinstance(failure, FileNotFoundError):
        summary = f"{address}: there is no such socket"
        remedy = "check that the server is running and listens on that socket"
    elif isinstance(failure, ClearTextError):
        summary = f"{address} sent more than its answer to StartTLS before TLS began: someone may be injecting answers"
        remedy = (
            "check the network between here and the server; TLS from the first byte is safer: ",
            RemedyAction("use-ldaps"),
        )
    elif isinstance(failure, ssl.SSLCertVerificationError):
        return _certificate_error(address, failure)
    elif isinstance(failure, ssl.SSLError):
        summary = f"{address}: TLS failed: {(failure.reason or str(failure)).replace('_', ' ').lower()}"
        remedy = (
            "see that the port speaks TLS: from the first byte for ",
            RemedyAction("use-ldaps"),
            ", on request for ",
            RemedyAction("use-starttls"),
        )
    elif isinstance(failure, (ConnectionResetError, BrokenPipeError)):
        summary = f"{address} closed the connection ({step})"
        remedy = ("see the server's log; on a port that speaks TLS from the first byte use ", RemedyAction("use-ldaps"))
    else:
        reason = getattr(failure, "strerror", None) or str(failure)
        summary = f"{address} cannot be reached: {reason} ({step})"
    return CannotConnectError(Diagnostic("cannot-connect", summary, remedy=remedy))


_OUT_OF_DATE: Final = (9, 10)
"""X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED (OpenSSL, ``x509_vfy.h``)."""
_OTHER_NAME: Final = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH."""


def _certificate_error(address: LdapAddress, failure: ssl.SSLCertVerificationError) -> CannotConnectError:
    remedy: Remedy = ("give the authority's certificate with ", RemedyAction("give-trust-store"), " (PEM)")
    if failure.verify_code in _OUT_OF_DATE:
        remedy = "renew the server's certificate, and check that both clocks are right"
    elif failure.verify_code in _OTHER_NAME:
        remedy = "connect with a name that is in the certificate, or issue a certificate for this name"
    summary = f"{address}: its certificate is not accepted: {failure.verify_message}"
    return CannotConnectError(Diagnostic("cannot-connect", summary, remedy=remedy))


def check_socket_access(address: LdapAddress) -> None:
    """Raise :class:`~confobjects.errors.AccessError` if this user may not use the socket of an ``ldapi`` address."""
    if address.scheme == "ldapi" and os.path.exists(address.host) and not os.access(address.host, os.W_OK):
        remedy = "run as a user who may use the socket"
        raise AccessError(Diagnostic("access-refused", f"{address}: no access to the socket", remedy=remedy))
