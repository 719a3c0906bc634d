"""Limits on sign-in attempts and on tests of mail servers: per account and per address, within a window of time.

Laws of this module:

1. An attempt counts when it begins, so that attempts at the same time do not pass together. A sign-in that succeeds is taken back,
   with all those of its account before it; a test is not.
2. No more than a fixed number of accounts and of addresses is remembered; the one that was tried longest ago is forgotten first.
3. An account that does not exist has the same limit as one that does.
"""

from __future__ import annotations

import ipaddress
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar, Final

from confobjects.records import Record
from confobjects.web.problems import WebError

if TYPE_CHECKING:
    from starlette.requests import Request

WINDOW: Final = 900.0
"""Seconds within which attempts are counted, and after which they are forgotten."""
PER_ACCOUNT: Final = 10
"""Sign-ins of an account."""
PER_ADDRESS: Final = 30
"""Sign-ins from an address."""
TESTS_PER_ACCOUNT: Final = 60
"""Tests that a person begins."""
TESTS_PER_ADDRESS: Final = 120
"""Tests that are begun from an address."""
MOST: Final = 10_000
"""How many accounts, and how many addresses, are remembered at most."""


class TooManyAttemptsError(WebError):
    """There were too many sign-in attempts, or tests, for an account or from an address."""

    code: ClassVar[str] = "too-many-attempts"
    exit_code = 26
    http_status = 429


class Limit(Record):
    """How many attempts an account has, and how many an address, within :data:`WINDOW`; ``told`` is said of one more."""

    per_account: int
    per_address: int
    told: str


SIGN_INS: Final = Limit(PER_ACCOUNT, PER_ADDRESS, "there were too many attempts to sign in; try again later")
TESTS: Final = Limit(
    TESTS_PER_ACCOUNT, TESTS_PER_ADDRESS, "too many tests were made within a quarter of an hour; try again later"
)


class Counts:
    """Counts by key, each of which begins anew after :data:`WINDOW` seconds."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._found: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def find_wait(self, key: str, now: float) -> float:
        """Return the seconds until one more is allowed; 0 if it is allowed now."""
        count, until = self._found.get(key, (0, 0.0))
        return until - now if count >= self.most and until > now else 0.0

    def add(self, key: str, now: float) -> None:
        """Count one more."""
        count, until = self._found.pop(key, (0, 0.0))
        self._found[key] = (count + 1, until) if until > now else (1, now + WINDOW)
        if len(self._found) > MOST:
            self._found.popitem(last=False)

    def take_back(self, key: str) -> None:
        """Count one less."""
        count, until = self._found.get(key, (0, 0.0))
        if count > 0:
            self._found[key] = (count - 1, until)

    def forget(self, key: str) -> None:
        """Forget a key."""
        self._found.pop(key, None)


class Attempts:
    """The attempts of a process. ``clock`` returns seconds that never go back. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, limit: Limit = SIGN_INS) -> None:
        self._clock = clock
        self._told = limit.told
        self._lock = threading.Lock()
        self.accounts = Counts(limit.per_account)
        self.addresses = Counts(limit.per_address)

    def begin(self, name: str, address: str) -> None:
        """Count an attempt. Raises :class:`TooManyAttemptsError` if there were too many."""
        self._begin((self.accounts, _account_key(name)), (self.addresses, address_key(address)))

    def check(self, name: str, address: str) -> None:
        """Raise :class:`TooManyAttemptsError` if there is no attempt left. None is counted."""
        with self._lock:
            self._check((self.accounts, _account_key(name)), (self.addresses, address_key(address)))

    def begin_at(self, address: str) -> None:
        """Count an attempt that names no account, such as one at a provider. Raises :class:`TooManyAttemptsError`."""
        self._begin((self.addresses, address_key(address)))

    def _begin(self, *counted: tuple[Counts, str]) -> None:
        with self._lock:
            now = self._check(*counted)
            for counts, key in counted:
                counts.add(key, now)

    def _check(self, *counted: tuple[Counts, str]) -> float:
        """Return the time, if there is an attempt left now."""
        now = self._clock()
        wait = max(counts.find_wait(key, now) for counts, key in counted)
        if wait > 0:
            error = TooManyAttemptsError(self._told)
            error.headers = {"Retry-After": str(int(wait) + 1)}
            raise error
        return now

    def succeed(self, name: str, address: str) -> None:
        """Take back an attempt that succeeded."""
        with self._lock:
            self.accounts.forget(_account_key(name))
            self.addresses.take_back(address_key(address))

    def succeed_at(self, address: str) -> None:
        """Take back an attempt of :meth:`begin_at` that succeeded."""
        with self._lock:
            self.addresses.take_back(address_key(address))


def _account_key(name: str) -> str:
    """Return what counts as one account: a directory takes a name in many spellings for the same (RFC 4518 section 2)."""
    same = unicodedata.normalize("NFKC", name).casefold()
    seen = "".join(character for character in same if character.isprintable() and not character.isspace())
    return sha256(seen.encode("utf-8", "surrogatepass")).hexdigest()


def address_of(request: Request) -> str:
    """Return the address that a request comes from; empty if it is not known."""
    return request.client.host if request.client is not None else ""


def address_key(address: str) -> str:
    """Return what counts as one address: of IPv6 the network of 64 bits, which one customer has at least (RFC 6177)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
