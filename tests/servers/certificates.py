"""Certificates made by the tests: an authority, and certificates of servers with every fault there is.

The authority carries basicConstraints and keyUsage, both critical: Python 3.13 and later refuse one without.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key; ``chain`` are the certificates a server sends behind it."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def key_store(self, pin: str, name: str = "own") -> bytes:
        """Return a PKCS #12 key store with the key and its certificates."""
        encryption = BestAvailableEncryption(pin.encode()) if pin else NoEncryption()
        return pkcs12.serialize_key_and_certificates(name.encode(), self.key, self.certificate, self.chain, encryption)

    def write(self, directory: Path, name: str) -> tuple[Path, Path]:
        """Write certificate (with chain) and key; return the two paths."""
        certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
        certificate.write_bytes(self.pem + b"".join(one.public_bytes(Encoding.PEM) for one in self.chain))
        key.write_bytes(self.key_pem)
        key.chmod(0o600)
        return certificate, key


class Authority:
    """A certificate authority of the tests."""

    def __init__(self, name: str = "Test Authority", *, expired: bool = False, above: Authority | None = None) -> None:
        self.name = name
        self.above = above
        self.key = ec.generate_private_key(ec.SECP256R1())
        signer, issuer = (above.key, above.name) if above else (self.key, name)
        now = datetime.now(UTC)
        begin, end = (now - 400 * DAY, now - 30 * DAY) if expired else (now - 400 * DAY, now + 3000 * DAY)
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(issuer))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        self.certificate = builder.sign(signer, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def issue(  # noqa: PLR0913 - each is a fault a certificate can have
        self,
        *names: str,
        common_name: str = "",
        begin: timedelta = -DAY,
        end: timedelta = 300 * DAY,
        purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
        self_signed: bool = False,
        key: PrivateKey | None = None,
    ) -> Certificate:
        """Return a certificate for some names (host names or IP addresses), valid from ``begin`` to ``end`` from now."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = _name(common_name or (names[0] if names else "nobody"))
        now = datetime.now(UTC)
        signer = key if self_signed else self.key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if self_signed else _name(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begin)
            .not_valid_after(now + end)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general(one) for one in names]), critical=False
            )
        chain = (self.certificate,) if self.above is not None and not self_signed else ()
        return Certificate(builder.sign(signer, hashes.SHA256()), key, chain)

    def pkcs12(self, pin: str) -> bytes:
        """Return a PKCS #12 trust store with this authority's certificate alone."""
        encryption = BestAvailableEncryption(pin.encode()) if pin else NoEncryption()
        entries = [pkcs12.PKCS12Certificate(self.certificate, b"authority")]
        return pkcs12.serialize_key_and_certificates(None, None, None, entries, encryption)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
