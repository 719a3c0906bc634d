"""Reading certificates, and describing them for diagnoses: subject, issuer, names and dates.

A certificate comes from a server or from a file of the operator: it may be damaged in any way that TLS does not notice.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from confobjects.records import Record

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_UNREADABLE: Final = "(a certificate that cannot be read)"


class CertificateFacts(Record):
    """The facts of a certificate. ``names`` are its host names and addresses; dates are ``YYYY-MM-DD``.

    Of one that cannot be read, only ``sha256`` is known, and ``subject`` says so.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    begin: str
    end: str
    sha256: str

    def __str__(self) -> str:
        if not self.begin:
            return f"{self.subject}, SHA-256 {self.sha256}"
        names = f", for {', '.join(self.names)}" if self.names else ""
        return (
            f"{self.subject or '(no subject)'}{names}, issued by {self.issuer or '(nobody)'}, valid {self.begin} to "
            f"{self.end}, SHA-256 {self.sha256}"
        )


def read_certificate(der: bytes) -> Certificate:
    """Return a certificate (DER). Raises ValueError if it cannot be read, also for an unknown version.

    A part of it that is damaged raises ValueError only when it is read.
    """
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(der)
    except x509.InvalidVersion as error:
        raise ValueError(str(error)) from None


def describe(der: bytes) -> CertificateFacts:
    """Return the facts of a certificate (DER), as far as it can be read."""
    sha256 = hashlib.sha256(der).hexdigest()
    try:
        certificate = read_certificate(der)
        return CertificateFacts(
            certificate.subject.rfc4514_string(),
            certificate.issuer.rfc4514_string(),
            _list_names(certificate),
            f"{certificate.not_valid_before_utc:%Y-%m-%d}",
            f"{certificate.not_valid_after_utc:%Y-%m-%d}",
            sha256,
        )
    except ValueError:
        return CertificateFacts(_UNREADABLE, "", (), "", "", sha256)


def _list_names(certificate: Certificate) -> tuple[str, ...]:
    """Return the host names and addresses in a certificate, none if they cannot be read."""
    from cryptography import x509

    try:
        alternatives: Any = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple(map(str, alternatives.get_values_for_type(x509.DNSName)))
        return names + tuple(map(str, alternatives.get_values_for_type(x509.IPAddress)))
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return ()


def sent_chain(tls: ssl.SSLSocket) -> tuple[bytes, ...]:
    """Return the certificates (DER) that a server sent, its own first. Older Pythons may give only that one.

    Ask right after the handshake: once the server has ended the connection, this raises ValueError.
    """
    leaf = tls.getpeercert(binary_form=True)
    public = getattr(tls, "get_unverified_chain", None)  # Python 3.13 and later
    private = getattr(getattr(tls, "_sslobj", None), "get_unverified_chain", None)
    ask = public or private
    chain: Sequence[Any] = (ask() or ()) if ask is not None else ()
    # Before Python 3.13 the elements are objects with a method for their bytes; 2 is the constant for DER.
    found = tuple(one if isinstance(one, bytes) else bytes(one.public_bytes(2)) for one in chain)
    return found or ((leaf,) if leaf else ())
