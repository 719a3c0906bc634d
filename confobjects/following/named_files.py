"""Files and directories that values name: trust stores and the like, whose content counts although the value stays."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from confobjects.storage.file_watch import mark_of
from confobjects.syntaxes.text import Path

if TYPE_CHECKING:
    from confobjects.objects.judging import Judgement
    from confobjects.paths import ManagedObjectPath


class NamedFiles:
    """What the values in effect name, by object. A relative path starts at the instance directory."""

    def __init__(self, instance_directory: str) -> None:
        self._instance_directory = instance_directory
        self._objects: dict[ManagedObjectPath, dict[str, list[str]]] = {}
        self._users: Counter[str] = Counter()
        """How many objects name a file."""
        self._marks: dict[str, object] = {}

    @property
    def files(self) -> Collection[str]:
        """The paths of all files and directories."""
        return self._marks.keys()

    def follow(self, path: ManagedObjectPath, judged: Judgement | None) -> None:
        """Take an object as it is in effect now, None if it is there no longer."""
        old = self._objects.pop(path, {})
        self._users.subtract(old.keys())
        found: dict[str, list[str]] = {}
        for file, name in () if judged is None else self._find(judged):
            found.setdefault(file, []).append(name)
        if found:
            self._objects[path] = found
            self._users.update(found.keys())
        for file in found:
            if file not in self._marks:
                self._marks[file] = mark_of(file)
        for file in old.keys() - found.keys():
            if not self._users[file]:
                del self._marks[file], self._users[file]

    def _find(self, judged: Judgement) -> Iterator[tuple[str, str]]:
        for name, prop in judged.object.definition.properties.items():
            if isinstance(prop.syntax, Path):
                for value in judged.typed_values(name) or ():
                    yield os.path.join(self._instance_directory, value), name

    def find_replaced(self, files: Collection[str]) -> dict[ManagedObjectPath, tuple[str, ...]]:
        """Return the objects that name files which have changed, with the properties that do. Each is found once."""
        changed = {file for file in files if file in self._marks and self._has_changed(file)}
        found: dict[ManagedObjectPath, tuple[str, ...]] = {}
        for path, named in self._objects.items() if changed else ():
            names = [name for file in changed & named.keys() for name in named[file]]
            if names:
                found[path] = tuple(dict.fromkeys(names))
        return found

    def _has_changed(self, file: str) -> bool:
        before, self._marks[file] = self._marks[file], mark_of(file)
        return before != self._marks[file]
