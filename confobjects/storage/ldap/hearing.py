"""Ways to hear what changes below a base of a directory, as far as they need no connection.

============  ======================================================================================================
synchronous   The server sends all entries or what has changed since a cookie, then each change (RFC 4533). slapd with
              the overlay syncprov. A renamed entry comes as a modified one, so the entries' names are remembered.
persistent    The server sends each change, and nothing tells from when on (draft-ietf-ldapext-psearch-03). 389
              Directory Server, OpenDJ.
polling       The newest records of the history are read. They are written before the changes. The configuration of
              a server has no history there: its few entries are compared by their stamps.
============  ======================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from confobjects.dn import DN
from confobjects.mapping import journal as names
from confobjects.mapping.entry import Entry
from confobjects.storage.ldap import ber
from confobjects.storage.ldap.ber import RawEntry
from confobjects.storage.ldap.records import CLAIM, text_of
from confobjects.storage.ldap.requests import entries_of
from confobjects.storage.ldap.truth import FENCE, StoredRecord, revision_of
from confobjects.storage.watching import NoticeCollector

_DELETED: Final = 3
_ADDED: Final = 1
WANTED: Final = (names.NUMBER, names.STATE, names.STEP)
"""The attributes of history records that polling reads."""


class Ear(Protocol):
    """Takes the messages that answer a search without end. ``is_told_when_ready`` means that the answers say from when
    on every change is heard; otherwise another request has to show it.
    """

    is_told_when_ready: bool

    def controls(self) -> bytes:
        """Return the encoded controls of the search."""
        ...

    def take(self, kind: int, message: bytes, at: int) -> bool:
        """Take an answer. Return whether every change is heard from now on. Raises :class:`ber.MessageError`."""
        ...


class SyncMemory:
    """What is kept from one connection to the next: the cookie, and a hash of the DN of each entry by its entryUUID."""

    def __init__(self) -> None:
        self.cookie = b""
        self.places: dict[bytes, int] = {}

    def clear(self) -> None:
        """Forget everything: the next connection begins with all entries."""
        self.cookie = b""
        self.places = {}


class SyncEar:
    """Hears by RFC 4533, refreshAndPersist."""

    is_told_when_ready = True

    def __init__(self, memory: SyncMemory, collector: NoticeCollector) -> None:
        self._memory = memory
        self._collector = collector
        self._is_ready = False
        self._seen: set[bytes] = set()

    def controls(self) -> bytes:
        """Return the control with the cookie of the last connection."""
        return ber.encode_sync(self._memory.cookie)

    def take(self, kind: int, message: bytes, at: int) -> bool:
        """Take an entry, or a message about the state. Tell of entries only after the refresh."""
        if kind == ber.ENTRY:
            self._take_entry(message, at)
        elif kind == ber.INTERMEDIATE:
            name, value = ber.decode_info(message, at)
            if name == ber.SYNC_INFO:
                self._take_info(ber.decode_sync_info(value))
        return self._is_ready

    def _take_entry(self, message: bytes, at: int) -> None:
        dn, _ = ber.decode_entry(message, at)
        state, unique, cookie = ber.decode_sync_state(ber.decode_controls(message, at).get(ber.SYNC_STATE, b""))
        places, place = self._memory.places, hash(dn)
        known = places.pop(unique, None)
        if state != _DELETED:
            places[unique] = place
        if self._is_ready:
            has_moved = known != place and state != _ADDED
            _tell(self._collector, None if has_moved else dn)
        else:
            self._seen.add(unique)
        self._memory.cookie = cookie or self._memory.cookie

    def _take_info(self, info: ber.SyncInfo) -> None:
        self._memory.cookie = info.cookie or self._memory.cookie
        if info.kind == ber.NEW_COOKIE:
            return
        if info.are_deleted:
            for unique in info.entries:
                self._memory.places.pop(unique, None)
        else:
            self._seen.update(info.entries)
        if info.kind == ber.REFRESH_PRESENT:  # what has not been named is gone
            self._memory.places = {one: place for one, place in self._memory.places.items() if one in self._seen}
        if info.ends:
            self._seen = set()
            self._is_ready = True
        if self._is_ready:
            self._collector.add_everything()


class PersistentEar:
    """Hears by a persistent search."""

    is_told_when_ready = False

    def __init__(self, collector: NoticeCollector) -> None:
        self._collector = collector

    def controls(self) -> bytes:
        """Return the control that asks for changes only, with what kind each is."""
        return ber.encode_persistent()

    def take(self, kind: int, message: bytes, at: int) -> bool:
        """Tell of an entry. A renamed one may have others below it, which the server does not name."""
        if kind == ber.ENTRY:
            dn, _ = ber.decode_entry(message, at)
            change = ber.decode_controls(message, at).get(ber.ENTRY_CHANGE)
            has_moved = change is None or ber.decode_entry_change(change) == ber.RENAMED
            _tell(self._collector, None if has_moved else dn)
        return False


def _tell(collector: NoticeCollector, dn: str | None) -> None:
    try:
        if dn is not None:
            collector.add([DN.parse(dn)])
            return
    except ValueError:
        pass
    collector.add_everything()


class HistoryFollower:
    """Finds what changed by the numbers of the history.

    A record is written before its change, so its entries are told twice: when the record is new, and with the next look.
    A commit of several changes is told with each look until it is finished, and once after that.
    """

    def __init__(self, collector: NoticeCollector) -> None:
        self._collector = collector
        self._last = 0
        self._open: set[int] = set()

    @property
    def floor(self) -> int:
        """The number from which on records have to be read."""
        return min(self._open, default=self._last + 1)

    def begin(self, number: int) -> None:
        """Begin behind a number, of which everything up to it is known from a full comparison."""
        self._last = max(self._last, number)

    def take(self, found: Sequence[RawEntry], *, quietly: bool = False) -> None:
        """Take the records from :attr:`floor` on; ``quietly`` if everything is compared now anyway."""
        for record in sorted(map(_record_of, entries_of(found)), key=lambda one: one.number):
            if record.state not in (CLAIM, FENCE) and self._is_due(record) and not quietly:
                self._tell(record)

    def _is_due(self, record: StoredRecord) -> bool:
        if record.number > self._last:
            self._last = record.number
            self._open.add(record.number)
            return True
        if record.number not in self._open:
            return False
        if record.state != "intent":
            self._open.discard(record.number)
        return True

    def _tell(self, record: StoredRecord) -> None:
        steps = record.parse_steps()
        if not steps or len(steps) < len(record.steps) or any(step.new_dn is not None for step in steps):
            self._collector.add_everything()
        else:
            self._collector.add([step.dn for step in steps])


class EntryFollower:
    """Finds what changed by comparing all entries with the last look: for the configuration of a server, which is small.

    An entry is told by its ``entryCSN`` (slapd). Where one of them has none, all values are compared: what ``whole``
    returns is asked for.
    """

    def __init__(self, collector: NoticeCollector, whole: Callable[[], Sequence[str]]) -> None:
        self._collector = collector
        self._whole = whole
        self._stamps: dict[str, int] | None = None
        self._is_stamped = True

    @property
    def wanted(self) -> Sequence[str]:
        """The attributes to ask for."""
        return ("entryCSN",) if self._is_stamped else self._whole()

    def take(self, found: Sequence[RawEntry]) -> None:
        """Take all entries, with the attributes that are wanted. The first ones are told as everything."""
        if self._is_stamped and not all(attributes for _, attributes in found):
            self._is_stamped, self._stamps = False, None
            self._collector.add_everything()
            return
        before, now = self._stamps, {dn: hash(repr(sorted(attributes.items()))) for dn, attributes in found}
        self._stamps = now
        if before is None:
            self._collector.add_everything()
            return
        for dn in {**before, **now}:
            if before.get(dn) != now.get(dn):
                _tell(self._collector, dn)


def _record_of(entry: Entry) -> StoredRecord:
    steps = tuple(value for value in entry.get(names.STEP) if isinstance(value, str))
    return StoredRecord(revision_of(entry, names.NUMBER), text_of(entry, names.STATE).lower(), steps, entry)
