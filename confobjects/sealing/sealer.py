"""Sealing: AES-256-GCM with a random nonce (NIST SP 800-38D); the context is the associated data.

A sealed text is ``KEYID:BASE64``, in the alphabet of RFC 4648 section 5 without padding: nonce (12 bytes), cipher text,
tag (16 bytes). With random nonces a key should seal at most 2**32 texts.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
from collections.abc import Mapping
from typing import Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ExpressionError
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.sealing.ring import Key, Ring
from confobjects.sealing.ring_file import find_key_file, read_ring

_NONCE: Final = 12
_FORM: Final = re.compile(r"([0-9a-f]{16}):([A-Za-z0-9_-]+)")


class RingSealer:
    """Seals with the first key of a ring, and unseals with each of them."""

    def __init__(self, ring: Ring, origin: str = "") -> None:
        """Use a ring. ``origin`` is the file that it came from, for messages."""
        self._ring = ring
        self._origin = origin

    def __repr__(self) -> str:
        return f"<RingSealer with {len(self._ring)} keys>"

    @property
    def key_id(self) -> str:
        """The identifier of the key that seals."""
        return self._ring.first.id

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The identifiers of all keys, that of the one that seals first."""
        return tuple(self._ring.keys)

    def seal(self, plain: bytes, context: bytes) -> str:
        """Return bytes sealed for a context: ``KEYID:BASE64``. Sealed twice, they look different."""
        nonce = os.urandom(_NONCE)
        key = self._ring.first
        sealed = nonce + _encrypt(key, nonce, plain, context)
        return f"{key.id}:{base64.urlsafe_b64encode(sealed).rstrip(b'=').decode()}"

    def authenticate(self, data: bytes, context: bytes, key_id: str = "") -> str | None:
        """Return what only who has a key can make of bytes, for a context (HMAC-SHA256, RFC 2104); None without the key.

        It is made with a key that is derived from that of an identifier, or from the one that seals, and from the context.
        """
        key = self._ring.keys.get(key_id or self.key_id)
        if key is None:
            return None
        derived = hmac.new(key.secret, context, "sha256").digest()
        return hmac.new(derived, data, "sha256").hexdigest()

    def unseal(self, sealed: str, context: bytes) -> bytes:
        """Return what was sealed for the same context.

        Raises :class:`~confobjects.errors.ExpressionError` if the text is damaged, its key is not in the ring, or it was
        sealed for another context.
        """
        found = _FORM.fullmatch(sealed)
        if found is None:
            raise _unseal_error("it is no sealed text, or a part of it is missing")
        key = self._ring.keys.get(found.group(1))
        if key is None:
            where = f" in {self._origin}" if self._origin else ""
            remedy = f"add the key to the file that {KEY_FILE_VARIABLE} names, or give the secret again"
            raise _unseal_error(f"its key {found.group(1)} is not{where or ' there'}", remedy)
        plain = _decrypt(key, found.group(2), context)
        if plain is None:
            summary = "it is damaged, or was sealed for something else"
            raise _unseal_error(summary, "give the secret again, or put back what it was sealed with")
        return plain


def find_key_id(sealed: str) -> str:
    """Return the identifier of the key that a text was sealed with; empty if it is no sealed text."""
    found = _FORM.fullmatch(sealed)
    return "" if found is None else found.group(1)


def open_sealer(environment: Mapping[str, str]) -> RingSealer | None:
    """Return the sealer with the keys that an environment names; None if it names none.

    Raises StorageError, AccessError or UsageError if it names some that cannot be used.
    """
    file = find_key_file(environment)
    return None if file is None else RingSealer(read_ring(file), file.path)


def _encrypt(key: Key, nonce: bytes, plain: bytes, context: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key.secret).encrypt(nonce, plain, context)


def _decrypt(key: Key, text: str, context: bytes) -> bytes | None:
    """Return the plain bytes of the second part of a sealed text; None if it does not fit the key and the context."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return AESGCM(key.secret).decrypt(data[:_NONCE], data[_NONCE:], context)
    except (ValueError, InvalidTag):
        return None


def _unseal_error(summary: str, remedy: str = "") -> ExpressionError:
    said = f"the sealed value cannot be opened: {summary}"
    return ExpressionError(Diagnostic("unresolved-expression", said, remedy=remedy))
