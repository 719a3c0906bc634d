"""The state of a server: what belongs to its configuration, and lies in another storage because it cannot lie in it.

That is the history, the definitions that are installed for it, the reports of followers and the records of tests. The other
storage is a file of this user, unless another one is chosen. Laws of this module:

1. A commit is recorded in the other storage, with its plan, before its first change; the plan is removed after the last one.
2. What a dead writer left is never sent again. If the server has all of its changes, it counts as made; if it has the
   first ones of them, those are taken back; if it has something else, nothing is touched, and the change is called unclear.
3. The other storage belongs to one server. A file with entries of another one is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from time import monotonic, time
from typing import TYPE_CHECKING, Final

from confobjects.definitions.model import HOLDER_BRANCH
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import StorageError
from confobjects.mapping import journal as names
from confobjects.mapping.entry import OBJECT_CLASS, AddEntry, Change, DeleteEntry, Entry, Modification, ModifyEntry
from confobjects.mapping.journal import Moment, NotedChange, UnfinishedChange
from confobjects.records import Record
from confobjects.storage.ldap import plans, writers
from confobjects.storage.ldap.records import text_of
from confobjects.storage.ldap.truth import revision_of

if TYPE_CHECKING:
    from confobjects.mapping.journal import Note, State
    from confobjects.mapping.protocol import Storage
    from confobjects.storage.ldap.plans import PlannedChange

_BRANCH_CLASS: Final = "ds-cfg-branch"
_PREFIX: Final = "Change "


class LeftChange(Record):
    """A commit whose plan is still there: its number, its entry, what was planned, and who made it.

    It is ``unclear`` if it was looked at, and nobody can tell what became of it.
    """

    number: int
    dn: DN
    plan: tuple[PlannedChange, ...]
    writer: str
    unclear: bool = False

    @property
    def is_abandoned(self) -> bool:
        """Whether its writer is known to be gone, or to have left it."""
        return not writers.is_alive(self.writer, time())


class ServerState:
    """The state of the server with a base, in another storage."""

    def __init__(self, storage: Storage, base: DN) -> None:
        self.storage = storage
        self._base = base
        self._renewed = 0.0

    # -- entries of ours ---------------------------------------------------------------------------------------------

    def is_ours(self, dn: DN) -> bool:
        """Tell whether an entry below the base of the server is kept in the other storage."""
        branch = self._base.child(*HOLDER_BRANCH)
        return dn == branch or dn.is_below(branch)

    def place_of(self, dn: DN) -> DN:
        """Return the DN in the other storage of an entry of ours."""
        return DN.of(*dn.relative_to(self._base).rdns, *self.storage.base.rdns)

    def as_told(self, entry: Entry) -> Entry:
        """Return an entry of the other storage as one below the base of the server."""
        dn = DN.of(*entry.dn.relative_to(self.storage.base).rdns, *self._base.rdns)
        return Entry.from_trusted(dn, entry.attributes)

    def translate(self, change: Change) -> Change:
        """Return a change of an entry of ours as one of the other storage."""
        if isinstance(change, AddEntry):
            return AddEntry(Entry(self.place_of(change.entry.dn), change.entry.attributes))
        if isinstance(change, ModifyEntry):
            return ModifyEntry(self.place_of(change.dn), change.modifications)
        if isinstance(change, DeleteEntry):
            return DeleteEntry(self.place_of(change.dn))
        return change.replace(dn=self.place_of(change.dn), new_dn=self.place_of(change.new_dn))

    # -- commits -----------------------------------------------------------------------------------------------------

    def begin(self, plan: Sequence[PlannedChange], note: Note) -> LeftChange:
        """Record a commit that is about to be made. Call it, as all that writes, while the other storage is written."""
        number = (self.storage.moment().last or 0) + 1
        dn = self.storage.base.child("cn", _PREFIX + os.urandom(8).hex())
        left = LeftChange(number, dn, tuple(plan), writers.make_name(time()))
        self._renewed = monotonic()
        given = self.storage.commit([*self._make_base(), AddEntry(_entry_of(left))], note)
        if given is None:
            raise StorageError(f"{self.storage.url} keeps no history: choose another storage for the state")
        if given != number:  # others write there too
            step = Modification("replace", names.NUMBER, [str(given)])
            self.storage.commit([ModifyEntry(dn, [step])])
        return left.replace(number=given)

    def _make_base(self) -> Iterator[AddEntry]:
        """Yield the addition of the base if it is missing."""
        base = self.storage.base
        if self.storage.read(base) is not None:
            return
        if self.storage.snapshot():
            summary = "this is the state of another server"
            remedy = f"give each server a file of its own; that of this one has the base {base}"
            raise StorageError(Diagnostic("storage-failed", summary, origin=self.storage.url, remedy=remedy))
        ((kind, value),) = base.rdns[0]
        yield AddEntry(Entry(base, {OBJECT_CLASS: ("top", _BRANCH_CLASS), kind: (value,)}))

    def renew(self, left: LeftChange) -> LeftChange:
        """Renew the lease of a writer that works for long, where writers on other machines look at it."""
        if self.storage.serialises_writers or monotonic() - self._renewed < writers.RENEWAL:
            return left
        self._renewed = monotonic()
        again = left.replace(writer=writers.make_name(time()))
        steps = [Modification("delete", names.WRITER, [left.writer]), Modification("add", names.WRITER, [again.writer])]
        self.storage.commit([ModifyEntry(left.dn, steps)])
        return again

    def close(self, left: LeftChange, *, made: bool, more: Sequence[Change] = ()) -> None:
        """Remove the plan of a commit that was made, or of one that left no change; ``more`` are changes of entries of ours."""
        self.storage.commit([*self._make_base(), *more, DeleteEntry(left.dn)])
        if not made:
            self.storage.withdraw(left.number)

    def leave(self, left: LeftChange, *, unclear: bool) -> None:
        """Leave a commit to the next writer, or keep it as one of which nobody can tell what became of it."""
        state = "unclear" if unclear else "intent"
        steps = [Modification("replace", names.WRITER, ["-"]), Modification("replace", names.STATE, [state])]
        if unclear:
            steps.append(Modification("replace", names.PLAN))
        self.storage.commit([ModifyEntry(left.dn, steps)])

    def add_entries(self, changes: Sequence[Change], note: Note | None) -> int | None:
        """Carry out changes of entries of ours."""
        return self.storage.commit([*self._make_base(), *map(self.translate, changes)], note)

    # -- what others left --------------------------------------------------------------------------------------------

    def find_left(self) -> list[LeftChange]:
        """Return the commits whose plan is there, or of which nobody can tell what became of them, the lowest number first."""
        found = self.storage.search(self.storage.base, "one", names.RECORD_CLASS)
        return sorted((_left_of(entry) for entry in found), key=lambda one: one.number)

    def history(self, since: int) -> list[NotedChange]:
        """Return the noted changes after a number, with what is known of those that were not closed."""
        states: dict[int, State] = {one.number: "unclear" if one.unclear else "pending" for one in self.find_left()}
        found = self.storage.history(since)
        return [one.replace(state=states[one.number]) if one.number in states else one for one in found]

    def moment(self) -> Moment:
        """Return where the history stands."""
        moment = self.storage.moment()
        left = tuple(UnfinishedChange(one.number, one.is_abandoned) for one in self.find_left() if not one.unclear)
        return moment.replace(unfinished=left)


def _entry_of(left: LeftChange) -> Entry:
    return Entry(
        left.dn,
        {
            OBJECT_CLASS: ("top", names.RECORD_CLASS),
            "cn": (left.dn.rdns[0][0][1],),
            names.NUMBER: (str(left.number),),
            names.STATE: ("intent",),
            names.WRITER: (left.writer,),
            names.PLAN: plans.pack_text(plans.as_text(left.plan)),
        },
    )


def _left_of(entry: Entry) -> LeftChange:
    """Return the commit in an entry; one whose plan cannot be read is unclear."""
    unclear = text_of(entry, names.STATE) != "intent"
    try:
        plan = () if unclear else tuple(plans.from_text(plans.unpack_text(entry.get(names.PLAN))))
    except ValueError:
        plan = ()
    number = revision_of(entry, names.NUMBER)
    return LeftChange(number, entry.dn, plan, text_of(entry, names.WRITER), unclear or not plan)
