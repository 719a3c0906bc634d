"""Trust stores: their bytes in, the certificates they trust out. One reader per format in :data:`FORMATS`.

The format is found from the bytes. If the caller names another type, that is a problem which names both. The Java
formats are read here: PKCS #12 is RFC 7292; JKS and JCEKS are the formats of the Java runtime
(``sun.security.provider``, ``com.sun.crypto.provider``); Bouncy Castle documents BCFKS (``org.bouncycastle.asn1.bc``).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile
from math import prod
from typing import Any, Final, Literal

from confobjects import inputs
from confobjects.tls import der
from confobjects.tls.forking import OPENSSL, hold_while_forking

Kind = Literal[
    "damaged",
    "empty",
    "wrong-type",
    "no-password",
    "wrong-password",
    "no-key",
    "no-certificate",
    "mismatch",
    "alias",
    "exposed",
]
"""The kinds of problem with a store; those from ``no-key`` on are about key stores only."""

_PEM_LINE: Final = re.compile(rb"-----(BEGIN|END) (?:TRUSTED |X509 )?CERTIFICATE-----")


class StoreProblem(Exception):  # noqa: N818 - becomes an error with its path further up
    """A store cannot be used. The message says why, ``advice`` what to do; neither contains a password.

    ``found`` is the type found from the bytes if another was expected.
    """

    def __init__(self, kind: Kind, message: str, advice: str, found: str = "") -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.advice = advice
        self.found = found


def damage_problem() -> StoreProblem:
    """Return the problem of a store that cannot be read."""
    message = "it is damaged: it ends too early or contradicts itself"
    return StoreProblem("damaged", message, "Create it again.")


def password_problem(password: str) -> StoreProblem:
    """Return the problem of a store, or a key in it, that a password (empty: none) does not open."""
    if password:
        return StoreProblem("wrong-password", "the password is wrong, or the store is damaged", "Correct the password.")
    return StoreProblem("no-password", "it cannot be opened without a password", "Give its password.")


# -- PEM, DER, PKCS #12 ------------------------------------------------------------------------------------------------


def read_pem(data: bytes, password: str) -> tuple[bytes, ...]:
    """Return the certificates of a PEM text (RFC 7468), in order."""
    del password
    found = []
    start: int | None = None
    for match in _PEM_LINE.finditer(data):
        if match[1] == b"BEGIN":
            start = match.end() if start is None else start  # one inside another makes the outer one invalid
            continue
        if start is None:
            continue
        text, start = data[start : match.start()], None
        try:
            decoded = base64.b64decode(b"".join(text.split()), validate=True)
            found.append(der.read_element(decoded).whole)  # in a TRUSTED CERTIFICATE, data of OpenSSL follows
        except ValueError:
            raise StoreProblem("damaged", "a certificate in it is damaged", "Export the certificate again.") from None
    return tuple(found)


def format_pem(certificates: Iterable[bytes]) -> bytes:
    """Return certificates (DER) as a PEM text (RFC 7468), in order."""
    lines = []
    for certificate in certificates:
        text = base64.b64encode(certificate)
        rows = [text[at : at + 64] for at in range(0, len(text), 64)]
        lines += [b"-----BEGIN CERTIFICATE-----", *rows, b"-----END CERTIFICATE-----"]
    return b"".join(line + b"\n" for line in lines)


def read_der(data: bytes, password: str) -> tuple[bytes, ...]:
    """Return the single certificate of a DER file."""
    del password
    return (data,)


def open_pkcs12(data: bytes, password: str) -> Any | None:
    """Return a PKCS #12 store with its key and its certificates; None if it cannot be opened."""
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

    require_few_rounds(data)
    for secret in (password.encode(),) if password else (None, b""):  # no password and an empty one are different keys
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # the warnings are about old encryption, which the reader of a store cannot change
                return load_pkcs12(data, secret)
        except ValueError:
            continue
    return None


_DEEPEST: Final = 24
_SCRYPT_NUMBERS: Final = 3
"""Cost, block size and parallelisation: the work is their product."""


def require_few_rounds(data: bytes) -> None:
    """Refuse a store whose password would be hashed for minutes. Raises :class:`StoreProblem`."""
    if sum(_rounds_in(data)) > _MOST_ITERATIONS:
        summary = f"it asks for more than {_MOST_ITERATIONS:,} rounds of hashing its password"
        raise StoreProblem("damaged", summary, "Create it again with fewer rounds.")


def _rounds_in(data: bytes, depth: int = 0) -> Iterator[int]:
    """Yield the numbers of rounds in a store.

    A number of rounds follows the salt in PKCS12-PBE-Params, PBKDF2-params (RFC 8018) and MacData (RFC 7292); all stand in
    clear, some within octet strings. Of the three numbers of scrypt-params (RFC 7914) it is the product. What an encrypted
    part holds is not seen.
    """
    if depth > _DEEPEST:
        raise damage_problem()
    try:
        found = list(der.elements(data))
    except ValueError:
        return  # a text or a key within an octet string
    for place, element in enumerate(found):
        before = found[place - 1].tag if place else None
        if element.tag == der.INTEGER and before in {der.OCTETS, der.SEQUENCE}:
            numbers = [one.integer for one in takewhile(lambda one: one.tag == der.INTEGER, found[place:])]
            yield max(0, prod(numbers) if len(numbers) == _SCRYPT_NUMBERS else numbers[0])
        elif element.tag & der.CONSTRUCTED or element.tag == der.OCTETS:
            yield from _rounds_in(element.content, depth + 1)


def read_pkcs12(data: bytes, password: str) -> tuple[bytes, ...]:
    """Return the certificates of a PKCS #12 store (RFC 7292)."""
    from cryptography.hazmat.primitives.serialization import Encoding

    loaded = open_pkcs12(data, password)
    if loaded is None:
        raise password_problem(password)
    # A certificate with its private key is the owner's own; it is not trusted for others.
    own = (loaded.cert,) if loaded.cert is not None and loaded.key is None else ()
    return tuple(one.certificate.public_bytes(Encoding.DER) for one in (*own, *loaded.additional_certs))


# -- JKS and JCEKS -----------------------------------------------------------------------------------------------------


class JavaStream:
    """Reads the numbers and texts of Java's data streams. Each method raises :class:`StoreProblem` at the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read_bytes(self, count: int) -> bytes:
        """Return the next bytes."""
        piece = self._data[self._at : self._at + count]
        if len(piece) < count:
            raise damage_problem()
        self._at += count
        return piece

    def read_number(self, size: int = 4) -> int:
        """Return the next number, of so many bytes."""
        return int.from_bytes(self.read_bytes(size), "big")

    def read_text(self) -> bytes:
        """Return the next text, whose length stands before it."""
        return self.read_bytes(self.read_number(2))


_KEY, _CERTIFICATE, _SECRET = 1, 2, 3


def require_java_digest(data: bytes, password: str) -> None:
    """Check the integrity of a JKS or JCEKS store, if there is a password. Raises :class:`StoreProblem`."""
    body, digest = data[:-20], data[-20:]
    if password:
        expected = hashlib.sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()  # noqa: S324 - its format
        if not hmac.compare_digest(expected, digest):
            raise password_problem(password)


def read_jks(data: bytes, password: str) -> tuple[bytes, ...]:
    """Return the trusted certificates of a JKS or JCEKS store. Its integrity is not checked without a password."""
    require_java_digest(data, password)
    stream = JavaStream(data[:-20])
    stream.read_number()
    version, count = stream.read_number(), stream.read_number()
    return tuple(one for _ in range(count) for one in _read_entry(stream, version))


def _read_entry(stream: JavaStream, version: int) -> list[bytes]:
    kind = stream.read_number()
    stream.read_text()  # the alias
    stream.read_bytes(8)  # the date
    if kind == _CERTIFICATE:
        return [read_java_certificate(stream, version)]
    if kind == _KEY:
        stream.read_bytes(stream.read_number())
        for _ in range(stream.read_number()):
            read_java_certificate(stream, version)
        return []  # a certificate with its private key is the owner's own; it is not trusted for others
    if kind == _SECRET:
        raise StoreProblem(
            "damaged", "it contains secret keys as well as certificates", "Put the certificates into a separate store."
        )
    raise damage_problem()


def read_java_certificate(stream: JavaStream, version: int) -> bytes:
    """Return the certificate (DER) that a stream has next."""
    if version >= 2:
        stream.read_text()  # the type, X.509
    return stream.read_bytes(stream.read_number())


# -- BCFKS -------------------------------------------------------------------------------------------------------------

_PBES2: Final = "1.2.840.113549.1.5.13"
_PBKDF2: Final = "1.2.840.113549.1.5.12"
_SCRYPT: Final = "1.3.6.1.4.1.11591.4.11"
_AES_256_CCM: Final = "2.16.840.1.101.3.4.1.47"
_AES_256_WRAP_PAD: Final = "2.16.840.1.101.3.4.1.48"
_DIGESTS: Final = {
    "1.2.840.113549.2.7": "sha1",
    "1.2.840.113549.2.9": "sha256",
    "1.2.840.113549.2.10": "sha384",
    "1.2.840.113549.2.11": "sha512",
    "2.16.840.1.101.3.4.2.14": "sha3_256",
    "2.16.840.1.101.3.4.2.15": "sha3_384",
    "2.16.840.1.101.3.4.2.16": "sha3_512",
}
_MOST_ITERATIONS: Final = 10_000_000
_MOST_MEMORY: Final = 256 << 20


def read_bcfks(data: bytes, password: str) -> tuple[bytes, ...]:
    """Return the trusted certificates of a BCFKS store. Its integrity is always checked."""
    try:
        return tuple(
            one.children[4].content for one in read_bcfks_entries(data, password) if one.children[0].integer == 0
        )
    except (ValueError, IndexError):
        raise damage_problem() from None


def read_bcfks_entries(data: bytes, password: str) -> tuple[der.Element, ...]:
    """Return the entries of a BCFKS store (``ObjectData``): type, alias, two dates, content."""
    try:
        stored, check = der.read_element(data).children
        _check_integrity(stored, check, password)
        content = stored
        if stored.children[0].tag == der.SEQUENCE:
            content = der.read_element(decrypt_bcfks(stored, password, "STORE_ENCRYPTION"))
        return content.children[4].children
    except (ValueError, IndexError, KeyError):
        raise damage_problem() from None


def _check_integrity(stored: der.Element, check: der.Element, password: str) -> None:
    algorithm, derivation, digest = check.children
    name = _DIGESTS[algorithm.children[0].oid]
    key = _derive_key(derivation, password, "INTEGRITY_CHECK", hashlib.new(name).digest_size)
    if not hmac.compare_digest(hmac.new(key, stored.whole, name).digest(), digest.content):
        raise password_problem(password)


def decrypt_bcfks(stored: der.Element, password: str, purpose: str) -> bytes:
    """Return what is encrypted (``EncryptedPrivateKeyInfo``, RFC 5958) with a key that is derived for a purpose.

    Raises ValueError, IndexError and KeyError for what is damaged, and StoreProblem.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM
    from cryptography.hazmat.primitives.keywrap import (
        InvalidUnwrap,
        aes_key_unwrap_with_padding,
    )

    algorithm, secret = stored.children
    if algorithm.children[0].oid != _PBES2:
        raise ValueError("an algorithm that is not known")
    derivation, cipher = algorithm.children[1].children
    key = _derive_key(derivation, password, purpose, 32)
    try:
        if cipher.children[0].oid == _AES_256_CCM:
            nonce, *length = cipher.children[1].children
            tag_length = length[0].integer if length else 12
            return AESCCM(key, tag_length).decrypt(nonce.content, secret.content, None)
        if cipher.children[0].oid == _AES_256_WRAP_PAD:
            return aes_key_unwrap_with_padding(key, secret.content)
    except (InvalidTag, InvalidUnwrap):
        raise password_problem(password) from None
    raise ValueError("an algorithm that is not known")


def _derive_key(derivation: der.Element, password: str, purpose: str, length: int) -> bytes:
    """Derive a key as Bouncy Castle does: password and purpose are both encoded as PKCS #12 encodes passwords."""
    secret = b"".join(f"{part}\0".encode("utf-16-be") for part in (password, purpose))
    algorithm, parameters = derivation.children
    salt, *numbers = parameters.children
    if algorithm.oid == _SCRYPT:
        n, r, p = (number.integer for number in numbers[:_SCRYPT_NUMBERS])
        if not 0 < n * r * p <= _MOST_ITERATIONS:
            raise ValueError("a derivation that takes too long")
        with OPENSSL:
            return hashlib.scrypt(secret, salt=salt.content, n=n, r=r, p=p, maxmem=_MOST_MEMORY, dklen=length)
    if algorithm.oid != _PBKDF2 or not 0 < numbers[0].integer <= _MOST_ITERATIONS:
        raise ValueError("an unknown derivation")
    digests = [number.children[0].oid for number in numbers if number.tag == der.SEQUENCE]
    name = _DIGESTS[digests[0]] if digests else "sha1"
    with OPENSSL:
        return hashlib.pbkdf2_hmac(name, secret, salt.content, numbers[0].integer, length)


# -- the table ---------------------------------------------------------------------------------------------------------

FORMATS: Final[dict[str, Callable[[bytes, str], tuple[bytes, ...]]]] = {
    "PKCS12": read_pkcs12,
    "JKS": read_jks,
    "JCEKS": read_jks,
    "BCFKS": read_bcfks,
    "PEM": read_pem,
    "DER": read_der,
}
"""Type -> reader. It takes bytes and password, returns certificates (DER), and raises :class:`StoreProblem`."""


def detect_type(data: bytes) -> str:
    """Return the type of a store, found from its bytes; empty if it is unknown."""
    if data[:4] == b"\xfe\xed\xfe\xed":
        return "JKS"
    if data[:4] == b"\xce\xce\xce\xce":
        return "JCEKS"
    if b"-----BEGIN " in data:
        return "PEM"
    tags = list(_first_tags(data))
    if tags[:2] == [der.SEQUENCE, der.INTEGER]:  # PFX begins with its version
        return "PKCS12"
    if tags[:2] != [der.SEQUENCE, der.SEQUENCE]:
        return ""
    # A certificate's inner sequence begins with its version or serial number, a BCFKS store's with an algorithm.
    return "BCFKS" if tags[2:] == [der.SEQUENCE] else "DER" if tags[2:] in ([0xA0], [der.INTEGER]) else ""


def _first_tags(data: bytes) -> Iterator[int]:
    try:
        for _ in range(3):
            element = der.read_element(data)
            yield element.tag
            data = element.content
    except ValueError:
        return


def read_store(data: bytes, kind: str, password: str) -> tuple[bytes, ...]:
    """Return the certificates (DER) of a store. ``kind`` may be empty. Raises :class:`StoreProblem`."""
    found = detect_type(data)
    if not data:
        raise StoreProblem("empty", "it is empty", _PUT_SOME)
    if not found:
        names = ", ".join(name for name in FORMATS if name != "DER")
        raise StoreProblem(
            "damaged", "it is damaged, or it is not a trust store of a known format", f"Use one of: {names}."
        )
    if kind and kind != found and (kind, found) != ("PEM", "DER"):
        raise StoreProblem("wrong-type", f"it is {found}, not {kind}", f"Give {found} as its type.", found)
    certificates = FORMATS[found](data, password)
    if not certificates:
        raise StoreProblem("empty", "it contains no trusted certificate", _PUT_SOME)
    return certificates


_PUT_SOME: Final = "Put the certificates to trust into it."


# -- files -------------------------------------------------------------------------------------------------------------


class _CertificateCache:
    """Contents of files. A file is read again if its path, inode, size or modification time has changed."""

    def __init__(self) -> None:
        self._lock = hold_while_forking(threading.Lock())
        self._kept: dict[tuple[str, str, str], tuple[tuple[int, ...], tuple[bytes, ...]]] = {}

    def read_certificates(self, path: str, kind: str, password: str) -> tuple[bytes, ...]:
        status = os.stat(path)
        inputs.require_regular(status, path)
        state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        key = (path, kind, hashlib.sha256(password.encode()).hexdigest())
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and kept[0] == state:
            return kept[1]
        data, _ = inputs.read_regular(path, inputs.MEDIUM)
        certificates = read_store(data, kind, password)
        with self._lock:
            self._kept[key] = (state, certificates)
        return certificates


_FILES: Final = _CertificateCache()


def read_store_file(path: str, kind: str = "", password: str = "") -> tuple[bytes, ...]:
    """Return the certificates (DER) of a store in a file, as :func:`read_store` does.

    An unchanged file is not read a second time. Raises :class:`OSError` and :class:`StoreProblem`.
    """
    return _FILES.read_certificates(path, kind, password)
