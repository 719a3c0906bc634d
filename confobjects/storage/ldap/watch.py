"""The watch of a directory: one connection over which changes are heard, and what is done when it is lost.

Laws of this module:

1. Nothing is told while changes may be missed. As soon as every change is heard again, everything is to be compared.
2. A server that does not answer is found out: it is asked for a sign of life while nothing comes.
3. Where the reports of followers and the tests of objects stand below the base, nothing is told of them.
4. A server that cannot tell of changes is asked for them now and then, and everything is compared once a minute.
5. The server that the storage reads from is preferred, because another one may know less than what it told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import ConfobjectsError
from confobjects.mapping import journal as names
from confobjects.mapping.apart import is_apart
from confobjects.mapping.protocol import Notice, Timing
from confobjects.storage.ldap import ber
from confobjects.storage.ldap.address import LdapAddress
from confobjects.storage.ldap.filters import encode_filter
from confobjects.storage.ldap.hearing import WANTED, Ear, HistoryFollower, PersistentEar, SyncEar, SyncMemory
from confobjects.storage.ldap.reader import is_openldap
from confobjects.storage.ldap.requests import entry_of
from confobjects.storage.ldap.results import AWAY, NAMES, NO_SUCH_OBJECT, SUCCESS, LdapResult, error_for_result
from confobjects.storage.ldap.servers import Servers
from confobjects.storage.ldap.session import LdapSession, LostError
from confobjects.storage.ldap.truth import revision_of
from confobjects.storage.watching import NoticeCollector, Pauses, TimedWatch

QUIET: Final = 30.0
"""Seconds without a message after which a sign of life is asked for."""
POLL: Final = 2.0
COMPARE: Final = 60.0
"""Seconds between two full comparisons where changes are not told by the server."""
_COMPARE_AGAIN: Final = 1.0
"""Seconds until the second comparison where nothing says from when on a server tells of changes."""
_STEADY: Final = 5.0
"""Seconds that a connection must last for the next pause to be short again."""
_MOST_MESSAGES: Final = 2000
_SIZE_LIMIT: Final = 4

_Way = Literal["sync", "persistent", "poll"]
_ENDED: Final = frozenset((SUCCESS, 80, *AWAY))
"""Results that end a search which the server had accepted."""


class Line:
    """A connection in use: what is heard by it, and what is due on it. Times are those of the clock."""

    def __init__(self, session: LdapSession, ways: Sequence[_Way], now: float) -> None:
        self.session = session
        self.ways = ways
        self.began = now
        self.heard = now
        self.asked = now
        """When the last request was sent that has no answer yet."""
        self.awaited: set[int] = set()
        """The numbers of requests for a sign of life that have no answer yet."""
        self.is_hearing = False
        self.has_more = False
        self.way: _Way | None = None
        self.ear: Ear | None = None
        self.search = 0
        self.confirmation = 0
        """The request for a sign of life whose answer shows that a search has begun."""
        self.compare_at: float | None = None
        self.poll_at = now
        self.follower: HistoryFollower | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether an answer must come soon."""
        return bool(self.awaited) or (self.ear is not None and not self.is_hearing)


class LdapWatch(TimedWatch[Notice]):
    """Hears what changes below the base of a directory, over a connection of its own.

    ``servers`` are those of the storage: which one it uses, and how to log in; ``base`` returns the base DN.
    """

    def __init__(self, servers: Servers, base: Callable[[], DN], timing: Timing | None = None) -> None:
        super().__init__(timing)
        self._servers = servers
        self._base = base
        self._collector = NoticeCollector(lambda dn: is_apart(dn, base()))
        self._memory = SyncMemory()
        self._pauses = Pauses(self._timing)
        self._line: Line | None = None
        self._left: list[LdapAddress] = []
        """The servers that are still to be tried in this round."""
        self._retry_at = self._timing.now()
        self.stale = self._timing.now()
        self._found: dict[str, Diagnostic] = {}

    def descriptors(self) -> Sequence[int]:
        """Return the socket, while the server tells of changes."""
        line = self._line
        return () if line is None else (line.session.fileno(),)

    def due(self) -> float | None:
        """Return the seconds until something has to be asked, compared or tried again."""
        now, line = self._timing.now(), self._line
        if line is None:
            return max(0.0, self._retry_at - now)
        if line.has_more:
            return 0.0
        if line.is_waiting:
            when = max(line.asked, line.heard) + self._servers.deadline
        else:
            when = line.poll_at if line.ear is None else line.heard + QUIET
        if line.ear is not None and line.compare_at is not None:
            when = min(when, line.compare_at)
        return max(0.0, when - now)

    def _hear(self) -> Notice | None:
        try:
            if self._line is None:
                if self._timing.now() < self._retry_at:
                    return None
                self._connect()
            else:
                self._attend(self._line)
        except LostError as lost:
            self._lose(lost.error.diagnostics)
        except ConfobjectsError as error:
            self._lose(error.diagnostics)
        except ValueError:  # a damaged message, or a name that is none
            where = self._servers.current if self._line is None else self._line.session.address
            self._lose([Diagnostic("cannot-connect", f"{where} sent what is no answer of a directory server")])
        return self._collector.take()

    # -- connecting and losing -----------------------------------------------------------------------------------------

    def _connect(self) -> None:
        servers = self._servers
        if not self._left:
            self._left = [servers.current, *servers.others]
            self._found = {}
        address = self._left[0]
        session = LdapSession.open(address, servers.login, servers.connect_timeout, servers.deadline)
        self._line = line = Line(session, ("poll",), self._timing.now())
        line.ways = self._ways_of(session)
        self._begin(line)

    @staticmethod
    def _ways_of(session: LdapSession) -> Sequence[_Way]:
        """Return the ways to hear, the most likely one first. What a server says it can do is not always true."""
        result, root = session.read("", ("objectClass",))
        if result.code in AWAY:
            raise error_for_result(result, str(session.address))
        is_slapd = root is not None and is_openldap(root[1])
        return ("sync", "persistent", "poll") if is_slapd else ("persistent", "sync", "poll")

    def _lose(self, problems: Sequence[Diagnostic]) -> None:
        """Give the connection up, or the attempt to make one, and choose when to try which server again."""
        line, self._line = self._line, None
        now = self._timing.now()
        if line is not None:
            line.session.close()
        self._found.update((problem.summary, problem) for problem in problems)
        self.problems = tuple(self._found.values())
        if self.stale is None:
            self.stale = line.heard if line is not None else now
        if line is not None and line.is_hearing:
            if now - line.began >= _STEADY:
                self._pauses.reset()
            order = [self._servers.current, *self._servers.others]
            self._left = sorted(order, key=lambda address: address == line.session.address)  # the lost one comes last
        else:
            del self._left[:1]
        self._retry_at = now
        if not self._left or (line is not None and line.is_hearing):
            self._retry_at += self._pauses.next()

    def _accept(self, line: Line) -> None:
        """Note that every change is heard from now on, and have everything compared."""
        line.is_hearing = True
        self.stale = None
        self.problems = ()
        self._found, self._left = {}, []
        self._collector.add_everything()

    # -- ways ----------------------------------------------------------------------------------------------------------

    def _begin(self, line: Line) -> None:
        """Begin with the first way, if there is a base. Everything is compared when the outcome is known."""
        line.is_hearing = False
        if self._finds_base(line):
            self._start(line, line.ways[0])
        else:
            self._wait_for_base(line)

    def _finds_base(self, line: Line) -> bool:
        result, _ = line.session.read(str(self._base()), ("1.1",))
        if result.code in AWAY:
            raise error_for_result(result, str(line.session.address))
        line.heard = self._timing.now()
        return result.code != NO_SUCH_OBJECT

    def _wait_for_base(self, line: Line) -> None:
        """Look for the base again and again: without it, most servers refuse to tell of changes."""
        now = self._timing.now()
        line.way = line.ear = None
        line.poll_at, line.compare_at = now + POLL, now + COMPARE
        self._accept(line)

    def _start(self, line: Line, way: _Way) -> None:
        now = self._timing.now()
        line.way, line.compare_at = way, None
        if way == "poll":
            line.ear, line.poll_at, line.compare_at = None, now, now + COMPARE
            return
        ear: Ear = SyncEar(self._memory, self._collector) if way == "sync" else PersistentEar(self._collector)
        line.ear, line.is_hearing = ear, False
        request = ber.encode_search(str(self._base()), ("1.1",), ber.SUBTREE, encode_filter("(objectClass=*)"))
        line.search = line.session.send(request, ear.controls())
        line.confirmation = self._ask_for_sign(line)

    def _ask_for_sign(self, line: Line) -> int:
        number = line.session.send(ber.encode_read("", ("1.1",)))
        line.awaited.add(number)
        line.asked = self._timing.now()
        return number

    def _end(self, line: Line, result: LdapResult) -> None:
        """Go on after the end of a search that was to have none."""
        if result.code in _ENDED:
            raise error_for_result(result, str(line.session.address))
        way, line.ear = line.way, None
        if result.code == NO_SUCH_OBJECT:
            self._wait_for_base(line)
        elif way == "sync" and self._memory.cookie:
            self._memory.clear()  # it may be too old, or newer than a server that was restored
            self._start(line, "sync")
        else:
            self._memory.clear()
            self._start(line, line.ways[line.ways.index(way or "poll") + 1])

    # -- hearing -------------------------------------------------------------------------------------------------------

    def _attend(self, line: Line) -> None:
        """Read what has come, and do what is due."""
        self._read(line)
        now = self._timing.now()
        if line.has_more:
            return
        if line.is_waiting:
            if now - max(line.asked, line.heard) >= self._servers.deadline:
                raise line.session.give_up("watching")
        elif line.ear is None:
            if now >= line.poll_at:
                self._poll(line)
        elif now - line.heard >= QUIET:
            self._ask_for_sign(line)
        if line.ear is not None and line.compare_at is not None and now >= line.compare_at:
            line.compare_at = None
            self._collector.add_everything()
        if self._reads_elsewhere(line) and now - line.began >= COMPARE:
            line.session.close()
            self._line = None
            self._retry_at = now

    def _reads_elsewhere(self, line: Line) -> bool:
        return line.session.address != self._servers.current

    def _read(self, line: Line) -> None:
        line.has_more = False
        for _ in range(_MOST_MESSAGES):
            if (found := line.session.receive()) is None:
                return
            line.heard = self._timing.now()
            self._take(line, *found)
            if self._collector.is_full:
                break
        line.has_more = True

    def _take(self, line: Line, answered: int, kind: int, message: bytes, at: int) -> None:
        if answered in line.awaited:
            if kind == ber.DONE:
                line.awaited.discard(answered)
                if answered == line.confirmation:
                    self._confirm(line)
        elif answered != line.search:
            raise ber.MessageError("an answer that belongs to no request")
        elif kind == ber.DONE:
            code, dn, text, referrals = ber.decode_result(message, at)
            self._end(line, LdapResult(code, NAMES.get(code, "other"), dn, text, referrals))
        elif line.ear is not None and line.ear.take(kind, message, at) and not line.is_hearing:
            self._accept(line)

    def _confirm(self, line: Line) -> None:
        """Go on when a server has read the search before this request: it tells of changes now, or in a moment."""
        if line.ear is not None and not line.ear.is_told_when_ready:
            line.compare_at = self._timing.now() + _COMPARE_AGAIN
            self._accept(line)

    # -- polling -------------------------------------------------------------------------------------------------------

    def _poll(self, line: Line) -> None:
        """Look for the base, for a better way once in a while, and for new records of the history."""
        now = self._timing.now()
        line.poll_at = now + POLL
        if line.compare_at is not None and now >= line.compare_at:
            self._begin(line)
        elif line.way is not None:
            self._follow(line)
        elif self._finds_base(line):
            self._start(line, line.ways[0])
        line.heard = self._timing.now()

    def _follow(self, line: Line) -> None:
        branch = self._base().child(*names.BRANCH)
        is_first = line.follower is None
        if line.follower is None:
            line.follower = HistoryFollower(self._collector)
            _, entry = line.session.read(str(branch), (names.NUMBER,))
            line.follower.begin(revision_of(entry_of(entry) if entry is not None else None, names.NUMBER))
        result, found = line.session.search_from(str(branch), names.NUMBER, line.follower.floor, WANTED)
        if result.code in AWAY:
            raise error_for_result(result, str(line.session.address))
        if result.code in (SUCCESS, _SIZE_LIMIT):  # otherwise there is no history, or this user may not read it
            line.follower.take(found, quietly=is_first)
        if not line.is_hearing:
            self._accept(line)

    def _release(self) -> None:
        if self._line is not None:
            self._line.session.close()
            self._line = None
