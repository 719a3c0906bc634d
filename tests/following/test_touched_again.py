"""All of a large directory is read while others change it for ever, for little more than it takes when nobody does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from confobjects.dn import DN
from confobjects.following.reading import StoredReader
from confobjects.following.sources import LiveSources
from confobjects.management import ManagementContext, Site
from confobjects.mapping.entry import AddEntry, Change, DeleteEntry, Entry
from confobjects.mapping.journal import Moment, Note, NotedChange, UnfinishedChange
from confobjects.mapping.protocol import Notice, Scope
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.resolvers import Resolvers
from confobjects.storage.ldap.plans import PlannedChange
from confobjects.storage.ldap.truth import with_number
from confobjects.storage.memory import BASE, MemoryStorage
from tests.definitions.documents import builtin
from tests.effort import times
from tests.following.services import FIRST

REGISTRY = builtin()
MOST_TOUCHED = 3
"""How many entries a change touches at most."""
NEW = ("new", "other")
"""The names of objects that are not there at first."""
STEP = MOST_TOUCHED + 2
"""What the last rounds read: these entries, the end of the history and its moment."""
ROUNDS = 8
Hosts = Mapping[str, str]


class BesetDirectory(MemoryStorage):
    """A directory: entries are read one after the other, each has the number of its last change, nobody is locked out.

    After so many reads (``pace``) somebody writes.
    """

    serialises_writers = False
    reads = 0
    pace = 0
    begun: tuple[Entry, ...] = ()
    """An entry that the newest change has written, as it was before, while the rest of that change is missing."""
    newest = BASE
    """The entry that was read last."""
    has_told_pending = False
    """Whether the history was read while its newest change was not whole."""
    writer: Callable[[DN], None] | None = None

    def tick(self) -> None:
        """Count a read, and let others write when it is time."""
        self.reads += 1
        if self.writer is not None and self.reads % self.pace == 0:
            writer, self.writer = self.writer, None
            reads, newest = self.reads, self.newest
            writer(newest)
            self.reads, self.writer = reads, writer

    def read(self, dn: DN, attributes: Sequence[str] | None = None) -> Entry | None:
        found = super().read(dn, attributes)
        self.newest = dn
        self.tick()
        return found

    def search(
        self,
        base: DN,
        scope: Scope = "one",
        object_class: str | None = None,
        attributes: Sequence[str] | None = None,
        *,
        records: bool = True,
    ) -> list[Entry]:
        names = [entry.dn for entry in super().search(base, scope, object_class, attributes, records=records)]
        return [entry for dn in names if (entry := self.read(dn)) is not None]

    def snapshot(self) -> None:  # type: ignore[override]  # a directory has none at hand
        return None

    def history(self, since: int = 0) -> list[NotedChange]:
        found = super().history(since)
        if self.begun and found:
            found[-1] = found[-1].replace(state="pending")
            self.has_told_pending = True
        self.tick()
        return found

    def moment(self) -> Moment:
        found = super().moment()
        if self.begun:
            found = found.replace(unfinished=(UnfinishedChange(self._last, is_abandoned=False),))
        self.tick()
        return found

    def leave_half(self, before: Sequence[Entry]) -> None:
        """Have only the first of some entries written by the newest change, which is not whole."""
        self._put_back(before[1:])
        self.begun = (before[0],)

    def leave_unmarked(self, before: Entry) -> None:
        """Have the newest change made, but not marked as done."""
        self.begun = (before,)

    def mark_done(self) -> None:
        """Mark the newest change as done."""
        self.begun = ()

    def take_back(self) -> None:
        """Take back the change that is not whole."""
        self._put_back(self.begun)
        self.begun = ()
        self.withdraw(self._last)

    def _put_back(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            gone = [] if self._tree.read(entry.dn) is None else [DeleteEntry(entry.dn)]
            self._tree.apply([*gone, AddEntry(entry)])

    def commit(self, changes: Sequence[Change], record: Note | None = None) -> int | None:
        number = self._last + 1
        return super().commit([with_number(PlannedChange(one, None), number).change for one in changes], record)


class Others:
    """Those who write: each change modifies, creates or deletes some objects. ``states`` are the hosts after each."""

    def __init__(self, storage: BesetDirectory, size: int, seed: int) -> None:
        self.random = Random(seed)
        self.storage = storage
        self.ctx = ManagementContext(Site.of(REGISTRY, storage, evaluate_defaults))
        self.states: list[Hosts] = [{}]
        first = {f"s{number}": str(FIRST["smtp-server"]) for number in range(size)}
        with self.ctx.change() as tx:
            for name in first:
                tx.create("mail-server", name, FIRST)
        self.states.append(first)

    def write(self) -> None:
        hosts = dict(self.states[-1])
        host = f"h{len(self.states)}.example.com"
        names = self.random.sample(sorted({*hosts, *NEW}), self.random.choice((1, 1, MOST_TOUCHED)))
        with self.ctx.change() as tx:
            for name in names:
                if name not in hosts:
                    tx.create("mail-server", name, {**FIRST, "smtp-server": host})
                    hosts[name] = host
                elif self.random.random() < 0.3:
                    tx.delete("mail-server", name)
                    del hosts[name]
                else:
                    tx.set("mail-server", name, {"smtp-server": host})
                    hosts[name] = host
        assert tx.report.number == len(self.states)
        self.states.append(hosts)

    def write_or_fail(self) -> None:
        """Write; or begin a change of several that is taken back when it is the turn of others again."""
        if self.storage.begun:
            self.storage.take_back()
        elif self.random.random() < 0.6:
            self.write()
        else:
            self.begin(*self.random.sample(sorted(self.states[-1]), 2))

    def begin(self, name: str, other: str, *, is_deletion: bool = False) -> None:
        """Write the first of the two objects that a change modifies, or delete it."""
        before = [self.storage.read(self.dn_of(one)) for one in (name, other)]
        with self.ctx.change() as tx:
            for one in (name, other):
                tx.set("mail-server", one, {"smtp-server": "half.example.com"})
            if is_deletion:
                tx.delete("mail-server", name)
        self.states.append(self.states[-1])
        self.storage.leave_half([one for one in before if one is not None])

    def write_unmarked(self, *names: str) -> None:
        """Modify some objects in a change that is not marked as done."""
        before = self.storage.read(self.dn_of(names[0]))
        host = "unmarked.example.com"
        with self.ctx.change() as tx:
            for name in names:
                tx.set("mail-server", name, {"smtp-server": host})
        self.states.append({**self.states[-1], **dict.fromkeys(names, host)})
        assert before is not None
        self.storage.leave_unmarked(before)

    def dn_of(self, name: str) -> DN:
        return self.ctx.site.mapper.dn_of(REGISTRY.path_of("mail-server", name))


def read_all(storage: BesetDirectory, reader: StoredReader, since: int | None) -> tuple[int, Hosts, int]:
    """Return the number and the hosts that are found, and how many reads that took."""
    reader.note(Notice(None))
    storage.reads = 0
    look = reader.read(since)
    reads = storage.reads
    assert look.warnings == ()
    assert {one.state for one in look.history} <= {"done"}
    assert look.stored.number is not None
    hosts = {
        path.name: one.object.values["smtp-server"][0]
        for path, one in look.stored.objects.items()
        if path.name is not None and path.relation == "mail-server"
    }
    return look.stored.number, hosts, reads


@settings(max_examples=times(15), deadline=None)
@example(60, 2 * STEP, 1)
@given(st.integers(20, 120), st.integers(2 * STEP, 6 * STEP), st.integers(0, 2**32))
def test_all_is_read_in_little_more_than_it_takes_when_nobody_writes(size: int, pace: int, seed: int) -> None:
    """While n entries are read, at most n * MOST_TOUCHED / pace are touched, and so on: a geometric series."""
    storage = BesetDirectory()
    others = Others(storage, size, seed)
    sources = LiveSources(Resolvers, ".")
    site = Site.of(REGISTRY, storage, sources)
    _, _, quiet = read_all(storage, StoredReader(site, sources), None)
    storage.pace, storage.writer = pace, lambda _: others.write()
    reader, since = StoredReader(site, sources), None
    for _ in range(3):
        number, hosts, reads = read_all(storage, reader, since)
        event("something went on" if number + 1 < len(others.states) else "it ends with the newest change")
        assert hosts == others.states[number]
        assert reads <= (quiet + 2 * len(NEW)) * pace / (pace - MOST_TOUCHED) + ROUNDS * STEP
        since = number


@settings(max_examples=times(15), deadline=None)
@given(st.integers(20, 60), st.integers(2 * STEP, 3 * STEP), st.integers(0, 2**32))
def test_half_of_a_change_that_is_taken_back_meanwhile_is_never_found(size: int, pace: int, seed: int) -> None:
    storage = BesetDirectory()
    others = Others(storage, size, seed)
    sources = LiveSources(Resolvers, ".")
    reader, since = StoredReader(Site.of(REGISTRY, storage, sources), sources), None
    storage.pace, storage.writer = pace, lambda _: others.write_or_fail()
    for _ in range(3):
        number, hosts, _ = read_all(storage, reader, since)
        assert hosts == others.states[number]
        since = number


def test_what_a_change_that_is_taken_back_has_left_in_an_entry_is_not_found() -> None:
    """It begins when a part of all has been read, and is taken back when its entry has been read."""
    storage = BesetDirectory()
    others = Others(storage, 10, 0)
    sources = LiveSources(Resolvers, ".")
    site = Site.of(REGISTRY, storage, sources)
    _, _, quiet = read_all(storage, StoredReader(site, sources), None)

    def write(newest: DN) -> None:
        if len(others.states) == 2:
            others.begin("s8", "s9")
            storage.pace = 1
        elif storage.begun and newest == others.dn_of("s8"):
            storage.take_back()

    storage.pace, storage.writer = round(0.2 * quiet), write
    number, hosts, reads = read_all(storage, StoredReader(site, sources), None)
    assert hosts == others.states[number]
    assert quiet < reads < quiet + 4 * STEP


def test_an_object_that_was_missing_when_it_was_read_again_is_found_when_its_deletion_is_taken_back() -> None:
    """A change in the middle has its objects read again, and with them what the next change touches by then."""
    storage = BesetDirectory()
    others = Others(storage, 10, 0)
    sources = LiveSources(Resolvers, ".")
    site = Site.of(REGISTRY, storage, sources)
    _, _, quiet = read_all(storage, StoredReader(site, sources), None)
    seen = []

    def write(newest: DN) -> None:
        if storage.reads == round(0.25 * quiet):
            others.write_unmarked("s0", "s9")
            storage.mark_done()
        elif storage.reads == round(0.9 * quiet):
            others.begin("s8", "s7", is_deletion=True)
        elif storage.begun and newest == others.dn_of("s8"):
            seen.append(storage.reads > quiet)
            storage.take_back()

    storage.pace, storage.writer = 1, write
    number, hosts, reads = read_all(storage, StoredReader(site, sources), None)
    assert (number, hosts) == (2, others.states[2])
    assert seen == [True]
    assert reads < quiet + 4 * STEP


def test_a_change_is_known_as_whole_that_was_marked_as_done_after_the_history_was_read() -> None:
    """Without that, a service takes what it did for an edit by hand."""
    storage = BesetDirectory()
    others = Others(storage, 10, 0)
    sources = LiveSources(Resolvers, ".")
    site = Site.of(REGISTRY, storage, sources)
    reader = StoredReader(site, sources)
    before, _, quiet = read_all(storage, reader, None)

    def write(_: DN) -> None:
        if len(others.states) == 2:
            others.write_unmarked("s8", "s9")
            storage.pace = 1
        elif storage.has_told_pending:
            storage.mark_done()

    storage.pace, storage.writer = round(0.2 * quiet), write
    number, hosts, _ = read_all(storage, reader, before)
    assert storage.has_told_pending
    assert (number, hosts) == (2, others.states[2])
