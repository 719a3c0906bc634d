"""Sessions: kept in the memory of the process, found by a random identifier, ended by time.

Laws of this module:

1. An identifier is 256 random bits that this process has made for one sign-in. One that comes in is never taken over.
2. A session ends after :data:`IDLE` seconds without a request, and after :data:`LONGEST` in any case, or sooner if its sign-in says so.
3. No more than :data:`MOST` sessions exist, and :data:`MOST_OF_ONE` of one person: the one unused for longest ends first.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from confobjects.web.people import Person

IDLE: Final = 1800.0
LONGEST: Final = 43_200.0
MOST: Final = 10_000
MOST_OF_ONE: Final = 20


class Session:
    """The session of a person. ``stamp`` is what the sign-in relied on: when that has changed, the session is over.

    ``longest`` is the number of seconds after which it ends in any case.
    """

    __slots__ = ("begun", "checked", "csrf_token", "key", "longest", "person", "seen", "stamp")

    def __init__(self, key: str, person: Person, stamp: str, now: float, longest: float) -> None:
        self.key = key
        self.person = person
        self.stamp = stamp
        self.csrf_token = secrets.token_urlsafe(32)
        self.begun = now
        self.longest = longest
        self.seen = now
        self.checked = now
        """When the role was last looked at in the directory."""

    def is_over(self, now: float) -> bool:
        """Tell whether its time is up."""
        return now - self.seen > IDLE or now - self.begun > self.longest


class Sessions:
    """Every session of a process. ``clock`` returns seconds that never go back. To be used in the event loop only."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._found: OrderedDict[str, Session] = OrderedDict()
        self._own: dict[tuple[str, str], OrderedDict[str, Session]] = {}
        """The sessions of each person, so that a sign-in does not look through those of everybody."""

    def __len__(self) -> int:
        return len(self._found)

    def begin(self, person: Person, stamp: str, longest: float = LONGEST) -> tuple[str, Session]:
        """Return the identifier of a new session, and the session."""
        identifier = secrets.token_urlsafe(32)
        session = Session(_key_of(identifier), person, stamp, self._clock(), longest)
        own = self._own.get(_owner_of(session), OrderedDict())
        if len(own) >= MOST_OF_ONE:
            self.end(next(iter(own.values())))
        if len(self._found) >= MOST:
            self.end(next(iter(self._found.values())))
        self._found[session.key] = session
        self._own.setdefault(_owner_of(session), OrderedDict())[session.key] = session
        return identifier, session

    def find(self, identifier: str, *, used: bool = True) -> Session | None:
        """Return the session of an identifier, unless it is over. If it is ``used``, its idle time begins anew."""
        session = self._found.get(_key_of(identifier))
        if session is None:
            return None
        now = self._clock()
        if session.is_over(now):
            self.end(session)
            return None
        if used:
            session.seen = now
            self._found.move_to_end(session.key)
            self._own[_owner_of(session)].move_to_end(session.key)
        return session

    def end(self, session: Session) -> None:
        """End a session."""
        self._found.pop(session.key, None)
        own = self._own.get(_owner_of(session), OrderedDict())
        own.pop(session.key, None)
        if not own:
            self._own.pop(_owner_of(session), None)


def _owner_of(session: Session) -> tuple[str, str]:
    return session.person.way, session.person.name


def _key_of(identifier: str) -> str:
    """Return the digest by which a session is kept: no comparison of identifiers takes a time that tells something."""
    return sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()
