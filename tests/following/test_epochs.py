"""Each state has an epoch, a number and a digest: a storage that was set back or made anew is told as restored."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.following.services import LONG, ONE, File, Told


def history_of(file: File) -> Path:
    return file.path.with_name(file.path.name + ".history")


def replace_by(file: File, other: Path) -> None:
    """Put a backup in place: the history, then the file."""
    for name in (history_of(file).name, file.path.name):
        (other / name).rename(file.path.with_name(name))


def back_up(file: File, directory: Path) -> Path:
    directory.mkdir()
    for one in (file.path, history_of(file)):
        shutil.copy2(one, directory)
    return directory


def test_processes_that_see_the_same_tell_the_same(tmp_path: Path) -> None:
    file = File(tmp_path)
    with file.live() as first:
        file.set(smtp_server="second.example.com")
        assert first.wait_for(2, LONG)
        with file.live() as second:
            assert (first.epoch, first.number, first.digest) == (second.epoch, second.number, second.digest)
            assert "" not in {first.epoch, first.digest}
            file.set(auth_username="me", auth_password="one secret")
            assert first.wait_for(3, LONG)
            assert second.wait_for(3, LONG)
            before = first.digest
            assert before == second.digest
            file.set(auth_password="another secret")
            assert first.wait_for(4, LONG)
            assert first.digest == before


def take_over(file: File, directory: Path) -> File:
    """Return the copy of a file in another directory, to go on from it."""
    copy = File.__new__(File)
    copy.path, copy.registry = directory / file.path.name, file.registry
    copy.url = f"ldif:{copy.path}"
    return copy


@pytest.mark.parametrize("changes", [0, 1, 2, 5])
def test_a_backup_is_told_as_restored_however_many_changes_were_made_from_it(tmp_path: Path, changes: int) -> None:
    file, told = File(tmp_path), Told()
    old = back_up(file, tmp_path / "backup")
    for host in ("second", "third"):
        file.set(smtp_server=f"{host}.example.com")
    with file.live() as live:
        epoch = live.epoch
        live.listen()(told)
        elsewhere = File.__new__(File)
        elsewhere.path, elsewhere.url, elsewhere.registry = (
            old / "config.ldif",
            f"ldif:{old}/config.ldif",
            file.registry,
        )
        for number in range(changes):
            elsewhere.set(smtp_server=f"new{number}.example.com")
        replace_by(file, old)
        told.wait_until(lambda: told.events and told.events[-1].restored)
        assert live.wait_until(lambda: live.number == 1 + changes, LONG)
        assert [(one.restored, one.number) for one in told.events][-1] == (True, None)
        assert (live.epoch, live[ONE]["smtp-server"].host.startswith("new")) == (epoch, changes > 0)
        at = len(told.events)
        file.set(smtp_server="later.example.com")
        assert live.wait_for(2 + changes, LONG)
        assert [(one.restored, one.number) for one in told.events[at:]] == [(False, 2 + changes)]


def test_a_history_that_began_anew_is_another_epoch(tmp_path: Path) -> None:
    file, told = File(tmp_path), Told()
    elsewhere = take_over(file, back_up(file, tmp_path / "copy"))
    history_of(elsewhere).unlink()
    for number in range(3):
        elsewhere.set(smtp_server=f"h{number}.example.com")
    with file.live() as live:
        epoch = live.epoch
        live.listen()(told)
        replace_by(file, elsewhere.path.parent)
        assert live.wait_until(lambda: live.number == 3, LONG)
        assert [(one.restored, one.number) for one in told.events][-1] == (True, None)
        assert live.epoch not in {epoch, ""}
        assert live[ONE]["smtp-server"].host == "h2.example.com"


def test_a_history_that_is_removed_and_begins_again_is_another_epoch(tmp_path: Path) -> None:
    file, told = File(tmp_path), Told()
    with file.live() as live:
        epoch = live.epoch
        live.listen()(told)
        history_of(file).unlink()
        for number in range(2):
            file.set(smtp_server=f"h{number}.example.com")
        assert live.wait_until(lambda: live.number == 2 and live.epoch != epoch, LONG)
        assert [one.properties for one in told.events] == [("smtp-server",)] * len(told.events)
        assert live[ONE]["smtp-server"].host == "h1.example.com"


def test_a_history_of_an_older_version_keeps_its_epoch(tmp_path: Path) -> None:
    file, told = File(tmp_path), Told()
    first, *rest = history_of(file).read_text(encoding="utf-8").splitlines(keepends=True)
    assert json.loads(first).pop("epoch")
    history_of(file).write_text("".join(['{"format":1}\n', *rest]), encoding="utf-8")
    with file.live() as live:
        live.listen()(told)
        epoch = live.epoch
        assert epoch != ""
        file.set(smtp_server="second.example.com")
        assert live.wait_for(2, LONG)
        assert (live.epoch, [one.restored for one in told.events]) == (epoch, [False])


def test_a_change_that_was_taken_back_is_no_restored_storage(tmp_path: Path) -> None:
    file, told = File(tmp_path), Told()
    text = file.path.read_text(encoding="utf-8")
    with file.live() as live:
        live.listen()(told)
        file.set(smtp_server="second.example.com")
        assert live.wait_for(2, LONG)
        with history_of(file).open("a", encoding="utf-8") as history:
            history.write('{"number":2,"state":"void"}\n')
        file.replace(text)
        told.wait(2)
        file.set(smtp_server="third.example.com")
        told.wait(3)
        assert not any(one.restored for one in told.events)
