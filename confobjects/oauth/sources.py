"""Sources of access tokens: what a login at a mail server asks for a token.

Laws: a token is given out until :data:`EARLY` seconds before its end, or until a server refuses it. Whoever finds that a
new one is needed holds the lease of the store, looks whether somebody else has fetched one meanwhile, and only then asks
the provider. What is kept is not used if the settings of the provider are others now; a refresh token is kept as long as
the same client may send it to the same endpoint.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Final

from confobjects.oauth.http import Post, make_post
from confobjects.oauth.protocol.answers import Token, read_token
from confobjects.oauth.protocol.requests import Moment, make_grant_fields, make_token_request
from confobjects.oauth.protocol.settings import CONSENTED, ProviderSettings, trouble_with
from confobjects.oauth.storing import MemoryTokenStore, StoredTokens, TokenLease, TokenStore, TokenStoreProblem

EARLY: Final = 90.0
"""Seconds before its end at which a token is renewed."""

Clock = Callable[[], float]


class ProviderTokens:
    """The access tokens of one provider. Thread-safe. Equal sources have equal settings and the same store.

    ``clock`` is the time in seconds since 1970, ``post`` sends requests.
    """

    def __init__(
        self, settings: ProviderSettings, store: TokenStore, *, post: Post | None = None, clock: Clock = time.time
    ) -> None:
        self.settings = settings
        self._store = store
        self._post = post or make_post()
        self._clock = clock
        self._memory = MemoryTokenStore()
        self._current: StoredTokens | None = None

    def __eq__(self, other: object) -> bool:
        mine = (self.settings, self._store)
        return isinstance(other, ProviderTokens) and mine == (other.settings, other._store)

    def __hash__(self) -> int:
        return hash(self.settings.fingerprint)

    @property
    def fingerprint(self) -> str:
        """That of the settings."""
        return self.settings.fingerprint

    def token(self) -> str:
        """Return an access token. Raises Trouble of stage token, and MailError of stage trust."""
        current = self._current
        if current is None or not self._is_good(current):
            current = self._renew()
        return current.access

    def refuse(self, token: str) -> None:
        """A server has refused an access token: it is not given out again, by no process."""
        current = self._current
        if current is not None and current.access == token:
            self._current = None
        with self._hold() as lease:
            kept = self._read(lease)
            if kept is not None and kept.access == token:
                lease.write(kept.replace(access="", expires=0.0))

    def fetch(self) -> Token:
        """Return a new token from the provider, whatever is kept: for a test of the provider. It is kept.

        Raises Trouble of stage token, and MailError of stage trust.
        """
        with self._hold() as lease:
            return self._fetch(lease, self._read(lease))

    def adopt(self, token: Token) -> None:
        """Keep a token that came with the consent of a person. Raises Trouble of stage token."""
        with self._hold() as lease:
            self._keep(lease, token)

    def _is_good(self, tokens: StoredTokens) -> bool:
        return bool(tokens.access) and self._clock() < tokens.expires - EARLY

    def _renew(self) -> StoredTokens:
        with self._hold() as lease:
            kept = self._read(lease)
            if kept is None or not self._is_good(kept):
                self._fetch(lease, kept)
            else:
                self._current = kept
        assert self._current is not None  # noqa: S101 - set by both branches
        return self._current

    def _fetch(self, lease: TokenLease, kept: StoredTokens | None) -> Token:
        settings = self.settings
        moment = Moment(self._clock(), secrets.token_urlsafe(24))
        refresh = kept.refresh if kept is not None and kept.refresh else settings.refresh_token
        request = make_token_request(settings, make_grant_fields(settings, refresh, moment), moment)
        token = read_token(settings, request, self._post(settings, request), moment.now)
        self._keep(lease, token, kept)
        return token

    def _keep(self, lease: TokenLease, token: Token, kept: StoredTokens | None = None) -> None:
        """Keep a token and what came with it. A refresh token has to be durable before the access token is used."""
        settings = self.settings
        fresh = token.refresh if settings.grant in CONSENTED else ""
        refresh = fresh or (kept.refresh if kept is not None else "")
        stored = StoredTokens(
            settings.fingerprint, settings.client_fingerprint, token.access, token.expires, token.scope, refresh
        )
        try:
            lease.write(stored)
        except TokenStoreProblem:
            if fresh:
                raise
        self._current = stored

    @contextlib.contextmanager
    def _hold(self) -> Iterator[TokenLease]:
        """Hold the lease. Without a directory to write to, only threads share what needs no refresh token."""
        try:
            with contextlib.ExitStack() as stack:
                yield self._take_lease(stack)
        except TokenStoreProblem as problem:
            raise trouble_with(self.settings, f"token-store-{problem.kind}", message=str(problem)) from None

    def _take_lease(self, stack: contextlib.ExitStack) -> TokenLease:
        key = self.settings.storage_key
        try:
            return stack.enter_context(self._store.hold(key))
        except TokenStoreProblem as problem:
            if problem.kind not in ("unusable", "away") or self.settings.grant in CONSENTED:
                raise
            return stack.enter_context(self._memory.hold(key))

    def _read(self, lease: TokenLease) -> StoredTokens | None:
        """Return what is kept, as far as it may be used with the settings of now."""
        kept = lease.read()
        if kept is None or kept.client != self.settings.client_fingerprint:
            return None
        return kept if kept.settings == self.settings.fingerprint else kept.replace(access="", expires=0.0)
