"""A configuration as LDIF, or as the operations that make it from nothing. Secrets are left out, and named.

As JSON it is written by :mod:`confobjects.mapping.documents`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from confobjects.management.changing.operations import Operation
from confobjects.management.documents.applying import needs, ordered
from confobjects.management.documents.comparing import States
from confobjects.mapping.documents import ObjectState, in_order, without_secrets
from confobjects.mapping.entry import Entry
from confobjects.mapping.ldif import NEW_DOCUMENT
from confobjects.mapping.ldif.writing import entry_lines
from confobjects.mapping.objects import REVISION, Mapper
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.model import ManagedObject
from confobjects.paths import ManagedObjectPath
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import Registry


class LeftOut(Record):
    """A secret that is not exported, and of which object."""

    path: ManagedObjectPath
    property: str


def left_out(states: States) -> list[LeftOut]:
    """Return every secret that an export does not hold."""
    return [LeftOut(s.path, name) for s in in_order(states.values()) for name in sorted(without_secrets(s).kept)]


def ldif(states: States, mapper: Mapper) -> str:
    """Return a configuration as LDIF text: parents first, sorted by path, without revisions and secrets."""
    entries: dict[str, Entry] = {}
    for state in in_order(map(without_secrets, states.values())):
        for entry in mapper.scaffold(state.path):
            entries.setdefault(entry.dn.normal, entry)
        own = mapper.encode(_stored(state, mapper.registry))
        entries[own.dn.normal] = own  # also of a single object that is the base, or a branch of what came before it
    if not entries:  # an empty configuration is one, a text that says nothing is none
        entries[mapper.base.normal] = mapper.base_entry()
    return "\n".join([NEW_DOCUMENT, *(entry_lines(_plain(entry)) for entry in entries.values())])


def _stored(state: ObjectState, registry: Registry) -> ManagedObject:
    naming = registry.relation(state.path.relation).naming_property
    named = {naming: (state.path.name or "",)} if naming else {}
    values = {name: state.values[name] for name in state.definition.properties if name in state.values}
    return ManagedObject(state.path, state.definition, {**named, **values})


def _plain(entry: Entry) -> Entry:
    """An entry without the count of its changes."""
    return Entry(entry.dn, {name: values for name, values in entry.attributes.items() if name != REVISION})


def commands(states: States, registry: Registry) -> Iterator[Operation]:
    """Yield the operations that make a configuration from nothing, each possible after those before it.

    Where objects refer to each other in a circle, a reference is set when all of them are there.
    """
    shown = {path: without_secrets(state) for path, state in states.items()}
    late: list[Operation] = []
    there: set[ManagedObjectPath] = set()
    for state in ordered(shown, registry):
        there.add(state.path)
        early = _early(
            state, [need for need in needs(state, registry) if need in shown and need not in there], registry
        )
        rest = {name: texts for name, texts in state.values.items() if name not in early}
        relation = registry.relation(state.path.relation)
        changes = PropertyChanges(set=early)
        if relation.kind == "singleton":
            yield Operation("modify", relation.name, state.path.names, changes=changes)
        else:
            type_ = registry.short_type(state.definition, relation)
            yield Operation("create", relation.name, state.path.names, type_, changes)
            yield from _cleared(state, registry)
        if rest:
            late.append(Operation("modify", relation.name, state.path.names, changes=PropertyChanges(set=rest)))
    yield from late


def _early(state: ObjectState, absent: Iterable[ManagedObjectPath], registry: Registry) -> dict[str, tuple[str, ...]]:
    """The values an object can have at once: all, but for references to objects that come later."""
    names = {(path.relation, path) for path in absent}
    early = {}
    for name, texts in state.values.items():
        prop = state.definition.properties[name]
        reference = prop.reference
        if reference is not None and not prop.mandatory and names:
            base = registry.path(reference.parent)
            if any((reference.relation, base.child(reference.relation, text)) in names for text in texts):
                continue
        early[name] = texts
    return early


def _cleared(state: ObjectState, registry: Registry) -> Iterator[Operation]:
    """Take away the objects that come into being with one: those that are wanted are made as they shall be."""
    for relation in registry.children(state.definition.name):
        for item in relation.default_objects:
            names = (*state.path.names, item.name) if relation.named else state.path.names
            yield Operation("delete", relation.name, names, tolerant=True)
