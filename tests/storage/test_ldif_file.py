"""The LDIF file: replaced whole or not at all, with its rights, its comments and its past."""

from __future__ import annotations

import errno
import fcntl
import gzip
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from confobjects.dn import DN
from confobjects.errors import BrokenDataError, ChangedMeanwhileError, ConfobjectsError, StorageError
from confobjects.mapping.entry import AddEntry, Change, DeleteEntry, Entry, Modification, ModifyEntry, RenameEntry
from confobjects.mapping.ldif import NEW_DOCUMENT
from confobjects.storage import locking, replacing
from confobjects.storage.archives import list_archives
from confobjects.storage.ldif_file import LdifFileStorage, SharedVersion

CONFIG = DN.parse("cn=config")
ONE = DN.parse("cn=one,cn=config")
TEXT = """\
version: 1
# confobjects-format: 1

dn: cn=config
objectClass: top
cn: config

# Number one.
dn: cn=one,cn=config
objectClass: top
cn: one
x-unknown: kept
a: 1
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "config.ldif"
    found.write_text(TEXT)
    found.chmod(0o600)
    return found


@pytest.fixture
def storage(path: Path) -> LdifFileStorage:
    return LdifFileStorage(str(path), deadline=0.1)


def put(value: str, attribute: str = "a", dn: DN = ONE) -> ModifyEntry:
    return ModifyEntry(dn, [Modification("replace", attribute, [value])])


def commit(storage: LdifFileStorage, *changes: Change) -> None:
    with storage.writing():
        storage.commit(changes)


def value(storage: LdifFileStorage, attribute: str = "a") -> object:
    found = storage.read(ONE)
    return found.get(attribute) if found is not None else None


def archives(path: Path) -> list[str]:
    folder = Path(f"{path}.archive")
    names = [name for _, name in list_archives(str(path))] if folder.exists() else []
    return [gzip.decompress((folder / name).read_bytes()).decode() for name in names]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# -- what a write does -----------------------------------------------------------------------------------------------


def test_a_write_changes_its_lines_only_and_archives_what_was(storage: LdifFileStorage, path: Path) -> None:
    commit(storage, put("2"))
    assert path.read_text() == TEXT.replace("a: 1", "a: 2")
    assert archives(path) == [TEXT]
    commit(storage, put("3"))
    assert archives(path) == [TEXT, TEXT.replace("a: 1", "a: 2")]
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "config.ldif",
        "config.ldif.archive",
        "config.ldif.lock",
    ]


def written(path: Path) -> tuple[int, int, int]:
    """Return what writing a file changes; reading it moves the time of the last access."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def test_nothing_to_change_writes_nothing(storage: LdifFileStorage, path: Path) -> None:
    before = written(path)
    commit(storage)
    assert written(path) == before
    assert archives(path) == []


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "config.ldif"
    old = os.umask(0)
    try:
        storage = LdifFileStorage(str(path))
        commit(storage, AddEntry(Entry(CONFIG, {"cn": ("config",)})))
        commit(storage, put("1", dn=CONFIG))
    finally:
        os.umask(old)
    assert path.read_text() == NEW_DOCUMENT + "\ndn: cn=config\ncn: config\na: 1\n"
    private = [path, Path(f"{path}.lock"), *Path(f"{path}.archive").iterdir()]
    assert {mode(file) for file in private} == {0o600}
    assert {mode(folder) for folder in (path.parent, path.parent.parent, Path(f"{path}.archive"))} == {0o700}
    assert storage.warnings == []


def test_an_empty_file_gets_the_start_of_a_new_one(path: Path, storage: LdifFileStorage) -> None:
    path.write_text("\n")
    commit(storage, AddEntry(Entry(CONFIG, {"cn": ("config",)})))
    assert path.read_text() == NEW_DOCUMENT + "\ndn: cn=config\ncn: config\n"


@pytest.mark.parametrize("bits", [0o600, 0o640, 0o644, 0o660, 0o700])
def test_the_mode_stays(storage: LdifFileStorage, path: Path, bits: int) -> None:
    path.chmod(bits)
    commit(storage, put("2"))
    assert mode(path) == bits


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owner_and_group_stay(storage: LdifFileStorage, path: Path) -> None:
    os.chown(path, 4321, 1234)
    commit(storage, put("2"))
    archive = next(Path(f"{path}.archive").iterdir())
    for file in (path, Path(f"{path}.lock"), archive):
        assert (file.stat().st_uid, file.stat().st_gid) == (4321, 1234)


def test_extended_attributes_stay(storage: LdifFileStorage, path: Path) -> None:
    try:
        os.setxattr(path, "user.note", b"mine")
    except OSError as error:
        pytest.skip(f"no extended attributes here: {error}")
    commit(storage, put("2"))
    assert os.getxattr(path, "user.note") == b"mine"


def with_attribute(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let every file have an extended attribute that this file system cannot give to another one."""

    def cannot(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(os, "listxattr", lambda *_: [name])
    monkeypatch.setattr(os, "getxattr", lambda *_: b"rules")
    monkeypatch.setattr(os, "setxattr", cannot)


@pytest.mark.parametrize("name", ["system.posix_acl_access", "system.posix_acl_default"])
def test_a_file_whose_access_list_cannot_be_kept_is_not_replaced(
    name: str, path: Path, storage: LdifFileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_attribute(monkeypatch, name)
    with pytest.raises(StorageError) as caught:
        commit(storage, put("2"))
    assert str(caught.value) == f"{path}: cannot write the file: Operation not supported"
    assert path.read_text() == TEXT
    assert not list(path.parent.glob(".*.new"))


def test_a_file_whose_other_attributes_cannot_be_kept_is_replaced(
    path: Path, storage: LdifFileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_attribute(monkeypatch, "security.label")
    commit(storage, put("2"))
    assert path.read_text() == TEXT.replace("a: 1", "a: 2")


def test_links_are_followed_first(path: Path) -> None:
    (path.parent / "etc").mkdir()
    link = path.parent / "etc" / "link.ldif"
    link.symlink_to("../config.ldif")
    storage = LdifFileStorage(str(link))
    commit(storage, put("2"))
    assert link.is_symlink()
    assert "a: 2" in path.read_text()
    assert archives(path) == [TEXT]
    assert [file.name for file in link.parent.iterdir()] == ["link.ldif"]


def test_a_link_to_nothing_is_a_new_file_there(tmp_path: Path) -> None:
    link = tmp_path / "link.ldif"
    link.symlink_to("target.ldif")
    commit(LdifFileStorage(str(link)), AddEntry(Entry(CONFIG, {"cn": ("config",)})))
    assert link.is_symlink()
    assert (tmp_path / "target.ldif").exists()


def test_archives_are_pruned_by_their_sequence_whatever_the_clock_said(path: Path) -> None:
    storage = LdifFileStorage(str(path), archives=2)
    folder = Path(f"{path}.archive")
    folder.mkdir()
    foreign = folder / "notes.txt"
    foreign.write_text("mine")
    future = folder / "config.ldif.99991231T235959.000000000Z.gz"  # a clock that went wrong
    future.write_bytes(gzip.compress(b"future"))
    for number in range(2, 6):
        commit(storage, put(str(number)))
        assert archives(path)[-1] == TEXT.replace("a: 1", f"a: {number - 1}")
        (newest,) = folder.glob(f"*Z.{number - 1}.gz")
        newest.rename(folder / f"config.ldif.{9000 - number}1231T235959.000000000Z.{number - 1}.gz")
    assert archives(path) == [TEXT.replace("a: 1", f"a: {number}") for number in (3, 4)]
    assert foreign.exists()


def test_who_waits_for_the_lock_is_served_before_who_comes_back(path: Path) -> None:
    order: list[str] = []

    def wait_in_line() -> None:
        with locking.hold_lock(str(path), 60.0):
            order.append("the one that waited")

    with ThreadPoolExecutor() as pool:
        with locking.hold_lock(str(path), 60.0):
            waiting = pool.submit(wait_in_line)
            while not is_locked(Path(f"{path}.queue")):
                pass
        with locking.hold_lock(str(path), 60.0):
            order.append("the one that came back")
        waiting.result()
    assert order == ["the one that waited", "the one that came back"]


def is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_without_archives_only_the_last_version_is_kept(path: Path) -> None:
    storage = LdifFileStorage(str(path), archives=0)
    commit(storage, put("2"))
    commit(storage, put("3"))
    assert archives(path) == [TEXT.replace("a: 1", "a: 2")]


def test_renaming_in_the_file(storage: LdifFileStorage, path: Path) -> None:
    commit(storage, RenameEntry(ONE, DN.parse("cn=uno,cn=config")))
    assert path.read_text() == TEXT.replace("cn=one,", "cn=uno,").replace("cn: one", "cn: uno")


# -- other hands on the file -----------------------------------------------------------------------------------------


def test_a_change_by_others_is_seen(storage: LdifFileStorage, path: Path) -> None:
    assert value(storage) == ("1",)
    path.write_text(TEXT.replace("a: 1", "a: other"))
    assert value(storage) == ("other",)
    commit(LdifFileStorage(str(path)), DeleteEntry(ONE))
    assert value(storage) is None
    path.unlink()
    assert storage.read(CONFIG) is None


def test_what_one_storage_has_read_or_written_another_one_need_not_read(path: Path) -> None:
    shared = SharedVersion()
    one, other, alone = (LdifFileStorage(str(path), version=version) for version in (shared, shared, None))
    assert one.read(ONE) is not None
    assert other.read(ONE) is one.read(ONE) is not alone.read(ONE)
    commit(one, put("2"))
    assert (other.answers_at_once, alone.answers_at_once) == (True, False)
    path.write_text(path.read_text().replace("a: 2", "a: 3"))
    assert not other.answers_at_once
    assert [found.get("a") for storage in (one, other, alone) if (found := storage.read(ONE))] == [("3",)] * 3
    strict = LdifFileStorage(str(path), version=shared, missing_ok=False)
    assert strict.read(ONE) is one.read(ONE)
    path.unlink()
    assert one.read(ONE) is None
    with pytest.raises(StorageError):
        strict.read(ONE)
    other.close()
    assert (other.answers_at_once, one.answers_at_once) == (False, True)
    assert other.read(ONE) == one.read(ONE)


def test_a_hand_edit_before_writing_is_kept(storage: LdifFileStorage, path: Path) -> None:
    assert value(storage) == ("1",)
    edited = TEXT.replace("# Number one.", "# The first.")
    path.write_text(edited)
    commit(storage, put("2"))
    assert path.read_text() == edited.replace("a: 1", "a: 2")
    assert archives(path) == [edited]


def test_a_hand_edit_of_other_entries_while_writing_is_kept(storage: LdifFileStorage, path: Path) -> None:
    edited = TEXT.replace("cn: config\n", "cn: config\ndescription: by hand\n")
    with storage.writing():
        assert value(storage) == ("1",)
        path.write_text(edited)
        assert storage.read(CONFIG) == Entry(CONFIG, {"objectClass": ("top",), "cn": ("config",)})
        storage.commit([put("2")])
        found = storage.read(CONFIG)
        assert found is not None
        assert found.get("description") == ("by hand",)
    assert path.read_text() == edited.replace("a: 1", "a: 2")
    assert edited in archives(path)


def test_a_hand_edit_of_the_same_entry_while_writing_wins(storage: LdifFileStorage, path: Path) -> None:
    edited = TEXT.replace("x-unknown: kept", "x-unknown: edited")
    with storage.writing():
        path.write_text(edited)
        with pytest.raises(ChangedMeanwhileError) as caught:
            storage.commit([put("2")])
    assert str(caught.value) == (
        f"{path}: the file was edited while a change was being written: "
        'the entry "cn=one,cn=config" was edited too\n'
        "  remedy: the other edit was kept; repeat the change"
    )
    assert path.read_text() == edited


def test_a_file_that_appears_while_writing_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "config.ldif"
    storage = LdifFileStorage(str(path))
    with storage.writing():
        path.write_text("dn: cn=config\ncn: config\nb: by hand\n")
        with pytest.raises(ConfobjectsError, match="already"):
            storage.commit([AddEntry(Entry(CONFIG, {"cn": ("config",)}))])
    assert "by hand" in path.read_text()


def test_a_file_broken_while_writing_is_left_alone(storage: LdifFileStorage, path: Path) -> None:
    with storage.writing():
        path.write_text("half an ent")
        with pytest.raises(BrokenDataError):
            storage.commit([put("2")])
    assert path.read_text() == "half an ent"


def test_a_broken_file_is_refused_with_its_line_and_left_untouched(storage: LdifFileStorage, path: Path) -> None:
    broken = TEXT + "no colon\n"
    path.write_text(broken)
    for use in (lambda: storage.read(ONE), lambda: commit(storage, put("2")), lambda: storage.base):
        with pytest.raises(BrokenDataError) as caught:
            use()
        assert str(caught.value).startswith(f"{path}:14:1: expected")
        assert caught.value.exit_code == 31
    assert path.read_text() == broken
    path.write_text(TEXT)
    commit(storage, put("2"))


def test_bytes_that_are_no_text_are_refused(storage: LdifFileStorage, path: Path) -> None:
    path.write_bytes(TEXT.encode() + b"b: \xff\n")
    with pytest.raises(BrokenDataError, match=r"config\.ldif:14:4: the byte 0xff is not part of UTF-8 text"):
        storage.read(ONE)


def test_entries_without_a_parent_are_found_and_told(storage: LdifFileStorage, path: Path) -> None:
    path.write_text(TEXT + "\ndn: cn=x,cn=Mail Servers,cn=config\ncn: x\n\ndn: o=elsewhere\no: elsewhere\n")
    branch = DN.parse("cn=Mail Servers,cn=config")
    assert [str(found.dn) for found in storage.search(branch)] == ["cn=x,cn=Mail Servers,cn=config"]
    assert [warning.render() for warning in storage.warnings] == [
        f'{path}: the entry "cn=x,cn=Mail Servers,cn=config" has no parent: there is no entry '
        '"cn=Mail Servers,cn=config"\n  remedy: add the parent, or correct the DN',
        f'{path}: the entry "o=elsewhere" is outside the base "cn=config": it is not part of the configuration\n'
        "  remedy: correct its DN, or remove it",
    ]
    commit(storage, AddEntry(Entry(branch, {"cn": ("Mail Servers",)})))
    assert ["o=elsewhere" in warning.summary for warning in storage.warnings] == [True]


# -- what the system may say -----------------------------------------------------------------------------------------


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        LdifFileStorage(str(tmp_path)).read(ONE)
    assert str(caught.value) == (
        f"{tmp_path}: cannot read the file: Is a directory\n  remedy: name a file, not a directory"
    )


def test_a_pipe_is_no_file_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="this is not a regular file"):
        LdifFileStorage(str(tmp_path / "pipe")).read(ONE)


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (
        pytest.raises(StorageError, match="only an ordinary file can be replaced"),
        replacing.Replacement(str(tmp_path / "pipe"), b""),
    ):
        pass
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert [found.name for found in tmp_path.iterdir()] == ["pipe"]


def test_a_file_is_no_directory(path: Path) -> None:
    storage = LdifFileStorage(f"{path}/config.ldif")
    with pytest.raises(StorageError, match="cannot read the file: Not a directory"):
        storage.read(ONE)
    with pytest.raises(StorageError, match="cannot open the lock file: Not a directory"):
        commit(storage, put("2"))


def test_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(StorageError, match="a symbolic link forms a loop"):
        LdifFileStorage(str(tmp_path / "a")).read(ONE)


def test_a_link_in_place_of_the_lock_is_not_followed(storage: LdifFileStorage, path: Path) -> None:
    victim = path.parent / "victim"
    victim.write_text("precious")
    Path(f"{path}.lock").symlink_to(victim)
    with pytest.raises(StorageError, match="not a file of ours"):
        commit(storage, put("2"))
    assert victim.read_text() == "precious"


def test_what_a_killed_writer_left_is_removed(storage: LdifFileStorage, path: Path) -> None:
    folder = Path(f"{path}.archive")
    folder.mkdir()
    leftovers = [Path(replacing.temporary_name(str(path))), Path(replacing.temporary_name(str(folder)))]
    for leftover in leftovers:
        leftover.write_text("half")
    commit(storage, put("2"))
    assert not any(leftover.exists() for leftover in leftovers)
    assert value(storage) == ("2",)


def test_old_archives_that_cannot_be_removed_are_a_warning(path: Path) -> None:
    storage = LdifFileStorage(str(path), archives=0)
    blocker = Path(f"{path}.archive") / "config.ldif.0.gz"
    blocker.mkdir(parents=True)
    (blocker / "x").touch()
    commit(storage, put("2"))
    assert value(storage) == ("2",)
    assert [warning.summary for warning in storage.warnings] == ["cannot remove old archives: Is a directory"]


@pytest.mark.parametrize("wrong", ["no colon\n", "a: something else\n", "dn: cn=second,cn=config\n"])
def test_a_bug_of_ours_does_not_damage_the_file(
    storage: LdifFileStorage, path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("confobjects.mapping.ldif.writing.format_attribute", lambda *_: wrong)
        with pytest.raises(ConfobjectsError, match="please report it") as caught:
            commit(storage, put("2"))
        assert caught.value.exit_code == 70
    assert path.read_text() == TEXT
    assert value(storage) == ("1",)


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of system calls in which Ctrl-C comes, once: what a signal does at that moment, without its chance."""
    moments: list[str] = []

    def with_interrupt(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object) -> object:
            if name in moments:
                moments.remove(name)
                raise KeyboardInterrupt
            return real(*args)

        return call

    for name in MOMENTS:
        monkeypatch.setattr(os, name, with_interrupt(name, getattr(os, name)))
    return moments


MOMENTS = ("fsync", "replace", "write", "fchmod")


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_leaves_the_old_content_and_no_litter(
    storage: LdifFileStorage, path: Path, interrupt: list[str], moment: str
) -> None:
    interrupt.append(moment)
    with pytest.raises(KeyboardInterrupt):
        commit(storage, put("2"))
    assert interrupt == []
    assert path.read_text() == TEXT
    assert not any(file.name.endswith(".new") for file in path.parent.rglob("*"))
    assert value(storage) == ("1",)
    commit(storage, put("2"))
    assert value(storage) == ("2",)
