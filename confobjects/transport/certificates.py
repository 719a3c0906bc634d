"""Reading certificates, and describing them for diagnoses: subject, issuer, names and dates.

A certificate comes from a server or from a file of the operator: it may be damaged in any way that TLS does not notice.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from confobjects.records import Record
from confobjects.texts.visible import make_visible

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_UNREADABLE: Final = "(a certificate that cannot be read)"
_LONGEST_NAME: Final = 200
"""Characters of a subject, an issuer or a host name that are shown: a server may put any number there."""
_MOST_NAMES: Final = 10


class CertificateFacts(Record):
    """The facts of a certificate, to be shown. ``names`` are its host names and addresses; dates are ``YYYY-MM-DD``.

    What the certificate says is on one line, and cut where it is long.

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
        names = f", for {self.format_names()}" if self.names else ""
        return (
            f"{self.subject or '(no subject)'}{names}, issued by {self.issuer or '(nobody)'}, valid {self.begin} to "
            f"{self.end}, SHA-256 {self.sha256}"
        )

    def format_names(self) -> str:
        """Return the host names and addresses, of many only the first."""
        more = len(self.names) - _MOST_NAMES
        return ", ".join(self.names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


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
            _show_name(certificate.subject.rfc4514_string()),
            _show_name(certificate.issuer.rfc4514_string()),
            tuple(map(_show_name, list_names(certificate))),
            f"{certificate.not_valid_before_utc:%Y-%m-%d}",
            f"{certificate.not_valid_after_utc:%Y-%m-%d}",
            sha256,
        )
    except ValueError:
        return CertificateFacts(_UNREADABLE, "", (), "", "", sha256)


def _show_name(text: str) -> str:
    shown = make_visible(text)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[:_LONGEST_NAME]}…"


def list_names(certificate: Certificate) -> tuple[str, ...]:
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


# -- what kind of certificate it is ------------------------------------------------------------------------------------


def may_issue(certificate: Certificate) -> bool:
    """Tell whether others may be trusted because this one is: what OpenSSL takes for the certificate of an authority.

    One that cannot be read as a whole may.
    """
    from cryptography import x509

    try:
        found = certificate.extensions
        with suppress(x509.ExtensionNotFound):
            return found.get_extension_for_class(x509.BasicConstraints).value.ca
        if certificate.version is x509.Version.v1:
            return True
        with suppress(x509.ExtensionNotFound):
            return found.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return True
    return False


def is_of_one_server(der: bytes) -> bool:
    """Tell whether a trusted certificate is a server's own, and not that of an authority: it names a host, or issues nothing."""
    try:
        certificate = read_certificate(der)
        return not may_issue(certificate) or bool(list_names(certificate))
    except ValueError:
        return False


_LEAST_RSA: Final = 2048
_LEAST_CURVE: Final = 224
_WEAK_DIGESTS: Final = frozenset({"md2", "md4", "md5", "sha1"})


def find_flaw(der: bytes, now: datetime) -> str:
    """Return why a certificate must not be trusted at a time (with its zone), whoever it belongs to; empty if there is no reason.

    It has to be valid then, with a key of at least 112 bits of security and a digest that is not broken (NIST SP 800-131A).
    """
    try:
        certificate = read_certificate(der)
        if now < certificate.not_valid_before_utc:
            return f"it is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}"
        if now > certificate.not_valid_after_utc:
            return f"it has expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
        return _find_weakness(certificate)
    except ValueError:
        return "it cannot be read"


def _find_weakness(certificate: Certificate) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    try:
        key, digest = certificate.public_key(), certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "its key or its signature is of a kind that is not known"
    if isinstance(key, rsa.RSAPublicKey):
        weak = key.key_size < _LEAST_RSA
    elif isinstance(key, ec.EllipticCurvePublicKey):
        weak = key.key_size < _LEAST_CURVE
    else:
        weak = not isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey))
    if weak:
        return "its key is too weak"
    return "its signature is too weak" if digest is not None and digest.name in _WEAK_DIGESTS else ""
