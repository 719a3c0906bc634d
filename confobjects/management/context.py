"""The management context: access to the objects of one storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Self

from confobjects.errors import NoSuchObjectError
from confobjects.management.world import Overlay, StorageWorld, describe_absence
from confobjects.objects.model import ManagedObject
from confobjects.paths import ROOT, ManagedObjectPath, Name
from confobjects.texts.names import normal_name

if TYPE_CHECKING:
    from types import TracebackType

    from confobjects.definitions import Registry, Relation
    from confobjects.definitions.installed import InstalledText
    from confobjects.diagnostics import Diagnostic
    from confobjects.management.changing.requests.draft import Given
    from confobjects.management.changing.transaction import Transaction
    from confobjects.management.changing.trials import OpenTests
    from confobjects.management.documents.applying import See
    from confobjects.management.documents.comparing import States
    from confobjects.management.history.records import HistoryRecord, Objects
    from confobjects.management.progress import Progress
    from confobjects.management.resealing import ResealReport
    from confobjects.management.site import Site
    from confobjects.management.verifying import Standing
    from confobjects.objects.changes import ChangeReport, PropertyChanges


class ManagementContext:
    """The objects of one storage, to be listed, read and changed."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.storage = site.storage
        self._listeners: list[Callable[[ChangeReport], None]] = []

    @property
    def registry(self) -> Registry:
        """The definitions: a change of those that the configuration holds makes others."""
        return self.site.registry

    def __repr__(self) -> str:
        return f"<the objects of {self.storage.url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the storage."""
        self.storage.close()

    def world(self) -> StorageWorld:
        """Return a fresh view of the storage."""
        return self.site.open_world()

    # -- reading -------------------------------------------------------------------------------------------------

    def get(self, kind: str, name: Name = (), world: StorageWorld | None = None) -> ManagedObject:
        """Return one object by kind and name (a tuple of names for a nested one), in a view or in a fresh one.

        Raises :class:`~confobjects.errors.NoSuchObjectError`, :class:`~confobjects.errors.UnknownNameError`.
        """
        path = self.registry.path_of(kind, name)
        world = world or self.world()
        obj = world.find(path)
        if obj is None:
            raise NoSuchObjectError(describe_absence(self.registry, world, path))
        return obj

    def list(
        self,
        kind: str,
        parents: Name = (),
        world: StorageWorld | None = None,
        *,
        properties: Sequence[str] | None = None,
    ) -> list[ManagedObject]:
        """Return the objects of a kind below the named parents, sorted by name ignoring case.

        With ``properties`` only these are needed: a storage may leave out the others.
        """
        relation = self.registry.relation(kind)
        world = world or self.world()
        parent = self._find_parent(relation, parents, world)
        found = (
            world.members(relation, parent) if properties is None else world.list_members(relation, parent, properties)
        )
        return sorted(found, key=lambda obj: normal_name(obj.name))

    def list_names(self, kind: str, parents: Name = (), world: StorageWorld | None = None) -> Sequence[str] | None:
        """Return the names of the objects of a kind, as :meth:`list` has them, without reading the objects.

        None for a kind without names, and where a name is not enough to find an object.
        """
        relation = self.registry.relation(kind)
        world = world or self.world()
        parent = self._find_parent(relation, parents, world)
        return world.list_names(relation, parent) if relation.named else None

    def find_some(
        self, kind: str, parents: Name, names: Iterable[str], world: StorageWorld | None = None
    ) -> Sequence[ManagedObject]:
        """Return the objects of some names, in their order and without those that are not there; they are read together."""
        above = (parents,) if isinstance(parents, str) else parents
        paths = [self.registry.path_of(kind, (*above, name)) for name in names]
        world = world or self.world()
        world.read_ahead(paths)
        return [obj for path in paths if (obj := world.find(path)) is not None]

    def _find_parent(self, relation: Relation, parents: Name, world: StorageWorld) -> ManagedObjectPath:
        """Return the path that the objects of a relation are below, with its names as they are stored."""
        lineage = self.registry.lineage(relation)
        if len(lineage) == 1:
            return ROOT
        parent = self.registry.path_of(lineage[-2].name, parents)
        above = world.find(parent)
        if above is None:
            raise NoSuchObjectError(describe_absence(self.registry, world, parent))
        return above.path

    def strays(self, world: StorageWorld | Overlay | None = None) -> Sequence[Diagnostic]:
        """Return at most one warning: how many entries are stored that are no part of the configuration."""
        from confobjects.management.strays import summarise_strays

        return summarise_strays(self.site, world or self.world())

    def all(self, world: StorageWorld | None = None) -> Iterator[ManagedObject]:
        """Yield every object, parents before children, including singletons that have only defaults."""
        return self.site.all_objects(world or self.world())

    def verification(self, kind: str, name: Name = (), world: StorageWorld | None = None) -> Standing:
        """Return how an object stands with its last test, which is kept apart from the configuration.

        It is "never" for one that is not there. See :mod:`confobjects.management.verifying`.
        """
        from confobjects.management.verifying import judge_verifications

        path = self.registry.path_of(kind, name)
        return judge_verifications(self.site, [path], world)[0][path]

    # -- history ---------------------------------------------------------------------------------------------------

    def history(self) -> Sequence[HistoryRecord]:
        """Return the changes that the storage keeps a record of, the oldest first.

        Raises :class:`~confobjects.errors.NoSuchObjectError` where it keeps none.
        """
        from confobjects.management.history import records

        return records.read_records(self.site)

    def outline(self) -> Sequence[HistoryRecord]:
        """Return the same without values, in less time: see :mod:`confobjects.management.history.outline`."""
        from confobjects.management.history.outline import read_outline

        return read_outline(self.site)

    def recorded_change(self, number: int) -> HistoryRecord:
        """Return one change of the history. Raises :class:`~confobjects.errors.NoSuchObjectError`."""
        from confobjects.management.history import records

        return records.read_record(self.site, number)

    def as_of(self, number: int) -> Objects:
        """Return the stored objects by path as they were right after a change. See :func:`records.rebuild_as_of`."""
        from confobjects.management.history import records

        return records.rebuild_as_of(self.site, number)

    def undo(self, number: int, *, dry_run: bool = False, tests: OpenTests | None = None) -> ChangeReport:
        """Take one change back. See :func:`undoing.undo`."""
        from confobjects.management.history import undoing

        with self.change(dry_run=dry_run, tests=tests) as tx:
            undoing.undo(tx, number)
        return tx.report

    def undo_to(self, number: int, *, dry_run: bool = False, tests: OpenTests | None = None) -> ChangeReport:
        """Take back every change after one. See :func:`undoing.undo_to`."""
        from confobjects.management.history import undoing

        with self.change(dry_run=dry_run, tests=tests) as tx:
            undoing.undo_to(tx, number)
        return tx.report

    # -- changing ------------------------------------------------------------------------------------------------

    def change(
        self,
        *,
        dry_run: bool = False,
        accept_losses: bool = False,
        expected: Sequence[InstalledText] = (),
        tests: OpenTests | None = None,
    ) -> Transaction:
        """Return a transaction: a ``with`` block whose changes are judged as a whole and written when it ends.

        Nothing is connected to unless ``tests`` asks for it: :func:`confobjects.save_tests` makes it.
        See :class:`~confobjects.management.changing.transaction.Transaction` for the options.
        """
        from confobjects.management.changing.transaction import Transaction

        def conclude(report: ChangeReport) -> None:
            self.site = self.site.with_registry(made.registry_after)
            if any(change.action != "modify" for change in report.changes):
                from confobjects.management.verifying import forget_replaced

                forget_replaced(self.site, report.changes)
            self._tell(report)

        made = Transaction(
            self.site,
            dry_run=dry_run,
            accept_losses=accept_losses,
            expected=expected,
            tests=tests,
            committed=conclude,
        )
        return made

    def create(  # noqa: PLR0913 - the options of a creation
        self,
        kind: str,
        name: Name,
        values: Given,
        *,
        type: str | None = None,  # noqa: A002 - the word of the option
        dry_run: bool = False,
        tests: OpenTests | None = None,
    ) -> ChangeReport:
        """Create one object. See :meth:`Transaction.create`."""
        with self.change(dry_run=dry_run, tests=tests) as tx:
            tx.create(kind, name, values, type=type)
        return tx.report

    def modify(  # noqa: PLR0913 - the options of a modification
        self,
        kind: str,
        name: Name,
        changes: PropertyChanges,
        *,
        type: str | None = None,  # noqa: A002 - the word of the option
        dry_run: bool = False,
        tests: OpenTests | None = None,
    ) -> ChangeReport:
        """Change properties of one object. See :meth:`Transaction.modify`."""
        with self.change(dry_run=dry_run, tests=tests) as tx:
            tx.modify(kind, name, changes, type=type)
        return tx.report

    def delete(self, kind: str, name: Name = (), *, force: bool = False, dry_run: bool = False) -> ChangeReport:
        """Delete one object and what is below it. See :meth:`Transaction.delete`."""
        with self.change(dry_run=dry_run) as tx:
            tx.delete(kind, name, force=force)
        return tx.report

    def rename(self, kind: str, name: Name, new_name: str, *, dry_run: bool = False) -> ChangeReport:
        """Rename one object, and every reference to it. See :meth:`Transaction.rename`."""
        with self.change(dry_run=dry_run) as tx:
            tx.rename(kind, name, new_name)
        return tx.report

    def apply(  # noqa: PLR0913 - the options of an application, by keyword
        self,
        wanted: States,
        *,
        prune: bool = False,
        recreate: bool = False,
        own: Sequence[str] = (),
        dry_run: bool = False,
        tests: OpenTests | None = None,
        see: See | None = None,
        progress: Progress | None = None,
    ) -> ChangeReport:
        """Make stored objects match the wanted ones. See :func:`applying.bring_about` for the options."""
        from confobjects.management.documents.applying import bring_about, find_expected

        with self.change(dry_run=dry_run, expected=find_expected(wanted), tests=tests) as tx:
            bring_about(tx, wanted, prune=prune, recreate=recreate, own=own, see=see, progress=progress)
        return tx.report

    def reseal(self, *, dry_run: bool = False, all_stale: bool = False, abandon: bool = False) -> ResealReport:
        """Seal every secret with the key that seals now, and forget old copies. See :func:`resealing.reseal`."""
        from confobjects.management import resealing

        return resealing.reseal(self.site, self.change, dry_run=dry_run, all_stale=all_stale, abandon=abandon)

    def listen(self, listener: Callable[[ChangeReport], None]) -> None:
        """Have a function called with the report of every change committed through this context."""
        self._listeners.append(listener)

    def _tell(self, report: ChangeReport) -> None:
        for listener in self._listeners:
            listener(report)
