"""A file beside the configuration is ours, or it is refused: the lock, the history, the archive, recorded commands."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

import confobjects
from confobjects.errors import StorageError
from confobjects.storage import own_files
from tests.cli.sessions import run

CONTENT: Final = "not ours\n"


def make_file(path: Path) -> None:
    path.write_text(CONTENT)
    path.chmod(0o600)


def make_readable(path: Path) -> None:
    make_file(path)
    path.chmod(0o640)


def make_writable(path: Path) -> None:
    make_file(path)
    path.chmod(0o602)


def make_foreign(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    make_file(path)
    os.chown(path, 65534, 65534)


def other_of(path: Path) -> Path:
    """Return another file, which nothing may change."""
    other = path.parent / "other"
    make_file(other)
    return other


MADE: Final[dict[str, tuple[Callable[[Path], object], str]]] = {
    "link": (lambda path: path.symlink_to(other_of(path)), "a symbolic link"),
    "dangling link": (lambda path: path.symlink_to(path.parent / "absent"), "a symbolic link"),
    "hard link": (lambda path: path.hardlink_to(other_of(path)), "hard links"),
    "pipe": (lambda path: os.mkfifo(path, 0o600), "not a regular file"),
    "endless device": (lambda path: path.symlink_to("/dev/zero"), "a symbolic link"),
    "readable": (make_readable, "others have rights"),
    "writable": (make_writable, "others have rights"),
    "foreign": (make_foreign, "belongs to user"),
}


def change(url: str, name: str) -> None:
    with confobjects.open(url) as context:
        context.create("trust-manager-provider", name, {"enabled": "true"}, type="system")


@pytest.mark.parametrize(("make", "words"), MADE.values(), ids=MADE)
@pytest.mark.parametrize("ending", [".lock", ".history"])
def test_a_file_of_others_is_refused_and_not_changed(
    tmp_path: Path, ending: str, make: Callable[[Path], object], words: str
) -> None:
    path = tmp_path / "config.ldif"
    make(tmp_path / f"config.ldif{ending}")
    with pytest.raises(StorageError, match=words):
        change(f"ldif:{path}", "one")
    assert not path.exists()
    assert not (tmp_path / "absent").exists()
    other = tmp_path / "other"
    assert not other.exists() or (other.read_text() == CONTENT and other.stat().st_uid == os.geteuid())


@pytest.mark.parametrize(("make", "words"), MADE.values(), ids=MADE)
def test_a_history_of_others_is_not_read(tmp_path: Path, make: Callable[[Path], object], words: str) -> None:
    make(tmp_path / "config.ldif.history")
    with (
        confobjects.open(f"ldif:{tmp_path / 'config.ldif'}") as context,
        pytest.raises(StorageError, match=words),
    ):
        context.history()


def make_open_directory(path: Path) -> None:
    path.mkdir()
    path.chmod(0o770)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.symlink_to(other_directory(path), target_is_directory=True),
        make_file,
        os.mkfifo,
        make_open_directory,
    ],
    ids=["link", "file", "pipe", "open"],
)
def test_an_archive_of_others_is_refused(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "config.ldif"
    change(f"ldif:{path}", "one")
    before = path.read_bytes()
    make(tmp_path / "config.ldif.archive")
    with pytest.raises(StorageError, match="not a file of ours"):
        change(f"ldif:{path}", "two")
    assert path.read_bytes() == before
    assert not (tmp_path / "elsewhere").exists() or list((tmp_path / "elsewhere").iterdir()) == []


def other_directory(path: Path) -> Path:
    other = path.parent / "elsewhere"
    other.mkdir()
    return other


@pytest.mark.parametrize(("make", "words"), MADE.values(), ids=MADE)
def test_an_archived_version_of_others_is_not_read(tmp_path: Path, make: Callable[[Path], object], words: str) -> None:
    path = tmp_path / "config.ldif"
    change(f"ldif:{path}", "one")
    (tmp_path / "config.ldif.archive").mkdir(mode=0o700)
    make(tmp_path / "config.ldif.archive" / "config.ldif.9.gz")
    outcome = run("diff", "archive:1", "--url", f"ldif:{path}")
    assert outcome.status != 0
    assert words in outcome.err


@pytest.mark.parametrize(("make", "words"), MADE.values(), ids=MADE)
def test_commands_are_not_recorded_in_a_file_of_others(
    tmp_path: Path, make: Callable[[Path], object], words: str
) -> None:
    path = tmp_path / "config.ldif"
    make(tmp_path / "commands")
    arguments = ["create-trust-manager-provider", "--provider-name", "one", "-t", "system", "--set", "enabled:true"]
    outcome = run(*arguments, "--url", f"ldif:{path}", "--commandFilePath", str(tmp_path / "commands"), "-n")
    assert outcome.status != 0
    assert words in outcome.err
    assert not path.exists()


def test_root_and_the_owner_of_the_configuration_share_its_files(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    path = tmp_path / "config.ldif"
    change(f"ldif:{path}", "one")
    for name in ("config.ldif", "config.ldif.lock", "config.ldif.history"):
        os.chown(tmp_path / name, 65534, 65534)
    change(f"ldif:{path}", "two")
    assert {entry.stat().st_uid for entry in tmp_path.iterdir()} == {65534}


def test_a_new_file_is_ours(tmp_path: Path) -> None:
    path = str(tmp_path / "new")
    os.close(own_files.open_own(path, os.O_WRONLY | os.O_CREAT, ""))
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert own_files.read_own(path, "") == b""
    assert own_files.read_own(path + "x", "") is None
