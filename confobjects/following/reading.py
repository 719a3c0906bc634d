"""Reading what is stored: one consistent state with its history, of which only what has changed is evaluated."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final

from confobjects.diagnostics import Diagnostic
from confobjects.effect import EvaluatedObject, Layers, StoredState, evaluate_object
from confobjects.effect.digest import change_digest
from confobjects.errors import ChangedMeanwhileError, NoSuchObjectError, StorageError
from confobjects.management.history.records import HistoryRecord, record_of
from confobjects.management.judging import warn_of_unknown, warn_of_unusable
from confobjects.management.strays import find_strays
from confobjects.mapping.objects import find_holders
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.following.sources import LiveSources
    from confobjects.management.site import Site
    from confobjects.mapping.entry import Entry
    from confobjects.mapping.journal import NotedChange
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import ManagedObjectPath

_ATTEMPTS: Final = 20


class Look(Record):
    """What one look at a storage finds: the stored state, the records of its history that are new, and warnings."""

    stored: StoredState
    history: tuple[HistoryRecord, ...]
    warnings: tuple[Diagnostic, ...]


class StoredReader:
    """Reads the states of a storage, one after the other.

    ``has_other_definitions`` tells whether the storage holds other definitions than when it was read first.
    """

    def __init__(self, site: Site, sources: LiveSources) -> None:
        self._site = site
        self._sources = sources
        self._known: dict[ManagedObjectPath, EvaluatedObject] = {}
        self._layers: Layers[ManagedObjectPath, EvaluatedObject] = Layers()
        self._files: dict[ManagedObjectPath, frozenset[str]] = {}
        self._outdated: set[ManagedObjectPath] = set()
        self._digest = ""
        self._had_base = False
        self._holders: list[Entry] | None = None
        self.has_other_definitions = False

    @property
    def files(self) -> set[str]:
        """The paths of all files and directories that values come from."""
        return set[str]().union(*self._files.values())

    def forget(self, paths: Collection[str]) -> None:
        """Evaluate the objects again whose values come from some files or directories."""
        self._outdated.update(path for path, files in self._files.items() if not files.isdisjoint(paths))

    def read(self, since: int | None) -> Look:
        """Return what is stored now, with the history from a number on.

        Raises :class:`~confobjects.errors.ConfobjectsError` if it cannot be read, or is changed faster than it is read.
        """
        for _ in range(_ATTEMPTS):
            moment = self._site.storage.moment()
            before = self._read_newest()
            objects, warnings = self._read_objects()
            noted = self._read_history()
            number = None if noted is None else _newest_of(noted)
            if number == before and self._site.storage.moment() == moment:
                if number is not None and since is not None and number < since <= (moment.last or 0):
                    number = since  # the change of that number was taken back
                records = tuple(record_of(one) for one in noted or () if since is None or one.number >= since)
                stored = self._evaluate_objects(objects, number)
                return Look(stored.replace(epoch=moment.epoch, digest=self._digest), records, warnings)
        raise ChangedMeanwhileError("the configuration is changed faster than it can be read")

    def _read_newest(self) -> int | None:
        noted = self._read_history()
        return None if noted is None else _newest_of(noted)

    def _read_history(self) -> list[NotedChange] | None:
        try:
            return list(self._site.storage.history())
        except NoSuchObjectError:
            return None

    def _read_objects(self) -> tuple[list[ManagedObject], tuple[Diagnostic, ...]]:
        storage = self._site.storage
        has_base = storage.read(self._site.mapper.base) is not None
        if self._had_base and not has_base:
            summary = f'the entry "{self._site.mapper.base}" is there no longer: the configuration was removed, or is being written'
            raise StorageError(Diagnostic("storage-failed", summary, remedy="put the configuration back"))
        self._had_base = has_base
        holders = find_holders(storage)
        self._holders = holders if self._holders is None else self._holders
        self.has_other_definitions = holders != self._holders
        world = self._site.open_world()
        objects = list(self._site.all_objects(world))
        return objects, tuple(self._find_warnings(objects, find_strays(self._site, world, objects)))

    def _find_warnings(self, objects: list[ManagedObject], strays: list[Diagnostic]) -> Iterator[Diagnostic]:
        yield from self._site.storage.warnings
        yield from warn_of_unusable(self._site.registry)
        yield from strays
        yield from warn_of_unknown(objects, "kept and not used")

    def _evaluate_objects(self, objects: list[ManagedObject], number: int | None) -> StoredState:
        self._sources.renew()
        changes: dict[ManagedObjectPath, EvaluatedObject | None] = {}
        found: set[ManagedObjectPath] = set()
        for obj in objects:
            found.add(obj.path)
            known = self._known.get(obj.path)
            if known is None or known.object != obj or obj.path in self._outdated:
                changes[obj.path] = self._evaluate(obj)
        changes.update((path, None) for path in self._known if path not in found)
        self._digest = change_digest(self._digest, self._known, changes)
        for path, evaluated in changes.items():
            if evaluated is None:
                del self._known[path]
                self._files.pop(path, None)
            else:
                self._known[path] = evaluated
        self._outdated.clear()
        self._layers = self._layers.with_changes(changes)
        return StoredState("", number, self._layers, frozenset(changes))

    def _evaluate(self, obj: ManagedObject) -> EvaluatedObject:
        with self._sources.track() as files:
            evaluated = evaluate_object(obj, self._site.registry, self._sources)
        if files:
            self._files[obj.path] = frozenset(files)
        else:
            self._files.pop(obj.path, None)
        return evaluated


def _newest_of(noted: list[NotedChange]) -> int:
    return noted[-1].number if noted else 0
