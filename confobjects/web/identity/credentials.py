"""What people sign in with, as data: local accounts and API tokens, and the one file format of both.

Laws of this module:

1. It is pure. What is read strictly follows the format; anything else is an error, and nobody is recognised.
2. A token is 256 random bits. Its digest is enough to recognise it, and nothing leads back from it.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, TypeVar, get_args

from confobjects.records import Record, field
from confobjects.web.people import Role

TOKEN_BYTES: Final = 32
_PREFIX: Final = "cfo_"
"""What every token begins with, so that scanners of published code find one."""
_VERSION: Final = 1
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}", re.ASCII)
ROLES: Final[tuple[Role, ...]] = get_args(Role)


T = TypeVar("T", "Account", "Token")


class CredentialsError(ValueError):
    """What was read is no file of accounts and tokens. The text says why, without a value from it."""


class Account(Record):
    """A local account. ``password`` is the Argon2 hash, ``changed`` when it was set (UTC, ISO 8601)."""

    name: str
    role: Role
    password: str = field(repr=False)
    changed: str


class Token(Record):
    """An API token. ``digest`` is the SHA-256 of its text in hexadecimal; times are UTC, ISO 8601, empty for never.

    ``used`` is when it was last used, to the minute.
    """

    name: str
    role: Role
    digest: str = field(repr=False)
    made: str
    expires: str = ""
    used: str = ""

    def has_expired(self, now: str) -> bool:
        """Tell whether it no longer counts. Times of one form compare as texts."""
        return bool(self.expires) and self.expires <= now


class Credentials(Record):
    """Every account and token, each by its name in lower case."""

    accounts: Mapping[str, Account] = field(default_factory=dict)
    tokens: Mapping[str, Token] = field(default_factory=dict)

    def with_account(self, account: Account) -> Credentials:
        """Return them with an account, in place of one of that name."""
        return self.replace(accounts={**self.accounts, account.name.lower(): account})

    def with_token(self, token: Token) -> Credentials:
        """Return them with a token, in place of one of that name."""
        return self.replace(tokens={**self.tokens, token.name.lower(): token})

    def without_account(self, name: str) -> Credentials:
        """Return them without an account."""
        return self.replace(accounts={key: one for key, one in self.accounts.items() if key != name.lower()})

    def without_token(self, name: str) -> Credentials:
        """Return them without a token."""
        return self.replace(tokens={key: one for key, one in self.tokens.items() if key != name.lower()})

    def find_token(self, digest: str) -> Token | None:
        """Return the token with a digest."""
        return next((one for one in self.tokens.values() if one.digest == digest), None)

    def as_text(self) -> str:
        """Return the content of the file."""
        return (
            json.dumps(
                {
                    "version": _VERSION,
                    "accounts": [_as_json(one) for one in self.accounts.values()],
                    "tokens": [_as_json(one) for one in self.tokens.values()],
                },
                indent=1,
            )
            + "\n"
        )

    @classmethod
    def parse(cls, text: bytes) -> Credentials:
        """Return what a file holds. Raises CredentialsError."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise CredentialsError("it is not JSON") from None
        if not isinstance(found, dict) or found.get("version") != _VERSION:
            raise CredentialsError(f"it is not of version {_VERSION}")
        accounts = [_read(Account, one) for one in _list_of(found, "accounts")]
        tokens = [_read(Token, one) for one in _list_of(found, "tokens")]
        return cls({one.name.lower(): one for one in accounts}, {one.name.lower(): one for one in tokens})


def is_name(text: str) -> bool:
    """Tell whether a text can be the name of an account or a token: letters, digits and ``._@+-``, at most 64."""
    return _NAME.fullmatch(text) is not None


def write_token(secret: bytes) -> str:
    """Return the text of a token. ``secret`` is its :data:`TOKEN_BYTES` random bytes."""
    return _PREFIX + urlsafe_b64encode(secret).decode().rstrip("=")


def digest_token(text: str) -> str:
    """Return the digest by which a token is recognised."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _as_json(one: Account | Token) -> dict[str, str]:
    return {name: getattr(one, name) for name in one._fields}


def _list_of(found: Mapping[str, Any], name: str) -> list[Any]:
    items = found.get(name)
    if not isinstance(items, list):
        raise CredentialsError(f"it has no list of {name}")
    return items


def _read(kind: type[T], item: Any) -> T:
    names = kind._fields
    if not isinstance(item, dict) or item.keys() != names.keys() or not all(isinstance(v, str) for v in item.values()):
        raise CredentialsError("an entry does not have the fields that it needs")
    if not is_name(item["name"]) or item["role"] not in ROLES:
        raise CredentialsError("an entry has an impossible name or role")
    return kind(**item)
