"""Trust stores: their bytes in, the certificates they trust out. One reader per format in :data:`FORMATS`.

The format is found from the bytes; a type that is said and does not fit is a problem with that in its words.
"""

from __future__ import annotations

import base64
import re
import warnings
from collections.abc import Callable
from typing import Final

_PEM: Final = re.compile(
    rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----\s*(.*?)-----END (?:TRUSTED |X509 )?CERTIFICATE-----", re.DOTALL
)


class StoreProblem(Exception):  # noqa: N818 - becomes an error with its path further up
    """A store cannot be used: why, and what to do. No pin stands in it."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


def pem(data: bytes, pin: str) -> tuple[bytes, ...]:
    """Return the certificates of a PEM text (RFC 7468), in their order."""
    del pin
    found = []
    for match in _PEM.finditer(data):
        try:
            der = base64.b64decode(b"".join(match[1].split()), validate=True)
        except ValueError:
            raise StoreProblem("a certificate in it is not valid base64", "Export the certificate again.") from None
        found.append(_first_element(der))  # a TRUSTED CERTIFICATE carries OpenSSL's own data behind it
    return tuple(found)


def der_certificate(data: bytes, pin: str) -> tuple[bytes, ...]:
    """Return the one certificate of a DER file."""
    del pin
    return (data,)


def pkcs12(data: bytes, pin: str) -> tuple[bytes, ...]:
    """Return the certificates of a PKCS #12 store (RFC 7292)."""
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - 40 ms, only for stores
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12  # noqa: PLC0415 - as above

    loaded = None
    for secret in (pin.encode(),) if pin else (None, b""):  # no pin and an empty pin are different keys
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # how a store was encrypted is not the reader's business
                loaded = load_pkcs12(data, secret)
            break
        except ValueError:
            continue
    if loaded is None:
        if not pin:
            raise StoreProblem("it cannot be opened without a pin", "Set trust-store-pin.")
        raise StoreProblem("the pin is wrong, or it is damaged", "Correct trust-store-pin.")
    own = (loaded.cert,) if loaded.cert is not None else ()
    return tuple(one.certificate.public_bytes(Encoding.DER) for one in (*own, *loaded.additional_certs))


FORMATS: Final[dict[str, Callable[[bytes, str], tuple[bytes, ...]]]] = {
    "PKCS12": pkcs12,
    "PEM": pem,
    "DER": der_certificate,
}
"""Type -> reader: bytes and pin in, certificates (DER) out; raises :class:`StoreProblem`."""


def detect(data: bytes) -> str:
    """Return the type of a store by its bytes, empty when they are of none."""
    if data[:4] == b"\xfe\xed\xfe\xed":
        return "JKS"
    if data[:4] == b"\xce\xce\xce\xce":
        return "JCEKS"
    if b"-----BEGIN " in data:
        return "PEM"
    if data[:1] != b"\x30":
        return ""
    inner = _content(data)
    if inner[:3] == b"\x02\x01\x03":  # PFX: its version is 3
        return "PKCS12"
    deeper = _content(inner)[:1]
    return "BCFKS" if deeper == b"\x30" else "DER" if deeper in (b"\xa0", b"\x02") else ""


def read_store(data: bytes, kind: str, pin: str) -> tuple[bytes, ...]:
    """Return the certificates (DER) of a store. ``kind`` may be empty. Raises :class:`StoreProblem`."""
    found = detect(data)
    if not data:
        raise StoreProblem("it is empty", "Put the certificates to trust into it.")
    if not found:
        raise StoreProblem(
            "it is no trust store of a known format",
            f"Use one of: {', '.join(key for key in FORMATS if key != 'DER')}.",
        )
    if kind and kind != found and (kind, found) != ("PEM", "DER"):
        raise StoreProblem(
            f"trust-store-type says {kind}, and its bytes say {found}", f"Set trust-store-type:{found}, or reset it."
        )
    if found not in FORMATS:
        raise StoreProblem(
            f"stores of type {found} cannot be read",
            "Convert it: keytool -importkeystore -srckeystore STORE -destkeystore NEW.p12 -deststoretype PKCS12",
        )
    certificates = FORMATS[found](data, pin)
    if not certificates:
        raise StoreProblem("it holds no certificate", "Put the certificates to trust into it.")
    return certificates


def _header(data: bytes) -> tuple[int, int]:
    """Return where the content of a DER element begins and how long it is; (0, 0) when it is cut short."""
    if len(data) < 2:
        return 0, 0
    length, start = data[1], 2
    if length & 0x80:
        count = length & 0x7F
        start += count
        length = int.from_bytes(data[2:start], "big")
    return start, length


def _content(data: bytes) -> bytes:
    start, length = _header(data)
    return data[start : start + length]


def _first_element(data: bytes) -> bytes:
    start, length = _header(data)
    return data[: start + length]
