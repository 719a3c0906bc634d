"""Many writers by REST: no update is lost, in a file and in a directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

import confobjects
from confobjects.dn import DN
from confobjects.management import ManagementContext
from confobjects.management.documents.copying import initialise
from confobjects.mapping.entry import DeleteEntry
from confobjects.objects.changes import PropertyChanges
from confobjects.web.served import Served
from confobjects.web.site import Web
from tests.servers import slapd as openldap
from tests.servers.slapd import Slapd
from tests.web.rest import SERVER, Api, serve

BASE = DN.parse("cn=rest,dc=example,dc=com")
ONE = "/objects/mail-servers/one"
WRITERS, TIMES = 4, 3
KEPT = (409, 412)
"""Statuses of somebody who was not the first."""


@pytest.fixture(params=["file", "directory"])
def web(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Web]:
    made = serve(tmp_path)
    if request.param == "directory":
        made = made.replace(served=Served(reach_directory(request.getfixturevalue("slapd"))))
    with closing(made.served):
        yield made


def reach_directory(server: Slapd) -> Callable[[], ManagementContext]:
    """How to open an empty configuration in a directory."""

    def open_one() -> ManagementContext:
        return confobjects.open(server.url, base=BASE, bind_dn=openldap.ROOT_DN, bind_password=openldap.PASSWORD)

    with open_one() as context:
        with context.storage.writing():
            for entry in sorted(context.storage.search(BASE, "sub"), key=lambda entry: -len(entry.dn)):
                context.storage.commit([DeleteEntry(entry.dn)])
        initialise(context.site)
    return open_one


def test_each_of_many_writers_counts(web: Web) -> None:
    assert Api(web).put(ONE, {"properties": {**SERVER["properties"], "auth-username": "0"}}).status_code == 201

    def write(_: int) -> int:
        with closing(again(web)) as served:
            return sum(count_up(Api(web.replace(served=served))) for _time in range(TIMES))

    with ThreadPoolExecutor(WRITERS) as pool:
        assert sum(pool.map(write, range(WRITERS))) >= WRITERS * TIMES
    assert Api(web).get(ONE).json()["properties"]["auth-username"] == str(WRITERS * TIMES)


def count_up(api: Api) -> int:
    """Add one to the number that is stored, and return how often that had to be tried."""
    tries = 0
    while True:
        tries += 1
        found = api.get(ONE)
        number = int(found.json()["properties"]["auth-username"]) + 1
        done = api.patch(ONE, {"properties": {"auth-username": str(number)}}, if_match=found.headers["etag"])
        if done.status_code == 200:
            return tries
        assert done.status_code in KEPT, done.text


def again(web: Web) -> Served:
    """The same configuration, for another event loop."""
    return Served(web.served._open_one)


def test_nothing_is_deleted_but_what_was_read(slapd: Slapd) -> None:
    reach = reach_directory(slapd)
    with reach() as here, reach() as there:
        here.create("mail-server", "one", {"enabled": True, "smtp-server": "mx.example.com"})
        path, seen = here.registry.path_of("mail-server", "one"), list[str]()
        with here.change() as transaction:

            def ask() -> None:
                obj = transaction.below.find(path)
                assert obj is not None
                seen.append(obj.values["enabled"][0])
                if len(seen) == 1:
                    there.modify("mail-server", "one", PropertyChanges(set={"enabled": (False,)}))
                transaction.delete("mail-server", "one")

            transaction.consider(ask)
        assert seen == ["true", "false"]
        assert there.list("mail-server") == []
        assert [record.changes[0].action for record in there.history()] == ["create", "modify", "delete"]
        there.undo(there.history()[-1].number)
        assert here.get("mail-server", "one").values["enabled"] == ("false",)
