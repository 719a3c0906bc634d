"""Trust stores and key stores as files: PEM as it is, PKCS #12 (RFC 7292) opened with its password."""

from __future__ import annotations

import os
import ssl
import warnings
from contextlib import suppress
from typing import Any

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError

_PEM = b"-----BEGIN "


def trust(context: ssl.SSLContext, path: str, password: str) -> None:
    """Have a context trust the authorities in a file. Raises :class:`~confobjects.errors.UsageError`."""
    data = _read("trust store", path)
    if _PEM in data:
        authorities = data.decode("ascii", "replace")
    else:
        from cryptography.hazmat.primitives.serialization import Encoding

        _, certificate, others = _opened("trust store", path, data, password)
        found = [one for one in (certificate, *others) if one is not None]
        authorities = "".join(one.certificate.public_bytes(Encoding.PEM).decode() for one in found)
    try:
        context.load_verify_locations(cadata=authorities)
    except (ssl.SSLError, ValueError) as error:
        raise _unusable("trust store", path, getattr(error, "reason", None) or str(error)) from None


def identify(context: ssl.SSLContext, path: str, password: str) -> None:
    """Have a context show the certificate in a file that holds its key as well. Raises as :func:`trust`."""
    data = _read("key store", path)
    if _PEM in data:
        _load_chain(context, path, path, password)
        return
    from cryptography.hazmat.primitives import serialization as how

    key, certificate, others = _opened("key store", path, data, password)
    if key is None or certificate is None:
        raise _unusable("key store", path, "it holds no certificate with its key")
    parts = [key.private_bytes(how.Encoding.PEM, how.PrivateFormat.PKCS8, how.NoEncryption())]
    parts += [one.certificate.public_bytes(how.Encoding.PEM) for one in (certificate, *others)]
    from tempfile import mkstemp

    number, copy = mkstemp(suffix=".pem")  # readable by this user alone
    try:
        with os.fdopen(number, "wb") as file:
            file.write(b"".join(parts))
        _load_chain(context, copy, path, "")
    finally:
        with suppress(FileNotFoundError):
            os.unlink(copy)


def _load_chain(context: ssl.SSLContext, file: str, path: str, password: str) -> None:
    try:
        context.load_cert_chain(file, password=password)  # a text, so that nobody is asked at the terminal
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise _unusable("key store", path, str(reason).replace("_", " ").lower()) from None


def _opened(what: str, path: str, data: bytes, password: str) -> tuple[Any, Any, list[Any]]:
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

    for secret in (password.encode(),) if password else (None, b""):  # no password and an empty one differ
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # how a store was encrypted is not the reader's business
            with suppress(ValueError):
                found = load_pkcs12(data, secret)
                return found.key, found.cert, list(found.additional_certs)
    raise _unusable(what, path, "it is no PEM file, and no PKCS #12 file that this password opens")


def _read(what: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise _unusable(what, path, error.strerror or str(error)) from None


def _unusable(what: str, path: str, reason: str) -> UsageError:
    remedy = "give a PEM file, or a PKCS #12 file and its password"
    return UsageError(Diagnostic("usage", f"the {what} cannot be used: {reason}", origin=path, remedy=remedy))
