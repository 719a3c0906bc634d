"""Definition documents taken together: which one extends which, and the JSON of every property."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from confobjects.records import Record

Source = Literal["built-in", "family", "installed", "directory"]
"""Where definitions come from. Of one name that of a directory wins, then the installed one, then that of a family."""


class DefinitionDocument(Record):
    """A definition document: the file (or entry) it came from, its parsed JSON, and which source it belongs to."""

    origin: str
    data: Mapping[str, Any]
    source: Source = "directory"


def remove_replaced(
    documents: Iterable[DefinitionDocument], others: Iterable[DefinitionDocument]
) -> list[DefinitionDocument]:
    """Return the documents whose definition or package none of some others declares under the same name.

    The others may be of a wrong shape.
    """
    taken = {_key_of(other.data) for other in others}
    return [document for document in documents if _key_of(document.data) not in taken]


def name_of(document: DefinitionDocument) -> str:
    """Return the name of the definition or package that a document declares."""
    return str(document.data.get("name") or document.data.get("package"))


def _key_of(data: Any) -> tuple[str, str] | None:
    """Return what a document declares, a package or a definition, and its name."""
    if not isinstance(data, Mapping):
        return None
    kind = "package" if "package" in data else "name"
    name = data.get(kind)
    return (kind, name) if isinstance(name, str) else None


class DefinitionDocuments:
    """The documents of definitions by name, and of packages of shared properties and tags."""

    def __init__(self, documents: Iterable[DefinitionDocument]) -> None:
        self.documents: dict[str, DefinitionDocument] = {}
        self.packages: dict[str, DefinitionDocument] = {}
        self._object_classes: dict[str, tuple[str, ...]] = {}
        for document in documents:
            if "package" in document.data:
                self.packages[document.data["package"]] = document
            else:
                self.documents[document.data["name"]] = document

    def parents(self, name: str) -> tuple[str, ...]:
        """Return the names of the types a type descends from, topmost first."""
        chain: list[str] = []
        above = self.documents[name].data.get("extends")
        while above:
            chain.append(above)
            above = self.documents[above].data.get("extends")
        return tuple(reversed(chain))

    def object_classes_of(self, name: str) -> tuple[str, ...]:
        """Return the object classes of the entries of a type, ``top`` first and its own last, without building the type."""
        found = self._object_classes.get(name)
        if found is None:
            levels = (*self.parents(name), name)
            found = ("top", *(_object_class_of(self.documents[level].data) for level in levels))
            self._object_classes[name] = found
        return found

    def merge_shared(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a property's JSON merged over that of the shared property it uses."""
        if "use" not in spec:
            return spec
        package, _, name = spec["use"].partition("/")
        return {**self.packages[package].data["properties"][name], **spec}

    def collect_specs(self, name: str) -> dict[str, tuple[Mapping[str, Any], str]]:
        """Return the JSON of every property of a type with the type that declared it, overrides applied."""
        result: dict[str, tuple[Mapping[str, Any], str]] = {}
        for level in (*self.parents(name), name):
            data = self.documents[level].data
            for prop, spec in data.get("properties", {}).items():
                result[prop] = (self.merge_shared(spec), level)
            for prop, change in data.get("overrides", {}).items():
                spec, declared = result[prop]
                result[prop] = (_merge_override(spec, change), declared)
        return result

    def stored_attributes(self) -> frozenset[str]:
        """Return the attributes that properties of any type are stored in, without building the types."""
        return frozenset(
            attribute_of(name, spec)
            for type_name in self.documents
            for name, (spec, _) in self.collect_specs(type_name).items()
        )

    def target_of(self, relation: str) -> str:
        """Return the type of the objects of a relation, by the relation's name."""
        return next(
            name
            for name, document in self.documents.items()
            if "relation" in document.data and document.data["relation"].get("name", name) == relation
        )


def attribute_of(name: str, spec: Mapping[str, Any]) -> str:
    """Return the attribute that a property is stored in, by its name and its JSON."""
    attribute: str = profile_of(spec, "ldap").get("attribute", f"ds-cfg-{name}")
    return attribute


def profile_of(data: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Return the profile of a kind (``ldap``, ``cli``) in a document or a property."""
    found: Mapping[str, Any] = data.get("profile", {}).get(kind, {})
    return found


def _object_class_of(data: Mapping[str, Any]) -> str:
    return str(profile_of(data, "ldap").get("object-class") or f"ds-cfg-{data['name']}")


def _merge_override(spec: Mapping[str, Any], change: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a property's JSON with an override over it. What a secret travels with is added to what is inherited."""
    merged = {**spec, **change}
    if "re-entry" in spec and "re-entry" in change:
        kept = spec["re-entry"].get("with", ())
        more = [item for item in change["re-entry"].get("with", ()) if item not in kept]
        merged["re-entry"] = {**spec["re-entry"], **change["re-entry"], "with": [*kept, *more]}
    return merged
