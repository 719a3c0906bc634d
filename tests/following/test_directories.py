"""A service that follows a directory hears of every change, by whichever server it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Self
from urllib.parse import quote

import pytest

import confobjects
from confobjects.errors import ConfobjectsError
from confobjects.following.reading import StoredReader
from confobjects.following.sources import LiveSources
from confobjects.management import ManagementContext, Site
from confobjects.mapping.entry import Modification, ModifyEntry
from confobjects.mapping.journal import NotedChange
from confobjects.mapping.protocol import Notice
from confobjects.paths import ManagedObjectPath
from confobjects.resolvers import Resolvers
from confobjects.storage import open_storage
from tests.following.directories import REGISTRY, Directory
from tests.following.services import FIRST, LONG, ONE, Told, shorten


def test_a_change_is_in_effect_when_it_is_told(directory: Directory) -> None:
    told = Told()
    with directory.live() as live:
        live.listen()(told)
        directory.set(smtp_server="second.example.com")
        assert live.wait_for(2, LONG)
        assert live[ONE]["smtp-server"].host == "second.example.com"
        assert shorten(told.events) == [("changed", "/mail-server/one", ("smtp-server",), 2)]
        assert (live.number, live.waiting, live.problems, live.stale) == (2, (), (), None)


def test_changes_in_a_row_are_told_once_and_in_order(directory: Directory) -> None:
    told = Told()
    with directory.live() as live:
        live.listen()(told)
        for number in range(30):
            directory.set(smtp_server=f"h{number}.example.com")
        assert live.wait_for(31, LONG)
        assert [one.number for one in told.events] == list(range(2, 32))
        hosts = [None if one.after is None else one.after["smtp-server"].host for one in told.events]
        assert hosts == [f"h{number}.example.com" for number in range(30)]


def test_a_change_of_several_objects_is_told_whole(directory: Directory) -> None:
    seen = []
    with directory.live() as live:

        @live.listen()
        def look(event: object) -> None:
            configuration = live.configuration
            seen.append([name in configuration for name in (("mail-server", "two"), ("mail-server", "three"))])

        with directory.change() as tx:
            tx.create("mail-server", "two", {"enabled": True, "smtp-server": "two.example.com"})
            tx.create("mail-server", "three", {"enabled": True, "smtp-server": "three.example.com"})
        assert live.wait_for(2, LONG)
        assert look.name.endswith("look")
    assert seen == [[True, True], [True, True]]


def test_an_edit_by_another_tool_is_heard(directory: Directory) -> None:
    told = Told()
    with directory.live() as live, closing(confobjects.open(directory.url, definitions=REGISTRY).storage) as storage:
        live.listen()(told)
        (entry,) = storage.search(storage.base, "sub", "ds-cfg-mail-server")
        modification = Modification("replace", "ds-cfg-smtp-server", ("hand.example.com",))
        with storage.writing():
            storage.commit([ModifyEntry(entry.dn, [modification])])
        assert shorten(told.wait(1)) == [("changed", "/mail-server/one", ("smtp-server",), None)]
        assert live[ONE]["smtp-server"].host == "hand.example.com"


def test_a_directory_that_is_not_there_yet_raises_what_load_raises(tmp_path: Path) -> None:
    live = confobjects.live(f"ldapi://{quote(str(tmp_path / 'nobody'), safe='')}/cn=config", definitions=REGISTRY)
    with pytest.raises(ConfobjectsError), live:
        pass


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_state_is_found_while_changes_never_end(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Each change is one of so many entries: it is found whole."""
    with directory.change() as tx:
        for name in NAMES:
            tx.create("mail-server", name, FIRST)
    sources = LiveSources(Resolvers, ".")
    with (
        confobjects.open(directory.url, definitions=REGISTRY) as context,
        closing(open_storage(directory.url)) as storage,
    ):
        site = Site.of(REGISTRY, storage, sources)
        reader = StoredReader(site, sources)
        assert reader.read(None).stored.number == 2
        monkeypatch.setattr(storage, "history", write_before(storage.history, context, size))
        numbers: list[int] = []
        for turn in range(10):
            heard = (
                tuple(site.mapper.dn_of(path_of(name)) for name in NAMES) if turn % 2 else None
            )  # None for any entry
            reader.note(Notice(heard))
            look = reader.read(numbers[-1] + 1 if numbers else 3)
            assert look.stored.number is not None
            numbers.append(look.stored.number)
            hosts = {name: look.stored.objects[path_of(name)].object.values["smtp-server"][0] for name in NAMES}
            assert hosts == hosts_after(look.stored.number, size)
            assert [one.number for one in look.history] == list(
                range((numbers[-2] if turn else 2) + 1, numbers[-1] + 1)
            )


class EndlessWriter:
    """Changes several objects in one commit, then again, until it is stopped."""

    def __init__(self, directory: Directory) -> None:
        self.numbers: list[int] = []
        self._directory = directory
        self._is_stopping = False
        self._thread = Thread(target=self._write)

    def _write(self) -> None:
        with confobjects.open(self._directory.url, definitions=REGISTRY) as context:
            for turn in count():
                if self._is_stopping:
                    return
                with context.change() as tx:
                    for name in NAMES:
                        tx.set("mail-server", name, {"smtp-server": f"h{turn}.example.com"})
                number = tx.report.number
                assert number is not None
                self.numbers.append(number)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._is_stopping = True
        self._thread.join()


@pytest.mark.parametrize("directory", ["slapd"], indirect=True)
def test_changes_of_several_objects_that_never_pause_are_told_whole_and_in_order(directory: Directory) -> None:
    """Not on 389-ds 2.3.1, which can block itself for ever when it is read and written without a pause."""
    with directory.change() as tx:
        for name in NAMES:
            tx.create("mail-server", name, FIRST)
    told, in_effect = Told(), []
    with directory.live() as live:
        live.listen()(told)

        @live.listen()
        def look(event: object) -> None:
            in_effect.append({live["mail-server", name]["smtp-server"].host for name in NAMES})

        with EndlessWriter(directory) as writer:
            told.wait_until(lambda: len(told.events) >= 30 * len(NAMES))  # while it writes
        assert live.wait_for(writer.numbers[-1], LONG)
    hosts = [(number, f"h{turn}.example.com") for turn, number in enumerate(writer.numbers)]
    assert [(one.number, one.after["smtp-server"].host) for one in told.events if one.after] == [
        one for one in hosts for _ in NAMES
    ]
    assert all(len(one) == 1 for one in in_effect)


NAMES = ("x", "y", "z")


def path_of(name: str) -> ManagedObjectPath:
    return REGISTRY.path_of("mail-server", name)


def names_of(number: int, size: int) -> list[str]:
    """The objects that a change touches."""
    return [NAMES[(number + turn) % len(NAMES)] for turn in range(size)]


def hosts_after(number: int, size: int) -> dict[str, str]:
    """The host of each object after a change."""
    hosts: dict[str, str] = dict.fromkeys(NAMES, str(FIRST["smtp-server"]))
    for one in range(3, number + 1):
        hosts.update(dict.fromkeys(names_of(one, size), f"h{one}.example.com"))
    return hosts


def write_before(
    history: Callable[[int], Sequence[NotedChange]], context: ManagementContext, size: int
) -> Callable[[int], Sequence[NotedChange]]:
    """Return a look at the history before which somebody changes some objects, one after the other."""
    numbers = count(3)

    def look(since: int = 0) -> Sequence[NotedChange]:
        number = next(numbers)
        with context.change() as tx:
            for name in names_of(number, size):
                tx.set("mail-server", name, {"smtp-server": f"h{number}.example.com"})
        assert tx.report.number == number
        return history(since)

    return look
