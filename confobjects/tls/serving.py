"""The certificate that a server shows: read from files, and read again when they have been renewed.

Laws: a handshake sees one whole pair of certificate and key. What cannot be used is reported, and the pair before it stays; a
connection that exists is never touched.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from confobjects.tls.forking import OPENSSL

_LOOK: Final = 1.0
"""Seconds between two looks at the files."""

Tell = Callable[[str], object]
"""Is told why renewed files cannot be used."""


class ServerCertificate:
    """The context of a server, with the certificate in a file (PEM, with its chain) and the key in the same or another one.

    Making it raises OSError (of which ssl.SSLError is one) if they cannot be used.
    """

    def __init__(
        self, certificate: str, key: str, tell: Tell = lambda _: None, clock: Callable[[], float] = monotonic
    ) -> None:
        self._paths = (certificate, key)
        self._tell = tell
        self._clock = clock
        self._seen = self._sign()
        self._looked = clock()
        self._current = self._make()
        self.context = self._make()
        """The context to listen with. Each handshake takes the newest pair."""
        self.context.sni_callback = self._choose

    def _choose(self, sock: Any, _name: str | None, _context: ssl.SSLContext) -> None:
        """Let a handshake go on with the newest pair."""
        now = self._clock()
        if now - self._looked >= _LOOK:
            self._looked = now
            self.look()
        sock.context = self._current

    def look(self) -> None:
        """Read the files again if they have changed."""
        seen = self._sign()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._current = self._make()
        except OSError as error:
            reason = getattr(error, "reason", None) or error.strerror or "they do not belong together"
            self._tell(f"the renewed certificate cannot be used, and the one before stays: {reason}")

    def _sign(self) -> tuple[object, ...]:
        """Return what changes when one of the files does."""
        found: list[object] = []
        for path in self._paths:
            try:
                status = os.stat(path)
            except OSError:
                found.append(None)
            else:
                found.append((status.st_ino, status.st_size, status.st_mtime_ns))
        return tuple(found)

    def _make(self) -> ssl.SSLContext:
        with OPENSSL:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._paths, password=_refuse_password)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        return context


def _refuse_password() -> str:
    """Return no password: a server that starts by itself has nobody to ask."""
    return ""


__all__ = ["ServerCertificate"]
