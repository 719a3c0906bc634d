"""The contract of followers: each service has one report, which is no part of the configuration and wakes nobody."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.dn import DN
from confobjects.errors import NoSuchObjectError, StorageError, UsageError
from confobjects.mapping.entry import AddEntry, DeleteEntry, Entry
from confobjects.mapping.followers import (
    FOLLOWER_CLASS,
    MOST_CHARACTERS,
    REPORT,
    FollowerReport,
    WaitingChange,
    check_follower_name,
    place_of_followers,
    same_follower,
    stand_in_for,
    write_report,
)
from confobjects.mapping.protocol import Notice, Storage
from confobjects.storage import open_storage
from confobjects.storage.follower_files import file_name_of
from tests.storage.conftest import BASE, ON_SERVERS, on_ds389, on_slapd
from tests.storage.mirror import PATIENCE
from tests.storage.test_own_files import MADE, make_open_directory

WAITS = WaitingChange("/mail-server/one", "changed", ("use-ssl",), ("server-restart",))
ONE = BASE.child("cn", "one")


def report(name: str, number: int | None = 7, **fields: object) -> FollowerReport:
    return FollowerReport(name, "host", 12, "2026-01-02T03:04:05Z", number).replace(**fields)


def add(dn: DN) -> AddEntry:
    return AddEntry(Entry(dn, {"objectClass": ("top", "branch"), "cn": (dn.name,)}))


def commit(storage: Storage, *changes: AddEntry | DeleteEntry) -> None:
    with storage.writing():
        storage.commit(changes)


def test_without_reports_there_are_none(storage: Storage) -> None:
    assert list(storage.followers()) == []
    assert storage.find_follower("web-1") is None
    storage.forget_follower("web-1")
    assert list(storage.followers()) == []


def test_what_is_told_is_read_sorted_by_name(storage: Storage) -> None:
    told = [report("web-2", waiting=(WAITS,), problems=("it hangs",)), report("Web-10", None), report("a b, c=d+é")]
    for one in told:
        storage.tell_follower(one)
    assert list(storage.followers()) == sorted(told, key=lambda one: one.name.lower())
    assert [storage.find_follower(one.name) for one in told] == told


def test_the_last_report_of_a_service_takes_the_place_of_the_one_before(storage: Storage) -> None:
    storage.tell_follower(report("web-1", 7))
    storage.tell_follower(report("web-1", 8, waiting=(WAITS,)))
    storage.tell_follower(report("WEB-1", 9))
    assert list(storage.followers()) == [report("WEB-1", 9)]
    assert storage.find_follower("web-1") == report("WEB-1", 9)


def test_a_report_is_forgotten_and_told_again(storage: Storage) -> None:
    for name in ("web-1", "web-2"):
        storage.tell_follower(report(name))
    storage.forget_follower("Web-1")
    storage.forget_follower("web-1")
    assert list(storage.followers()) == [report("web-2")]
    storage.tell_follower(report("web-1", 8))
    assert list(storage.followers()) == [report("web-1", 8), report("web-2")]


@pytest.mark.parametrize("name", ["", " web", "web ", "a\nb", "a\0b", "x" * 101, "\udc80"])
def test_a_name_that_no_follower_can_have_is_refused(storage: Storage, name: str) -> None:
    with pytest.raises(UsageError, match="the name of a follower"):
        storage.tell_follower(report(name))
    with pytest.raises(UsageError, match="the name of a follower"):
        storage.find_follower(name)
    with pytest.raises(UsageError, match="the name of a follower"):
        storage.forget_follower(name)
    assert list(storage.followers()) == []


@pytest.mark.parametrize("name", [".", "..", "../web", "/etc/passwd", ".web", "a/b", "x" * 100, "ß" * 100, "%2e", "~"])
def test_any_other_name_is_a_name_and_leads_nowhere_else(storage: Storage, name: str) -> None:
    storage.tell_follower(report(name))
    assert list(storage.followers()) == [report(name)]
    storage.forget_follower(name)
    assert list(storage.followers()) == []


def test_what_is_no_text_is_told_as_far_as_it_is(storage: Storage) -> None:
    storage.tell_follower(report("web-1", problems=("the file /x\udc80 is gone",)))
    assert list(storage.followers()) == [report("web-1", problems=("the file /x? is gone",))]


def test_reports_are_no_entries_no_history_and_wake_nobody(storage: Storage) -> None:
    commit(storage, add(BASE), add(ONE))
    compared_again = 1.5 if storage.url.startswith("ldap") else 0  # seconds: 389 Directory Server is compared twice
    with storage.watch() as watch:
        assert watch.wait(PATIENCE) == Notice()
        while watch.wait(compared_again) is not None:
            pass
        for number in range(3):
            storage.tell_follower(report("web-1", number))
        storage.forget_follower("web-1")
        storage.tell_follower(report("web-2"))
        assert watch.wait(0) is None
        commit(storage, DeleteEntry(ONE))
        heard = watch.wait(PATIENCE)
        assert heard is not None
        assert heard.names in (None, (ONE,))
        assert (heard.names is None) == storage.url.startswith("ldif:")
    assert [entry.dn for entry in storage.search(BASE, "sub")] == [BASE]
    with suppress(NoSuchObjectError):  # a directory that keeps no history
        assert list(storage.history()) == []
    assert not storage.warnings


def test_a_report_is_told_while_somebody_writes(storage: Storage) -> None:
    with storage.writing():
        storage.tell_follower(report("web-1"))
        thread = threading.Thread(target=storage.tell_follower, args=(report("web-2"),))
        thread.start()
        thread.join()
    assert [one.name for one in storage.followers()] == ["web-1", "web-2"]


def test_a_thousand_followers_are_read(storage: Storage) -> None:
    for number in range(1001):
        storage.tell_follower(report(f"web-{number:04}", number))
    assert [one.number for one in storage.followers()] == list(range(1001))
    for number in range(1001):
        storage.forget_follower(f"web-{number:04}")
    assert list(storage.followers()) == []


# -- files -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Storage:
    return open_storage(f"ldif:{tmp_path / 'config.ldif'}")


@given(st.text(min_size=1, max_size=100), st.text(min_size=1, max_size=100))
def test_file_names_are_those_of_files_in_one_directory(one: str, other: str) -> None:
    for name in (one, other):
        try:
            check_follower_name(name)
        except UsageError:
            return
    names = [file_name_of(one), file_name_of(other)]
    assert all(name.isascii() and name.isprintable() and "/" not in name and len(name) <= 200 for name in names)
    assert all(name.endswith(".json") and not name.startswith(".") for name in names)
    assert (names[0] == names[1]) == same_follower(one, other)


def test_reports_stand_in_a_directory_of_their_own_that_is_private(tmp_path: Path, file: Storage) -> None:
    file.tell_follower(report("web-1"))
    directory = tmp_path / "config.ldif.followers"
    assert sorted(path.name for path in tmp_path.iterdir()) == [directory.name]
    assert [path.name for path in directory.iterdir()] == ["web-1.json"]
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / "web-1.json").stat().st_mode & 0o777 == 0o600


def test_a_report_that_was_left_by_a_killed_writer_is_overwritten(tmp_path: Path, file: Storage) -> None:
    file.tell_follower(report("web-1"))
    left = tmp_path / "config.ldif.followers" / ".web-1.json.new"
    left.write_text("x" * 100_000)
    left.chmod(0o600)
    file.tell_follower(report("web-1", 8))
    assert list(file.followers()) == [report("web-1", 8)]
    assert not left.exists()


def test_writers_of_one_report_leave_it_whole(tmp_path: Path, file: Storage) -> None:
    told = [report("web-1", number, problems=("x" * 30_000 * number,)) for number in (1, 2)]
    file.tell_follower(told[0])
    seen = []

    def write(one: FollowerReport) -> None:
        for _ in range(100):
            try:
                open_storage(file.url).tell_follower(one)
            except StorageError as error:
                assert "another process is writing" in str(error)  # noqa: PT017 - one of the two may be refused
            seen.append(file.find_follower("web-1"))

    threads = [threading.Thread(target=write, args=(one,)) for one in told]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 200
    assert all(one in told for one in seen)
    assert [path.name for path in (tmp_path / "config.ldif.followers").iterdir()] == ["web-1.json"]


NO_REPORTS: dict[str, Callable[[Path], object]] = {
    **{name: make for name, (make, _) in MADE.items()},
    "empty": lambda path: make(path, b""),
    "no JSON": lambda path: make(path, b"{"),
    "no text": lambda path: make(path, b"\xff"),
    "another name": lambda path: make(path, write_report(report("web-1")).encode()),
    "too long": lambda path: make(path, b" " * (4 * MOST_CHARACTERS + 1)),
    "a directory": lambda path: path.mkdir(),
}


def make(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


@pytest.mark.parametrize("what", NO_REPORTS)
def test_a_file_that_is_no_report_is_told_and_replaced_by_one(tmp_path: Path, file: Storage, what: str) -> None:
    file.tell_follower(report("web-1"))
    path = tmp_path / "config.ldif.followers" / "web-2.json"
    NO_REPORTS[what](path)
    assert list(file.followers()) == [report("web-1"), stand_in_for("web-2")]
    assert file.find_follower("web-2") is None
    if what == "a directory":
        with pytest.raises(StorageError):
            file.forget_follower("web-2")
    else:
        file.forget_follower("web-2")
        assert list(file.followers()) == [report("web-1")]
        file.tell_follower(report("web-2"))
        assert list(file.followers()) == [report("web-1"), report("web-2")]


@pytest.mark.parametrize(
    "make_directory",
    [lambda path: path.symlink_to(path.parent, target_is_directory=True), lambda path: make(path, b""), os.mkfifo,
     make_open_directory],
    ids=["link", "file", "pipe", "open"],
)  # fmt: skip
def test_a_directory_of_others_is_refused(
    tmp_path: Path, file: Storage, make_directory: Callable[[Path], object]
) -> None:
    make_directory(tmp_path / "config.ldif.followers")
    for ask in (
        file.followers,
        lambda: file.find_follower("web-1"),
        lambda: file.tell_follower(report("web-1")),
    ):
        with pytest.raises(StorageError, match="not a file of ours"):
            ask()
    assert [path.name for path in tmp_path.iterdir()] == ["config.ldif.followers"]


@pytest.mark.parametrize("name", ["ß" * 100, "a\nb", "x" * 150, " ", ""])
def test_a_file_whose_name_says_nobodys_is_told_and_removed(tmp_path: Path, file: Storage, name: str) -> None:
    file.tell_follower(report("web-1"))
    path = tmp_path / "config.ldif.followers" / file_name_of(name)
    make(path, b"{")
    (told,) = [one for one in file.followers() if one != report("web-1")]
    assert told == stand_in_for(told.name)
    assert check_follower_name(told.name)
    file.forget_follower(told.name)
    assert list(file.followers()) == [report("web-1")]
    assert not path.exists()


# -- directories -----------------------------------------------------------------------------------------------------

BRANCH = place_of_followers(BASE)
TWO = BRANCH.child("cn", "web-2")
FOREIGN: dict[str, Entry] = {
    "nothing": Entry(TWO, {"objectClass": ("top", FOLLOWER_CLASS), "cn": ("web-2",)}),
    "no JSON": Entry(TWO, {"objectClass": ("top", FOLLOWER_CLASS), "cn": ("web-2",), REPORT: ("{",)}),
    "no text": Entry(TWO, {"objectClass": ("top", FOLLOWER_CLASS), "cn": ("web-2",), REPORT: (b"\xff",)}),
    "another name": Entry(
        TWO, {"objectClass": ("top", FOLLOWER_CLASS), "cn": ("web-2",), REPORT: (write_report(report("web-1")),)}
    ),
    "too long": Entry(
        TWO, {"objectClass": ("top", FOLLOWER_CLASS), "cn": ("web-2",), REPORT: (" " * (MOST_CHARACTERS + 1),)}
    ),
}
LONG = BRANCH.child("cn", "x" * 101)
ODD: dict[str, Entry] = {
    "no follower": Entry(LONG, {"objectClass": ("top", FOLLOWER_CLASS), "cn": (LONG.name,), REPORT: ("{",)}),
    "two names": Entry(
        DN.parse(f"cn=web-3+description=that,{BRANCH}"),
        {"objectClass": ("top", FOLLOWER_CLASS, "extensibleObject"), "cn": ("web-3",), "description": ("that",),
         REPORT: (write_report(report("web-3")),)},
    ),
}  # fmt: skip


@pytest.fixture(params=sorted(ON_SERVERS))
def directory(request: pytest.FixtureRequest) -> Iterator[Storage]:
    on = on_slapd if request.param == "slapd" else on_ds389
    made = on(request.getfixturevalue("slapd" if request.param == "slapd" else "ds389_server"))
    yield made
    made.forget_follower("web-2")
    made.close()


@contextmanager
def editing(storage: Storage) -> Iterator[Callable[..., None]]:
    """Yield what makes changes anywhere on the server of a storage."""
    login = storage._servers.login  # type: ignore[attr-defined]
    url = storage.url.rpartition("/")[0] if storage.url.count("/") > 2 else storage.url
    with closing(open_storage(url, base=BASE.parent, bind_dn=login.bind_dn, bind_password=login.password)) as wide:
        yield lambda *changes: commit(wide, *changes)


@pytest.mark.parametrize("what", FOREIGN)
def test_an_entry_that_is_no_report_is_told_if_it_holds_anything_and_becomes_one(directory: Storage, what: str) -> None:
    """The entry of a service that has not told anything yet is none of a follower."""
    directory.tell_follower(report("web-1"))
    with editing(directory) as change:
        change(AddEntry(FOREIGN[what]))
    told = [] if what == "nothing" else [stand_in_for("web-2")]
    assert list(directory.followers()) == [report("web-1"), *told]
    assert directory.find_follower("web-2") is None
    directory.tell_follower(report("web-2"))
    assert list(directory.followers()) == [report("web-1"), report("web-2")]


@pytest.mark.parametrize("what", ODD)
def test_an_entry_whose_name_is_nobodys_is_told_and_removed(directory: Storage, what: str) -> None:
    directory.tell_follower(report("web-1"))
    with editing(directory) as change:
        change(AddEntry(ODD[what]))
    (told,) = [one for one in directory.followers() if one != report("web-1")]
    assert told == stand_in_for(told.name)
    directory.forget_follower(told.name)
    assert list(directory.followers()) == [report("web-1")]


def test_an_entry_of_another_kind_is_left_out_and_stays(directory: Storage) -> None:
    directory.tell_follower(report("web-1"))
    with editing(directory) as change:
        change(add(TWO))
        assert list(directory.followers()) == [report("web-1")]
        with pytest.raises(StorageError):
            directory.tell_follower(report("web-2"))
        change(DeleteEntry(TWO))


def test_a_place_that_was_removed_is_made_again(directory: Storage) -> None:
    directory.tell_follower(report("web-1"))
    directory.forget_follower("web-1")
    with editing(directory) as change:
        change(DeleteEntry(BRANCH))
    assert list(directory.followers()) == []
    assert directory.find_follower("web-1") is None
    directory.forget_follower("web-1")
    directory.tell_follower(report("web-1"))
    assert list(directory.followers()) == [report("web-1")]
