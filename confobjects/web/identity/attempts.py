"""Limits on sign-in attempts: per account and per address, within a window of time.

Laws of this module:

1. An attempt counts when it begins, so that attempts at the same time do not pass together. One that succeeds is taken back, with
   all those of its account before it.
2. No more than a fixed number of accounts and of addresses is remembered; the one that was tried longest ago is forgotten first.
3. An account that does not exist has the same limit as one that does.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import ClassVar, Final

from confobjects.web.problems import WebError

WINDOW: Final = 900.0
"""Seconds within which attempts are counted, and after which they are forgotten."""
PER_ACCOUNT: Final = 10
PER_ADDRESS: Final = 30
MOST: Final = 10_000
"""How many accounts, and how many addresses, are remembered at most."""


class TooManyAttemptsError(WebError):
    """There were too many sign-in attempts for an account or from an address."""

    code: ClassVar[str] = "too-many-attempts"
    exit_code = 26
    http_status = 429


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
    """The sign-in attempts of a process. ``clock`` returns seconds that never go back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.accounts = Counts(PER_ACCOUNT)
        self.addresses = Counts(PER_ADDRESS)

    def begin(self, name: str, address: str) -> None:
        """Count an attempt. Raises :class:`TooManyAttemptsError` if there were too many."""
        account, place, now = _account_key(name), address_key(address), self._clock()
        self._refuse_until(max(self.accounts.find_wait(account, now), self.addresses.find_wait(place, now)))
        self.accounts.add(account, now)
        self.addresses.add(place, now)

    def begin_at(self, address: str) -> None:
        """Count an attempt that names no account, such as one at a provider. Raises :class:`TooManyAttemptsError`."""
        place, now = address_key(address), self._clock()
        self._refuse_until(self.addresses.find_wait(place, now))
        self.addresses.add(place, now)

    def succeed_at(self, address: str) -> None:
        """Take back an attempt of :meth:`begin_at` that succeeded."""
        self.addresses.take_back(address_key(address))

    def succeed(self, name: str, address: str) -> None:
        """Take back an attempt that succeeded."""
        self.accounts.forget(_account_key(name))
        self.addresses.take_back(address_key(address))

    @staticmethod
    def _refuse_until(wait: float) -> None:
        if wait > 0:
            error = TooManyAttemptsError("there were too many attempts to sign in; try again later")
            error.headers = {"Retry-After": str(int(wait) + 1)}
            raise error


def _account_key(name: str) -> str:
    """Return what counts as one account: a directory takes a name in many spellings for the same (RFC 4518 section 2)."""
    same = unicodedata.normalize("NFKC", name).casefold()
    seen = "".join(character for character in same if character.isprintable() and not character.isspace())
    return sha256(seen.encode("utf-8", "surrogatepass")).hexdigest()


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
