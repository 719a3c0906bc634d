"""A service that follows a directory hears of every change, by whichever server it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import confobjects
from confobjects.definitions_loading import load_registry
from confobjects.errors import ConfobjectsError
from confobjects.following import Live
from confobjects.mapping.entry import Modification, ModifyEntry
from tests.following.services import FIRST, LONG, ONE, Told, shorten
from tests.servers import ds389
from tests.servers.fixtures import GUARDED

NUMBERS = count()
REGISTRY = load_registry()


class Directory:
    """A configuration in a directory, with the mail server "one", which is change 1."""

    def __init__(self, url: str) -> None:
        self.url = url
        with self.change() as tx:
            tx.create(*ONE, FIRST)

    @contextmanager
    def change(self) -> Iterator[Any]:
        with confobjects.open(self.url, definitions=REGISTRY) as context, context.change() as tx:
            yield tx

    def set(self, **values: Any) -> None:
        with self.change() as tx:
            tx.set(*ONE, {name.replace("_", "-"): value for name, value in values.items()})

    def live(self) -> Live:
        return confobjects.live(self.url, definitions=REGISTRY, environment={})


@pytest.fixture(params=["389-ds", "slapd"])
def directory(request: pytest.FixtureRequest) -> Directory:
    if request.param == "slapd":
        url, above = request.getfixturevalue("slapd").socket_url, GUARDED
    else:
        url, above = request.getfixturevalue("ds389_server").socket_url, ds389.SUFFIX
    return Directory(str(url) + quote(f"cn=followed {next(NUMBERS)},{above}"))


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
