"""A connected socket with a limit for every wait: bytes out, bytes in, TLS on top.

A failure raises :class:`~confobjects.mail.diagnosis.Trouble` of the stage that the caller names.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import weakref
from typing import Final

from confobjects.mail.diagnosis import Trouble
from confobjects.mail.plan import Timeouts
from confobjects.mail.signals import CLIENT_CERTIFICATE_ALERTS
from confobjects.tls.wrapping import ClearTextError, wrap
from confobjects.transport.certificates import sent_chain
from confobjects.transport.deadline import Deadline, DeadlineExceeded, StepLimit

_QUICKACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)
_UNIX: Final[int | None] = getattr(socket, "AF_UNIX", None)
_PIECE: Final = 1 << 16


class SmtpChannel:
    """One connection within a deadline.

    ``settled`` says that the session is set up. From then on an answer usually comes in one segment, and the first wait
    for it sends no early acknowledgement (see :meth:`acknowledge_now`). ``certificates`` are those the server sent (DER),
    its own first; none without TLS. They are read once, after the handshake: of a connection that has ended, TLS tells
    nothing any more. After :meth:`send` has failed, ``handed_over`` is the number of its bytes that the server may have.
    """

    def __init__(self, sock: socket.socket, timeouts: Timeouts, deadline: Deadline) -> None:
        self._sock: socket.socket = sock
        self.settled = False
        self.handed_over = 0
        self.certificates: tuple[bytes, ...] = ()
        self._timeouts = timeouts
        self.deadline = deadline
        self._secured = False
        sock.settimeout(timeouts.write)
        self._timeout = timeouts.write
        self._descriptor = sock.fileno() if os.name == "posix" else -1  # of a socket without TLS
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError):  # some systems refuse if the server has already reset the connection
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _CHANNELS.add(self)

    def find_local_address(self) -> str:
        """Return the IP address of this end. Raises Trouble: some systems forget it if the connection was reset."""
        try:
            return str(self._sock.getsockname()[0])
        except OSError as error:
            raise self._as_trouble(error, "connect", self._timeouts.connect) from None

    def begin_reply_wait(self, began: float | None = None) -> StepLimit:
        """Return the limit for one reply, counted from now or from a time of the deadline's clock."""
        return self.deadline.begin_step(self._timeouts.reply, began)

    def begin_greeting_wait(self, began: float | None = None) -> StepLimit:
        """Return the limit for the greeting or for a TLS handshake, counted as for a reply."""
        limit = self._timeouts.reply if self._timeouts.greeting is None else self._timeouts.greeting
        return self.deadline.begin_step(limit, began)

    def await_arrival(self, seconds: float) -> bool:
        """Wait for bytes, or for the end of the connection. Tell whether there are any before the time is over."""
        return self.pending or bool(select.select([self._sock], [], [], seconds)[0])

    def send(self, data: bytes, stage: str, limit: StepLimit | None = None) -> None:
        """Send all bytes. Each write has a limit, and all may have one. Raises Trouble."""
        self.handed_over = 0
        try:
            sent = self._send_at_once(data)
            if sent == len(data):
                return
            rest = memoryview(data)[sent:]
            while rest:
                piece = rest[:_PIECE]
                # In TLS all records but the last may go out before the last one fails.
                self.handed_over = len(data) - len(rest) + (len(piece) - 1 if self._secured else 0)
                self._limit_wait(min(self._timeouts.write, (limit or self.deadline).check_time_left()))
                rest = rest[self._sock.send(piece) :]
        except (OSError, DeadlineExceeded) as error:
            raise self._as_trouble(error, stage, self._timeouts.write) from None

    def _send_at_once(self, data: bytes) -> int:
        """Send what the socket accepts without a wait. Return the number of bytes; 0 if :meth:`send` must wait."""
        try:
            return os.write(self._descriptor, data) if self._descriptor >= 0 else 0
        except BlockingIOError:
            return 0

    def read_arrived(self, stage: str) -> bytes | None:
        """Return the bytes that have arrived, as :meth:`receive` does, without waiting. None if there may be none."""
        if self._descriptor < 0:
            return None
        try:
            return os.read(self._descriptor, _PIECE)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._as_trouble(error, stage, self._timeouts.reply) from None

    def read_last_words(self) -> bytes:
        """Return bytes that have arrived, without waiting; none if there are none. For a connection that has failed.

        Raises Trouble for an alert about a client certificate.
        """
        try:
            self._limit_wait(0.0)
            return self._sock.recv(_PIECE)
        except ssl.SSLError as error:
            if error.reason in CLIENT_CERTIFICATE_ALERTS:
                raise self._as_tls_trouble(error) from None
            return b""
        except (OSError, ValueError):
            return b""

    def receive(self, step: StepLimit | None, stage: str, most: int = _PIECE, *, more: bool = False) -> bytes:
        """Wait for bytes and return at most ``most`` of them, none if the server closed. Raises Trouble.

        ``step`` is the limit of a wait that has begun; None begins a wait. ``more`` says that a part of the answer has
        arrived.
        """
        try:
            if step is None:
                self._limit_wait(min(self._timeouts.reply, self.deadline.check_time_left()))
            else:
                self._limit_wait(step.check_time_left())
            if more or not self.settled:
                self.acknowledge_now()
            return self._sock.recv(most)
        except (OSError, DeadlineExceeded) as error:
            raise self._as_trouble(error, stage, self._timeouts.reply if step is None else step.limit) from None

    def acknowledge_now(self) -> None:
        """Acknowledge received data now: a server that waits for this (Nagle) would lose 40 ms."""
        if _QUICKACK is not None and self._sock.family != _UNIX:
            with contextlib.suppress(OSError):  # if the connection has ended, the next read says so
                self._sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def _limit_wait(self, seconds: float) -> None:
        if seconds != self._timeout:
            self._sock.settimeout(seconds)
            self._timeout = seconds

    def fileno(self) -> int:
        """Return the file descriptor, for a poll."""
        return self._sock.fileno()

    @property
    def secured(self) -> bool:
        """Whether TLS is established."""
        return self._secured

    @property
    def pending(self) -> bool:
        """Whether bytes have been received that a poll of the descriptor does not report: TLS reads whole records."""
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def start_tls(self, context: ssl.SSLContext, host: str, unread: bytes) -> str:
        """Negotiate TLS; return its version and suite. ``unread`` are the bytes received here and not used yet.

        Raises Trouble of stage tls, and of stage starttls if there are unread bytes.
        """
        step = self.begin_greeting_wait()
        try:
            self._sock.settimeout(step.check_time_left())
            tls = wrap(self._sock, context, host, unread=unread)
            self._sock, self._timeout, self._descriptor = tls, -1.0, -1
            tls.settimeout(step.check_time_left())
            tls.do_handshake()
            self.certificates = sent_chain(tls)
        except ClearTextError as error:
            raise Trouble("starttls", "bytes-before-tls", message=str(error)) from None
        except ssl.SSLCertVerificationError as error:
            raise Trouble(
                "tls", "certificate", verify_code=error.verify_code, message=error.verify_message or "no reason given"
            ) from None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise Trouble("tls", "closed") from None
        except ssl.SSLError as error:
            raise self._as_tls_trouble(error) from None
        except (OSError, DeadlineExceeded, ValueError) as error:
            raise self._as_trouble(error, "tls", step.limit) from None
        self._secured = True
        suite = tls.cipher()
        return f"{tls.version()} {suite[0] if suite else ''}".strip()

    def close(self) -> None:
        """Close the connection without sending anything. Never raises."""
        self._descriptor = -1
        with contextlib.suppress(OSError):
            self._sock.close()

    def _as_tls_trouble(self, error: ssl.SSLError) -> Trouble:
        chosen = isinstance(self._sock, ssl.SSLSocket) and self._sock.cipher() is not None
        reason = error.reason or ""
        message = reason or str(error)
        alert = f" ({message})"
        return Trouble("tls", "tls-error", reason=reason, message=message, alert=alert, suite_chosen=chosen)

    def _as_trouble(self, error: Exception, stage: str, limit: float) -> Trouble:
        if isinstance(error, DeadlineExceeded):
            kind = "total-timeout" if error.total else "timeout"
            return Trouble(stage, kind, limit=f"{error.limit:g}")
        if isinstance(error, TimeoutError):
            try:
                self.deadline.check_time_left()
            except DeadlineExceeded as over:
                return Trouble(stage, "total-timeout", limit=f"{over.limit:g}")
            return Trouble(stage, "timeout", limit=f"{limit:g}")
        if isinstance(error, ssl.SSLError) and error.reason in CLIENT_CERTIFICATE_ALERTS:
            return self._as_tls_trouble(error)
        if isinstance(error, OSError):
            return Trouble(stage, "connection-lost", message=error.strerror or str(error))
        return Trouble(stage, "tls-failed", message=str(error))


_CHANNELS: Final[weakref.WeakSet[SmtpChannel]] = weakref.WeakSet()


def _close_copies() -> None:
    """Close what a child process has inherited: a connection belongs to the process that opened it.

    Closing a copy sends nothing and leaves the parent's connection alone. A copy that stays open would keep the
    connection open after the parent has closed it.
    """
    for channel in tuple(_CHANNELS):
        channel.close()


if hasattr(os, "register_at_fork"):  # where processes can fork
    os.register_at_fork(after_in_child=_close_copies)
