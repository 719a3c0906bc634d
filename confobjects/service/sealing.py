"""How addresses and contents stand in the ledger: sealed by a key that the ledger does not hold, or in clear.

An address is found again by a keyed digest. Its key is made with the ledger, and stands in it, sealed.
"""

from __future__ import annotations

import hmac
from typing import Final, Protocol

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ExpressionError, LedgerError
from confobjects.sealing import KEY_FILE_VARIABLE, make_context

CLEAR: Final = b"\0"
"""How everything begins that stands in clear."""
_SEALED: Final = b"\1"
_DIGEST: Final = 16
_OF_UNREADABLE: Final = (
    f"If its key is missing, put that back into the file that {KEY_FILE_VARIABLE} names; "
    "what is damaged only a backup of the ledger has whole."
)
_USE: Final = "ledger"


OF_DAMAGED: Final = "Give it up, and have it sent again; only a backup of the ledger has it whole."
"""What helps with a mail that is damaged in the ledger."""


class UnreadableError(LedgerError):
    """One thing that stands in the ledger cannot be read; others may."""


class SealedLedgerError(UnreadableError):
    """What stands in the ledger is sealed with a key that is not there."""


class Sealer(Protocol):
    """Seals bytes, so that only whoever has the key reads them, and only where they were meant to stand."""

    @property
    def key_id(self) -> str:
        """The identifier of the key that seals now. Raises LedgerError if the keys cannot be used."""
        ...

    def seal(self, plain: bytes, context: bytes) -> str:
        """Return the bytes sealed. ``context`` says where they stand."""
        ...

    def unseal(self, sealed: str, context: bytes) -> bytes:
        """Return what was sealed. Raises ExpressionError if the key is another one, or the context."""
        ...


class Cover:
    """Covers what is written to the ledger; what was written in clear, before there was a key, can still be read."""

    def __init__(self, sealer: Sealer | None) -> None:
        self._sealer = sealer

    @property
    def is_sealing(self) -> bool:
        """Whether what is written is sealed."""
        return self._sealer is not None

    @property
    def key_id(self) -> str:
        """The identifier of the key that seals now; empty without one, or if the keys cannot be used."""
        try:
            return "" if self._sealer is None else self._sealer.key_id
        except LedgerError:
            return ""

    def is_current(self, stored: bytes) -> bool:
        """Tell whether something stands as it would be written now."""
        return self.find_key(stored) == self.key_id and self.is_sealed(stored) == self.is_sealing

    @staticmethod
    def is_sealed(stored: bytes) -> bool:
        """Tell whether what stands in the ledger is sealed."""
        return stored[:1] == _SEALED

    @staticmethod
    def find_key(stored: bytes) -> str:
        """Return the identifier of the key that something in the ledger is sealed with; empty for what stands in clear."""
        return stored[1:].decode("ascii", "replace").partition(":")[0] if Cover.is_sealed(stored) else ""

    @staticmethod
    def make_head(key: str) -> bytes:
        """Return how everything begins that a key has sealed."""
        return _SEALED + key.encode()

    def put(self, plain: bytes, place: str) -> bytes:
        """Return the bytes to write at a place."""
        if self._sealer is None:
            return CLEAR + plain
        return _SEALED + self._sealer.seal(plain, make_context(_USE, place)).encode()

    def get(self, stored: object, place: str) -> bytes:
        """Return the bytes that were written at a place. Raises UnreadableError for what is damaged, or sealed with another key."""
        if not isinstance(stored, bytes) or stored[:1] not in (CLEAR, _SEALED):  # a file of SQLite may hold anything
            raise as_damaged(place)
        if stored[:1] == CLEAR:
            return stored[1:]
        if self._sealer is None:
            raise SealedLedgerError(
                Diagnostic(
                    "ledger-unavailable",
                    "the ledger is sealed, and there are no keys",
                    remedy=f"Name their file in {KEY_FILE_VARIABLE}.",
                )
            )
        try:
            return self._sealer.unseal(stored[1:].decode("ascii", "replace"), make_context(_USE, place))
        except ExpressionError as error:
            summary = error.diagnostics[0].summary
            raise SealedLedgerError(Diagnostic("ledger-unavailable", summary, remedy=_OF_UNREADABLE)) from None


def as_damaged(place: str) -> UnreadableError:
    """Return the error of an entry of the ledger that is damaged."""
    summary = f"the entry {place} of the ledger is damaged"
    return UnreadableError(Diagnostic("ledger-unavailable", summary, remedy=OF_DAMAGED))


class Digester:
    """Finds an address without writing it: capital letters do not count."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def digest(self, address: str) -> bytes:
        """Return the digest of an address."""
        return hmac.new(self._key, address.casefold().encode(), "sha256").digest()[:_DIGEST]


__all__ = ["CLEAR", "OF_DAMAGED", "Cover", "Digester", "SealedLedgerError", "Sealer", "UnreadableError", "as_damaged"]
