"""Key stores: the client's own certificate and its key, PEM, PKCS #12 (RFC 7292), JKS or BCFKS."""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from typing import Any, Final

from confobjects import inputs
from confobjects.records import Record
from confobjects.tls.forking import OPENSSL
from confobjects.tls.keystores import OwnKey, open_key_store
from confobjects.tls.stores import StoreProblem, detect_type, open_pkcs12

_PEM: Final = b"-----BEGIN "


class Identity(Record):
    """A key store: its path, its bytes, and the password that opens it."""

    path: str
    data: bytes
    password: str

    def __repr__(self) -> str:
        return f"Identity({self.path!r})"  # the other fields are secrets

    @property
    def contents(self) -> tuple[bytes, ...]:
        """All that counts of it; it holds the key and the password."""
        return self.data, self.password.encode()


def read_identity(path: str, password: str) -> Identity:
    """Return the key store in a file. Raises OSError."""
    return Identity(path, inputs.read_regular(path, inputs.MEDIUM)[0], password)


def load_identity(context: ssl.SSLContext, identity: Identity | OwnKey) -> None:
    """Make a context present the certificate of a key store. Raises :class:`~confobjects.tls.stores.StoreProblem`."""
    if isinstance(identity, OwnKey):
        from cryptography.hazmat.primitives.serialization import load_der_private_key

        certificates = "".join(map(ssl.DER_cert_to_PEM_cert, identity.chain))
        _load_copy(context, load_der_private_key(identity.key, None), certificates.encode())
        return
    if _PEM in identity.data:
        _load_chain(context, identity.path, identity.password)
        return
    if detect_type(identity.data) in _OF_JAVA:
        load_identity(context, _open_java_store(identity))
        return
    store = open_pkcs12(identity.data, identity.password)
    if store is None:
        message = "it is neither a PEM, JKS or BCFKS file, nor a PKCS #12 file that this password opens"
        raise StoreProblem("wrong-password", message, _ADVICE)
    if store.key is None or store.cert is None:
        raise StoreProblem("empty", "it contains no certificate with its key", _ADVICE)
    from cryptography.hazmat.primitives.serialization import Encoding

    every = [one.certificate.public_bytes(Encoding.PEM) for one in (store.cert, *store.additional_certs)]
    _load_copy(context, store.key, b"".join(every))


def _open_java_store(identity: Identity) -> OwnKey:
    try:
        return open_key_store(identity.data, "", identity.password)
    except StoreProblem as problem:
        if problem.kind != "alias":
            raise
        raise StoreProblem(problem.kind, str(problem), "Keep one key in it.") from None


_OF_JAVA: Final = ("JKS", "BCFKS")
_ADVICE: Final = "Give a PEM file, or a PKCS #12, JKS or BCFKS file and its password."


def _load_copy(context: ssl.SSLContext, key: Any, certificates: bytes) -> None:
    """Load a key and its certificates (PEM) through a temporary file, because Python reads no other. The key is encrypted."""
    from tempfile import mkstemp

    password = os.urandom(32).hex()
    number, copy = mkstemp(suffix=".pem")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(_as_pem(key, password) + certificates)
        _load_chain(context, copy, password)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(copy)


def _as_pem(key: Any, password: str) -> bytes:
    from cryptography.hazmat.primitives import serialization as how

    encryption = how.BestAvailableEncryption(password.encode())
    made: bytes = key.private_bytes(how.Encoding.PEM, how.PrivateFormat.PKCS8, encryption)
    return made


def _load_chain(context: ssl.SSLContext, path: str, password: str) -> None:
    try:
        with OPENSSL:
            context.load_cert_chain(path, password=password)  # a text: with None, OpenSSL would ask at the terminal
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise StoreProblem("damaged", str(reason).replace("_", " ").lower(), _ADVICE) from None
