"""The outline of a history is always that of the history as it is now, whoever has changed it, and holds no value."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import confobjects
from confobjects.errors import NoSuchObjectError
from confobjects.management import ManagementContext
from confobjects.management.history import outline
from confobjects.mapping.journal import NotedChange
from confobjects.objects.changes import PropertyChanges
from tests.effort import times

VALUES: dict[str, Any] = {"enabled": True, "smtp-server": "h:25", "auth-username": "me", "auth-password": "secret"}


class File:
    """An LDIF file that a long process looks at, and that others change."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "config.ldif"
        self.history = Path(f"{self.path}.history")
        self.number = 0
        self.reader = self.open()
        self.saved: tuple[bytes, bytes] | None = None

    def open(self) -> ManagementContext:
        return confobjects.open(f"ldif:{self.path}", archives=0)

    def change(self) -> None:
        """Let another process create an object, or change one."""
        self.number += 1
        with self.open() as other:
            other.create("mail-server", f"s{self.number}", VALUES)
            if self.number % 3 == 0:
                other.modify("mail-server", f"s{self.number}", PropertyChanges(set={"enabled": [False]}))

    def rename(self) -> None:
        """Let another process give an object another name."""
        with self.open() as other:
            names = [obj.name for obj in other.list("mail-server")]
            if names:
                self.number += 1
                other.rename("mail-server", names[0], f"s{self.number}")

    def edit(self) -> None:
        """Edit the file by hand."""
        if self.path.exists():
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n# edited\n")

    def undo(self) -> None:
        """Let another process take the last change back."""
        with self.open() as other:
            done = [one.number for one in other.history() if one.state == "done"]
            if done:
                other.undo(done[-1])

    def save(self) -> None:
        """Make a backup."""
        if self.history.exists():
            self.saved = self.path.read_bytes(), self.history.read_bytes()

    def restore(self) -> None:
        """Put the backup back, in the same files."""
        if self.saved is not None:
            self.path.write_bytes(self.saved[0])
            self.history.touch(0o600)
            self.history.write_bytes(self.saved[1])

    def begin_anew(self) -> None:
        """Move the history away."""
        self.history.unlink(missing_ok=True)

    def copy(self) -> None:
        """Put the history into another file."""
        if self.history.exists():
            shutil.copy(self.history, f"{self.history}.x")
            Path(f"{self.history}.x").replace(self.history)


ACTS: tuple[Callable[[File], None], ...] = (
    File.change,
    File.change,
    File.rename,
    File.edit,
    File.undo,
    File.save,
    File.restore,
    File.begin_anew,
    File.copy,
)


def _shorten(context: ManagementContext) -> list[object]:
    """Return what an outline has of the history, read as a whole."""
    return [
        (
            one.number,
            one.state,
            one.signature,
            one.undoes,
            [(each.action, *each.paths, each.type) for each in one.changes],
        )
        for one in context.history()
    ]


def _outline(context: ManagementContext) -> list[object]:
    found = context.outline()
    assert all(not one.kept and not any(each.names for each in one.changes) for one in found)
    return [
        (
            one.number,
            one.state,
            one.signature,
            one.undoes,
            [(each.action, *each.paths, each.type) for each in one.changes],
        )
        for one in found
    ]


@pytest.mark.parametrize("seed", range(times(5)))
def test_it_is_the_history_as_it_is_now(tmp_path: Path, seed: int) -> None:
    chance, file = random.Random(seed), File(tmp_path)
    for _ in range(25):
        chance.choice(ACTS)(file)
        assert _outline(file.reader) == _shorten(file.open())


def test_it_is_not_read_again_and_continued_where_it_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = File(tmp_path)
    for _ in range(3):
        file.change()
    read = list[int]()
    whole = file.reader.storage.history

    def count(since: int = 0) -> Sequence[NotedChange]:
        read.append(since)
        return whole(since)

    monkeypatch.setattr(file.reader.storage, "history", count)
    first = file.reader.outline()
    assert file.reader.outline() is first
    file.change()
    assert file.reader.outline()[: len(first)] == first
    assert read == [0, 3]
    monkeypatch.setattr(outline, "MOST", 3)
    file.change()
    assert _outline(file.reader) == _shorten(file.open())
    file.reader.outline()
    assert read == [0, 3, 4, 0]


def test_one_change_is_read_by_its_number(tmp_path: Path) -> None:
    file = File(tmp_path)
    for _ in range(3):
        file.change()
    every = file.reader.history()
    assert [file.reader.recorded_change(one.number) for one in every] == list(every)
    for number in (0, len(every) + 1):
        with pytest.raises(NoSuchObjectError):
            file.reader.recorded_change(number)
