"""The site: the definitions and the storage that every part of this room works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

from confobjects.management.world import NameLists, StorageWorld
from confobjects.mapping.objects import Mapper
from confobjects.objects.reading import PropertyReader
from confobjects.paths import ROOT, ManagedObjectPath
from confobjects.records import Record, field

if TYPE_CHECKING:
    from confobjects.definitions import Registry, Relation
    from confobjects.management.approving import Approve
    from confobjects.mapping.objects import Carried
    from confobjects.mapping.protocol import Storage
    from confobjects.objects.judging import Judge
    from confobjects.objects.model import ManagedObject
    from confobjects.objects.protocols import Evaluator, Sealer, World


class ChangeSignature(Record):
    """Who makes a change, when (UTC, ISO 8601), and by which command; a program that calls the library says "api"."""

    time: str = ""
    actor: str = ""
    command: str = "api"


class Kept:
    """What is kept of a storage from one operation to the next, for as long as it is so: names of objects, and the outline
    of the history.
    """

    def __init__(self) -> None:
        self.names = NameLists()
        self.outline: Any = None
        """What :mod:`confobjects.management.history.outline` has made of the history."""


def _make_mapper(registry: Registry, storage: Storage, carried: Carried | None = None) -> Mapper:
    if (read_also := getattr(storage, "read_also", None)) is not None:
        read_also(registry.stored_attributes())
    return Mapper(registry, storage.base, carried, revised=not storage.is_foreign)


def _open_nothing() -> None:
    """Return that there are no keys."""


class Site(Record):
    """The definitions, the storage, and how values are evaluated and changes are signed.

    ``evaluate`` evaluates expressions. At write time it does not use the environment, only the defaults within them.
    ``sign`` returns who makes a change and when. ``open_sealer`` returns what seals secrets, None without keys.
    ``approve`` is asked before anything is written, tried or tested; without it nobody has to approve of a change.
    ``machine`` is the name of the machine that this runs on, ``clock`` returns the time as in a signature. ``kept`` is
    what is kept of the storage from one operation to the next.
    """

    registry: Registry
    storage: Storage
    mapper: Mapper
    evaluate: Evaluator
    sign: Callable[[], ChangeSignature] | None = None
    open_sealer: Callable[[], Sealer | None] = _open_nothing
    machine: str = ""
    clock: Callable[[], str] | None = None
    approve: Approve | None = None
    kept: Kept = field(default_factory=Kept)

    @classmethod
    def of(
        cls,
        registry: Registry,
        storage: Storage,
        evaluate: Evaluator,
        sign: Callable[[], ChangeSignature] | None = None,
        open_sealer: Callable[[], Sealer | None] = _open_nothing,
    ) -> Self:
        """Return the site of a storage."""
        return cls(registry, storage, _make_mapper(registry, storage), evaluate, sign, open_sealer)

    @property
    def evaluator(self) -> Evaluator:
        """What evaluates values that are read: a server with a schema of its own evaluates its values itself."""
        if not self.storage.is_foreign:
            return self.evaluate
        from confobjects.management.changing.foreign import leave_alone

        return leave_alone

    def with_registry(self, registry: Registry, carried: Carried | None = None) -> Site:
        """Return the site with other definitions. See :class:`~confobjects.mapping.objects.Mapper` for ``carried``."""
        if registry is self.registry:
            return self
        mapper = _make_mapper(registry, self.storage, carried)
        return self.replace(registry=registry, mapper=mapper, kept=Kept())

    def on(self, storage: Storage) -> Site:
        """Return the same site over another storage, in which changes are only tried."""
        return self.replace(storage=storage, mapper=_make_mapper(self.registry, storage), sign=None, kept=Kept())

    def open_world(self) -> StorageWorld:
        """Return a fresh view of the storage."""
        return StorageWorld(self.registry, self.storage, self.mapper, self.kept.names)

    def make_reader(self, world: World | None = None) -> PropertyReader:
        """Return a reader of current values over a view."""
        return PropertyReader(self.registry, world or self.open_world(), self.evaluator)

    def make_judge(self, world: World | None = None) -> Judge:
        """Return a judge over a view."""
        from confobjects.objects.judging import Judge

        return Judge(self.registry, world or self.open_world(), self.evaluator)

    def all_objects(self, world: World | None = None) -> Iterator[ManagedObject]:
        """Yield every object, parents before children, including singletons that have only defaults."""
        world = world or self.open_world()
        waiting: list[tuple[Relation, ManagedObjectPath]] = [(r, ROOT) for r in self.registry.children("root")]
        for relation, parent in waiting:
            for obj in world.members(relation, parent):
                yield obj
                waiting.extend((child, obj.path) for child in self.registry.children(obj.definition.name))
