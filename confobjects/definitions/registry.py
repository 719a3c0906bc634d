"""The registry: all definitions, each built on first use from its JSON document.

It trusts its documents (see :mod:`confobjects.definitions.checking`), so that a command builds only the
types it uses. Lookups of a name that does not exist raise
:class:`~confobjects.errors.UnknownNameError` with the nearest known one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from confobjects.definitions import building
from confobjects.definitions.allowance import AllowedCode
from confobjects.definitions.documents import DefinitionDocument, DefinitionDocuments, Source, profile_of
from confobjects.definitions.model import ROOT_NAME, ManagedObjectDefinition, PropertyDefinition, Relation
from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import UnknownNameError
from confobjects.paths import ManagedObjectPath, Name, is_text, split_first_name
from confobjects.texts.names import normal_name

if TYPE_CHECKING:
    from confobjects.definitions.installed import InstalledText, UnusableDefinition

OVERRIDABLE = (
    "synopsis",
    "description",
    "default",
    "mandatory",
    "required-when",
    "re-entry",
    "advanced",
    "hidden",
    "read-only",
    "admin-action",
    "deprecated",
)
"""What a subtype's override, or the use of a shared property, may change. An override may narrow the syntax as well."""

_Link = tuple[str, str, bool]
"""A property, one that its default follows, and whether that is of another object."""


class Registry(DefinitionDocuments):
    """Definitions by name, relations by parent, subtypes and users of each type.

    ``allowed`` is the code that the process allows definitions and configurations to have loaded. ``installed`` are the
    definitions of the configuration that this registry was made with, ``unusable`` those of them that it had to leave
    out. ``replaced`` are the names that a further source declares too, which does not count. ``recompose`` makes a registry
    with other installed definitions; without it, a configuration holds none. ``family`` is the name of the family that takes
    the place of the library's own definitions, empty without one.
    """

    def __init__(  # noqa: PLR0913 - what it was made from, all but the documents and the code by keyword
        self,
        documents: Iterable[DefinitionDocument],
        allowed: AllowedCode | None = None,
        *,
        installed: tuple[InstalledText, ...] = (),
        unusable: tuple[UnusableDefinition, ...] = (),
        replaced: Mapping[str, Source] | None = None,
        recompose: Callable[[tuple[InstalledText, ...]], Registry] | None = None,
        family: str = "",
    ) -> None:
        super().__init__(documents)
        self.allowed = AllowedCode() if allowed is None else allowed
        self.installed = installed
        self.unusable = unusable
        self.replaced: Mapping[str, Source] = {} if replaced is None else replaced
        self.recompose = recompose
        self.family = family
        self._built: dict[str, ManagedObjectDefinition] = {}
        self._relations: dict[str, Relation] | None = None
        self._children: dict[str, tuple[Relation, ...]] = {}
        self._subtypes: dict[str, tuple[str, ...]] = {}
        self._users: dict[str, tuple[tuple[str, PropertyDefinition], ...]] = {}
        self._looked_at: dict[str, bool] = {}
        self._links: dict[str, tuple[_Link, ...]] = {}

    def with_installed(self, installed: tuple[InstalledText, ...]) -> Registry:
        """Return the registry with other installed definitions; the same one if it was made with these."""
        if installed == self.installed or self.recompose is None:
            return self
        return self.recompose(installed)

    # -- definitions ---------------------------------------------------------------------------------------------

    def names(self) -> tuple[str, ...]:
        """Return the names of all definitions, sorted."""
        return tuple(sorted(self.documents))

    def __iter__(self) -> Iterator[ManagedObjectDefinition]:
        return (self.definition(name) for name in self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.documents

    def definition(self, name: str) -> ManagedObjectDefinition:
        """Return a definition by its full name."""
        built = self._built.get(name)
        if built is None:
            if name not in self.documents:
                raise _unknown_name_error("object type", name, self.documents)
            built = self._built.setdefault(name, building.build_definition(self, name))  # once, in all threads
        return built

    def property(self, definition: ManagedObjectDefinition, name: str) -> PropertyDefinition:
        """Return a property of a definition; its name ignores case."""
        found = definition.properties.get(name) or definition.properties.get(name.lower())
        if found is None:
            raise _unknown_name_error(f"property of {definition.friendly}", name, definition.properties)
        return found

    def secret_names(self) -> frozenset[str]:
        """Return the names of secrets: sensitive properties, also former names, and keys in values that are pairs."""
        found: set[str] = set()
        for definition in self:
            for prop in definition.properties.values():
                found.update(prop.syntax.secret_names)
                if prop.sensitive:
                    found.update((prop.name, *prop.renamed_from))
        return frozenset(found)

    def property_names(self) -> frozenset[str]:
        """Return the names of all properties, former ones as well."""
        return frozenset(
            name
            for definition in self
            for prop in definition.properties.values()
            for name in (prop.name, *prop.renamed_from)
        )

    def subtypes(self, name: str) -> tuple[str, ...]:
        """Return the names of a type's descendants, itself included and first, then sorted."""
        found = self._subtypes.get(name)
        if found is None:
            below = sorted(other for other in self.documents if other != name and name in self.parents(other))
            found = self._subtypes[name] = (name, *below)
        return found

    def concrete_types(self, name: str) -> tuple[ManagedObjectDefinition, ...]:
        """Return the concrete types among a type and its descendants."""
        return tuple(d for d in map(self.definition, self.subtypes(name)) if not d.abstract)

    # -- relations -----------------------------------------------------------------------------------------------

    def relations(self) -> Mapping[str, Relation]:
        """Return all relations by name."""
        if self._relations is None:
            found = (building.build_relation(self, d.data) for d in self.documents.values() if "relation" in d.data)
            self._relations = {relation.name: relation for relation in found}
        return self._relations

    def relation(self, name: str) -> Relation:
        """Return a relation by its name, which is the object kind people use."""
        try:
            return self.relations()[name]
        except KeyError:
            known = (one.name for one in self.relations().values() if not one.hidden)
            raise _unknown_name_error("object", name, known) from None

    def children(self, definition: str) -> tuple[Relation, ...]:
        """Return the relations below objects of a type, inherited ones included; sorted by name."""
        found = self._children.get(definition)
        if found is None:
            parents = {definition} if definition == ROOT_NAME else {definition, *self.parents(definition)}
            relations = self.relations().values()
            found = tuple(sorted((r for r in relations if r.parent in parents), key=lambda r: r.name))
            self._children[definition] = found
        return found

    def lineage(self, relation: Relation) -> tuple[Relation, ...]:
        """Return the relations on the way from the root to a relation, itself included and last."""
        chain = [relation]
        while chain[0].parent != ROOT_NAME:
            top = self.parents(chain[0].parent)
            chain.insert(0, self.relation_of(top[0] if top else chain[0].parent))
        return tuple(chain)

    def relation_of(self, top: str) -> Relation:
        """Return the relation whose objects are of a (top) type."""
        return next(relation for relation in self.relations().values() if relation.target == top)

    def types_of(self, relation: Relation) -> dict[str, ManagedObjectDefinition]:
        """Return the concrete types of a relation by their short names, sorted: what ``--type`` takes."""
        return dict(sorted((self.short_type_of(d, relation), d) for d in self.concrete_types(relation.target)))

    def usual_type(self, relation: Relation) -> str | None:
        """Return the short name of the type that an object has if none is named; None if one has to be.

        It is the only one, or the type of the relation itself (``generic``), if that is not abstract.
        """
        types = self.types_of(relation)
        return next(iter(types)) if len(types) == 1 else "generic" if "generic" in types else None

    def unwritten_type(self, relation: Relation) -> ManagedObjectDefinition | None:
        """Return the type that a singleton has before it is written; None for an object that has to be created.

        A singleton whose type has to be chosen is such an object too: its own type is abstract, and it has several.
        """
        if relation.kind != "singleton":
            return None
        definition = self.definition(relation.target)
        if not definition.abstract:
            return definition
        types = self.concrete_types(relation.target)
        return types[0] if len(types) == 1 else None

    def short_type_of(self, definition: ManagedObjectDefinition, relation: Relation) -> str:
        """Return the short name of a type: without the suffix it shares with the relation's own type."""
        return self.short_name_of(definition.name, relation)

    def short_name_of(self, name: str, relation: Relation) -> str:
        """Return the short name of a type by its name, without building it."""
        custom = profile_of(self.documents[name].data, "cli").get("custom", False)
        if name == relation.target:
            return "custom" if custom else "generic"
        short = name.removesuffix(f"-{relation.target}")
        return f"custom-{short}" if custom else short

    def parse_path(self, text: str) -> ManagedObjectPath:
        """Return the path a text names: relations from the root down, each with a name where it needs one.

        Raises :class:`~confobjects.errors.UnknownNameError` for a relation that does not exist,
        :class:`ValueError` where a name is missing or a relation is not below the one before it.
        """
        path, above = ManagedObjectPath(), ROOT_NAME
        rest = text.removeprefix("/")
        while rest:
            word, _, rest = rest.partition("/")
            relation = self.relation(word)
            family = {above} if above == ROOT_NAME else {*self.parents(above), *self.subtypes(above)}
            if relation.parent not in family:
                message = f'the path "{text}" is wrong: "{relation.name}" belongs below {relation.parent}'
                raise ValueError(message)
            name = None
            if relation.named:
                name, rest = split_first_name(rest)
                if not name:
                    message = f'the path "{text}" lacks a name after "{relation.name}"'
                    raise ValueError(message)
                if not is_text(name):
                    message = f'the path "{text}" is not valid UTF-8'
                    raise ValueError(message)
            path = path.child(relation.name, name)
            above = relation.target
        return path

    def path_of(self, kind: str, name: Name = ()) -> ManagedObjectPath:
        """Return the path of an object: its kind and the names of the named objects on the way to it.

        Raises :class:`~confobjects.errors.UnknownNameError` for an unknown kind or a wrong number of names.
        """
        names = [name] if isinstance(name, str) else list(name)
        lineage = self.lineage(self.relation(kind))
        wanted = [relation for relation in lineage if relation.named]
        blank = next((r for r, given in zip(wanted, names, strict=False) if not normal_name(given)), None)
        if blank is not None:
            raise UnknownNameError(Diagnostic("unknown-name", f"the name of the {blank.friendly} is empty"))
        broken = next((r for r, given in zip(wanted, names, strict=False) if not is_text(given)), None)
        if broken is not None:
            raise UnknownNameError(Diagnostic("unknown-name", f"the name of the {broken.friendly} is not valid UTF-8"))
        if len(names) != len(wanted):
            expected = ", ".join(f"the name of the {relation.friendly}" for relation in wanted) or "no name"
            given = ", ".join(names) or "-"
            raise UnknownNameError(Diagnostic("unknown-name", f"{kind} takes {expected}; given: {given}"))
        path = ManagedObjectPath()
        for relation in lineage:
            path = path.child(relation.name, names.pop(0) if relation.named else None)
        return path

    def find_named(self, prop: PropertyDefinition, texts: Iterable[str]) -> Iterator[ManagedObjectPath]:
        """Yield the paths of the objects that some texts of a property name. An expression is taken for a name."""
        for reference in prop.references:
            base = self.parse_path(reference.parent)
            names = (reference.select_name(text) for text in texts)
            yield from (base.child(reference.relation, name) for name in names if name is not None)

    def users(self, relation: str) -> tuple[tuple[str, PropertyDefinition], ...]:
        """Return who may refer to objects of a relation: (declaring type, property) pairs, sorted.

        Only the documents that mention the relation are built.
        """
        found = self._users.get(relation)
        if found is None:
            found = self._users[relation] = tuple(self._users_of(relation))
        return found

    def _users_of(self, relation: str) -> Iterator[tuple[str, PropertyDefinition]]:
        for name, document in sorted(self.documents.items()):
            own = document.data.get("properties", {})
            for prop in own:
                said = building.find_references(self.merge_shared(own[prop])["syntax"])
                if any(spec["relation"] == relation for _, spec in said):
                    yield name, self.definition(name).properties[prop]

    def is_looked_at(self, relation: str) -> bool:
        """Tell whether constraints of other objects look at those of a relation."""
        found = self._looked_at.get(relation)
        if found is None:
            names = {prop.name for _, prop in self.users(relation)}
            constraints = (item for one in self.documents.values() for item in one.data.get("constraints", ()))
            found = any(not names.isdisjoint(item.get("looks-at", ())) for item in constraints)
            self._looked_at[relation] = found
        return found

    def heirs_of(self, names: frozenset[str]) -> list[tuple[str, PropertyDefinition]]:
        """Return the properties whose defaults follow, also indirectly, properties of the given names of other objects.

        Each comes with the name of a type that has it, declared or inherited.
        """
        if not names:
            return []
        found: dict[tuple[str, str], None] = {}
        beside, above = set(names), set[str]()  # names that change with them in the same object, and in another one
        links = [(name, link) for name in sorted(self.documents) for link in self._links_of(name)]
        size = -1
        while size != len(found) + len(beside):  # what follows may be followed again
            size = len(found) + len(beside)
            for name, (prop, source, is_other) in links:
                if source in above or (is_other and source in beside):
                    found[name, prop] = None
                    above.add(prop)
                elif source in beside:
                    beside.add(prop)
        return [(name, self.definition(name).properties[prop]) for name, prop in found]

    def followers_of(self, name: str, names: frozenset[str]) -> frozenset[str]:
        """Return the properties of a type whose defaults follow, also indirectly, some properties of the same object."""
        links = [link for level in (*self.parents(name), name) for link in self._links_of(level)]
        found = set(names)
        while more := {prop for prop, source, is_other in links if not is_other and source in found} - found:
            found |= more
        return frozenset(found - names)

    def _links_of(self, name: str) -> tuple[_Link, ...]:
        if name not in self._links:
            self._links[name] = tuple(self._find_links(name))
        return self._links[name]

    def _find_links(self, name: str) -> Iterator[_Link]:
        text = str(self.documents[name].data)
        if not any(word in text for word in ("inherited", "cases", "'use'")):  # most types: do not merge their JSON
            return
        for prop, (spec, _) in self.collect_specs(name).items():
            default = spec.get("default", {})
            yield from ((prop, source, False) for source in building.find_deciding(default))
            if "inherited" in default:
                yield prop, default["inherited"]["property"], default["inherited"].get("offset") != 0

    def tags(self) -> dict[str, str]:
        """Return all declared tags with their synopsis."""
        result: dict[str, str] = {}
        for _, package in sorted(self.packages.items()):
            result.update(package.data.get("tags", {}))
        return result


def _unknown_name_error(what: str, name: str, known: Iterable[str]) -> UnknownNameError:
    names = sorted(known)
    hint = suggest_name(name, names)
    if not hint and names:
        hint = f"known: {', '.join(names)}" if len(names) <= 20 else ""
    return UnknownNameError(Diagnostic("unknown-name", f'there is no {what} "{name}"', value=name, remedy=hint))
