"""Sign-in with OpenID Connect: a provider says who somebody is, and a claim of its ID token says with which role.

Laws of this module:

1. Whoever has no value that gives a role is not signed in. Of several roles the one that permits most counts.
2. A person is named by the subject, which the provider never gives to anybody else, behind a prefix that no local account and no DN
   has. What the person may choose themselves only follows it.
3. Nobody tells us when a role is taken away. So a session is over after :data:`LONGEST` seconds, and the provider is asked again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import quote, urlsplit

from anyio import CapacityLimiter, to_thread

from confobjects.errors import ConfobjectsError
from confobjects.mail.diagnosis import Trouble
from confobjects.oauth.checking import as_oauth_error
from confobjects.oauth.openid import Attempt, OpenIdClient, OpenIdProvider
from confobjects.oauth.protocol.id_tokens import IdTokenError
from confobjects.records import Record
from confobjects.texts.visible import make_visible
from confobjects.web.identity.credentials import ROLES
from confobjects.web.people import Person, Role
from confobjects.web.problems import NotPermittedError, NotSignedInError, WebError

LOG: Final = logging.getLogger("confobjects.web.identity")
LONGEST: Final = 3600.0
"""Seconds after which a session is over in any case."""
PREFIX: Final = "openid:"
_AT_ONCE: Final = 4
"""Threads that wait for the provider at the same time."""
_SHOWN: Final = ("preferred_username", "email", "name")
"""The claims that say what a person is called, the most telling first (OpenID Connect Core 1.0, section 5.1)."""
_LONGEST_SHOWN: Final = 64

T = TypeVar("T")


class IdentityProviderError(WebError):
    """The provider cannot be asked."""

    code: ClassVar[str] = "identity-provider"
    exit_code = 27
    http_status = 502


class OpenIdRule(Record):
    """How people sign in at a provider: the client, the claim that gives roles, as the keys that lead to it, and the value of
    each role.
    """

    client: OpenIdClient
    claim: tuple[str, ...]
    roles: tuple[tuple[Role, str], ...]


class OpenId:
    """A provider, as people sign in with it. To be used in the event loop."""

    def __init__(self, rule: OpenIdRule, provider: OpenIdProvider | None = None) -> None:
        self.label = urlsplit(rule.client.issuer).hostname or ""
        """What the provider is called on the page to sign in: its host."""
        self._rule = rule
        self._provider = provider or OpenIdProvider(rule.client)
        self._limiter = CapacityLimiter(_AT_ONCE)

    async def make_url(self, attempt: Attempt) -> str:
        """Return the URL at which a person signs in. Raises :class:`IdentityProviderError`."""
        return await self._ask(lambda: self._provider.make_url(attempt))

    async def sign_in(self, code: str, issuer: str | None, attempt: Attempt) -> Person:
        """Return who has signed in. ``code`` and ``issuer`` are what the browser has brought back, from the provider or not.

        Raises :class:`IdentityProviderError`, :class:`~confobjects.web.problems.NotSignedInError` for an answer that does not count,
        and :class:`~confobjects.web.problems.NotPermittedError` for somebody without a role.
        """
        try:
            claims = await self._ask(lambda: self._redeem(code, issuer, attempt))
        except IdTokenError as error:
            LOG.warning("the answer of the identity provider does not count: %s", error)
            raise NotSignedInError(
                "the answer of the identity provider does not count; the log of the server says why"
            ) from None
        role = find_role(self._rule, claims)
        if role is None:
            raise NotPermittedError("you have signed in, but nothing gives you a role here")
        return Person(name_person(claims), role, "openid", _find_display(claims))

    def _redeem(self, code: str, issuer: str | None, attempt: Attempt) -> Mapping[str, Any]:
        is_told = issuer is not None or self._provider.discover().tells_issuer
        if is_told and issuer != self._rule.client.issuer:
            raise IdTokenError("another provider has answered (RFC 9207)")
        return self._provider.redeem(code, attempt)

    async def _ask(self, ask: Callable[[], T]) -> T:
        try:
            return await to_thread.run_sync(ask, limiter=self._limiter)
        except Trouble as trouble:
            error: ConfobjectsError = as_oauth_error(trouble)
        except ConfobjectsError as found:
            error = found
        LOG.error("the identity provider cannot be asked: %s", error)
        raise IdentityProviderError("the identity provider cannot be asked now; the log of the server says why")


def find_role(rule: OpenIdRule, claims: Mapping[str, Any]) -> Role | None:
    """Return the role that the claims of an ID token give, None without one."""
    found: Any = claims
    for key in rule.claim:
        found = found.get(key) if isinstance(found, dict) else None
    values = found if isinstance(found, list) else [found]
    roles: list[Role] = [role for role, value in rule.roles if value in values]
    return max(roles, key=ROLES.index) if roles else None


def name_person(claims: Mapping[str, Any]) -> str:
    """Return what the history calls the subject of an ID token, such as ``openid:248289761001 (ann)``."""
    subject = quote(str(claims["sub"]), safe="!\"#$&'*+,-./:;<=>?@[\\]^_`{|}~")
    shown = _find_display(claims)
    return f"{PREFIX}{subject}{f' ({shown})' if shown else ''}"


def _find_display(claims: Mapping[str, Any]) -> str:
    """Return what a person is called; empty if no claim says it."""
    shown = next((claims[name] for name in _SHOWN if isinstance(claims.get(name), str) and claims[name]), "")
    return make_visible(shown)[:_LONGEST_SHOWN]
