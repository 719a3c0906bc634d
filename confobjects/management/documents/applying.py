"""Plan the operations that turn the present configuration into the wanted one.

Laws of this module:

1. What already matches is not touched, so that applying a document twice changes nothing. A property matches if its
   current value does: a default that only one side stores is not written.
2. An object is created after those it refers to and is below, and deleted before them.
3. A secret that is left open stays as it is. Secrets that are needed but not stored are all reported at once.
4. An object whose type differs is replaced by a new one; the objects below it are kept. A singleton is never replaced: it
   takes read-only values while it has no stored values, and then no others.
5. With ``prune``, an object that is there under another name is renamed, if that is certain.
6. A read-only value of an object that is there stays as it is, unless objects are to be created anew for one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from confobjects.definitions.model import HOLDER_KIND
from confobjects.diagnostics import Diagnostic
from confobjects.errors import error_for
from confobjects.expressions.openers import has_opener
from confobjects.management.changing.operations import Operation
from confobjects.management.documents.comparing import States, take_snapshot, use_stored_names
from confobjects.management.documents.differing import differs
from confobjects.management.documents.renames import find_renames, move
from confobjects.management.documents.settling import OwnProperties, settle
from confobjects.management.progress import Progress, report_each
from confobjects.management.strays import find_strays
from confobjects.mapping.documents import ObjectState
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.model import Texts
from confobjects.paths import ROOT, ManagedObjectPath

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, Registry
    from confobjects.definitions.installed import InstalledText
    from confobjects.management.changing.transaction import Transaction


def plan_operations(
    there: States, wanted: States, registry: Registry, *, prune: bool = False, recreate: bool = True
) -> list[Operation]:
    """Return the operations that turn present objects into wanted ones; with ``prune`` others are deleted.

    Without ``recreate`` a singleton that is not wanted keeps its read-only values; with it they are asked for.

    Raises :class:`~confobjects.errors.MissingMandatoryError` with every secret that would be lost.
    """
    planner = _OperationPlanner(there, wanted, registry, prune=prune, recreate=recreate)
    made = [operation for state in planner.select_written() for operation in planner.plan_write(state)]
    if planner.problems:
        raise error_for(planner.problems)
    return [*made, *planner.plan_deletions()]


See = Callable[[Sequence[Operation]], None]
"""Told of the operations that a document comes to, before they are asked for; what it raises ends the change."""


def bring_about(  # noqa: PLR0913 - the options of an application, by keyword
    transaction: Transaction,
    wanted: States,
    *,
    prune: bool = False,
    recreate: bool = False,
    own: Sequence[str] = (),
    see: See | None = None,
    progress: Progress | None = None,
) -> None:
    """Make the stored objects match the wanted ones in a transaction; with ``prune`` others are deleted.

    Read-only values of objects that are there stay, with a warning for each. With ``recreate`` a new object takes the place of
    one with other read-only values; those of a singleton are refused then. ``own`` names properties that stay too, without a
    warning: ``PROPERTY`` or ``KIND.PROPERTY``. Raises what :func:`plan_operations` and
    ``see`` raise.
    """
    transaction.take_sealed()
    wanted = bind_states(wanted, transaction.registry)
    there = take_snapshot(transaction.site, transaction.below).objects
    wanted = use_stored_names(wanted, there, transaction.registry)
    if prune:
        there = _rename(transaction, there, wanted)
    wanted, left = settle(
        wanted, there, transaction.registry, OwnProperties.parse(own, transaction.registry), recreate=recreate
    )
    transaction.problems.extend(left)
    transaction.prunes = prune
    if prune:  # what stays, because it is no object
        transaction.problems.extend(find_strays(transaction.site, transaction.below))
    operations = plan_operations(there, wanted, transaction.registry, prune=prune, recreate=recreate)
    if see is not None:
        see(operations)
    for operation in report_each(operations, progress):
        operation.ask(transaction)


def _rename(transaction: Transaction, there: States, wanted: States) -> States:
    """Rename objects that are wanted under other names, where that is certain; return the objects as they are then.

    A server that renames nothing gets new objects in their place: a warning says so.
    """
    registry = transaction.registry
    renames = find_renames(there, wanted, registry)
    if transaction.site.storage.is_foreign:
        transaction.problems.extend(_describe_replacement(old, new) for old, new in renames.items())
        return there
    unsure = {name for state in there.values() for name in _find_unsure(state)} if renames else set()
    certain = {old: new for old, new in renames.items() if old.relation not in unsure}
    for old, new in certain.items():
        Operation("rename", old.relation, old.names, new_name=new.name or "").ask(transaction)
    return move(there, certain)


def _find_unsure(state: ObjectState) -> Iterator[str]:
    """Yield the kinds of objects that an object may name in expressions, which do not follow a new name."""
    for name, texts in state.values.items():
        references = state.definition.properties[name].references
        if references and any(map(has_opener, texts)):
            yield from (reference.relation for reference in references)


def _describe_replacement(old: ManagedObjectPath, new: ManagedObjectPath) -> Diagnostic:
    summary = f"this looks like {new}: this server renames nothing, so that one is created anew, and this one deleted"
    return Diagnostic("usage", summary, path=str(old), severity="warning")


def find_expected(wanted: States) -> list[InstalledText]:
    """Return the definitions among the wanted objects: the others may be objects of them."""
    if not any(path.relation == HOLDER_KIND for path in wanted):
        return []
    from confobjects.definitions.installed import DIGEST, TEXT, InstalledText

    found = []
    for path, state in wanted.items():
        if path.relation == HOLDER_KIND:
            text, digest = (next(iter(state.values.get(name, ())), "") for name in (TEXT, DIGEST))
            found.append(InstalledText(path.name or "", str(path), text, digest))
    return found


def bind_states(wanted: States, registry: Registry) -> States:
    """Return states that were read with another registry, such as that of a server of another version.

    Raises :class:`~confobjects.errors.UnknownNameError` with every type and every property that this one does not have.
    """
    problems = [problem for state in wanted.values() for problem in _find_unknown(state, registry)]
    if problems:
        raise error_for(problems)
    return {path: _bind_state(state, registry) for path, state in wanted.items()}


def _find_unknown(state: ObjectState, registry: Registry) -> Iterator[Diagnostic]:
    name, path = state.definition.name, str(state.path)
    if name not in registry:
        yield Diagnostic("unknown-name", f"the definitions here have no type {name}", path=path)
        return
    known = registry.definition(name)
    for unknown in sorted({*state.values, *state.kept}.difference(known.properties)):
        summary = f"{known.indefinite} has no property {unknown} here"
        yield Diagnostic("unknown-name", summary, path=path, property=unknown)


def _bind_state(state: ObjectState, registry: Registry) -> ObjectState:
    definition = registry.definition(state.definition.name)
    return state if definition is state.definition else state.replace(definition=definition)


class _OperationPlanner:
    def __init__(self, there: States, wanted: States, registry: Registry, *, prune: bool, recreate: bool) -> None:
        self.there = there
        self.wanted = wanted
        self.registry = registry
        self.prune = prune
        self.recreate = recreate
        self.problems: list[Diagnostic] = []
        self._cleared: list[ManagedObjectPath] = []
        self.replaced = [
            path for path, state in wanted.items() if path in there and self._gives_way(there[path], state)
        ]

    def _gives_way(self, have: ObjectState, state: ObjectState) -> bool:
        if self.registry.relation(state.path.relation).kind == "singleton":
            return False
        if have.definition is not state.definition:
            return True
        names = {*have.values, *state.values}
        return any(have.definition.properties[n].read_only and differs(have, state, n) for n in names)

    # -- what is written -----------------------------------------------------------------------------------------

    def select_written(self) -> Iterator[ObjectState]:
        """Yield the objects that have to be written, each after those it needs."""
        changed = {path: state for path, state in self.wanted.items() if self._is_changed(path, state)}
        if self.replaced and not self.prune:
            gone = (state for path, state in self.there.items() if path not in self.wanted)
            changed.update((state.path, state) for state in gone if self._stays_below_replaced(state.path))
        return sort_by_need(changed, self.registry)

    def _is_changed(self, path: ManagedObjectPath, state: ObjectState) -> bool:
        have = self._find_existing(path)
        if have is None or have.definition is not state.definition or self._is_new(path):
            return True
        if have.values == state.values and not state.kept:
            return False
        return any(differs(have, state, name) for name in {*have.values, *state.values, *state.kept})

    def _find_existing(self, path: ManagedObjectPath) -> ObjectState | None:
        have = self.there.get(path)
        unwritten = self.registry.unwritten_type(self.registry.relation(path.relation)) if have is None else None
        return have if unwritten is None else ObjectState(path, unwritten, {})

    def _is_below_replaced(self, path: ManagedObjectPath) -> bool:
        return any(path.is_below(other) for other in self.replaced)

    def _stays_below_replaced(self, path: ManagedObjectPath) -> bool:
        """Whether an object is below replaced ones whose new types can have what leads to it below them."""
        above = [other for other in self.replaced if path.is_below(other)]
        return bool(above) and all(self._can_have_below(other, path) for other in above)

    def _can_have_below(self, other: ManagedObjectPath, path: ManagedObjectPath) -> bool:
        step = ManagedObjectPath(path.elements[: len(other.elements) + 1])
        return self.registry.relation(step.relation) in self.registry.children(self.wanted[other].definition.name)

    def _is_new(self, path: ManagedObjectPath) -> bool:
        """Whether an object is created again: it is replaced, or is below one that is."""
        return bool(self.replaced) and (path in self.replaced or self._is_below_replaced(path))

    def plan_write(self, state: ObjectState) -> Iterator[Operation]:
        """Yield the operations that make one object match its wanted state."""
        relation = self.registry.relation(state.path.relation)
        have = self._find_existing(state.path)
        if relation.kind == "singleton":
            yield from self._plan_singleton(state, have)
            return
        if have is not None and not self._is_new(state.path):
            yield from self._plan_modification(have, state)
            return
        if have is not None and state.path in self.replaced and not self._is_below_replaced(state.path):
            yield Operation("delete", relation.name, state.path.names)
        self._report_missing(state, have)
        type_ = self.registry.short_type_of(state.definition, relation)
        changes = PropertyChanges(set=self._merge_secrets(state, have))
        unstated = tuple(sorted(state.kept | state.silent))
        yield Operation("create", relation.name, state.path.names, type_, changes, bare=True, unstated=unstated)

    def _plan_modification(self, have: ObjectState, state: ObjectState) -> Iterator[Operation]:
        self._report_missing(state, have)
        names = [n for n in state.definition.properties if differs(have, state, n) and n not in state.kept]
        given = {name: state.values[name] for name in names if name in state.values}
        reset = tuple(name for name in names if name not in state.values)
        if names:
            changes = PropertyChanges(set={**self._restate_secrets(state), **given}, reset=reset)
            yield Operation("modify", state.path.relation, state.path.names, changes=changes)

    @staticmethod
    def _restate_secrets(state: ObjectState) -> Mapping[str, Texts]:
        """Return the secrets that the wanted state gives and that have to be given with others, changed or not."""
        unstated = state.kept | state.silent
        properties = state.definition.properties
        return {n: t for n, t in state.values.items() if properties[n].re_entry is not None and n not in unstated}

    def _plan_singleton(self, state: ObjectState, have: ObjectState | None) -> Iterator[Operation]:
        """Yield the operation that makes a singleton match: also of another type, it is changed and not created."""
        relation = self.registry.relation(state.path.relation)
        wanted = state.replace(values=self._merge_secrets(state, have))
        unwritten = self.registry.unwritten_type(relation)
        if self._is_new(state.path) and unwritten is not None:
            have = ObjectState(state.path, unwritten, {})
        if have is not None and have.definition is state.definition:
            yield from self._plan_modification(have, wanted)
            return
        self._report_missing(state, have)
        yield from self._clear_below(state)
        shared = [] if have is None else [n for n in have.values if n in state.definition.properties]
        changes = PropertyChanges(set=wanted.values, reset=tuple(n for n in shared if n not in wanted.values))
        type_ = self.registry.short_type_of(state.definition, relation)
        unstated = tuple(sorted(state.kept | state.silent))
        yield Operation("modify", relation.name, state.path.names, type_, changes, unstated=unstated)

    def _clear_below(self, state: ObjectState) -> Iterator[Operation]:
        """Yield the operations that delete what an object of this type cannot have below it."""
        relations = {relation.name for relation in self.registry.children(state.definition.name)}
        for path in self.there:
            if path.parent == state.path and path.relation not in relations:
                self._cleared.append(path)
                yield Operation("delete", path.relation, path.names, exact=True)

    def _merge_secrets(self, state: ObjectState, have: ObjectState | None) -> Mapping[str, Texts]:
        """Return the values of an object that is created again, with the secrets of the one it replaces."""
        if have is None:
            return state.values
        kept = {n: have.values[n] for n in (*state.kept, *state.silent) if n in have.values}
        return {**state.values, **kept}

    def _report_missing(self, state: ObjectState, have: ObjectState | None) -> None:
        """Report every secret that the object needs and that is stored nowhere."""
        for name in sorted(state.kept | state.silent):
            prop = state.definition.properties[name]
            needed = name in state.kept or (prop.mandatory and prop.default.kind == "undefined")
            if needed and not (have is not None and have.values.get(name)):
                self.problems.append(_describe_missing(state.path, name))

    # -- what is deleted -----------------------------------------------------------------------------------------

    def plan_deletions(self) -> list[Operation]:
        """Return the operations that delete unwanted objects, each before the objects it refers to."""
        if not self.prune:
            return []
        gone = {p: s for p, s in self.there.items() if p not in self.wanted and not self._goes_with_another(p)}
        made = [self._plan_deletion(state, gone) for state in sort_by_need(gone, self.registry)]
        return [operation for operation in reversed(made) if operation is not None]

    def _goes_with_another(self, path: ManagedObjectPath) -> bool:
        return self._is_below_replaced(path) or any(path == one or path.is_below(one) for one in self._cleared)

    def _plan_deletion(self, state: ObjectState, gone: Collection[ManagedObjectPath]) -> Operation | None:
        path = state.path
        above = (ManagedObjectPath(path.elements[:length]) for length in range(1, len(path.elements)))
        kinds = self.registry.relation
        if any(other in gone and kinds(other.relation).kind != "singleton" for other in above):
            return None  # it is deleted with an object above it
        unwritten = self.registry.unwritten_type(kinds(path.relation))
        if unwritten is None:
            return Operation("delete", path.relation, path.names)
        if state.definition is not unwritten:
            return self._plan_type(state, unwritten)
        known = state.definition.properties
        open_ = (name for name in state.values if self.recreate or not known[name].read_only)
        reset = tuple(name for name in open_ if differs(state, state.replace(values={}), name))
        changes = PropertyChanges(reset=reset)
        return Operation("modify", path.relation, path.names, changes=changes) if reset else None

    def _plan_type(self, state: ObjectState, definition: ManagedObjectDefinition) -> Operation:
        """Return the operation that gives a singleton a type, and leaves it only its defaults."""
        type_ = self.registry.short_type_of(definition, self.registry.relation(state.path.relation))
        reset = tuple(name for name in state.values if name in definition.properties)
        changes = PropertyChanges(reset=reset)
        return Operation("modify", state.path.relation, state.path.names, type_, changes)


def _describe_missing(path: ManagedObjectPath, name: str) -> Diagnostic:
    return Diagnostic(
        "missing-mandatory",
        f"the secret {name} is not in the document, and no value of it is stored",
        path=str(path),
        property=name,
        remedy=f'write an expression for it into the document ("&{{file:PATH}}"), or create the object with {name} first',
    )


def sort_by_need(states: States, registry: Registry) -> Iterator[ObjectState]:
    """Yield objects so that each comes after those of them it is below or refers to; a circle has no order."""
    done: set[ManagedObjectPath] = set()
    entered: set[ManagedObjectPath] = set()
    for start in sorted(states, key=ManagedObjectPath.sort_key):
        waiting = [start]
        while waiting:
            path = waiting[-1]
            if path in entered:
                waiting.pop()
                if path not in done:
                    done.add(path)
                    yield states[path]
                continue
            entered.add(path)
            needed = find_needs(states[path], registry)
            waiting.extend(need for need in needed if need in states and need not in entered)


def find_needs(state: ObjectState, registry: Registry) -> Iterator[ManagedObjectPath]:
    """Yield the paths of an object's parent and of the objects it refers to by name."""
    if state.path.parent != ROOT:
        yield state.path.parent
    for name, texts in state.values.items():
        yield from registry.find_named(state.definition.properties[name], texts)
