"""Export a configuration as LDIF, or as the operations that create it. Secrets are left out, and listed. LDIF has the sealed ones.

:mod:`confobjects.mapping.documents` writes JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from confobjects.management.changing.operations import Operation
from confobjects.management.documents.applying import find_needs, sort_by_need
from confobjects.management.documents.comparing import States
from confobjects.mapping.documents import ObjectState, drop_sealed, drop_secrets, sort_states
from confobjects.mapping.entry import Entry
from confobjects.mapping.ldif import NEW_DOCUMENT
from confobjects.mapping.ldif.document import needs_new_format, raise_format
from confobjects.mapping.ldif.writing import format_entry
from confobjects.mapping.objects import REVISION, Mapper
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.model import ManagedObject
from confobjects.paths import ManagedObjectPath
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import Registry


class OmittedSecret(Record):
    """A secret that is not exported: its object and its property."""

    path: ManagedObjectPath
    property: str


def find_omitted(states: States, *, sealed: bool = True) -> list[OmittedSecret]:
    """Return every secret that an export does not hold; one of operations holds no ``sealed`` ones either."""
    drop = drop_secrets if sealed else _drop_every_secret
    return [OmittedSecret(s.path, name) for s in sort_states(states.values()) for name in sorted(drop(s).kept)]


def _drop_every_secret(state: ObjectState) -> ObjectState:
    return drop_sealed(drop_secrets(state))


def format_ldif(states: States, mapper: Mapper) -> str:
    """Return a configuration as LDIF text: parents first, sorted by path, without revisions and secrets."""
    entries: dict[str, Entry] = {}  # by the DN as it is written: a directory may keep apart what is equal here
    for state in sort_states(map(drop_secrets, states.values())):
        for entry in mapper.scaffold(state.path):
            entries.setdefault(str(entry.dn), entry)
        own = mapper.encode(_to_object(state, mapper.registry))
        entries[str(own.dn)] = own  # replaces the bare entry if the object is single, and is the base or a branch
    if not entries:  # an empty configuration has its base; without it the text would hold none
        entries[str(mapper.base)] = mapper.make_base_entry()
    head = raise_format(NEW_DOCUMENT) if any(map(needs_new_format, entries.values())) else NEW_DOCUMENT
    return "\n".join([head, *(format_entry(_drop_revision(entry)) for entry in entries.values())])


def _to_object(state: ObjectState, registry: Registry) -> ManagedObject:
    naming = registry.relation(state.path.relation).naming_property
    named = {naming: (state.path.name or "",)} if naming else {}
    values = {name: state.values[name] for name in state.definition.properties if name in state.values}
    return ManagedObject(state.path, state.definition, {**named, **values})


def _drop_revision(entry: Entry) -> Entry:
    """Return an entry without its revision."""
    return Entry(entry.dn, {name: values for name, values in entry.attributes.items() if name != REVISION})


def plan_creation(states: States, registry: Registry) -> Iterator[Operation]:
    """Yield the operations that create a configuration, each possible after those before it.

    If objects refer to each other in a circle, their references are set once all of them exist.
    """
    shown = {path: _drop_every_secret(state) for path, state in states.items()}
    late: list[Operation] = []
    there: set[ManagedObjectPath] = set()
    for state in sort_by_need(shown, registry):
        there.add(state.path)
        early = _select_early(
            state, [need for need in find_needs(state, registry) if need in shown and need not in there], registry
        )
        rest = {name: texts for name, texts in state.values.items() if name not in early}
        relation = registry.relation(state.path.relation)
        changes = PropertyChanges(set=early)
        type_ = registry.short_type_of(state.definition, relation)
        if relation.kind == "singleton":
            chosen = None if state.definition is registry.unwritten_type(relation) else type_
            yield Operation("modify", relation.name, state.path.names, chosen, changes)
        else:
            yield Operation("create", relation.name, state.path.names, type_, changes)
            yield from _clear_defaults(state, registry)
        if rest:
            late.append(Operation("modify", relation.name, state.path.names, changes=PropertyChanges(set=rest)))
    yield from late


def _select_early(
    state: ObjectState, absent: Iterable[ManagedObjectPath], registry: Registry
) -> dict[str, tuple[str, ...]]:
    """Return the values that an object can have from the start: all but references to objects that come later."""
    later = frozenset(absent)
    early = {}
    for name, texts in state.values.items():
        prop = state.definition.properties[name]
        if prop.mandatory or not later or later.isdisjoint(registry.find_named(prop, texts)):
            early[name] = texts
    return early


def _clear_defaults(state: ObjectState, registry: Registry) -> Iterator[Operation]:
    """Delete the default objects that are created with an object: the wanted ones are created explicitly."""
    for relation in registry.children(state.definition.name):
        for item in relation.default_objects:
            names = (*state.path.names, item.name) if relation.named else state.path.names
            yield Operation("delete", relation.name, names, tolerant=True)
