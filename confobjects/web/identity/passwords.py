"""Passwords of local accounts: hashed with Argon2id, one after another, in a thread.

Law: to check a password takes as long for an account that does not exist as for one that does.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from confobjects.diagnostics import Diagnostic
from confobjects.errors import InvalidValueError

SHORTEST: Final = 12
"""Characters of a password, at least (NIST SP 800-63B asks for 8, and for 15 where nothing else protects)."""
LONGEST: Final = 1024
"""Bytes of a password, at most."""

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""Argon2id with 19 MiB and two passes, the setting that OWASP's cheat sheet for password storage names first."""


def hash_password(name: str, password: str) -> str:
    """Return the hash of a new password of an account. Raises InvalidValueError for one that is too weak or too long."""
    told = _find_weakness(name, password)
    if told:
        raise InvalidValueError(Diagnostic("invalid-value", f"this password is not accepted: {told}"))
    return _HASHER.hash(_as_bytes(password))


def is_password(password: str, hashed: str | None) -> bool:
    """Tell whether a password is the one of a hash. Without a hash it is not, after the same work."""
    data = _as_bytes(password)
    if len(data) > LONGEST:
        data, hashed = b"", None
    try:
        _HASHER.verify(hashed or _hash_of_nobody(), data)
    except (VerificationError, InvalidHashError):
        return False
    return hashed is not None


def _find_weakness(name: str, password: str) -> str:
    if len(password) < SHORTEST:
        return f"it is shorter than {SHORTEST} characters"
    if len(_as_bytes(password)) > LONGEST:
        return f"it is longer than {LONGEST} bytes"
    if len(set(password)) < 4 or name.lower() in password.lower():
        return "it is too easy to guess"
    return ""


def _as_bytes(password: str) -> bytes:
    """Return the bytes of a password: the same for each way that Unicode writes the same characters (RFC 8265)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


@cache
def _hash_of_nobody() -> str:
    return _HASHER.hash(b"a password that nobody has")
