"""Key stores: the client's own certificate and its key, PEM or PKCS #12 (RFC 7292)."""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from typing import Any, Final

from confobjects import inputs
from confobjects.records import Record
from confobjects.tls.stores import StoreProblem, open_pkcs12

_PEM: Final = b"-----BEGIN "


class Identity(Record):
    """A key store: its path, its bytes, and the password that opens it."""

    path: str
    data: bytes
    password: str

    def __repr__(self) -> str:
        return f"Identity({self.path!r})"  # the other fields are secrets


def read_identity(path: str, password: str) -> Identity:
    """Return the key store in a file. Raises OSError."""
    return Identity(path, inputs.read_regular(path, inputs.MEDIUM)[0], password)


def load_identity(context: ssl.SSLContext, identity: Identity) -> None:
    """Make a context present the certificate of a key store. Raises :class:`~confobjects.tls.stores.StoreProblem`."""
    if _PEM in identity.data:
        _load_chain(context, identity.path, identity.password)
        return
    store = open_pkcs12(identity.data, identity.password)
    if store is None:
        message = "it is neither a PEM file nor a PKCS #12 file that this password opens"
        raise StoreProblem("wrong-password", message, _ADVICE)
    if store.key is None or store.cert is None:
        raise StoreProblem("empty", "it contains no certificate with its key", _ADVICE)
    _load_copy(context, store)


_ADVICE: Final = "Give a PEM file, or a PKCS #12 file and its password."


def _load_copy(context: ssl.SSLContext, store: Any) -> None:
    """Load a key store through a temporary PEM file, because Python reads no other. Its key is encrypted."""
    from tempfile import mkstemp

    password = os.urandom(32).hex()
    number, copy = mkstemp(suffix=".pem")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(_as_pem(store, password))
        _load_chain(context, copy, password)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(copy)


def _as_pem(store: Any, password: str) -> bytes:
    from cryptography.hazmat.primitives import serialization as how

    encryption = how.BestAvailableEncryption(password.encode())
    parts = [store.key.private_bytes(how.Encoding.PEM, how.PrivateFormat.PKCS8, encryption)]
    parts += [one.certificate.public_bytes(how.Encoding.PEM) for one in (store.cert, *store.additional_certs)]
    return b"".join(parts)


def _load_chain(context: ssl.SSLContext, path: str, password: str) -> None:
    try:
        context.load_cert_chain(path, password=password)  # always a text: with None, OpenSSL would ask at the terminal
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise StoreProblem("damaged", str(reason).replace("_", " ").lower(), _ADVICE) from None
