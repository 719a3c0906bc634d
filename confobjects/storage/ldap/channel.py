"""A socket that is left when time is up, however slowly the other side drips, in clear or inside TLS."""

from __future__ import annotations

import os
import select
import socket
import ssl
import threading
import time
from typing import Any, Final

from confobjects.actions import Remedy, RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.errors import AccessError, CannotConnectError
from confobjects.storage.ldap.address import LdapAddress
from confobjects.tls.wrapping import ClearTextError, wrap


class LdapChannel:
    """A connected socket. Set :meth:`expire` before each step; when its time is up, sending and receiving fail."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._end = 0.0
        self.failure: Exception | None = None
        self.sent = False

    def expire(self, seconds: float) -> None:
        """Begin a step that may take some seconds in all."""
        self._end = time.monotonic() + seconds
        self.failure = None
        self.sent = False

    def _arm(self) -> None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)

    def recv(self, size: int) -> bytes:
        """Receive at most some bytes."""
        try:
            self._arm()
            data = self._socket.recv(size)
        except OSError as error:
            self.failure = error
            raise
        if not data:
            self.failure = ConnectionResetError("the server closed the connection")
        return data

    def sendall(self, data: bytes) -> None:
        """Send all of some bytes."""
        self.sent = True  # from here on nobody knows how much of it the server has seen
        try:
            self._arm()
            self._socket.sendall(data)
        except OSError as error:
            self.failure = error
            raise

    def secure(self, context: ssl.SSLContext, name: str, unread: bytes) -> None:
        """Negotiate TLS. ``unread`` is what was received here and not used yet.

        Raises :class:`OSError`, of which :class:`ssl.SSLError` is one, ValueError for a name that cannot be one, and
        :class:`~confobjects.tls.wrapping.ClearTextError`.
        """
        self._arm()
        tls = wrap(self._socket, context, name, unread=unread)
        self._socket = tls
        tls.do_handshake()

    def check_open(self) -> None:
        """Raise :class:`ConnectionResetError` when it is known already that the other side has closed the connection.

        TLS is not asked: what is closed below it is closed.
        """
        poll = select.poll()
        poll.register(self._socket, getattr(select, "POLLRDHUP", 0))  # a hang-up and an error are always told
        if poll.poll(0):
            self.failure = ConnectionResetError("the server closed the connection")
            raise self.failure

    def shutdown(self, how: int) -> None:
        """End the traffic."""
        self._socket.shutdown(how)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def connect(address: LdapAddress, seconds: float) -> LdapChannel:
    """Return a channel to a server, trying each of its addresses within the time: one that says nothing gets no more
    than its share of what is left, so that each of the others has its turn.

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
            if family != socket.AF_UNIX:  # else the bind after StartTLS waits 40 ms for an acknowledgement
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
            found.extend(socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.append(error)

    # The system's resolver takes no deadline; a thread of its own may be left behind in it.
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
                remedy="correct the host name, or see that the name service knows it",
            )
        )
    return [(family, place) for family, _, _, _, place in found]


def as_connection_error(address: LdapAddress, failure: BaseException, step: str, seconds: float) -> CannotConnectError:
    """Return the error of a server that cannot be reached, by what failed and in which step."""
    remedy: Remedy = "see that the server runs and that host and port are right"
    if isinstance(failure, TimeoutError):
        summary = f"{address} did not answer within {seconds:g} s ({step})"
        remedy = (
            "see that the server is not hung and no firewall is between; ",
            RemedyAction("give-connect-timeout"),
            " gives it more time",
        )
    elif isinstance(failure, ConnectionRefusedError):
        summary = f"{address} refused the connection: nothing listens there"
    elif isinstance(failure, FileNotFoundError):
        summary = f"{address}: there is no such socket"
        remedy = "see that the server runs and listens on that socket"
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
        remedy = "have the server's certificate renewed, and see that both clocks are right"
    elif failure.verify_code in _OTHER_NAME:
        remedy = "connect by a name that is in the certificate, or have one issued for this name"
    summary = f"{address}: its certificate is not accepted: {failure.verify_message}"
    return CannotConnectError(Diagnostic("cannot-connect", summary, remedy=remedy))


def check_socket_access(address: LdapAddress) -> None:
    """Raise :class:`~confobjects.errors.AccessError` when this user may not use the socket of an ``ldapi`` address."""
    if address.scheme == "ldapi" and os.path.exists(address.host) and not os.access(address.host, os.W_OK):
        remedy = "run as a user who may use the socket"
        raise AccessError(Diagnostic("access-refused", f"{address}: no access to the socket", remedy=remedy))
