"""The watch of a server with a schema of its own: its configuration, and the storage of its state, heard as one.

Laws of this module:

1. The server tells of its entries. The state tells that the history went on: a change is whole when its plan is gone.
2. Nothing is told while the server cannot be heard: what the state has told meanwhile is told afterwards.
3. A server that cannot tell of changes is asked every 2 seconds for the stamps of all entries of its configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from confobjects.dn import DN
from confobjects.errors import ConfobjectsError
from confobjects.mapping.entry import Entry
from confobjects.mapping.protocol import Notice, Timing, Watch
from confobjects.storage.ldap.hearing import EntryFollower
from confobjects.storage.ldap.requests import find_all
from confobjects.storage.ldap.results import AWAY, SUCCESS, error_for_result
from confobjects.storage.ldap.servers import Servers
from confobjects.storage.ldap.watch import LdapWatch, Line


class ServerWatch(LdapWatch):
    """Hears what changes in the configuration of a server, and in its history.

    ``state`` is the watch of the storage of the state; ``find_definitions`` returns the entries of definitions there.
    ``whole`` returns what to ask for to read an entry whole.
    """

    def __init__(  # noqa: PLR0913 - two things to hear, and what is read of them
        self,
        servers: Servers,
        base: Callable[[], DN],
        state: Watch,
        find_definitions: Callable[[], Sequence[Entry]],
        timing: Timing | None = None,
        *,
        whole: Callable[[], Sequence[str]],
    ) -> None:
        super().__init__(servers, base, timing)
        self._state = state
        self._find_definitions = find_definitions
        self._definitions: Sequence[Entry] | None = None
        self._follower = EntryFollower(self._collector, whole)
        self._has_news = False

    def descriptors(self) -> Sequence[int]:
        """Return what the server and the state are heard by."""
        return (*super().descriptors(), *self._state.descriptors())

    def due(self) -> float | None:
        """Return the seconds until one of the two has something to do."""
        return min((one for one in (super().due(), self._state.due()) if one is not None), default=None)

    def _hear(self) -> Notice | None:
        self._hear_state()
        heard = super()._hear()
        if self._has_news and self.stale is None:
            self._has_news = False
            return heard or Notice(())
        return heard

    def _hear_state(self) -> None:
        """Note that the history went on. Definitions of the configuration lie there too: they may change everything."""
        if self._state.wait(0) is None:
            return
        self._has_news = True
        try:
            found = self._find_definitions()
        except ConfobjectsError:  # whoever looks finds it out
            return
        if self._definitions is not None and found != self._definitions:
            self._collector.add_everything()
        self._definitions = found

    def _follow(self, line: Line) -> None:
        result, found = find_all(line.session, str(self._base()), "sub", "(objectClass=*)", self._follower.wanted)
        if result.code in AWAY:
            raise error_for_result(result, str(line.session.address))
        if result.code == SUCCESS:  # otherwise this user may not read it: everything is compared once a minute
            self._follower.take(found)
        if not line.is_hearing:
            self._accept(line)

    def _release(self) -> None:
        super()._release()
        self._state.close()
