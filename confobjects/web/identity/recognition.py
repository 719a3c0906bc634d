"""Recognition: who makes a request, by token or session; and how a session begins and ends.

Laws of this module:

1. A token comes before a session. A change that a session asks for needs its CSRF token, one that a token asks for does not.
2. The person of a session of a local account is the account as it is now: without it, or with another password, the session is over.
3. A session begins under a new identifier. The session that the request had before is over then.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response

from confobjects.errors import ConfobjectsError
from confobjects.records import Record
from confobjects.startup import current_time
from confobjects.web.forms import read_form
from confobjects.web.identity.attempts import Attempts, address_of
from confobjects.web.identity.credentials import digest_token
from confobjects.web.identity.passwords import is_password
from confobjects.web.identity.sessions import LONGEST, Session, Sessions
from confobjects.web.people import Person
from confobjects.web.problems import NotPermittedError, NotSignedInError

if TYPE_CHECKING:
    from confobjects.web.identity.credentials import Credentials, Token
    from confobjects.web.identity.directory import Directory
    from confobjects.web.identity.first import FirstLink
    from confobjects.web.identity.openid import OpenId
    from confobjects.web.identity.people_file import PeopleFile

LOG: Final = logging.getLogger("confobjects.web.identity")
CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf_token"
BY_ITSELF: Final = "x-by-itself"
"""The header of a request that a page makes by itself, while nobody does anything: its session grows idle all the same."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HASHES: Final = 2
"""Hashes of passwords that are computed at the same time: each takes 19 MiB and a core."""
_LONGEST_NAME: Final = 256
_PATIENCE: Final = 1.0
"""Seconds to wait for the file before the last use of a token is noted."""

_NOTED: Final = 60.0
"""Seconds after which the use of a token is noted again."""

_CHECKED: Final = 300.0
"""Seconds after which it is looked at again which role somebody has in the directory."""


class SignedIn(Record):
    """Somebody who has just signed in: the identifier for the cookie, and the session."""

    identifier: str
    session: Session


class Identity:
    """Recognises people, and signs them in and out. To be used in the event loop.

    ``directory`` and ``openid`` sign people in, too, if there are such. ``clock`` returns seconds that never go back, ``now`` the time as texts have it.
    """

    def __init__(
        self,
        people: PeopleFile,
        *,
        directory: Directory | None = None,
        openid: OpenId | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], str] = current_time,
    ) -> None:
        self.people = people
        self.openid = openid
        self.first: FirstLink | None = None
        """The link that makes the first administrator, if one was made."""
        self.sessions = Sessions(clock)
        self.attempts = Attempts(clock)
        self._directory = directory
        self._clock = clock
        self._now = now
        self._hashes = CapacityLimiter(_HASHES)
        self._noted: dict[str, float] = {}
        """Until when the use of each token counts as noted, by its digest."""

    # -- who it is ---------------------------------------------------------------------------------------------------

    async def identify(self, request: Request) -> Person | None:
        """Return who makes a request, None for nobody.

        Raises :class:`~confobjects.web.problems.NotSignedInError` for a token that does not count, and
        :class:`~confobjects.web.problems.NotPermittedError` for a change that a session asks for without its CSRF token.
        """
        if (stated := request.headers.get("authorization")) is not None:
            return await self._find_by_token(stated)
        session = self.find_session(request, used=BY_ITSELF not in request.headers)
        if session is None or not await self._has_role_still(session):
            return None
        if request.method not in _SAFE:
            await self._require_csrf_token(request, session)
        return session.person

    async def _has_role_still(self, session: Session) -> bool:
        """Tell whether the directory still gives the person of a session a role, which is the one of the session then."""
        now = self._clock()
        if session.person.way != "directory" or now - session.checked < _CHECKED:
            return True
        role = None if self._directory is None else await self._directory.find_role(session.person)
        if role is None:
            self.sessions.end(session)
            return False
        session.person, session.checked = session.person.replace(role=role), now
        return True

    def is_current(self, request: Request) -> bool:
        """Tell whether whoever made a request, such as that of a long stream, is still signed in. It prolongs no session."""
        if (stated := request.headers.get("authorization")) is not None:
            return self._find_token(stated, self.people.read()) is not None
        return self.find_session(request, used=False) is not None

    def csrf_token(self, request: Request) -> str:
        """Return the CSRF token of the session of a request; empty without a session."""
        session = self.find_session(request, used=False)
        return "" if session is None else session.csrf_token

    def find_session(self, request: Request, *, used: bool = True) -> Session | None:
        """Return the session of a request, with the person as it is now; None if there is none or it is over."""
        identifier = request.cookies.get(name_cookie(request))
        session = None if identifier is None else self.sessions.find(identifier, used=used)
        if session is None or session.person.way != "account":
            return session
        account = self.people.read().accounts.get(session.person.name.lower())
        if account is None or account.changed != session.stamp:
            self.sessions.end(session)
            return None
        if account.role != session.person.role:
            session.person = session.person.replace(role=account.role)
        return session

    async def _find_by_token(self, stated: str) -> Person:
        token = self._find_token(stated, self.people.read())
        if token is None:
            raise NotSignedInError("the token does not count: it is unknown, was revoked, or has expired")
        await self._note_use(token)
        return Person(f"token:{token.name}", token.role, "token")

    def _find_token(self, stated: str, credentials: Credentials) -> Token | None:
        scheme, _, text = stated.partition(" ")
        token = credentials.find_token(digest_token(text.strip())) if scheme.lower() == "bearer" else None
        return None if token is None or (token.expires and token.has_expired(self._now())) else token

    async def _note_use(self, token: Token) -> None:
        """Note that a token was used, once a minute. That must not fail: a read-only file recognises people, too."""
        clock = self._clock()
        if clock < self._noted.get(token.digest, 0.0):
            return
        self._noted[token.digest] = clock + _NOTED
        used = f"{self._now()[:16]}:00Z"

        def change(now: Credentials) -> Credentials:
            found = now.find_token(token.digest)
            return now if found is None or found.used >= used else now.with_token(found.replace(used=used))

        try:
            await to_thread.run_sync(self.people.change, change, _PATIENCE)
        except ConfobjectsError as error:
            LOG.warning("the last use of the token %s could not be noted: %s", token.name, error)

    async def _require_csrf_token(self, request: Request, session: Session) -> None:
        given = request.headers.get(CSRF_HEADER)
        if given is None:
            given = next(iter((await read_form(request)).get(CSRF_FIELD, ())), "")
        if not compare_digest(given.encode(), session.csrf_token.encode()):
            raise NotPermittedError("the request does not have the CSRF token of the session")

    # -- signing in and out ------------------------------------------------------------------------------------------

    async def sign_in(self, request: Request, name: str, password: str) -> SignedIn:
        """Return a new session of whoever has a name and a password.

        Raises :class:`~confobjects.web.problems.NotSignedInError` if they are wrong, and
        :class:`~confobjects.web.identity.attempts.TooManyAttemptsError`.
        """
        require_own_page(request)
        address = address_of(request)
        name = name.strip()[:_LONGEST_NAME]
        self.attempts.begin(name, address)
        found = await self._authenticate(name, password)
        if found is None:
            LOG.warning("sign-in refused", extra={"confobjects": {"event": "sign-in-refused", "address": address}})
            raise NotSignedInError("the name or the password is wrong")
        self.attempts.succeed(name, address)
        return self.begin_session(request, *found)

    def begin_session(self, request: Request, person: Person, stamp: str = "", longest: float = LONGEST) -> SignedIn:
        """Return a new session of a person who has proved who they are; the one that the request has is over."""
        self.end_session(request)
        return SignedIn(*self.sessions.begin(person, stamp, longest))

    def end_session(self, request: Request) -> None:
        """End the session of a request, if it has one."""
        session = self.find_session(request)
        if session is not None:
            self.sessions.end(session)

    async def _authenticate(self, name: str, password: str) -> tuple[Person, str] | None:
        """Return who has a name and a password, and the stamp for the session."""
        account = self.people.read().accounts.get(name.lower())
        if account is None and self._directory is not None and password:
            person = await self._directory.sign_in(name, password)
            if person is not None:
                return person, ""
        hashed = None if account is None else account.password
        is_right = await to_thread.run_sync(is_password, password, hashed, limiter=self._hashes)
        if account is None or not is_right:
            return None
        return Person(account.name, account.role, "account"), account.changed


def name_cookie(request: Request, word: str = "session") -> str:
    """Return the name of a cookie. Under TLS its prefix keeps it from being set by others (RFC 6265bis, 4.1.3.2).

    Without TLS it has the port that the browser asked: a browser keeps one jar for all ports of a host (RFC 6265, section 8.5), and
    two consoles of one machine would take the cookie from each other.
    """
    if request.url.scheme == "https":
        return f"__Host-confobjects-{word}"
    port = request.headers.get("host", "").rpartition(":")[2]
    return f"confobjects-{word}-{port}" if port.isdecimal() and port.isascii() else f"confobjects-{word}"


def set_cookie(request: Request, response: Response, signed_in: SignedIn) -> None:
    """Give the browser the identifier of a session; it forgets it when it is closed."""
    secure = request.url.scheme == "https"
    response.set_cookie(
        name_cookie(request), signed_in.identifier, path="/", secure=secure, httponly=True, samesite="strict"
    )
    response.headers["Cache-Control"] = "no-store"


def delete_cookie(request: Request, response: Response) -> None:
    """Have the browser forget the identifier of a session."""
    secure = request.url.scheme == "https"
    response.delete_cookie(name_cookie(request), path="/", secure=secure, httponly=True, samesite="strict")


def require_own_page(request: Request) -> None:
    """Refuse a request that a page of another site makes: nobody is to be signed in as somebody else unnoticed.

    Browsers say where a request comes from (Fetch Metadata, and ``Origin``); programs say nothing, and are not led by pages.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if site not in ("same-origin", "none") or origin not in (None, own):
        raise NotPermittedError("a page of another site cannot sign anybody in")
