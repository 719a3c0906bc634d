"""A transaction: changes planned together, visible to each other, judged as a whole and written in one commit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self

from confobjects.actions import RemedyAction
from confobjects.definitions.model import HOLDER_KIND
from confobjects.diagnostics import Collector, Diagnostic, suggest_name
from confobjects.errors import NoSuchObjectError, error_for
from confobjects.expressions.openers import SEALED
from confobjects.management.approving import ProposedChange
from confobjects.management.changing.commit import ChangeBuilder
from confobjects.management.changing.ordering import sort_outcomes
from confobjects.management.changing.outcomes import ObjectOutcome, find_outcomes, find_targets
from confobjects.management.changing.verdict import Verdict
from confobjects.management.world import Overlay, StorageWorld, describe_absence
from confobjects.mapping.objects import BRANCH_CLASS, find_holders
from confobjects.objects.changes import Changer, ChangeReport, PropertyChanges, add_written_defaults, is_name
from confobjects.objects.model import ManagedObject
from confobjects.objects.reading import PropertyReader, mask_secret
from confobjects.paths import ROOT, ManagedObjectPath, Name
from confobjects.texts.names import normal_name
from confobjects.texts.visible import make_visible

if TYPE_CHECKING:
    from types import TracebackType

    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry, Relation
    from confobjects.definitions.conditions import View
    from confobjects.definitions.installed import InstalledText
    from confobjects.dn import DN
    from confobjects.management.changing.redefining import Redefinition
    from confobjects.management.changing.sealing import ChangeSealer
    from confobjects.management.changing.trials import OpenTests, SaveTester, TestDecision
    from confobjects.management.site import Site
    from confobjects.mapping.entry import Change, Entry, Values
    from confobjects.mapping.journal import Note
    from confobjects.objects.changes import ObjectChange
    from confobjects.objects.judging import User

Given = Mapping[str, Any]
"""Property values as a caller gives them: one value, or a sequence of them, by property name."""

_Arguments = ParamSpec("_Arguments")


def _remember_request(
    verb: Callable[Concatenate[Transaction, _Arguments], None],
) -> Callable[Concatenate[Transaction, _Arguments], None]:
    """Record a request in its transaction, but not the requests that it makes in turn."""

    @wraps(verb)
    def remember(self: Transaction, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> None:
        if self._nested:
            verb(self, *args, **kwargs)
            return
        self._nested = True
        try:
            verb(self, *args, **kwargs)
        finally:
            self._nested = False
        self._asked.append(lambda: remember(self, *args, **kwargs))

    return remember


class Transaction:
    """Changes to the objects of a site, made in a ``with`` block.

    At the end of the block everything is judged; then it is written, or an error with every problem is raised
    and nothing is written. ``report`` holds the outcome after the block. With ``dry_run`` nothing is written
    in any case. ``committed`` is called with the report of a change that was written. With ``accept_losses`` the
    definitions that the configuration holds may give up what protects values. ``expected`` are definitions that will be
    installed by this change, so that it may also change objects of them. ``tests`` makes what decides about tests of
    the objects that are saved, and tests them, see :mod:`~confobjects.management.changing.trials`; without it nothing is
    tested.

    The definitions that count are always those that will be stored, see :mod:`~confobjects.management.changing.redefining`.
    """

    def __init__(  # noqa: PLR0913 - the options of a change, all by keyword
        self,
        site: Site,
        *,
        dry_run: bool = False,
        accept_losses: bool = False,
        expected: Sequence[InstalledText] = (),
        tests: OpenTests | None = None,
        committed: Callable[[ChangeReport], None] | None = None,
    ) -> None:
        self.site = site
        self.dry_run = dry_run
        self._accept_losses = accept_losses
        self._expected = {one.name.casefold(): one for one in expected}
        self._redefinition: Redefinition | None = None
        self._begun = False
        self._committed = committed
        self.report: ChangeReport
        self.undoes: tuple[int, ...] = ()
        """The numbers of the changes that this one takes back."""
        self.prunes = False
        """Whether it deletes what a document leaves out."""
        self._lock: AbstractContextManager[None] = site.storage.writing()
        self._open_tests = tests
        self._tester: SaveTester | None = None
        self._decision: TestDecision | None = None
        self._states: dict[ManagedObjectPath, Any] = {}
        """The states of the tested objects, and of those that they depend on, when they were tested."""
        self._asked: list[Callable[[], None]] = []
        self._takes_sealed = False
        self._nested = False

    def __enter__(self) -> Self:
        self._lock.__enter__()
        self._begin()
        return self

    def _begin(self) -> None:
        """Start from what the storage holds now, without changes."""
        stored = self._read_installed() if self._locks_out or self._begun else self.site.registry.installed
        self._begun = True
        self._stored = self.site.with_registry(self.site.registry.with_installed(stored))
        self._redefinition = None
        self._start(self._stored)
        if self._expected:
            from confobjects.definitions.installed import merge_installed

            self._redefine(merge_installed(stored, self._expected.values()))

    @property
    def _locks_out(self) -> bool:
        return self.site.storage.serialises_writers

    def _read_installed(self) -> tuple[InstalledText, ...]:
        """Return the definitions that the storage holds now."""
        found = find_holders(self.site.storage)
        if not found:
            return ()
        from confobjects.mapping.installed import collect_installed

        return collect_installed(found)

    def _start(self, site: Site) -> None:
        """Start without changes, with the definitions of a site."""
        self.site = site
        self._below = self.site.open_world()
        self._world = Overlay(self._below)
        self._reader = PropertyReader(self.registry, self._world, self.site.evaluator)
        self._problems = Collector()
        self._touched: dict[ManagedObjectPath, set[str]] = {}
        self._given: dict[ManagedObjectPath, set[str]] = {}
        self._followed: dict[ManagedObjectPath, set[str]] = {}
        self._reused: Sequence[Diagnostic] = ()

    def replay(self) -> None:
        """Repeat every request on what the storage holds now."""
        self._begin()
        self._repeat()

    def _repeat(self) -> None:
        asked, self._asked = self._asked, []
        for call in asked:
            call()

    def _redefine(self, installed: tuple[InstalledText, ...]) -> None:
        """Start again with the definitions that will be stored."""
        from confobjects.management.changing.redefining import Redefinition

        self._redefinition = Redefinition(self._stored, installed, self._expected.values())
        self._start(self._redefinition.site)

    def expect_definitions(self, definitions: Iterable[InstalledText]) -> None:
        """Start again with further definitions that this change needs, and repeat the requests so far."""
        self._expected.update((one.name.casefold(), one) for one in definitions)
        nested, self._nested = self._nested, False
        self.replay()
        self._nested = nested

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._lock.__exit__(kind, error, trace)
        if kind is None and self.report.changed and not self.dry_run:
            if self._committed is not None:
                self._committed(self.report)
            self._keep_tests()  # what is kept of an object that was there before has been forgotten by now

    def _keep_tests(self) -> None:
        """Keep the results of tests of what is saved now."""
        tested = [change.new_path or change.path for change in self.report.changes if change.test == "tested"]
        if self._tester is not None and tested:
            unkept = tuple(self._tester.keep(self.site.with_registry(self.registry_after), tested))
            self.report = self.report.replace(warnings=(*self.report.warnings, *unkept))

    @_remember_request
    def reseal(self, path: ManagedObjectPath) -> None:
        """Seal the secrets of an object with the key that seals now; those that cannot be opened stay."""
        from confobjects.objects.sealing import bring_up_to_date

        obj, sealer = self._world.find(path), self.site.open_sealer()
        if obj is not None and sealer is not None:
            self.take_sealed()
            values, _ = bring_up_to_date(sealer, obj)
            if values:
                self._put(obj.replace(values={**obj.values, **values}), ())

    def take_sealed(self) -> None:
        """Take sealed secrets as they are, where they fit: those of a document, or of the history."""
        self._takes_sealed = True

    @property
    def registry(self) -> Registry:
        """The definitions that count for this change."""
        return self.site.registry

    @property
    def registry_after(self) -> Registry:
        """The definitions that count once this change is made."""
        return self.registry if self._redefinition is None else self._redefinition.target

    @property
    def below(self) -> StorageWorld:
        """The storage as it is, without the changes of this transaction."""
        return self._below

    @property
    def problems(self) -> Collector:
        """The problems of the requests so far."""
        return self._problems

    # -- requests ------------------------------------------------------------------------------------------------

    @_remember_request
    def create(  # noqa: PLR0913 - the options of a creation
        self,
        kind: str,
        name: Name,
        values: Given,
        *,
        type: str | None = None,  # noqa: A002 - the word of the option
        if_absent: bool = False,
        bare: bool = False,
        exact: bool = False,
        unstated: Collection[str] = (),
        others: Mapping[str, Values] | None = None,
    ) -> None:
        """Create an object of a kind (or one of its types, by short or full name), with values by property.

        A value may be text, the syntax's Python value, or a sequence of them. With ``if_absent`` an existing
        object is left as it is; with ``bare`` the default objects below it are not created; with ``exact`` no
        default of a mandatory property is written. ``unstated`` are secrets among the values that are only kept from
        an object that this one replaces. ``others`` are values of attributes that belong to no property.
        """
        relation = self.registry.relation(kind)
        path = self._make_path(kind, name, relation)
        if path is None:
            return
        if relation.kind == "set":
            type = self._read_type_of_name(path, type)  # noqa: A001 - the argument's name is the word of the option
        definition = self._find_type(relation, type)
        if relation.kind == "set":  # its objects are named by their type
            path = path.parent.child(path.relation, self.registry.short_type_of(definition, relation))
        path = self._follow_parent(path)
        existing = self._world.find(path)
        if existing is not None and self._world.is_written(path):
            if not if_absent:
                self._problems.add(_describe_existing(relation, existing))
            return
        naming = relation.naming_property
        if self._gives_another_name(definition, naming, path, values):
            summary = f"{naming} is the name of the {relation.friendly}: it cannot be set to another value"
            self._problems.error("usage", summary, path=str(path), property=naming)
            return
        values = {given: value for given, value in values.items() if given.lower() != naming}
        named = {naming: (path.name or "",)} if naming else {}
        changer = Changer(ManagedObject(path, definition, named), self._reader, self._problems, creating=True)
        obj = changer.apply(PropertyChanges(set={key: as_values(value) for key, value in values.items()}))
        obj = obj if exact else add_written_defaults(obj)
        if exact or not self._world.has_only_defaults(obj):  # a singleton without values is there anyway
            names = [changer.key_of(key) for key in values]
            self._put(obj.replace(others=others or {}), names)
            self._note_given(obj, names, unstated)
        if not bare:
            self._create_default_objects(obj)

    @_remember_request
    def modify(  # noqa: PLR0913 - the options of a modification
        self,
        kind: str,
        name: Name,
        changes: PropertyChanges,
        *,
        type: str | None = None,  # noqa: A002 - the word of the option
        exact: bool = False,
        unstated: Collection[str] = (),
    ) -> None:
        """Change properties of an object: reset, set, remove, add, in that order.

        ``type`` is the type that a singleton is to have: another one than now keeps the values of the properties that
        both types have. With ``exact`` no default of a mandatory property is written. ``unstated`` are secrets among the
        values that are only kept.
        """
        obj = self._find_of_type(kind, name, type)
        naming = self.registry.relation(obj.path.relation).naming_property
        stated = {} if self._gives_another_name(obj.definition, naming, obj.path, changes.set) else {naming}
        given = PropertyChanges(
            {key: as_values(value) for key, value in changes.set.items() if key.lower() not in stated},
            {key: as_values(value) for key, value in changes.add.items()},
            {key: as_values(value) for key, value in changes.remove.items()},
            changes.reset,
        )
        if self._touches_name(obj, given):
            return
        is_new = self._world.find(obj.path) is not obj
        # What is taken back may have replaced an object with another read-only value.
        creating = is_new or exact or self._world.has_only_defaults(obj)
        changer = Changer(obj, self._reader, self._problems, creating=creating, exact=exact)
        changed = changer.apply(given)
        is_first = is_new or not self._world.is_written(obj.path)
        if not exact and not is_new and is_first and changed.values == obj.values:
            return
        if not exact and is_first:
            changed = add_written_defaults(changed)  # the entry of a singleton is created by its first change
        # A broken value that is replaced is no longer a problem.
        replaced = {changer.key_of(name) for name in (*given.set, *given.reset)}
        remaining = tuple(problem for problem in obj.problems if problem.property not in replaced)
        names = {changer.key_of(name) for name in (*given.set, *given.add, *given.remove, *given.reset)}
        self._put(changed.replace(problems=remaining), names)
        self._note_given(changed, [changer.key_of(name) for name, several in given.set.items() if several], unstated)

    @staticmethod
    def _gives_another_name(
        definition: ManagedObjectDefinition, naming: str, path: ManagedObjectPath, values: Given
    ) -> bool:
        """Tell whether values hold one of the property that names an object which is not its name."""
        prop = definition.properties[naming] if naming else None
        return prop is not None and any(
            given.lower() == naming and [is_name(prop, one, path.name or "") for one in as_values(value)] != [True]
            for given, value in values.items()
        )

    def _touches_name(self, obj: ManagedObject, given: PropertyChanges) -> bool:
        """Whether a change touches the property that names the object; if so, report it."""
        naming = self.registry.relation(obj.path.relation).naming_property
        found = bool(naming) and naming in {
            key.lower() for key in (*given.set, *given.add, *given.remove, *given.reset)
        }
        if found:
            self._problems.error(
                "usage",
                f"{naming} is the name of {obj.path}: it can be changed only by renaming",
                path=str(obj.path),
                property=naming,
                remedy="rename the object",
            )
        return found

    def set(self, kind: str, name: Name, values: Given) -> None:
        """Set properties of an object; a value None or an empty sequence resets."""
        self.modify(kind, name, PropertyChanges(set=values))

    def reset(self, kind: str, name: Name, properties: Sequence[str]) -> None:
        """Reset properties of an object to their defaults."""
        self.modify(kind, name, PropertyChanges(reset=tuple(properties)))

    @_remember_request
    def delete(self, kind: str, name: Name = (), *, force: bool = False, exact: bool = False) -> None:
        """Delete an object and everything below it; with ``force`` an absent one is no error.

        With ``exact`` also the entry of a singleton is deleted, which then has its defaults.
        """
        path = self.registry.path_of(kind, name)
        if self.registry.unwritten_type(self.registry.relation(kind)) is not None and not exact:
            self._problems.error("usage", f"{kind} cannot be deleted: there is always one", path=str(path))
            return
        obj = self._world.find(path)
        if obj is None:
            if not force:
                raise NoSuchObjectError(describe_absence(self.registry, self._world, path))
            return
        children = list(self._descendants(obj))
        if (stored := self._below.entries.get(obj.path)) is not None and obj.path not in self._world.pending:
            self._check_deletion(obj, stored)
        for child in children:
            self._world.remove(child.path)
        self._world.remove(obj.path)

    def _check_deletion(self, obj: ManagedObject, stored: Entry) -> None:
        """Refuse to delete an entry of another class, and one with entries below it that undo cannot put back."""
        from confobjects.management.strays import find_strays_below

        relation = self.registry.relation(obj.path.relation)
        top = self.registry.definition(relation.target)
        if not stored.has_object_class(top.object_classes[-1]):
            self._problems.extend(obj.problems)
            return
        for stray in find_strays_below(self.site, self._below, obj):
            summary = f"the {relation.friendly} cannot be deleted: {stray.summary}"
            remedy = "remove that entry first, with a tool of the directory or in the file"
            self._problems.error("object-in-use", summary, path=str(obj.path), remedy=remedy)

    @_remember_request
    def rename(self, kind: str, name: Name, new_name: str) -> None:
        """Give an object another name; objects that refer to it are changed with it."""
        obj = self._find_existing(kind, name)
        relation = self.registry.relation(kind)
        if relation.kind != "instantiable":
            summary = f"{kind} is named by its type" if relation.named else f"{kind} has no name to change"
            self._problems.error("usage", summary, path=str(obj.path))
            return
        new_path = self._make_path(kind, (*obj.path.names[:-1], new_name), relation)
        if new_path is None or new_path.elements == obj.path.elements:
            return
        if new_path != obj.path and (existing := self._world.find(new_path)) is not None:
            self._problems.add(_describe_existing(relation, existing))
            return
        users = list(self.site.make_judge(self._world).users(obj.path))
        for moved in (obj, *self._descendants(obj)):
            self._move(moved, obj.path, new_path, relation)
        for user in users:
            self._follow(user, obj.path, new_path)

    @_remember_request
    def expect(self, paths: Collection[ManagedObjectPath]) -> None:
        """Read the objects at some paths now, many at once. It changes nothing, but later requests for them read nothing.

        ``registry.path_of`` makes a path of a kind and a name.
        """
        self._below.read_ahead(paths)

    @_remember_request
    def consider(self, ask: Callable[[], None]) -> None:
        """Call a function that requests changes by what it reads; it is called again if the change is planned again."""
        ask()

    # -- steps ---------------------------------------------------------------------------------------------------

    def _find_existing(self, kind: str, name: Name) -> ManagedObject:
        path = self.registry.path_of(kind, name)
        obj = self._world.find(path)
        if obj is None:
            raise NoSuchObjectError(describe_absence(self.registry, self._world, path))
        return obj

    def _find_of_type(self, kind: str, name: Name, type_: str | None) -> ManagedObject:
        """Return the object to change; a new one for a singleton that is to have another type, or its first one."""
        relation = self.registry.relation(kind)
        path = self.registry.path_of(kind, name)
        present = self._world.find(path)
        if present is not None and not self._world.is_written(path):
            self._follow_parent(path)
        if type_ is None and present is not None:
            return present
        if relation.kind != "singleton":
            obj = self._find_existing(kind, name)
            if type_ is not None and self._find_type(relation, type_) is not obj.definition:
                summary = f"the type of {relation.indefinite} is chosen when it is created"
                self._problems.error("usage", summary, path=str(path), remedy="delete it, and create it with that type")
            return obj
        self._follow_parent(path)
        definition = self._find_type(relation, type_)
        if present is None or not self._world.is_written(path):
            fits = present is not None and present.definition is definition
            return present if present is not None and fits else ManagedObject(path, definition, {})
        return present if present.definition is definition else self._change_type(present, definition)

    def _change_type(self, obj: ManagedObject, definition: ManagedObjectDefinition) -> ManagedObject:
        """Return a stored singleton as one of another type. Its entry is replaced, so those of the objects below it are too."""
        below = list(self._descendants(obj))
        relations = {relation.name for relation in self.registry.children(definition.name)}
        strange = [child for child in below if child.path.parent == obj.path and child.path.relation not in relations]
        for child in strange:
            summary = f"{obj.path} cannot be {definition.indefinite} while {child.path} is below it"
            self._problems.error(
                "constraint-violated", summary, path=str(obj.path), remedy=f"delete {child.path} first"
            )
        if not strange and self._holds_others(obj):
            summary = f"the type of {obj.path} cannot be changed: its entry holds others, which would be lost with it"
            self._problems.error("constraint-violated", summary, path=str(obj.path))
        for child in reversed(below):
            self._world.put(child)
        before, after = obj.definition.properties, definition.properties
        shared = {
            name: texts
            for name, texts in obj.values.items()
            if name in after and not after[name].is_fixed and _is_same_property(before[name], after[name])
        }
        return ManagedObject(obj.path, definition, shared)

    def _holds_others(self, obj: ManagedObject) -> bool:
        """Whether the entry of an object is one of others too, or has entries below it that are no objects below this one."""
        mapper = self.site.mapper
        dn = mapper.dn_of(obj.path)
        stored = self._below.entries.get(obj.path)
        if stored is None:
            return False
        if dn == mapper.base or stored.has_object_class(BRANCH_CLASS):
            return True
        known = {dn, *(mapper.dn_of(child.path) for child in self._stored_below(obj))}
        found = self.site.storage.search(dn, "sub")
        return any(entry.dn not in known and not entry.has_object_class(BRANCH_CLASS) for entry in found)

    def _stored_below(self, obj: ManagedObject) -> Iterator[ManagedObject]:
        """Yield what is below an object in the storage now."""
        for relation in self.registry.children(obj.definition.name):
            for child in self._below.members(relation, obj.path):
                yield from (child, *self._stored_below(child))

    def _follow_parent(self, path: ManagedObjectPath) -> ManagedObjectPath:
        """Return the path of a new object with the names above it as they are stored.

        Raises an error if the object above it does not exist, or is of a type that cannot have such an object below it.
        """
        if path.parent == ROOT:
            return path
        above = self._world.find(path.parent)
        if above is None:
            raise NoSuchObjectError(describe_absence(self.registry, self._world, path.parent))
        relation = self.registry.relation(path.relation)
        if relation not in self.registry.children(above.definition.name):
            summary = f"{above.path} is {above.definition.indefinite}: it cannot have {relation.indefinite} below it"
            raise error_for([Diagnostic("constraint-violated", summary, path=str(path))])
        return above.path.child(*path.elements[-1])

    def _put(self, obj: ManagedObject, names: Iterable[str]) -> None:
        touched = {name.lower() for name in names}
        self._note_restart(obj, touched)
        self._world.put(obj)
        self._touched.setdefault(obj.path, set()).update(touched)

    def _note_restart(self, obj: ManagedObject, names: Container[str]) -> None:
        """Note an object that a change of some properties disables, or enables again after that."""
        condition, old = obj.definition.enabled_when, self._world.find(obj.path)
        if condition is None or old is None or not any(name in names for name in condition.properties()):
            return
        was, will = (condition.judge(self._make_view(side)) for side in (old, obj))
        if was and will is False and obj.path not in self._world.started:
            self._world.stopped.add(obj.path)
        elif was is False and will:
            (self._world.restarted if obj.path in self._world.stopped else self._world.started).add(obj.path)

    def _make_view(self, obj: ManagedObject) -> View:
        return lambda name: self._reader.read(obj, obj.definition.properties[name]).normals

    def _note_given(self, obj: ManagedObject, names: Iterable[str], unstated: Collection[str]) -> None:
        """Note which properties a request gives in full: a secret among them is known to whoever asks."""
        self._given.setdefault(obj.path, set()).update(name for name in names if name not in unstated)

    def _find_type(self, relation: Relation, type_: str | None) -> ManagedObjectDefinition:
        types = self.registry.types_of(relation)
        if type_ is None:
            if usual := self.registry.usual_type(relation):
                return types[usual]
            remedy = (RemedyAction("choose-type", ", ".join(types)),)
            raise error_for([Diagnostic("usage", f"{relation.indefinite} needs a type", remedy=remedy)])
        found = types.get(type_.lower()) or next((d for d in types.values() if d.name == type_), None)
        if found is None:
            hint = suggest_name(type_, types) or f"one of: {', '.join(types)}"
            summary = f'there is no type "{type_}" of {relation.friendly}'
            raise error_for([Diagnostic("unknown-name", summary, argument=type_, remedy=hint)])
        return found

    def _make_path(self, kind: str, name: Name, relation: Relation) -> ManagedObjectPath | None:
        """Return the path for a new name, without blanks around it; report an invalid name and return None."""
        path = self.registry.path_of(kind, name)
        if path.name is None:
            return path
        clean, wrong = path.name.strip(), ""
        if not clean.isprintable():
            wrong = f"the name of the {relation.friendly} holds a control character"
        elif relation.naming_property:
            prop = self.registry.definition(relation.target).properties[relation.naming_property]
            try:
                clean = prop.syntax.format(clean)
            except ValueError as error:
                wrong = str(error)
        if wrong:
            naming = relation.naming_property
            above = str(path.parent) if path.parent.elements else ""
            self._problems.error("invalid-value", wrong, path=above, property=naming, value=make_visible(clean))
            return None
        return path.parent.child(path.relation, clean)

    def _create_default_objects(self, obj: ManagedObject) -> None:
        for relation in self.registry.children(obj.definition.name):
            for item in relation.default_objects:
                names = (*obj.path.names, item.name) if relation.named else obj.path.names
                self.create(relation.name, names, dict(item.values), type=item.type)

    def _descendants(self, obj: ManagedObject) -> Iterator[ManagedObject]:
        """Yield what is stored below an object, deepest first."""
        for relation in self.registry.children(obj.definition.name):
            for child in self._world.members(relation, obj.path):
                yield from self._descendants(child)
                if self._world.is_written(child.path):
                    yield child

    def _read_type_of_name(self, path: ManagedObjectPath, type_: str | None) -> str:
        name = path.name or ""
        if type_ is not None and type_.lower() != name.lower():
            self._problems.error(
                "usage",
                f'an object of {path.relation} is named by its type: "{name}" cannot be of type "{type_}"',
                path=str(path),
                remedy=f'name it "{type_}"',
            )
        return name

    def _move(self, obj: ManagedObject, old: ManagedObjectPath, new: ManagedObjectPath, relation: Relation) -> None:
        path = ManagedObjectPath((*new.elements, *obj.path.elements[len(old.elements) :]))
        values = dict(obj.values)
        if obj.path == old and relation.naming_property:
            values[relation.naming_property] = (new.name or "",)
        renamed = obj if obj.path != old or new == old else self._below.leave_out_name(obj)
        self._world.move(obj.path, renamed.replace(path=path, values=values))
        self._touched[path] = self._touched.pop(obj.path, set())
        self._given[path] = self._given.pop(obj.path, set())

    def _follow(self, user: User, old: ManagedObjectPath, new: ManagedObjectPath) -> None:
        """Update a reference to a renamed object; a reference in an expression cannot be updated."""
        path, prop = user.object.path, user.property
        if path == old or path.is_below(old):  # it was moved itself
            path = ManagedObjectPath((*new.elements, *path.elements[len(old.elements) :]))
        obj = self._world.find(path)
        if not user.sure or obj is None:
            self._problems.add(Verdict.describe_possible_use(user, old))
            return
        name, written = normal_name(old.name or ""), user.reference.write_name(new.name or "")
        texts = obj.values.get(prop.name, ())
        meant = [normal_name(user.reference.select_name(text) or "") == name for text in texts]
        if any(meant):
            after = tuple(written if names_it else text for text, names_it in zip(texts, meant, strict=True))
            self._put(obj.replace(values={**obj.values, prop.name: after}), [prop.name])
            self._followed.setdefault(obj.path, set()).add(prop.name)
            return
        self._problems.error(
            "object-in-use",
            f"{old} cannot be renamed: {path} names it in an expression ({user.as_words()})",
            path=str(old),
            remedy=f"change {user.as_words()} of {path} in the same change",
        )

    def _finish(self) -> None:
        planned = self._decide_tests()
        if self._tester is not None and self._decision is not None and self._decision.tested:
            self._test(self._tester, self._decision)
            planned = None
        if self.site.storage.serialises_writers or self.dry_run:
            found = self._plan_now() if planned is None else planned
            if found and not self.dry_run:
                number = self.site.storage.commit(self.build_changes(found), self.make_note())
                self.report = self.report.replace(number=number)
            return
        from confobjects.management.changing.meeting import settle

        number = settle(self, planned, again=bool(self._states))
        self.report = self.report.replace(number=number)

    def _plan_now(self) -> list[ObjectOutcome]:
        """Return the plan; after a test it is made again, from what the storage holds now."""
        if not self._states:
            return self.plan()
        from confobjects.management.changing.meeting import plan_again

        return plan_again(self)

    def _decide_tests(self) -> list[ObjectOutcome] | None:
        """Decide about tests of what is saved, if any of it can be tested; return the plan if it had to be made for that."""
        pending = self._world.pending.values()
        if self._open_tests is None or all(o is None or o.definition.verification is None for o in pending):
            return None
        from confobjects.management.changing.trials import find_saved

        planned = self.plan()
        saved = list(find_saved(planned, self.site.make_reader(self._world), self._touched, self._followed))
        if saved:
            self._tester = self._open_tests(self.site)
            self._decision = self._tester.decide(self.site, self._world, saved)
            self.report = self._add_tests(self.report)
        return planned

    def _test(self, tester: SaveTester, decision: TestDecision) -> None:
        """Test what will be saved, without the lock: others can write meanwhile, and this change is planned again then."""
        from confobjects.management.changing.trials import (
            TestDecision,
            describe_state,
            find_depended,
            refuse_reused,
        )

        judge = self.site.make_judge(self._world)
        depended = find_depended(judge, decision.tested)
        refuse_reused(self._reused, depended)
        self._states = {obj.path: describe_state(judge, obj, self._find_stored(obj)) for obj in depended}
        self._lock.__exit__(None, None, None)
        self._lock = nullcontext()
        done = tester.test(self.site, self._world, decision.tested)
        self._decision = TestDecision({**decision.tests, **done.tests}, warnings=(*decision.warnings, *done.warnings))
        lock = self.site.storage.writing()
        lock.__enter__()
        self._lock = lock

    def _find_stored(self, obj: ManagedObject) -> ManagedObject | None:
        place = self._world.source_of(obj.path)
        return None if place is None else self._below.find(place)

    def _add_tests(self, report: ChangeReport) -> ChangeReport:
        """Return a report that says of each object whether it was tested."""
        decision = self._decision
        if decision is None:
            return report
        changes = tuple(
            change.replace(test=test) if (test := decision.tests.get(change.new_path or change.path)) else change
            for change in report.changes
        )
        return report.replace(changes=changes, warnings=(*report.warnings, *decision.warnings))

    def _check_tested(self) -> None:
        """Refuse a change of objects that are not, or depend on others that are not, as they were tested."""
        from confobjects.management.changing.trials import describe_state, refuse_changed

        self._below.read_ahead(list(self._states))
        judge = self.site.make_judge(self._world)
        for path, state in self._states.items():
            obj = self._world.find(path)
            if obj is None or describe_state(judge, obj, self._find_stored(obj)) != state:
                refuse_changed(path)

    def plan(self) -> list[ObjectOutcome]:
        """Judge all requests as a whole and set ``report``. Raises one error with every problem."""
        sealer = self._seal()
        found = find_outcomes(self._world)
        if self._redefinition is not None or any(outcome.change.path.relation == HOLDER_KIND for outcome in found):
            found = self._plan_definitions(found)
            sealer = self._seal()
            found = find_outcomes(self._world)
        self._below.read_ahead(find_targets(self.registry, found))
        judging = self.site if sealer is None else sealer.adapt(self.site)
        before = judging.make_judge(self._below)
        after = judging.make_judge(self._world)
        given = self._given if sealer is None else sealer.find_known(self._given)
        place, closely = self._world.find_stored_place, self.site.approve is not None
        verdict = Verdict(after, before, place, self._problems, given, closely=closely)
        verdict.judge(found)
        self._reused = verdict.reused
        if self.site.storage.is_foreign:
            from confobjects.management.changing.foreign import find_refusals

            self._problems.extend(find_refusals(found))
        if self._redefinition is not None:
            self._judge_definitions(self._redefinition, found)
        if self.registry_after.unusable:
            from confobjects.management.changing.unjudged import find_unjudged

            self._problems.extend(find_unjudged(self.registry_after, found, self._below, before, verdict.judge_))
        if self._problems.errors:
            raise error_for(verdict.suggest_fixes(self._world.pending.values(), self._touched))
        if sealer is not None and sealer.seal_again():
            found = find_outcomes(self._world)
        if self.site.approve is not None:
            self.site.approve(self._propose(found, verdict))
        if self._states:
            self._check_tested()
        found = sort_outcomes(found, self._world, before, after)
        self.report = self._add_tests(
            ChangeReport(
                tuple(outcome.change for outcome in found),
                tuple(verdict.actions),
                tuple(verdict.deferred),
                self._problems.warnings,
            )
        )
        return found

    def _propose(self, found: Sequence[ObjectOutcome], verdict: Verdict) -> ProposedChange:
        """Return the planned change for whoever has to approve of it."""
        changes = tuple(outcome.change for outcome in found)
        expected = tuple(problem for problem in verdict.kept if problem not in verdict.reused)
        return ProposedChange(changes, tuple(verdict.reused), expected, prunes=self.prunes)

    def _seal(self) -> ChangeSealer | None:
        """Seal the secrets that are given; None if none is, and no object of the change has a sealed one."""
        pending = self._world.pending.items()
        if self.site.storage.is_foreign:  # the server could not open them
            return None
        if not any(_concerns_sealing(obj, self._touched.get(path, ())) for path, obj in pending):
            return None
        from confobjects.management.changing.sealing import ChangeSealer

        sealer = ChangeSealer(self.site, self._world, takes_sealed=self._takes_sealed)
        self._problems.extend(sealer.seal(self._touched, self._given))
        return sealer

    def _plan_definitions(self, found: list[ObjectOutcome]) -> list[ObjectOutcome]:
        """Return the outcomes, planned with the definitions as they will be."""
        from confobjects.management.changing.redefining import collect_installed

        installed = collect_installed(self.site, self._world)
        if self._redefinition is not None and self._redefinition.installed == installed:
            return found
        self._redefine(installed)
        self._repeat()
        return find_outcomes(self._world)

    def _judge_definitions(self, change: Redefinition, found: Sequence[ObjectOutcome]) -> None:
        accept = self._accept_losses or bool(self.undoes)
        self._problems.extend(change.judge(self._world, found, accept_losses=accept))
        if not self._problems.errors:
            self._problems.extend(change.check_schema())
            self._problems.extend(change.describe_carried(self._world, self._below.entries))

    def find_late_problems(self, found: Sequence[ObjectOutcome]) -> Iterable[Diagnostic]:
        """Return the problems of outcomes that were written with definitions that somebody else has changed meanwhile."""
        now = self._read_installed()
        planned = self._stored.registry.installed if self._redefinition is None else self._redefinition.installed
        if self._redefinition is None and now == planned:
            return ()
        from confobjects.management.changing.redefining import judge_again

        return judge_again(self._stored, now, [outcome.object for outcome in found], self._redefinition)

    @property
    def world(self) -> Overlay:
        """The objects with the changes requested so far."""
        return self._world

    def make_note(self) -> Note:
        """Return the note of the planned change for the history."""
        from confobjects.management.history.records import note_of, sign_change

        changes: Sequence[ObjectChange] = self.report.changes
        seals = not self.site.storage.is_foreign  # an undo has to give the server what it can read
        if seals and any(map(_has_old_secret, changes)) and self.site.open_sealer() is not None:
            from confobjects.management.changing.sealing import seal_before

            changes = seal_before(self.site.open_sealer, changes, self._below.find)
        return note_of(changes, sign_change(self.site), self.undoes, self._find_others)

    def _find_others(self, path: ManagedObjectPath) -> Mapping[str, Values]:
        """Return the values of a stored object's entry that belong to none of its properties."""
        from confobjects.management.changing.foreign import find_others

        entry, obj = self._below.entries.get(path), self._below.find(path)
        return {} if entry is None or obj is None else find_others(entry, obj)

    def collect_entries(self) -> Mapping[DN, Entry]:
        """Return the entries that were read for the plan."""
        return {entry.dn: entry for entry in self._below.entries.values()}

    def build_changes(self, found: Sequence[ObjectOutcome]) -> list[Change]:
        """Return the storage operations that carry out some outcomes."""
        builder = ChangeBuilder(self.site, self._world)
        changes = builder.build_changes(found)
        if self._redefinition is not None:
            carried = self._redefinition.find_carried_objects(self._world, self._below.entries)
            changes.extend(builder.build_rewriting(obj) for obj in carried)
        return changes


def _concerns_sealing(obj: ManagedObject | None, touched: Container[str]) -> bool:
    """Tell whether an object has a touched value that can be a secret, or one that mentions a sealed secret."""
    if obj is None:
        return False
    properties = obj.definition.properties
    return any(
        (name in touched and properties[name].can_hold_secret) or any(SEALED in text for text in texts)
        for name, texts in obj.values.items()
    )


def _has_old_secret(change: ObjectChange) -> bool:
    """Tell whether a change replaces or removes a secret that is no expression."""
    properties = change.definition.properties
    return any(
        mask_secret(properties[name], text) != text for name in change.names() for text in change.before.get(name, ())
    )


def _is_same_property(one: PropertyDefinition, other: PropertyDefinition) -> bool:
    """Tell whether properties of two types, of the same name, are one: a type may have narrowed what both inherit."""
    return one.declared_by == other.declared_by or one.syntax.name == other.syntax.name


def _describe_existing(relation: Relation, existing: ManagedObject) -> Diagnostic:
    return Diagnostic(
        "object-exists",
        f'there is {relation.indefinite} "{existing.name}" already',
        path=str(existing.path),
        remedy=(RemedyAction("change", relation.name), ", or choose another name"),
    )


def as_values(value: Any) -> tuple[Any, ...]:
    """Return the values given for one property as a tuple: none for None, one for a text or another single value."""
    if value is None:
        return ()
    if isinstance(value, (list, tuple, set, frozenset)):  # a record, such as host and port, is one value of a syntax
        return tuple(value)
    return (value,)
