"""A service that follows a directory hears of every change, by whichever server it is told."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

import confobjects
from confobjects.errors import ConfobjectsError
from confobjects.mapping.entry import Modification, ModifyEntry
from tests.following.directories import REGISTRY, Directory
from tests.following.services import LONG, ONE, Told, shorten


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
