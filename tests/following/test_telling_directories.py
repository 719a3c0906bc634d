"""A service tells what it runs in a directory, beside the base or below one that is a suffix; nobody is woken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote, unquote

import pytest

import confobjects
from confobjects.dn import DN
from confobjects.following import Live
from confobjects.management.documents.comparing import take_snapshot
from confobjects.management.verifying import Outcome, note_verification
from confobjects.mapping.followers import FollowerReport, place_of_followers
from confobjects.objects.changes import PropertyChanges
from confobjects.storage import open_storage
from tests.cli.sessions import run
from tests.following.directories import REGISTRY, Directory
from tests.following.services import LONG, Told
from tests.following.test_telling import count_looks, quick, wait_for_look
from tests.servers.ds389 import Ds389
from tests.servers.fixtures import schema_of_everything
from tests.servers.slapd import SUFFIX, Slapd

OTHER_SUFFIX = "o=followed"
SECOND_DATABASE = f"""\
dn: cn=followed,cn=ldbm database,cn=plugins,cn=config
changetype: add
objectClass: top
objectClass: extensibleObject
objectClass: nsBackendInstance
cn: followed
nsslapd-suffix: {OTHER_SUFFIX}

dn: cn="{OTHER_SUFFIX}",cn=mapping tree,cn=config
changetype: add
objectClass: top
objectClass: extensibleObject
objectClass: nsMappingTree
cn: {OTHER_SUFFIX}
nsslapd-state: backend
nsslapd-backend: followed
"""


@pytest.fixture(scope="module", params=["389-ds", "slapd"])
def suffix(request: pytest.FixtureRequest) -> Iterator[Directory]:
    """A configuration whose base is the suffix of its server."""
    if request.param == "slapd":
        with Slapd(schema=(schema_of_everything("openldap"),), entries="") as slapd:
            yield Directory(slapd.socket_url + quote(SUFFIX))
        return
    server: Ds389 = request.getfixturevalue("ds389_server")
    server.change_configuration(SECOND_DATABASE)
    yield Directory(server.socket_url + quote(OTHER_SUFFIX))


def follow(directory: Directory, name: str, url: str | None = None) -> Live:
    return confobjects.live(
        directory.url, definitions=REGISTRY, environment={}, follower=name, state_url=url, timing=quick()
    )


def wait_for(directory: Directory, number: int, branch: str) -> FollowerReport:
    """Return the only report when it tells a number."""
    server, _, _ = directory.url.rpartition("/")
    with (
        closing(open_storage(directory.url)) as storage,
        closing(open_storage(f"{server}/{quote(branch)}")) as beside,
        beside.watch() as watch,
    ):
        while [one.number for one in storage.followers()] != [number]:
            assert watch.wait(LONG) is not None
        return storage.followers()[0]


def base_of(directory: Directory) -> DN:
    return DN.parse(unquote(directory.url.rpartition("/")[2]))


def branch_of(directory: Directory) -> str:
    return str(place_of_followers(base_of(directory)))


def require_silence(directory: Directory, branch: str) -> None:
    """Follow a configuration twice; the signs of life of one are heard by nobody."""
    told = Told()
    server, _, _ = directory.url.rpartition("/")
    listening = directory.live()
    looked = wait_for_look(listening)
    with listening as live, follow(directory, "web-1"):
        live.listen()(told)
        first = wait_for(directory, 1, branch)
        looked()
        reports = live.open_reports()
        assert reports is not None
        with closing(reports):
            assert [one.name for one in reports.followers()] == ["web-1"]
        with closing(open_storage(f"{server}/{quote(branch)}")) as beside, beside.watch() as watch:
            assert watch.wait(LONG) is not None
            looks = count_looks(live)
            for _ in range(5):
                assert watch.wait(LONG) is not None
        noted = len(looks)
        directory.set(smtp_server="second.example.com")
        assert live.wait_for(2, LONG)
        assert wait_for(directory, 2, branch).process == first.process
    assert noted <= 1  # 389 Directory Server is compared a second time
    assert [one.number for one in told.events] == [2]
    with confobjects.open(directory.url, definitions=REGISTRY) as context:
        assert context.storage.followers() == []
        assert [one.number for one in context.history()] == [1, 2]


def test_signs_of_life_beside_the_base_call_no_listener_and_cause_no_read(directory: Directory) -> None:
    require_silence(directory, branch_of(directory))


def test_signs_of_life_below_a_suffix_call_no_listener_and_cause_no_read(suffix: Directory) -> None:
    base = base_of(suffix)
    branch = base.child("cn", "Followers")
    with confobjects.open(suffix.url, definitions=REGISTRY) as context:
        states = take_snapshot(context.site).objects
    require_silence(suffix, str(branch))
    suffix.set(smtp_server="first.example.com")
    with confobjects.open(suffix.url, definitions=REGISTRY) as context, follow(suffix, "web-1"):
        wait_for(suffix, 3, str(branch))
        entries = list(context.storage.search(base, "sub"))
        assert not [entry for entry in entries if entry.dn == branch or entry.dn.is_below(branch)]
        assert [entry.dn for entry in context.storage.search(branch)] == [branch.child("cn", "web-1")]
        assert branch not in [entry.dn for entry in context.storage.search(base)]
        assert take_snapshot(context.site).objects == states
        checked = run("check", "--url", suffix.url)
        assert checked.status == 0
        warnings = [line for line in checked.err.splitlines() if line.startswith("warning: ")]
        assert all("has no index for" in line for line in warnings)


def test_tests_below_a_suffix_are_no_part_of_it_and_call_no_listener(suffix: Directory) -> None:
    branch = base_of(suffix).child("cn", "Verifications")
    suffix.set(smtp_server="first.example.com")
    told = Told()
    with confobjects.open(suffix.url, definitions=REGISTRY) as context, suffix.live() as live:
        live.listen()(told)
        looks = count_looks(live)
        entries = list(context.storage.search(context.storage.base, "sub"))
        path = context.registry.path_of("mail-server", "one")
        for _ in range(3):
            assert note_verification(context.site, path, Outcome("auth")) is None
        assert context.verification("mail-server", "one").state == "passed"
        assert list(context.storage.search(context.storage.base, "sub")) == entries
        assert len(list(context.storage.search(branch))) == 1
        listed = run("list-mail-servers", "--url", suffix.url)
        assert (listed.status, listed.err) == (0, "")
        assert listed.out.splitlines()[-1].endswith("passed")
        before = len(looks)
        changed = context.modify("mail-server", "one", PropertyChanges(set={"smtp-server": ["second.example.com"]}))
        assert changed.number is not None
        assert live.wait_for(changed.number, LONG)
    assert before <= 1  # 389 Directory Server is compared a second time
    assert [one.number for one in told.events] == [changed.number]


def test_the_place_can_be_another_directory(directory: Directory) -> None:
    elsewhere = Directory(directory.url.replace("cn%3Dfollowed", "cn%3Dstate"))
    with follow(directory, "web-1", elsewhere.url):
        assert wait_for(elsewhere, 1, branch_of(elsewhere)).name == "web-1"
        with closing(open_storage(directory.url)) as storage:
            assert list(storage.followers()) == []
