"""Managed objects as entries, and back.

An object is an entry: its properties are attributes (``ds-cfg-<property>``), its types object classes, its name
the RDN below the relation's branch. References are stored as the full DN of their target and shown as names. A
revision counts the changes of an entry. Attributes no property stands for are left as they are.

Law: ``decode(encode(object)) == object``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from confobjects.definitions.model import REVISION_ATTRIBUTE
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.expressions.openers import has_opener
from confobjects.mapping.entry import Entry
from confobjects.objects.model import ManagedObject, Texts
from confobjects.paths import ManagedObjectPath

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry, Relation

REVISION: Final = REVISION_ATTRIBUTE
"""The attribute that counts an entry's changes; concurrent writers collide on it."""
BRANCH_CLASS: Final = "ds-cfg-branch"


class Mapper:
    """Maps objects of a registry to entries below a base DN."""

    def __init__(self, registry: Registry, base: DN) -> None:
        self.registry = registry
        self.base = base
        self._branches: dict[str, tuple[tuple[str, str], ...]] = {}
        self._names: dict[tuple[str, str], str | None] = {}

    # -- paths and DNs -------------------------------------------------------------------------------------------

    def dn(self, path: ManagedObjectPath) -> DN:
        """Return the DN of the object at a path."""
        dn = self.base
        for relation_name, name in path.elements:
            relation = self.registry.relation(relation_name)
            dn = self._below(dn, relation)
            if relation.named:
                dn = dn.child(relation.naming_attribute, name or "")
        return dn

    def branch(self, relation: Relation, parent: ManagedObjectPath) -> DN:
        """Return the DN of the entry below which objects of a relation hang (of the object itself, if single)."""
        return self._below(self.dn(parent), relation)

    def _below(self, dn: DN, relation: Relation) -> DN:
        steps = self._branches.get(relation.name)
        if steps is None:
            parsed = DN.parse(relation.branch) if relation.branch else None
            steps = tuple(reversed([rdn[0] for rdn in parsed.rdns])) if parsed is not None else ()
            self._branches[relation.name] = steps
        for attribute, value in steps:
            dn = dn.child(attribute, value)
        return dn

    def scaffold(self, path: ManagedObjectPath) -> Iterator[Entry]:
        """Yield the entries that have to exist above an object and are no objects themselves, outermost first."""
        if len(path.elements) == 1:
            yield self._plain(self.base)
        *_, (relation_name, _) = path.elements
        relation = self.registry.relation(relation_name)
        dn = self.dn(path.parent)
        self._below(dn, relation)
        steps = self._branches[relation.name]
        for attribute, value in steps if relation.named else steps[:-1]:
            dn = dn.child(attribute, value)
            yield self._plain(dn)

    def _plain(self, dn: DN) -> Entry:
        return Entry(dn, {"objectClass": ("top", BRANCH_CLASS), dn.naming_attribute: (dn.name,)})

    # -- encoding ------------------------------------------------------------------------------------------------

    def encode(self, obj: ManagedObject) -> Entry:
        """Return the entry of an object that is new to the storage."""
        dn = self.dn(obj.path)
        attributes: dict[str, tuple[str | bytes, ...]] = {"objectClass": obj.definition.object_classes}
        if dn != self.base:
            attributes[dn.naming_attribute] = (dn.name,)
        attributes.update(obj.definition.constants)
        attributes.update(self._attributes(obj))
        attributes[REVISION] = (str(obj.revision or 1),)
        return Entry(dn, attributes)

    def update(self, entry: Entry, obj: ManagedObject) -> Entry:
        """Return an existing entry with an object's values and the next revision; the rest stays."""
        new = dict(self._attributes(obj))
        by_attribute = obj.definition.by_attribute
        former = obj.definition.former_attributes
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
        attributes[REVISION] = (str(obj.revision + 1),)
        return Entry(entry.dn, attributes)

    def _attributes(self, obj: ManagedObject) -> Iterator[tuple[str, Texts]]:
        naming = self.registry.relation(obj.path.relation).naming_property
        for name, texts in obj.values.items():
            prop = obj.definition.properties[name]
            if name == naming or not texts:
                continue
            if prop.reference is not None:
                texts = tuple(self.reference_text(prop, text) for text in texts)  # noqa: PLW2901 - as stored
            yield prop.attribute, texts

    def reference_text(self, prop: PropertyDefinition, text: str) -> str:
        """Return the DN text of the object a reference names; an expression stays as it is."""
        if has_opener(text):
            return text
        return str(self._reference_base(prop).child(self._reference_relation(prop).naming_attribute, text))

    def _reference_relation(self, prop: PropertyDefinition) -> Relation:
        assert prop.reference is not None  # noqa: S101 - asked of references only
        return self.registry.relation(prop.reference.relation)

    def _reference_base(self, prop: PropertyDefinition) -> DN:
        from confobjects.objects.reading import parse_path  # noqa: PLC0415 - only references below a parent need it

        assert prop.reference is not None  # noqa: S101 - asked of references only
        parent = (
            ManagedObjectPath() if prop.reference.parent == "/" else parse_path(prop.reference.parent, self.registry)
        )
        return self.branch(self._reference_relation(prop), parent)

    # -- decoding ------------------------------------------------------------------------------------------------

    def decode(self, entry: Entry, relation: Relation, parent: ManagedObjectPath) -> ManagedObject:
        """Return the object an entry holds, with every problem of reading it; never raises for broken data."""
        problems: list[Diagnostic] = []
        name = entry.dn.name if relation.named else None
        path = parent.child(relation.name, name)
        definition = self._type(entry, relation, path, problems)
        values: dict[str, Texts] = {}
        unknown: list[str] = []
        revision = 0
        naming = relation.naming_attribute.lower() if relation.named else ""
        for attribute, raw in entry.attributes.items():
            key = attribute.lower()
            if key == REVISION:
                revision = _revision(raw)
                continue
            prop = definition.by_attribute.get(key)
            if prop is None and key in definition.former_attributes:
                prop = definition.former_attributes[key]
            if prop is None:
                if key not in {"objectclass", naming} and attribute not in definition.constants:
                    unknown.append(attribute)
                continue
            values[prop.name] = self._texts(prop, raw, path, problems)
        if relation.naming_property and name is not None:
            values[relation.naming_property] = (name,)
        return ManagedObject(path, definition, values, tuple(problems), tuple(unknown), revision)

    def _texts(
        self,
        prop: PropertyDefinition,
        raw: tuple[str | bytes, ...],
        path: ManagedObjectPath,
        problems: list[Diagnostic],
    ) -> Texts:
        texts = []
        for value in raw:
            if isinstance(value, bytes):
                problems.append(_broken(path, prop.name, "the stored value is not UTF-8 text"))
                continue
            text = value
            if prop.reference is not None:
                name = self._reference_name(prop, value)
                if name is None:
                    base = self._reference_base(prop)
                    problems.append(_broken(path, prop.name, f"the reference {value!r} is not an entry below {base}"))
                    continue
                text = name
            texts.append(text)
        return tuple(texts)

    def _reference_name(self, prop: PropertyDefinition, text: str) -> str | None:
        """Return the name in a stored reference, None when it points elsewhere. Kept: many objects share targets."""
        assert prop.reference is not None  # noqa: S101 - asked of references only
        key = (prop.reference.relation, text)
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
        fits = dn.parent == self._reference_base(prop) and dn.naming_attribute.lower() == naming.lower()
        return dn.name if fits else None

    def _type(
        self, entry: Entry, relation: Relation, path: ManagedObjectPath, problems: list[Diagnostic]
    ) -> ManagedObjectDefinition:
        """Walk down the types as far as the entry has their object classes."""
        classes = {name.lower() for name in entry.object_classes}
        found = self.registry.definition(relation.target)
        if found.object_classes[-1].lower() not in classes:
            expected = found.object_classes[-1]
            problems.append(
                _broken(path, "", f"the entry is no {found.friendly}: it lacks the object class {expected}")
            )
            return found
        for name in self.registry.subtypes(relation.target):
            candidate = self.registry.definition(name)
            if (
                len(candidate.ancestors) > len(found.ancestors)
                and {c.lower() for c in candidate.object_classes if c != "top"} <= classes
            ):
                found = candidate
        if found.abstract:
            types = ", ".join(d.object_classes[-1] for d in self.registry.concrete(relation.target))
            problems.append(
                _broken(
                    path,
                    "",
                    f"the type of this {found.friendly} is not known: no object class says it",
                    remedy=f"one of: {types}; a newer or other set of definitions may know it (--definitions)",
                )
            )
        return found


def _revision(raw: tuple[str | bytes, ...]) -> int:
    text = raw[0] if raw else ""
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else 0


def _broken(path: ManagedObjectPath, name: str, summary: str, remedy: str = "") -> Diagnostic:
    return Diagnostic("broken-data", summary, path=str(path), property=name, remedy=remedy)


def schema_classes(registry: Registry) -> Mapping[str, str]:
    """Return every object class the definitions use, with the definition that brings it."""
    return {definition.object_classes[-1]: definition.name for definition in registry}
