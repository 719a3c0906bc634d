"""DKIM (RFC 6376, RFC 8301, RFC 8463): reading the key record of a selector."""

from __future__ import annotations

import base64
from typing import Final

from confobjects.mail.domains import RecordError, parse_tags
from confobjects.records import Record

WEAK: Final = 1024
STRONG: Final = 2048
"""Bits of RSA keys: receivers ignore shorter keys than the first, and the second is asked for (RFC 8301)."""
_ED25519_BYTES: Final = 32


class DkimKey(Record):
    """A key record: its kind, its size in bits (0 if it is revoked), and whether the domain says that it only tests."""

    kind: str
    bits: int
    testing: bool = False

    @property
    def revoked(self) -> bool:
        """Whether the record says that the key is used no longer."""
        return self.bits == 0


def parse_dkim(text: str) -> DkimKey:
    """Return a key record (section 3.6.1). Raises :class:`~confobjects.mail.domains.RecordError`."""
    tags = parse_tags(text)
    if tags.get("v", "DKIM1") != "DKIM1" or ("v" in tags and next(iter(tags)) != "v"):
        raise RecordError('it does not begin with "v=DKIM1"')
    if "p" not in tags:
        raise RecordError("it has no key (the tag p)")
    kind = tags.get("k", "rsa").lower()
    if kind not in {"rsa", "ed25519"}:
        raise RecordError(f'its key is of a kind that is not known: "{kind[:20]}"')
    services = [one.strip() for one in tags.get("s", "*").split(":")]
    if not {"*", "email"} & set(services):
        raise RecordError("its key is not meant for mail (the tag s)")
    digests = [one.strip().lower() for one in tags.get("h", "sha256").split(":")]
    if "sha256" not in digests:
        raise RecordError("it does not allow SHA-256 (the tag h)")
    testing = "y" in [one.strip() for one in tags.get("t", "").split(":")]
    try:
        key = base64.b64decode("".join(tags["p"].split()), validate=True)
    except ValueError:
        raise RecordError("its key (the tag p) is not Base64") from None
    if not key:
        return DkimKey(kind, 0, testing)
    return DkimKey(kind, _read_bits(key) if kind == "rsa" else _read_ed25519(key), testing)


def _read_ed25519(key: bytes) -> int:
    if len(key) != _ED25519_BYTES:
        raise RecordError("its key (the tag p) is damaged")
    return 256


def _read_bits(key: bytes) -> int:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        loaded = load_der_public_key(key)
    except Exception:  # noqa: BLE001 - the library has many errors for what it cannot read
        raise RecordError("its key (the tag p) is damaged") from None
    if not isinstance(loaded, RSAPublicKey):
        raise RecordError("its key (the tag p) is not one of RSA")
    return loaded.key_size
