"""Descriptions of certificates for diagnoses: subject, issuer, names and dates."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from typing import Any

from confobjects.records import Record


class CertificateFacts(Record):
    """The facts of a certificate. ``names`` are its host names and addresses; dates are ``YYYY-MM-DD``."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    begin: str
    end: str
    sha256: str

    def __str__(self) -> str:
        names = f", for {', '.join(self.names)}" if self.names else ""
        return (
            f"{self.subject or '(no subject)'}{names}, issued by {self.issuer or '(nobody)'}, valid {self.begin} to "
            f"{self.end}, SHA-256 {self.sha256}"
        )


def describe(der: bytes) -> CertificateFacts:
    """Return the facts of a certificate (DER). Raises ValueError if the bytes are not a certificate."""
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(der)
    try:
        alternatives: Any = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple(map(str, alternatives.get_values_for_type(x509.DNSName)))
        names += tuple(map(str, alternatives.get_values_for_type(x509.IPAddress)))
    except (x509.ExtensionNotFound, ValueError):
        names = ()
    return CertificateFacts(
        certificate.subject.rfc4514_string(),
        certificate.issuer.rfc4514_string(),
        names,
        f"{certificate.not_valid_before_utc:%Y-%m-%d}",
        f"{certificate.not_valid_after_utc:%Y-%m-%d}",
        hashlib.sha256(der).hexdigest(),
    )


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
