"""The contract of watches: a copy that is kept by notices alone becomes true after every change, by whomever."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from confobjects.dn import DN
from confobjects.errors import UsageError
from confobjects.mapping.entry import AddEntry, Change, DeleteEntry, Entry, Modification, ModifyEntry, RenameEntry
from confobjects.mapping.protocol import Notice, Storage
from confobjects.storage.memory import MemoryStorage
from confobjects.storage.watching import LONGEST_PAUSE, REAL, Pauses
from tests.servers.timing import InstantTime
from tests.storage.mirror import PATIENCE, Mirror

BASE = DN.parse("cn=config,dc=example,dc=com")
BRANCH = BASE.child("cn", "Mail Servers")
ONE = BRANCH.child("cn", "one")
TWO = BRANCH.child("cn", "two")


def add(dn: DN, **attributes: tuple[str, ...]) -> Change:
    return AddEntry(Entry(dn, {"objectClass": ("top", "branch"), "cn": (dn.name,), **attributes}))


def commit(storage: Storage, *changes: Change) -> None:
    with storage.writing():
        storage.commit(changes)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def mirror(storage: Storage) -> Iterator[Mirror]:
    commit(storage, add(BASE), add(BRANCH), add(TWO))
    with storage.watch() as watch:
        made = Mirror(storage, watch)
        made.follow()
        yield made


CHANGES: dict[str, tuple[Change, ...]] = {
    "an addition": (add(ONE, a=("1",)),),
    "a modification": (ModifyEntry(TWO, (Modification("add", "a", ("1",)),)),),
    "a deletion": (DeleteEntry(TWO),),
    "a renaming": (RenameEntry(TWO, ONE),),
    "a renaming of a parent": (RenameEntry(BRANCH, BASE.child("cn", "Servers")),),
    "several": (add(ONE), DeleteEntry(TWO), ModifyEntry(BASE, (Modification("add", "a", ("1",)),))),
    "the end": (DeleteEntry(TWO), DeleteEntry(BRANCH), DeleteEntry(BASE)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_kind_of_change_is_heard(mirror: Mirror, what: str) -> None:
    if mirror.storage.is_foreign and any(isinstance(change, RenameEntry) for change in CHANGES[what]):
        pytest.skip("nothing is renamed there")
    commit(mirror.storage, *CHANGES[what])
    mirror.follow()


def test_changes_in_a_row_are_heard(mirror: Mirror) -> None:
    for number in range(20):
        commit(mirror.storage, add(BRANCH.child("cn", f"n{number}")))
        commit(mirror.storage, ModifyEntry(TWO, (Modification("replace", "a", (str(number),)),)))
    mirror.follow()


def test_a_base_that_is_made_again_is_heard(mirror: Mirror) -> None:
    commit(mirror.storage, DeleteEntry(TWO), DeleteEntry(BRANCH), DeleteEntry(BASE))
    mirror.follow()
    commit(mirror.storage, add(BASE), add(BRANCH))
    mirror.follow()
    commit(mirror.storage, add(ONE))
    mirror.follow()


def test_a_base_that_is_made_later_is_heard(storage: Storage) -> None:
    with storage.watch() as watch:
        mirror = Mirror(storage, watch)
        mirror.follow()
        commit(storage, add(BASE))
        mirror.follow()
        commit(storage, add(BRANCH))
        mirror.follow()


def test_the_first_notice_covers_what_came_before(storage: Storage) -> None:
    with storage.watch() as watch:
        commit(storage, add(BASE))
        assert watch.wait(PATIENCE) == Notice(None)
        assert watch.stale is None
        assert not watch.problems


def test_each_of_several_watches_hears(storage: Storage) -> None:
    commit(storage, add(BASE))
    with storage.watch() as one, storage.watch() as other:
        mirrors = [Mirror(storage, one), Mirror(storage, other)]
        for mirror in mirrors:
            mirror.follow()
        commit(storage, add(BRANCH))
        for mirror in mirrors:
            mirror.follow()


def test_a_watch_can_be_waited_for_together_with_others(mirror: Mirror) -> None:
    mirror.drain()
    commit(mirror.storage, add(ONE))
    while mirror.entries.keys() != {dn.normal for dn in (BASE, BRANCH, ONE, TWO)}:
        assert len(mirror.watch.descriptors()) <= 2
        REAL.wait(mirror.watch.descriptors(), mirror.watch.due())
        mirror.drain()


def test_descriptors_do_not_leak(storage: Storage) -> None:
    commit(storage, add(BASE))
    with storage.watch() as watch:  # whatever a first watch loads stays open
        assert watch.wait(PATIENCE) is not None
    before = descriptors()
    for _ in range(5):
        with closing(storage.watch()) as watch:
            assert watch.wait(PATIENCE) is not None
            assert descriptors() <= before + 2
        watch.close()
        assert descriptors() == before
        with pytest.raises(UsageError):
            watch.wait(0)


def test_a_watch_of_memory_hears_other_threads() -> None:
    storage = MemoryStorage(base=BASE)
    with storage.watch() as watch:
        mirror = Mirror(storage, watch)
        mirror.follow()
        thread = threading.Thread(target=commit, args=(storage, add(BASE), add(BRANCH)))
        thread.start()
        mirror.follow()
        thread.join()
        assert mirror.comparisons == 1


def test_one_who_does_not_listen_costs_no_memory() -> None:
    storage = MemoryStorage(base=BASE)
    commit(storage, add(BASE))
    with storage.watch() as watch:
        watch.wait(0)
        commit(storage, *(add(BASE.child("cn", str(number))) for number in range(999)))
        notice = watch.wait(0)
        assert notice is not None
        assert notice.names is not None
        assert len(notice.names) == 999
        for number in range(999, 5000):
            commit(storage, add(BASE.child("cn", str(number))))
        assert watch.wait(0) == Notice(None)
        assert watch.wait(0) is None


def test_names_come_once_and_in_order() -> None:
    storage = MemoryStorage(base=BASE)
    commit(storage, add(BASE))
    with storage.watch() as watch:
        watch.wait(0)
        commit(storage, add(BRANCH), add(ONE))
        commit(storage, ModifyEntry(BRANCH, (Modification("add", "a", ("1",)),)))
        assert watch.wait(0) == Notice((BRANCH, ONE))


def test_a_change_that_is_refused_is_not_told() -> None:
    storage = MemoryStorage(base=BASE)
    with storage.watch() as watch:
        watch.wait(0)
        with pytest.raises(Exception, match="parent"):
            commit(storage, add(ONE))
        assert watch.wait(0) is None


def test_pauses_grow_to_a_limit_and_are_never_all_the_same() -> None:
    time = InstantTime()
    pauses = Pauses(time.timing)
    found = [pauses.next() for _ in range(12)]
    assert found == [min(0.25 * 2**number, LONGEST_PAUSE) for number in range(12)]
    pauses.reset()
    assert pauses.next() == 0.25
    assert len({Pauses(REAL).next() for _ in range(50)}) > 1


def test_a_watch_waits_no_longer_than_it_is_told(make_every_storage: Callable[[], list[Storage]]) -> None:
    for storage in make_every_storage():
        time = InstantTime()
        with closing(storage), storage.watch(time.timing) as watch:
            while watch.wait(0) is not None:
                pass
            began = time.time
            assert watch.wait(7.5) is None
            assert time.time == began + 7.5
