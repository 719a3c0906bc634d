"""A state that was read belongs together, whoever writes meanwhile; a configuration in memory is followed like any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from confobjects.following import Live
from confobjects.following.reading import StoredReader
from confobjects.following.sources import LiveSources
from confobjects.following.unfinished import BeingWrittenError
from confobjects.management import ManagementContext, Site
from confobjects.mapping.entry import Entry
from confobjects.mapping.journal import Moment, NotedChange, UnfinishedChange
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.resolvers import Resolvers
from confobjects.storage.ldif_file import LdifFileStorage
from confobjects.storage.locking import LockHeldError
from confobjects.storage.memory import MemoryStorage
from tests.definitions.documents import builtin
from tests.following.services import FIRST, LONG, ONE, Told


def test_changes_in_memory_are_heard() -> None:
    registry, storage, told = builtin(), MemoryStorage(), Told()
    ctx = ManagementContext(Site.of(registry, storage, evaluate_defaults))
    with ctx.change() as tx:
        tx.create(*ONE, FIRST)
    sources = LiveSources(Resolvers, ".")
    with Live(lambda: (Site.of(registry, storage, sources), sources, ".")) as live:
        live.listen()(told)
        for number in range(2, 12):
            with ctx.change() as tx:
                tx.set(*ONE, {"smtp-server": f"h{number}.example.com"})
        assert live.wait_for(11, LONG)
        assert [one.number for one in told.events] == list(range(2, 12))
        assert live.configuration.entries is not None
        assert len(list(live.configuration.entries(str(storage.base)))) > 1


class InterruptedStorage(MemoryStorage):
    """A storage in which others write right before some look at the history: those in ``writers``, one each."""

    writers: list[Callable[[], None] | None]

    def history(self, since: int = 0) -> list[NotedChange]:
        writer = self.writers.pop(0) if self.writers else None
        if writer is not None:
            writer()
        return super().history(since)


def test_a_state_and_its_number_belong_together_whenever_others_write() -> None:
    registry, storage = builtin(), InterruptedStorage()
    storage.writers = []
    ctx = ManagementContext(Site.of(registry, storage, evaluate_defaults))
    with ctx.change() as tx:
        tx.create(*ONE, FIRST)

    def write() -> None:
        with ctx.change() as tx:
            tx.set(*ONE, {"smtp-server": "second.example.com"})

    storage.writers = [None, write]
    sources = LiveSources(Resolvers, ".")
    look = StoredReader(Site.of(registry, storage, sources), sources).read(1)
    found = look.stored.objects[registry.path_of(*ONE)]
    assert (look.stored.number, found.object.values["smtp-server"]) == (2, ("second.example.com",))
    assert [one.number for one in look.history] == [1, 2]


def test_a_storage_that_is_changed_faster_than_it_is_read_is_read_later() -> None:
    registry, storage = builtin(), InterruptedStorage()
    storage.writers = []
    ctx = ManagementContext(Site.of(registry, storage, evaluate_defaults))
    with ctx.change() as tx:
        tx.create(*ONE, FIRST)
    hosts = iter(range(1000))

    def write() -> None:
        storage.writers, left = [], storage.writers
        with ctx.change() as tx:
            tx.set(*ONE, {"smtp-server": f"h{next(hosts)}.example.com"})
        storage.writers = left

    storage.writers = [write] * 100
    sources = LiveSources(Resolvers, ".")
    reader = StoredReader(Site.of(registry, storage, sources), sources)
    with pytest.raises(BeingWrittenError):  # which is no problem
        reader.read(None)
    storage.writers = []
    assert reader.read(None).stored.number == next(hosts) + 1


class BesetFile(LdifFileStorage):
    """A file that somebody else changes each time that it was looked at, unless he is locked out."""

    looks = 0
    writer: Callable[[], None] | None = None

    def snapshot(self) -> Mapping[str, Entry]:
        found = super().snapshot()
        self.looks += 1
        if self.writer is not None:
            with suppress(LockHeldError):
                self.writer()
        return found


def test_who_never_pauses_is_locked_out_of_a_file_for_one_look(tmp_path: Path) -> None:
    """A few looks are spoiled, however many changes there are; a writer that tries in vain tries again."""
    registry, path = builtin(), str(tmp_path / "config.ldif")
    ctx = ManagementContext(Site.of(registry, LdifFileStorage(path, deadline=0), evaluate_defaults))
    with ctx.change() as tx:
        tx.create(*ONE, FIRST)
    hosts = count()

    def write() -> None:
        with ctx.change() as tx:
            tx.set(*ONE, {"smtp-server": f"h{next(hosts)}.example.com"})

    storage, sources = BesetFile(path), LiveSources(Resolvers, ".")
    reader = StoredReader(Site.of(registry, storage, sources), sources)
    storage.writer = write
    for _ in range(3):
        number = ctx.history()[-1].number
        storage.looks = 0
        look = reader.read(number)
        assert number <= (look.stored.number or 0) == ctx.history()[-1].number
        assert storage.looks <= 8
        write()


class BusyStorage(MemoryStorage):
    """A storage in which changes of several entries are being written, one after the other, when it is looked at."""

    busy = 0
    """How often that is so."""
    looks = 0

    def moment(self) -> Moment:
        moment = super().moment()
        self.looks += 1
        if self.looks > self.busy:
            return moment
        return moment.replace(unfinished=(UnfinishedChange(100 + self.looks, is_abandoned=False),))


def test_a_change_that_is_being_written_is_looked_at_again_and_not_for_ever() -> None:
    registry, storage = builtin(), BusyStorage()
    ctx = ManagementContext(Site.of(registry, storage, evaluate_defaults))
    with ctx.change() as tx:
        tx.create(*ONE, FIRST)
    sources = LiveSources(Resolvers, ".")
    reader = StoredReader(Site.of(registry, storage, sources), sources)
    storage.busy = storage.looks + 5
    assert reader.read(None).stored.number == 1
    storage.busy, storage.looks = 10**6, 0
    with pytest.raises(BeingWrittenError) as caught:
        reader.read(1)
    assert storage.looks < 100
    assert str(storage.looks + 100) in caught.value.diagnostics[0].summary
