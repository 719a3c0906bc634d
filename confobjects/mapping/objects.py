"""Managed objects as entries, and back.

An object is an entry: its properties are attributes (``ds-cfg-<property>``), its types object classes, its name
the RDN below the relation's branch. References are stored as the full DN of their target and shown as names. A
revision grows with each change of an entry. Attributes of no property are left as they are.

Law: ``decode(encode(object)) == object``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from confobjects.actions import Remedy, RemedyAction
from confobjects.definitions.model import HOLDER_BRANCH, HOLDER_CLASS, REVISION_ATTRIBUTE
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.expressions.openers import has_opener
from confobjects.mapping.entry import OBJECT_CLASS, Entry, Values
from confobjects.objects.model import ManagedObject, Texts
from confobjects.paths import ManagedObjectPath
from confobjects.texts.numbers import read_number

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry, Relation
    from confobjects.mapping.protocol import Storage

REVISION: Final = REVISION_ATTRIBUTE
"""The attribute whose number grows with each change of an entry; concurrent writers collide on it."""
BRANCH_CLASS: Final = "ds-cfg-branch"


def _list_needed(definition: ManagedObjectDefinition, properties: Sequence[str]) -> dict[str, PropertyDefinition]:
    """Return properties of a type by name, with those that decide between the cases of their defaults."""
    waiting = list(dict.fromkeys(name.lower() for name in properties))
    needed: dict[str, PropertyDefinition] = {}
    for name in waiting:
        if name in definition.properties and name not in needed:
            needed[name] = definition.properties[name]
            waiting.extend(needed[name].default.looks_at())
    return needed


def find_holders(storage: Storage) -> list[Entry]:
    """Return the entries of a storage that hold definitions."""
    return list(storage.search(storage.base.child(*HOLDER_BRANCH), "one", HOLDER_CLASS))


Carried = Mapping[str, Mapping[str, "PropertyDefinition"]]
"""Properties by type and by an attribute in lower case."""


class Mapper:
    """Maps objects of a registry to entries below a base DN.

    ``carried`` are attributes of another version of the definitions, by type, each with the property that takes its
    values over: they are read as former names of the property, and written under its attribute. Entries have a revision
    unless it is said that they are not ``revised``.
    """

    def __init__(self, registry: Registry, base: DN, carried: Carried | None = None, *, revised: bool = True) -> None:
        self.registry = registry
        self.base = base
        self._revised = revised
        self._carried = carried or {}
        self._branches: dict[str, tuple[tuple[str, str], ...]] = {}
        self._names: dict[tuple[str, str, str], str | None] = {}
        self._types: dict[tuple[str, Values], tuple[ManagedObjectDefinition, str]] = {}
        self._maker: tuple[object, ...] = ()
        """What the last entry was read with."""

    # -- paths and DNs -------------------------------------------------------------------------------------------

    def dn_of(self, path: ManagedObjectPath) -> DN:
        """Return the DN of the object at a path."""
        dn = self.base
        for relation_name, name in path.elements:
            relation = self.registry.relation(relation_name)
            dn = self._descend_to_branch(dn, relation)
            if relation.named:
                dn = dn.child(relation.naming_attribute, name or "")
        return dn

    def branch_of(self, relation: Relation, parent: ManagedObjectPath) -> DN:
        """Return the DN of the entry that the objects of a relation are below (of the object itself, if single)."""
        return self._descend_to_branch(self.dn_of(parent), relation)

    def _descend_to_branch(self, dn: DN, relation: Relation) -> DN:
        for attribute, value in self.branch_steps(relation):
            dn = dn.child(attribute, value)
        return dn

    def branch_steps(self, relation: Relation) -> tuple[tuple[str, str], ...]:
        """Return the RDNs of a relation's branch, outermost first."""
        steps = self._branches.get(relation.name)
        if steps is None:
            rdns = DN.parse(relation.branch).rdns if relation.branch else ()
            steps = self._branches[relation.name] = tuple(reversed([rdn[0] for rdn in rdns]))
        return steps

    def scaffold(self, path: ManagedObjectPath) -> Iterator[Entry]:
        """Yield the entries that an object needs above it and that are not objects themselves, outermost first."""
        if len(path.elements) == 1 and self.dn_of(path) != self.base:
            yield self._make_bare_entry(self.base)
        relation = self.registry.relation(path.relation)
        steps = self.branch_steps(relation)
        dn = self.dn_of(path.parent)
        for attribute, value in steps if relation.named else steps[:-1]:
            dn = dn.child(attribute, value)
            yield self._make_bare_entry(dn)

    def make_base_entry(self) -> Entry:
        """Return the entry of the base, the only one of an empty configuration."""
        return self._make_bare_entry(self.base)

    def _make_bare_entry(self, dn: DN) -> Entry:
        return Entry(dn, {OBJECT_CLASS: ("top", BRANCH_CLASS), **_naming_values(dn)})

    # -- encoding ------------------------------------------------------------------------------------------------

    def encode(self, obj: ManagedObject) -> Entry:
        """Return the entry of an object that is new to the storage."""
        dn = self.dn_of(obj.path)
        attributes: dict[str, tuple[str | bytes, ...]] = {OBJECT_CLASS: obj.definition.object_classes}
        attributes.update(_naming_values(dn))
        attributes.update(obj.definition.constants)
        attributes.update(self._encode_attributes(obj))
        for name, values in obj.others.items():
            attributes[name] = (*attributes.get(name, ()), *values)
        if self._revised:
            attributes[REVISION] = (str(obj.revision or 1),)
        return Entry(dn, attributes)

    def holds(self, entry: Entry, relation: Relation) -> bool:
        """Tell whether an entry in the branch of a relation is one of its objects: of its class, and named as they are.

        Any other is no object: no path leads to it.
        """
        is_named = bool(entry.dn.name_by(relation.naming_attribute))
        return is_named and entry.has_object_class(self.registry.object_classes_of(relation.target)[-1])

    def is_bare(self, entry: Entry, relation: Relation) -> bool:
        """Tell whether the entry of a single object does not hold it yet: it is the base, or a branch of others."""
        if relation.named or entry.has_object_class(self.registry.object_classes_of(relation.target)[-1]):
            return False
        return entry.dn == self.base or entry.has_object_class(BRANCH_CLASS)

    def adopt(self, bare: Entry, entry: Entry) -> Entry:
        """Return a bare entry with an object added to it; its other values stay."""
        attributes = dict(bare.attributes)
        naming = {name.lower() for name in _naming_values(bare.dn)}
        for name, values in entry.attributes.items():
            spelling = bare.spelling_of(name)
            if name == OBJECT_CLASS:
                values = tuple(dict.fromkeys((*bare.object_classes, *values)))  # noqa: PLW2901 - of both
            if spelling is None or name.lower() not in naming:
                attributes[spelling or name] = values
        return Entry(bare.dn, attributes)

    def update(self, entry: Entry, obj: ManagedObject) -> Entry:
        """Return an existing entry with an object's values and the next revision; the rest stays."""
        new = dict(self._encode_attributes(obj))
        by_attribute = obj.definition.by_attribute
        former = self.former_attributes(obj.definition)
        attributes: dict[str, tuple[str | bytes, ...]] = {}
        for name, values in entry.attributes.items():
            key = name.lower()
            if key in former:
                continue
            if key in by_attribute and key != entry.dn.naming_attribute.lower():
                values = new.pop(by_attribute[key].attribute, ())  # noqa: PLW2901 - the value as it will be
            if values:
                attributes[name] = values
        attributes.update(new)
        if self._revised:
            attributes[entry.spelling_of(REVISION) or REVISION] = (str(revision_of(entry) + 1),)
        return Entry(entry.dn, attributes)

    def former_attributes(self, definition: ManagedObjectDefinition) -> Mapping[str, PropertyDefinition]:
        """Return the properties of a type by the attributes (in lower case) that held their values before."""
        carried = self._carried.get(definition.name)
        return {**definition.former_attributes, **carried} if carried else definition.former_attributes

    def _encode_attributes(self, obj: ManagedObject) -> Iterator[tuple[str, Texts]]:
        naming = self.registry.relation(obj.path.relation).naming_property
        for name, texts in obj.values.items():
            prop = obj.definition.properties[name]
            if name == naming or not texts:
                continue
            if prop.reference is not None:
                texts = tuple(self.encode_reference(prop, text) for text in texts)  # noqa: PLW2901 - as stored
            yield prop.attribute, texts

    def encode_reference(self, prop: PropertyDefinition, text: str) -> str:
        """Return the DN text of the object a reference names; an expression stays as it is."""
        if has_opener(text):
            return text
        return str(self._reference_base(prop).child(self._reference_relation(prop).naming_attribute, text))

    def _reference_relation(self, prop: PropertyDefinition) -> Relation:
        assert prop.reference is not None  # noqa: S101 - asked of references only
        return self.registry.relation(prop.reference.relation)

    def _reference_base(self, prop: PropertyDefinition) -> DN:
        assert prop.reference is not None  # noqa: S101 - asked of references only
        return self.branch_of(self._reference_relation(prop), self.registry.parse_path(prop.reference.parent))

    def attributes_for(self, relation: Relation, properties: Sequence[str]) -> tuple[str, ...] | None:
        """Return the attributes needed to read some properties of a relation's objects; None if others may matter."""
        wanted = {OBJECT_CLASS, relation.naming_attribute}
        for definition in self.registry.concrete_types(relation.target):
            needed = _list_needed(definition, properties)
            if any(prop.default.kind.startswith("inherited") for prop in needed.values()):
                return None
            wanted.update(prop.attribute for prop in needed.values())
            former = definition.former_attributes.items()
            wanted.update(attribute for attribute, prop in former if prop.name in needed)
        return tuple(sorted(wanted))

    # -- decoding ------------------------------------------------------------------------------------------------

    def decode(self, entry: Entry, relation: Relation, parent: ManagedObjectPath) -> ManagedObject:
        """Return the object an entry holds, with every problem of reading it; never raises for broken data.

        An entry remembers the object that it was read as last: entries outlive requests, and most of them never change.
        """
        maker = self._describe_reading(relation, parent)
        memo = entry.memo
        if memo is not None and memo[0] == maker:
            known: ManagedObject = memo[1]
            return known
        found = self._decode(entry, relation, parent)
        if not self._carried:
            entry.memo = (maker, found)
        return found

    def _describe_reading(self, relation: Relation, parent: ManagedObjectPath) -> tuple[object, ...]:
        """Return all that an object depends on besides its entry; the same one while many entries are read."""
        maker = (self.registry, self.base, relation, parent, self._carried or None)
        known = self._maker
        if maker == known:
            return known
        self._maker = maker
        return maker

    def _decode(self, entry: Entry, relation: Relation, parent: ManagedObjectPath) -> ManagedObject:
        problems: list[Diagnostic] = []
        name = own = entry.dn.name_by(relation.naming_attribute) if relation.named else None
        if relation.named and not own:  # the whole RDN identifies the entry
            name = str(entry.dn.relative_to(entry.dn.parent))
        path = parent.child(relation.name, name)
        definition = self._decode_type(entry, relation, path, problems)
        values, unknown, revision = self._decode_values(entry, definition, path, problems)
        if relation.naming_property and name is not None:
            values[relation.naming_property] = (name,)
        if relation.named and not own:
            summary = f"the entry {entry.dn} is not named by {relation.naming_attribute}"
            problems.append(_describe_fault(path, "", summary, "rename the entry"))
        elif relation.kind == "set" and name != (expected := self.registry.short_type_of(definition, relation)):
            summary = f'an object of this set must be named by its type, "{expected}"'
            problems.append(_describe_fault(path, "", summary))
        return ManagedObject(path, definition, values, tuple(problems), unknown, revision)

    def _decode_values(
        self, entry: Entry, definition: ManagedObjectDefinition, path: ManagedObjectPath, problems: list[Diagnostic]
    ) -> tuple[dict[str, Texts], tuple[str, ...], int]:
        """Return the texts of every property, the attributes that belong to none, and the revision."""
        revision = 0
        values: dict[str, Texts] = {}
        unknown: list[str] = []
        former_attributes = self.former_attributes(definition) if self._carried else definition.former_attributes
        former: list[tuple[PropertyDefinition, tuple[str | bytes, ...]]] = []
        known = definition.by_attribute
        for attribute, raw in entry.attributes.items():
            key = attribute.lower()
            if (prop := known.get(key)) is not None:
                values[prop.name] = self._decode_texts(prop, raw, path, problems)
            elif key == REVISION:
                revision = _parse_revision(raw)
            elif key == _OBJECT_CLASS_KEY:
                continue
            elif key in former_attributes:
                former.append((former_attributes[key], raw))
            elif key not in definition.constant_names and not _is_naming(key, entry.dn):
                unknown.append(attribute)
        for prop, raw in former:
            if prop.name not in values:  # if both are present, the new name counts
                values[prop.name] = self._decode_texts(prop, raw, path, problems)
        return values, tuple(unknown), revision

    def _decode_texts(
        self,
        prop: PropertyDefinition,
        raw: tuple[str | bytes, ...],
        path: ManagedObjectPath,
        problems: list[Diagnostic],
    ) -> Texts:
        if prop.reference is None and bytes not in map(type, raw):
            return raw  # type: ignore[return-value]  # all of them are text
        texts = []
        for value in raw:
            if isinstance(value, bytes):
                problems.append(
                    _describe_fault(path, prop.name, "the stored value is not UTF-8 text", "write it again in UTF-8")
                )
                continue
            text = value
            if prop.reference is not None:
                name = self._decode_reference(prop, value)
                if name is None:
                    base = self._reference_base(prop)
                    summary = f"the reference {value!r} is not an entry below {base}"
                    problems.append(_describe_fault(path, prop.name, summary, "write the DN of an entry there"))
                    continue
                text = name
            texts.append(text)
        return tuple(texts)

    def _decode_reference(self, prop: PropertyDefinition, text: str) -> str | None:
        """Return the name in a stored reference, None if it points elsewhere. Cached, because targets are shared."""
        assert prop.reference is not None  # noqa: S101 - asked of references only
        key = (prop.reference.relation, prop.reference.parent, text)
        if key not in self._names:
            self._names[key] = self._parse_reference(prop, text)
        return self._names[key]

    def _parse_reference(self, prop: PropertyDefinition, text: str) -> str | None:
        if has_opener(text):
            return text
        try:
            dn = DN.parse(text)
        except ValueError:
            return None
        naming = self._reference_relation(prop).naming_attribute
        name = dn.name_by(naming) or None
        return name if dn.parent == self._reference_base(prop) else None

    def find_type(self, entry: Entry, relation: Relation) -> ManagedObjectDefinition:
        """Return the type of an entry of a relation by its object classes."""
        return self._find_type(entry, relation)[0]

    def _find_type(self, entry: Entry, relation: Relation) -> tuple[ManagedObjectDefinition, str]:
        """Return the type for an entry's object classes, and a problem. Cached, because many objects have the same type."""
        key = (relation.name, entry.get(OBJECT_CLASS))
        if key not in self._types:
            self._types[key] = self._resolve_type({name.lower() for name in entry.object_classes}, relation)
        return self._types[key]

    def _decode_type(
        self, entry: Entry, relation: Relation, path: ManagedObjectPath, problems: list[Diagnostic]
    ) -> ManagedObjectDefinition:
        """Return the type for an entry's object classes."""
        found, problem = self._find_type(entry, relation)
        if problem:
            problems.append(_describe_fault(path, "", problem, _NEWER if found.abstract else ""))
        return found

    def _resolve_type(self, classes: set[str], relation: Relation) -> tuple[ManagedObjectDefinition, str]:
        """Return the most specific type whose object classes an entry has, and a problem (empty if there is none)."""
        registry, target = self.registry, relation.target
        own = registry.object_classes_of(target)[-1]
        if own.lower() not in classes:
            top = registry.definition(target)
            return top, f"the entry is not of type {top.friendly}: it lacks the object class {own}"
        # Only the type that is found is built: a list of all objects would build hundreds.
        needed = {name: registry.object_classes_of(name)[1:] for name in registry.subtypes(target)}
        fitting = [name for name, several in needed.items() if {one.lower() for one in several} <= classes]
        found = registry.definition(max(fitting, key=lambda name: len(needed[name])))
        if others := [name for name in fitting if not found.is_a(name)]:
            return found, f"the entry is of two types at once: {found.name} and {others[0]}"
        if found.abstract:
            known = ", ".join(d.object_classes[-1] for d in registry.concrete_types(target))
            friendly = registry.definition(target).friendly
            return found, f"the type of this {friendly} is not known: it has no object class of a type (one of {known})"
        return found, ""


_OBJECT_CLASS_KEY: Final = OBJECT_CLASS.lower()
_NEWER: Final = ("a newer or another set of definitions may know it (", RemedyAction("give-definitions"), ")")


def _naming_values(dn: DN) -> dict[str, tuple[str, ...]]:
    """Return the attributes that an entry needs because they are in its RDN."""
    return {attribute: (value,) for attribute, value in (dn.rdns[0] if dn else ())}


def _is_naming(key: str, dn: DN) -> bool:
    """Whether the lower-case name of an attribute is one of those that make an entry's RDN."""
    return dn.name_by(key) is not None or key in {name.lower() for name in _naming_values(dn)}


def revision_of(entry: Entry) -> int:
    """Return the revision of the entry of an object, 0 if it has none."""
    return _parse_revision(entry.get(REVISION))


def _parse_revision(raw: tuple[str | bytes, ...]) -> int:
    text = raw[0] if raw else ""
    return (read_number(text) or 0) if isinstance(text, str) else 0


def _describe_fault(path: ManagedObjectPath, name: str, summary: str, remedy: Remedy = "") -> Diagnostic:
    return Diagnostic("broken-data", summary, path=str(path), property=name, remedy=remedy)
