"""A storage that tells nothing is asked; what cannot be asked is stale."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from confobjects.definitions import Registry
from confobjects.errors import CannotConnectError, ChangedMeanwhileError
from confobjects.following import Live
from confobjects.following.polling import PollingWatch, find_newest
from confobjects.following.reading import StoredReader
from confobjects.following.sources import LiveSources
from confobjects.management import ManagementContext, Site
from confobjects.mapping.journal import NotedChange
from confobjects.mapping.protocol import Notice
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.resolvers import Resolvers
from confobjects.storage.memory import MemoryStorage
from tests.definitions.documents import builtin
from tests.following.services import FIRST, LONG, ONE, Told
from tests.servers.timing import InstantTime, PassingTime


def follow(registry: Registry, storage: MemoryStorage, time: PassingTime) -> Live:
    sources = LiveSources(Resolvers, ".")
    return Live(
        lambda: (Site.of(registry, storage, sources), sources, "."),
        lambda found: PollingWatch(lambda: find_newest(found), time.timing),
        time.timing,
    )


def test_changes_in_memory_are_found_by_asking() -> None:
    registry, storage, told = builtin(), MemoryStorage(), Told()
    ctx = ManagementContext(Site.of(registry, storage, evaluate_defaults))
    with ctx.change() as tx:
        tx.create(*ONE, FIRST)
    with follow(registry, storage, PassingTime(speed=1000)) as live:
        live.listen()(told)
        for number in range(2, 12):
            with ctx.change() as tx:
                tx.set(*ONE, {"smtp-server": f"h{number}.example.com"})
        assert live.wait_for(11, LONG)
        assert [one.number for one in told.events] == list(range(2, 12))
        assert live.configuration.entries is not None
        assert len(list(live.configuration.entries(str(storage.base)))) > 1


def test_a_watch_that_asks_tells_of_each_change_once_and_of_everything_from_time_to_time() -> None:
    time, asked = InstantTime(), [1]
    watch = PollingWatch(lambda: asked[0], time.timing, interval=2, compare=60)
    assert watch.wait(0) == Notice()
    assert watch.wait(50) is None
    asked[0] = 2
    assert watch.wait(3) == Notice()
    assert watch.wait(50) is None
    assert watch.wait(20) == Notice()


def test_a_storage_that_does_not_answer_is_stale_until_it_does() -> None:
    time, asked = InstantTime(), [0]

    def ask() -> int:
        asked[0] += 1
        if 1 < asked[0] < 5:
            raise CannotConnectError("nobody is there")
        return 7

    watch = PollingWatch(ask, time.timing)
    assert watch.wait(0) == Notice()
    assert not is_stale(watch)
    assert watch.wait(2.1) is None
    assert is_stale(watch)
    assert [problem.summary for problem in watch.problems] == ["nobody is there"]
    assert watch.wait(60) == Notice()
    assert not is_stale(watch)
    assert not watch.problems


def is_stale(watch: PollingWatch) -> bool:
    return watch.stale is not None


class InterruptedStorage(MemoryStorage):
    """A storage in which others write right before some look at the history: those in ``writers``, one each."""

    writers: list[Callable[[], None] | None]

    def history(self) -> list[NotedChange]:
        writer = self.writers.pop(0) if self.writers else None
        if writer is not None:
            writer()
        return super().history()


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
    assert [one.number for one in look.history] == [2]


def test_a_storage_that_is_changed_faster_than_it_is_read_is_an_error() -> None:
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
    with pytest.raises(ChangedMeanwhileError):
        reader.read(None)
    storage.writers = []
    assert reader.read(None).stored.number == next(hosts) + 1
