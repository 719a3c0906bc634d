"""The contract of the records of tests: one for each object, no part of the configuration, and they wake nobody."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from confobjects.dn import DN
from confobjects.errors import NoSuchObjectError, StorageError
from confobjects.mapping.apart import VERIFICATIONS, place_beside
from confobjects.mapping.entry import AddEntry, DeleteEntry, Entry
from confobjects.mapping.protocol import Notice, Storage
from confobjects.mapping.verifications import MOST_CHARACTERS, RECORD, RECORD_CLASS
from confobjects.storage import open_storage
from tests.storage.conftest import BASE, ON_SERVERS, on_ds389, on_slapd
from tests.storage.mirror import PATIENCE
from tests.storage.test_followers import add, commit, editing, make
from tests.storage.test_own_files import MADE, make_open_directory

ONE, TWO, THREE = ("1" * 40, "2" * 40, "3" * 40)
CHILD = BASE.child("cn", "one")


def test_without_records_there_are_none(storage: Storage) -> None:
    assert storage.verifications() == {}
    assert storage.find_verification(ONE) is None
    storage.forget_verification(ONE)
    assert storage.verifications() == {}


def test_the_last_record_of_an_object_takes_the_place_of_the_one_before(storage: Storage) -> None:
    storage.keep_verification(ONE, '{"é": 1}')
    storage.keep_verification(TWO, "a b")
    storage.keep_verification(ONE, '{"é": 2}')
    assert storage.verifications() == {ONE: '{"é": 2}', TWO: "a b"}
    assert [storage.find_verification(key) for key in (ONE, TWO, THREE)] == ['{"é": 2}', "a b", None]


def test_a_record_is_forgotten_and_kept_again(storage: Storage) -> None:
    for key in (ONE, TWO):
        storage.keep_verification(key, "x")
    storage.forget_verification(ONE)
    storage.forget_verification(ONE)
    assert storage.verifications() == {TWO: "x"}
    storage.keep_verification(ONE, "y")
    assert storage.verifications() == {ONE: "y", TWO: "x"}


def test_records_are_no_entries_no_history_and_wake_nobody(storage: Storage) -> None:
    commit(storage, add(BASE), add(CHILD))
    compared_again = 1.5 if storage.url.startswith("ldap") else 0  # seconds: 389 Directory Server is compared twice
    with storage.watch() as watch:
        assert watch.wait(PATIENCE) == Notice()
        while watch.wait(compared_again) is not None:
            pass
        for number in range(3):
            storage.keep_verification(ONE, str(number))
        storage.forget_verification(ONE)
        storage.keep_verification(TWO, "x")
        assert watch.wait(0) is None
        commit(storage, DeleteEntry(CHILD))
        heard = watch.wait(PATIENCE)
        assert heard is not None
        assert heard.names in (None, (CHILD,))
        assert (heard.names is None) == storage.url.startswith("ldif:")
    assert [entry.dn for entry in storage.search(BASE, "sub")] == [BASE]
    with suppress(NoSuchObjectError):  # a directory that keeps no history
        assert list(storage.history()) == []
    assert not storage.warnings


def test_a_record_is_kept_while_somebody_writes(storage: Storage) -> None:
    with storage.writing():
        storage.keep_verification(ONE, "x")
        thread = threading.Thread(target=storage.keep_verification, args=(TWO, "y"))
        thread.start()
        thread.join()
    assert storage.verifications() == {ONE: "x", TWO: "y"}


def test_many_records_are_read_at_once(storage: Storage) -> None:
    keys = [f"{number:040x}" for number in range(300)]
    for key in keys:
        storage.keep_verification(key, key)
    assert storage.verifications() == {key: key for key in keys}


# -- files -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Storage:
    return open_storage(f"ldif:{tmp_path / 'config.ldif'}")


def test_records_stand_in_a_directory_of_their_own_that_is_private(tmp_path: Path, file: Storage) -> None:
    file.keep_verification(ONE, "x")
    directory = tmp_path / "config.ldif.verifications"
    assert sorted(path.name for path in tmp_path.iterdir()) == [directory.name]
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    assert (directory / "records").read_text() == f"{ONE} x\n"


def test_what_a_killed_writer_left_is_overwritten(tmp_path: Path, file: Storage) -> None:
    file.keep_verification(ONE, "x")
    left = tmp_path / "config.ldif.verifications" / ".records.new"
    make(left, b"x" * 1000)
    file.keep_verification(ONE, "y")
    assert file.verifications() == {ONE: "y"}
    assert not left.exists()


def test_writers_lose_no_record(file: Storage) -> None:
    keys = [f"{number:040x}" for number in range(40)]

    def write(some: list[str]) -> None:
        for key in some:
            open_storage(file.url).keep_verification(key, key)

    threads = [threading.Thread(target=write, args=(keys[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.verifications() == {key: key for key in keys}


def test_a_line_that_is_none_of_ours_is_left_out_and_gone_with_the_next_record(tmp_path: Path, file: Storage) -> None:
    path = tmp_path / "config.ldif.verifications" / "records"
    file.keep_verification(ONE, "x")
    long = "y" * (MOST_CHARACTERS + 100)
    make(path, path.read_bytes() + f"no key\n\n../x y\n{TWO} {long}\n{THREE}".encode() + b" \xff\n")
    found = file.verifications()
    assert found == {ONE: "x", TWO: "y" * (MOST_CHARACTERS + 1), THREE: "\ufffd"}
    file.keep_verification(THREE, "z")
    assert b"no key" not in path.read_bytes()


@pytest.mark.parametrize("what", MADE)
def test_a_file_of_others_is_refused(tmp_path: Path, file: Storage, what: str) -> None:
    file.keep_verification(ONE, "x")
    path = tmp_path / "config.ldif.verifications" / "records"
    path.unlink()
    MADE[what][0](path)
    for ask in (file.verifications, lambda: file.keep_verification(ONE, "y")):
        with pytest.raises(StorageError, match="not a file of ours"):
            ask()


@pytest.mark.parametrize(
    "make_directory",
    [lambda path: path.symlink_to(path.parent / "elsewhere"), lambda path: make(path, b""), os.mkfifo,
     make_open_directory],
    ids=["link", "file", "pipe", "open"],
)  # fmt: skip
def test_a_directory_of_others_is_refused(
    tmp_path: Path, file: Storage, make_directory: Callable[[Path], object]
) -> None:
    (tmp_path / "elsewhere").mkdir(0o700)
    make_directory(tmp_path / "config.ldif.verifications")
    with pytest.raises(StorageError, match="not a file of ours"):
        file.keep_verification(ONE, "x")
    assert not list((tmp_path / "elsewhere").iterdir())


# -- directories -----------------------------------------------------------------------------------------------------

BRANCH = place_beside(BASE, VERIFICATIONS)


@pytest.fixture(params=sorted(ON_SERVERS))
def directory(request: pytest.FixtureRequest) -> Iterator[Storage]:
    on = on_slapd if request.param == "slapd" else on_ds389
    made = on(request.getfixturevalue("slapd" if request.param == "slapd" else "ds389_server"))
    yield made
    made.close()


def entry_with(dn: DN, *values: str | bytes) -> Entry:
    attributes: dict[str, tuple[str | bytes, ...]] = {"objectClass": ("top", RECORD_CLASS), "cn": (dn.name,)}
    return Entry(dn, {**attributes, RECORD: values} if values else attributes)


FOREIGN = {
    "no text": entry_with(BRANCH.child("cn", TWO)),
    "bytes": entry_with(BRANCH.child("cn", TWO), b"\xff\xfe"),
    "no key": entry_with(BRANCH.child("cn", "no key"), "y"),
    "another kind": add(BRANCH.child("cn", TWO)).entry,
}


@pytest.mark.parametrize("what", FOREIGN)
def test_an_entry_that_is_no_record_is_left_out(directory: Storage, what: str) -> None:
    directory.keep_verification(ONE, "x")
    with editing(directory) as change:
        change(AddEntry(FOREIGN[what]))
        assert directory.verifications() == {ONE: "x"}
        assert directory.find_verification(TWO) is None
        change(DeleteEntry(FOREIGN[what].dn))


@pytest.mark.parametrize("what", ["no text", "bytes"])
def test_an_entry_without_a_record_becomes_one(directory: Storage, what: str) -> None:
    directory.keep_verification(ONE, "x")
    with editing(directory) as change:
        change(AddEntry(FOREIGN[what]))
    directory.keep_verification(TWO, "y")
    assert directory.verifications() == {ONE: "x", TWO: "y"}


def test_a_place_that_was_removed_is_made_again(directory: Storage) -> None:
    directory.keep_verification(ONE, "x")
    directory.forget_verification(ONE)
    with editing(directory) as change:
        change(DeleteEntry(BRANCH))
    assert directory.verifications() == {}
    assert directory.find_verification(ONE) is None
    directory.forget_verification(ONE)
    directory.keep_verification(ONE, "x")
    assert directory.verifications() == {ONE: "x"}
