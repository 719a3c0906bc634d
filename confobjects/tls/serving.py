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

from cryptography import x509

from confobjects.tls.forking import OPENSSL

_LOOK: Final = 1.0
"""Seconds between two looks at the files."""
_LARGEST: Final = 1 << 20
"""Bytes that are read of a file."""

Tell = Callable[[str], object]
"""Is told why renewed files cannot be used."""


Judge = Callable[[x509.Certificate], object]
"""Is given the certificate that is shown, when the files are looked at."""


class UnusableCertificateError(Exception):
    """A certificate and its key cannot be used. ``path`` is the file that is wrong, the text says what is wrong with it."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.path = path


class ServerCertificate:
    """The context of a server, with the certificate in a file (PEM, with its chain) and the key in the same or another one.

    ``judge`` is given the certificate at the beginning, and whenever the files are looked at. Making it raises
    :class:`UnusableCertificateError`.
    """

    def __init__(
        self,
        certificate: str,
        key: str,
        tell: Tell = lambda _: None,
        clock: Callable[[], float] = monotonic,
        judge: Judge = lambda _: None,
    ) -> None:
        self._paths = (certificate, key)
        self._tell = tell
        self._clock = clock
        self._judge = judge
        self._seen = self._sign()
        self._looked = clock()
        self._current, self._shown = self._make(), self._read()
        self._judge(self._shown)
        self.context = self._make()
        """The context to listen with. Each handshake takes the newest pair."""
        self.context.sni_callback = self._choose

    def _choose(self, sock: Any, _name: str | None, _context: ssl.SSLContext) -> None:
        """Let a handshake go on with the newest pair."""
        now = self._clock()
        if now - self._looked >= _LOOK:
            self._looked = now
            self.look()
            self._judge(self._shown)
        sock.context = self._current

    def look(self) -> None:
        """Read the files again if they have changed."""
        seen = self._sign()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._current, self._shown = self._make(), self._read()
        except UnusableCertificateError as error:
            self._tell(f"the renewed certificate cannot be used, and the one before stays: {error.path}: {error}")

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
        try:
            with OPENSSL:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*self._paths, password=_refuse_password)
        except (OSError, ValueError) as error:
            raise _describe(*self._paths, error) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _read(self) -> x509.Certificate:
        """Return the certificate that is shown: the first one of the file (RFC 8446, section 4.4.2)."""
        path = self._paths[0]
        try:
            with OPENSSL, open(path, "rb") as file:
                return x509.load_pem_x509_certificates(file.read(_LARGEST))[0]
        except (OSError, ValueError):
            raise UnusableCertificateError(path, "the certificate is damaged") from None


def _describe(certificate: str, key: str, error: Exception) -> UnusableCertificateError:
    """Return what is wrong with two files that OpenSSL did not take; its own words tell nothing."""
    texts = []
    for path in (certificate, key):
        try:
            with open(path, "rb") as file:
                texts.append(file.read(_LARGEST))
        except OSError as failure:
            return UnusableCertificateError(path, (failure.strerror or "it cannot be read").lower())
    if b"-----BEGIN CERTIFICATE-----" not in texts[0]:
        return UnusableCertificateError(certificate, "there is no certificate in it (PEM)")
    if b"PRIVATE KEY-----" not in texts[1]:
        return UnusableCertificateError(key, "there is no key in it (PEM)")
    if b"ENCRYPTED" in texts[1]:
        return UnusableCertificateError(key, "the key is encrypted, and nobody is asked for its password")
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return UnusableCertificateError(key, "the key does not belong to the certificate")
    return UnusableCertificateError(certificate, "the certificate or its key is damaged, or too weak")


def _refuse_password() -> str:
    """Return no password: a server that starts by itself has nobody to ask."""
    return ""


__all__ = ["ServerCertificate", "UnusableCertificateError"]
